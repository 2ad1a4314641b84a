"""Cases of the scoring rules of `jaxloss.probabilistic`."""

import dataclasses

import numpy as np
from mpmath import erf, exp, mpf, pi, sqrt

from jaxloss.probabilistic.crps import crps_ensemble, crps_gaussian, crps_quantile
from jaxloss.probabilistic.forecasts import brier, energy_score, interval, ranked_probability, variogram_score
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.cases.probabilistic import numbers, positive, predictions, times
from jaxloss.verify.inputs import dense_probability_rows, integer_probability_rows, magnitudes


def _members(names: tuple[str, str], *, members: int, features: int | None = None, xlabel: str) -> Inputs:
    """Samples of a prediction and one target, of every size."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        shape = (n, c) if features is None else (n, members, c)
        target = (n,) if features is None else (n, c)
        if regime in (Regime.TINY, Regime.HUGE):
            if features is not None:  # of one size: the directions of vectors of different sizes cancel
                size = 1e-15 if regime == Regime.TINY else 1e15
                return size * rng.normal(size=shape), size * rng.normal(size=target)
            limits = (1e-30, 1e-2) if regime == Regime.TINY else (1e2, 1e30)
            return magnitudes(rng, shape, *limits), magnitudes(rng, target, *limits)
        if regime == Regime.SATURATED:  # far from the target
            return rng.normal(size=shape), 1e4 * rng.choice([-1.0, 1.0], target)
        return (rng.normal(size=shape), rng.normal(size=target)) if regime == Regime.ORDINARY else None

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        spots = np.array([-1.0, 0.0, 1.0])
        return (
            (x[:, None] + spots, np.zeros_like(x))
            if features is None
            else (
                (x[:, None] + spots)[..., None],
                np.zeros((len(x), 1)),
            )
        )

    classes = members if features is None else features
    return Inputs(names, draw, axis=-1, classes=classes, curve=curve, xlabel=xlabel)


def _vectors() -> Inputs:
    drawn = _members(
        ("samples", "targets"), members=3, features=3, xlabel="first of the features, 0 and 1; target 0, 1"
    )

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        samples = np.stack([np.stack([x + spot, np.zeros_like(x), np.ones_like(x)], -1) for spot in (-0.5, 0.5)], 1)
        return samples, np.broadcast_to(np.array([0.0, 0.0, 1.0]), (len(x), 3)).copy()

    return dataclasses.replace(drawn, curve=curve, fixed=True)  # its memory is that of the pairs of features


def _intervals() -> Inputs:
    def draw(rng: np.random.Generator, n: int, regime: Regime, _: int) -> tuple[np.ndarray, ...] | None:
        size = {Regime.ORDINARY: 1.0, Regime.TINY: 1e-30, Regime.HUGE: 1e30}.get(regime)
        if size is None:
            return None
        ends = np.sort(size * rng.normal(size=(2, n)), 0)
        return ends[0], ends[1], 1.5 * size * rng.normal(size=n)

    return Inputs(
        ("lower", "upper", "targets"),
        draw,
        curve=lambda x: (x - 1, x + 1, np.zeros_like(x)),
        xlabel="middle of an interval of width 2, target 0",
        compare=3,
    )


def _crps_gaussian(mean, y, stddev):
    z = (mean - y) / stddev
    return stddev * (z * erf(z / sqrt(2)) + 2 * exp(-z * z / 2) / sqrt(2 * pi) - 1 / sqrt(pi))


def _crps_ensemble(x, y, fair=False):
    n = len(x)
    apart = sum(abs(a - b) for a in x for b in x)
    return sum(abs(a - y) for a in x) / n - apart / (2 * n * (n - 1 if fair else n))


def _energy(x, y, fair=False):
    n, norm = len(x), lambda a, b: sqrt(sum((u - v) ** 2 for u, v in zip(a, b, strict=True)))
    apart = sum(norm(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j)
    return sum(norm(a, y) for a in x) / n - apart / (2 * n * (n - 1 if fair else n))


def _variogram(x, y, p=mpf("0.5"), pair_weights=None):
    power, features = lambda row, a, b: abs(row[a] - row[b]) ** mpf(p), range(len(y))
    gap = lambda a, b: power(y, a, b) - sum(power(row, a, b) for row in x) / len(x)
    weight = lambda a, b: 1 if pair_weights is None else pair_weights[a][b]
    return sum(weight(a, b) * gap(a, b) ** 2 for a in features for b in features if a != b)


def _crps_quantile(x, y, q):
    return 2 * sum(max((1 - t) * (a - y), t * (y - a)) for a, t in zip(x, q, strict=True)) / len(x)


def _happened(p, labels):
    return [mpf(i == labels) for i in range(len(p))] if isinstance(labels, int) else labels


def _brier(p, labels):
    return sum((a - b) ** 2 for a, b in zip(p, _happened(p, labels), strict=True))


def _ranked(p, labels):
    gaps = [a - b for a, b in zip(p, _happened(p, labels), strict=True)]
    return sum(sum(gaps[: i + 1]) ** 2 for i in range(len(gaps)))


def _interval(lower, upper, y, alpha=mpf("0.1")):
    return upper - lower + 2 / mpf(alpha) * (max(lower - y, 0) + max(y - upper, 0))


LEVELS = np.array([0.125, 0.5, 0.875])
CONVEX = {Property.NON_NEGATIVE, Property.CONVEX}

CASES = (
    Case(
        loss=crps_gaussian,
        inputs=predictions(
            mean=numbers(),
            targets=numbers(),
            stddev=positive(),
            named=1,
            near=times,
            curve=lambda x: (x, np.zeros_like(x), np.full_like(x, 0.7)),
        ),
        reference=_crps_gaussian,
        formula="σ (z erf(z/√2) + 2φ(z) − 1/√π)",
        properties=CONVEX,
        lipschitz=1,
        degree=1,
        ulps=8,
        conditioned=True,
    ),
    *(
        Case(
            loss=crps_ensemble,
            inputs=_members(("ensemble", "targets"), members=4, xlabel="shift of three members at −1, 0 and 1"),
            reference=_crps_ensemble,
            formula="mean |x − y| − ½ mean |x − x′|",
            params=params,
            differentiable=0,
            properties={Property.NON_NEGATIVE},
            lipschitz=1,
            degree=1,
            ulps=8,
            conditioned=True,
        )
        for params in ({}, {"fair": True})
    ),
    Case(
        loss=crps_quantile,
        inputs=_members(("predictions", "targets"), members=3, xlabel="shift of quantiles at −1, 0 and 1, target 0"),
        reference=_crps_quantile,
        formula="2 mean max((1 − q) r, −q r)",
        params={"q": LEVELS},
        differentiable=0,
        properties=CONVEX,
        degree=1,
        ulps=4,
        conditioned=True,
    ),
    Case(
        loss=energy_score,
        inputs=_members(("samples", "targets"), members=3, features=2, xlabel="shift of three samples at −1, 0 and 1"),
        reference=_energy,
        formula="mean ‖x − y‖ − ½ mean ‖x − x′‖",
        differentiable=0,
        properties={Property.NON_NEGATIVE},
        degree=1,
        ulps=16,
        conditioned=True,
    ),
    *(
        Case(
            loss=variogram_score,
            inputs=_vectors(),
            reference=_variogram,
            formula="Σ w (|y − y′|^p − mean |x − x′|^p)²",
            params=params,
            differentiable=0,
            properties={Property.NON_NEGATIVE},
            degree=2 * params.get("p", 0.5),
            ulps=16,
            conditioned=True,
        )
        for params in ({}, {"p": 1.0})
    ),
    *(
        Case(
            loss=loss,
            inputs=drawn,
            reference=reference,
            formula=formula,
            properties=CONVEX | ({Property.CLASS_PERMUTABLE} if loss is brier else set()),
            ulps=8,
            conditioned=True,
        )
        for loss, reference, formula in (
            (brier, _brier, "Σ (p − y)²"),
            (ranked_probability, _ranked, "Σ (cumulated p − y)²"),
        )
        for drawn in (integer_probability_rows(), dense_probability_rows())
    ),
    Case(
        loss=interval,
        inputs=_intervals(),
        reference=_interval,
        formula="(u − l) + 2/α (max(l − y, 0) + max(y − u, 0))",
        params={"alpha": 0.25},
        learnable=("alpha",),
        differentiable=0,
        properties={Property.CONVEX},
        degree=1,
        ulps=4,
        conditioned=True,
    ),
)
