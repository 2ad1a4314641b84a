"""Cases of `jaxloss.ranking`: how lists are drawn, and ranks by definition."""

from __future__ import annotations

from collections.abc import Container

import numpy as np
from mpmath import log, mpf

from jaxloss.verify.case import Inputs, Regime
from jaxloss.verify.inputs import magnitudes

__all__ = ["dcg", "discount", "gain", "lists", "ranks"]


SMOOTH = (Regime.ORDINARY, Regime.TINY, Regime.HUGE, Regime.SATURATED, Regime.EQUAL)


def lists(
    *, labels: str = "graded", regimes: Container[Regime] = SMOOTH, largest: float = 100.0, items: int = 5
) -> Inputs:
    """Scores of the items of a list and their labels: "binary", "graded" from 0 to 3, "distinct" or "real".

    Items of middling labels are pulled both ways: where scores are nearly equal, or far apart, by nearly the same.
    """

    def draw(rng: np.random.Generator, n: int, regime: Regime, _: int, m: int) -> tuple[np.ndarray, ...] | None:
        shape = (n, m)
        if regime not in regimes:
            return None
        if regime == Regime.ORDINARY:
            scores = 2 * rng.normal(size=shape)
        elif regime == Regime.TINY:
            scores = magnitudes(rng, shape, 1e-30, 1e-2)
        elif regime == Regime.HUGE:
            scores = magnitudes(rng, shape, 1.0, largest)
        elif regime == Regime.SATURATED:
            scores = rng.choice([-1.0, 1.0], shape) * rng.choice([20.0, 60.0], shape) + rng.normal(size=shape)
        elif regime == Regime.KINKS:  # differences of scores near 1
            scores = rng.integers(-2, 3, shape) + magnitudes(rng, shape, 1e-5, 1e-1)
        else:
            scores = np.where(rng.random(shape) < 0.7, 0.0, rng.normal(size=shape))
        return scores, _labels(rng, shape, labels)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        zero = np.zeros_like(x)
        relevance = np.broadcast_to([2, 1, 0, 0], (len(x), 4)).copy()
        return np.stack([x, zero + 1, zero, zero - 1], -1), relevance.astype(float if labels == "real" else np.int32)

    return Inputs(
        ("scores", "labels"),
        draw,
        members=items,
        member="item",
        curve=curve,
        span=(-4.0, 4.0),
        xlabel="score of the best item, others at 1, 0 and −1",
        compare=2,
    )


def _labels(rng: np.random.Generator, shape: tuple[int, int], kind: str) -> np.ndarray:
    if kind == "real":  # never 0, where a list without relevance begins
        return rng.uniform(0.2, 1.5, shape)
    if kind == "distinct":
        return rng.permuted(np.broadcast_to(np.arange(shape[1]), shape), axis=1).astype(np.int32)
    grades = rng.integers(0, 2 if kind == "binary" else 4, shape)
    grades[:, 0] = np.maximum(grades[:, 0], 1)
    return grades.astype(np.int32)


def gain(label):
    return mpf(2) ** label - 1


def discount(rank):
    return log(2) / log(1 + rank)


def ranks(scores):
    """Of equal scores the first is ahead."""
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    return [1 + order.index(i) for i in range(len(scores))]


def dcg(values, labels, k=None):
    return sum(gain(y) * discount(r) for y, r in zip(labels, values, strict=True) if k is None or r <= k)
