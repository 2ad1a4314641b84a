"""Cases of `jaxloss.ranking.pairwise`."""

import functools

from mpmath import exp, log1p, mpf

from jaxloss.ranking.lambda_weights import dcg_lambda
from jaxloss.ranking.pairwise import pairwise_hinge, pairwise_logistic, pairwise_soft_zero_one, pairwise_squared
from jaxloss.verify.case import Case, Property, Regime
from jaxloss.verify.cases.ranking import SMOOTH, dcg, discount, gain, lists, ranks


def _mean_of_pairs(margin):
    def loss(scores, labels, lambda_weights=None):
        n, place, best = len(scores), ranks(scores), dcg(ranks(labels), labels)
        pairs = [(i, j) for i in range(n) for j in range(n) if labels[i] > labels[j]]

        def weight(i, j):
            if lambda_weights is None:
                return 1
            return (gain(labels[i]) - gain(labels[j])) * abs(discount(place[i]) - discount(place[j])) / best

        return sum(weight(i, j) * margin(scores[i] - scores[j]) for i, j in pairs) / mpf(max(len(pairs), 1))

    return loss


def _squared(scores, labels):
    errors = [s - y for s, y in zip(scores, labels, strict=True)]
    return sum((a - b) ** 2 for a in errors for b in errors) / mpf(len(errors)) ** 2


NDCG = functools.partial(dcg_lambda, normalize=True)

CASES = (
    Case(
        loss=pairwise_hinge,
        inputs=lists(regimes=(*SMOOTH, Regime.KINKS), largest=1e30),
        reference=_mean_of_pairs(lambda t: max(0, 1 - t)),
        formula="mean of max(0, 1 − (s⁺ − s⁻)) over pairs y⁺ > y⁻",
        differentiable=0,
        properties={Property.NON_NEGATIVE, Property.CONVEX, Property.SHIFT_INVARIANT},
        lipschitz=1,
        conditioned=True,
        peers={"rax": "pairwise_hinge_loss"},
    ),
    Case(
        loss=pairwise_logistic,
        inputs=lists(labels="binary"),
        reference=_mean_of_pairs(lambda t: log1p(exp(-t))),
        formula="mean of log(1 + exp(s⁻ − s⁺)) over pairs y⁺ > y⁻, labels 0 and 1",
        properties={Property.NON_NEGATIVE, Property.CONVEX, Property.SHIFT_INVARIANT},
        lipschitz=1,
        ulps=8,
        conditioned=True,
        peers={"rax": "pairwise_logistic_loss"},
    ),
    Case(
        loss=pairwise_logistic,
        inputs=lists(regimes=(Regime.ORDINARY, Regime.EQUAL)),
        reference=_mean_of_pairs(lambda t: log1p(exp(-t))),
        formula="mean of log(1 + exp(s⁻ − s⁺)) over pairs y⁺ > y⁻",
        properties={Property.NON_NEGATIVE, Property.CONVEX, Property.SHIFT_INVARIANT},
        lipschitz=1,
        ulps=8,
        conditioned=True,
        peers={"rax": "pairwise_logistic_loss"},
    ),
    Case(
        loss=pairwise_logistic,
        inputs=lists(regimes=(Regime.ORDINARY,)),
        reference=_mean_of_pairs(lambda t: log1p(exp(-t))),
        formula="mean of |ΔNDCG| log(1 + exp(s⁻ − s⁺)) over pairs y⁺ > y⁻",
        params={"lambda_weights": NDCG},
        differentiable=0,
        properties={Property.NON_NEGATIVE},
        ulps=16,
        conditioned=True,
    ),
    Case(
        loss=pairwise_soft_zero_one,
        inputs=lists(labels="binary"),
        reference=_mean_of_pairs(lambda t: 1 / (1 + exp(t))),
        formula="mean of σ(s⁻ − s⁺) over pairs y⁺ > y⁻, labels 0 and 1",
        properties={Property.NON_NEGATIVE, Property.SHIFT_INVARIANT},
        lipschitz=1,
        ulps=8,
        conditioned=True,
        peers={"rax": "pairwise_soft_zero_one_loss"},
    ),
    Case(
        loss=pairwise_squared,
        inputs=lists(labels="real", largest=1e12),
        reference=_squared,
        formula="mean of ((sᵢ − sⱼ) − (yᵢ − yⱼ))² over all pairs",
        properties={
            Property.NON_NEGATIVE,
            Property.CONVEX,
            Property.SYMMETRIC,
            Property.SHIFT_INVARIANT,
            Property.ZERO_AT_TARGET,
        },
        degree=2,
        ulps=8,
        conditioned=True,
        peers={"rax": "pairwise_mse_loss"},
    ),
)
