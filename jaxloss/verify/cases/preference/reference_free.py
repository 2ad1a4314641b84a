"""Cases of `jaxloss.preference.reference_free`."""

from mpmath import exp, expm1, log, log1p, mpf

from jaxloss.preference.reference_free import cpo, orpo, simpo
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.preference import completions, of_many_digits

NAMES = ("chosen_log_probs", "rejected_log_probs")


def _surprise(z):
    return log1p(exp(-z))


@of_many_digits
def _simpo(c, r, beta=mpf(2), gamma=mpf(1), label_smoothing=0):
    z = beta * (c - r) - gamma
    return (1 - label_smoothing) * _surprise(z) + label_smoothing * _surprise(-z)


@of_many_digits
def _cpo(c, r, beta=mpf("0.1"), nll_weight=1, variant="sigmoid", label_smoothing=0):
    z = beta * (c - r)
    smooth = (1 - label_smoothing) * _surprise(z) + label_smoothing * _surprise(-z)
    first = {"sigmoid": smooth, "hinge": max(0, 1 - z), "ipo": (c - r - 1 / (2 * beta)) ** 2}[variant]
    return first - nll_weight * c


@of_many_digits
def _orpo(c, r, beta=mpf("0.1"), nll_weight=1):
    odds = lambda x: -exp(x) / expm1(x)
    return beta * log(1 + odds(r) / odds(c)) - nll_weight * c


SHARED = {"properties": {Property.NON_NEGATIVE, Property.CONVEX}, "ulps": 4, "conditioned": True}

CASES = (
    Case(
        loss=simpo,
        inputs=completions(*NAMES, averages=True),
        reference=_simpo,
        formula="−log σ(β(x − y) − γ), average log-probabilities x and y",
        **SHARED,
    ),
    Case(
        loss=simpo,
        inputs=completions(*NAMES, averages=True),
        reference=_simpo,
        formula="the same with smoothed labels",
        params={"beta": 10.0, "gamma": 0.5, "label_smoothing": 0.125},
        learnable=("beta", "gamma", "label_smoothing"),
        **SHARED,
    ),
    Case(
        loss=cpo,
        inputs=completions(*NAMES),
        reference=_cpo,
        formula="−log σ(β(x − y)) − α x, log-probabilities x and y",
        **SHARED,
    ),
    Case(
        loss=cpo,
        inputs=completions(*NAMES, kinks=(10.0,)),
        reference=_cpo,
        formula="max(0, 1 − β(x − y)) − α x",
        params={"variant": "hinge", "nll_weight": 0.5},
        learnable=("nll_weight",),
        differentiable=0,
        **SHARED,
    ),
    Case(
        loss=cpo,
        inputs=completions(*NAMES),
        reference=_cpo,
        formula="(x − y − 1/(2β))² − α x",
        params={"variant": "ipo", "nll_weight": 0.0},
        **SHARED,
    ),
    Case(
        loss=orpo,
        inputs=completions(*NAMES, averages=True, largest=1e3),
        reference=_orpo,
        formula="−x + β log(1 + odds y / odds x), average log-probabilities x and y",
        properties={Property.NON_NEGATIVE},
        ulps=8,
        conditioned=True,
    ),
    Case(
        loss=orpo,
        inputs=completions(*NAMES, averages=True, largest=1e3),
        reference=_orpo,
        formula="β log(1 + odds y / odds x)",
        params={"nll_weight": 0.0, "beta": 1.0},
        learnable=("beta",),
        properties={Property.NON_NEGATIVE},
        ulps=8,
        conditioned=True,
    ),
)
