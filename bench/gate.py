"""A gate on what the compiler says of value and gradient: temporary memory, flops and bytes. Deterministic."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from bench.run import draw
from bench.sizes import Size
from jaxloss import measure
from jaxloss.verify.case import Case

__all__ = ["figures", "main", "worse"]

FILE = Path(__file__).parent / "results" / "gate.json"
EVENTS, CLASSES = 1 << 16, 128
MEMBERS = {"example": 256, "pixel": 1 << 12, "item": 1 << 10, "token": 1 << 10}
STEPS = 64
OTHER_VERSION = 1.25
"""Room for another compiler: figures of one jax version are exact only for it."""


def figures(case: Case) -> dict[str, float]:
    """Temporary bytes, flops and bytes accessed of the compiled value and gradient of the mean."""
    rows = case.inputs.axis is not None
    tables = any(np.ndim(value) for value in case.params.values())  # with an entry for each class: as many as they have
    classes = case.inputs.classes if tables or case.inputs.fixed else CLASSES
    if case.inputs.steps is not None:
        size = Size("gate", 4, case.inputs.classes, "the gate", steps=STEPS)
    elif case.inputs.members is None:
        size = Size("gate", EVENTS // classes if rows else EVENTS, classes if rows else None, "the gate")
    else:
        size = Size("gate", 2, case.inputs.classes if rows else None, "the gate", MEMBERS[case.inputs.member])
    data = draw(case, size, "float32", seed=0)
    compiled = measure.compile(jax.value_and_grad(lambda *args: case(*args)), *data)
    return {
        "temp_bytes": compiled.temp_bytes,
        "flops": compiled.flops,
        "bytes_accessed": compiled.bytes_accessed,
    }


def worse(name: str, recorded: dict[str, float], found: dict[str, float], *, same_version: bool) -> list[str]:
    """Return what grew beyond the record."""
    factor = 1.001 if same_version else OTHER_VERSION
    checked = recorded if same_version else {"temp_bytes": recorded["temp_bytes"]}
    return [
        f"{name}: {figure} {recorded[figure]:,.0f} became {found[figure]:,.0f}"
        for figure in checked
        if found[figure] > recorded[figure] * factor + 1024
    ]


def main(argv: Sequence[str]) -> int:
    """Compare every case with the committed figures, or write them with ``--update``."""
    parser = argparse.ArgumentParser(prog="python -m bench gate", description=__doc__)
    parser.add_argument("--update", action="store_true", help="write the figures instead of comparing")
    parser.add_argument("--file", type=Path, default=FILE)
    options = parser.parse_args(argv)
    from jaxloss.verify.cases import CASES

    found: dict[str, Any] = {case.name: figures(case) for case in CASES}
    if options.update:
        record = {"jax": jax.__version__, "figures": found}
        options.file.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(f"wrote the figures of {len(found)} cases with jax {jax.__version__}")
        return 0
    record = json.loads(options.file.read_text(encoding="utf-8"))
    same = record["jax"] == jax.__version__
    grown = [
        line
        for name, now in found.items()
        for line in (
            worse(name, record["figures"][name], now, same_version=same)
            if name in record["figures"]
            else [f"{name}: no figures yet; python -m bench gate --update"]
        )
    ]
    print("\n".join(grown) or f"memory and cost of {len(found)} cases are within the record of jax {record['jax']}")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
