"""Cases of `jaxloss.segmentation`: how images of a few pixels are drawn, and sums over them by definition."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from mpmath import mpf

from jaxloss.verify.case import Inputs, Regime
from jaxloss.verify.inputs import magnitudes

__all__ = ["binary_pixels", "class_pixels", "sums", "targets"]

PIXELS, CLASSES = 6, 3


def class_pixels(
    labels: Literal["integer", "dense"] = "integer",
    *,
    argument: str = "probabilities",
    value_per: Literal["event", "class"] = "class",
    pixels: int = PIXELS,
    without: tuple[Regime, ...] = (),
    soft: bool = False,
    **options: Any,
) -> Inputs:
    """Images of a few pixels with probabilities or logits for each class, and a label for each pixel.

    ``without`` leaves regimes out; with ``soft``, no two dense labels are equal.
    """

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int, m: int) -> tuple[np.ndarray, ...] | None:
        ids = rng.integers(0, c, (n, m)).astype(np.int32)
        # Never 0: a class that is not in the image has no value, so that there is a jump at 0.
        hard = (rng.random((n, 1, 1)) < 0.5) & (not soft)
        dense = np.where(hard, np.eye(c)[ids], rng.dirichlet(np.ones(c), (n, m))) * 0.9 + 0.1 / c
        rows = (_logits if argument == "logits" else _probabilities)(rng, ids, regime, c)
        if rows is None or regime in without:
            return None
        if regime == Regime.EQUAL and not soft:
            dense = np.eye(c)[ids] * 0.999 + 0.001 / c
        return rows, ids if labels == "integer" else dense

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        """Four pixels of two classes: three that are as they are, and one of label 1 whose prediction is x."""
        zero = np.zeros_like(x)
        scores = np.stack([np.stack(row) for row in ([zero, zero - 2], [zero, zero + 1], [zero, x], [zero, zero - 2])])
        scores = np.moveaxis(scores, -1, 0)
        if argument != "logits":
            scores[:, 2] = 0
            e = np.exp(scores)
            scores = e / e.sum(-1, keepdims=True)
            scores[:, 2] = np.stack([1 - x, x], -1)
        ids = np.broadcast_to(np.array([0, 1, 1, 0], np.int32), (len(x), 4)).copy()
        return scores, ids if labels == "integer" else np.eye(2)[ids]

    settings: dict[str, Any] = {
        "labels": labels,
        "curve": curve,
        "span": (-6.0, 6.0) if argument == "logits" else (0.001, 0.999),
        "xlabel": f"{'logit' if argument == 'logits' else 'probability'} of one of two pixels with the label",
        "compare": 2 if labels == "dense" else 1,
    }
    return Inputs(
        (argument, "labels"),
        draw,
        axis=-1,
        classes=CLASSES,
        members=pixels,
        member="pixel",
        value_per=value_per,
        **settings | options,
    )


def binary_pixels(
    labels: Literal["integer", "dense"] = "integer",
    *,
    argument: str = "probabilities",
    without: tuple[Regime, ...] = (),
    **options: Any,
) -> Inputs:
    """Images of a few pixels with one object."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, _: int, m: int) -> tuple[np.ndarray, ...] | None:
        ids = rng.integers(0, 2, (n, m)).astype(np.int32)
        ids[:, 0] = 1
        rows = (_logits if argument == "logits" else _probabilities)(rng, ids, regime, 2)
        if rows is None or regime in without:
            return None
        soft = np.where(rng.random((n, 1)) < 0.5, ids.astype(float), rng.uniform(0.05, 0.95, (n, m)))
        dense = ids.astype(float) if regime == Regime.EQUAL else soft
        return rows[..., 1], ids if labels == "integer" else dense

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        others = [-2.0, 1.0, -2.0] if argument == "logits" else [0.1, 0.7, 0.1]
        rows = np.broadcast_to([*others, 0.0], (len(x), 4)).copy()
        rows[:, 3] = x
        ids = np.broadcast_to(np.array([0, 1, 0, 1], np.int32), (len(x), 4)).copy()
        return rows, ids if labels == "integer" else ids.astype(float)

    return Inputs(
        (argument, "labels"),
        draw,
        classes=2,
        members=PIXELS,
        member="pixel",
        labels=labels,
        curve=curve,
        span=(-4.0, 4.0) if argument == "logits" else (0.001, 0.999),
        xlabel=f"{'logit' if argument == 'logits' else 'probability'} of one of two pixels of the object",
        compare=2,
        **options,
    )


def _probabilities(rng: np.random.Generator, ids: np.ndarray, regime: Regime, c: int) -> np.ndarray | None:
    shape = (*ids.shape, c)
    if regime == Regime.ORDINARY:
        return rng.dirichlet(2 * np.ones(c), ids.shape) * 0.96 + 0.04 / c
    if regime == Regime.TINY:
        return np.abs(magnitudes(rng, shape, 1e-15, 0.1))
    if regime == Regime.EQUAL:  # nearly right
        wrong = np.abs(magnitudes(rng, shape, 1e-6, 1e-2))
        return np.where(np.eye(c)[ids] == 1, 1 - wrong, wrong)
    return None


def _logits(rng: np.random.Generator, ids: np.ndarray, regime: Regime, c: int) -> np.ndarray | None:
    shape = (*ids.shape, c)
    if regime == Regime.ORDINARY:
        return 2 * rng.normal(size=shape)
    if regime == Regime.TINY:
        return magnitudes(rng, shape, 1e-30, 1e-2)
    if regime == Regime.SATURATED:
        return rng.choice([-1.0, 1.0], shape) * rng.uniform(10.0, 60.0, shape)
    if regime == Regime.EQUAL:
        return 6.0 * np.eye(c)[ids] + 0.1 * rng.normal(size=shape)
    return None


def targets(labels: Any, classes: int) -> list[list[Any]]:
    """The targets of each class: a list of pixels for each."""
    if isinstance(labels[0], list):
        return [list(column) for column in zip(*labels, strict=True)]
    return [[mpf(label == c) for label in labels] for c in range(classes)]


def sums(p: Any, t: Any) -> tuple[Any, Any, Any]:
    """Return sum p t, sum p (1 - t) and sum (1 - p) t."""
    pairs = list(zip(p, t, strict=True))
    return sum(a * b for a, b in pairs), sum(a * (1 - b) for a, b in pairs), sum((1 - a) * b for a, b in pairs)
