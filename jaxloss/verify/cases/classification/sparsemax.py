"""Cases of `jaxloss.classification.sparsemax`."""

import dataclasses

import numpy as np
from mpmath import mpf, sqrt

from jaxloss.classification.sparsemax import binary_sparsemax, entmax15, fenchel_young, multiclass_sparsemax
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Inputs, Property, Regime

FENCHEL_YOUNG = {Property.NON_NEGATIVE, Property.CONVEX, Property.SHIFT_INVARIANT, Property.CLASS_PERMUTABLE}


def distributions(classes: int = 5) -> Inputs:
    """Logits and label distributions without a 0, where the entropy of the labels is not differentiable."""
    dense = inputs.dense_rows(classes=classes)

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        rows = dense.draw(rng, n, regime, c)
        return None if rows is None else (rows[0], 0.9 * rng.dirichlet(np.ones(c), n) + 0.1 / c)

    return dataclasses.replace(dense, draw=draw)


def _one_hot(z, y):
    return y if isinstance(y, list) else [mpf(j == y) for j in range(len(z))]


def _sparsemax(z, y):
    """The definition, with the threshold by a sort: that of the most classes which it leaves above it."""
    y, ordered = _one_hot(z, y), sorted(z, reverse=True)
    thresholds = [(sum(ordered[:k]) - sum(y)) / k for k in range(1, len(z) + 1)]
    tau = [tau for tau, smallest in zip(thresholds, ordered, strict=True) if smallest > tau][-1]
    p = [max(x - tau, mpf(0)) for x in z]
    return sum(x * (a - b) - a * a / 2 + b * b / 2 for a, b, x in zip(p, y, z, strict=True))


def _entmax15(z, y):
    """The definition, with the quadratic equation of the largest classes (Peters et al., algorithm 2)."""
    y, ordered = _one_hot(z, y), sorted((x / 2 for x in z), reverse=True)
    for k in range(1, len(z) + 1):
        mean = sum(ordered[:k]) / k
        tau = mean - sqrt((sum(y) - sum((x - mean) ** 2 for x in ordered[:k])) / k)
        if k == len(z) or tau >= ordered[k]:
            break
    p = [max(x / 2 - tau, mpf(0)) ** 2 for x in z]
    omega = lambda q: sum(x * sqrt(x) for x in q) * 4 / 3
    return sum((a - b) * x for a, b, x in zip(p, y, z, strict=True)) - omega(p) + omega(y)


def _binary_sparsemax(z, y):
    plus = mpf(0) if z <= -1 else z if z >= 1 else (z + 1) ** 2 / 4
    return plus - y * z - y * (1 - y)


def _sum_of_squares(scores):
    return (scores * scores).sum() / 2


CASES = (
    *(
        Case(
            loss=multiclass_sparsemax,
            inputs=data,
            reference=_sparsemax,
            formula="½‖p − y‖² + Σ yⱼ max(τ − zⱼ, 0), p = max(z − τ, 0)",
            differentiable=1,
            properties=FENCHEL_YOUNG,
            lipschitz=1,
            ulps=4,
            conditioned=True,
            peers={"optax": "losses.multiclass_sparsemax_loss"} if data.labels == "integer" else {},
        )
        for data in (inputs.integer_rows(), inputs.dense_rows())
    ),
    *(
        Case(
            loss=entmax15,
            inputs=data,
            reference=_entmax15,
            formula="max_p (z·p − Ω(p)) + Ω(y) − z·y, Ω(p) = 4/3 Σ (p^1.5 − p)",
            differentiable=1,
            properties=FENCHEL_YOUNG,
            lipschitz=1,
            ulps=8,  # a threshold from a quadratic equation
            conditioned=True,
        )
        for data in (inputs.integer_rows(), distributions())
    ),
    Case(
        loss=binary_sparsemax,
        inputs=inputs.binary_logits(soft=False, largest=1e30, kinks=(-1.0, 1.0)),
        reference=_binary_sparsemax,
        formula="(p − y)² + (1 − y) max(z − 1, 0) + y max(−z − 1, 0), p = clip((z + 1)/2)",
        differentiable=1,
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        ulps=2,
        conditioned=True,
        peers={"optax": "losses.sparsemax_loss"},
    ),
    Case(
        loss=fenchel_young(_sum_of_squares),
        inputs=dataclasses.replace(inputs.dense_rows(), names=("scores", "targets")),
        reference=lambda s, t: sum(a * a / 2 - a * b for a, b in zip(s, t, strict=True)),
        formula="½‖s‖² − s·t, the Fenchel-Young loss of ½‖s‖²",
        properties={Property.CONVEX, Property.CLASS_PERMUTABLE},
        ulps=4,
        conditioned=True,
    ),
)
