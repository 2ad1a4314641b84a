"""Variants of softmax cross-entropy: polynomials for exponentials, class proportions, a margin among other classes."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.classification.softmax import softmax_cross_entropy
from jaxloss.classification.variant_rows import (
    proportional_nll,
    shift,
    spread,
    spread_without_each,
    taylor_of_distributions,
    taylor_of_ids,
)
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import along, class_rows

__all__ = ["large_margin_softmax", "pc_softmax", "taylor_cross_entropy"]


def taylor_cross_entropy(
    logits: Float[ArrayLike, "..."],
    labels: Real[ArrayLike, "..."],
    *,
    order: int = 2,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy with a Taylor polynomial in the place of the exponential function.

    .. math::  \ell(z, y) = -\sum_j y_j \log \frac{f(z_j)}{\sum_i f(z_i)}, \qquad f(z) = \sum_{i=0}^{n} \frac{z^i}{i!},
               \qquad \frac{\partial \ell}{\partial z_j} = f'(z_j) \Big(\frac{\sum_i y_i}{\sum_i f(z_i)} -
               \frac{y_j}{f(z_j)}\Big)

    For an even order n the polynomial is positive. It is not monotonic: logits below the minimum (-1 for n = 2) count
    more again. A logit of :math:`-\infty` is an impossible class all the same.

    Args:
      logits: real array with a class axis.
      labels: integer class ids, of the shape of the logits without the class axis, or distributions over the classes,
        of the shape of the logits.
      order: even degree n of the polynomial.
      axis: the class axis.
      ignore_index: a class id whose rows are masked.
      where, weights, reduction: one value per row; see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or an order that is not even, TypeError for integer logits.
    Example:
      >>> taylor_cross_entropy(jnp.array([[2.0, 0.0, -1.0]]), jnp.array([0]))
      Array(0.26236427, dtype=float32)
    References: de Brebisson and Vincent (2016), An exploration of softmax alternatives, arXiv:1511.05042; Banerjee et
      al. (2020), Exploring alternatives to softmax function, arXiv:2011.11538.
    """
    if not isinstance(order, int) or order < 2 or order % 2:
        raise ValueError(f"taylor_cross_entropy: order must be an even integer, 2 or more, got {order!r}")
    rows = class_rows("taylor_cross_entropy", logits, labels, axis=axis, where=where, ignore_index=ignore_index)
    of_labels = taylor_of_ids if checks.labels_are_integers(labels) else taylor_of_distributions
    values = of_labels(rows.scores, rows.labels, rows.axis, order) * rows.valid
    return reduce.apply("taylor_cross_entropy", values, where=rows.where, weights=weights, reduction=reduction)


