"""Cases of losses and measures of pixels, on lines of them."""

import dataclasses
import itertools

import numpy as np
from mpmath import exp, log, mpf

from jaxloss.generative.pixels import edge_aware_smoothness, psnr, total_variation
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.cases.generative import images

PIXELS, CHANNELS = 4, 2
PAIRS = images(pixels=PIXELS, channels=CHANNELS, smallest=1e-30, largest=1e30, members=PIXELS, member="pixel")


def _part(positions: tuple[int, ...], names: tuple[str, ...], *, depth: bool = False, largest: float = 1e30) -> Inputs:
    """Some of the arguments of the pairs; the first without channels if it is a depth."""

    def choose(data: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        chosen = [data[i] for i in positions]
        return (chosen[0][..., 0], *chosen[1:]) if depth else tuple(chosen)

    source = images(pixels=PIXELS, channels=CHANNELS, smallest=1e-30, largest=largest)

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int, m: int) -> tuple[np.ndarray, ...] | None:
        # The slope of a depth is a difference of two exponentials, both of which are 1 for a tiny image.
        data = None if depth and regime == Regime.TINY else source.draw(rng, n, regime, c, m)
        return None if data is None else choose(data)

    curve = lambda x: choose(PAIRS.curve(x))  # pyrefly: ignore  (it has one)
    return dataclasses.replace(PAIRS, names=names, draw=draw, curve=curve, compare=1, neighbours=True)


def _noisy(x: np.ndarray) -> tuple[np.ndarray, ...]:
    """The pairs of a curve with noise between them: the ratio of equal images is infinite."""
    first, second = PAIRS.curve(x)  # pyrefly: ignore  (it has one)
    return first, second + 0.25 * (-1.0) ** np.arange(second.shape[1])[None, :, None]


def _psnr(x, y, data_range=1, **_):
    errors = [(a - b) ** 2 for row in zip(x, y, strict=True) for a, b in zip(*row, strict=True)]
    return 10 * log(mpf(data_range) ** 2 / (sum(errors) / len(errors)), 10)


def _variation(x, **_):
    return sum(abs(b - a) for row in itertools.pairwise(x) for a, b in zip(*row, strict=True))


def _smoothness(d, image, edge_weight=1, **_):
    edges = [sum(abs(b - a) for a, b in zip(*row, strict=True)) / CHANNELS for row in itertools.pairwise(image)]
    terms = [abs(b - a) * exp(-edge_weight * e) for a, b, e in zip(d, d[1:], edges, strict=False)]
    return sum(terms) / len(terms)


CASES = (
    Case(
        loss=psnr,
        inputs=dataclasses.replace(PAIRS, curve=_noisy),
        reference=_psnr,
        formula="10 log₁₀(R² / mean (ŷ − y)²)",
        params={"axis": -2, "data_range": 2.0},
        learnable=("data_range",),
        properties={Property.SYMMETRIC},
        ulps=16,
        conditioned=True,
    ),
    Case(
        loss=total_variation,
        inputs=_part((0,), ("images",)),
        reference=_variation,
        formula="Σ |xᵢ₊₁ − xᵢ|",
        params={"axis": -2},
        differentiable=0,
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        degree=1,
        ulps=8,
    ),
    Case(
        loss=edge_aware_smoothness,
        inputs=_part((0, 1), ("predictions", "images"), depth=True, largest=50.0),
        reference=_smoothness,
        formula="mean |dᵢ₊₁ − dᵢ| exp(−α mean |Iᵢ₊₁ − Iᵢ|)",
        params={"axis": -2, "edge_weight": 0.75},
        learnable=("edge_weight",),
        differentiable=0,
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        ulps=8,
        conditioned=True,
    ),
)
