"""Cases of `jaxloss.preference.unpaired`."""

import dataclasses

import numpy as np
from mpmath import mpf

from jaxloss.preference.unpaired import kto
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.cases.preference import completions, of_many_digits, sigmoid


def _liked() -> Inputs:
    """Completions under policy and reference, and whether they are liked."""
    pairs = completions("log_probs", "reference_log_probs", held=(1,))

    def draw(rng: np.random.Generator, n: int, regime: Regime, _: int) -> tuple[np.ndarray, ...] | None:
        data = pairs.draw(rng, n, regime, 1)
        return None if data is None else (*data, rng.integers(0, 2, n).astype(np.int32))

    return dataclasses.replace(
        pairs,
        names=(*pairs.names, "desirable"),
        draw=draw,
        compare=3,
        curve=lambda x: (x, np.full_like(x, -20.0), np.ones(len(x), np.int32)),
        xlabel="log-probability of a liked completion, reference −20",
    )


@of_many_digits
def _kto(x, reference, desirable, kl, beta=mpf("0.1"), desirable_weight=1, undesirable_weight=1):
    gain = beta * (x - reference - kl)
    return desirable_weight * sigmoid(-gain) if desirable else undesirable_weight * sigmoid(gain)


CASES = (
    Case(
        loss=kto,
        inputs=_liked(),
        reference=_kto,
        formula="λ σ(∓β(log π − log π_ref − k))",
        params={"kl": 0.0},
        properties={Property.NON_NEGATIVE},
        lipschitz=0.025,
        ulps=4,
        conditioned=True,
    ),
    Case(
        loss=kto,
        inputs=_liked(),
        reference=_kto,
        formula="λ σ(∓β(log π − log π_ref − k))",
        params={"kl": 2.5, "beta": 0.5, "desirable_weight": 1.0, "undesirable_weight": 1.5},
        learnable=("beta", "undesirable_weight"),
        properties={Property.NON_NEGATIVE},
        ulps=4,
        conditioned=True,
    ),
)
