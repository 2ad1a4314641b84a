"""Shares of rows that are classified correctly: measures, which have no useful gradient."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import pick, picked

__all__ = ["accuracy", "in_top_k"]


def accuracy(
    logits: Float[ArrayLike, "*rows_and_classes"],
    labels: Real[ArrayLike, "..."],
    *,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Share of the rows whose label has the largest score; `in_top_k` with k = 1, whose remarks hold.

    .. math::  a = [\arg\max_c z_c = y]

    Args:
      logits: real array with the classes on ``axis``: logits, probabilities or any scores.
      labels: integer array of the shape of the logits without that axis, or a distribution over the classes of exactly
        the shape of the logits, whose largest entry is the label.
      axis: the class axis.
      ignore_index: label of rows that do not exist, such as -100 for padding.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or 0 or 1 per row with ``reduction="none"``.
    Raises: ValueError for shapes that do not fit, TypeError for integer logits.
    Example:
      >>> accuracy(jnp.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]]), jnp.array([0, 2]))
      Array(0.5, dtype=float32)

    References: Fawcett (2006), An introduction to ROC analysis, doi:10.1016/j.patrec.2005.10.010.
    """
    return _top("accuracy", logits, labels, 1, axis, ignore_index, where, weights, reduction)


def in_top_k(
    logits: Float[ArrayLike, "*rows_and_classes"],
    labels: Real[ArrayLike, "..."],
    *,
    k: int = 5,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Share of the rows whose label is among the k largest scores.

    .. math::  a = \big[\, |\{c \ne y : z_c \ge z_y\}| < k \,\big]

    Ties count against the row, so that a model that gives the same score to every class is never right. A NaN counts
    as larger than any number, and a label whose score is NaN, or that is outside the classes, is never right.

    Args:
      logits: real array with the classes on ``axis``: logits, probabilities or any scores.
      labels: integer array of the shape of the logits without that axis, or a distribution over the classes of exactly
        the shape of the logits, whose largest entry is the label.
      k: how many scores count, from 1 to the number of classes.
      axis: the class axis.
      ignore_index: label of rows that do not exist, such as -100 for padding.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or 0 or 1 per row with ``reduction="none"``.
    Raises: ValueError for shapes that do not fit or a k out of its range, TypeError for integer logits.
    Example:
      >>> in_top_k(jnp.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]]), jnp.array([2, 2]), k=2, reduction="none")
      Array([0., 1.], dtype=float32)

    References: Krizhevsky et al. (2012), ImageNet classification with deep convolutional neural networks.
    """
    return _top("in_top_k", logits, labels, k, axis, ignore_index, where, weights, reduction)


def _top(
    name: str,
    logits: ArrayLike,
    labels: ArrayLike,
    k: int,
    axis: int,
    ignore_index: int | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    reduction: Reduction,
) -> Array:
    if checks.labels_are_integers(labels):
        scores, ids, axis = checks.integer_rows(name, logits, labels, axis)
        where = reduce.except_label(where, ids, ignore_index)
    else:
        scores, distributions, axis = checks.dense_rows(name, logits, labels, axis)
        ids = jnp.argmax(distributions, axis).astype(jnp.int32)
    scores, ids = reduce.keep(name, where, lax.stop_gradient(scores), axis=axis), reduce.keep(name, where, ids)
    if not isinstance(k, int) or not 1 <= k <= scores.shape[axis]:
        raise ValueError(f"{name}: k must be from 1 to the {scores.shape[axis]} classes, got {k}")
    own = jnp.expand_dims(pick(scores, ids, axis), axis)
    # Not >=, so that a NaN is ahead of everything. Floats, because integers are added serially on the CPU.
    ahead = ~(scores < own) & ~picked(ids, scores.shape, axis)
    inside = (ids >= 0) & (ids < scores.shape[axis]) & ~jnp.isnan(jnp.squeeze(own, axis))
    values = (inside & (jnp.sum(ahead.astype(scores.dtype), axis) < k)).astype(scores.dtype)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)
