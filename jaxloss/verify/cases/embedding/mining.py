"""Cases of `jaxloss.embedding.mining`."""

from mpmath import mpf, sqrt

from jaxloss.embedding.mining import triplet_batch
from jaxloss.verify import embeddings
from jaxloss.verify.case import Case, Property

__all__ = ["CASES"]


def _distance(x, y):
    return sqrt(sum((a - b) ** 2 for a, b in zip(x, y, strict=True)))


def _mined(near, far, mining):
    if mining == "hard":
        return [(max(near), min(far))]
    if mining == "all":
        return [(p, n) for p in near for n in far]
    return [(p, min((n for n in far if n > p), default=max(far))) for p in near]


def _triplets(embeddings, labels, mining="all", margin=1):
    values = []
    for a, x in enumerate(embeddings):
        near = [_distance(x, y) for j, y in enumerate(embeddings) if labels[j] == labels[a] and j != a]
        far = [_distance(x, y) for j, y in enumerate(embeddings) if labels[j] != labels[a]]
        if near and far:
            losses = [max(margin + p - n, mpf(0)) for p, n in _mined(near, far, mining)]
            values.append(sum(losses) / len(losses))
        else:
            values.append(mpf(0))
    return values


CASES = tuple(
    Case(
        loss=triplet_batch,
        inputs=embeddings.labelled_batches(),
        reference=_triplets,
        formula="mean over mined triplets of max(0, m + D_ap − D_an)",
        params=params,
        learnable=tuple(key for key in ("margin",) if key in params),
        differentiable=0,
        properties={Property.NON_NEGATIVE},
        ulps=16,
        conditioned=True,
    )
    for params in ({}, {"mining": "hard", "margin": 0.25}, {"mining": "semi-hard", "margin": 0.5})
)
