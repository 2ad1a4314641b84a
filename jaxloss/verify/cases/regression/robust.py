"""Cases of `jaxloss.regression.robust`."""

from mpmath import mp

from jaxloss.regression.robust import cauchy, geman_mcclure, tukey_biweight, welsch
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Property

REDESCENDING = frozenset({Property.NON_NEGATIVE, Property.SYMMETRIC, Property.ZERO_AT_TARGET})


def _cauchy(p, t, scale=1):
    return mp.log(1 + ((p - t) / scale) ** 2 / 2)


def _geman_mcclure(p, t, scale=1):
    x = (p - t) / scale
    return 2 * x**2 / (x**2 + 4)


def _welsch(p, t, scale=1):
    x = (p - t) / scale
    return 1 - mp.exp(-(x**2) / 2) if abs(x) < 1e4 else mp.one


def _tukey_biweight(p, t, c):
    inside = max(1 - ((p - t) / c) ** 2, 0)
    return c**2 / 6 * (1 - inside**3)


CASES = (
    Case(
        loss=cauchy,
        inputs=inputs.residuals(kinks=(-1, 1)),
        reference=_cauchy,
        formula="log(1 + (r/c)²/2)",
        properties=REDESCENDING,
        lipschitz=2**-0.5,
    ),
    Case(
        loss=cauchy,
        inputs=inputs.residuals(kinks=(-0.3, 0.3)),
        reference=_cauchy,
        formula="log(1 + (r/c)²/2)",
        params={"scale": 0.3},
        learnable=("scale",),
        properties=REDESCENDING,
        lipschitz=2**-0.5 / 0.3,
    ),
    Case(
        loss=geman_mcclure,
        inputs=inputs.residuals(kinks=(-1, 1)),
        reference=_geman_mcclure,
        formula="2(r/c)² / ((r/c)² + 4)",
        properties=REDESCENDING,
        lipschitz=3**1.5 / 8,
        ulps=8,
    ),
    Case(
        loss=geman_mcclure,
        inputs=inputs.residuals(kinks=(-0.3, 0.3)),
        reference=_geman_mcclure,
        formula="2(r/c)² / ((r/c)² + 4)",
        params={"scale": 0.3},
        learnable=("scale",),
        properties=REDESCENDING,
        lipschitz=3**1.5 / 8 / 0.3,
        ulps=8,
    ),
    Case(
        loss=welsch,
        inputs=inputs.residuals(kinks=(-1, 1)),
        reference=_welsch,
        formula="1 − exp(−(r/c)²/2)",
        properties=REDESCENDING,
        lipschitz=0.6066,
    ),
    Case(
        loss=welsch,
        inputs=inputs.residuals(kinks=(-0.3, 0.3)),
        reference=_welsch,
        formula="1 − exp(−(r/c)²/2)",
        params={"scale": 0.3},
        learnable=("scale",),
        properties=REDESCENDING,
        lipschitz=2.1,
    ),
    Case(
        loss=tukey_biweight,
        inputs=inputs.residuals(kinks=(-4.685, 4.685), span=(-7.0, 7.0)),
        reference=_tukey_biweight,
        formula="c²/6 (1 − max(1 − (r/c)², 0)³)",
        params={"c": 4.685},
        differentiable=2,
        properties=REDESCENDING,
        lipschitz=1.35,
        ulps=8,
    ),
    Case(
        loss=tukey_biweight,
        inputs=inputs.residuals(kinks=(-1.7, 1.7)),
        reference=_tukey_biweight,
        formula="c²/6 (1 − max(1 − (r/c)², 0)³)",
        params={"c": 1.7},
        learnable=("c",),
        differentiable=2,
        properties=REDESCENDING,
        lipschitz=0.5,
        ulps=8,
    ),
)
