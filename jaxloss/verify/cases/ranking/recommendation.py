"""Cases of `jaxloss.ranking.recommendation`."""

import dataclasses

from mpmath import exp, log1p, mpf

from jaxloss.ranking.recommendation import bpr, warp
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Property, Regime
from jaxloss.verify.cases.ranking import lists


def _warp(scores, labels, margin=1):
    positives = [s for s, y in zip(scores, labels, strict=True) if y > 0]
    negatives = [s for s, y in zip(scores, labels, strict=True) if y <= 0]
    total = mpf(0)
    for s in positives:
        short = [margin - s + z for z in negatives if margin - s + z > 0]
        if short:
            total += sum(mpf(1) / r for r in range(1, len(short) + 1)) / len(short) * sum(short)
    return total / max(len(positives), 1)


PAIRS = dataclasses.replace(
    inputs.residuals(kinks=(0,), smallest=1e-30, largest=1e2),
    names=("positives", "negatives"),
    xlabel="score of the positive, negative at 0",
)

CASES = (
    Case(
        loss=bpr,
        inputs=PAIRS,
        reference=lambda p, n: log1p(exp(n - p)),
        formula="log(1 + exp(s⁻ − s⁺))",
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        lipschitz=1,
        ulps=8,
        conditioned=True,
    ),
    Case(
        loss=warp,
        inputs=lists(regimes=(Regime.ORDINARY, Regime.TINY, Regime.HUGE), largest=1e30),
        reference=_warp,
        formula="mean over s⁺ of (Σ_{k ≤ r} 1/k) / r Σ max(0, m − s⁺ + s⁻), r violations",
        differentiable=0,
        properties={Property.NON_NEGATIVE, Property.SHIFT_INVARIANT},
        ulps=8,
        conditioned=True,
    ),
)
