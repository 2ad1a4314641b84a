"""Cases of `jaxloss.embedding.proxies`."""

from mpmath import exp, log, log1p, mp, mpf, sqrt

from jaxloss.embedding.proxies import proxy_anchor, proxy_nca, soft_triplet
from jaxloss.verify import embeddings
from jaxloss.verify.case import Case, Property

__all__ = ["CASES"]


def _cosine(x, y):
    dot = lambda a, b: sum(i * j for i, j in zip(a, b, strict=True))
    return dot(x, y) / sqrt(dot(x, x) * dot(y, y))


def _proxy_nca(rows, proxies, labels, temperature=1, include_positive=False):
    def loss(x, label):
        distances = [2 - 2 * _cosine(x, p) for p in proxies]
        others = [d for j, d in enumerate(distances) if include_positive or j != label]
        return distances[label] / temperature + log(sum(exp(-d / temperature) for d in others))

    return [loss(x, label) for x, label in zip(rows, labels, strict=True)]


def _proxy_anchor(rows, proxies, labels, alpha=32, margin=0.1):
    m, present = mpf(margin), len(set(labels))

    def loss(c, p):
        near = sum(exp(-alpha * (_cosine(x, p) - m)) for x, y in zip(rows, labels, strict=True) if y == c)
        far = sum(exp(alpha * (_cosine(x, p) + m)) for x, y in zip(rows, labels, strict=True) if y != c)
        return mpf(len(proxies)) / present * log1p(near) + log1p(far)

    return [loss(c, p) for c, p in enumerate(proxies)]


def _soft_triplet(rows, proxies, labels, scale=20, gamma=0.1, margin=0.01):
    def similarity(x, centers):
        cosines = [_cosine(x, w) for w in centers]
        terms = [exp(s / mpf(gamma)) for s in cosines]
        return sum(t * s for t, s in zip(terms, cosines, strict=True)) / sum(terms)

    def loss(x, label):
        with mp.workdps(400):
            z = [scale * (similarity(x, w) - mpf(margin) * (c == label)) for c, w in enumerate(proxies)]
            return log(sum(exp(s) for s in z)) - z[label]

    return [loss(x, label) for x, label in zip(rows, labels, strict=True)]


CASES = (
    *(
        Case(
            loss=proxy_nca,
            inputs=embeddings.batches_and_proxies(),
            reference=_proxy_nca,
            formula="d_y/τ + log Σ_{j ≠ y} e^(−d_j/τ), d = 2 − 2 cos",
            params=params,
            learnable=tuple(key for key in ("temperature",) if key in params),
            degree=0,
            ulps=16,
            conditioned=True,
        )
        for params in ({}, {"temperature": 0.125, "include_positive": True})
    ),
    *(
        Case(
            loss=proxy_anchor,
            inputs=embeddings.batches_and_proxies(value_per="class"),
            reference=_proxy_anchor,
            formula="C/C⁺ log(1 + Σ_{y = c} e^(−α (s − m))) + log(1 + Σ_{y ≠ c} e^(α (s + m)))",
            params=params,
            learnable=tuple(params),
            properties={Property.NON_NEGATIVE},
            degree=0,
            ulps=16,
            conditioned=True,
        )
        for params in ({"margin": 0.125}, {"alpha": 4.0, "margin": 0.25})
    ),
    *(
        Case(
            loss=soft_triplet,
            inputs=embeddings.batches_and_proxies(centers=2),
            reference=_soft_triplet,
            formula="−log softmax(λ S)_y, with S_y − m for S_y; S_j = Σ_k q_jk s_jk",
            params=params,
            learnable=tuple(params),
            properties={Property.NON_NEGATIVE},
            degree=0,
            ulps=16 if "scale" in params else 32,  # a scale of 20 enlarges what is rounded off a cosine
            conditioned=True,
        )
        for params in ({"gamma": 0.125, "margin": 0.015625}, {"scale": 4.0, "gamma": 0.5, "margin": 0.25})
    ),
)
