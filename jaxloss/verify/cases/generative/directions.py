"""Cases of `jaxloss.generative.directions`."""

from mpmath import atan2, sqrt

from jaxloss.generative.directions import spherical_distance
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Property


def _spherical(p, t):
    length = lambda x: sqrt(sum(a * a for a in x))
    u, v = ([a / length(x) for a in x] for x in (p, t))
    chord = length([a - b for a, b in zip(u, v, strict=True)])
    return 2 * atan2(chord, length([a + b for a, b in zip(u, v, strict=True)])) ** 2


CASES = (
    Case(
        loss=spherical_distance,
        inputs=inputs.embedding_pairs(features=3),
        reference=_spherical,
        formula="½ θ²",
        differentiable=0,
        properties={Property.NON_NEGATIVE, Property.SYMMETRIC, Property.ZERO_AT_TARGET},
        degree=0,
        ulps=32,  # towards opposite directions the sine of the angle is a difference
        conditioned=True,
    ),
)
