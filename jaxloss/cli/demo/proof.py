"""The quick verification of every loss, as a part of the report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jaxloss.cli import pictures, verification
from jaxloss.cli.cases import Address
from jaxloss.cli.demo.parts import Claim, Part, Picture, Table
from jaxloss.cli.screen import Advance

__all__ = ["part"]


def part(advance: Advance, addresses: Sequence[Address], *, jobs: int, seconds: float = math.inf) -> Part:
    """Verify the cases, as many as there is time for, and report; a case that fails is said aloud."""

    def finished(result: Any) -> None:
        advance("" if result["ok"] else f"{result['name']} FAILED: {'; '.join(result['failures'])}")

    results = verification.verify_all(addresses, quick=True, jobs=jobs, seconds=seconds, finished=finished)
    good = [result for result in results if result["ok"]]
    laws = sum(len(result["passed"]) for result in results)
    broken = [(result["name"], law, message) for result in results for law, message in result["failures"].items()]
    columns = [column for column in verification.COLUMNS if column != "f64"]  # the quick run has float32 alone
    rows = [
        [cell for cell, column in zip(verification.cells(result), verification.COLUMNS, strict=True) if column != "f64"]
        for result in results
    ]
    rest = len(addresses) - len(results)
    more = f" There was no time for {rest} more." if rest else ""
    failures = [Table("What failed", ("loss", "law", "came, and was due"), broken, left=3)] if broken else []
    return Part(
        key="verification",
        title="The proof",
        text=f"{laws} laws on {len(results)} cases: what is masked was never there, and value and gradient are "
        "as close to a 50-digit reference as promised, in units in the last place "
        f"(ulp) of float32.{more} Run “jaxloss verify” for all the laws and for float64.",
        claims=[
            Claim(
                f"{len(good)}/{len(results)}",
                "cases keep every law of the quick verification",
                len(good) == len(results),
            )
        ],
        pictures=[
            Picture(
                "verification",
                "The largest error of each case over tiny, huge, saturated and ordinary inputs, and what is promised.",
                lambda theme: _picture(results, theme),
            )
        ],
        tables=[*failures, Table("Every case", columns, rows, folded=True)],
        data={"results": results},
    )


def _picture(results: Sequence[Any], theme: pictures.Theme) -> Figure:
    errors = np.array([
        [result["promised_ulps"]] + [max((a[key] for a in result["accuracy"]), default=math.nan)
                                     for key in ("value_ulps", "gradient_ulps")]
        for result in results
    ])  # fmt: skip
    errors = errors[np.lexsort((errors[:, 1:].max(axis=1), errors[:, 0]))]
    places = np.arange(len(errors))
    top = 1.5 * float(errors[:, 0].max())
    figure, ((axes,),) = pictures.new(theme, height=2.9)
    with pictures.style(theme):
        axes.step(places, errors[:, 0], where="mid", color=theme.faint, linewidth=1.2, label="promised")
        for column, name in ((1, "value"), (2, "gradient")):
            colour, ulps = theme.lines[column - 1], errors[:, column]
            axes.plot(places, np.where(ulps < top, ulps, np.nan), "o", markersize=3.4, color=colour, label=name)
            beyond = places[~(ulps < top)]  # the broken ones, NaN among them, are marked at the edge
            if beyond.size:  # without a point, a line that is not clipped upsets the layout
                axes.plot(beyond, np.full(beyond.size, top), "^", markersize=6, color=colour, clip_on=False)
        axes.set_yscale("function", functions=(np.sqrt, np.square))
        axes.set_ylim(0, top)
        axes.set_yticks(ticks := [tick for tick in (0, 0.5, 1, 2, 4, 8, 16) if tick <= top], [f"{t:g}" for t in ticks])
        axes.set_xticks([])
        axes.set_title("error, ulp")
        axes.set_xlabel("cases")
        pictures.legend(figure, axes)
    return figure
