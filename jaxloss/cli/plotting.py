"""``jaxloss plot``: losses, or one loss at several parameters, with their derivatives."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from jaxloss.cli import pictures, scenes
from jaxloss.verify import Case

__all__ = ["PlotError", "Traces", "curve", "draw", "limits", "sweep", "trace", "variants"]

POINTS = 801
MAPS = 2
"""More scenes than that do not fit beside the curves."""


class PlotError(ValueError):
    """Nothing to draw; the message is for the user."""


class Traces(NamedTuple):
    """Curves over one axis, ready to draw."""

    x: np.ndarray
    curves: dict[str, tuple[np.ndarray, np.ndarray]]
    """Value and derivative by the name of the case."""
    xlabel: str
    title: str
    scenes: tuple[Case, ...] = ()
    """Cases whose scene is drawn beside the curves."""


def sweep(options: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """Parse ``delta=0.5,1,2`` into names and values."""
    parsed = {}
    for option in options:
        name, equals, values = option.partition("=")
        if not (name.isidentifier() and equals and values):
            raise PlotError(f"--params takes NAME=VALUE,VALUE,..., got {option!r}")
        parsed[name] = tuple(_literal(value) for value in values.split(","))
    return parsed


def limits(option: str) -> tuple[float, float]:
    """Parse ``-8,8``."""
    try:
        low, high = map(float, option.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not low < high:
        raise PlotError(f"--span takes LOW,HIGH, got {option!r}")
    return low, high


def variants(case: Case, params: Mapping[str, Sequence[Any]]) -> list[Case]:
    """Return the case at every combination of the parameters, or itself for none."""
    takes = inspect.signature(case.loss).parameters
    for name in params:
        if name not in takes:
            options = [p.name for p in takes.values() if p.kind is p.KEYWORD_ONLY]
            raise PlotError(f"{case.loss.__name__} has no parameter {name!r}; it takes {', '.join(options)}")
    combinations = itertools.product(*params.values())
    return [
        dataclasses.replace(case, params={**case.params, **dict(zip(params, values, strict=True))}, reference=None)
        for values in combinations
    ]


def curve(case: Case, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return value and derivative along the case's curve, in float64: one value of the unreduced loss for each event.

    Where it has one for each member or class, the mean of them.
    """
    if case.inputs.curve is None:
        raise PlotError(f"{case.name} has no curve to draw")
    step = 1e-6 * (x[-1] - x[0])
    with jax.enable_x64(True):
        data = tuple(map(jnp.asarray, case.inputs.curve(x)))
        after, before = case.inputs.curve(x + step), case.inputs.curve(x - step)
        floats = [i for i, array in enumerate(data) if jnp.issubdtype(array.dtype, jnp.floating)]
        direction = tuple(jnp.asarray((after[i] - before[i]) / (2 * step)) for i in floats)

        def along(*moving: Any) -> Any:
            placed = dict(zip(floats, moving, strict=True))
            values = case(*(placed.get(i, array) for i, array in enumerate(data)), reduction="none")
            return jnp.mean(values.reshape(len(x), -1), axis=-1)

        values, slopes = jax.jvp(along, tuple(data[i] for i in floats), direction)
        return np.asarray(values), np.asarray(slopes)


def trace(cases: Sequence[Case], *, span: tuple[float, float] | None = None, title: str = "") -> Traces:
    """Follow the cases over a span of predictions, by default the one that their curves have in common."""
    low, high = span or (max(case.inputs.span[0] for case in cases), min(case.inputs.span[1] for case in cases))
    if not low < high:
        raise PlotError(f"{' and '.join(case.name for case in cases)} have no range of predictions in common")
    x = np.linspace(low, high, POINTS)
    xlabel = " · ".join(dict.fromkeys(case.inputs.xlabel for case in cases))
    staged = tuple({case.name: case for case in cases if case.inputs.scene}.values())
    curves = {case.name: curve(case, x) for case in cases}
    return Traces(x, curves, xlabel, title or _title(cases), staged if len(staged) <= MAPS else ())


def draw(traces: Traces, theme: pictures.Theme = pictures.LIGHT) -> Figure:
    """Draw values and derivatives side by side, and the scenes of losses that have one."""
    maps = len(traces.scenes)
    figure, (axes,) = pictures.new(theme, columns=2 + maps, width=9.0 + 4.5 * maps, title=traces.title)
    with pictures.style(theme):
        for axis, what, i in ((axes[0], "value", 0), (axes[1], "gradient", 1)):
            lines = {name: pair[i] for name, pair in traces.curves.items()}
            pictures.curves(axis, traces.x, lines, title=what, xlabel=traces.xlabel)
        for axis, case in zip(axes[2:], traces.scenes, strict=True):
            scenes.draw(axis, case, theme)
            if maps > 1:
                axis.set_title(case.name)
        pictures.legend(figure, axes[0])
    return figure


def _title(cases: Sequence[Case]) -> str:
    names = dict.fromkeys(case.loss.__name__ for case in cases)
    formula = f":  {cases[0].formula}" if len(names) == 1 else ""
    return f"{', '.join(names)}{formula}"


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