def pc_softmax(
    logits: Float[ArrayLike, "..."],
    labels: Real[ArrayLike, "..."],
    *,
    class_priors: Real[ArrayLike, "classes"],
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy of the probability-corrected softmax, for classes of unequal size.

    .. math::  \ell(z, y) = -\sum_j y_j \log \frac{e^{z_j}}{\sum_i \pi_i e^{z_i}}, \qquad
               \frac{\partial \ell}{\partial z_j} = p_j \sum_i y_i - y_j, \qquad
               p_j = \frac{\pi_j e^{z_j}}{\sum_i \pi_i e^{z_i}}

    The logits learn :math:`\log P(x, y) / (P(x) P(y))`, the mutual information of input and label, instead of the class
    proportions. The gradient is that of logit adjustment with temperature 1; the value differs by the constant
    :math:`\log \pi_y`, and is 0 where all logits are equal.

    Args:
      logits: real array with a class axis; a logit of :math:`-\infty` is an impossible class.
      labels: integer class ids, of the shape of the logits without the class axis, or distributions over the classes,
        of the shape of the logits.
      class_priors: one positive number per class, in proportion to its frequency: counts or proportions.
      axis: the class axis.
      ignore_index: a class id whose rows are masked.
      where, weights, reduction: one value per row; see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit, TypeError for integer logits.
    Example:
      >>> pc_softmax(jnp.array([[2.0, 0.0]]), jnp.array([1]), class_priors=jnp.array([30, 10]))
      Array(1.7564417, dtype=float32)
    References: Qin, Kim and Gedeon (2019), Rethinking softmax with cross-entropy, arXiv:1911.10688.
    """
    rows = class_rows("pc_softmax", logits, labels, axis=axis, where=where, ignore_index=ignore_index)
    (priors,) = checks.real("pc_softmax", rows.scores.dtype, class_priors=class_priors)
    if priors.shape != (rows.scores.shape[rows.axis],):
        classes = rows.scores.shape[rows.axis]
        raise ValueError(f"pc_softmax: class_priors must have shape {(classes,)}, one per class, got {priors.shape}")
    priors = along(priors / jnp.sum(priors), rows.axis, rows.scores.ndim)
    gaps = rows.scores - shift(rows.scores, rows.axis)
    values = proportional_nll(gaps, jnp.broadcast_to(priors, gaps.shape), rows.labels, rows.axis) * rows.valid
    return reduce.apply("pc_softmax", values, where=rows.where, weights=weights, reduction=reduction)


def large_margin_softmax(
    logits: Float[ArrayLike, "..."],
    labels: Real[ArrayLike, "..."],
    *,
    lam: float | Real[ArrayLike, "..."] = 0.3,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy and a margin: the classes other than the true one are pressed to equal logits.

    .. math::  \ell(z, y) = -\log p_y + \frac{\lambda}{2} \sum_{j \ne y} \Big(q_j - \frac{1}{C - 1}\Big) \log q_j,
               \qquad q_j = \frac{e^{z_j}}{\sum_{i \ne y} e^{z_i}}, \\
               \frac{\partial \ell}{\partial z_j} = p_j + \frac{\lambda}{2} \Big(q_j \big(1 + z_j - \bar z\big) -
               \frac{1}{C - 1}\Big), \quad \bar z = \sum_{i \ne y} q_i z_i, \qquad
               \frac{\partial \ell}{\partial z_y} = p_y - 1

    The regularizer is the Jeffreys divergence of q from the uniform distribution, :math:`\bar z` minus the mean of the
    other logits; classes of logit :math:`-\infty` are not among them. A distribution over the classes gives the
    expected loss.

    Args:
      logits: real array with a class axis.
      labels: integer class ids, of the shape of the logits without the class axis, or distributions over the classes,
        of the shape of the logits.
      lam: weight of the regularizer, at least 0; a scalar, or with the axes of the logits and size 1 on the class axis.
      axis: the class axis.
      ignore_index: a class id whose rows are masked.
      where, weights, reduction: one value per row; see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a negative weight, TypeError for integer logits.
    Example:
      >>> large_margin_softmax(jnp.array([[2.0, 0.0, -1.0]]), jnp.array([0]))
      Array(0.2045048, dtype=float32)
    References: Kobayashi (2019), Large margin in softmax cross-entropy loss, BMVC.
    """
    name = "large_margin_softmax"
    rows = class_rows(name, logits, labels, axis=axis, where=where, ignore_index=ignore_index)
    lam = checks.parameter(name, "lam", lam, jnp.max(rows.scores, rows.axis, keepdims=True), minimum=0)
    if checks.labels_are_integers(labels):
        apart = spread(rows.scores, rows.labels == 0, rows.axis)
    else:
        apart = jnp.sum(rows.labels * spread_without_each(rows.scores, rows.axis), rows.axis, keepdims=True)
    entropy = softmax_cross_entropy(rows.scores, rows.labels, axis=rows.axis, reduction="none")
    values = (entropy + jnp.squeeze(lam / 2 * apart, rows.axis)) * rows.valid
    return reduce.apply(name, values, where=rows.where, weights=weights, reduction=reduction)
