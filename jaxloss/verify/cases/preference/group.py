"""Cases of `jaxloss.preference.group`.

"cispo" holds its weights fixed, so that its gradient is not the derivative of its value, except where the weights are
constant: its case has weights that are clipped, all of them. Its gradient elsewhere is checked in the tests, and that
of "vespo", whose factors are constant nowhere.
"""

import dataclasses

import numpy as np
from mpmath import exp, mpf

from jaxloss.preference.group import grpo
from jaxloss.verify.case import Case, Inputs
from jaxloss.verify.cases.preference import of_many_digits, sigmoid, tokens
from jaxloss.verify.cases.preference.clipped import KINKS, NAMES, clipped, of_sequences

DENOMINATORS = {
    "grpo": ("per_sequence", None),
    "dapo": ("per_token", None),
    "cispo": ("per_token", None),
    "dr_grpo": ("fixed", None),
    "gspo": ("per_sequence", None),
    "luspo": ("fixed", 1),
    "sapo": ("per_sequence", None),
}


@of_many_digits
def _grpo(new, old, advantage, variant="grpo", length=None, epsilon=mpf("0.2"), epsilon_high=None):
    ratios = [x - y for x, y in zip(new, old, strict=True)]
    if variant in ("gspo", "luspo"):
        ratios = [sum(ratios) / len(ratios)] * len(ratios)
    if variant == "sapo":
        tau = mpf("1.0") if advantage > 0 else mpf("1.05")
        values = [-4 / tau * sigmoid(tau * (exp(d) - 1)) * advantage for d in ratios]
    elif variant == "cispo":
        values = [-min(exp(d), 1 + epsilon_high) * advantage * x for d, x in zip(ratios, new, strict=True)]
    else:
        values = [clipped(d, advantage, epsilon, epsilon_high) for d in ratios]
    denominator, fixed = DENOMINATORS[variant]
    return of_sequences(values, denominator, length or fixed)


def _above(inputs: Inputs) -> Inputs:
    """Tokens of which the policy thinks so much more than the old one that every ratio is above the clip."""

    def draw(*given) -> tuple[np.ndarray, ...] | None:
        drawn = inputs.draw(*given)
        if drawn is None:
            return None
        new, old, *others = drawn
        return new, new - 0.5 - np.abs(new - old), *others

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        assert inputs.curve is not None
        new, _, *others = inputs.curve(x)
        return new, new - 0.5, *others

    return dataclasses.replace(inputs, draw=draw, curve=None if inputs.curve is None else curve)


def _case(variant, formula, **params):
    smooth = variant in ("sapo", "cispo")
    drawn = tokens(
        *NAMES, kinks=() if smooth else KINKS, members=4, whole=True, largest=60.0 if variant == "sapo" else 1e4
    )
    return Case(
        loss=grpo,
        inputs=_above(drawn) if variant == "cispo" else drawn,
        reference=_grpo,
        formula=formula,
        params={"variant": variant, **params} if variant != "grpo" else params,
        differentiable=None if smooth else 0,
        ulps=4,
        conditioned=True,
    )


CASES = (
    _case("grpo", "−min(ρA, clip(ρ, 1 − ε, 1 + ε)A) / n, one advantage A for the n tokens of a completion"),
    _case("dapo", "the same without 1/n, clipped higher", epsilon_high=0.28125),
    _case("dr_grpo", "the same divided by a fixed length", length=16.0),
    _case("gspo", "the same with one ratio for a completion"),
    _case("luspo", "the same without 1/n"),
    _case("cispo", "−(1 + ε) A log π, where the ratio is above 1 + ε", epsilon_high=0.28125),
    _case("sapo", "−4/τ σ(τ(ρ − 1)) A / n"),
)
