"""Cases of `jaxloss.embedding.pairs`."""

from mpmath import mpf, sqrt

from jaxloss.embedding.pairs import contrastive_pair, cosine_embedding, margin_ranking
from jaxloss.verify import embeddings, inputs
from jaxloss.verify.case import Case, Inputs, Property, Regime

__all__ = ["CASES"]


def _contrastive(a, b, y, margin=1):
    distance = sqrt(sum((x - z) ** 2 for x, z in zip(a, b, strict=True)))
    return (y * distance**2 + (1 - y) * max(margin - distance, mpf(0)) ** 2) / 2


def _cosine_embedding(a, b, y, margin=0):
    cosine = sum(x * z for x, z in zip(a, b, strict=True)) / sqrt(sum(x * x for x in a) * sum(z * z for z in b))
    return 1 - cosine if y > 0 else max(cosine - margin, mpf(0))


def _ranked_scores() -> Inputs:
    margins = inputs.margins(kinks=(0.0, 0.5))

    def draw(rng, n, regime: Regime, c):
        data = margins.draw(rng, n, regime, c)
        return None if data is None else (data[0], 0 * data[0] + (regime == Regime.HUGE) * data[0][::-1] / 3, data[1])

    def curve(x):
        return x, 0 * x, 1 + 0 * x

    return Inputs(
        ("first", "second", "labels"), draw, curve=curve, xlabel="lead of the first score, label 1", compare=3
    )


NON_NEGATIVE = {Property.NON_NEGATIVE, Property.SYMMETRIC}

CASES = (
    Case(
        loss=contrastive_pair,
        inputs=embeddings.labelled_pairs(different=0.0, largest=1e18),
        reference=_contrastive,
        formula="½ D² if y = 1, ½ max(0, m − D)² if y = 0; D = ‖a − b‖",
        differentiable=0,  # where two vectors that should differ are equal
        properties=NON_NEGATIVE,
        ulps=8,
        conditioned=True,
    ),
    Case(
        loss=contrastive_pair,
        inputs=embeddings.labelled_pairs(different=0.25),
        reference=_contrastive,
        params={"margin": 2.5},
        learnable=("margin",),
        formula="½ y D² + ½ (1 − y) max(0, m − D)²",
        differentiable=0,
        properties=NON_NEGATIVE,
        ulps=8,
        conditioned=True,
    ),
    Case(
        loss=cosine_embedding,
        inputs=embeddings.labelled_pairs(different=-1.0),
        reference=_cosine_embedding,
        formula="1 − cos(a, b) if y = 1, max(0, cos(a, b) − m) if y = −1",
        differentiable=0,
        properties=NON_NEGATIVE,
        ulps=16,
        conditioned=True,
        peers={"torch": "nn.functional.cosine_embedding_loss"},
    ),
    Case(
        loss=cosine_embedding,
        inputs=embeddings.labelled_pairs(different=-1.0),
        reference=_cosine_embedding,
        params={"margin": -0.25},
        learnable=("margin",),
        formula="1 − cos(a, b) if y = 1, max(0, cos(a, b) − m) if y = −1",
        differentiable=0,
        properties=NON_NEGATIVE,
        ulps=16,
        conditioned=True,
    ),
    Case(
        loss=margin_ranking,
        inputs=_ranked_scores(),
        reference=lambda a, b, y, margin=0: max(margin - y * (a - b), mpf(0)),
        formula="max(0, m − y (a − b))",
        differentiable=0,
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        lipschitz=1,
        degree=None,
        ulps=2,
        peers={"torch": "nn.functional.margin_ranking_loss"},
    ),
    Case(
        loss=margin_ranking,
        inputs=_ranked_scores(),
        reference=lambda a, b, y, margin=0: max(margin - y * (a - b), mpf(0)),
        params={"margin": 0.5},
        learnable=("margin",),
        formula="max(0, m − y (a − b))",
        differentiable=0,
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        lipschitz=1,
        ulps=2,
        conditioned=True,
    ),
)
