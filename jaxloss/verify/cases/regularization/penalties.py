"""Cases of `jaxloss.regularization.penalties`, on a single array."""

import numpy as np
from mpmath import sqrt

from jaxloss.regularization.penalties import elastic_net, group_lasso, l1, l2
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Inputs, Property, Regime

SCALES = {
    Regime.ORDINARY: (0.1, 10.0),
    Regime.TINY: (1e-30, 1e-2),
    Regime.HUGE: (1e2, 1e30),
    Regime.KINKS: (1e-7, 1e-1),
}


def _parameters(*, smallest: float = 1e-30, largest: float = 1e30, group: int | None = None) -> Inputs:
    """Numbers of any magnitude and sign, one or a group of them an event, all 0 where they could be equal."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        shape = n if group is None else (n, c)
        if regime == Regime.EQUAL:
            return (np.zeros(shape),)
        if regime not in SCALES:
            return None
        low, high = SCALES[regime]
        return (inputs.magnitudes(rng, shape, max(low, smallest), min(high, largest)),)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        return (x if group is None else np.stack([x, *[np.zeros_like(x)] * (group - 1)], axis=-1),)

    axis = None if group is None else -1
    return Inputs(("parameters",), draw, axis=axis, classes=group or 5, curve=curve, xlabel="parameter")


PENALTY = {Property.NON_NEGATIVE, Property.CONVEX}

CASES = (
    Case(
        loss=l1,
        inputs=_parameters(),
        reference=lambda x: abs(x),
        formula="|θ|",
        differentiable=0,
        properties=PENALTY,
        lipschitz=1,
        degree=1,
        ulps=2,
    ),
    Case(
        loss=l2,
        inputs=_parameters(smallest=1e-17, largest=1e17),
        reference=lambda x: x * x,
        formula="θ²",
        properties=PENALTY,
        degree=2,
        ulps=2,
    ),
    Case(
        loss=elastic_net,
        inputs=_parameters(smallest=1e-17, largest=1e17),
        reference=lambda x, l1_ratio: l1_ratio * abs(x) + (1 - l1_ratio) * x * x,
        formula="ρ |θ| + (1 − ρ) θ²",
        params={"l1_ratio": 0.25},
        learnable=("l1_ratio",),
        differentiable=0,
        properties=PENALTY,
        ulps=2,
    ),
    *(
        Case(
            loss=group_lasso,
            inputs=_parameters(group=4),
            reference=lambda x, size_factor: sqrt(sum(a * a for a in x)) * (2 if size_factor else 1),
            formula="√n ‖θ‖" if size_factor else "‖θ‖",
            params={"size_factor": size_factor},
            differentiable=0,
            properties=PENALTY,
            lipschitz=2 if size_factor else 1,
            degree=1,
            ulps=4,
        )
        for size_factor in (True, False)
    ),
)
