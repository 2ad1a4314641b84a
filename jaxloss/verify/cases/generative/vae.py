"""Cases of `jaxloss.generative.vae`."""

import numpy as np
from mpmath import exp, log1p

from jaxloss.generative.vae import gaussian_vae_kl, vae
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Inputs, Property, Regime


def _codes() -> Inputs:
    """Rows of latents: means of any size, log-variances of any size that exp can represent."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        shape = (n, c)
        if regime == Regime.ORDINARY:
            return rng.normal(size=shape), rng.normal(size=shape)
        if regime == Regime.TINY:
            return inputs.magnitudes(rng, shape, 1e-17, 1e-2), inputs.magnitudes(rng, shape, 1e-17, 1e-2)
        if regime == Regime.HUGE:
            return inputs.magnitudes(rng, shape, 1e2, 1e17), -np.abs(inputs.magnitudes(rng, shape, 1e2, 1e17))
        if regime == Regime.KINKS:  # of the formula for exp(s) - 1 - s
            return 0.1 * rng.normal(size=shape), rng.choice([-1.0, 2.0], shape) + inputs.magnitudes(
                rng, shape, 1e-7, 0.1
            )
        if regime == Regime.EQUAL:
            return np.zeros(shape), np.zeros(shape)
        return rng.normal(size=shape), rng.choice([-80.0, -15.0, 15.0, 80.0], shape)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        return x[:, None], np.zeros((len(x), 1))

    return Inputs(("mean", "log_variance"), draw, axis=-1, classes=4, curve=curve, xlabel="mean, variance 1", compare=2)


def _kl(mean, log_variance, latent_reduction="sum", free_bits=0, beta=1):
    latents = [max((m * m + exp(s) - 1 - s) / 2, free_bits) for m, s in zip(mean, log_variance, strict=True)]
    return beta * sum(latents) / (len(latents) if latent_reduction == "mean" else 1)


def _autoencoders(*, largest: float) -> Inputs:
    """Logits or pixels, targets in [0, 1], and codes."""
    codes = _codes()

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        code, shape = codes.draw(rng, n, regime, c), (n, c)
        scale = {Regime.TINY: 1e-10, Regime.HUGE: largest, Regime.SATURATED: 30.0}.get(regime, 2.0)
        if code is None or regime == Regime.HUGE:
            code = rng.normal(size=shape), rng.normal(size=shape)
        return scale * rng.normal(size=shape), rng.uniform(size=shape), *code

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        zero = np.zeros((len(x), 1))
        return x[:, None], zero + 0.7, zero + 0.5, zero

    names = ("predictions", "targets", "mean", "log_variance")
    return Inputs(names, draw, axis=-1, classes=2, curve=curve, span=(-6.0, 6.0), compare=2)


def _bound(p, t, mean, log_variance, reconstruction="bernoulli", beta=1, free_bits=0):
    of_pixel = {
        "bernoulli": lambda p, t: max(p, 0) - p * t + log1p(exp(-abs(p))),
        "gaussian": lambda p, t: (p - t) ** 2 / 2,
    }[reconstruction]
    return sum(map(of_pixel, p, t)) + _kl(mean, log_variance, free_bits=free_bits, beta=beta)


CASES = (
    Case(
        loss=gaussian_vae_kl,
        inputs=_codes(),
        reference=_kl,
        formula="½ Σ (μ² + exp(s) − 1 − s)",
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        ulps=4,
    ),
    Case(
        loss=gaussian_vae_kl,
        inputs=_codes(),
        reference=_kl,
        formula="β/n Σ max(½ (μ² + exp(s) − 1 − s), λ)",
        params={"latent_reduction": "mean", "free_bits": 0.25, "beta": 2.0},
        learnable=("beta",),
        differentiable=0,
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        ulps=4,
    ),
    Case(
        loss=vae,
        inputs=_autoencoders(largest=1e4),
        reference=_bound,
        formula="Σ BCE(ŷ, y) + β KL",
        params={"beta": 0.25},
        learnable=("beta",),
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        ulps=8,
        conditioned=True,
    ),
    Case(
        loss=vae,
        inputs=_autoencoders(largest=1e12),
        reference=_bound,
        formula="½ Σ (ŷ − y)² + KL",
        params={"reconstruction": "gaussian"},
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        ulps=8,
        conditioned=True,
    ),
)
