"""Squared error and its relatives."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.numerics.elementary import power_of_two
from jaxloss.numerics.slopes import with_odd_slope, with_slopes
from jaxloss.reduce import Reduction

__all__ = ["absolute_error", "half_squared_error", "root_mean_squared_error", "squared_error"]


def squared_error(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Squared difference; its mean is the mean squared error (MSE).

    .. math::  \ell(r) = r^2, \qquad \ell'(r) = 2 r, \qquad r = \hat y - y

    Args:
      predictions: real array of any shape, in the units of the target.
      targets: array of exactly that shape.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in squared units of the target.
    Raises: ValueError for unequal shapes, TypeError for integer predictions.
    Example:
      >>> squared_error(jnp.array([1.0, 3.0]), jnp.array([0.0, 0.0]))
      Array(5., dtype=float32)
    References: Gauss (1809), Theoria motus corporum coelestium, section 179.
    """
    predictions, targets = checks.real_pair("squared_error", predictions, targets)
    predictions, targets = reduce.keep("squared_error", where, predictions, targets)
    values = (predictions - targets) ** 2
    return reduce.apply("squared_error", values, where=where, weights=weights, reduction=reduction)


def half_squared_error(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Half the squared difference, whose gradient is the residual itself: the L2 loss.

    .. math::  \ell(r) = r^2 / 2, \qquad \ell'(r) = r, \qquad r = \hat y - y

    Args:
      predictions: real array of any shape, in the units of the target.
      targets: array of exactly that shape.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in squared units of the target.
    Raises: ValueError for unequal shapes, TypeError for integer predictions.
    Example:
      >>> half_squared_error(jnp.array([1.0, 3.0]), jnp.array([0.0, 0.0]))
      Array(2.5, dtype=float32)
    References: Bishop (2006), Pattern recognition and machine learning, section 1.1.
    """
    predictions, targets = checks.real_pair("half_squared_error", predictions, targets)
    predictions, targets = reduce.keep("half_squared_error", where, predictions, targets)
    values = _half_square(predictions, targets)
    return reduce.apply("half_squared_error", values, where=where, weights=weights, reduction=reduction)


@with_odd_slope(lambda residuals: residuals)
def _half_square(residuals: Array) -> Array:
    return (0.5 * residuals) * residuals  # r^2 may overflow where its half does not


def absolute_error(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Absolute difference, the L1 loss; its mean is the mean absolute error (MAE).

    .. math::  \ell(r) = |r|, \qquad \ell'(r) = \operatorname{sign}(r), \qquad r = \hat y - y

    At the kink, :math:`r = 0`, the gradient is 0.

    Args:
      predictions: real array of any shape, in the units of the target.
      targets: array of exactly that shape.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in units of the target.
    Raises: ValueError for unequal shapes, TypeError for integer predictions.
    Example:
      >>> absolute_error(jnp.array([1.0, -3.0]), jnp.array([0.0, 0.0]))
      Array(2., dtype=float32)
    References: Boscovich (1757); Laplace (1793).
    """
    predictions, targets = checks.real_pair("absolute_error", predictions, targets)
    predictions, targets = reduce.keep("absolute_error", where, predictions, targets)
    values = _size(predictions - targets)
    return reduce.apply("absolute_error", values, where=where, weights=weights, reduction=reduction)


_size = with_slopes(jnp.sign)(jnp.abs)  # the derivative of jnp.abs is 1 at 0


def root_mean_squared_error(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    axis: int | tuple[int, ...] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Root of the mean squared error (RMSE), of everything or of each row along an axis.

    .. math::  \ell = \sqrt{\tfrac{1}{n} \sum_{i=1}^n r_i^2}, \qquad
               \frac{\partial \ell}{\partial r_i} = \frac{r_i}{n\, \ell}, \qquad r = \hat y - y

    The gradient is 0 where the error is 0. No square overflows or underflows.

    Args:
      predictions: real array of any shape, in the units of the target.
      targets: array of exactly that shape.
      axis: None, or the axis or axes that each root is taken over.
      where, weights, reduction: see :doc:`/reductions`. With an axis, the unreduced loss has one root for each position
        on the other axes. With ``axis=None`` the result is the root of the *reduced* squared error, whatever the
        reduction: :math:`\sqrt{\sum w r^2 / \sum w}`, the root of the sum, of every :math:`w r^2` (``"none"``), or of
        what a function of ``(squared errors, weights)`` returns (these squares are not scaled).
    Returns: a scalar, or with ``reduction="none"`` one root per remaining position; in units of the target.
    Raises: ValueError for unequal shapes or an axis that is not there, TypeError for integer predictions.
    Example:
      >>> root_mean_squared_error(jnp.array([1.0, 7.0]), jnp.array([0.0, 0.0]))
      Array(5., dtype=float32)
      >>> root_mean_squared_error(jnp.array([[1.0, 7.0], [0.0, 2.0]]), jnp.zeros((2, 2)), axis=-1, reduction="none")
      Array([5.       , 1.4142135], dtype=float32)
    References: Gauss (1821), Theoria combinationis observationum, part 1, section 7.
    """
    predictions, targets = checks.real_pair(_RMSE, predictions, targets)
    if axis is not None:
        rows = (_flatten(array, axis) for array in (predictions, targets))
        predictions, targets = reduce.keep(_RMSE, where, *rows, axis=-1)
        residuals = predictions - targets
        size = residuals.shape[-1]
        values = numerics.safe_norm(residuals / math.sqrt(size), -1) if size else jnp.sum(residuals, -1)
        return reduce.apply(_RMSE, values, where=where, weights=weights, reduction=reduction)
    if reduction in ("mean", "sum"):
        return _root_of_reduced(reduction, predictions, targets, where, weights)
    predictions, targets = reduce.keep(_RMSE, where, predictions, targets)
    errors = _size(predictions - targets)
    if reduction == "none":  # sqrt(w r^2), and r^2 may overflow
        return errors * _root(
            reduce.apply(_RMSE, jnp.ones_like(errors), where=where, weights=weights, reduction="none")
        )
    return jax.tree.map(_root, reduce.apply(_RMSE, errors**2, where=where, weights=weights, reduction=reduction))


_RMSE = "root_mean_squared_error"


def _flatten(array: Array, axis: int | tuple[int, ...]) -> Array:
    """The named axes as one, the last."""
    axes = tuple(checks.row_axis(_RMSE, array, a, "predictions") for a in ((axis,) if isinstance(axis, int) else axis))
    rest = [size for i, size in enumerate(array.shape) if i - array.ndim not in axes]
    return jnp.moveaxis(array, axes, range(-len(axes), 0)).reshape(*rest, math.prod(array.shape[a] for a in axes))


def _root(square: Array) -> Array:
    """The square root, with derivative 0 at 0."""
    positive = square > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1)), 0)


# Outside these bounds some square that matters may have overflowed or underflowed: only then a second pass pays for a
# scale. With v = sqrt(R(r^2)), where R is linear in its values: dv = R(2 r dr) / (2 v) = R(r/v dr), and a change of
# the weights of R enters as dR(r^2) / (2 v) = v/2 dR((r/v)^2).
@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _root_of_reduced(reduction: Reduction, predictions: Array, targets: Array, where: Any, weights: Any) -> Array:
    def root(scale: ArrayLike) -> Array:
        squares = (residuals * scale) ** 2
        return jnp.sqrt(reduce.apply(_RMSE, squares, where=where, weights=weights, reduction=reduction)) / scale

    residuals = reduce.keep(_RMSE, where, predictions - targets)
    plain = root(1.0)
    fits = (plain > 2.0**-40) & (plain < 2.0**50)
    return lax.cond(fits, lambda: plain, lambda: root(power_of_two(jnp.max(jnp.abs(residuals), initial=0))))


def _root_of_reduced_jvp(reduction: Reduction, arguments: Any, tangents: Any) -> tuple[Array, Array]:
    predictions, targets, where, weights = arguments
    value = _root_of_reduced(reduction, *arguments)
    scale = power_of_two(value)  # one over a value of 1e38 would be 0
    shares = reduce.keep(_RMSE, where, predictions - targets) * scale / jnp.where(value == 0, 1, value * scale)
    change = jnp.zeros_like(value)
    for sign, tangent in zip((1, -1), tangents, strict=False):
        if not isinstance(tangent, SymbolicZero):
            products = sign * shares * tangent
            change += reduce.apply(_RMSE, products, where=where, weights=weights, reduction=reduction)
    if weights is not None and not isinstance(tangents[3], SymbolicZero):
        of_weights = lambda w: reduce.apply(_RMSE, shares**2, where=where, weights=w, reduction=reduction)
        change += value / 2 * jax.jvp(of_weights, (weights,), (tangents[3],))[1]
    return value, change


_root_of_reduced.defjvp(_root_of_reduced_jvp, symbolic_zeros=True)
