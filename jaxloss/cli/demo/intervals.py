"""Probabilistic regression: how far diabetes progresses, and how sure that is, with intervals that hold."""

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

__all__ = ["LEVELS", "NOMINAL", "OBJECTIVES", "STEPS", "Fit", "Objective", "Patients", "fit", "load", "part"]

STEPS = 600
CHUNK = 200
FOLDS = 10
LEVELS = (np.arange(40) + 0.5) / 40
NOMINAL = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])


class Patients(NamedTuple):
    """Standardised measurements and progression, its spread and mean in the units of the data, and everyone's fold."""

    features: np.ndarray
    targets: np.ndarray
    scale: float
    centre: float
    folds: np.ndarray


def load(seed: int = 0) -> Patients:
    """Return the patients, dealt at random into folds: each is predicted by a model that has not seen the fold."""
    x, y = map(np.asarray, load_diabetes(return_X_y=True))
    standard = lambda a: ((a - a.mean(0)) / a.std(0)).astype(np.float32)
    folds = np.random.default_rng(seed).permutation(np.arange(len(y)) % FOLDS)
    return Patients(standard(x), standard(y), float(y.std()), float(y.mean()), folds)


class Objective(NamedTuple):
    """How many lines a model has, one number beside them, and the loss that makes a distribution of them."""

    name: str
    code: str
    lines: int
    loss: Callable[..., Any]
    """Of what the lines give, in columns, the number, and the targets; with ``where``."""


OBJECTIVES = (
    Objective(
        "constant spread",
        "gaussian_nll(mean, targets, log_variance=one_number)",
        1,
        lambda lines, number, y, where: jaxloss.gaussian_nll(lines[:, 0], y, log_variance=number, where=where),
    ),
    Objective(
        "Gaussian likelihood",
        "gaussian_nll(mean, targets, log_variance=line)",
        2,
        lambda lines, _, y, where: jaxloss.gaussian_nll(lines[:, 0], y, log_variance=lines[:, 1], where=where),
    ),
    Objective(
        "Gaussian CRPS",
        "crps_gaussian(mean, targets, stddev=exp(line / 2))",
        2,
        lambda lines, _, y, where: jaxloss.crps_gaussian(lines[:, 0], y, stddev=jnp.exp(lines[:, 1] / 2), where=where),
    ),
    Objective(
        "40 quantiles",
        "crps_quantile(lines, targets, q=levels)",
        len(LEVELS),
        lambda lines, _, y, where: jaxloss.crps_quantile(lines, y, q=LEVELS, where=where),
    ),
)


class Fit(NamedTuple):
    """Quantiles of every patient, by a model that has not seen them, and what they are worth."""

    quantiles: np.ndarray
    crps: float
    """In the units of the data."""
    coverage: np.ndarray
    """The share of patients within the middle interval of each nominal size."""
    thirds: np.ndarray
    """The share within the interval for 80 %, of the third with the lowest predictions to that with the highest."""
    seconds: float

    @property
    def unevenness(self) -> float:
        """How far the coverages of the thirds are apart."""
        return float(np.ptp(self.thirds))


def fit(objective: Objective, patients: Patients, *, steps: int, advance: Advance) -> Fit:
    """Train one model for each fold, on the others, all at once."""
    began = time.perf_counter()
    optimizer = optax.adam(optax.cosine_decay_schedule(0.02, max(steps, 1)))
    x, y = jnp.asarray(patients.features), jnp.asarray(patients.targets)
    kept = jnp.asarray(patients.folds[None] != np.arange(FOLDS)[:, None])

    def loss(params: Any, kept: Any) -> Any:
        return objective.loss(x @ params["slopes"] + params["offsets"][None], params["number"], y, kept)

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any) -> Any:
        updates, state = optimizer.update(jax.vmap(jax.grad(loss))(params, kept), state, params)
        return optax.apply_updates(params, updates), state

    sizes = {"slopes": (x.shape[1], objective.lines), "offsets": (objective.lines,), "number": ()}
    params: Any = {name: jnp.zeros((FOLDS, *size)) for name, size in sizes.items()}
    state = optimizer.init(params)
    for i in range(steps):
        params, state = step(params, state)
        if (i + 1) % CHUNK == 0:
            jax.block_until_ready(params)
            advance()
    own = {name: np.asarray(values)[patients.folds] for name, values in params.items()}
    lines = np.einsum("nd,ndk->nk", patients.features, own["slopes"]) + own["offsets"]
    return _judged(_quantiles(lines, own["number"]), patients, time.perf_counter() - began)


