"""Cases of `jaxloss.embedding.swav`."""

import numpy as np
from mpmath import exp, log, mp, mpf

from jaxloss.embedding.swav import swav
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Inputs, Property, Regime


def _views() -> Inputs:
    """Scores of two views and their codes."""
    rows = inputs.dense_rows(largest=1e2)

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        first, second = rows.draw(rng, n, regime, c), rows.draw(rng, n, regime, c)
        if first is None:
            return None
        scale = 0.2 if regime == Regime.ORDINARY else 1.0  # central differences need a few steps within a temperature
        turned = lambda z: scale * z * rng.uniform(0.8, 1.25, z.shape)
        return turned(first[0]), turned(second[0]), first[1], second[1]

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        rest, codes = np.zeros((len(x), 3)), np.tile([0.8, 0.1, 0.1], (len(x), 1))
        return np.stack([x, 0 * x, 0 * x], axis=-1), rest, codes, codes

    return Inputs(
        ("first_scores", "second_scores", "first_codes", "second_codes"),
        draw,
        axis=-1,
        classes=3,
        curve=curve,
        span=(-1.0, 1.0),
        xlabel="score of a prototype of code 0.8, others 0",
        compare=4,
    )


def _swav(first, second, first_codes, second_codes, temperature=mpf("0.1")):
    def predicted(scores, codes):
        total = log(sum(exp(s / temperature) for s in scores))
        return sum(q * (total - s / temperature) for q, s in zip(codes, scores, strict=True))

    with mp.workdps(400):
        return (predicted(first, second_codes) + predicted(second, first_codes)) / 2


CASES = tuple(
    Case(
        loss=swav,
        inputs=_views(),
        reference=_swav,
        formula="−½ Σ (q₂ log softmax(s₁/τ) + q₁ log softmax(s₂/τ))",
        params=params,
        learnable=tuple(params),
        properties={Property.NON_NEGATIVE, Property.CONVEX, Property.SHIFT_INVARIANT},
        ulps=8,
        conditioned=True,
    )
    for params in ({}, {"temperature": 0.5})
)
