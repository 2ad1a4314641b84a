"""Cases of `jaxloss.embedding.similarities`."""

from mpmath import exp, log1p, mp, mpf, sqrt

from jaxloss.embedding.similarities import circle, multi_similarity
from jaxloss.verify import embeddings
from jaxloss.verify.case import Case, Property

__all__ = ["CASES"]


def _dot(x, y):
    return sum(a * b for a, b in zip(x, y, strict=True))


def _anchors(rows, labels, loss):
    """The loss of each anchor, a function of its cosines to positives and to negatives."""
    values = []
    for a, x in enumerate(rows):
        cosines = [_dot(x, y) / sqrt(_dot(x, x) * _dot(y, y)) for y in rows]
        positives = [s for j, s in enumerate(cosines) if labels[j] == labels[a] and j != a]
        negatives = [s for j, s in enumerate(cosines) if labels[j] != labels[a]]
        with mp.workdps(400):
            values.append(loss(positives, negatives) if positives and negatives else mpf(0))
    return values


def _circle(rows, labels, margin=0.4, gamma=80, detach_weights=True):
    m = mpf(margin)

    def loss(positives, negatives):
        together = sum(exp(gamma * max(1 + m - s, 0) * (1 - m - s)) for s in positives)
        apart = sum(exp(gamma * max(s + m, 0) * (s - m)) for s in negatives)
        return log1p(together * apart)

    return _anchors(rows, labels, loss)


def _multi_similarity(rows, labels, alpha=2, beta=50, threshold=0.5):
    def loss(positives, negatives):
        near = log1p(sum(exp(-alpha * (s - threshold)) for s in positives)) / alpha
        return near + log1p(sum(exp(beta * (s - threshold)) for s in negatives)) / beta

    return _anchors(rows, labels, loss)


# Unit vectors are rounded, and so are their cosines: half an ulp of a cosine is gamma / 2 (beta / 2) ulp of the weight
# of its pair. Of differences of directions, as many digits are lost as these are smaller.
NEAR = embeddings.labelled_batches(nearest=0.1)
# With constant weights the gradient of `circle` is no derivative of its value: the tests compare it with the formula.
CASES = (
    *(
        Case(
            loss=circle,
            inputs=NEAR,
            reference=_circle,
            formula="log(1 + Σ_n e^(γ α_n (s_n − m)) Σ_p e^(−γ α_p (s_p − 1 + m)))",
            params={"detach_weights": False, **params},
            learnable=("margin",),
            properties={Property.NON_NEGATIVE},
            differentiable=0,
            degree=0,
            ulps=64 if "gamma" not in params else 16,
            conditioned=True,
        )
        for params in ({"margin": 0.4375}, {"margin": 0.3125, "gamma": 16.0})
    ),
    *(
        Case(
            loss=multi_similarity,
            inputs=NEAR,
            reference=_multi_similarity,
            formula="1/α log(1 + Σ_p e^(−α (s_p − λ))) + 1/β log(1 + Σ_n e^(β (s_n − λ)))",
            params=params,
            learnable=tuple({"alpha", "threshold"} & set(params)),
            properties={Property.NON_NEGATIVE},
            degree=0,
            ulps=16 if params else 32,
            conditioned=True,
        )
        for params in ({}, {"alpha": 4.0, "beta": 20.0, "threshold": 0.25})
    ),
)
