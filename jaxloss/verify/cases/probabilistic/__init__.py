"""Cases of `jaxloss.probabilistic`, and how predictions, parameters and targets are drawn."""

from collections.abc import Callable

import numpy as np
from mpmath import loggamma, mpf

from jaxloss.verify.case import Inputs, Regime
from jaxloss.verify.inputs import magnitudes


def numbers(small: float = 1e-30, large: float = 1e30) -> Callable:
    """Numbers of either sign."""

    def draw(rng: np.random.Generator, shape: object, regime: Regime) -> np.ndarray:
        if regime == Regime.TINY:
            return magnitudes(rng, shape, small, 1e-2)
        return magnitudes(rng, shape, 1e2, large) if regime == Regime.HUGE else rng.normal(size=shape)

    return draw


def positive(small: float = 1e-30, large: float = 1e30) -> Callable:
    """Positive numbers of any magnitude."""

    def draw(rng: np.random.Generator, shape: object, regime: Regime) -> np.ndarray:
        if regime == Regime.TINY:
            return np.abs(magnitudes(rng, shape, small, 1e-1))
        if regime == Regime.HUGE:
            return np.abs(magnitudes(rng, shape, 1e1, large))
        if regime == Regime.SATURATED:  # every argument of a size of its own
            return np.abs(magnitudes(rng, shape, small, large))
        return np.exp(0.7 * rng.normal(size=shape))

    return draw


def logarithms(largest: float = 60.0) -> Callable:
    """Logarithms and logits."""

    def draw(rng: np.random.Generator, shape: object, regime: Regime) -> np.ndarray:
        if regime == Regime.TINY:
            return magnitudes(rng, shape, 1e-30, 1e-2)
        return (largest / 3 if regime in (Regime.HUGE, Regime.SATURATED) else 1.0) * np.clip(
            rng.normal(size=shape), -3, 3
        )

    return draw


def counts(large: float = 1e6) -> Callable:
    """Counts: zeros and ones, a few, very many."""

    def draw(rng: np.random.Generator, shape: object, regime: Regime) -> np.ndarray:
        if regime == Regime.TINY:
            return rng.integers(0, 2, shape).astype(float)
        if regime in (Regime.HUGE, Regime.SATURATED):
            return np.floor(np.abs(magnitudes(rng, shape, 1, large)))
        return rng.poisson(3.0, shape).astype(float)

    return draw


def predictions(
    *,
    named: int = 0,
    near: Callable | None = None,
    curve: Callable[[np.ndarray], tuple[np.ndarray, ...]],
    span: tuple[float, float] = (-3.0, 3.0),
    xlabel: str = "predicted mean",
    compare: int = 2,
    regimes: tuple[Regime, ...] = tuple(Regime),
    **kinds: Callable,
) -> Inputs:
    """Data arguments, each drawn in its own way; the regime EQUAL puts the first next to the second by ``near``."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, _: int) -> tuple[np.ndarray, ...] | None:
        if regime == Regime.KINKS or regime not in regimes:
            return None
        data = [kind(rng, n, regime) for kind in kinds.values()]
        if regime == Regime.EQUAL:
            if near is None:
                return None
            data[0] = near(data[1], 1 + rng.choice([1e-6, -1e-6, 1e-3, -1e-3], n))
        return tuple(data)

    return Inputs(tuple(kinds), draw, named=named, curve=curve, span=span, xlabel=xlabel, compare=compare)


def times(x: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Next to ``x``, away from 0."""
    return np.where(x == 0, 1, x) * factor


def log_factorial(y: mpf) -> mpf:
    """Logarithm of y!."""
    return loggamma(y + 1)
