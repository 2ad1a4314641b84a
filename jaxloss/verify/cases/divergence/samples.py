"""Cases of the divergences of samples: discrepancies, Wasserstein distances on lines, Sinkhorn divergence."""

import itertools

import jax
import numpy as np
from mpmath import exp, log, mpf, sqrt

from jaxloss.divergence.discrepancy import energy_distance, mmd
from jaxloss.divergence.sinkhorn import sinkhorn
from jaxloss.divergence.transport import sliced_wasserstein, wasserstein_1d
from jaxloss.verify.case import Case, Inputs, Property, Regime

KEY = np.array([0, 7], np.uint32)


def _sets(*, n: int = 4, m: int = 3, features: int | None = 2, scale: float = 1e15) -> Inputs:
    """Two sets of samples, of every size and nearly the same."""

    def draw(rng: np.random.Generator, events: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        shape = (events, n) if features is None else (events, n, c)
        other = (events, m, *shape[2:])
        x, y = rng.normal(size=shape), 1 + rng.normal(size=other)
        if regime == Regime.TINY:
            return x / scale, y / scale
        if regime == Regime.HUGE:
            return x * scale, y * scale
        if regime == Regime.EQUAL:
            return x, x[:, np.arange(m) % n] + 1e-2 * rng.normal(size=other)
        return (x, y) if regime == Regime.ORDINARY else None

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        shape = (len(x), 3) if features is None else (len(x), 3, 1)
        spots = np.array([-1.0, 0.0, 1.0]).reshape((1, *shape[1:]))
        return x.reshape(len(x), *[1] * (len(shape) - 1)) + spots, np.broadcast_to(spots, shape).copy()

    return Inputs(
        ("x", "y"), draw, axis=-1, classes=features or 1, curve=curve, xlabel="shift of three points at −1, 0 and 1"
    )


def _mean(distance, first, second):
    return sum(distance(a, b) for a in first for b in second) / (len(first) * len(second))


def _squares(a, b):
    return sum((u - v) ** 2 for u, v in zip(a, b, strict=True))


def _norm(a, b):
    return sqrt(_squares(a, b))


def _energy(x, y, unbiased=False):
    n, m = len(x), len(y)
    grow = lambda k: mpf(k) / (k - 1) if unbiased else 1  # the diagonal is 0
    return 2 * _mean(_norm, x, y) - grow(n) * _mean(_norm, x, x) - grow(m) * _mean(_norm, y, y)


def _mmd(x, y, bandwidths=(mpf(1),), kernel="gaussian", unbiased=False):
    def similar(a, b):
        size = lambda h: _squares(a, b) / (2 * h * h) if kernel == "gaussian" else _norm(a, b) / h
        return sum(exp(-size(mpf(h))) for h in bandwidths) / len(bandwidths)

    def within(z):
        pairs = [(a, b) for (i, a), (j, b) in itertools.product(enumerate(z), repeat=2) if i != j or not unbiased]
        return sum(similar(a, b) for a, b in pairs) / len(pairs)

    return within(x) + within(y) - 2 * _mean(similar, x, y)


def _wasserstein(x, y, p=1):
    """Every sample as often as there are samples of the other set, in pairs."""
    pairs = zip(sorted(x * len(y)), sorted(y * len(x)), strict=True)
    return sum(abs(a - b) ** p for a, b in pairs) / (len(x) * len(y))


def _sliced(x, y, key, projections, p=2):
    total = mpf(0)
    for drawn in np.asarray(jax.random.normal(np.array(key, np.uint32), (projections, len(x[0])), np.float32)):
        direction = [mpf(float(u)) for u in drawn]
        length = sqrt(sum(u * u for u in direction))
        line = lambda z, d=direction, s=length: [sum(u * v for u, v in zip(a, d, strict=True)) / s for a in z]
        total += _wasserstein(line(x), line(y), p)
    return total / projections


def _sinkhorn(x, y, epsilon, iterations):
    def softmin(points, others, potential):
        kernel = lambda a: sum(exp((q - _squares(a, b)) / epsilon) for b, q in zip(others, potential, strict=True))
        return [-epsilon * log(kernel(a) / len(others)) for a in points]

    def dual(x, y):
        f, g = [mpf(0)] * len(x), [mpf(0)] * len(y)
        for _ in range(iterations):
            new = softmin(x, y, g), softmin(y, x, f)
            f, g = ([(u + v) / 2 for u, v in zip(*pair, strict=True)] for pair in zip((f, g), new, strict=True))
        f, g = softmin(x, y, g), softmin(y, x, f)
        return sum(f) / len(f) + sum(g) / len(g)

    return dual(x, y) - dual(x, x) / 2 - dual(y, y) / 2


CASES = (
    Case(
        loss=mmd,
        inputs=_sets(),
        reference=_mmd,
        formula="mean k(x, x′) + mean k(y, y′) − 2 mean k(x, y)",
        properties={Property.NON_NEGATIVE, Property.SYMMETRIC},
        ulps=16,
        conditioned=True,
    ),
    Case(
        loss=mmd,
        inputs=_sets(),
        reference=_mmd,
        formula="the same over pairs of different samples",
        params={"bandwidths": (0.5, 2.0), "kernel": "laplace", "unbiased": True},
        differentiable=0,
        properties={Property.SYMMETRIC},
        ulps=32,  # each mean is within 2 ulp, and their difference may be a twentieth of them
        conditioned=True,
    ),
    Case(
        loss=energy_distance,
        inputs=_sets(scale=1e30),
        reference=_energy,
        formula="2 mean ‖x − y‖ − mean ‖x − x′‖ − mean ‖y − y′‖",
        differentiable=0,
        properties={Property.NON_NEGATIVE, Property.SYMMETRIC},
        degree=1,
        ulps=16,
        conditioned=True,
    ),
    Case(
        loss=wasserstein_1d,
        inputs=_sets(features=None, scale=1e30),
        reference=_wasserstein,
        formula="∫ |F⁻¹(u) − G⁻¹(u)| du",
        differentiable=0,
        properties={Property.NON_NEGATIVE, Property.SYMMETRIC},
        degree=1,
        ulps=4,
        conditioned=True,
    ),
    Case(
        loss=wasserstein_1d,
        inputs=_sets(features=None, n=3, m=3, scale=1e12),
        reference=_wasserstein,
        formula="∫ |F⁻¹(u) − G⁻¹(u)|^p du",
        params={"p": 2.5},
        differentiable=0,
        properties={Property.NON_NEGATIVE, Property.SYMMETRIC, Property.ZERO_AT_TARGET},
        degree=2.5,
        ulps=8,
        conditioned=True,
    ),
    Case(
        loss=sliced_wasserstein,
        inputs=_sets(),
        reference=_sliced,
        formula="mean over θ of W_p^p(θ·x, θ·y)",
        params={"key": KEY, "projections": 3},
        differentiable=0,
        properties={Property.NON_NEGATIVE, Property.SYMMETRIC},
        degree=2,
        ulps=16,
        conditioned=True,
    ),
    Case(
        loss=sinkhorn,
        inputs=_sets(n=3, m=2, features=1, scale=1e3),
        reference=_sinkhorn,
        formula="W_ε(x, y) − ½ W_ε(x, x) − ½ W_ε(y, y)",
        params={"epsilon": 0.5, "iterations": 3},
        learnable=("epsilon",),
        properties={Property.SYMMETRIC},
        ulps=16,
        conditioned=True,
    ),
)
