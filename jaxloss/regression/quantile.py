"""Losses that are minimal at a quantile or an expectile, and those that forgive small residuals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.reduce import Reduction

__all__ = ["epsilon_insensitive", "expectile", "quantile", "squared_epsilon_insensitive"]


def quantile(
    predictions: Float[ArrayLike, "..."],
    targets: Real[ArrayLike, "..."],
    *,
    q: Real[ArrayLike, "..."] | Sequence[float],
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Pinball loss: its mean is least where a share ``q`` of the targets lies below the prediction.

    .. math::  \ell(r) = \max\left((1 - q)\, r,\; -q\, r\right), \qquad
               \ell'(r) = (1 - q)\,[r > 0] - q\,[r < 0], \qquad r = \hat y - y

    At the kink, :math:`r = 0`, the gradient is 0. With ``q=0.5`` it is half the absolute error.

    Args:
      predictions: real array of any shape, in the units of the target; for several quantiles their axis is the last.
      targets: array of exactly that shape; for several quantiles without the last axis.
      q: a number in (0, 1), or a one-dimensional sequence of them, one for each entry of the last axis.
      where, weights, reduction: see :doc:`/reductions`; the unreduced loss has the shape of the predictions.
    Returns: a scalar, or one value per prediction with ``reduction="none"``; in units of the target.
    Raises: ValueError for shapes that do not fit or a quantile outside (0, 1), TypeError for integer predictions.
    Example:
      >>> quantile(jnp.array([3.0, 1.0]), jnp.array([1.0, 3.0]), q=0.9)
      Array(1., dtype=float32)
      >>> quantile(jnp.array([[0.0, 2.0, 4.0]]), jnp.array([1.0]), q=(0.1, 0.5, 0.9), reduction="none")
      Array([[0.1, 0.5, 0.3]], dtype=float32)
    References: Koenker and Bassett (1978), Regression quantiles, doi:10.2307/1913643.
    """
    if np.ndim(q):
        predictions, targets, above, below = _quantile_axis("quantile", predictions, targets, q)
    else:
        predictions, targets = checks.real_pair("quantile", predictions, targets)
        below = checks.parameter("quantile", "q", q, predictions, above=0, below=1)
        above = 1 - below
    predictions, targets = reduce.keep("quantile", where, predictions, targets)
    residuals = predictions - targets
    slopes = jnp.where(residuals > 0, above, jnp.where(residuals < 0, -below, 0))
    return reduce.apply("quantile", slopes * residuals, where=where, weights=weights, reduction=reduction)


