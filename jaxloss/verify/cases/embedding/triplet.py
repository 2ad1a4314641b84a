"""Cases of `jaxloss.embedding.triplet`."""

import math

from mpmath import mpf

from jaxloss.embedding.triplet import triplet_margin
from jaxloss.verify import embeddings
from jaxloss.verify.case import Case, Property

__all__ = ["CASES"]


def _distance(x, y, p):
    sizes = [abs(a - b) for a, b in zip(x, y, strict=True)]
    return max(sizes) if p == math.inf else sum(size**p for size in sizes) ** (mpf(1) / p)


def _triplet(anchor, positive, negative, margin=1, p=2, swap=False):
    far = _distance(anchor, negative, p)
    if swap:
        far = min(far, _distance(positive, negative, p))
    return max(margin + _distance(anchor, positive, p) - far, mpf(0))


CASES = tuple(
    Case(
        loss=triplet_margin,
        inputs=embeddings.triplets(),
        reference=_triplet,
        formula="max(0, m + ‖a − p‖ − ‖a − n‖)",
        params=params,
        learnable=tuple({"margin"} & set(params)),
        differentiable=0,
        properties={Property.NON_NEGATIVE},
        ulps=16,
        conditioned=True,
        **extra,
    )
    for params, extra in (
        ({}, {}),
        ({"margin": 2.0, "p": 1}, {}),
        ({"margin": 0.5, "p": 3, "swap": True}, {}),
        ({"p": math.inf}, {}),
    )
)
