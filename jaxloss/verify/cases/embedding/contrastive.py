"""Cases of `jaxloss.embedding.contrastive`."""

import numpy as np
from mpmath import exp, log, mpf, sqrt

from jaxloss.embedding.contrastive import decoupled_contrastive, nt_xent, supervised_contrastive
from jaxloss.verify.case import Case, Inputs, Property, Regime


def embeddings(rng, shape, regime, smallest=1e-30, largest=1e30):
    """Batches of embeddings: of any length, some of them the same, and in opposite or orthogonal directions."""
    x = rng.normal(size=shape)
    if regime == Regime.ORDINARY:
        return x
    if regime == Regime.TINY:
        return smallest * x
    if regime == Regime.HUGE:
        return largest * x
    if regime == Regime.EQUAL:
        x[:, 1] = x[:, 0]  # if all were equal, the gradient would be 0 and no term of it is
        return x
    if regime == Regime.SATURATED:
        # Turned from the axes: the part of one unit vector across another is as exact as their largest entry, no more.
        turn, _ = np.linalg.qr(rng.normal(size=(shape[-1], shape[-1])))
        axes = turn[rng.integers(0, shape[-1], shape[:-1])]
        return rng.choice([-1.0, 1.0], (*shape[:-1], 1)) * axes + 1e-3 * x
    return None


def _labelled(**sizes) -> Inputs:
    """Embeddings and the number of the group that each belongs to, two to a group on average."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int, m: int) -> tuple[np.ndarray, ...] | None:
        x = embeddings(rng, (n, m, c), regime, **sizes)
        return None if x is None else (x, rng.integers(0, max(2, m // 2), (n, m)).astype(np.int32))

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        turned, axes = np.stack([np.cos(x), np.sin(x)], axis=-1), np.tile(np.eye(2), (len(x), 1, 1))
        return np.concatenate([turned[:, None], axes], axis=1), np.tile(np.int32([0, 0, 1]), (len(x), 1))

    return Inputs(
        ("embeddings", "labels"),
        draw,
        axis=-1,
        classes=3,
        members=5,
        value_per="member",
        curve=curve,
        scene="points",
        xlabel="angle to the positive, a negative at π/2",
    )


def similarities(x, y, temperature, normalize):
    """All dot products, of unit vectors or as they are, over the temperature."""
    lengths = [[sqrt(sum(a * a for a in row)) if normalize else mpf(1) for row in rows] for rows in (x, y)]
    return [
        [
            sum(a * b for a, b in zip(p, q, strict=True)) / (m * n * temperature)
            for q, n in zip(y, lengths[1], strict=True)
        ]
        for p, m in zip(x, lengths[0], strict=True)
    ]


def _anchors(x, labels, temperature, normalize):
    """For each anchor the similarities of its positives and of its negatives."""
    for i, row in enumerate(similarities(x, x, temperature, normalize)):
        yield (
            [z for j, z in enumerate(row) if j != i and labels[j] == labels[i]],
            [z for j, z in enumerate(row) if labels[j] != labels[i]],
        )


def _nt_xent(x, labels, temperature=mpf("0.07"), normalize=True):
    return [
        sum(-log(exp(p) / (exp(p) + sum(map(exp, negatives)))) for p in positives)
        for positives, negatives in _anchors(x, labels, temperature, normalize)
    ]


def _decoupled(x, labels, temperature=mpf("0.1"), normalize=True):
    return [
        sum(-log(exp(p) / sum(map(exp, negatives))) for p in positives) if negatives else mpf(0)
        for positives, negatives in _anchors(x, labels, temperature, normalize)
    ]


def _supervised(x, labels, temperature=mpf("0.1"), normalize=True):
    return [
        sum(-log(exp(p) / sum(map(exp, positives + negatives))) for p in positives) / max(len(positives), 1)
        for positives, negatives in _anchors(x, labels, temperature, normalize)
    ]


FAMILY = (
    (nt_xent, _nt_xent, "Σ log(1 + Σ exp(z_n − z_p)), positives p, negatives n", {Property.NON_NEGATIVE}),
    (decoupled_contrastive, _decoupled, "Σ (log Σ exp(z_n) − z_p), positives p, negatives n", set()),
    (supervised_contrastive, _supervised, "mean of −log softmax(z)_p, positives p", {Property.NON_NEGATIVE}),
)

CASES = tuple(
    case
    for loss, reference, formula, properties in FAMILY
    for case in (
        Case(
            loss=loss,
            inputs=_labelled(),
            reference=reference,
            formula=f"{formula}, z = u·v/τ",
            properties=properties,
            degree=0,
            ulps=16,
            conditioned=True,
            peers={"optax": "losses.ntxent"} if loss is nt_xent else {},
        ),
        Case(
            loss=loss,
            inputs=_labelled(smallest=1e-15, largest=30.0),
            reference=reference,
            formula=f"{formula}, z = x·y/τ",
            params={"temperature": 0.5, "normalize": False},
            learnable=("temperature",),
            properties=properties,
            ulps=8,
            conditioned=True,
        ),
    )
)
