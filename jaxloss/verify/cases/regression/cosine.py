"""Cases of `jaxloss.regression.cosine`."""

import math

from mpmath import cos, mpf, pi, sqrt

from jaxloss.regression.cosine import cosine_distance, cosine_similarity, periodic
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Property

DISTANCE = {Property.NON_NEGATIVE, Property.SYMMETRIC, Property.ZERO_AT_TARGET}


def _similarity(p, t):
    return sum(a * b for a, b in zip(p, t, strict=True)) / sqrt(sum(a * a for a in p) * sum(b * b for b in t))


CASES = (
    Case(
        loss=periodic,
        inputs=inputs.residuals(kinks=(-math.pi, math.pi), span=(-7.0, 7.0)),
        reference=lambda p, t: 1 - cos(p - t),
        formula="1 − cos r",
        properties=DISTANCE,
        lipschitz=1,
        ulps=4,
        conditioned=True,
    ),
    Case(
        loss=periodic,
        inputs=inputs.residuals(kinks=(-6.0, 6.0, 12.0, 24.0), span=(-24.0, 24.0)),
        reference=lambda p, t, period: 1 - cos(2 * pi * (p - t) / period),
        formula="1 − cos(2π r / P)",
        params={"period": 24.0},
        learnable=("period",),
        properties=DISTANCE,
        lipschitz=2 * math.pi / 24,
        ulps=4,
        conditioned=True,
    ),
    Case(
        loss=cosine_similarity,
        inputs=inputs.embedding_pairs(),
        reference=_similarity,
        formula="u · v, unit vectors u and v",
        properties={Property.SYMMETRIC},
        degree=0,
        ulps=16,
        conditioned=True,
        peers={"optax": "losses.cosine_similarity", "torch": "nn.functional.cosine_similarity"},
    ),
    Case(
        loss=cosine_distance,
        inputs=inputs.embedding_pairs(),
        reference=lambda p, t: mpf(1) - _similarity(p, t),
        formula="1 − u · v, unit vectors u and v",
        properties=DISTANCE,
        degree=0,
        ulps=16,
        conditioned=True,
        peers={"optax": "losses.cosine_distance"},
    ),
)
