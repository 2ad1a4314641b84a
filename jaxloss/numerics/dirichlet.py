r"""How far a Dirichlet distribution is from the uniform one, and the digamma functions that its means are made of.

With :math:`f_c \ge 0` above the concentrations of 1 of the uniform distribution, F their sum and K classes,

.. math::  D = \sum_c h_1(f_c) - h_K(F), \qquad h_k(f) = \int_0^f t \, \psi'(k + t) \, dt
             = f \psi(k + f) - \log \Gamma(k + f) + \log \Gamma(k)

The integrals grow like f, and D like its logarithm: where F is large, D is made of what they lack,
:math:`g_k(f) = f - h_k(f)`, as :math:`g_K(F) - \sum_c g_1(f_c)`. Where f is small, the integral is summed as one (by
Gauss's rule, of which every term is positive), for its closed form is a difference.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxloss.numerics.elementary import horner
from jaxloss.numerics.logarithms import log1p_excess
from jaxloss.numerics.slopes import with_slopes

__all__ = ["digamma_gap", "divergence_from_uniform", "share", "sums_of_others"]


def sums_of_others(rows: Array, axis: int) -> Array:
    """Return the sum of the other entries of each row, without taking one away from the sum of all."""
    if not rows.shape[axis]:
        return rows
    rows = jnp.moveaxis(rows, axis, -1)
    zeros = jnp.zeros_like(rows[..., :1])
    before = jnp.cumsum(jnp.concatenate([zeros, rows[..., :-1]], -1), -1)
    after = jnp.flip(jnp.cumsum(jnp.concatenate([zeros, jnp.flip(rows[..., 1:], -1)], -1), -1), -1)
    return jnp.moveaxis(before + after, -1, axis)


def _share_slope(x: Array, others: Array) -> Array:
    return share(others, x) / (x + others)


@with_slopes(_share_slope, lambda x, others: -share(x, others) / (x + others))
def share(x: Array, others: Array) -> Array:
    """Return x / (x + others) for positive numbers; the derivatives lose no digits to 1 - x / (x + others)."""
    return x / (x + others)


# q(x) - q(x + 1) = 1 / (x (x + 1)^2): a few such steps lead to where the asymptotic series holds, whose coefficients
# are Bernoulli's numbers. The steps are positive, and each derivative of theirs has one sign.
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)


def _steps(x: Array) -> tuple[Array, int, tuple[float, ...]]:
    """Return x, x + 1, ... along a new first axis, how many these are, and the terms of the series behind them."""
    steps, terms = (5, 4) if x.dtype == jnp.float32 else (16, 7)
    return x[None] + jnp.arange(steps, dtype=x.dtype).reshape(-1, *[1] * x.ndim), steps, BERNOULLI[:terms]


def _trigamma_lack(x: Array) -> Array:
    """q(x) = 1/x + 1/x^2 - psi'(x) for x of 1 or more: from 0.36 it falls to 1 / (2 x^2)."""
    at, steps, series = _steps(x)
    following, inverse = 1 / (at + 1), 1 / (x + steps)
    rest = inverse * inverse * (0.5 - inverse * horner(inverse * inverse, list(series)))
    return jnp.sum(following * following / at, 0) + rest


def _digamma_rest(x: Array) -> Array:
    """R(x) = psi(x) - log x + 1/x, the integral of q from x on: from 0.42 it falls to 1 / (2 x)."""
    at, steps, series = _steps(x)
    inverse = 1 / (x + steps)
    rest = inverse * (0.5 - inverse * horner(inverse * inverse, [b / (2 * k + 2) for k, b in enumerate(series)]))
    return jnp.sum(jnp.log1p(1 / at) - 1 / (at + 1), 0) + rest


def _trigamma(x: Array) -> Array:
    return (1 + 1 / x) / x - _trigamma_lack(x)


# With psi(x) = log x - 1/x + R(x): the logarithms and the quotients make one number each, and R, at most 1 / (2x), is
# as good as exact beside them while others are 1 or more. The same holds of the derivative in x, psi'(n) - psi'(x).
def _gap_in_x(x: Array, others: Array) -> Array:
    n = x + others
    return (_trigamma_lack(x) - _trigamma_lack(n)) - others / n / x * (1 + (1 / x + 1 / n))


