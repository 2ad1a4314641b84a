"""Result files: one JSON object a line, with the environment that it was measured in."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.run import Result

__all__ = ["compare", "key", "read", "write"]


def write(path: str | Path, results: Iterable[Result], environment: dict[str, str]) -> None:
    """Write results as JSON lines."""
    with open(path, "w", encoding="utf-8") as file:
        for result in results:
            row = dataclasses.asdict(dataclasses.replace(result, environment=environment))
            file.write(json.dumps({k: _json(v) for k, v in row.items()}, sort_keys=True) + "\n")


def read(path: str | Path) -> list[Result]:
    """Read results back; a line that is no result is an error that says which."""
    results = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            fields: dict[str, Any] = {
                k: {"nan": math.nan, "inf": math.inf}.get(v, v) if isinstance(v, str) else v for k, v in row.items()
            }
            results.append(Result(**fields))
        except (json.JSONDecodeError, TypeError) as error:
            raise ValueError(f"{path}, line {number}: not a result of python -m bench --json ({error})") from error
    return results


def key(result: Result) -> tuple[str, ...]:
    """What makes two results the same measurement."""
    return result.name, result.peer, result.size, result.dtype, result.direction


def compare(old: Iterable[Result], new: Iterable[Result]) -> list[str]:
    """Return what of ours got slower beyond the control bands of both runs, or uses more memory."""
    before = {key(result): result for result in old if result.peer == "jaxloss"}
    worse = []
    for result in new:
        if result.peer != "jaxloss" or (earlier := before.get(key(result))) is None:
            continue
        what = f"{result.name} at {result.size}, {result.dtype}, {result.direction}"
        allowed = math.exp(earlier.band + result.band)
        if result.median > earlier.median * allowed:
            worse.append(
                f"{what}: {1e3 * earlier.median:.3g} ms became {1e3 * result.median:.3g} ms "
                f"({result.median / earlier.median:.2f}x, control band {allowed:.2f}x)"
            )
        if (result.temp_bytes or 0) > (earlier.temp_bytes or 0) * 1.01 + 4096:
            worse.append(f"{what}: temporary memory {earlier.temp_bytes:,} became {result.temp_bytes:,} bytes")
    return worse


def _json(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf"
    return value
