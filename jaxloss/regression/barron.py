"""Barron's general and adaptive robust loss: one family from the squared error to the Welsch loss and beyond."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.numerics.elementary import _one_minus_exp
from jaxloss.numerics.slopes import residual_parts, with_slopes
from jaxloss.reduce import Reduction
from jaxloss.regression.adaptive import general_loss, log_partition
from jaxloss.regression.robust import _gaussian, _geman_mcclure, _welsch

__all__ = ["barron", "barron_nll"]


def barron(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    alpha: Real[ArrayLike, "..."] = 1.0,
    scale: Real[ArrayLike, "..."] = 1.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""General robust loss, whose shape ``alpha`` says how much an outlier counts: the less, the smaller it is.

    .. math::  \ell(r) = \frac{|\alpha - 2|}{\alpha}
               \left(\left(\frac{(r/c)^2}{|\alpha - 2|} + 1\right)^{\alpha/2} - 1\right), \qquad
               \ell'(r) = \frac{r}{c^2} \left(\frac{(r/c)^2}{|\alpha - 2|} + 1\right)^{\alpha/2 - 1}, \qquad
               r = \hat y - y

    The limits are exact: ``alpha`` of 2 is half the squared error, 1 ``pseudo_huber``, 0 ``cauchy``, -2
    ``geman_mcclure``, -inf ``welsch``, inf :math:`e^{(r/c)^2/2} - 1`. The derivative in ``alpha`` is never negative;
    towards 2 it grows to infinity as :math:`-\tfrac14 (r/c)^2 \log|\alpha - 2|`, so that at 2 it is that of the next
    number below.

    Args:
      predictions: real array of any shape, in the units of the target.
      targets: array of exactly that shape.
      alpha: shape, any number or an infinity; may be learned, then through ``barron_nll``.
      scale: c, the positive residual size, in units of the target, up to which the loss is quadratic; may be learned.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; without units.
    Raises: ValueError for unequal shapes or a scale that is not positive, TypeError for integer predictions.
    Example:
      >>> [float(barron(jnp.array([2.0]), jnp.array([0.0]), alpha=alpha)) for alpha in (2.0, -2.0)]
      [2.0, 1.0]
    References: Barron (2019), A general and adaptive robust loss function, arXiv:1701.03077.
    """
    predictions, targets = checks.real_pair("barron", predictions, targets)
    alpha = _shape("barron", alpha, predictions, -math.inf)
    scale = checks.parameter("barron", "scale", scale, predictions, above=0)
    predictions, targets = reduce.keep("barron", where, predictions, targets)
    values = _of_shape(predictions, targets, alpha, scale)
    return reduce.apply("barron", values, where=where, weights=weights, reduction=reduction)


def barron_nll(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    alpha: Real[ArrayLike, "..."] = 1.0,
    scale: Real[ArrayLike, "..."] = 1.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative log-likelihood of the density of ``barron``, from which its shape and scale are learned.

    .. math::  \ell(r) = \rho(r; \alpha, c) + \log c + \log Z(\alpha), \qquad
               Z(\alpha) = \int e^{-\rho(x; \alpha, 1)}\, dx, \qquad \ell'(r) = \rho'(r), \qquad r = \hat y - y

    with :math:`\rho` from ``barron``. A shape of 2 is the normal distribution, 0 the Cauchy distribution with scale
    :math:`\sqrt 2 c`. A learned shape is kept in a range by, for example, ``2 * sigmoid(latent)``.

    Args:
      predictions: real array of any shape, in the units of the target.
      targets: array of exactly that shape.
      alpha: shape, at least 0 (below, no density exists: an array gives NaN); may be learned. An array of it costs 48
        times its size (192 times in float64) of ``barron``: keep it to one per loss or per channel.
      scale: c, positive, in units of the target; may be learned.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes, a negative alpha or a scale that is not positive, TypeError for integer
      predictions.
    Example:
      >>> barron_nll(jnp.array([0.0]), jnp.array([0.0]), alpha=2.0)
      Array(0.9189385, dtype=float32)
    References: Barron (2019), A general and adaptive robust loss function, arXiv:1701.03077.
    """
    predictions, targets = checks.real_pair("barron_nll", predictions, targets)
    alpha = _shape("barron_nll", alpha, predictions, 0)
    scale = checks.parameter("barron_nll", "scale", scale, predictions, above=0)
    predictions, targets = reduce.keep("barron_nll", where, predictions, targets)
    log_scale = jnp.log(jnp.asarray(scale, predictions.dtype))
    if isinstance(alpha, Array) or alpha not in _LOG_PARTITION:
        log_z = log_partition(jnp.asarray(alpha, predictions.dtype))
    else:
        log_z = _LOG_PARTITION[alpha]
    values = _of_shape(predictions, targets, alpha, scale) + (log_scale + log_z)
    return reduce.apply("barron_nll", values, where=where, weights=weights, reduction=reduction)


# Closed forms: the Cauchy distribution, a Bessel function (2 e K_1(1)), the normal distribution.
_LOG_PARTITION = {0: math.log(math.pi * math.sqrt(2)), 1: 1.185495232349193, 2: math.log(2 * math.pi) / 2}


def _shape(name: str, alpha: Any, like: Array, minimum: float) -> Any:
    """``alpha`` as `checks.parameter` returns it, or an infinity, which that refuses."""
    if isinstance(alpha, float) and math.isinf(alpha) and float(alpha) >= minimum:
        return float(alpha)
    return checks.parameter(name, "alpha", alpha, like, minimum=minimum)


def _of_shape(predictions: Array, targets: Array, alpha: Any, scale: Any) -> Array:
    """The loss, by the formula of its own where a number has one."""
    residuals = predictions - targets
    x = residuals / scale
    if not isinstance(alpha, Array):
        if alpha == 2:
            return (0.5 * x) * x
        if alpha == 1:
            return numerics.sqrt1pm1_square(x)
        if alpha == 0:
            return numerics.log1p_square(x * math.sqrt(0.5))
        if alpha == -2:
            return _geman_mcclure(residuals, scale)
        if alpha == -math.inf:
            return _welsch(*residual_parts(predictions, targets), scale)
        if alpha == math.inf:
            return _growing(*residual_parts(predictions, targets), scale)
    return general_loss(x, alpha)


# e^(x^2/2) is one over the weight of the Welsch loss, which has all its digits.
def _growing_slope(residuals: Array, lost: Array, scale: Array) -> Array:
    x, w = _gaussian(residuals, lost, scale)
    return x / w / scale


def _growing_slope_in_scale(residuals: Array, lost: Array, scale: Array) -> Array:
    x, w = _gaussian(residuals, lost, scale)
    return -x * (x / w) / scale


@with_slopes(_growing_slope, None, _growing_slope_in_scale)
def _growing(residuals: Array, lost: Array, scale: Array) -> Array:
    x, w = _gaussian(residuals, lost, scale)
    return _one_minus_exp(x * x / 2, w) / w
