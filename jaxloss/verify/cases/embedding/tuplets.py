"""Cases of `jaxloss.embedding.tuplets`."""

from mpmath import exp, log, log1p, mp, mpf, pi, sqrt, tan

from jaxloss.embedding.tuplets import angular, lifted_structure, n_pairs
from jaxloss.verify import embeddings
from jaxloss.verify.case import Case, Property

__all__ = ["CASES"]


def _dot(x, y):
    return sum(a * b for a, b in zip(x, y, strict=True))


def _unit(x):
    return [a / sqrt(_dot(x, x)) for a in x]


def _anchors(rows, labels, loss):
    """The loss of each anchor, a function of it, its positives and its negatives."""
    values = []
    for a, x in enumerate(rows):
        positives = [y for j, y in enumerate(rows) if labels[j] == labels[a] and j != a]
        negatives = [y for j, y in enumerate(rows) if labels[j] != labels[a]]
        with mp.workdps(500):
            values.append(loss(x, positives, negatives) if positives and negatives else mpf(0))
    return values


def _mean(terms):
    return sum(terms) / len(terms)


def _n_pairs(rows, labels):
    return _anchors(
        rows,
        labels,
        lambda x, near, far: _mean([log1p(sum(exp(_dot(x, n) - _dot(x, p)) for n in far)) for p in near]),
    )


def _lifted(rows, labels, margin=1):
    def loss(x, near, far):
        distance = lambda y: sqrt(sum((a - b) ** 2 for a, b in zip(x, y, strict=True)))
        top, bottom = max(map(distance, near)), min(map(distance, far))
        near_term = top + log(sum(exp(distance(p) - top) for p in near))
        far_term = -bottom + log(sum(exp(bottom - distance(n)) for n in far))
        return max(margin + near_term + far_term, mpf(0))

    return _anchors(rows, labels, loss)


def _angular(rows, labels, angle=45):
    t = tan(mpf(angle) * pi / 180) ** 2

    def loss(x, near, far):
        f = lambda p, n: 4 * t * (_dot(x, n) + _dot(p, n)) - 2 * (1 + t) * _dot(x, p)
        return _mean([log1p(sum(exp(f(p, n)) for n in far)) for p in near])

    return _anchors([_unit(x) for x in rows], labels, loss)


CASES = (
    Case(
        loss=n_pairs,
        inputs=embeddings.labelled_batches(largest=20.0),
        reference=_n_pairs,
        formula="mean over p of log(1 + Σ_n e^(x_a·x_n − x_a·x_p))",
        properties={Property.NON_NEGATIVE},
        ulps=16,
        conditioned=True,
    ),
    *(
        Case(
            loss=lifted_structure,
            inputs=embeddings.labelled_batches(),
            reference=_lifted,
            formula="max(0, log Σ_p e^D_ap + log Σ_n e^(m − D_an))",
            params=params,
            learnable=tuple(params),
            differentiable=0,
            properties={Property.NON_NEGATIVE},
            ulps=16,
            conditioned=True,
        )
        for params in ({}, {"margin": 0.25})
    ),
    *(
        Case(
            loss=angular,
            inputs=embeddings.labelled_batches(nearest=0.1),
            reference=_angular,
            formula="mean over p of log(1 + Σ_n e^f_apn)",
            params=params,
            properties={Property.NON_NEGATIVE},
            degree=0,
            ulps=16,
            conditioned=True,
        )
        for params in ({}, {"angle": 55})
    ),
)