@with_slopes(_gap_in_x, lambda x, others: _trigamma(x + others))
def digamma_gap(x: Array, others: Array) -> Array:
    """Return psi(x + others) - psi(x) for x of 1 or more, and others of 1 or more or 0."""
    n = x + others
    return jnp.log1p(others / x) + others / n / x - (_digamma_rest(x) - _digamma_rest(n))


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def divergence_from_uniform(f: Array, axis: int) -> Array:
    """Return D, without the axis, for f of at least 0; derivatives f_c psi'(1 + f_c) - F psi'(K + F)."""
    classes = f.shape[axis]
    total = jnp.sum(f, axis, keepdims=True)
    near = total < classes
    whole = jnp.where(near, total, 0)
    # Of each class what it has and what it lacks; from 1 on the closed form is as good for both.
    small = f < 1
    part = _integral(jnp.where(small, f, 0), 1)
    lack = _lack(jnp.where(small, 1, f), 1)
    has = jnp.where(small, part, f - lack)
    lacks = jnp.where(small, f - part, lack)
    close = jnp.sum(has, axis, keepdims=True) - _integral(whole, classes)
    far = _lack(jnp.where(near, classes, total), classes) - jnp.sum(lacks, axis, keepdims=True)
    return jnp.squeeze(jnp.where(near, close, far), axis)


@divergence_from_uniform.defjvp
def _(axis: int, primals: Any, tangents: Any) -> tuple[Array, Array]:
    (f,), (df,) = primals, tangents
    slope = _slope(f, jnp.sum(f, axis, keepdims=True), f.shape[axis])
    return divergence_from_uniform(f, axis), jnp.sum(slope * df, axis)


def _slope(f: Array, total: Array, classes: int) -> Array:
    """Return f psi'(1 + f) - F psi'(K + F); where both are next to 1, as the difference of what they lack."""
    far = (f >= 1) & (total >= classes)
    x = classes + total
    direct = f * _trigamma(1 + f) - total * _trigamma(x)
    # 1 - f psi'(k + f) = (k/x)^2 + (k - 1) f / x^2 + f q(x) with x = k + f.
    lack = (1 / (1 + f)) * (1 / (1 + f)) + f * _trigamma_lack(1 + f)
    whole = (classes / x) * (classes / x) + (classes - 1) / x * (total / x) + total * _trigamma_lack(x)
    return jnp.where(far, whole - lack, direct)


def _integral(f: Array, k: int) -> Array:
    """h_k(f) for 0 <= f <= k: the integrand has no pole within k of there, so that few points are exact enough."""
    points, weights = (0.5 * array for array in np.polynomial.legendre.leggauss(7 if f.dtype == jnp.float32 else 14))
    first = lambda array: jnp.asarray(array, f.dtype).reshape(-1, *[1] * f.ndim)
    t = first(0.5 + points)
    return f * f * jnp.sum(first(weights) * t * _trigamma(k + f[None] * t), 0)


# 1 - t psi'(k + t) = (k/x)^2 + (k - 1) t / x^2 + t q(x) with x = k + t. The integral of the first two is
# f/x + (k - 1) log(x / k). A step of q at a = k + i gives a (v - log(1 + v)), v = f / (a (a + f + 1)), and a term of
# the series, t / (x + n)^m, an elementary one.
def _lack(f: Array, k: int) -> Array:
    """g_k(f) for f of 1 or more."""
    at, steps, series = _steps(jnp.full_like(f, k))
    total = f / (k + f) + (k - 1) * jnp.log1p(f / k)
    total = total + jnp.sum(at * log1p_excess(f[None] / (at * (at + f[None] + 1))), 0)
    first, ratio = k + steps, f / (k + steps)
    total = total + 0.5 * (jnp.log1p(ratio) - ratio / (1 + ratio))
    left = 1 / (1 + ratio)
    for n, b in enumerate(series):
        m = 2 * n + 3
        powers = (1 - left ** (m - 2)) / (m - 2) - (1 - left ** (m - 1)) / (m - 1)
        total = total - b * first ** (2.0 - m) * powers
    return total
