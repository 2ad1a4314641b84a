"""What a run says: one row for each case, size, dtype and direction, sorted by the ratio to the best peer."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

from bench.run import Result

__all__ = ["COLUMNS", "Row", "cells", "summarise", "verdict"]


@dataclasses.dataclass(frozen=True)
class Row:
    """Ours next to the fastest peer whose answer is right."""

    ours: Result
    best: Result | None
    others: tuple[Result, ...]

    @property
    def ratio(self) -> float:
        """Time of the best peer over ours: above 1, ours is faster; NaN without a peer."""
        return self.best.median / self.ours.median if self.best else math.nan

    @property
    def limit(self) -> float:
        """Share of the physical limit that is reached: floor over time."""
        return self.ours.floor / self.ours.median


def summarise(results: Iterable[Result]) -> list[Row]:
    """Group results into rows, the slowest against its best peer first."""
    groups: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        groups.setdefault((result.name, result.size, result.dtype, result.direction), []).append(result)
    rows = []
    for group in groups.values():
        ours = next(result for result in group if result.peer == "jaxloss")
        others = tuple(sorted((r for r in group if r is not ours), key=lambda r: r.median))
        rows.append(Row(ours, next((r for r in others if not r.wrong), None), others))
    return sorted(rows, key=lambda row: (math.isnan(row.ratio), row.ratio))


def verdict(row: Row) -> str:
    """``faster``, ``equal`` inside the control band, ``slower``; ``wrong`` if our own answer is."""
    if row.ours.wrong:
        return "wrong"
    if row.best is None:
        return "no peer"
    if abs(math.log(row.ratio)) <= row.ours.band:
        return "equal"
    return "faster" if row.ratio > 1 else "slower"


COLUMNS = (
    "loss",
    "size",
    "dtype",
    "ms",
    "p20-p80",
    "best peer",
    "ms",
    "ratio",
    "",
    "limit",
    "temp MB",
    "error",
    "others",
)


def cells(row: Row) -> tuple[str, ...]:
    """The row as text."""
    ours, best = row.ours, row.best
    error = max(ours.value_error, ours.gradient_error or 0)
    others = ", ".join(
        f"{r.peer} {1e3 * r.median:.3g}{' WRONG' if r.wrong else ''}" for r in row.others if r is not best
    )
    return (
        ours.name,
        ours.size,
        ours.dtype,
        f"{1e3 * ours.median:.3g}",
        f"{1e3 * ours.p20:.3g}-{1e3 * ours.p80:.3g}",
        best.peer if best else "-",
        f"{1e3 * best.median:.3g}" if best else "-",
        f"{row.ratio:.2f}x" if best else "-",
        verdict(row),
        f"{100 * row.limit:.0f} %",
        f"{(ours.temp_bytes or 0) / 1e6:.1f}",
        f"{error:.0e}",
        others,
    )
