"""Cases of `jaxloss.classification.margin`."""

from typing import Any

from mpmath import exp, log1p, mpf

from jaxloss.classification.margin import (
    dwd,
    exponential,
    hinge,
    logistic,
    modified_huber,
    perceptron,
    smoothed_hinge,
    squared_hinge,
)
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Property

__all__ = ["CASES"]


def _smoothed_hinge(s: Any, t: Any, gamma: Any = 1) -> Any:
    m = t * s
    if m >= 1:
        return mpf(0)
    return (1 - m) ** 2 / (2 * gamma) if m > 1 - gamma else 1 - m - gamma / mpf(2)


def _modified_huber(s: Any, t: Any) -> Any:
    m = t * s
    return max(1 - m, 0) ** 2 if m >= -1 else -4 * m


def _logistic(s: Any, t: Any) -> Any:
    m = t * s
    return log1p(exp(-m)) if m > 0 else log1p(exp(m)) - m


def _dwd(s: Any, t: Any, q: Any = 1) -> Any:
    m, q = t * s, mpf(q)
    return 1 - m if m <= q / (q + 1) else q**q / (q + 1) ** (q + 1) / m**q


_SHAPE = {"properties": {Property.NON_NEGATIVE, Property.CONVEX}}

CASES = (
    Case(
        loss=hinge,
        inputs=inputs.margins(),
        reference=lambda s, t: max(1 - t * s, mpf(0)),
        formula="max(0, 1 − t s)",
        differentiable=0,
        lipschitz=1,
        ulps=2,
        peers={"optax": "losses.hinge_loss", "keras": "losses.hinge"},
        **_SHAPE,
    ),
    Case(
        loss=squared_hinge,
        inputs=inputs.margins(largest=1e18),
        reference=lambda s, t: max(1 - t * s, mpf(0)) ** 2,
        formula="max(0, 1 − t s)²",
        differentiable=1,
        ulps=2,
        peers={"keras": "losses.squared_hinge"},
        **_SHAPE,
    ),
    Case(
        loss=smoothed_hinge,
        inputs=inputs.margins(kinks=(0.0, 1.0)),
        reference=_smoothed_hinge,
        formula="(1 − m)²/2γ for 1 − γ < m < 1, 1 − m − γ/2 below, 0 above; m = t s",
        differentiable=1,
        lipschitz=1,
        ulps=4,
        **_SHAPE,
    ),
    Case(
        loss=smoothed_hinge,
        inputs=inputs.margins(kinks=(0.7, 1.0)),
        params={"gamma": 0.3},
        learnable=("gamma",),
        reference=_smoothed_hinge,
        formula="(1 − m)²/2γ for 1 − γ < m < 1, 1 − m − γ/2 below, 0 above; m = t s",
        differentiable=1,
        lipschitz=1,
        ulps=4,
        **_SHAPE,
    ),
    Case(
        loss=modified_huber,
        inputs=inputs.margins(kinks=(-1.0, 1.0)),
        reference=_modified_huber,
        formula="max(0, 1 − m)² if m ≥ −1 else −4m, m = t s",
        differentiable=1,
        lipschitz=4,
        ulps=4,
        **_SHAPE,
    ),
    Case(
        loss=logistic,
        inputs=inputs.margins(kinks=(0.0,)),
        reference=_logistic,
        formula="log(1 + e^(−t s))",
        lipschitz=1,
        ulps=4,
        peers={"torch": "nn.functional.soft_margin_loss"},
        **_SHAPE,
    ),
    Case(
        loss=exponential,
        inputs=inputs.margins(kinks=(), largest=80.0),
        reference=lambda s, t: exp(-t * s),
        formula="e^(−t s)",
        ulps=4,
        **_SHAPE,
    ),
    Case(
        loss=perceptron,
        inputs=inputs.margins(kinks=(0.0,)),
        reference=lambda s, t: max(-t * s, mpf(0)),
        formula="max(0, −t s)",
        differentiable=0,
        lipschitz=1,
        degree=2,
        ulps=2,
        peers={"optax": "losses.perceptron_loss"},
        **_SHAPE,
    ),
    Case(
        loss=dwd,
        inputs=inputs.margins(kinks=(0.5,)),
        reference=_dwd,
        formula="1 − m if m ≤ ½ else 1/4m, m = t s",
        differentiable=1,
        lipschitz=1,
        ulps=4,
        **_SHAPE,
    ),
    Case(
        loss=dwd,
        inputs=inputs.margins(kinks=(0.7,)),
        params={"q": 2.5},
        learnable=("q",),
        reference=_dwd,
        formula="1 − m if m ≤ k else (k/m)^q/(q + 1), k = q/(q + 1), m = t s",
        differentiable=1,
        lipschitz=1,
        ulps=8,
        **_SHAPE,
    ),
)
