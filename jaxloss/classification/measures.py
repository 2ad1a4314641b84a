"""What one reports next to a loss: accuracy and in-top-k. Counts of right rows, without a gradient."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, reduce
from jaxloss.reduce import Reduction

__all__ = ["accuracy", "in_top_k"]


def accuracy(
    logits: Float[ArrayLike, "*rows_and_classes"],
    labels: Int[ArrayLike, "*rows"],
    *,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Share of the rows whose largest score is that of the label: `in_top_k` with k = 1.

    .. math::  [\,z_y > z_c \text{ for all } c \ne y\,]

    Args:
      logits: real array with the classes on ``axis``: logits, scores or probabilities.
      labels: integer class ids of the rows.
      axis: the class axis.
      ignore_index: a label of rows that are not there.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``.
    Raises: ValueError for shapes that do not fit, TypeError for labels that are no class ids.
    Example:
      >>> accuracy(jnp.array([[0.1, 0.9], [0.8, 0.2]]), jnp.array([1, 1]))
      Array(0.5, dtype=float32)
    References: a tie is an error, as for Russakovsky et al. (2015), ImageNet challenge, arXiv:1409.0575, it is to rank
      below: a model that says the same of all classes is right in none of them.
    """
    return _ranked("accuracy", logits, labels, 1, axis, ignore_index, where, weights, reduction)


def in_top_k(
    logits: Float[ArrayLike, "*rows_and_classes"],
    labels: Int[ArrayLike, "*rows"],
    *,
    k: int,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Share of the rows whose label is among the k largest scores.

    .. math::  [\,\#\{c \ne y : z_c \ge z_y\} < k\,]

    A class that ties with the label counts as larger, so that a constant prediction scores 0 and not 1. A row with a
    NaN score or with a label outside the classes is wrong.

    Args:
      logits: real array with the classes on ``axis``: logits, scores or probabilities.
      labels: integer class ids of the rows.
      k: how many of the largest scores, from 1 to the number of classes.
      axis: the class axis.
      ignore_index: a label of rows that are not there.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``.
    Raises: ValueError for shapes that do not fit or a k out of its range, TypeError for labels that are no class ids.
    Example:
      >>> in_top_k(jnp.array([[0.1, 0.6, 0.3], [0.1, 0.6, 0.3]]), jnp.array([2, 0]), k=2, reduction="none")
      Array([1., 0.], dtype=float32)
    References: Krizhevsky et al. (2012), ImageNet classification with deep convolutional neural networks.
    """
    return _ranked("in_top_k", logits, labels, k, axis, ignore_index, where, weights, reduction)


def _ranked(
    name: str,
    logits: ArrayLike,
    labels: ArrayLike,
    k: int,
    axis: int,
    ignore_index: int | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    reduction: Reduction,
) -> Any:
    logits, labels, axis = checks.integer_rows(name, logits, labels, axis)
    classes = logits.shape[axis]
    if not 1 <= k <= classes:
        raise ValueError(f"{name}: k must be from 1 to the {classes} classes, got {k}")
    where = reduce.except_label(where, labels, ignore_index)
    inside = jnp.expand_dims(jnp.where(labels < 0, classes, labels), axis)
    own = jnp.take_along_axis(logits, inside, axis, mode="fill", fill_value=jnp.nan)
    # Comparisons with NaN are false: a row with one counts too few classes below its label.
    below = jnp.sum(logits < own, axis, dtype=jnp.int32)
    return reduce.apply(
        name, (below > classes - 1 - k).astype(logits.dtype), where=where, weights=weights, reduction=reduction
    )
