"""Cases of `jaxloss.regression.barron`."""

import functools
import math

from mpmath import mp, mpf

from jaxloss.regression.barron import barron, barron_nll
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Property

DISTANCE = frozenset({Property.NON_NEGATIVE, Property.SYMMETRIC, Property.ZERO_AT_TARGET})


def _barron(p, t, alpha=mpf(1), scale=1):
    half, bend = ((p - t) / scale) ** 2 / 2, abs(alpha - 2)
    if alpha == 2:
        return half
    if alpha == 0:
        return mp.log(1 + half)
    if mp.isinf(alpha):
        return abs(mp.exp(min(max(mp.sign(alpha) * half, -100_000), 100_000)) - 1)
    return bend / alpha * ((2 * half / bend + 1) ** (alpha / 2) - 1)


@functools.cache
def _log_partition(alpha, precision):
    """The density integrates in closed form for these: Cauchy, a Bessel function, and normal."""
    with mp.workprec(precision):
        return mp.log({0: mp.pi * mp.sqrt(2), 1: 2 * mp.e * mp.besselk(1, 1), 2: mp.sqrt(2 * mp.pi)}[alpha])


def _barron_nll(p, t, alpha=mpf(1), scale=1):
    return _barron(p, t, alpha, scale) + mp.log(scale) + _log_partition(int(alpha), mp.prec)


CASES = (
    *(
        Case(
            loss=barron,
            inputs=inputs.residuals(kinks=(-1, 1)),
            reference=_barron,
            formula="|α − 2|/α (((r/c)²/|α − 2| + 1)^(α/2) − 1)",
            params=params,
            learnable=learnable,
            properties=properties,
            lipschitz=lipschitz,
            ulps=8,
        )
        for params, learnable, properties, lipschitz in (
            ({}, (), DISTANCE | {Property.CONVEX}, 1),
            ({"alpha": 1.5, "scale": 0.3}, ("alpha", "scale"), DISTANCE | {Property.CONVEX}, None),
            ({"alpha": -math.inf}, (), DISTANCE, 0.6066),
        )
    ),
    *(
        Case(
            loss=barron_nll,
            inputs=inputs.residuals(kinks=(-1, 1)),
            reference=_barron_nll,
            formula="barron(r) + log c + log ∫ exp(−barron)",
            params=params,
            learnable=learnable,
            properties={Property.SYMMETRIC},
            ulps=8,
        )
        for params, learnable in (({}, ()), ({"alpha": 1.0, "scale": 3.0}, ("alpha", "scale")))
    ),
)
