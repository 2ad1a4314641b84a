"""Cases of `jaxloss.preference.rewards`."""

import numpy as np
from mpmath import exp, log1p

from jaxloss.preference.rewards import bradley_terry
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.inputs import magnitudes


def _rewards(largest: float = 1e4) -> Inputs:
    def draw(rng: np.random.Generator, n: int, regime: Regime, _: int) -> tuple[np.ndarray, ...] | None:
        if regime == Regime.ORDINARY:
            return tuple(2 * rng.normal(size=(2, n)))
        if regime == Regime.TINY:
            return tuple(magnitudes(rng, (2, n), 1e-30, 1e-2))
        if regime == Regime.HUGE:
            return tuple(magnitudes(rng, (2, n), 1e2, largest))
        if regime == Regime.SATURATED:
            return tuple(rng.choice([-50.0, -15.0, 0.0, 15.0, 50.0], (2, n)))
        if regime == Regime.EQUAL:
            return (rewards := rng.normal(size=n), rewards.copy())
        return None

    return Inputs(
        ("chosen_rewards", "rejected_rewards"),
        draw,
        curve=lambda x: (x, np.zeros_like(x)),
        span=(-6.0, 6.0),
        xlabel="reward of the chosen completion, the other 0",
        compare=2,
    )


def _bradley_terry(c, r, margin=0, centering=0):
    return log1p(exp(margin + r - c)) + centering * (c + r) ** 2


CASES = (
    Case(
        loss=bradley_terry,
        inputs=_rewards(),
        reference=_bradley_terry,
        formula="−log σ(r_w − r_l)",
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        lipschitz=1,
        ulps=4,
        conditioned=True,
    ),
    Case(
        loss=bradley_terry,
        inputs=_rewards(),
        reference=_bradley_terry,
        formula="−log σ(r_w − r_l − m) + c (r_w + r_l)²",
        params={"margin": 1.5, "centering": 0.25},
        learnable=("margin", "centering"),
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        ulps=4,
        conditioned=True,
    ),
)
