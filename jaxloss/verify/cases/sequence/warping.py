"""Cases of the losses that warp time."""

from collections.abc import Iterator

import numpy as np
from mpmath import exp, log, mpf

from jaxloss.sequence.warping import dilate, soft_dtw, soft_dtw_divergence
from jaxloss.verify.case import Case, Inputs, Property, Regime

SIZES = {Regime.ORDINARY: 1.0, Regime.TINY: 1e-6, Regime.HUGE: 1e4, Regime.EQUAL: 1.0}


def _series() -> Inputs:
    """Two series, of which the targets have a step less; some nearly equal."""

    def draw(
        rng: np.random.Generator, n: int, regime: Regime, features: int, time: int
    ) -> tuple[np.ndarray, ...] | None:
        if (size := SIZES.get(regime)) is None:
            return None
        predictions, targets = rng.normal(size=(n, time, features)), rng.normal(size=(n, time - 1, features))
        if regime == Regime.EQUAL:
            targets = predictions[:, :-1] * (1 + 1e-2 * rng.normal(size=targets.shape))
        return size * predictions, size * targets

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        still = np.zeros_like(x)
        predictions = np.stack([still, x, still], -1)[..., None]
        return predictions, np.broadcast_to(np.array([[0.0], [1.0], [0.0]]), predictions.shape).copy()

    return Inputs(
        ("predictions", "targets"),
        draw,
        axis=-1,
        classes=2,
        steps=3,
        curve=curve,
        xlabel="second of three steps, target 1, the others 0",
    )


def _alignments(rows: int, columns: int) -> Iterator[list[tuple[int, int]]]:
    if rows == columns == 1:
        yield [(0, 0)]
    for down, right in ((1, 0), (0, 1), (1, 1)):
        if rows > down and columns > right:
            for path in _alignments(rows - down, columns - right):
                yield [*path, (rows - 1, columns - 1)]


def _weighted(x, y, gamma):
    """Every alignment with e to the minus its cost over gamma, and the cost that was taken out of all."""
    cost = lambda i, j: sum((a - b) ** 2 for a, b in zip(x[i], y[j], strict=True))
    costs = [(path, sum(cost(i, j) for i, j in path)) for path in _alignments(len(x), len(y))]
    least = min(c for _, c in costs)
    return [(path, exp((least - c) / gamma)) for path, c in costs], least


def _soft_dtw(x, y, gamma=mpf(1)):
    paths, least = _weighted(x, y, gamma)
    return least - gamma * log(sum(weight for _, weight in paths))


def _divergence(x, y, gamma=mpf(1)):
    return _soft_dtw(x, y, gamma) - (_soft_dtw(x, x, gamma) + _soft_dtw(y, y, gamma)) / 2


def _dilate(x, y, alpha=mpf(1) / 2, gamma=mpf(1) / 100):
    paths, _ = _weighted(x, y, gamma)
    late = lambda path: sum((mpf(i) / len(x) - mpf(j) / len(y)) ** 2 for i, j in path)
    time = sum(weight * late(path) for path, weight in paths) / sum(weight for _, weight in paths)
    return alpha * _soft_dtw(x, y, gamma) + (1 - alpha) * time


CASES = (
    Case(
        loss=soft_dtw,
        inputs=_series(),
        reference=_soft_dtw,
        formula="−γ log Σ over alignments of exp(−Σ‖xᵢ − yⱼ‖² / γ)",
        params={"gamma": np.float32(0.5)},
        learnable=("gamma",),
        properties={Property.SYMMETRIC},
        ulps=8,
        conditioned=True,
        unit=1,
    ),
    Case(
        loss=soft_dtw_divergence,
        inputs=_series(),
        reference=_divergence,
        formula="Sᵧ(x, y) − ½ Sᵧ(x, x) − ½ Sᵧ(y, y)",
        properties={Property.SYMMETRIC},
        ulps=8,
        conditioned=True,
        unit=1,
    ),
    Case(
        loss=dilate,
        inputs=_series(),
        reference=_dilate,
        formula="α Sᵧ(x, y) + (1 − α) Σ share of (i, j) · (i/n − j/m)²",
        params={"alpha": 0.25, "gamma": 0.5},
        ulps=8,
        conditioned=True,
        unit=1,
    ),
)