def without_measurements(patients: Patients) -> Fit:
    """The same Gaussian for everyone, with the mean and the spread of the other folds."""
    others = [patients.targets[patients.folds != fold] for fold in range(FOLDS)]
    means, spreads = (np.array([f(a) for a in others])[patients.folds] for f in (np.mean, np.std))
    return _judged(_quantiles(means[:, None], 2 * np.log(spreads)), patients, 0.0)


def _quantiles(lines: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """The quantiles that the lines stand for."""
    if lines.shape[1] == len(LEVELS):
        return np.sort(lines, -1)  # lines may cross
    log_variance = lines[:, 1] if lines.shape[1] > 1 else numbers
    normal = np.asarray(jax.scipy.stats.norm.ppf(jnp.asarray(LEVELS, jnp.float32)))
    return lines[:, :1] + np.exp(log_variance / 2)[:, None] * normal


def _judged(quantiles: np.ndarray, patients: Patients, seconds: float) -> Fit:
    """By the same measures, whatever the model is."""
    targets = patients.targets
    crps = jaxloss.crps_quantile(jnp.asarray(quantiles, jnp.float32), jnp.asarray(targets), q=LEVELS)
    covered = np.array([np.mean(within(quantiles, targets, share)) for share in NOMINAL])
    third = np.argsort(np.argsort(at(quantiles, 0.5), kind="stable")) * 3 // len(targets)
    thirds = np.array([np.mean(within(quantiles, targets, 0.8)[third == k]) for k in range(3)])
    return Fit(quantiles, float(crps) * patients.scale, covered, thirds, seconds)


def at(quantiles: np.ndarray, level: float) -> np.ndarray:
    """Return the quantile of each patient at a level between those that are predicted."""
    return np.array([np.interp(level, LEVELS, row) for row in quantiles])


def within(quantiles: np.ndarray, targets: np.ndarray, share: float) -> np.ndarray:
    """Tell which targets are in the middle interval that should have that share of them."""
    return (at(quantiles, 0.5 - share / 2) <= targets) & (targets <= at(quantiles, 0.5 + share / 2))


def part(advance: Advance, *, steps: int = STEPS) -> Part:
    """Train with each loss and report."""
    patients = load()
    fits = {"no measurements": without_measurements(patients)}
    for objective in OBJECTIVES:
        fitted = fit(objective, patients, steps=steps, advance=advance)
        advance(f"{objective.name}: CRPS {fitted.crps:.1f}, {fitted.seconds:.1f} s")
        fits[objective.name] = fitted
    off = {name: float(np.max(np.abs(f.coverage - NOMINAL))) for name, f in fits.items()}
    return Part(
        key="intervals",
        title="How far, and how sure",
        text="Diabetes progression from ten measurements of 442 patients, as a distribution: a line for the mean and "
        "one for the logarithm of the variance, or a line for each of 40 quantiles. Every patient is predicted by a "
        "model that has not seen that patient. With one spread for all, intervals hold on average, and for few in "
        "particular: too wide where little is predicted, too narrow where much is. The score hardly sees it, since it "
        "is mostly the mean that it pays for.",
        claims=_claims(fits, off),
        pictures=[
            Picture(
                "intervals-coverage",
                "Left: the share of unseen patients within an interval against the share that should be. Right: the "
                "same of the intervals for 80 %, for the thirds of the patients by what is predicted.",
                lambda theme: _coverages(fits, theme),
            ),
            Picture(
                "intervals-patients",
                "The intervals for 80 % of every patient, and what was measured: a constant spread, and one that is "
                "predicted.",
                lambda theme: _patients(fits, patients, theme),
            ),
        ],
        tables=[
            Table(
                "On unseen patients",
                ("trained with", "CRPS", "largest error of coverage", "between thirds", "seconds"),
                [
                    (name, f"{f.crps:.2f}", f"{off[name]:.1%}", f"{f.unevenness:.1%}", f"{f.seconds:.1f}")
                    for name, f in fits.items()
                ],
            )
        ],
        code="\n".join(f"jaxloss.{objective.code}" for objective in OBJECTIVES),
        data={
            name: {"crps": f.crps, "nominal": NOMINAL.tolist(), "coverage": f.coverage.tolist()}
            | {"thirds": f.thirds.tolist()}
            for name, f in fits.items()
        },
    )


def _claims(fits: dict[str, Fit], off: dict[str, float]) -> list[Claim]:
    nothing, constant, *varying = fits.values()
    quantiles, uneven = off[OBJECTIVES[-1].name], max(f.unevenness for f in varying)
    worst = max(f.crps for f in varying)
    return [
        Claim(
            f"{1 - worst / nothing.crps:.0%}",
            "smaller CRPS on unseen patients than one Gaussian for all, by the worst of three losses of "
            f"distributions; {1 - constant.crps / nothing.crps:.0%} with a constant spread",
            worst < 0.8 * nothing.crps,
        ),
        Claim(
            f"{100 * quantiles:.0f} points",
            "at most between nominal and actual coverage of the intervals between predicted quantiles",
            quantiles < 0.05,
        ),
        Claim(
            f"{100 * uneven:.0f} points",
            "at most between the coverages of the thirds of the patients by a spread that is predicted, "
            f"{100 * constant.unevenness:.0f} by a constant one",
            uneven < constant.unevenness,
        ),
    ]


def _coverages(fits: dict[str, Fit], theme: pictures.Theme) -> Figure:
    figure, (axes,) = pictures.new(theme, columns=2, height=3.8)
    trained = {name: fits[name] for name in list(fits)[1:]}
    dashed = {"color": theme.ink, "linewidth": 1, "linestyle": (0, (4, 3))}
    with pictures.style(theme):
        axes[0].plot([0, 1], [0, 1], **dashed)
        axes[1].axhline(0.8, **dashed)
        for place, (name, fitted) in enumerate(trained.items()):
            colour = theme.lines[(1, 0, 2, 3)[place % 4]]
            axes[0].plot(NOMINAL, fitted.coverage, "o-", markersize=3.5, linewidth=1.3, color=colour, label=name)
            axes[1].plot(range(3), fitted.thirds, "o-", markersize=5, linewidth=1.3, color=colour)
        for axis, title in zip(axes, ("coverage", "coverage of the intervals for 80 %"), strict=True):
            axis.set_title(title)
            axis.yaxis.set_major_formatter("{x:.0%}")
        axes[0].xaxis.set_major_formatter("{x:.0%}")
        axes[0].set_xlabel("nominal")
        axes[1].set_xticks(range(3), ["lowest", "middle", "highest"])
        axes[1].set_xlim(-0.3, 2.3)
        axes[1].set_xlabel("third of the patients, by prediction")
        pictures.legend(figure, axes[0])
    return figure


def _patients(fits: dict[str, Fit], patients: Patients, theme: pictures.Theme) -> Figure:
    names = (OBJECTIVES[0].name, OBJECTIVES[-2].name)
    figure, (axes,) = pictures.new(theme, columns=2, height=3.8, sharey=True)
    y = patients.targets * patients.scale + patients.centre
    with pictures.style(theme):
        for axis, name in zip(axes, names, strict=True):
            low, middle, high = (
                at(fits[name].quantiles, q) * patients.scale + patients.centre for q in (0.1, 0.5, 0.9)
            )
            inside = within(fits[name].quantiles, patients.targets, 0.8)
            axis.vlines(middle, low, high, color=theme.lines[0], linewidth=1.2, alpha=0.14)
            for chosen, colour, label in ((inside, theme.lines[0], "inside"), (~inside, theme.lines[1], "outside")):
                axis.plot(middle[chosen], y[chosen], "o", markersize=2.8, color=colour, label=label)
            axis.set_title(name)
            axis.set_xlabel("predicted median")
        axes[0].set_ylabel("progression after a year")
        pictures.legend(figure, axes[0])
    return figure
