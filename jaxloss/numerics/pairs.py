"""Functions of two arguments that meet at a singular point, and the safe quotients of rows."""

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike

from jaxloss.numerics.elementary import derivative, finite, real_pair

__all__ = ["hypot", "xlogy"]


def hypot(x: ArrayLike, y: ArrayLike) -> Array:
    """Length h = sqrt(x^2 + y^2) of any magnitude, derivatives x/h and y/h, 0 at the origin; all within 4 ulp.

    Example:
      >>> hypot(jnp.array([3e30, 0.0]), jnp.array([4e30, 0.0]))
      Array([5.e+30, 0.e+00], dtype=float32)
    """
    return _hypot(*real_pair(x, y))


def xlogy(x: ArrayLike, y: ArrayLike) -> Array:
    """Product x log(y), 0 where x = 0 whatever y is; derivatives log(y), and x/y or 0 where x = 0; within 4 ulp.

    Example:
      >>> xlogy(jnp.array([0.0, 2.0]), jnp.array([0.0, 0.5]))
      Array([ 0.       , -1.3862944], dtype=float32)
    """
    return _xlogy(*real_pair(x, y))


_hypot = jax.custom_jvp(jnp.hypot)  # 1.5 ulp; its own derivative is NaN at the origin


@_hypot.defjvp
def _(xy: tuple, dxy: tuple) -> tuple:
    u, v = _direction(*xy)
    return _hypot(*xy), u * dxy[0] + v * dxy[1]


# (u, v) = (x, y) / h turns by t = (u dy - v dx) / h: du = -v t, dv = u t.
@jax.custom_jvp
def _direction(x: Array, y: Array) -> tuple[Array, Array]:
    x, y = finite(x), finite(y)
    long = jnp.maximum(jnp.maximum(jnp.abs(x), jnp.abs(y)), jnp.finfo(x.dtype).tiny)
    x, y = x / long, y / long
    h = jnp.sqrt(jnp.maximum(x * x + y * y, 1))  # below 1 only at the origin
    return x * (1 / h), y * (1 / h)  # XLA would turn (x / long) / h into x / (long * h), which overflows


@_direction.defjvp
def _(xy: tuple, dxy: tuple) -> tuple:
    u, v = _direction(*xy)
    t = (u * dxy[1] - v * dxy[0]) * reciprocal(_hypot(*xy))
    return (u, v), (-v * t, u * t)


@jax.custom_jvp
def _xlogy(x: Array, y: Array) -> Array:
    return jnp.where(x == 0, 0, x * jnp.log(jnp.where(x == 0, 1, y)))


# Symbolic zeros: where x is a constant 0 and y = 0 there is no term 0 * log 0.
def _xlogy_jvp(xy: tuple, dxy: tuple) -> tuple:
    (x, y), (dx, dy) = xy, dxy
    terms = [jnp.zeros_like(x)]
    if not isinstance(dx, SymbolicZero):
        terms.append(jnp.log(y) * dx)
    if not isinstance(dy, SymbolicZero):
        terms.append(ratio(x, y) * dy)
    return _xlogy(x, y), sum(terms)


_xlogy.defjvp(_xlogy_jvp, symbolic_zeros=True)


# ---- quotients -------------------------------------------------------------------------------------------------------


@derivative(lambda x: -reciprocal(x) * reciprocal(x))
def reciprocal(x: Array) -> Array:
    """1/x, and 0 at x = 0."""
    return jnp.where(x == 0, 0, 1 / x)


@jax.custom_jvp
def ratio(x: Array, y: Array) -> Array:
    """Quotient x / y, and 0 where x = 0."""
    return jnp.where(x == 0, 0, x / y)


@ratio.defjvp
def _(xy: tuple, dxy: tuple) -> tuple:
    (x, y), (dx, dy) = xy, dxy
    return ratio(x, y), (dx - ratio(x, y) * dy) / jnp.where((x == 0) & (y == 0), 1, y)
