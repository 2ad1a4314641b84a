"""Norms and logsumexp along axes, for rows of any magnitude."""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss.numerics.elementary import as_real, power_of_two
from jaxloss.numerics.pairs import ratio, reciprocal
from jaxloss.numerics.powers import power

__all__ = ["logsumexp", "normalize", "safe_norm"]

Axis = int | tuple[int, ...] | None


def safe_norm(x: ArrayLike, axis: Axis, *, ord: float = 2, keepdims: bool = False) -> Array:
    """``(sum |x|^ord)^(1/ord)``, ord >= 1 or inf, of rows of any magnitude; gradient 0 at the zero vector.

    Value and gradient are within 16 ulp. ``axis=None`` takes all of ``x``. For ord = inf, entries that share the
    maximum share the gradient.

    Example:
      >>> jax.value_and_grad(safe_norm)(jnp.array([3e-30, 4e-30]), -1)
      (Array(5.e-30, dtype=float32), Array([0.6, 0.8], dtype=float32))
    """
    x, axes = _row(x, axis)
    if ord < 1:
        raise ValueError(f"safe_norm: ord must be at least 1, got {ord}")
    h = _norm(x, axes, float(ord))
    return h if keepdims else jnp.squeeze(h, axes)


def normalize(x: ArrayLike, axis: Axis) -> Array:
    """Unit vector x / ||x||, the zero vector to itself with zero gradient; within 16 ulp.

    Example:
      >>> normalize(jnp.array([[-4e30, 0.0], [0.0, 0.0]]), -1)
      Array([[-1.,  0.],
             [ 0.,  0.]], dtype=float32)
    """
    return _normalize(*_row(x, axis))


def logsumexp(x: ArrayLike, axis: Axis, *, keepdims: bool = False) -> Array:
    """log(sum e^x), gradient softmax(x); within 16 ulp of the larger of it and max x, the gradient of itself.

    An entry of -inf is an impossible class: no NaN anywhere. All -inf gives -inf with zero gradient.

    Example:
      >>> logsumexp(jnp.array([[0.0, -jnp.inf], [1e4, 1e4]]), -1)
      Array([    0.   , 10000.693], dtype=float32)
    """
    x, axes = _row(x, axis)
    y = _logsumexp(x, axes)
    return y if keepdims else jnp.squeeze(y, axes)


def _row(x: ArrayLike, axis: Axis) -> tuple[Array, tuple[int, ...]]:
    x = as_real(x)
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    return x, tuple(axes)


# d||x||_p = sum sign(x) (|x| / ||x||)^(p-1) dx.
@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _norm(x: Array, axes: tuple[int, ...], ord: float) -> Array:
    if ord == 1:
        return jnp.sum(jnp.abs(x), axes, keepdims=True)
    m = jnp.max(jnp.abs(x), axes, keepdims=True)
    if ord == math.inf:
        return m
    if ord == 2:
        s = power_of_two(m)
        return jnp.sqrt(jnp.sum((x * s) * (x * s), axes, keepdims=True)) * (1 / s)
    m = jnp.where((m == 0) | (m == jnp.inf), 1, m)
    return m * power(jnp.sum(power(jnp.abs(x) / m, ord), axes, keepdims=True), 1 / ord)


@_norm.defjvp
def _(axes: tuple, ord: float, xs: tuple, dxs: tuple) -> tuple:
    (x,) = xs
    h = _norm(x, axes, ord)
    if ord == 2:
        slope = _normalize(x, axes)
    elif ord == math.inf:
        slope = jnp.where(jnp.abs(x) == h, jnp.sign(x), 0)
        slope = slope / jnp.maximum(jnp.sum(jnp.abs(slope), axes, keepdims=True), 1)
    else:
        slope = jnp.sign(x) * power(ratio(*jnp.broadcast_arrays(jnp.abs(x), h)), ord - 1)
    return h, jnp.sum(slope * dxs[0], axes, keepdims=True)


# u = x / h: du = (dx - u sum(u dx)) / h. What rounding leaves of dx along u is as large as a small component across u;
# taking the part along u away once more removes it.
@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _normalize(x: Array, axes: tuple[int, ...]) -> Array:
    x = x * power_of_two(jnp.max(jnp.abs(x), axes, keepdims=True))
    h = jnp.sqrt(jnp.sum(x * x, axes, keepdims=True))
    return x / jnp.where(h == 0, 1, h)


@_normalize.defjvp
def _(axes: tuple, xs: tuple, dxs: tuple) -> tuple:
    u = _normalize(xs[0], axes)
    across = dxs[0] - u * jnp.sum(u * dxs[0], axes, keepdims=True)
    across = across - u * jnp.sum(u * across, axes, keepdims=True)
    return u, across * reciprocal(_norm(xs[0], axes, 2.0))


def _shifted_exp(x: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """The maximum m of the row (0 if it is -inf) and e^(x - m); entries equal to m give 1 even when m = inf."""
    m = jnp.max(x, axes, keepdims=True, initial=-jnp.inf)
    m = jnp.where(m == -jnp.inf, 0, m)
    return m, jnp.exp(jnp.where(x == m, 0, x - m))


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _logsumexp(x: Array, axes: tuple[int, ...]) -> Array:
    m, e = _shifted_exp(x, axes)
    return jnp.log(jnp.sum(e, axes, keepdims=True)) + m


@_logsumexp.defjvp
def _(axes: tuple, xs: tuple, dxs: tuple) -> tuple:
    p = _softmax(xs[0], axes)
    return _logsumexp(xs[0], axes), jnp.sum(p * dxs[0], axes, keepdims=True)


# p = e^(x - m) / sum, not e^(x - logsumexp): the latter rounds by the size of the logits. What x - m rounds off
# (Knuth's two-sum) is up to 64 ulp of a small p; in the sum it does not matter. dp = p (dx - sum(p dx)).
@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _softmax(x: Array, axes: tuple[int, ...]) -> Array:
    m, e = _shifted_exp(x, axes)
    total = jnp.sum(e, axes, keepdims=True)
    d = x - m
    b = d - x
    lost = jnp.where((e == 0) | (x == m), 0, (x - (d - b)) - (m + b))
    return e * (1 + lost) / jnp.where(total == 0, 1, total)


@_softmax.defjvp
def _(axes: tuple, xs: tuple, dxs: tuple) -> tuple:
    p = _softmax(xs[0], axes)
    return p, p * (dxs[0] - jnp.sum(p * dxs[0], axes, keepdims=True))
