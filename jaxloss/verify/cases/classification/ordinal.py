"""Cases of `jaxloss.classification.ordinal`."""

import dataclasses

import numpy as np
from mpmath import erfc, exp, log, mp, mpf, sqrt

from jaxloss.classification.ordinal import coral, cumulative_link, squared_earth_mover
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.cases.classification.sparsemax import distributions
from jaxloss.verify.cases.classification.variants import curve_of, digits

LEVELS = np.array([1.0, 0.5, 2.0, 0.25, 1.5])
THRESHOLDS = np.array([-2.0, -0.5, -0.4375, 3.0])


def rank_rows(levels: int = 5) -> Inputs:
    """Rows of logits and a rank, of which there is one more than there are logits."""
    base = inputs.integer_rows(classes=levels)

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        rows = base.draw(rng, n, regime, c)
        return None if rows is None else (rows[0], rng.integers(0, c + 1, n).astype(np.int32))

    return dataclasses.replace(base, draw=draw, labels=None)


def latent(classes: int, largest: float) -> Inputs:
    """Scores and one class each."""
    base = inputs.binary_logits(largest=largest, kinks=())

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        rows = base.draw(rng, n, regime, c)
        return None if rows is None else (rows[0], rng.integers(0, classes, n).astype(np.int32))

    middle = lambda x: (x, np.full(len(x), 1, np.int32))
    return dataclasses.replace(base, names=("scores", "labels"), draw=draw, curve=middle, xlabel="score, class 1 of 5")


def _coral(z, y, importance_weights=None):
    levels = y if isinstance(y, list) else [mpf(y > k) for k in range(len(z))]
    weights = importance_weights or [mpf(1)] * len(z)
    terms = zip(weights, z, levels, strict=True)
    with digits(z):
        return sum(w * (level * log(1 + exp(-x)) + (1 - level) * log(1 + exp(x))) for w, x, level in terms)


def _cumulative_link(s, y, thresholds, link="logit"):
    with mp.workdps(400):
        cdf = {"logit": lambda x: 1 / (1 + exp(-x)), "probit": lambda x: erfc(-x / sqrt(mpf(2))) / 2}[link]
        upper = None if y == len(thresholds) else thresholds[y] - s
        lower = None if y == 0 else thresholds[y - 1] - s
        if lower is None or upper is None:
            return -log(cdf(upper if lower is None else -lower))
        if lower > 0:  # by symmetry: far above the thresholds both would be 1 to any number of digits
            lower, upper = -upper, -lower
        return -log(cdf(upper) - cdf(lower))


def _squared_earth_mover(z, y):
    y = y if isinstance(y, list) else [mpf(j == y) for j in range(len(z))]
    with digits(z):
        p = [exp(x) / sum(exp(x) for x in z) for x in z]
        return sum((sum(p[: k + 1]) - sum(y[: k + 1])) ** 2 for k in range(len(z) - 1))


CASES = (
    *(
        Case(
            loss=coral,
            inputs=data,
            reference=_coral,
            formula="Σₖ wₖ [y > k ? −log σ(zₖ) : −log σ(−zₖ)]",
            params=params,
            learnable=tuple(params),
            properties={Property.NON_NEGATIVE, Property.CONVEX},
            lipschitz=None if params else 1,
            ulps=4,
        )
        for data, params in (
            (rank_rows(), {}),
            (inputs.multilabel_rows(), {}),
            (curve_of(rank_rows()), {"importance_weights": LEVELS}),
        )
    ),
    *(
        Case(
            loss=cumulative_link,
            inputs=latent(len(THRESHOLDS) + 1, largest),
            reference=_cumulative_link,
            formula="−log(F(θ_y − s) − F(θ_{y−1} − s))",
            params={"thresholds": THRESHOLDS, **params},
            learnable=("thresholds",),
            properties={Property.NON_NEGATIVE, Property.CONVEX},
            ulps=16,
            conditioned=True,
        )
        for params, largest in (({}, 1e3), ({"link": "probit"}, 30.0))
    ),
    *(
        Case(
            loss=squared_earth_mover,
            inputs=data,
            reference=_squared_earth_mover,
            formula="Σₖ (P_k − Y_k)², cumulative",
            properties={Property.NON_NEGATIVE, Property.SHIFT_INVARIANT},
            ulps=16,
            conditioned=True,
        )
        # For 5 equal logits and class 3 one derivative is a coincidental 0, of which no digit of p is left.
        for data in (inputs.integer_rows(classes=4), distributions(classes=4))
    ),
)
