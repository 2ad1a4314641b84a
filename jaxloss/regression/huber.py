"""Losses that are squared for small residuals and linear for large ones."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.numerics.elementary import in_one_loop
from jaxloss.numerics.slopes import with_odd_slope, with_slopes
from jaxloss.reduce import Reduction

__all__ = ["charbonnier", "huber", "log_cosh", "pseudo_huber", "smooth_l1"]


def huber(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    delta: Real[ArrayLike, "..."] = 1.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Half the squared error for residuals up to ``delta``, linear beyond.

    .. math::  \ell(r) = \begin{cases} r^2 / 2 & |r| \le \delta \\ \delta (|r| - \delta / 2) & |r| > \delta \end{cases},
               \qquad \ell'(r) = \min(\max(r, -\delta), \delta), \qquad r = \hat y - y

    Args:
      predictions: real array of any shape, in the units of the target.
      targets: array of exactly that shape.
      delta: positive residual size, in the same units, at which the loss turns linear; may be learned.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in squared units of the target.
    Raises: ValueError for unequal shapes or a delta that is not positive, TypeError for integer predictions.
    Example:
      >>> huber(jnp.array([0.5, -3.0]), jnp.array([0.0, 0.0]), reduction="none")
      Array([0.125, 2.5  ], dtype=float32)
    References: Huber (1964), Robust estimation of a location parameter, doi:10.1214/aoms/1177703732.
    """
    predictions, targets = checks.real_pair("huber", predictions, targets)
    delta = checks.parameter("huber", "delta", delta, predictions, above=0)
    predictions, targets = reduce.keep("huber", where, predictions, targets)
    values = _huber(predictions, targets, delta)
    return reduce.apply("huber", values, where=where, weights=weights, reduction=reduction)


