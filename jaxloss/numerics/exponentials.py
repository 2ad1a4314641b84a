"""The exponential without its first terms, and its moments: what divergences of nearly equal arguments are made of."""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss.numerics.elementary import as_real, derivative, horner

__all__ = ["exp_excess", "exp_moment", "expm1"]


def expm1(x: ArrayLike) -> Array:
    """e^x - 1, derivative e^x; both within 4 ulp.

    Example:
      >>> expm1(jnp.array([1e-10, 1.0]))
      Array([1.0000000e-10, 1.7182817e+00], dtype=float32)
    """
    return _expm1(as_real(x))


def exp_excess(x: ArrayLike) -> Array:
    """e^x - 1 - x, which is x^2 / 2 near 0, derivative e^x - 1; both within 4 ulp.

    Example:
      >>> exp_excess(jnp.array([1e-10, 1.0]))
      Array([5.0000000e-21, 7.1828175e-01], dtype=float32)
    """
    return _exp_excess(as_real(x))


def exp_moment(x: ArrayLike, n: int = 0) -> Array:
    """Integral of t^n e^(x t) over 0 <= t <= 1, derivative that of n + 1; for n = 0, (e^x - 1) / x; within 8 ulp.

    Example:
      >>> exp_moment(jnp.array([0.0, 1.0]))
      Array([1.       , 1.7182817], dtype=float32)
    """
    return _exp_moment(as_real(x), n)


def _series(x: Array) -> tuple[Array, Array]:
    """Return (e^x - 1 - x) / x^2 = 1/2! + x/3! + x^2/4! + ..., and whether x is small enough for it.

    After 13 terms (float32) or 24 the next is below half a unit in the last place for x < 2. From there on, and below
    -1, the difference loses no more than a digit in the last place.
    """
    terms = 13 if x.dtype == jnp.float32 else 24
    return horner(x, [1 / math.factorial(k + 2) for k in range(terms)]), (x > -1) & (x < 2)


@derivative(jnp.exp)
def _expm1(x: Array) -> Array:
    series, near = _series(x)
    return jnp.where(near, x + x * x * series, jnp.exp(x) - 1)


@derivative(lambda x: _expm1(x))
def _exp_excess(x: Array) -> Array:
    series, near = _series(x)
    return jnp.where(near, x * x * series, (jnp.exp(x) - 1) - x)


# By parts, E_n = (e^x - n E_(n-1)) / x; near 0 the series sum_k x^k / (k! (k + n + 1)).
@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _exp_moment(x: Array, n: int) -> Array:
    near = jnp.abs(x) < 2
    small, large = jnp.where(near, x, 0), jnp.where(near, 2, x)
    terms = 14 if x.dtype == jnp.float32 else 26
    far = _expm1(large) / large
    for m in range(1, n + 1):
        far = (jnp.exp(large) - m * far) / large
    return jnp.where(near, horner(small, [1 / (math.factorial(k) * (k + n + 1)) for k in range(terms)]), far)


@_exp_moment.defjvp
def _(n: int, xs: tuple, dxs: tuple) -> tuple:
    return _exp_moment(xs[0], n), _exp_moment(xs[0], n + 1) * dxs[0]
