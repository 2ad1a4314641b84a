"""Cases of `jaxloss.divergence.bounded`."""

from mpmath import exp, log, mpf, sqrt

from jaxloss.divergence.bounded import hellinger, jensen_shannon, total_variation_distance
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.divergence import distribution_rows, of_many_digits


def _surplus(x, m):
    return x * log(x / m) if x > 0 else mpf(0)


@of_many_digits
def _jensen_shannon(log_p, t, beta=mpf(1) / 2):
    total = mpf(0)
    for x, y in zip(log_p, t, strict=True):
        y, p = max(y, mpf(0)), exp(x)
        m = beta * y + (1 - beta) * p
        total += beta * _surplus(y, m) + (1 - beta) * _surplus(p, m)
    return total


@of_many_digits
def _total_variation(log_p, t):
    return sum(abs(exp(x) - y) for x, y in zip(log_p, t, strict=True)) / 2


@of_many_digits
def _hellinger(log_p, t):
    return sum((exp(x / 2) - sqrt(max(y, mpf(0)))) ** 2 for x, y in zip(log_p, t, strict=True)) / 2


SHARED = {"properties": {Property.NON_NEGATIVE, Property.CLASS_PERMUTABLE}, "conditioned": True}

CASES = (
    Case(
        loss=jensen_shannon,
        inputs=distribution_rows(),
        reference=_jensen_shannon,
        formula="½ KL(t‖m) + ½ KL(p‖m), m = (t + p)/2",
        ulps=4,
        **SHARED,
    ),
    Case(
        loss=jensen_shannon,
        inputs=distribution_rows(),
        reference=_jensen_shannon,
        formula="β KL(t‖m) + (1 − β) KL(p‖m), m = βt + (1 − β)p",
        params={"beta": 0.9},
        learnable=("beta",),
        ulps=4,
        **SHARED,
    ),
    Case(
        loss=total_variation_distance,
        inputs=distribution_rows(),
        reference=_total_variation,
        formula="½ Σ |p − t|",
        differentiable=0,
        ulps=4,
        **SHARED,
    ),
    Case(
        loss=hellinger,
        inputs=distribution_rows(),
        reference=_hellinger,
        formula="½ Σ (√p − √t)²",
        ulps=4,
        **SHARED,
    ),
)
