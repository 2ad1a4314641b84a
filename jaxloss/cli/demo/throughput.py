"""How fast value and gradient come, beside optax, on the device that is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

import jaxloss
from jaxloss import measure
from jaxloss.cli import pictures
from jaxloss.cli.demo.parts import Part, Picture, Table
from jaxloss.cli.screen import Advance

__all__ = ["DUELS", "Duel", "part"]

ROUNDS = 11
ELEMENTS = 1 << 20
CLASSES = 1024


class Duel(NamedTuple):
    """One mean loss, here and in optax; both are called with predictions and targets."""

    name: str
    ours: Callable[[Any, Any], Any]
    theirs: Callable[[Any, Any], Any]
    labels: str
    """real numbers, zeros and ones, or class ids of rows."""


def _mean(function: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    return lambda predictions, targets: jnp.mean(function(predictions, targets))


DUELS = (
    Duel("squared_error", lambda p, t: jaxloss.squared_error(p, t), _mean(optax.squared_error), "real"),
    Duel("huber", lambda p, t: jaxloss.huber(p, t), _mean(optax.huber_loss), "real"),
    Duel("log_cosh", lambda p, t: jaxloss.log_cosh(p, t), _mean(optax.log_cosh), "real"),
    Duel(
        "sigmoid_binary_cross_entropy",
        lambda p, t: jaxloss.sigmoid_binary_cross_entropy(p, t),
        _mean(optax.sigmoid_binary_cross_entropy),
        "binary",
    ),
    Duel("sigmoid_focal", lambda p, t: jaxloss.sigmoid_focal(p, t), _mean(optax.sigmoid_focal_loss), "binary"),
    Duel(
        "softmax_cross_entropy_with_integer_labels",
        lambda p, t: jaxloss.softmax_cross_entropy_with_integer_labels(p, t),
        _mean(optax.softmax_cross_entropy_with_integer_labels),
        "classes",
    ),
)


def part(advance: Advance, *, rounds: int = ROUNDS, elements: int = ELEMENTS) -> Part:
    """Time the duels, in turns, and report."""
    measured = {}
    for duel in DUELS:
        measured[duel.name] = _time(duel, rounds, elements)
        here, there, _ = measured[duel.name]
        advance(f"{duel.name}: {1e3 * here:.2f} ms, optax {1e3 * there:.2f} ms")
    device = measure.device_name()
    rates = {name: (moved / here / 1e9, moved / there / 1e9) for name, (here, there, moved) in measured.items()}
    return Part(
        key="throughput",
        title="Value and gradient, in gigabytes a second",
        text=f"The mean loss and its gradient for {elements:,} float32 predictions ({CLASSES} classes a row where "
        f"there are rows), jit-compiled, in turns with optax; medians of {rounds} rounds on {device}. Counted are the "
        "bytes that must move: predictions and targets in, gradient out.",
        pictures=[Picture("throughput", "More is faster.", lambda theme: _picture(rates, theme))],
        tables=[
            Table(
                f"On {device}",
                ("loss", "ms", "GB/s", "optax ms", "optax GB/s", "ratio"),
                [
                    (name, f"{1e3 * here:.2f}", f"{rates[name][0]:.1f}", f"{1e3 * there:.2f}", f"{rates[name][1]:.1f}",
                     f"{there / here:.2f}×")
                    for name, (here, there, _) in measured.items()
                ],
            )
        ],
        data={
            "device": device,
            "elements": elements,
            "seconds": {name: {"jaxloss": here, "optax": there} for name, (here, there, _) in measured.items()},
        },
    )  # fmt: skip


def _time(duel: Duel, rounds: int, elements: int) -> tuple[float, float, int]:
    """Return seconds here, seconds in optax, and the bytes that must move."""
    rng = np.random.default_rng(0)
    if duel.labels == "classes":
        rows = max(1, elements // CLASSES)
        data = rng.normal(size=(rows, CLASSES)), rng.integers(0, CLASSES, rows).astype(np.int32)
    else:
        targets = rng.normal(size=elements) if duel.labels == "real" else rng.integers(0, 2, elements)
        data = rng.normal(size=elements), targets.astype(np.float32)
    predictions, targets = jnp.asarray(data[0], jnp.float32), jnp.asarray(data[1])
    contenders = {
        name: measure.Contender(jax.jit(jax.value_and_grad(loss)), [(predictions, targets)])
        for name, loss in (("jaxloss", duel.ours), ("optax", duel.theirs))
    }
    timings = measure.interleave(contenders, rounds=rounds)
    moved = 2 * predictions.nbytes + targets.nbytes
    return timings["jaxloss"].median, timings["optax"].median, moved


def _picture(rates: dict[str, tuple[float, float]], theme: pictures.Theme) -> Figure:
    figure, ((axes,),) = pictures.new(theme, height=3.2)
    with pictures.style(theme):
        places = np.arange(len(rates))
        axes.barh(places - 0.19, [ours for ours, _ in rates.values()], 0.36, color=theme.lines[0], label="jaxloss")
        axes.barh(places + 0.19, [theirs for _, theirs in rates.values()], 0.36, color=theme.lines[6], label="optax")
        axes.set_yticks(places, [name.replace("_with_", "\nwith_") for name in rates], fontsize=8.5)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_title("GB/s")
        pictures.legend(figure, axes)
    return figure
