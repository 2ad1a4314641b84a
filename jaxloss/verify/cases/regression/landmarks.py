"""Cases of `jaxloss.regression.landmarks`."""

import dataclasses

import numpy as np
from mpmath import log

from jaxloss.regression.landmarks import adaptive_wing, wing
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Inputs, Property, Regime


def _heatmaps(theta: float) -> Inputs:
    """Heatmaps with targets in [0, 1], many of them exactly 0 or 1."""
    plain = inputs.residuals(kinks=(-theta, theta), smallest=1e-14, target=1.0)

    def draw(rng: np.random.Generator, n: int, regime: Regime, classes: int) -> tuple[np.ndarray, ...] | None:
        drawn = plain.draw(rng, n, regime, classes)
        if drawn is None:
            return None
        predictions, targets = drawn
        inside = np.where(rng.random(n) < 0.5, rng.random(n), rng.integers(0, 2, n))
        if regime == Regime.TINY:
            return predictions, targets
        if regime == Regime.HUGE:
            # Linear there, with a derivative in the target that is a difference of two terms, 0 near a target of 0.3.
            inside = 0.75 + 0.25 * inside
        if regime == Regime.EQUAL:
            return inside * (1 + rng.choice([0.0, 1e-6, -1e-3], n)), inside
        return predictions - targets + inside, inside

    return dataclasses.replace(plain, draw=draw)


def _wing(p, t, width, curvature):
    r = abs(p - t)
    if r < width:
        return width * log(1 + r / curvature)
    return r - (width - width * log(1 + width / curvature))


def _adaptive_wing(p, t, alpha, omega, epsilon, theta):
    r, n = abs(p - t), alpha - t
    if r < theta:
        return omega * log(1 + (r / epsilon) ** n)
    slope = omega / (1 + (theta / epsilon) ** n) * n * (theta / epsilon) ** (n - 1) / epsilon
    return slope * r - (theta * slope - omega * log(1 + (theta / epsilon) ** n))


CASES = (
    *(
        Case(
            loss=wing,
            inputs=inputs.residuals(kinks=(-width, 0.0, width), span=(-1.5 * width, 1.5 * width)),
            reference=_wing,
            formula="w log(1 + |r|/ε) if |r| < w else |r| − C",
            params={"width": width, "curvature": curvature},
            learnable=("width", "curvature"),
            differentiable=0,
            properties={Property.NON_NEGATIVE, Property.SYMMETRIC, Property.ZERO_AT_TARGET},
            lipschitz=max(1, width / curvature),
            ulps=4,
            conditioned=True,
        )
        for width, curvature in ((10.0, 2.0), (0.5, 4.0))
    ),
    *(
        Case(
            loss=adaptive_wing,
            inputs=_heatmaps(theta),
            reference=_adaptive_wing,
            formula="ω log(1 + |r/ε|^(α−t)) if |r| < θ else A|r| − C",
            params={"alpha": alpha, "omega": 14.0, "epsilon": epsilon, "theta": theta},
            learnable=("alpha", "omega", "epsilon", "theta"),
            differentiable=1,
            properties={Property.NON_NEGATIVE, Property.ZERO_AT_TARGET},
            ulps=8,
            conditioned=True,
        )
        for alpha, epsilon, theta in ((2.1, 1.0, 0.5), (2.5, 0.25, 2.0))
    ),
)
