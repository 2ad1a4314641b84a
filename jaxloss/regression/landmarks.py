"""Wing losses for landmarks: small residuals count for more than in the squared or the absolute error."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.reduce import Reduction

__all__ = ["adaptive_wing", "wing"]


def wing(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    width: Real[ArrayLike, "..."] = 10.0,
    curvature: Real[ArrayLike, "..."] = 2.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Wing loss for coordinates: logarithmic for small residuals, so that they keep counting, linear for large ones.

    .. math::  \ell(r) = w \log\left(1 + \frac{\min(|r|, w)}{\epsilon}\right) + \max(|r| - w,\, 0), \qquad
               \ell'(r) = \operatorname{sign}(r) \begin{cases} w / (\epsilon + |r|) & |r| < w \\ 1 & |r| \ge w
               \end{cases}, \qquad r = \hat y - y

    The gradient jumps from :math:`-w/\epsilon` to :math:`w/\epsilon` at 0, where it is 0.

    Args:
      predictions: real array of any shape, in the units of the target (pixels).
      targets: array of exactly that shape.
      width: positive residual w, in the same units, from which the loss is linear.
      curvature: positive residual epsilon, in the same units, below which the slope no longer grows.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in units of the target.
    Raises: ValueError for unequal shapes or a parameter that is not positive, TypeError for integer predictions.
    Example:
      >>> wing(jnp.array([0.0, 2.0, 12.0]), jnp.zeros(3), reduction="none")
      Array([ 0.      ,  6.931472, 19.917595], dtype=float32)
    References: Feng et al. (2018), Wing loss for robust facial landmark localisation, arXiv:1711.06753.
    """
    predictions, targets = checks.real_pair("wing", predictions, targets)
    width = checks.parameter("wing", "width", width, predictions, above=0)
    curvature = checks.parameter("wing", "curvature", curvature, predictions, above=0)
    predictions, targets = reduce.keep("wing", where, predictions, targets)
    residuals = predictions - targets
    size = jnp.sign(residuals) * residuals  # slope 0 at 0, where that of jnp.abs is 1
    near = size < width
    values = jnp.log1p(jnp.where(near, size, width) / curvature) * width + jnp.where(near, 0, size - width)
    return reduce.apply("wing", values, where=where, weights=weights, reduction=reduction)


def adaptive_wing(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    alpha: Real[ArrayLike, "..."] = 2.1,
    omega: Real[ArrayLike, "..."] = 14.0,
    epsilon: Real[ArrayLike, "..."] = 1.0,
    theta: Real[ArrayLike, "..."] = 0.5,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Adaptive wing loss for heatmaps: wing-like where the target is 1, like the squared error where it is 0.

    .. math::  \ell(r) = \omega \log(1 + s) + A\, (|r| - \min(|r|, \theta)), \qquad
               s = \left(\frac{\min(|r|, \theta)}{\epsilon}\right)^{\alpha - y}, \qquad
               A = \frac{\omega\, (\alpha - y)}{\theta} \frac{s}{1 + s}

    The gradient is :math:`\omega (\alpha - y) s / ((1 + s)\, r)` for residuals :math:`r = \hat y - y` below
    :math:`\theta`, and :math:`A \operatorname{sign}(r)` beyond.

    Args:
      predictions: real array of any shape, the heatmap.
      targets: array of exactly that shape, with values in [0, 1].
      alpha: exponent at a target of 0; above 2, so that the gradient at residual 0 is 0 for every target.
      omega: positive height.
      epsilon: positive residual that sets the curvature.
      theta: positive residual from which the loss is linear.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``.
    Raises: ValueError for unequal shapes or a parameter out of range, TypeError for integer predictions.
    Example:
      >>> adaptive_wing(jnp.array([0.5, 0.5]), jnp.array([0.0, 1.0]), reduction="none")
      Array([2.9352353, 5.3604584], dtype=float32)
    References: Wang et al. (2019), Adaptive wing loss for robust face alignment, arXiv:1904.07399.
    """
    name = "adaptive_wing"
    predictions, targets = checks.real_pair(name, predictions, targets)
    alpha = checks.parameter(name, "alpha", alpha, predictions, above=1)
    omega = checks.parameter(name, "omega", omega, predictions, above=0)
    epsilon = checks.parameter(name, "epsilon", epsilon, predictions, above=0)
    theta = checks.parameter(name, "theta", theta, predictions, above=0)
    predictions, targets = reduce.keep(name, where, predictions, targets)
    size = jnp.abs(predictions - targets)
    near = size < theta
    power, exponent = _power(jnp.where(near, size, theta) / epsilon, alpha, targets)
    slope = omega / theta * (exponent * _share(power))
    values = jnp.log1p(power) * omega + jnp.where(near, 0, slope * (size - theta))
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def _power(base: Array, alpha: ArrayLike, targets: Array) -> tuple[Array, Array]:
    """Return base ** (alpha - targets) and the exponent.

    A base of 1e-6 magnifies the rounding of the exponent to 30 units in the last place of the power, so what is rounded
    off enters as a first-order correction.
    """
    limits = jnp.finfo(base.dtype)
    # Rounded already: this only keeps the compiler from taking (alpha - t) - 1 together, which is another rounding.
    exponent = lax.reduce_precision(alpha - targets, limits.nexp, limits.nmant)
    lost = (alpha - exponent) - targets
    power = numerics.power(base, exponent)
    return power * (1 + lost * jnp.log(jnp.where(base == 0, 1, base))), exponent


@jax.custom_jvp
def _share(x: Array) -> Array:
    """Return x / (1 + x)."""
    return x / (1 + x)


@_share.defjvp
def _share_jvp(primals: Any, tangents: Any) -> Any:
    # The quotient rule, 1 / (1 + x) - x / (1 + x)**2, cancels for large x.
    return _share(primals[0]), tangents[0] / (1 + primals[0]) ** 2
