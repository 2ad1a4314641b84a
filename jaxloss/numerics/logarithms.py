"""Logarithms of quotients and of numbers near 1: what deviances are made of."""

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss.numerics.elementary import as_real, derivative, horner, power_of_two, real_pair
from jaxloss.numerics.pairs import ratio
from jaxloss.numerics.slopes import with_slopes

__all__ = ["log1p_excess", "log_ratio"]


def log1p_excess(x: ArrayLike) -> Array:
    """Excess x - log(1 + x) for x > -1, which is x^2 / 2 near 0, derivative x / (1 + x); both within 4 ulp.

    Example:
      >>> log1p_excess(jnp.array([1e-10, 1.0]))
      Array([5.0000002e-21, 3.0685282e-01], dtype=float32)
    """
    return _log1p_excess(as_real(x))


def log_ratio(x: ArrayLike, y: ArrayLike) -> Array:
    """Logarithm of x / y for positive numbers of any magnitude, derivatives 1/x and -1/y.

    Within 4 ulp, also where x is next to y.

    Example:
      >>> log_ratio(jnp.array([1.0, 1e30]), jnp.array([1.0, 1e-30]))
      Array([  0.    , 138.1551], dtype=float32)
    """
    return _log_ratio(*real_pair(x, y))


# With s = x / (2 + x): log(1 + x) = 2 atanh(s) = 2 s + 2 s^3 (1/3 + s^2/5 + ...), and x - 2 s = x s.
@derivative(lambda x: _share(x))
def _log1p_excess(x: Array) -> Array:
    near = (x > -0.5) & (x < 1)
    small = jnp.where(near, x, 0)
    s = small / (2 + small)
    terms = 7 if x.dtype == jnp.float32 else 16
    series = horner(s * s, [2 / (2 * k + 3) for k in range(terms)])
    return jnp.where(near, s * (small - s * s * series), x - jnp.log1p(jnp.where(near, 1, x)))


@derivative(lambda x: 1 / ((1 + x) * (1 + x)))
def _share(x: Array) -> Array:
    return x / (1 + x)


# A quotient that leaves the range of the dtype has a logarithm so large that the difference keeps its digits.
@with_slopes(lambda x, _: 1 / x, lambda _, y: -1 / y)
def _log_ratio(x: Array, y: Array) -> Array:
    quotient = x / y
    limits = jnp.finfo(x.dtype)
    inside = (quotient >= limits.tiny) & (quotient <= limits.max)
    near = (quotient > 0.5) & (quotient < 2)
    far = jnp.where(inside, jnp.log(jnp.where(inside, quotient, 1)), jnp.log(x) - jnp.log(y))
    x, y = x * power_of_two(y), y * power_of_two(y)  # neither difference nor sum leaves the range
    gap = jnp.where(near, x - y, 0)  # exact, by Sterbenz' lemma
    s = ratio(gap, x + y)
    terms = 7 if x.dtype == jnp.float32 else 16
    close = 2 * s + s * (s * s) * horner(s * s, [2 / (2 * k + 3) for k in range(terms)])
    return jnp.where(near, close, far)
