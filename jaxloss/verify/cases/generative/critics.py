"""Cases of the penalties on a critic, which is fixed here: what they differentiate twice."""

import jax.numpy as jnp
import numpy as np
from mpmath import mpf, sqrt

from jaxloss.generative.critics import gradient_penalty, r1, r2
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.cases.generative import fixed


def _coefficients(features):
    """Of a quadratic form of any number of features."""
    i = np.arange(features)
    return 2 - 0.75 * (i % 3), 0.5 + 0.25 * (i % 2)


def _critic(x):
    a, b = (jnp.asarray(c, x.dtype).reshape(*(1 for _ in x.shape[1:]), -1) for c in _coefficients(x.shape[-1]))
    return jnp.sum(a * x + 0.5 * b * x**2, -1) + x[..., 0] * x[..., 1]


def _slope(x):
    slope = [mpf(float(a)) + mpf(float(b)) * y for a, b, y in zip(*_coefficients(len(x)), x, strict=True)]
    return [slope[0] + x[1], slope[1] + x[0], *slope[2:]]


def _samples(name: str) -> Inputs:
    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        scale = {Regime.ORDINARY: 1.0, Regime.TINY: 1e-10, Regime.HUGE: 1e15}.get(regime)
        return None if scale is None else (scale * rng.normal(size=(n, c)),)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        return (np.stack([x, np.zeros_like(x), np.zeros_like(x)], -1),)

    return Inputs((name,), draw, axis=-1, classes=3, curve=curve, xlabel="a coordinate of the sample")


def _norm(x):
    return sqrt(sum(s * s for s in _slope(x)))


CASES = (
    Case(
        loss=fixed(gradient_penalty, _critic),
        inputs=_samples("samples"),
        reference=lambda x: (_norm(x) - 1) ** 2,
        formula="(‖∇D(x)‖ − 1)²",
        properties={Property.NON_NEGATIVE},
        ulps=16,
        conditioned=True,
        unit=1,  # the critic's slope, of that size here, is rounded before the target is subtracted
    ),
    Case(
        loss=fixed(gradient_penalty, _critic),
        inputs=_samples("samples"),
        reference=lambda x, target, one_sided: max(0, _norm(x) - target) ** 2,
        formula="max(0, ‖∇D(x)‖ − c)²",
        params={"target": 0.5, "one_sided": True},
        learnable=("target",),
        differentiable=1,
        properties={Property.NON_NEGATIVE},
        ulps=16,
        conditioned=True,
        unit=1,  # the critic's slope, of that size here, is rounded before the target is subtracted
    ),
    *(
        Case(
            loss=fixed(loss, _critic),
            inputs=_samples(name),
            reference=lambda x: sum(s * s for s in _slope(x)) / 2,
            formula="½ ‖∇D(x)‖²",
            properties={Property.NON_NEGATIVE},
            ulps=16,
            conditioned=True,
        )
        for loss, name in ((r1, "real"), (r2, "fake"))
    ),
)
