"""Time and memory against size, with the fitted exponent."""

from __future__ import annotations

import numpy as np

from bench.run import Result, run_case
from bench.sizes import Size
from jaxloss.verify.case import Case

__all__ = ["exponent", "sweep"]


def sweep(
    case: Case, *, peers: tuple[str, ...], dtype: str, direction: str, low: int = 12, high: int = 22, rounds: int = 7
) -> list[Result]:
    """Measure a case at 2**low to 2**high elements, in steps of 4.

    Where events have members, at one event with more and more of them; a batch of examples has at most 2**12, whose
    pairs are the square of that.
    """
    inputs = case.inputs
    classes = None if inputs.axis is None else inputs.classes if inputs.fixed else 128
    if inputs.members is not None and inputs.member == "example":
        high = min(high, 12 + 7)
    results = []
    for power in range(low, high + 1, 2):
        count = max(1, (1 << power) // (classes or 1))
        if inputs.steps is not None:
            size = Size(f"2^{power}", max(1, count // 64), classes, "sweep", steps=64)
        elif inputs.members is None:
            size = Size(f"2^{power}", count, classes, "sweep")
        else:
            size = Size(f"2^{power}", 1, classes, "sweep", count, inputs.member)
        results += run_case(case, size, peers=peers, dtype=dtype, direction=direction, rounds=rounds)
    return results


def exponent(results: list[Result], peer: str) -> float:
    """Slope of log time against log elements over the larger half of the sizes: 1 is linear."""
    rows = sorted((r for r in results if r.peer == peer), key=lambda r: r.elements)
    rows = rows[len(rows) // 2 - 1 :] if len(rows) > 3 else rows
    elements = [r.elements for r in rows]
    return (
        float(np.polyfit(np.log(elements), np.log([r.median for r in rows]), 1)[0]) if len(rows) > 1 else float("nan")
    )
