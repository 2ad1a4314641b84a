"""Pictures of a run that need no code to be read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

from bench.run import Result
from bench.summary import Row, verdict
from bench.sweep import exponent

mpl.use("Agg")
import matplotlib.pyplot as plt

__all__ = ["draw_rows", "draw_sweep"]

COLOURS = {"faster": "#0072b2", "equal": "#999999", "slower": "#d55e00", "wrong": "#cc0000", "no peer": "#cccccc"}


def draw_rows(rows: Sequence[Row], path: str | Path, about: str) -> None:
    """Ratio to the best peer and share of the physical limit, a bar a case; below, those without a peer."""
    compared = sorted((row for row in rows if not math.isnan(row.ratio)), key=lambda row: row.ratio)
    alone = sorted((row for row in rows if math.isnan(row.ratio)), key=lambda row: row.limit)
    heights = [0.26 * len(compared) + 1.3 if compared else 0, 0.2 * math.ceil(len(alone) / 3) + 1.3 if alone else 0]
    figure = plt.figure(figsize=(13, sum(heights) + 0.4), layout="constrained")
    parts = iter(figure.subfigures(sum(map(bool, heights)), 1, height_ratios=[h for h in heights if h], squeeze=False))
    if compared:
        _draw_compared(next(parts)[0], compared)
    if alone:
        _draw_alone(next(parts)[0], alone)
    figure.suptitle(about, fontsize=11)
    _save(figure, path)


def _draw_compared(figure: Any, rows: Sequence[Row]) -> None:
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    labels = [f"{row.ours.name}   {row.ours.size}" for row in rows]
    ratios = [row.ratio for row in rows]
    left.barh(labels, [r - 1 for r in ratios], left=1, color=[COLOURS[verdict(row)] for row in rows], height=0.7)
    for i, row in enumerate(rows):
        peer = row.best.peer if row.best else ""
        left.text(max(ratios[i], 1), i, f" {row.ratio:.2f}x {peer}", va="center", ha="left", fontsize=8)
    left.set_xscale("log")
    left.set_xlim(min(0.5, *ratios), max(2.0, *ratios) * 2.2)
    left.axvline(1, color="black", linewidth=0.8)
    ticks = [t for t in (0.25, 0.5, 1, 2, 5, 10, 20, 50, 100) if left.get_xlim()[0] <= t <= left.get_xlim()[1]]
    left.set_xticks(ticks, [f"{t:g}x" for t in ticks])
    left.minorticks_off()
    left.set_title("time of the fastest right peer / time of jaxloss\nright of 1x: jaxloss is faster", fontsize=10)
    _draw_limits(right, rows, labels)
    right.set_title("% of the physical limit\n(a copy of the bytes that must move)", fontsize=10)
    _bars_alone(left, labelsize=8)
    legend = [plt.Rectangle((0, 0), 1, 1, color=COLOURS[name]) for name in ("faster", "equal", "slower")]
    left.legend(
        legend, ["faster", "equal within the control band", "slower"], loc="lower right", fontsize=8, frameon=False
    )


def _draw_alone(figure: Any, rows: Sequence[Row]) -> None:
    """Three columns, the nearest to the limit at the top of the first."""
    figure.suptitle("without a peer: % of the physical limit, and the milliseconds of a call", fontsize=10)
    length = math.ceil(len(rows) / 3)
    columns = [rows[max(0, len(rows) - (k + 1) * length) : len(rows) - k * length] for k in range(3)]
    for axes, column in zip(figure.subplots(1, 3, sharex=True), columns, strict=True):
        labels = [f"{_short(row.ours.name)}  {row.ours.size}" for row in column]
        if not column:
            axes.set_axis_off()
            continue
        _draw_limits(axes, column, labels, size=6.5)
        for i, row in enumerate(column):
            axes.text(100 * row.limit, i, f" {1e3 * row.ours.median:.3g} ms", va="center", ha="left", fontsize=6)
        axes.set_ylim(len(column) - length - 0.5, len(column) - 0.5)


def _short(name: str) -> str:
    return name if len(name) <= 26 else name[:25] + "…"


def _draw_limits(axes: Any, rows: Sequence[Row], labels: Sequence[str], size: float = 8) -> None:
    axes.barh(range(len(rows)), [100 * row.limit for row in rows], color="#56b4e9", height=0.7)
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(-0.5, len(rows) - 0.5)
    axes.axvline(100, color="black", linewidth=0.8)
    axes.tick_params(axis="x", labelsize=8)
    _bars_alone(axes, labelsize=size)


def _bars_alone(axes: Any, labelsize: float) -> None:
    """Leave the bars, their names and faint lines behind them."""
    axes.tick_params(axis="y", labelsize=labelsize, length=0)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)


def draw_sweep(sweeps: dict[str, list[Result]], path: str | Path, about: str) -> None:
    """Time and temporary memory against the number of elements, a line for each loss and peer."""
    figure, (time_axes, memory_axes) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    palette = plt.get_cmap("tab10")
    for i, (name, results) in enumerate(sweeps.items()):
        for j, peer in enumerate(dict.fromkeys(r.peer for r in results)):
            rows = sorted((r for r in results if r.peer == peer), key=lambda r: r.elements)
            elements = [r.elements for r in rows]
            style: dict[str, Any] = {
                "color": palette(i % 10),
                "linestyle": ["-", "--", ":", "-."][j % 4],
                "marker": ".",
            }
            label = f"{name}, {peer}: n^{exponent(results, peer):.2f}"
            time_axes.loglog(elements, [1e3 * r.median for r in rows], label=label, **style)
            if rows[0].temp_bytes is not None:
                memory_axes.loglog(elements, [max(r.temp_bytes or 0, 1) / 1e6 for r in rows], **style)
    time_axes.set(xlabel="elements", ylabel="ms", title="time, and the exponent fitted to its larger half")
    memory_axes.set(xlabel="elements", ylabel="MB", title="temporary memory of the compiled step")
    time_axes.legend(fontsize=8, frameon=False)
    for axes in (time_axes, memory_axes):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(about, fontsize=11)
    _save(figure, path)


def _save(figure: Any, path: str | Path) -> None:
    figure.savefig(path, dpi=120, facecolor="white")
    plt.close(figure)
