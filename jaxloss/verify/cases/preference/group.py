"""Cases of `jaxloss.preference.group`. The weights of "cispo" are held fixed: no derivative of a reference is due."""

from mpmath import exp, mpf

from jaxloss.preference.group import grpo
from jaxloss.verify.case import Case
from jaxloss.verify.cases.preference import of_many_digits, sigmoid, tokens
from jaxloss.verify.cases.preference.clipped import KINKS, NAMES, clipped, of_sequences

DENOMINATORS = {
    "grpo": ("per_sequence", None),
    "dapo": ("per_token", None),
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
    else:
        values = [clipped(d, advantage, epsilon, epsilon_high) for d in ratios]
    denominator, fixed = DENOMINATORS[variant]
    return of_sequences(values, denominator, length or fixed)


def _case(variant, formula, **params):
    smooth = variant == "sapo"
    return Case(
        loss=grpo,
        inputs=tokens(*NAMES, kinks=() if smooth else KINKS, members=4, whole=True, largest=60.0 if smooth else 1e4),
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
    _case("sapo", "−4/τ σ(τ(ρ − 1)) A / n"),
)