def expectile(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    tau: Real[ArrayLike, "..."],
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Asymmetric squared error: to the quantile what the mean is to the median.

    .. math::  \ell(r) = \left|\tau - [r > 0]\right| r^2, \qquad
               \ell'(r) = 2 \left|\tau - [r > 0]\right| r, \qquad r = \hat y - y

    ``tau`` above 0.5 punishes predictions that are too low; at 0.5 it is half the squared error.

    Args:
      predictions: real array of any shape, in the units of the target.
      targets: array of exactly that shape.
      tau: a number in (0, 1).
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in squared units of the target.
    Raises: ValueError for unequal shapes or a tau outside (0, 1), TypeError for integer predictions.
    Example:
      >>> expectile(jnp.array([3.0, 1.0]), jnp.array([1.0, 3.0]), tau=0.75, reduction="none")
      Array([1., 3.], dtype=float32)
    References: Newey and Powell (1987), Asymmetric least squares estimation and testing, doi:10.2307/1911031.
    """
    predictions, targets = checks.real_pair("expectile", predictions, targets)
    tau = checks.parameter("expectile", "tau", tau, predictions, above=0, below=1)
    predictions, targets = reduce.keep("expectile", where, predictions, targets)
    residuals = predictions - targets
    values = jnp.where(residuals > 0, 1 - tau, tau) * residuals**2
    return reduce.apply("expectile", values, where=where, weights=weights, reduction=reduction)


def epsilon_insensitive(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    epsilon: Real[ArrayLike, "..."] = 0.1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Absolute error beyond a tube of half-width epsilon, inside which nothing counts: support vector regression.

    .. math::  \ell(r) = \max(|r| - \epsilon,\, 0), \qquad
               \ell'(r) = \operatorname{sign}(r)\, [|r| > \epsilon], \qquad r = \hat y - y

    At the kinks, :math:`|r| = \epsilon`, the gradient is 0, as inside.

    Args:
      predictions: real array of any shape, in the units of the target.
      targets: array of exactly that shape.
      epsilon: largest residual that costs nothing, in the same units; 0 makes it the absolute error.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in units of the target.
    Raises: ValueError for unequal shapes or a negative epsilon, TypeError for integer predictions.
    Example:
      >>> epsilon_insensitive(jnp.array([1.0, 3.0]), jnp.array([0.5, 1.0]), epsilon=0.5, reduction="none")
      Array([0. , 1.5], dtype=float32)
    References: Vapnik (1995), The nature of statistical learning theory, section 6.1.
    """
    values = _excess("epsilon_insensitive", predictions, targets, epsilon, where)
    return reduce.apply("epsilon_insensitive", values, where=where, weights=weights, reduction=reduction)


def squared_epsilon_insensitive(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    epsilon: Real[ArrayLike, "..."] = 0.1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Squared error beyond a tube of half-width epsilon, inside which nothing counts.

    .. math::  \ell(r) = \max(|r| - \epsilon,\, 0)^2, \qquad
               \ell'(r) = 2 \operatorname{sign}(r) \max(|r| - \epsilon,\, 0), \qquad r = \hat y - y

    Args:
      predictions: real array of any shape, in the units of the target.
      targets: array of exactly that shape.
      epsilon: largest residual that costs nothing, in the same units; 0 makes it the squared error.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in squared units of the target.
    Raises: ValueError for unequal shapes or a negative epsilon, TypeError for integer predictions.
    Example:
      >>> squared_epsilon_insensitive(jnp.array([1.0, 3.0]), jnp.array([0.5, 1.0]), epsilon=0.5, reduction="none")
      Array([0.  , 2.25], dtype=float32)
    References: Fan et al. (2008), LIBLINEAR, Journal of Machine Learning Research 9.
    """
    values = _excess("squared_epsilon_insensitive", predictions, targets, epsilon, where) ** 2
    return reduce.apply("squared_epsilon_insensitive", values, where=where, weights=weights, reduction=reduction)


def _excess(
    name: str, predictions: ArrayLike, targets: ArrayLike, epsilon: ArrayLike, where: ArrayLike | None
) -> Array:
    """By how much the residual exceeds epsilon, 0 with zero gradient up to there."""
    predictions, targets = checks.real_pair(name, predictions, targets)
    epsilon = checks.parameter(name, "epsilon", epsilon, predictions, minimum=0)
    predictions, targets = reduce.keep(name, where, predictions, targets)
    excess = jnp.abs(predictions - targets) - epsilon
    return jnp.where(excess > 0, excess, 0)


def _quantile_axis(name: str, predictions: ArrayLike, targets: ArrayLike, q: Any) -> tuple[Array, Array, Array, Array]:
    """Return predictions and targets stretched to their shape, and the slopes above and below, on the last axis."""
    (predictions,) = checks.floating(name, predictions=predictions)
    dtype = checks.compute_dtype(predictions, targets)
    predictions = predictions.astype(dtype)
    (targets,) = checks.real(name, dtype, targets=targets)
    if not isinstance(q, Array):
        # In double precision until the slopes are there: 1 - 0.99 in float32 is off by 50 units in the last place.
        q = np.array([checks.parameter(name, "q", each, predictions, above=0, below=1) for each in q], np.float64)
    if q.ndim != 1 or predictions.shape[-1:] != q.shape or targets.shape != predictions.shape[:-1]:
        raise ValueError(
            f"{name}: with q of shape {q.shape}, predictions must have shape (..., {q.size}) and targets that shape "
            f"without its last axis, got {predictions.shape} and {targets.shape}"
        )
    above, below = (jnp.asarray(slope, dtype).reshape((1,) * (predictions.ndim - 1) + (-1,)) for slope in (1 - q, q))
    return predictions, jnp.broadcast_to(jnp.expand_dims(targets, -1), predictions.shape), above, below
