"""How the data of each family are drawn, regime by regime."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxloss.verify.case import Draw, Inputs, Regime

__all__ = [
    "binary_logits",
    "binary_probabilities",
    "dense_probability_rows",
    "dense_rows",
    "embedding_pairs",
    "integer_probability_rows",
    "integer_rows",
    "magnitudes",
    "margins",
    "multilabel_rows",
    "residuals",
]


def magnitudes(rng: np.random.Generator, shape: int | tuple[int, ...], low: float, high: float) -> np.ndarray:
    """Return numbers of either sign whose magnitudes are spread evenly in the logarithm from low to high."""
    return np.exp(rng.uniform(np.log(low), np.log(high), shape)) * rng.choice([-1.0, 1.0], shape)


def residuals(
    *,
    kinks: Sequence[float] = (),
    positive: bool = False,
    smallest: float = 1e-30,
    largest: float = 1e30,
    span: tuple[float, float] = (-3.0, 3.0),
    target: float = 0.0,
) -> Inputs:
    """Predictions and targets of a regression loss whose formula changes its branch at the residuals ``kinks``.

    ``positive`` draws both positive (rates, prices); ``smallest`` and ``largest`` bound the magnitudes where the loss
    itself is not representable beyond (a squared error of 1e30 is not, in float32).
    """

    def draw(rng: np.random.Generator, n: int, regime: Regime, _: int) -> tuple[np.ndarray, ...] | None:
        targets = rng.normal(size=n)
        if regime == Regime.ORDINARY:
            predictions = targets + 2 * rng.normal(size=n)
        elif regime == Regime.TINY:
            predictions, targets = magnitudes(rng, n, smallest, 1e-2), np.zeros(n)
        elif regime == Regime.HUGE:
            predictions = magnitudes(rng, n, 1e2, largest)
        elif regime == Regime.EQUAL:
            predictions = targets * (1 + rng.choice([0.0, 1e-6, -1e-6, 1e-3, -1e-3], n))
        elif regime == Regime.KINKS and kinks:
            targets = np.where(rng.random(n) < 0.5, 0.0, targets)
            predictions = targets + rng.choice(np.asarray(kinks, float), n) * (1 + magnitudes(rng, n, 1e-7, 1e-1))
        else:
            return None
        return (np.abs(predictions), np.abs(targets)) if positive else (predictions, targets)

    return Inputs(("predictions", "targets"), draw, curve=lambda x: (x, np.full_like(x, target)), span=span, compare=2)


def binary_logits(*, soft: bool = True, largest: float = 1e4, kinks: Sequence[float] = (0.0,)) -> Inputs:
    """Logits and labels in {0, 1} or, when ``soft``, also in between."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, _: int) -> tuple[np.ndarray, ...] | None:
        labels = rng.integers(0, 2, n).astype(float)
        if soft and regime in (Regime.ORDINARY, Regime.HUGE):
            labels = np.where(rng.random(n) < 0.5, labels, rng.random(n))
        logits = _scores(rng, n, regime, largest, kinks)
        return None if logits is None else (logits, labels)

    return Inputs(
        ("logits", "labels"),
        draw,
        curve=lambda x: (x, np.ones_like(x)),
        span=(-6.0, 6.0),
        xlabel="logit, label 1",
        compare=2,
    )


def margins(*, kinks: Sequence[float] = (1.0,), largest: float = 1e30) -> Inputs:
    """Scores and labels of -1 or +1."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, _: int) -> tuple[np.ndarray, ...] | None:
        labels = rng.choice([-1.0, 1.0], n)
        scores = _scores(rng, n, regime, largest, kinks)
        return None if scores is None else (scores * labels if regime == Regime.KINKS else scores, labels)

    return Inputs(("scores", "labels"), draw, curve=lambda x: (x, np.ones_like(x)), xlabel="score, label +1", compare=2)


def binary_probabilities() -> Inputs:
    """Probabilities, the limits 0 and 1 among them, and labels in [0, 1]."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, _: int) -> tuple[np.ndarray, ...] | None:
        labels = rng.integers(0, 2, n).astype(float)
        if regime == Regime.ORDINARY:
            return rng.uniform(0.01, 0.99, n), np.where(rng.random(n) < 0.5, labels, rng.random(n))
        if regime == Regime.TINY:
            tiny = np.abs(magnitudes(rng, n, 1e-6, 1e-2))
            return np.where(rng.random(n) < 0.5, tiny, 1 - tiny), labels
        return None

    return Inputs(
        ("probabilities", "labels"),
        draw,
        curve=lambda x: (x, np.ones_like(x)),
        span=(0.001, 0.999),
        xlabel="probability, label 1",
        compare=2,
    )


def integer_rows(*, argument: str = "logits", largest: float = 1e4, classes: int = 5) -> Inputs:
    """Rows of logits and one class id each."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        rows = _score_rows(rng, n, regime, largest, c)
        return None if rows is None else (rows, rng.integers(0, c, n).astype(np.int32))

    return _rows(argument, draw, classes, labels="integer")


def dense_rows(*, argument: str = "logits", largest: float = 1e4, classes: int = 5) -> Inputs:
    """Rows of logits and label distributions, one-hot and uniform ones among them."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        rows = _score_rows(rng, n, regime, largest, c)
        return None if rows is None else (rows, _distributions(rng, n, c))

    return _rows(argument, draw, classes, labels="dense")


