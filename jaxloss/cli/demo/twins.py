"""Two formulas of the focal loss train twins of one network: the same on hard labels, not on soft ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

import jaxloss
from jaxloss.cli import pictures
from jaxloss.cli.demo.digits import Digits, initialise, load, network
from jaxloss.cli.demo.parts import Claim, Part, Picture
from jaxloss.cli.screen import Advance

__all__ = ["FORMULAS", "LABELS", "STEPS", "part", "train"]

STEPS = 100
BATCH = 64
SMOOTHING = 0.2

FORMULAS: dict[str, Callable[[Any, Any], Any]] = {
    "quality_focal": lambda logits, labels: jaxloss.quality_focal(logits, labels),
    "sigmoid_focal_exp": lambda logits, labels: jaxloss.sigmoid_focal_exp(logits, labels),
}
LABELS: dict[str, Callable[[Any], Any]] = {
    "hard": lambda digits: jax.nn.one_hot(digits, 10),
    "soft": lambda digits: (1 - SMOOTHING) * jax.nn.one_hot(digits, 10) + SMOOTHING / 2,
}


def part(advance: Advance, *, steps: int = STEPS) -> Part:
    """Train the four twins and report how far they drift apart."""
    digits, start = load(), time.perf_counter()
    curves = {
        kind: {name: train(formula, labels, digits, steps=steps) for name, formula in FORMULAS.items()}
        for kind, labels in LABELS.items()
    }
    drift = {kind: _drift(*twins.values()) for kind, twins in curves.items()}
    hard, soft = drift["hard"].max(), drift["soft"].max()
    advance(f"drift {hard:.1e} on hard labels, {soft:.1e} on soft ones, {time.perf_counter() - start:.1f} s")
    return Part(
        key="focal",
        title="One focal loss, two formulas",
        text="The modulating factor of the focal loss is a power of |label − p| in one program, of 1 − exp(−BCE) in "
        f"another. Twins of one network see the same digits for {steps} steps. With hard labels the two are one "
        f"function, and the twins stay together to rounding. With labels softened by {SMOOTHING:g}, the first is 0 "
        "where the prediction is the label, the second never, and they part.",
        claims=[Claim(f"{hard:.0e}", "drift of twins with two focal formulas, on hard labels", hard < 1e-5 < soft)],
        pictures=[
            Picture(
                "focal-drift",
                "Left: training loss on soft labels. Right: relative difference between the losses of the twins.",
                lambda theme: _picture(curves["soft"], drift, theme),
            )
        ],
        code="jaxloss.quality_focal(logits, labels, beta=2)\njaxloss.sigmoid_focal_exp(logits, labels, gamma=2)",
        data={kind: {"largest_drift": float(d.max()), "losses": curves[kind]} for kind, d in drift.items()},
    )


def train(
    formula: Callable[[Any, Any], Any], labels: Callable[[Any], Any], digits: Digits, *, steps: int, seed: int = 0
) -> list[float]:
    """Train one network and return its losses; equal seeds see equal digits."""
    optimizer = optax.adam(1e-3)
    images, targets = jnp.asarray(digits.images), labels(jnp.asarray(digits.labels))

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any, chosen: Any) -> Any:
        loss = lambda params: formula(network(params, images[chosen]), targets[chosen])
        value, grads = jax.value_and_grad(loss)(params)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state, value

    params = initialise(jax.random.key(seed))
    state = optimizer.init(params)
    rng, values = np.random.default_rng(seed), []
    for _ in range(steps):
        params, state, value = step(params, state, rng.integers(0, len(images), BATCH))
        values.append(value)
    return [float(value) for value in jax.device_get(values)]


def _drift(first: list[float], second: list[float]) -> np.ndarray:
    a, b = np.asarray(first), np.asarray(second)
    return np.maximum(np.abs(a - b) / a, 1e-8)  # the floor is for the logarithmic axis: float32 has no smaller steps


def _picture(twins: dict[str, list[float]], drift: dict[str, np.ndarray], theme: pictures.Theme) -> Figure:
    figure, (axes,) = pictures.new(theme, columns=2, height=3.0)
    with pictures.style(theme):
        for name, losses in twins.items():
            axes[0].plot(losses, label=name)
        axes[0].set_title("loss on soft labels")
        axes[0].legend()
        for (kind, values), colour in zip(drift.items(), theme.lines[2:], strict=False):
            axes[1].plot(values, color=colour, label=f"{kind} labels")
        axes[1].set_yscale("log")
        axes[1].set_title("relative difference of the twins")
        axes[1].legend()
        for axis in axes:
            axis.set_xlabel("step")
    return figure
