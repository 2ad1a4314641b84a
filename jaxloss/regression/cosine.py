"""Losses of angles: residuals on a circle, and the angle between two vectors."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.numerics.elementary import one_dispatch, power_of_two
from jaxloss.numerics.slopes import rounded_difference
from jaxloss.reduce import Reduction

__all__ = ["cosine_distance", "cosine_similarity", "periodic"]


def periodic(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    period: Real[ArrayLike, "..."] = 2 * math.pi,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""One minus the cosine of a residual: for angles, times of day, phases.

    .. math::  \ell(r) = 1 - \cos\frac{2\pi r}{P} = 2 \sin^2\frac{\pi r}{P}, \qquad
               \ell'(r) = \frac{2\pi}{P} \sin\frac{2\pi r}{P}, \qquad r = \hat y - y

    A residual of any number of periods is reduced exactly.

    Args:
      predictions: real array of any shape, in the units of the period.
      targets: array of exactly that shape.
      period: positive length of a turn: 360 for degrees, 24 for hours; by default radians.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; between 0 and 2.
    Raises: ValueError for unequal shapes or a period that is not positive, TypeError for integer predictions.
    Example:
      >>> periodic(jnp.array([23.0, 12.0]), jnp.array([1.0, 0.0]), period=24, reduction="none")
      Array([0.1339746, 2.       ], dtype=float32)
    References: Mardia and Jupp (2000), Directional statistics, section 2.3.
    """
    predictions, targets = checks.real_pair("periodic", predictions, targets)
    period = checks.parameter("periodic", "period", period, predictions, above=0)
    predictions, targets = reduce.keep("periodic", where, predictions, targets)
    if isinstance(period, float) and period == 2 * math.pi:
        values = _one_minus_cosine(predictions, targets)
    else:
        values = _periodic(predictions, targets, jnp.broadcast_to(period, targets.shape).astype(targets.dtype))
    return reduce.apply("periodic", values, where=where, weights=weights, reduction=reduction)


