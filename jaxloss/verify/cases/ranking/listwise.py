"""Cases of `jaxloss.ranking.listwise`."""

from mpmath import exp, log, log1p, mpf

from jaxloss.ranking.listwise import list_mle, poly1_ranking, softmax_ranking, unique_softmax
from jaxloss.verify.case import Case, Property, Regime
from jaxloss.verify.cases.ranking import gain, lists


def _softmax(scores, labels):
    total = log(sum(map(exp, scores)))
    return sum(y * (total - s) for s, y in zip(scores, labels, strict=True))


def _poly1(scores, labels, epsilon=1):
    total = sum(map(exp, scores))
    missed = sum(y * (total - exp(s)) / total for s, y in zip(scores, labels, strict=True))
    return _softmax(scores, labels) + epsilon * missed / sum(labels)


def _unique(scores, labels, gain=gain):
    gains = [y if gain == "linear" else mpf(2) ** y - 1 for y in labels]
    lower = [sum(exp(s) for s, z in zip(scores, labels, strict=True) if z < y) for y in labels]
    return sum(g * log1p(z * exp(-s)) for g, z, s in zip(gains, lower, scores, strict=True))


def _plackett_luce(scores, labels):
    ordered = [s for _, s in sorted(zip(labels, scores, strict=True), key=lambda pair: -pair[0])]
    return sum(log1p(sum(map(exp, ordered[k + 1 :])) * exp(-s)) for k, s in enumerate(ordered))


CASES = (
    Case(
        loss=softmax_ranking,
        inputs=lists(labels="real"),
        reference=_softmax,
        formula="−Σ y log softmax(s)",
        properties={Property.NON_NEGATIVE, Property.CONVEX, Property.SHIFT_INVARIANT},
        ulps=16,
        conditioned=True,
        peers={"rax": "softmax_loss"},
    ),
    Case(
        loss=softmax_ranking,
        inputs=lists(regimes=(Regime.ORDINARY, Regime.EQUAL)),
        reference=_softmax,
        formula="−Σ y log softmax(s), graded labels",
        properties={Property.NON_NEGATIVE, Property.CONVEX, Property.SHIFT_INVARIANT},
        ulps=16,
        conditioned=True,
    ),
    Case(
        loss=poly1_ranking,
        inputs=lists(labels="real"),
        reference=_poly1,
        formula="−Σ y log p + ε Σ y (1 − p) / Σ y",
        params={"epsilon": 1.5},
        learnable=("epsilon",),
        properties={Property.NON_NEGATIVE, Property.SHIFT_INVARIANT},
        ulps=16,
        conditioned=True,
        peers={"rax": "poly1_softmax_loss"},
    ),
    Case(
        loss=unique_softmax,
        inputs=lists(regimes=(Regime.ORDINARY, Regime.HUGE, Regime.EQUAL)),
        reference=_unique,
        formula="Σ (2^y − 1) log(1 + Σ_{y′ < y} exp(s′ − s))",
        properties={Property.NON_NEGATIVE, Property.CONVEX, Property.SHIFT_INVARIANT},
        ulps=32,
        conditioned=True,
        peers={"rax": "unique_softmax_loss"},
    ),
    Case(
        loss=list_mle,
        inputs=lists(labels="distinct"),
        reference=_plackett_luce,
        formula="Σ log(1 + Σ_{y′ < y} exp(s′ − s)), in the order of the labels",
        properties={Property.NON_NEGATIVE, Property.CONVEX, Property.SHIFT_INVARIANT},
        ulps=16,
        conditioned=True,
        peers={"rax": "listmle_loss"},
    ),
)
