"""Margin losses: functions of the product of a score and a label that is -1 or +1."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.reduce import Reduction

__all__ = [
    "dwd",
    "exponential",
    "hinge",
    "logistic",
    "modified_huber",
    "perceptron",
    "smoothed_hinge",
    "squared_hinge",
]


def hinge(
    scores: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Distance of the margin from 1, the loss of support vector machines.

    .. math::  \ell(m) = \max(0, 1 - m), \qquad \ell'(m) = -1 \text{ for } m < 1, \ 0 \text{ for } m \ge 1,
               \qquad m = t s

    Args:
      scores: real array of any shape.
      labels: array of exactly that shape, of -1 and +1 (not of 0 and 1: a label 0 has the constant loss 1).
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in units of the score.
    Raises: ValueError for unequal shapes; TypeError for integer scores, and for boolean or unsigned labels, which
      cannot be -1.
    Example:
      >>> hinge(jnp.array([0.3, 2.0, 0.5]), jnp.array([1, 1, -1]), reduction="none")
      Array([0.7, 0. , 1.5], dtype=float32)
    References: Cortes and Vapnik (1995), Support-vector networks, doi:10.1007/BF00994018.
    """
    scores, labels = _scores_and_labels("hinge", scores, labels, where)
    margins = labels * scores
    values = jnp.where(margins < 1, 1 - margins, 0)
    return reduce.apply("hinge", values, where=where, weights=weights, reduction=reduction)