def multilabel_rows(*, argument: str = "logits", largest: float = 1e4, classes: int = 5) -> Inputs:
    """Rows of logits and of labels in {0, 1}, any number of them 1."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        rows = _score_rows(rng, n, regime, largest, c)
        return None if rows is None else (rows, rng.integers(0, 2, (n, c)).astype(float))

    return _rows(argument, draw, classes, labels="dense")


def integer_probability_rows(*, smallest: float = 1e-6, classes: int = 5) -> Inputs:
    """Rows of probabilities and one class id each."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        rows = _probability_rows(rng, n, regime, smallest, c)
        return None if rows is None else (rows, rng.integers(0, c, n).astype(np.int32))

    return _rows("probabilities", draw, classes, labels="integer")


def dense_probability_rows(*, smallest: float = 1e-6, classes: int = 5) -> Inputs:
    """Rows of probabilities and label distributions."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        rows = _probability_rows(rng, n, regime, smallest, c)
        return None if rows is None else (rows, _distributions(rng, n, c))

    return _rows("probabilities", draw, classes, labels="dense")


def embedding_pairs(*, features: int = 5) -> Inputs:
    """Two vectors an event, of any length in norm."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        predictions, targets = rng.normal(size=(n, c)), rng.normal(size=(n, c))
        if regime == Regime.TINY:
            predictions, targets = 1e-30 * predictions, 1e-25 * targets
        elif regime == Regime.HUGE:
            predictions, targets = 1e30 * predictions, 1e25 * targets
        elif regime == Regime.EQUAL:
            targets = predictions * (1 + 1e-3 * rng.normal(size=(n, c)))
        elif regime != Regime.ORDINARY:
            return None
        return predictions, targets

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        turned = np.stack([np.cos(x), np.sin(x)], axis=-1)
        return turned, np.broadcast_to([1.0, 0.0], turned.shape).copy()

    return Inputs(("predictions", "targets"), draw, axis=-1, classes=features, curve=curve, xlabel="angle", compare=2)


def _scores(
    rng: np.random.Generator, n: int, regime: Regime, largest: float, kinks: Sequence[float]
) -> np.ndarray | None:
    if regime == Regime.ORDINARY:
        return 3 * rng.normal(size=n)
    if regime == Regime.TINY:
        return magnitudes(rng, n, 1e-30, 1e-2)
    if regime == Regime.HUGE and largest > 1e2:
        return magnitudes(rng, n, 1e2, largest)
    if regime == Regime.SATURATED:
        return rng.choice([-1.0, 1.0], n) * rng.choice([15.0, 40.0, 80.0, min(100.0, largest), largest], n)
    if regime == Regime.KINKS and kinks:
        return rng.choice(np.asarray(kinks, float), n) + magnitudes(rng, n, 1e-7, 1e-1)
    return None


def _score_rows(rng: np.random.Generator, n: int, regime: Regime, largest: float, classes: int) -> np.ndarray | None:
    if regime == Regime.ORDINARY:
        return 2 * rng.normal(size=(n, classes))
    if regime == Regime.TINY:
        return magnitudes(rng, (n, classes), 1e-30, 1e-2)
    if regime == Regime.HUGE and largest > 1e2:
        return magnitudes(rng, (n, classes), 1.0, largest)
    if regime == Regime.SATURATED:
        return rng.choice([-1.0, 1.0], (n, classes)) * rng.choice([20.0, 60.0, 100.0], (n, classes))
    if regime == Regime.EQUAL:
        return np.repeat(rng.normal(size=(n, 1)), classes, axis=1)
    return None


def _distributions(rng: np.random.Generator, n: int, classes: int) -> np.ndarray:
    """Label rows: a third each one-hot, uniform and in general position."""
    rows = rng.dirichlet(np.ones(classes), n)
    kind = np.arange(n)[:, None] % 3
    one_hot = np.eye(classes)[rng.integers(0, classes, n)]
    return np.where(kind == 0, one_hot, np.where(kind == 1, 1 / classes, rows))


def _probability_rows(
    rng: np.random.Generator, n: int, regime: Regime, smallest: float, classes: int
) -> np.ndarray | None:
    if regime == Regime.ORDINARY:
        return rng.dirichlet(2 * np.ones(classes), n) * 0.96 + 0.04 / classes
    if regime == Regime.TINY:
        rows = np.abs(magnitudes(rng, (n, classes), smallest, 1.0))
        return rows / rows.sum(-1, keepdims=True) * 0.99 + smallest
    return None


def _rows(argument: str, draw: Draw, classes: int, labels: str) -> Inputs:
    probabilities = argument == "probabilities"

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        if probabilities:
            rows = np.stack([x, (1 - x) / 2, (1 - x) / 2], axis=-1)
        else:
            rows = np.stack([x, np.zeros_like(x), np.zeros_like(x)], axis=-1)
        first = np.zeros(len(x), np.int32)
        return rows, first if labels == "integer" else np.eye(3)[first]

    return Inputs(
        (argument, "labels"),
        draw,
        axis=-1,
        classes=classes,
        labels=labels,
        curve=curve,
        span=(0.001, 0.999) if probabilities else (-6.0, 6.0),
        xlabel="probability of the true class" if probabilities else "logit of the true class, others 0",
        compare=2 if labels == "dense" else 1,
    )
