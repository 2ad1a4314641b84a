"""Cases of `jaxloss.regression.quantile`."""

from mpmath import mpf

from jaxloss.regression.quantile import epsilon_insensitive, expectile, quantile, squared_epsilon_insensitive
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Property

ASYMMETRIC = {Property.NON_NEGATIVE, Property.CONVEX, Property.ZERO_AT_TARGET}


def _quantile(p, t, q):
    return q * (t - p) if p < t else (1 - q) * (p - t)


def _expectile(p, t, tau):
    return (tau if p < t else 1 - tau) * (p - t) ** 2


CASES = (
    *(
        Case(
            loss=quantile,
            inputs=inputs.residuals(kinks=(0.0,)),
            reference=_quantile,
            formula="max((1 − q) r, −q r)",
            params={"q": q},
            learnable=("q",),
            differentiable=0,
            properties=ASYMMETRIC,
            lipschitz=max(q, 1 - q),
            degree=1,
            ulps=2,
        )
        for q in (0.25, 0.875)
    ),
    *(
        Case(
            loss=expectile,
            inputs=inputs.residuals(smallest=1e-17, largest=1e17),
            reference=_expectile,
            formula="|τ − [r > 0]| r²",
            params={"tau": tau},
            learnable=("tau",),
            differentiable=1,
            properties=ASYMMETRIC,
            degree=2,
            ulps=4,
        )
        for tau in (0.25, 0.875)
    ),
    *(
        Case(
            loss=epsilon_insensitive,
            inputs=inputs.residuals(kinks=(-epsilon, epsilon)),
            reference=lambda p, t, epsilon: max(abs(p - t) - epsilon, mpf(0)),
            formula="max(|r| − ε, 0)",
            params={"epsilon": epsilon},
            learnable=("epsilon",),
            differentiable=0,
            properties=ASYMMETRIC | {Property.SYMMETRIC},
            lipschitz=1,
            ulps=2,
            conditioned=True,
        )
        for epsilon in (0.1, 0)
    ),
    Case(
        loss=squared_epsilon_insensitive,
        inputs=inputs.residuals(kinks=(-0.1, 0.1), smallest=1e-17, largest=1e17),
        reference=lambda p, t, epsilon: max(abs(p - t) - epsilon, mpf(0)) ** 2,
        formula="max(|r| − ε, 0)²",
        params={"epsilon": 0.1},
        learnable=("epsilon",),
        differentiable=1,
        properties=ASYMMETRIC | {Property.SYMMETRIC},
        ulps=4,
        conditioned=True,
    ),
)
