"""The tables of ``docs/performance.md``, from the result files of CPUs, in the order of the file names."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from drawing import DOCS, GENERATED, write

from bench.results import read
from bench.summary import Row, cells, summarise, verdict

COLUMNS = ("loss", "ms", "fastest peer", "ms", "ratio", "", "of the limit", "temp MB", "other peers, ms")
PICKED = (0, 3, 5, 6, 7, 8, 9, 10, 12)  # of the cells of a row
VERDICTS = ("faster", "equal", "slower", "wrong", "no peer")


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", lambda _: generate())
    return {"parallel_read_safe": True}


def generate(folder: Path = DOCS.parent / "bench/results") -> None:
    """Write ``docs/_generated/performance.md``."""
    files = sorted(folder.glob("cpu-*.jsonl"))
    write(GENERATED / "performance.md", "\n".join(map(page, files)) or "No results are recorded yet.\n")


def page(path: Path) -> str:
    """The results of a file as tables, one for each size, dtype and direction."""
    rows = summarise(read(path))
    about = rows[0].ours.environment
    versions = ", ".join(f"{k} {about[k]}" for k in ("jax", "optax", "torch", "keras") if k in about)
    lines = [f"### {about['device']}", "", f"{versions}; `bench/results/{path.name}`.", "", _counts(rows), ""]
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(f"{row.ours.size}, {row.ours.dtype}, {row.ours.direction}", []).append(row)
    for title, group in groups.items():
        lines += [f"#### {title}", "", "| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
        lines += ["| " + " | ".join(_texts(row)) + " |" for row in group] + [""]
    return "\n".join(lines)


def _texts(row: Row) -> list[str]:
    found = cells(row)
    return [found[i].replace("|", r"\|").replace("*", r"\*").replace("_", r"\_") for i in PICKED]


def _counts(rows: list[Row]) -> str:
    counts = Counter(map(verdict, rows))
    listed = ", ".join(f"{counts[v]} {v}" for v in VERDICTS if counts[v])
    return f"{len(rows)} measurements: {listed}."
