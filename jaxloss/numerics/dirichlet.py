r"""How far a Dirichlet distribution is from the uniform one, and the digamma functions that its means are made of.

With :math:`f_c \ge 0` above the concentrations of 1 of the uniform distribution, F their sum and K classes,

.. math::  D = \sum_c h_1(f_c) - h_K(F), \qquad h_k(f) = \int_0^f t \, \psi'(k + t) \, dt
             = f \psi(k + f) - \log \Gamma(k + f) + \log \Gamma(k)

The integrals grow like f, and D like its logarithm: where F is large, D is made of what they lack,
:math:`g_k(f) = f - h_k(f)`, as :math:`g_K(F) - \sum_c g_1(f_c)`. Both are sums of positive terms here; with gamma
functions they would be differences.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxloss.numerics.elementary import horner, polynomial
from jaxloss.numerics.gamma import digamma_rest
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
    return jnp.log1p(others / x) + others / n / x - (digamma_rest(x) - digamma_rest(n))


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


# With psi'(x) = sum of 1 / (x + i)^2 over the steps + the series in x + n, each term times t has an elementary
# integral: log(1 + v) - v / (1 + v) for a step at a = k + i with v = f / a, and for the series, with M = k + n and
# w = f / M, M (w - log(1 + w)) + (log(1 + w) - w / (1 + w)) / 2 + `_series`.
def _integral(f: Array, k: int) -> Array:
    """h_k(f), of positive terms that are as small as f^2."""
    at, steps, _ = _steps(jnp.full_like(f, k))
    ratio = f / (k + steps)
    total = jnp.sum(_log1p_rest(f[None] / at), 0) + 0.5 * _log1p_rest(ratio)
    return total + (k + steps) * log1p_excess(ratio) + _series(ratio, k)


# 1 - t psi'(k + t) = (k/x)^2 + (k - 1) t / x^2 + t q(x) with x = k + t. The integral of the first two is
# f/x + (k - 1) log(x / k). A step of q at a = k + i gives a (v - log(1 + v)), v = f / (a (a + f + 1)).
def _lack(f: Array, k: int) -> Array:
    """g_k(f) for f of 1 or more."""
    at, steps, _ = _steps(jnp.full_like(f, k))
    ratio = f / (k + steps)
    total = f / (k + f) + (k - 1) * jnp.log1p(f / k) + 0.5 * _log1p_rest(ratio)
    return total + jnp.sum(at * log1p_excess(f[None] / (at * (at + f[None] + 1))), 0) - _series(ratio, k)


def _log1p_rest(v: Array) -> Array:
    """log(1 + v) - v / (1 + v), half of v^2 near 0."""
    small = jnp.where(v < 1, v, 0)
    return jnp.where(v < 1, small * (small / (1 + small)) - log1p_excess(small), jnp.log1p(v) - v / (1 + v))


# The integral of u / (1 + u)^(n + 2) from 0 to w is, with s = 1 / (1 + w), (1 - s^n) / n - (1 - s^(n + 1)) / (n + 1),
# which is (1 - s)^2 (1 + 2 s + 3 s^2 + ... + n s^(n - 1)) / (n (n + 1)).
def _series(ratio: Array, k: int) -> Array:
    """The integral of t times Bernoulli's terms of psi'(k + steps + t) up to f = ratio (k + steps)."""
    _, steps, series = _steps(ratio)
    s, total = 1 / (1 + ratio), jnp.zeros_like(ratio)
    for j, b in enumerate(series):
        n = 2 * j + 1
        rising = tuple(float(i) for i in range(1, n + 1))
        total = total + (b * float(k + steps) ** -n / (n * (n + 1))) * polynomial(s, rising)
    return total * (ratio * s) ** 2
