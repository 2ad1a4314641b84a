"""One look for every picture: a few helpers around matplotlib's `Figure`, which keeps no global state."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

__all__ = ["DARK", "LIGHT", "Theme", "curves", "grey", "legend", "mosaic", "new", "numerals", "png", "style"]


@dataclasses.dataclass(frozen=True)
class Theme:
    """Colours of a picture. The lines are told apart by the colour-blind too (Okabe and Ito, 2008)."""

    name: str
    paper: str
    ink: str
    faint: str
    grid: str
    lines: tuple[str, ...]


LIGHT = Theme(
    "light", "#ffffff", "#1c2024", "#60646c", "#e4e6ea",
    ("#0072b2", "#d55e00", "#009e73", "#b5489a", "#b88600", "#3aa0dc", "#555555", "#8a4b08"),
)  # fmt: skip
DARK = Theme(
    "dark", "#16181c", "#eceef0", "#a5abb5", "#2b2f36",
    ("#56b4e9", "#ff8c42", "#2fd0a0", "#e58ac9", "#f0c541", "#8fb8ff", "#c0c4cc", "#d8a26b"),
)  # fmt: skip


@contextmanager
def style(theme: Theme) -> Iterator[None]:
    """Matplotlib's settings for a theme."""
    settings = {
        "axes.axisbelow": True,
        "axes.edgecolor": theme.grid,
        "axes.facecolor": theme.paper,
        "axes.grid": True,
        "axes.labelcolor": theme.faint,
        "axes.prop_cycle": cycler(color=theme.lines),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlecolor": theme.ink,
        "axes.titlelocation": "left",
        "axes.titlesize": 10.5,
        "axes.titleweight": "normal",
        "figure.facecolor": theme.paper,
        "font.family": "sans-serif",
        "font.size": 9.5,
        "grid.color": theme.grid,
        "grid.linewidth": 0.8,
        "legend.frameon": False,
        "lines.linewidth": 1.9,
        "lines.solid_capstyle": "round",
        "savefig.facecolor": theme.paper,
        "text.color": theme.ink,
        "xtick.color": theme.faint,
        "xtick.major.size": 0,
        "ytick.color": theme.faint,
        "ytick.major.size": 0,
    }
    with mpl.rc_context(settings):
        yield


def new(
    theme: Theme,
    *,
    rows: int = 1,
    columns: int = 1,
    width: float = 9.0,
    height: float = 3.4,
    title: str = "",
    **options: Any,
) -> tuple[Figure, np.ndarray]:
    """Return a figure and its axes as a ``rows`` by ``columns`` array; ``options`` go to `Figure.subplots`."""
    with style(theme):
        figure = Figure((width, height), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06, wspace=0.04)  # pyrefly: ignore  (there is one: layout=)
        axes = figure.subplots(rows, columns, squeeze=False, **options)
        if title:
            figure.suptitle(title, x=0.012, ha="left", fontsize=11.5, fontweight="bold")
    return figure, axes


def curves(axes: Axes, x: np.ndarray, lines: Mapping[str, np.ndarray], *, title: str = "", xlabel: str = "") -> None:
    """Draw named lines over ``x``, on an axis whose height the bulk of the values decides."""
    for name, y in lines.items():
        axes.plot(x, y, label=name)
    finite = np.concatenate([y[np.isfinite(y)] for y in lines.values()])
    if finite.size:
        low, high = np.percentile(finite, [0, 100])
        bulk = np.percentile(finite, 97) - np.percentile(finite, 3)
        if high - low > 6 * bulk > 0:  # a logarithm close to 0 would flatten everything else
            low, high = np.percentile(finite, [2, 98])
        margin = 0.06 * (high - low) or 0.5
        axes.set_ylim(low - margin, high + margin)
    axes.set_xlim(float(x[0]), float(x[-1]))
    axes.set_title(title)
    axes.set_xlabel(xlabel)


def legend(figure: Figure, axes: Axes, *, columns: int = 6) -> None:
    """One legend for the whole figure, below it, when there is more than one line."""
    handles, labels = axes.get_legend_handles_labels()
    if len(handles) > 1:
        figure.legend(handles, labels, loc="outside lower left", ncols=min(columns, len(handles)), handlelength=1.4)


def grey(axes: Axes, image: np.ndarray, theme: Theme, *, title: str = "") -> None:
    """Draw a picture of numbers from 0 to 1 in ink on paper; NaN stays paper."""
    ink = LinearSegmentedColormap.from_list("ink", [theme.paper, theme.ink])
    axes.imshow(image, cmap=ink, vmin=0, vmax=1, interpolation="nearest")
    axes.set_axis_off()
    if title:
        axes.set_title(title, fontsize=8.5, pad=3, loc="center")


def mosaic(images: Sequence[np.ndarray] | np.ndarray, columns: int, *, gap: int = 2) -> np.ndarray:
    """Lay equal pictures out in rows of ``columns``, ``gap`` pixels of NaN (which stays paper) between them."""
    stack = np.asarray(images, float)
    rows = -(-len(stack) // columns)
    height, width = stack.shape[1] + gap, stack.shape[2] + gap
    page = np.full((rows * height - gap, columns * width - gap), np.nan)
    for i, image in enumerate(stack):
        top, left = (i // columns) * height, (i % columns) * width
        page[top : top + stack.shape[1], left : left + stack.shape[2]] = image
    return page


def numerals(axes: Axes, points: np.ndarray, labels: np.ndarray, theme: Theme) -> None:
    """Draw the label of every point, a digit, at its place in the plane."""
    for digit in range(10):
        x, y = points[labels == digit].T
        colour = theme.lines[digit % len(theme.lines)]
        axes.plot(x, y, linestyle="none", marker=f"${digit}$", markersize=6.5, color=colour, markeredgewidth=0)
    reach = 1.05 * float(np.abs(points).max())
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)


def png(figure: Figure, *, dpi: int = 160) -> bytes:
    """Return the picture as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()
