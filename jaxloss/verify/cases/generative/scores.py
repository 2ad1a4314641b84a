"""Cases of score matching; the score function of the sliced one is fixed here."""

import inspect

import jax.numpy as jnp
import numpy as np
from mpmath import mpf

from jaxloss.generative.scores import denoising_score_matching, sliced_score_matching
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.cases.generative import numbers

TURN = ((-1.0, 0.5, 0.25), (0.5, -2.0, -0.5), (0.25, -0.5, -1.0))
BEND = (0.5, 0.125, 0.25)


def _score(x):
    """A linear field bent by a cube."""
    turned = jnp.sum(jnp.asarray(TURN, x.dtype).reshape(*(1 for _ in x.shape[1:]), 3, 3) * x[..., None, :], -1)
    return turned - jnp.asarray(BEND, x.dtype).reshape(*(1 for _ in x.shape[1:]), 3) * x**3


def _fixed(loss, function, argument):
    """The loss of arrays that is left when the function is this one."""

    def of_arrays(*data, **options):
        return loss(function, *data, **options)

    signature = inspect.signature(loss)
    kept = [p for name, p in signature.parameters.items() if name != argument]
    of_arrays.__signature__ = signature.replace(parameters=kept)  # pyrefly: ignore  (an attribute of any function)
    of_arrays.__name__, of_arrays.__module__ = loss.__name__, loss.__module__
    return of_arrays


def _samples() -> Inputs:
    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        scale = {Regime.ORDINARY: 1.0, Regime.TINY: 1e-10, Regime.HUGE: 1e4}.get(regime)
        return None if scale is None else (scale * rng.normal(size=(n, c)), rng.choice([-1.0, 1.0], (n, c)))

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        zero, one = np.zeros_like(x), np.ones_like(x)
        return np.stack([x, zero, zero], -1), np.stack([one, one, one], -1)

    names = ("samples", "directions")
    return Inputs(names, draw, axis=-1, classes=3, fixed=True, curve=curve, xlabel="a coordinate", compare=2)


def _sliced(x, v):
    score = [sum(mpf(a) * b for a, b in zip(row, x, strict=True)) - mpf(k) * y**3
             for row, k, y in zip(TURN, BEND, x, strict=True)]  # fmt: skip
    turned = [sum(mpf(a) * b for a, b in zip(row, v, strict=True)) - 3 * mpf(k) * y**2 * w
              for row, k, y, w in zip(TURN, BEND, x, v, strict=True)]  # fmt: skip
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
        loss=_fixed(sliced_score_matching, _score, "score_function"),
        inputs=_samples(),
        reference=_sliced,
        formula="vᵀ ∂s(x) v + ½ ‖s(x)‖²",
        ulps=8,
        conditioned=True,
    ),
)