def squared_hinge(
    scores: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Square of the hinge: differentiable, and dearer for margins that are far off.

    .. math::  \ell(m) = \max(0, 1 - m)^2, \qquad \ell'(m) = -2 \max(0, 1 - m), \qquad m = t s

    Args:
      scores: real array of any shape.
      labels: array of exactly that shape, of -1 and +1 (not of 0 and 1).
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in squared units of the score.
    Raises: ValueError for unequal shapes; TypeError for integer scores, and for boolean or unsigned labels.
    Example:
      >>> squared_hinge(jnp.array([0.5, 2.0, 1.0]), jnp.array([1, 1, -1]), reduction="none")
      Array([0.25, 0.  , 4.  ], dtype=float32)
    References: Lee and Mangasarian (2001), SSVM: a smooth support vector machine, doi:10.1023/A:1011215321374.
    """
    scores, labels = _scores_and_labels("squared_hinge", scores, labels, where)
    values = jnp.maximum(1 - labels * scores, 0) ** 2
    return reduce.apply("squared_hinge", values, where=where, weights=weights, reduction=reduction)


def smoothed_hinge(
    scores: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "*shape"],
    *,
    gamma: Real[ArrayLike, "..."] = 1.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Hinge whose corner is a parabola of width gamma; gamma tending to 0 is the hinge.

    .. math::  \ell(m) = \begin{cases} 0 & m \ge 1 \\ (1 - m)^2 / (2 \gamma) & 1 - \gamma < m < 1 \\
               1 - m - \gamma / 2 & m \le 1 - \gamma \end{cases} \qquad
               \ell'(m) = -\min(\max(1 - m, 0), \gamma) / \gamma, \qquad m = t s

    Args:
      scores: real array of any shape.
      labels: array of exactly that shape, of -1 and +1 (not of 0 and 1).
      gamma: positive width of the parabola, in units of the score; a number or an array, which may be learned.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in units of the score.
    Raises: ValueError for unequal shapes or gamma <= 0; TypeError for integer scores, and for boolean or unsigned
      labels.
    Example:
      >>> smoothed_hinge(jnp.array([0.5, 2.0, 1.0]), jnp.array([1, 1, -1]), reduction="none")
      Array([0.125, 0.   , 1.5  ], dtype=float32)
    References: Rennie and Srebro (2005), Loss functions for preference levels; Shalev-Shwartz and Zhang (2013),
      Stochastic dual coordinate ascent methods for regularized loss minimization, arXiv:1209.1873.
    """
    scores, labels = _scores_and_labels("smoothed_hinge", scores, labels, where)
    gamma = checks.parameter("smoothed_hinge", "gamma", gamma, scores, above=0)
    values = _rounded_corner(1 - labels * scores, gamma)
    return reduce.apply("smoothed_hinge", values, where=where, weights=weights, reduction=reduction)


def modified_huber(
    scores: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Squared hinge that goes on as a straight line below -1: robust, and tells probabilities.

    .. math::  \ell(m) = \begin{cases} \max(0, 1 - m)^2 & m \ge -1 \\ -4 m & m < -1 \end{cases} \qquad
               \ell'(m) = -2 \min(\max(1 - m, 0), 2), \qquad m = t s

    Args:
      scores: real array of any shape.
      labels: array of exactly that shape, of -1 and +1 (not of 0 and 1).
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in squared units of the score.
    Raises: ValueError for unequal shapes; TypeError for integer scores, and for boolean or unsigned labels.
    Example:
      >>> modified_huber(jnp.array([0.5, 2.0, 3.0]), jnp.array([1, 1, -1]), reduction="none")
      Array([ 0.25,  0.  , 12.  ], dtype=float32)
    References: Zhang (2004), Solving large scale linear prediction problems using stochastic gradient descent
      algorithms, doi:10.1145/1015330.1015332.
    """
    scores, labels = _scores_and_labels("modified_huber", scores, labels, where)
    values = 4 * _rounded_corner(1 - labels * scores, 2)
    return reduce.apply("modified_huber", values, where=where, weights=weights, reduction=reduction)


def logistic(
    scores: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Soft margin: the cross-entropy of labels -1 and +1.

    .. math::  \ell(m) = \log(1 + e^{-m}), \qquad \ell'(m) = -\sigma(-m), \qquad m = t s

    Args:
      scores: real array of any shape, log-odds.
      labels: array of exactly that shape, of -1 and +1; for 0 and 1 take `sigmoid_binary_cross_entropy`.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes; TypeError for integer scores, and for boolean or unsigned labels.
    Example:
      >>> logistic(jnp.array([0.0, 1.0, 1.0]), jnp.array([1, 1, -1]), reduction="none")
      Array([0.693..., 0.313..., 1.313...], dtype=float32)
    References: Friedman, Hastie and Tibshirani (2000), Additive logistic regression, doi:10.1214/aos/1016218223.
    """
    scores, labels = _scores_and_labels("logistic", scores, labels, where)
    values = numerics.softplus(-(labels * scores))
    return reduce.apply("logistic", values, where=where, weights=weights, reduction=reduction)


def exponential(
    scores: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Loss that AdaBoost minimises. Margins below -88 overflow float32, as they should.

    .. math::  \ell(m) = e^{-m}, \qquad \ell'(m) = -e^{-m}, \qquad m = t s

    Args:
      scores: real array of any shape, half the log-odds.
      labels: array of exactly that shape, of -1 and +1 (not of 0 and 1).
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``.
    Raises: ValueError for unequal shapes; TypeError for integer scores, and for boolean or unsigned labels.
    Example:
      >>> exponential(jnp.array([0.0, 3.0, 3.0]), jnp.array([1, 1, -1]), reduction="none")
      Array([ 1. ...,  0.049..., 20.08...], dtype=float32)
    References: Freund and Schapire (1997), A decision-theoretic generalization of on-line learning and an application
      to boosting, doi:10.1006/jcss.1997.1504.
    """
    scores, labels = _scores_and_labels("exponential", scores, labels, where)
    values = jnp.exp(-(labels * scores))
    return reduce.apply("exponential", values, where=where, weights=weights, reduction=reduction)


def perceptron(
    scores: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""What is wrong counts by how far it is wrong; no margin is asked for.

    .. math::  \ell(m) = \max(0, -m), \qquad \ell'(m) = -1 \text{ for } m \le 0, \ 0 \text{ for } m > 0, \qquad m = t s

    At a margin of exactly 0 the slope is -1, as in Rosenblatt's rule: weights that start at zero get off the ground.

    Args:
      scores: real array of any shape.
      labels: array of exactly that shape, of -1 and +1 (not of 0 and 1: a label 0 has no loss at all).
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in units of the score.
    Raises: ValueError for unequal shapes; TypeError for integer scores, and for boolean or unsigned labels.
    Example:
      >>> perceptron(jnp.array([0.5, -2.0, 3.0]), jnp.array([1, 1, -1]), reduction="none")
      Array([0., 2., 3.], dtype=float32)
    References: Rosenblatt (1958), The perceptron, doi:10.1037/h0042519.
    """
    scores, labels = _scores_and_labels("perceptron", scores, labels, where)
    margins = labels * scores
    values = jnp.where(margins <= 0, -margins, 0)
    return reduce.apply("perceptron", values, where=where, weights=weights, reduction=reduction)


def dwd(
    scores: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "*shape"],
    *,
    q: Real[ArrayLike, "..."] = 1.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Distance-weighted discrimination: every example pulls, the less the larger its margin.

    .. math::  \ell(m) = \begin{cases} 1 - m & m \le k \\ (k / m)^q / (q + 1) & m > k \end{cases} \qquad
               \ell'(m) = -\min(1, k / m)^{q + 1} \text{ for } m > k, \ -1 \text{ for } m \le k, \qquad
               k = \frac{q}{q + 1}, \quad m = t s

    Args:
      scores: real array of any shape.
      labels: array of exactly that shape, of -1 and +1 (not of 0 and 1).
      q: positive power of the distance; 1 is the original loss, q tending to infinity the hinge. A number or an array,
        which may be learned.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in units of the score.
    Raises: ValueError for unequal shapes or q <= 0; TypeError for integer scores, and for boolean or unsigned labels.
    Example:
      >>> dwd(jnp.array([0.0, 1.0, 10.0]), jnp.array([1, 1, 1]), reduction="none")
      Array([1.   , 0.25 , 0.025], dtype=float32)
    References: Marron, Todd and Ahn (2007), Distance-weighted discrimination, doi:10.1198/016214507000001120; Wang and
      Zou (2018), Another look at distance-weighted discrimination, doi:10.1111/rssb.12244.
    """
    scores, labels = _scores_and_labels("dwd", scores, labels, where)
    q = checks.parameter("dwd", "q", q, scores, above=0)
    bend, margins = q / (q + 1), labels * scores
    far = margins > bend
    # One division after the other: the derivative along the label, -q * loss / t, has no product of two large numbers.
    ratio = bend / jnp.where(far, scores, bend) / jnp.where(far, labels, 1)
    values = jnp.where(far, numerics.power(ratio, q) / (q + 1), 1 - margins)
    return reduce.apply("dwd", values, where=where, weights=weights, reduction=reduction)


def _rounded_corner(distance: Array, width: ArrayLike) -> Array:
    """Return d^2 / (2 width) for 0 < d < width, d - width/2 beyond it, 0 below 0; no square overflows."""
    distance = jnp.maximum(distance, 0)
    inside = jnp.minimum(distance, width)
    return inside / width * (distance - 0.5 * inside)


def _scores_and_labels(name: str, scores: ArrayLike, labels: ArrayLike, where: ArrayLike | None) -> tuple[Array, Array]:
    """Return checked and masked scores and labels. Values are not looked at, but some dtypes cannot hold a -1."""
    dtype = jnp.result_type(labels)
    if dtype == jnp.bool_ or jnp.issubdtype(dtype, jnp.unsignedinteger):
        raise TypeError(f"{name}: labels must be -1 and +1, got {dtype}; 2 * y - 1 makes them from 0 and 1")
    scores, labels = checks.real_pair(name, scores, labels, arguments=("scores", "labels"))
    return reduce.keep(name, where, scores, labels)
