"""Cases of `jaxloss.divergence.powers`."""

import numpy as np
from mpmath import exp, log, mpf

from jaxloss.divergence.powers import alpha_divergence, chi_squared, renyi
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.divergence import distribution_rows, of_many_digits


@of_many_digits
def _chi_squared(log_p, t):
    return sum((y - exp(x)) ** 2 / exp(x) for x, y in zip(log_p, t, strict=True))


@of_many_digits
def _renyi(log_p, t, alpha):
    t = [max(y, mpf(0)) for y in t]
    live = [(x, y) for x, y in zip(log_p, t, strict=True) if y > 0]
    if alpha == 1:
        return sum(y * (log(y) - x) for x, y in live) / sum(t)
    return log(sum(y * exp((alpha - 1) * (log(y) - x)) for x, y in live) / sum(t)) / (alpha - 1)


@of_many_digits
def _alpha(log_p, t, alpha):
    total = mpf(0)
    for x, y in zip(log_p, t, strict=True):
        p, y = exp(x), max(y, mpf(0))
        power = y**alpha * p ** (1 - alpha) if y > 0 else mpf(0)
        if alpha == 1:
            total += (y * log(y / p) if y > 0 else 0) - y + p
        elif alpha == 0:
            total += p * log(p / y) - p + y
        else:
            total += (power - alpha * y + (alpha - 1) * p) / (alpha * (alpha - 1))
    return total


def _exact(value):
    """The float next to it that float32 can represent, so that both precisions have the same parameter."""
    return float(np.float32(value))


SHARED = {"properties": {Property.NON_NEGATIVE, Property.CLASS_PERMUTABLE}, "conditioned": True}

CASES = (
    Case(
        loss=chi_squared,
        inputs=distribution_rows(lowest=-80),  # beyond, it overflows
        reference=_chi_squared,
        formula="Σ (t − p)² / p",
        properties={*SHARED["properties"], Property.CONVEX},
        ulps=4,
        conditioned=True,
    ),
    *(
        Case(
            loss=renyi,
            inputs=distribution_rows(),
            reference=_renyi,
            formula="log(Σ t^α p^(1−α) / Σ t) / (α − 1)",
            params={"alpha": alpha},
            learnable=("alpha",),
            properties={Property.CLASS_PERMUTABLE} | ({Property.CONVEX} if alpha >= 1 else set()),
            ulps=8,
            conditioned=True,
        )
        for alpha in (0.5, _exact(1.0001), 3.0)
    ),
    *(
        Case(
            loss=alpha_divergence,
            inputs=distribution_rows(zeros=alpha > 0, lowest=-80),
            reference=_alpha,
            formula="Σ (t^α p^(1−α) − αt + (α − 1)p) / (α(α − 1))",
            params={"alpha": alpha},
            learnable=("alpha",),
            ulps=8,
            **SHARED,
        )
        for alpha in (0.5, 0.0, _exact(0.9999), -1.0, 2.5)
    ),
)
