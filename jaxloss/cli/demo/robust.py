"""Linear regression on the diabetes data, where one training target in eight has its decimal point slipped."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes

import jaxloss
from jaxloss.cli import pictures
from jaxloss.cli.demo.parts import Claim, Part, Picture, Table
from jaxloss.cli.screen import Advance

__all__ = ["OBJECTIVES", "STEPS", "Fit", "Objective", "Regression", "fit", "load", "part"]

STEPS = 1500
SLIPPED = 1 / 8


class Regression(NamedTuple):
    """Standardised features and targets; the test targets are clean."""

    features: np.ndarray
    targets: np.ndarray
    clean: np.ndarray
    """The training targets before the decimal points slipped."""
    test_features: np.ndarray
    test_targets: np.ndarray
    scale: float
    """Of one unit of the standardised target, in the units of the data."""


def load(seed: int = 0) -> Regression:
    """Read the 442 patients, keep 30 % for the test, and multiply some training targets by ten."""
    features, targets = load_diabetes(return_X_y=True)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(targets))
    test, train = order[: 3 * len(order) // 10], order[3 * len(order) // 10 :]
    slipped = np.where(rng.random(len(train)) < SLIPPED, 10 * targets[train], targets[train])
    centre = np.median(slipped)
    scale = 1.4826 * np.median(np.abs(slipped - centre))  # median and deviation survive the outliers, as the losses do
    features = (features - features[train].mean(0)) / features[train].std(0)
    standard = lambda values: ((values - centre) / scale).astype(np.float32)
    features = features.astype(np.float32)
    return Regression(
        features[train],
        standard(slipped),
        standard(targets[train]),
        features[test],
        standard(targets[test]),
        float(scale),
    )


class Objective(NamedTuple):
    """A loss of predictions, targets and its own learned parameters."""

    code: str
    loss: Callable[[Any, Any, Any], Any]
    learned: dict[str, float] = {}  # noqa: RUF012  never written to


OBJECTIVES = (
    Objective("squared_error", lambda p, t, _: jaxloss.squared_error(p, t)),
    Objective("absolute_error", lambda p, t, _: jaxloss.absolute_error(p, t)),
    Objective("huber(delta=0.5)", lambda p, t, _: jaxloss.huber(p, t, delta=0.5)),
    Objective("tukey_biweight(c=3)", lambda p, t, _: jaxloss.tukey_biweight(p, t, c=3.0)),
    Objective("barron(alpha=-2, scale=0.5)", lambda p, t, _: jaxloss.barron(p, t, alpha=-2.0, scale=0.5)),
    Objective(
        "barron_nll, alpha and scale learned",
        lambda p, t, learned: jaxloss.barron_nll(
            p, t, alpha=2 * jax.nn.sigmoid(learned["alpha"]), scale=jnp.exp(learned["scale"])
        ),
        {"alpha": 0.0, "scale": 0.0},
    ),
)


class Fit(NamedTuple):
    """A trained line and its error on the clean test targets, in the units of the data."""

    predictions: np.ndarray
    mean_squared_error: float
    learned: dict[str, float]
    seconds: float


def fit(objective: Objective, data: Regression, targets: np.ndarray, *, steps: int) -> Fit:
    """Train a line on all the data at once."""
    optimizer = optax.adam(optax.cosine_decay_schedule(0.03, steps))
    x, y = jnp.asarray(data.features), jnp.asarray(targets)
    line = lambda params, x: x @ params["slopes"] + params["offset"]

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any) -> Any:
        grads = jax.grad(lambda params: objective.loss(line(params, x), y, params))(params)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    start = {name: jnp.float32(value) for name, value in objective.learned.items()}
    params = {"slopes": jnp.zeros(x.shape[1]), "offset": jnp.zeros(()), **start}
    state = optimizer.init(params)
    began = time.perf_counter()
    for _ in range(steps):
        params, state = step(params, state)
    predictions = np.asarray(line(params, jnp.asarray(data.test_features)))
    error = float(np.mean((predictions - data.test_targets) ** 2)) * data.scale**2
    learned = {}
    if objective.learned:
        learned = {"alpha": float(2 * jax.nn.sigmoid(params["alpha"])), "scale": float(jnp.exp(params["scale"]))}
    return Fit(predictions, error, learned, time.perf_counter() - began)


def part(advance: Advance, *, steps: int = STEPS) -> Part:
    """Train with each loss and report."""
    data = load()
    fits = {}
    for objective in OBJECTIVES:
        fits[objective.code] = fit(objective, data, data.targets, steps=steps)
        advance(f"{objective.code}: test error {fits[objective.code].mean_squared_error:.0f}")
    clean = fit(OBJECTIVES[0], data, data.clean, steps=steps).mean_squared_error
    advance()
    squared, *robust = fits.values()
    worst, best = max(f.mean_squared_error for f in robust), min(f.mean_squared_error for f in robust)
    learned = robust[-1].learned
    return Part(
        key="robust",
        title="One slipped decimal in eight",
        text=f"Diabetes progression from ten measurements of {len(data.targets)} patients, where {SLIPPED:.1%} of the "
        f"training targets were written down ten times too large. The test targets are clean. With clean training "
        f"data, the squared error reaches a mean squared error of {clean:.0f}.",
        claims=[
            Claim(f"{squared.mean_squared_error / best:.0f}×", "smaller test error than squared error with outliers",
                  worst < squared.mean_squared_error)
        ],
        pictures=[
            Picture(
                "robust-errors",
                "Left: mean squared error on clean test data; the line is what clean training data give. Right: the "
                "test patients as the worst and the best loss predict them.",
                lambda theme: _picture(fits, clean, data, theme),
            )
        ],
        tables=[
            Table(
                "On clean test targets",
                ("loss", "mean squared error", "against clean training", "seconds"),
                [
                    (code, f"{f.mean_squared_error:.0f}", f"{f.mean_squared_error / clean:.2f}×", f"{f.seconds:.1f}")
                    for code, f in fits.items()
                ],
            )
        ],
        code="jaxloss.barron_nll(predictions, targets, alpha=2 * sigmoid(params['alpha']), scale=exp(params['scale']))"
        f"\n# learned: alpha = {learned['alpha']:.2f} (2 is the squared error), scale = {learned['scale']:.2f}",
        data={
            "clean_training": clean,
            **{code: {"mean_squared_error": f.mean_squared_error, **f.learned} for code, f in fits.items()},
        },
    )  # fmt: skip


def _picture(fits: dict[str, Fit], clean: float, data: Regression, theme: pictures.Theme) -> Figure:
    names = list(fits)
    errors = [fits[name].mean_squared_error for name in names]
    best = names[int(np.argmin(errors))]
    figure, (axes,) = pictures.new(theme, columns=2, height=3.4)
    with pictures.style(theme):
        colours = [theme.lines[1] if name == names[0] else theme.lines[0] for name in names]
        axes[0].barh(range(len(names)), errors, color=colours, height=0.62)
        axes[0].axvline(clean, color=theme.ink, linewidth=1, linestyle=(0, (4, 3)))
        axes[0].set_yticks(range(len(names)), [name.replace(", ", ",\n", 1) for name in names], fontsize=8.5)
        axes[0].invert_yaxis()
        axes[0].grid(visible=False, axis="y")
        axes[0].set_title("test mean squared error")
        truth = data.test_targets
        for name, colour in ((names[0], theme.lines[1]), (best, theme.lines[0])):
            axes[1].plot(truth, fits[name].predictions, "o", markersize=3.5, alpha=0.75, color=colour, label=name)
        ends = np.array([truth.min(), truth.max()])
        axes[1].plot(ends, ends, color=theme.ink, linewidth=1, linestyle=(0, (4, 3)))
        axes[1].set_xlabel("measured, standardised")
        axes[1].set_title("predicted")
        pictures.legend(figure, axes[1])
    return figure
