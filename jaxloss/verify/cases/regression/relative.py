"""Cases of `jaxloss.regression.relative`."""

import dataclasses

import numpy as np
from mpmath import log, mpf

from jaxloss.regression.relative import (
    mean_absolute_percentage_error,
    squared_log_error,
    symmetric_mean_absolute_percentage_error,
)
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Inputs, Property, Regime


def _scaled() -> Inputs:
    """Prices: targets of any size and either sign, never 0, and predictions of a like or of another size."""
    plain = inputs.residuals(target=1.0)

    def draw(rng: np.random.Generator, n: int, regime: Regime, classes: int) -> tuple[np.ndarray, ...] | None:
        if regime in (Regime.TINY, Regime.HUGE):
            low, high = (1e-30, 1e-2) if regime == Regime.TINY else (1e2, 1e30)
            targets = inputs.magnitudes(rng, n, low, high)
            predictions = np.where(
                rng.random(n) < 0.5, targets * (1 + inputs.magnitudes(rng, n, 1e-6, 10.0)), rng.normal(size=n)
            )
            return predictions, targets
        return plain.draw(rng, n, regime, classes)

    return dataclasses.replace(plain, draw=draw)


def _smape(p, t):
    return 2 * abs(p - t) / (abs(p) + abs(t)) if p != t else mpf(0)


RELATIVE = {Property.NON_NEGATIVE, Property.ZERO_AT_TARGET}

CASES = (
    Case(
        loss=mean_absolute_percentage_error,
        inputs=_scaled(),
        reference=lambda p, t: abs(p - t) / abs(t),
        formula="|r| / |t|",
        differentiable=0,
        properties=RELATIVE | {Property.CONVEX},
        degree=0,
        ulps=2,
    ),
    Case(
        loss=mean_absolute_percentage_error,
        inputs=inputs.residuals(kinks=(0.0,), target=1.0),
        reference=lambda p, t, minimum: abs(p - t) / max(abs(t), minimum),
        formula="|r| / max(|t|, m)",
        params={"minimum": 0.5},
        learnable=("minimum",),
        differentiable=0,
        properties=RELATIVE | {Property.CONVEX},
        lipschitz=2,
        ulps=2,
    ),
    Case(
        loss=symmetric_mean_absolute_percentage_error,
        inputs=_scaled(),
        reference=_smape,
        formula="2 |r| / (|p| + |t|)",
        differentiable=0,
        properties=RELATIVE | {Property.SYMMETRIC},
        degree=0,
        ulps=4,
    ),
    Case(
        loss=squared_log_error,
        inputs=inputs.residuals(positive=True, target=1.0, span=(-0.9, 5.0)),
        reference=lambda p, t: (log(1 + p) - log(1 + t)) ** 2,
        formula="(log(1 + p) − log(1 + t))²",
        properties=RELATIVE | {Property.SYMMETRIC},
        ulps=8,
        peers={"keras": "losses.mean_squared_logarithmic_error"},
    ),
)