def cosine_similarity(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Cosine of the angle between two vectors: 1 for the same direction. A measure; `cosine_distance` is its loss.

    .. math::  s = u \cdot v, \qquad \frac{\partial s}{\partial \hat y} = \frac{v - s\, u}{\|\hat y\|}, \qquad
               u = \frac{\hat y}{\|\hat y\|}, \quad v = \frac{y}{\|y\|}

    A zero vector has similarity 0 to every vector, with zero gradient.

    Args:
      predictions: real array of any shape, vectors of any length along ``axis``.
      targets: array of exactly that shape.
      axis: the axis that holds a vector.
      where, weights, reduction: see :doc:`/reductions`; the unreduced similarity has the shape without ``axis``.
    Returns: a scalar, or one value per vector with ``reduction="none"``; between -1 and 1.
    Raises: ValueError for unequal shapes or an axis that is not there, TypeError for integer predictions.
    Example:
      >>> cosine_similarity(jnp.array([[3.0, 4.0], [0.0, 0.0]]), jnp.array([[1.0, 0.0], [1.0, 0.0]]), reduction="none")
      Array([0.6, 0. ], dtype=float32)
    References: Salton and McGill (1983), Introduction to modern information retrieval.
    """
    predictions, targets, axis = _vectors("cosine_similarity", predictions, targets, axis, where)
    values, _ = _cosine(predictions, targets, axis)
    return reduce.apply("cosine_similarity", values, where=where, weights=weights, reduction=reduction)


def cosine_distance(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""One minus the cosine of the angle between two vectors, to the last digits also where they are nearly parallel.

    .. math::  \ell = 1 - u \cdot v, \qquad
               \frac{\partial \ell}{\partial \hat y} = \frac{(1 - \ell)\, u - v}{\|\hat y\|}, \qquad
               u = \frac{\hat y}{\|\hat y\|}, \quad v = \frac{y}{\|y\|}

    A zero vector has distance 1 to every vector, with zero gradient.

    Args:
      predictions: real array of any shape, vectors of any length along ``axis``.
      targets: array of exactly that shape.
      axis: the axis that holds a vector.
      where, weights, reduction: see :doc:`/reductions`; the unreduced loss has the shape without ``axis``.
    Returns: a scalar, or one value per vector with ``reduction="none"``; between 0 and 2. Keras's loss is smaller by 1.
    Raises: ValueError for unequal shapes or an axis that is not there, TypeError for integer predictions.
    Example:
      >>> cosine_distance(jnp.array([[1.0, 1e-8], [0.0, 2.0]]), jnp.array([[1.0, 0.0], [1.0, 0.0]]), reduction="none")
      Array([5.e-17, 1.e+00], dtype=float32)
    References: Salton and McGill (1983), Introduction to modern information retrieval.
    """
    predictions, targets, axis = _vectors("cosine_distance", predictions, targets, axis, where)
    _, values = _cosine(predictions, targets, axis)
    return reduce.apply("cosine_distance", values, where=where, weights=weights, reduction=reduction)


# ---- residuals on a circle -------------------------------------------------------------------------------------------


@jax.custom_jvp
def _one_minus_cosine(x: Array, y: Array) -> Array:
    """1 - cos(x - y). The sine reduces by pi itself: 2 pi rounded to float32 would be another period."""
    return 2 * jnp.sin(0.5 * (x - y)) ** 2


@_one_minus_cosine.defjvp
def _one_minus_cosine_jvp(primals: Any, tangents: Any) -> Any:
    # The slope is sin(r + e) = 2 sin(h) cos(h), h = (r + e) / 2, where e is the rounding error of r: near half a turn,
    # nothing but e is left of the slope.
    residual, error = rounded_difference(*primals)
    sine, cosine = jnp.sin(0.5 * residual), jnp.cos(0.5 * residual)
    little_sine, little_cosine = jnp.sin(0.5 * error), jnp.cos(0.5 * error)
    slope = 2 * (sine * little_cosine + cosine * little_sine) * (cosine * little_cosine - sine * little_sine)
    return _one_minus_cosine(*primals), slope * (tangents[0] - tangents[1])


@jax.custom_jvp
def _periodic(x: Array, y: Array, period: Array) -> Array:
    """1 - cos(2 pi (x - y) / P)."""
    rest, error = _fold(x, y, period)
    return 2 * jnp.sin(math.pi * ((rest + error) / period)) ** 2


@_periodic.defjvp
def _periodic_jvp(primals: Any, tangents: Any) -> Any:
    # The slope, 2 pi / P sin(2 pi r / P), is a function of the distance to the nearest multiple of P / 2, the
    # derivative in P that slope times -r / P.
    (x, y, period), (dx, dy, dperiod) = primals, tangents
    rest, error = _fold(x, y, period)
    half = 0.5 * jnp.sign(rest) * period - rest
    near = jnp.where(jnp.abs(rest) > 0.25 * period, half - error, rest + error)
    slope = (2 * math.pi / period) * jnp.sin(2 * math.pi * (near / period))
    return _periodic(x, y, period), slope * (dx - dy - (x - y) / period * dperiod)


def _fold(x: Array, y: Array, period: Array) -> tuple[Array, Array]:
    """The residual up to multiples of P, at most P / 2 in size, and what rounding x - y has left out.

    The remainder is exact, and so is its difference to the next multiple.
    """
    residual, error = rounded_difference(x, y)
    rest = lax.rem(residual, period)
    # Coarser than that, x and y themselves are rounded by as much.
    error = jnp.where(jnp.abs(error) < 0.01 * period, error, 0)
    return jnp.where(jnp.abs(rest) > 0.5 * period, rest - jnp.sign(rest) * period, rest), error


# ---- vectors ---------------------------------------------------------------------------------------------------------


def _vectors(
    name: str, predictions: ArrayLike, targets: ArrayLike, axis: int, where: ArrayLike | None
) -> tuple[Array, Array, int]:
    predictions, targets = checks.real_pair(name, predictions, targets)
    axis = checks.row_axis(name, predictions, axis, "predictions")
    return (*reduce.keep(name, where, predictions, targets, axis=axis), axis)


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _cosine(x: Array, y: Array, axis: int) -> tuple[Array, Array]:
    """The cosine of the angle and one minus it; 0 and 1 for a zero vector."""
    # 1 - cos = sin^2 / (1 + cos), where the sine is the length of what is across x in y / |y|.
    pair = _compare(x, y, axis)
    cosine = jnp.clip(jnp.sum(pair.x * pair.y, axis, keepdims=True) / (pair.a * pair.b), -1, 1)
    sine_squared = jnp.sum((pair.across_x / pair.b) ** 2, axis, keepdims=True)
    distance = jnp.where(cosine > 0, sine_squared / (1 + jnp.maximum(cosine, 0)), 1 - cosine)
    return jnp.squeeze(cosine, axis), jnp.squeeze(jnp.where(pair.zero, 1, distance), axis)


# The gradient of the cosine in x is the part of y across x, over |x| |y|. Targets that are held fixed cost nothing.
def _cosine_jvp(axis: int, primals: Any, tangents: Any) -> Any:
    (x, y), (dx, dy) = primals, tangents
    pair, tangent = _compare(x, y, axis), jnp.zeros_like(x)
    if not isinstance(dx, SymbolicZero):
        tangent += jnp.where(pair.zero, 0, pair.across_x / (pair.a * pair.b) * pair.x_scale) * dx
    if not isinstance(dy, SymbolicZero):
        tangent += jnp.where(pair.zero, 0, pair.across_y / (pair.a * pair.b) * pair.y_scale) * dy
    change = jnp.sum(tangent, axis)
    return _cosine(x, y, axis), (change, -change)


_cosine.defjvp(_cosine_jvp, symbolic_zeros=True)
_cosine = one_dispatch(_cosine, static_argnums=2)


class _Pair(NamedTuple):
    x: Array
    y: Array
    """The vectors, scaled by powers of two."""
    x_scale: Array
    y_scale: Array
    a: Array
    b: Array
    """Their lengths, 1 for a zero vector."""
    across_x: Array
    """What is across x in y: y - x (x . y) / (x . x)."""
    across_y: Array
    """What is across y in x."""
    zero: Array
    """Whether either is a zero vector."""


def _compare(x: Array, y: Array, axis: int) -> _Pair:
    """Scale two vectors of any magnitude and split them along each other.

    What is across x is the same in y and in y - x. Of nearly equal vectors that difference is exact, and no digits are
    lost to the part of y along x.
    """
    x_scale, y_scale = (power_of_two(jnp.max(jnp.abs(z), axis, keepdims=True, initial=0)) for z in (x, y))
    # Rounded already: this only keeps the compiler from squaring scale and vector apart, where either may overflow.
    bits = jnp.finfo(x.dtype)
    x, y = (lax.reduce_precision(z, bits.nexp, bits.nmant) for z in (x * x_scale, y * y_scale))
    xx, yy, dd = (jnp.sum(z * z, axis, keepdims=True) for z in (x, y, x - y))
    zero, near = (xx == 0) | (yy == 0), dd < jnp.minimum(xx, yy)
    xx, yy = jnp.where(xx == 0, 1, xx), jnp.where(yy == 0, 1, yy)
    from_x, from_y = jnp.where(near, y - x, y), jnp.where(near, x - y, x)
    across_x = from_x - x * (jnp.sum(x * from_x, axis, keepdims=True) / xx)
    across_y = from_y - y * (jnp.sum(y * from_y, axis, keepdims=True) / yy)
    return _Pair(x, y, x_scale, y_scale, jnp.sqrt(xx), jnp.sqrt(yy), across_x, across_y, zero)
