"""Cases of `jaxloss.generative`, and how scores, predictions and images are drawn."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxloss.verify.case import Inputs, Regime
from jaxloss.verify.inputs import magnitudes

__all__ = ["fixed", "images", "numbers"]

LIMITS = {Regime.TINY: (0.0, 1e-2), Regime.HUGE: (1e2, np.inf)}


def fixed(loss: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what is left of a loss of a function and arrays when the function is this one."""

    def of_arrays(*data: Any, **options: Any) -> Any:
        return loss(function, *data, **options)

    signature = inspect.signature(loss)
    arrays = list(signature.parameters.values())[1:]
    of_arrays.__signature__ = signature.replace(parameters=arrays)  # pyrefly: ignore  (an attribute of any function)
    of_arrays.__name__, of_arrays.__module__ = loss.__name__, loss.__module__
    return of_arrays


def numbers(
    names: Sequence[str],
    *,
    kinks: Sequence[float] = (),
    smallest: float = 1e-30,
    largest: float = 1e30,
    **options: Any,
) -> Inputs:
    """Numbers, one of each argument an event, all of them of the size of the regime.

    The first of them, minus the others, is near a kink.
    """

    def draw(rng: np.random.Generator, n: int, regime: Regime, _: int) -> tuple[np.ndarray, ...] | None:
        if regime == Regime.ORDINARY:
            return tuple(2 * rng.normal(size=(len(names), n)))
        if regime in LIMITS:
            low, high = LIMITS[regime]
            return tuple(magnitudes(rng, (len(names), n), max(low, smallest), min(high, largest)))
        if regime == Regime.EQUAL and len(names) > 1:
            first = rng.normal(size=n)
            return (first, *(first * (1 + rng.choice([0.0, 1e-3, -1e-6], n)) for _ in names[1:]))
        if regime == Regime.KINKS and kinks:
            near = rng.choice(np.asarray(kinks), (len(names), n)) + magnitudes(rng, (len(names), n), 1e-6, 1e-1)
            return tuple(near)
        return None

    settings: dict[str, Any] = {
        "curve": lambda x: (x, *(np.zeros_like(x) for _ in names[1:])),
        "compare": len(names),
    }
    return Inputs(tuple(names), draw, **settings | options)


def images(
    *,
    pixels: int = 6,
    channels: int = 2,
    smallest: float = 1e-15,
    largest: float = 1e15,
    noise: float = 1e-2,
    **options: Any,
) -> Inputs:
    """Two lines of pixels with channels, of every brightness, and nearly the same."""

    def draw(
        rng: np.random.Generator, n: int, regime: Regime, c: int, m: int = pixels
    ) -> tuple[np.ndarray, ...] | None:
        x, y = rng.uniform(size=(2, n, m, c))
        if regime == Regime.TINY:
            return x * smallest, y * smallest
        if regime == Regime.HUGE:
            return x * largest, y * largest
        if regime == Regime.EQUAL:
            return x, x + noise * rng.normal(size=x.shape)
        return (x, y) if regime == Regime.ORDINARY else None

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        ramp = np.linspace(0, 1, pixels)[None, :, None]
        wave = np.sin(5 * np.arange(pixels))[None, :, None]
        return ramp + 0.3 * x[:, None, None] * wave, np.broadcast_to(ramp, (len(x), pixels, 1)).copy()

    settings: dict[str, Any] = {"axis": -1, "classes": channels, "curve": curve, "compare": 2}
    return Inputs(("predictions", "targets"), draw, xlabel="noise on a ramp", **settings | options)
