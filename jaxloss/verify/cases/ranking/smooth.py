"""Cases of `jaxloss.ranking.smooth` and `jaxloss.ranking.neural_sort`."""

from mpmath import exp, mpf

from jaxloss.ranking.neural_sort import neural_ndcg
from jaxloss.ranking.smooth import approx_mrr, approx_ndcg
from jaxloss.verify.case import Case, Property, Regime
from jaxloss.verify.cases.ranking import dcg, discount, gain, lists, ranks


def _soft_ranks(scores, temperature):
    return [
        1 + sum(1 / (1 + exp((s - z) / temperature)) for j, z in enumerate(scores) if j != i)
        for i, s in enumerate(scores)
    ]


def _ndcg(scores, labels, temperature=1):
    return -dcg(_soft_ranks(scores, temperature), labels) / dcg(ranks(labels), labels)


def _mrr(scores, labels, temperature=1):
    return -max((1 / r for r, y in zip(_soft_ranks(scores, temperature), labels, strict=True) if y > 0), default=mpf(0))


def _neural(scores, labels, temperature=1, k=None, scalings=0):
    n = len(scores)
    apart = [sum(abs(s - z) for z in scores) for s in scores]
    matrix = []
    for r in range(1, n + 1):
        row = [exp(((n + 1 - 2 * r) * s - a) / temperature) for s, a in zip(scores, apart, strict=True)]
        matrix.append([p / sum(row) for p in row])
    for _ in range(scalings):
        sums = [sum(column) for column in zip(*matrix, strict=True)]
        matrix = [[p / c for p, c in zip(row, sums, strict=True)] for row in matrix]
        matrix = [[p / sum(row) for p in row] for row in matrix]
    found = [sum(p * gain(y) for p, y in zip(row, labels, strict=True)) for row in matrix]
    kept = n if k is None else min(k, n)
    return -sum(discount(r) * g for r, g in enumerate(found[:kept], 1)) / dcg(ranks(labels), labels, k)


CASES = (
    Case(
        loss=approx_ndcg,
        inputs=lists(regimes=(Regime.ORDINARY, Regime.EQUAL)),
        reference=_ndcg,
        formula="−DCG(1 + Σ σ((s′ − s)/τ)) / best DCG",
        properties={Property.SHIFT_INVARIANT},
        ulps=32,
        conditioned=True,
    ),
    Case(
        loss=approx_ndcg,
        inputs=lists(labels="real", regimes=(Regime.ORDINARY,)),
        reference=_ndcg,
        formula="−DCG(1 + Σ σ((s′ − s)/τ)) / best DCG, real labels",
        params={"temperature": 0.5},
        learnable=("temperature",),
        properties={Property.SHIFT_INVARIANT},
        ulps=32,
        conditioned=True,
    ),
    Case(
        loss=approx_mrr,
        inputs=lists(regimes=(Regime.ORDINARY,)),
        reference=_mrr,
        formula="−max over relevant of 1 / (1 + Σ σ((s′ − s)/τ))",
        differentiable=0,
        properties={Property.SHIFT_INVARIANT},
        ulps=16,
        conditioned=True,
    ),
    Case(
        loss=neural_ndcg,
        inputs=lists(items=4, labels="distinct", regimes=(Regime.ORDINARY,)),
        reference=_neural,
        formula="−Σ D(r) (P̂ g)ᵣ / best DCG, P̂ a soft sort",
        params={"temperature": 8.0, "scalings": 2},
        learnable=("temperature",),
        differentiable=0,
        properties={Property.SHIFT_INVARIANT},
        ulps=1024,  # the pulls of rows, columns and distances cancel to a hundredth of each
        conditioned=True,
    ),
    Case(
        loss=neural_ndcg,
        inputs=lists(items=4, labels="distinct", regimes=(Regime.ORDINARY,)),
        reference=_neural,
        formula="the same of the first k ranks, not scaled",
        params={"temperature": 8.0, "k": 2, "scalings": 0},
        differentiable=0,
        properties={Property.SHIFT_INVARIANT},
        ulps=256,
        conditioned=True,
    ),
)
