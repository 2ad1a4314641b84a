"""Cases of `jaxloss.preference.clipped`."""

import numpy as np
from mpmath import exp, log, mpf

from jaxloss.preference.clipped import policy_gradient, ppo_clip, ppo_value
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.cases.preference import tokens
from jaxloss.verify.inputs import magnitudes

NAMES = ("log_probs", "old_log_probs", "advantages")
KINKS = (float(log(mpf("1.2"))), float(log(mpf("0.8"))))


def clipped(d, advantage, epsilon=mpf("0.2"), epsilon_high=None, dual_clip=None):
    """-min(r A, clip(r) A) of the log-ratio d, by its definition."""
    ratio, high = exp(d), epsilon if epsilon_high is None else epsilon_high
    value = min(ratio * advantage, max(1 - epsilon, min(ratio, 1 + high)) * advantage)
    return -(max(value, dual_clip * advantage) if dual_clip is not None and advantage < 0 else value)


def of_sequences(values, denominator, length=None):
    """What each of the values of one sequence contributes to a sum."""
    return [v / {"per_token": 1, "per_sequence": len(values), "fixed": length}[denominator] for v in values]


def _ppo_sequences(new, old, advantages, denominator, length=None, **options):
    values = [clipped(x - y, a, **options) for x, y, a in zip(new, old, advantages, strict=True)]
    return of_sequences(values, denominator, length)


def _values() -> Inputs:
    """Predictions of returns, within and beyond the clip of 0.2 around the old ones."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, _: int) -> tuple[np.ndarray, ...] | None:
        old, returns = rng.normal(size=(2, n))
        if regime == Regime.ORDINARY:
            return old + 0.3 * rng.normal(size=n), old, returns
        if regime == Regime.TINY:
            return tuple(magnitudes(rng, (3, n), 1e-15, 1e-2))
        if regime == Regime.HUGE:
            return tuple(magnitudes(rng, (3, n), 1e2, 1e15))
        if regime == Regime.KINKS:
            return old + rng.choice([-0.2, 0.2], n) * (1 + magnitudes(rng, n, 1e-4, 1e-1)), old, returns
        return (old.copy(), old, returns) if regime == Regime.EQUAL else None

    return Inputs(
        ("values", "old_values", "returns"),
        draw,
        curve=lambda x: (x, np.zeros_like(x), np.full_like(x, 0.5)),
        span=(-1.5, 2.0),
        xlabel="prediction, before 0, return 0.5",
        compare=3,
        held=(1, 2),
    )


def _ppo_value(v, old, returns, epsilon=mpf("0.2")):
    moved = old + max(-epsilon, min(v - old, epsilon))
    return max((v - returns) ** 2, (moved - returns) ** 2) / 2


CASES = (
    Case(
        loss=ppo_clip,
        inputs=tokens(*NAMES, kinks=KINKS),
        reference=lambda x, y, a, **options: clipped(x - y, a, **options),
        formula="−min(ρA, clip(ρ, 1 − ε, 1 + ε)A), ratio ρ",
        differentiable=0,
        ulps=4,
        conditioned=True,
    ),
    Case(
        loss=ppo_clip,
        inputs=tokens(*NAMES, kinks=(float(log(1.25)), float(log(0.875)), float(log(3.0)))),
        reference=lambda x, y, a, **options: clipped(x - y, a, **options),
        formula="the same, not below cA",
        params={"epsilon": 0.125, "epsilon_high": 0.25, "dual_clip": 3.0},
        differentiable=0,
        ulps=4,
        conditioned=True,
    ),
    Case(
        loss=ppo_clip,
        inputs=tokens(*NAMES, kinks=KINKS, members=4),
        reference=_ppo_sequences,
        formula="the same, every sequence counting once",
        params={"denominator": "per_sequence"},
        differentiable=0,
        ulps=4,
        conditioned=True,
    ),
    Case(
        loss=ppo_value,
        inputs=_values(),
        reference=_ppo_value,
        formula="½ max((v − R)², (clip(v) − R)²), clipped to v_old ± ε",
        differentiable=0,
        properties={Property.NON_NEGATIVE},
        ulps=4,
        conditioned=True,
    ),
    Case(
        loss=policy_gradient,
        inputs=tokens("log_probs", "advantages"),
        reference=lambda x, a: -a * x,
        formula="−A log π",
        properties={Property.CONVEX},
        ulps=4,
    ),
    Case(
        loss=policy_gradient,
        inputs=tokens("log_probs", "advantages", members=4),
        reference=lambda x, a, denominator, length: of_sequences(
            [-b * y for y, b in zip(x, a, strict=True)], denominator, length
        ),
        formula="the same, divided by a fixed length",
        params={"denominator": "fixed", "length": 8.0},
        properties={Property.CONVEX},
        ulps=4,
    ),
)