def smooth_l1(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    beta: Real[ArrayLike, "..."] = 1.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Absolute error, rounded off within ``beta`` of the target: ``huber`` over its delta.

    .. math::  \ell(r) = \begin{cases} r^2 / (2 \beta) & |r| < \beta \\ |r| - \beta / 2 & |r| \ge \beta \end{cases},
               \qquad \ell'(r) = \min(\max(r / \beta, -1), 1), \qquad r = \hat y - y

    With ``beta=0`` it is the absolute error, with its gradient 0 at the kink.

    Args:
      predictions: real array of any shape, in the units of the target.
      targets: array of exactly that shape.
      beta: residual size, in the same units and not negative, at which the loss turns linear; may be learned.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in units of the target.
    Raises: ValueError for unequal shapes or a negative beta, TypeError for integer predictions.
    Example:
      >>> smooth_l1(jnp.array([0.5, -3.0]), jnp.array([0.0, 0.0]), beta=2.0, reduction="none")
      Array([0.0625, 2.    ], dtype=float32)
    References: Girshick (2015), Fast R-CNN, arXiv:1504.08083.
    """
    predictions, targets = checks.real_pair("smooth_l1", predictions, targets)
    beta = checks.parameter("smooth_l1", "beta", beta, predictions, minimum=0)
    predictions, targets = reduce.keep("smooth_l1", where, predictions, targets)
    values = _smooth_l1(predictions, targets, beta)
    return reduce.apply("smooth_l1", values, where=where, weights=weights, reduction=reduction)


def pseudo_huber(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    delta: Real[ArrayLike, "..."] = 1.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Smooth Huber: squared for small residuals, linear for large ones, differentiable everywhere.

    .. math::  \ell(r) = \delta^2\left(\sqrt{1 + (r/\delta)^2} - 1\right), \qquad
               \ell'(r) = r / \sqrt{1 + (r/\delta)^2}, \qquad r = \hat y - y

    Args:
      predictions: real array of any shape, in the units of the target.
      targets: array of exactly that shape.
      delta: positive residual size, in the same units, at which the loss turns linear; may be learned.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in squared units of the target.
    Raises: ValueError for unequal shapes or a delta that is not positive, TypeError for integer predictions.
    Example:
      >>> pseudo_huber(jnp.array([3.0]), jnp.array([0.0]))
      Array(2.1622777, dtype=float32)
    References: Charbonnier et al. (1997), Deterministic edge-preserving regularization, doi:10.1109/83.551699.
    """
    predictions, targets = checks.real_pair("pseudo_huber", predictions, targets)
    delta = checks.parameter("pseudo_huber", "delta", delta, predictions, above=0)
    predictions, targets = reduce.keep("pseudo_huber", where, predictions, targets)
    values = _pseudo_huber(predictions - targets, delta)
    return reduce.apply("pseudo_huber", values, where=where, weights=weights, reduction=reduction)


def log_cosh(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Logarithm of the hyperbolic cosine: half the squared error near 0, the absolute error minus log 2 far away.

    .. math::  \ell(r) = \log \cosh r, \qquad \ell'(r) = \tanh r, \qquad r = \hat y - y

    Args:
      predictions: real array of any shape, in units in which a residual of 1 is where the loss turns linear.
      targets: array of exactly that shape.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; no digits are lost near 0.
    Raises: ValueError for unequal shapes, TypeError for integer predictions.
    Example:
      >>> log_cosh(jnp.array([100.0, -1e30]), jnp.array([0.0, 0.0]), reduction="none")
      Array([9.9306854e+01, 1.0000000e+30], dtype=float32)
    References: Green (1990), Bayesian reconstructions from emission tomography data, doi:10.1109/42.52985.
    """
    predictions, targets = checks.real_pair("log_cosh", predictions, targets)
    predictions, targets = reduce.keep("log_cosh", where, predictions, targets)
    values = numerics.log_cosh(predictions - targets)
    return reduce.apply("log_cosh", values, where=where, weights=weights, reduction=reduction)


def charbonnier(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    eps: Real[ArrayLike, "..."] = 1e-3,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Absolute error with its kink rounded off, as in image restoration; ``eps`` at the target, not 0.

    .. math::  \ell(r) = \sqrt{r^2 + \epsilon^2}, \qquad \ell'(r) = r / \sqrt{r^2 + \epsilon^2}, \qquad r = \hat y - y

    Some libraries subtract ``eps``: that is ``pseudo_huber(delta=eps)`` over ``eps``.

    Args:
      predictions: real array of any shape, in the units of the target.
      targets: array of exactly that shape.
      eps: positive residual size, in the same units, at which the loss turns linear; may be learned.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in units of the target.
    Raises: ValueError for unequal shapes or an eps that is not positive, TypeError for integer predictions.
    Example:
      >>> charbonnier(jnp.array([3.0]), jnp.array([0.0]), eps=4.0)
      Array(5., dtype=float32)
    References: Charbonnier et al. (1997), Deterministic edge-preserving regularization, doi:10.1109/83.551699;
      Lai et al. (2017), Deep Laplacian pyramid networks, arXiv:1704.03915.
    """
    predictions, targets = checks.real_pair("charbonnier", predictions, targets)
    eps = checks.parameter("charbonnier", "eps", eps, predictions, above=0)
    predictions, targets = reduce.keep("charbonnier", where, predictions, targets)
    values = _charbonnier(predictions - targets, eps)
    return reduce.apply("charbonnier", values, where=where, weights=weights, reduction=reduction)


# With c = min(max(r, -delta), delta) the value is c (r - c / 2): r^2 / 2 inside, with derivatives r and 0, and
# delta |r| - delta^2 / 2 outside, with derivatives sign(r) delta = c and |r| - delta.
def _clip(residuals: Array, delta: Array) -> Array:
    return jnp.where(jnp.abs(residuals) <= delta, residuals, jnp.sign(residuals) * delta)


def _beyond(residuals: Array, delta: Array) -> Array:
    return jnp.maximum(jnp.abs(residuals) - delta, 0)


@with_odd_slope(_clip, _beyond)
def _huber(residuals: Array, delta: Array) -> Array:
    clipped = _clip(residuals, delta)
    return in_one_loop(clipped * (residuals - clipped / 2))


# With c = r / beta inside and sign(r) outside the value is c (r - c beta / 2): r^2 / (2 beta) and |r| - beta / 2. Its
# derivatives are c and, -r^2 / (2 beta^2) inside and -1/2 outside, -c^2 / 2.
def _ramp(residuals: Array, beta: Array) -> Array:
    # Outside, where beta may be 0, the quotient that is not chosen is 0 / 1: no infinity reaches the derivative.
    inside = jnp.abs(residuals) < beta
    return jnp.where(inside, jnp.where(inside, residuals, 0) / jnp.where(inside, beta, 1), jnp.sign(residuals))


def _smooth_l1_in_beta(residuals: Array, beta: Array) -> Array:
    return -(_ramp(residuals, beta) ** 2) / 2


@with_odd_slope(_ramp, _smooth_l1_in_beta)
def _smooth_l1(residuals: Array, beta: Array) -> Array:
    ramp = _ramp(residuals, beta)
    return in_one_loop(ramp * (residuals - ramp * beta / 2))


# With x = r/delta, s = sqrt(1 + x^2) the value is delta^2 (s - 1), so its derivatives are delta x / s and
# delta (2 (s - 1) - (s^2 - 1) / s) = delta (s - 1)^2 / s.
def _slope_in_residual(residuals: Array, delta: Array) -> Array:
    x = residuals / delta
    return delta * jax.jvp(numerics.sqrt1pm1_square, (x,), (jnp.ones_like(x),))[1]


def _slope_in_delta(residuals: Array, delta: Array) -> Array:
    f = numerics.sqrt1pm1_square(residuals / delta)
    return delta * f * (f / (1 + f))


@with_slopes(_slope_in_residual, _slope_in_delta)
def _pseudo_huber(residuals: Array, delta: Array) -> Array:
    return delta * (delta * numerics.sqrt1pm1_square(residuals / delta))


def _charbonnier(residuals: Array, eps: Any) -> Array:
    # The square of a usual eps is representable, and beyond 2^60 it does not count.
    if isinstance(eps, Array) or not 2.0**-50 < eps < 2.0**30:
        return numerics.hypot(residuals, jnp.asarray(eps, residuals.dtype))
    return _root_of_sum(residuals, eps)


def _slope_of_root(residuals: Array, eps: Array) -> Array:
    root = _root_of_sum(residuals, eps)
    return jnp.where(jnp.isinf(root), jnp.sign(residuals), residuals / root)


@with_slopes(_slope_of_root, None)
def _root_of_sum(residuals: Array, eps: Array) -> Array:
    size = jnp.abs(residuals)
    return jnp.where(size > 2.0**60, size, jnp.sqrt(size * size + eps * eps))
