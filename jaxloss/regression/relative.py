"""Errors relative to the size of the target, and of logarithms."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.reduce import Reduction

__all__ = ["mean_absolute_percentage_error", "squared_log_error", "symmetric_mean_absolute_percentage_error"]


def mean_absolute_percentage_error(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    minimum: Real[ArrayLike, "..."] = 0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Absolute error relative to the target (MAPE), as a fraction: 0.25 is 25 percent.

    .. math::  \ell = \frac{|\hat y - y|}{\max(|y|, m)}, \qquad
               \frac{\partial \ell}{\partial \hat y} = \frac{\operatorname{sign}(\hat y - y)}{\max(|y|, m)}

    At :math:`\hat y = y` value and gradient are 0. A target of 0 has no relative error: with ``minimum=0`` the loss
    there is infinite unless the prediction is 0 too. Say what is meant: ``where=targets != 0`` leaves such targets out,
    a ``minimum`` measures errors of small targets in units of itself.

    Args:
      predictions: real array of any shape, in the units of the target.
      targets: array of exactly that shape.
      minimum: smallest size of a target that is divided by, in the same units.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; a fraction, as in scikit-learn. Keras gives
      percent of targets no smaller than 1e-7: ``100 * mean_absolute_percentage_error(..., minimum=1e-7)``.
    Raises: ValueError for unequal shapes or a negative minimum, TypeError for integer predictions.
    Example:
      >>> mean_absolute_percentage_error(jnp.array([90.0, 3.0]), jnp.array([100.0, 2.0]), reduction="none")
      Array([0.1, 0.5], dtype=float32)
    References: de Myttenaere et al. (2016), Mean absolute percentage error for regression models, arXiv:1605.02541.
    """
    name = "mean_absolute_percentage_error"
    predictions, targets = checks.real_pair(name, predictions, targets)
    minimum = checks.parameter(name, "minimum", minimum, predictions, minimum=0)
    predictions, targets = reduce.keep(name, where, predictions, targets)
    if isinstance(minimum, int | float) and minimum == 0:
        values = _relative_error(predictions, targets)
    else:
        large, residuals = jnp.abs(targets) > minimum, predictions - targets
        small = jnp.sign(residuals) * residuals / jnp.where(large, 1, minimum)  # slope 0 at 0; that of jnp.abs is 1
        values = jnp.where(large, _relative_error(predictions, jnp.where(large, targets, 1)), small)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def symmetric_mean_absolute_percentage_error(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Absolute error relative to the mean size of prediction and target (sMAPE), a fraction between 0 and 2.

    .. math::  \ell = \frac{2\, |\hat y - y|}{|\hat y| + |y|}, \qquad \frac{\partial \ell}{\partial \hat y} =
               \frac{4\, |y| \operatorname{sign}(\hat y - y)}{(|\hat y| + |y|)^2}
               \;\text{ if } \hat y y > 0 \text{, else } 0

    Where the signs differ, or one of the two is 0, the loss is 2 and its gradient 0. At :math:`\hat y = y`, both 0
    included, value and gradient are 0.

    Args:
      predictions: real array of any shape, in the units of the target.
      targets: array of exactly that shape.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; a fraction, 100 times this is percent. Half
      of it, :math:`|\hat y - y| / (|\hat y| + |y|)`, goes by the same name elsewhere.
    Raises: ValueError for unequal shapes, TypeError for integer predictions.
    Example:
      >>> symmetric_mean_absolute_percentage_error(jnp.array([1.0, 0.0]), jnp.array([3.0, 0.0]), reduction="none")
      Array([1., 0.], dtype=float32)
    References: Makridakis (1993), Accuracy measures, doi:10.1016/0169-2070(93)90079-3.
    """
    name = "symmetric_mean_absolute_percentage_error"
    predictions, targets = checks.real_pair(name, predictions, targets)
    predictions, targets = reduce.keep(name, where, predictions, targets)
    values = _symmetric_relative_error(predictions, targets)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def squared_log_error(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Squared difference of logarithms of one plus a count or a price; its mean is the MSLE.

    .. math::  \ell = \left(\log\frac{1 + \hat y}{1 + y}\right)^2, \qquad
               \frac{\partial \ell}{\partial \hat y} = \frac{2}{1 + \hat y} \log\frac{1 + \hat y}{1 + y}

    Args:
      predictions: real array of any shape, above -1 (infinite at -1, NaN below).
      targets: array of exactly that shape, above -1.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``.
    Raises: ValueError for unequal shapes, TypeError for integer predictions.
    Example:
      >>> squared_log_error(jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0]), reduction="none")
      Array([0.      , 0.480453], dtype=float32)
    References: Jachner et al. (2007), Statistical methods for the qualitative assessment of dynamic models with time
      delay, Journal of Statistical Software 22(8).
    """
    predictions, targets = checks.real_pair("squared_log_error", predictions, targets)
    predictions, targets = reduce.keep("squared_log_error", where, predictions, targets)
    values = _log1p_difference(predictions, targets) ** 2
    return reduce.apply("squared_log_error", values, where=where, weights=weights, reduction=reduction)


@jax.custom_jvp
def _relative_error(predictions: Array, targets: Array) -> Array:
    """|p - t| / |t|, 0 where p = t."""
    residuals = predictions - targets
    return jnp.abs(residuals) / jnp.where(residuals == 0, 1, jnp.abs(targets))


# The loss is |p / t - 1|, with derivative sign(p - t) / |t| in p and that times -p / t in t. The two terms of the
# quotient rule in t, -1 / |t| and -(p - t) / (|t| t), would cancel for p near 0, and t squared underflows.
def _relative_error_jvp(primals: Any, tangents: Any) -> Any:
    (predictions, targets), (dp, dt) = primals, tangents
    sign = jnp.sign(predictions - targets)
    safe = jnp.where(sign == 0, 1, targets)
    slope, change = sign / jnp.abs(safe), jnp.zeros_like(predictions)
    if not isinstance(dp, SymbolicZero):
        change += slope * dp
    if not isinstance(dt, SymbolicZero):
        change -= slope * (predictions / safe * dt)
    return _relative_error(predictions, targets), change


_relative_error.defjvp(_relative_error_jvp, symbolic_zeros=True)


@jax.custom_jvp
def _symmetric_relative_error(predictions: Array, targets: Array) -> Array:
    """2 |p - t| / (|p| + |t|), 0 at 0/0."""
    same = jnp.sign(predictions) == jnp.sign(targets)
    size, unit = _total_size(predictions, targets)
    values = (2 * unit) * jnp.abs(predictions - targets) / size
    return jnp.where(same, values, 2)  # where the signs differ, the difference may overflow


# With d = |p| + |t| and equal signs, the derivative in p is 4 sign(p - t) |t| / d**2, that in t the same with -|p|.
# Dividing twice keeps d**2 from overflowing or underflowing.
def _symmetric_relative_error_jvp(primals: Any, tangents: Any) -> Any:
    (predictions, targets), (dp, dt) = primals, tangents
    size, unit = _total_size(predictions, targets)
    same = jnp.sign(predictions) == jnp.sign(targets)
    slope = jnp.where(same, jnp.sign(predictions - targets), 0) * (2 * unit) / size
    slope, change = slope * (2 * unit), jnp.zeros_like(predictions)
    if not isinstance(dp, SymbolicZero):
        change += slope * (jnp.abs(targets) / size * dp)
    if not isinstance(dt, SymbolicZero):
        change -= slope * (jnp.abs(predictions) / size * dt)
    return _symmetric_relative_error(predictions, targets), change


_symmetric_relative_error.defjvp(_symmetric_relative_error_jvp, symbolic_zeros=True)


def _total_size(predictions: Array, targets: Array) -> tuple[Array, Array]:
    """Return |p| + |t| (1 instead of 0) and its unit: one half where it may overflow, where halves do not underflow."""
    long, short = (
        jnp.maximum(jnp.abs(predictions), jnp.abs(targets)),
        jnp.minimum(jnp.abs(predictions), jnp.abs(targets)),
    )
    unit = jnp.where(long > 1, 0.5, 1).astype(long.dtype)
    return jnp.where(long == 0, 1, unit * long + unit * short), unit


@jax.custom_jvp
def _log1p_difference(x: Array, y: Array) -> Array:
    """log(1 + x) - log(1 + y), to the last digits also for x near y.

    With the larger of the two on top it is log1p of |x - y| / (1 + min(x, y)), which is not negative, and there log1p
    does not magnify the error of its argument. A quotient that may overflow is divided by 2**64 first; what is left is
    above 2**53, so that log1p is log.
    """
    difference, base = x - y, 1 + jnp.minimum(x, y)
    far = jnp.abs(difference) * 2.0**-117 > jnp.abs(base)
    log = jnp.log1p(jnp.abs(difference) * jnp.where(far, 2.0**-64, 1.0) / base) + jnp.where(far, 64 * math.log(2), 0)
    return jnp.sign(difference) * log


def _log1p_difference_jvp(primals: Any, tangents: Any) -> Any:
    (x, y), (dx, dy) = primals, tangents
    change = jnp.zeros_like(x)
    if not isinstance(dx, SymbolicZero):
        change += dx / (1 + x)
    if not isinstance(dy, SymbolicZero):  # targets that are held fixed cost nothing
        change -= dy / (1 + y)
    return _log1p_difference(x, y), change


_log1p_difference.defjvp(_log1p_difference_jvp, symbolic_zeros=True)
