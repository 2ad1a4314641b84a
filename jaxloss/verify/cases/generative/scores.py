"""Cases of score matching; the score function of the sliced one is fixed here."""

import jax.numpy as jnp
import numpy as np

from jaxloss.generative.scores import denoising_score_matching, sliced_score_matching
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.cases.generative import fixed, numbers


def _score(x):
    """Each coordinate is drawn to 0, more so far away, and pushed by the next."""
    return 0.5 * jnp.roll(x, -1, -1) - x - 0.25 * x**3


def _samples() -> Inputs:
    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        scale = {Regime.ORDINARY: 1.0, Regime.TINY: 1e-10, Regime.HUGE: 1e4}.get(regime)
        return None if scale is None else (scale * rng.normal(size=(n, c)), rng.choice([-1.0, 1.0], (n, c)))

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        zero, one = np.zeros_like(x), np.ones_like(x)
        return np.stack([x, zero, zero], -1), np.stack([one, one, one], -1)

    names = ("samples", "directions")
    return Inputs(names, draw, axis=-1, classes=3, curve=curve, xlabel="a coordinate", compare=2)


def _sliced(x, v):
    ahead = lambda z: [*z[1:], z[0]]
    score = [b / 2 - a - a**3 / 4 for a, b in zip(x, ahead(x), strict=True)]
    turned = [q / 2 - p - 3 * a**2 / 4 * p for a, p, q in zip(x, v, ahead(v), strict=True)]
    return sum(a * b for a, b in zip(v, turned, strict=True)) + sum(s * s for s in score) / 2


CASES = (
    Case(
        loss=denoising_score_matching,
        inputs=numbers(
            ("scores", "noise", "sigma"),
            smallest=1e-8,
            largest=1e8,
            compare=2,
            curve=lambda x: (x, np.ones_like(x), np.ones_like(x)),
            xlabel="score, noise 1",
        ),
        reference=lambda s, noise, sigma: (sigma * s + noise) ** 2 / 2,
        formula="½ (σ s + ε)²",
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        ulps=4,
        conditioned=True,
    ),
    Case(
        loss=fixed(sliced_score_matching, _score),
        inputs=_samples(),
        reference=_sliced,
        formula="vᵀ ∂s(x) v + ½ ‖s(x)‖²",
        ulps=8,
        conditioned=True,
    ),
)
