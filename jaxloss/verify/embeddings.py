"""How cosines, pairs, triplets and labelled batches of embeddings are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxloss.verify.case import Inputs, Regime
from jaxloss.verify.inputs import magnitudes

__all__ = ["batches_and_proxies", "cosine_rows", "labelled_batches", "labelled_pairs", "triplets"]

SIZES = {Regime.ORDINARY: 1.0, Regime.TINY: 1e-30, Regime.HUGE: 1e30, Regime.EQUAL: 1.0}


def cosine_rows(*, widest: float = 1.0, classes: int = 5, centers: int | None = None) -> Inputs:
    """Rows of cosines, some within 1e-6 of the ends, and one class id each.

    ``widest`` bounds them where the scale is so large that probabilities would be below the smallest normal number.
    """

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        shape = (n, c) if centers is None else (n, c, centers)
        if regime == Regime.ORDINARY:
            cosines = rng.uniform(-0.95, 0.95, shape)
        elif regime == Regime.TINY:
            cosines = magnitudes(rng, shape, 1e-30, 1e-2)
        elif regime == Regime.SATURATED:
            cosines = rng.choice([-1.0, 1.0], shape) * (1 - np.abs(magnitudes(rng, shape, 1e-6, 1e-1)))
        elif regime == Regime.EQUAL and centers is None:
            cosines = np.repeat(rng.uniform(-0.9, 0.9, (n, 1)), c, axis=1)
        else:
            return None
        return widest * cosines, rng.integers(0, c, n).astype(np.int32)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        rows = np.stack([x, np.full_like(x, 0.2), np.full_like(x, 0.0)], axis=-1)
        return rows if centers is None else rows[..., None], np.zeros(len(x), np.int32)

    return Inputs(
        ("cosines", "labels"),
        draw,
        axis=-1,
        classes=classes,
        labels="integer",
        curve=curve,
        span=(-0.99, 0.99),
        xlabel="cosine of the true class, others 0.2 and 0",
    )


def labelled_pairs(*, different: float, largest: float = 1e30, features: int = 4) -> Inputs:
    """Two vectors an event and a label: 1, or that of a pair of different things."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        if (size := _size(regime, largest)) is None:
            return None
        first, second = rng.normal(size=(n, c)), rng.normal(size=(n, c))
        if regime == Regime.EQUAL:
            second = first * (1 + 1e-3 * rng.normal(size=(n, c)))
        # Not all at the margin's side: some pairs of different things are near.
        near = np.where(rng.random((n, 1)) < 0.5, 0.3, 1.0)
        return size * near * first, size * near * second, np.where(rng.random(n) < 0.5, 1.0, different)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        turned = np.stack([np.cos(x), np.sin(x)], axis=-1)
        first = np.broadcast_to([1.0, 0.0], turned.shape).copy()
        return turned, first, np.full(len(x), different)

    names = ("first", "second", "labels")
    xlabel = f"angle between unit vectors, label {different:g}"
    return Inputs(names, draw, axis=-1, classes=features, curve=curve, xlabel=xlabel, compare=2, scene="points")


def triplets(*, features: int = 4) -> Inputs:
    """Anchors, positives and negatives of any length."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        if (size := _size(regime, 1e30)) is None:
            return None
        anchors, positives, negatives = rng.normal(size=(3, n, c))
        if regime == Regime.EQUAL:
            positives = anchors * (1 + 1e-3 * rng.normal(size=(n, c)))
        return size * anchors, size * positives, size * negatives

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        still = np.zeros_like(x)
        anchors = np.stack([x, still], axis=-1)
        return anchors, np.stack([still, still], axis=-1), np.stack([still + 2, still], axis=-1)

    xlabel = "anchor, positive at 0, negative at 2"
    names = ("anchors", "positives", "negatives")
    return Inputs(names, draw, axis=-1, classes=features, curve=curve, xlabel=xlabel, compare=3, scene="points")


def labelled_batches(
    *, smallest: float = 1e-30, largest: float = 1e30, nearest: float = 1e-2, examples: int = 6, features: int = 3
) -> Inputs:
    """Batches of embeddings and their labels, which are any integers; some examples are alone in their class."""

    def draw(
        rng: np.random.Generator, n: int, regime: Regime, features: int, examples: int
    ) -> tuple[np.ndarray, ...] | None:
        if (size := _size(regime, largest, smallest)) is None:
            return None
        labels = 7 * rng.integers(-1, max(2, examples // 16), (n, examples)) + 3
        embeddings = rng.normal(size=(n, examples, features))
        if regime == Regime.EQUAL:
            embeddings = embeddings[:, :1] + nearest * embeddings
        return size * embeddings, labels.astype(np.int32)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        turned = np.stack([np.cos(x), np.sin(x)], axis=-1)
        rest = np.broadcast_to([[1.0, 0.0], [0.0, 1.0], [-0.6, 0.8]], (len(x), 3, 2))
        labels = np.broadcast_to(np.array([0, 0, 1, 1], np.int32), (len(x), 4)).copy()
        return np.concatenate([turned[:, None], rest], axis=1), labels

    return Inputs(
        ("embeddings", "labels"),
        draw,
        axis=-1,
        classes=features,
        members=examples,
        value_per="member",
        curve=curve,
        xlabel="angle of one of four embeddings",
        scene="points",
    )


def batches_and_proxies(
    *, value_per: Any = "member", centers: int | None = None, examples: int = 5, features: int = 3, proxies: int = 4
) -> Inputs:
    """Batches of embeddings, proxies of the classes (or several centers each), and class ids."""

    def draw(
        rng: np.random.Generator, n: int, regime: Regime, features: int, examples: int
    ) -> tuple[np.ndarray, ...] | None:
        if (size := _size(regime, 1e30)) is None or regime == Regime.EQUAL:
            return None
        shape = (n, proxies, features) if centers is None else (n, proxies, centers, features)
        labels = rng.integers(0, proxies, (n, examples)).astype(np.int32)
        return size * rng.normal(size=(n, examples, features)), rng.normal(size=shape), labels

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        turned = np.stack([np.cos(x), np.sin(x)], axis=-1)[:, None]
        points = np.broadcast_to([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], (len(x), 3, 2)).copy()
        if centers is not None:
            points = np.stack([points, points[..., ::-1]], axis=-2)
        return turned, points, np.zeros((len(x), 1), np.int32)

    return Inputs(
        ("embeddings", "proxies", "labels"),
        draw,
        axis=-1,
        classes=features,
        members=examples,
        members_of=(0, 2),
        value_per=value_per,
        curve=curve,
        xlabel="angle between embedding and proxy",
        scene="points",
    )


def _size(regime: Regime, largest: float, smallest: float = 1e-30) -> float | None:
    size = SIZES.get(regime)
    return None if size is None else min(max(size, smallest), largest)
