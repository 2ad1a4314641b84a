"""Losses with a margin: hinges of scores, and the circle loss of embeddings."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

import jaxloss
from jaxloss import checks, numerics
from jaxloss.compat.keras.arrays import attach_mask, pair

__all__ = ["categorical_hinge", "circle", "hinge", "squared_hinge"]


def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Mean of max(0, 1 - y s) along the last axis; labels -1 and 1, or 0 and 1 throughout, which are converted."""
    y_true, y_pred = pair("hinge", y_true, y_pred, broadcast=True)
    return jnp.mean(jaxloss.hinge(y_pred, _signs(y_true), reduction="none"), -1)


def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Mean of max(0, 1 - y s)^2 along the last axis; labels as in `hinge`."""
    y_true, y_pred = pair("squared_hinge", y_true, y_pred, broadcast=True)
    return jnp.mean(jaxloss.squared_hinge(y_pred, _signs(y_true), reduction="none"), -1)


def categorical_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Return max(0, 1 + max((1 - y) s) - sum(y s)) of one-hot labels: the true class stands for a score of 0 too.

    Example:
      >>> categorical_hinge(jnp.array([[1.0, 0.0, 0.0]]), jnp.array([[0.5, -3.0, -4.0]]))
      Array([0.5], dtype=float32)
    """
    y_true, y_pred = pair("categorical_hinge", y_true, y_pred, broadcast=True)
    return jnp.maximum(jnp.max((1 - y_true) * y_pred, -1) - jnp.sum(y_true * y_pred, -1) + 1, 0)


def circle(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Array:
    """Circle loss of embeddings of length 1, one value for each; 0 with zero gradient without positives or negatives.

    Args:
      y_true: class ids.
      y_pred: an embedding in each row.
      ref_labels: of the embeddings to compare with; those of ``y_true`` when left out.
      ref_embeddings: to compare with; ``y_pred`` itself when left out.
      remove_diagonal: whether an embedding is no positive of itself.
      gamma: the scale.
      margin: m; positives are drawn below a distance of m, negatives pushed beyond 1 - m.
    """
    (y_pred,) = checks.floating("circle", y_pred=y_pred)
    labels = jnp.asarray(y_true).astype(jnp.int32).reshape(-1, 1)
    others = labels if ref_labels is None else jnp.asarray(ref_labels).astype(jnp.int32).reshape(-1, 1)
    references = y_pred if ref_embeddings is None else jnp.asarray(ref_embeddings, y_pred.dtype)
    distances = jnp.maximum(1 - y_pred @ references.T, 0)
    same = labels == others.T
    positive = same & ~jnp.eye(*same.shape, dtype=bool) if remove_diagonal else same
    attraction = -gamma * jnp.maximum(margin + distances, 0) * (margin - distances)
    repulsion = gamma * jnp.maximum(1 + margin - distances, 0) * (1 - margin - distances)
    exists = positive.any(1) & ~same.all(1)
    sums = [_logsumexp(values, mask & exists[:, None]) for values, mask in ((attraction, positive), (repulsion, ~same))]
    values = jnp.where(exists, numerics.softplus(jnp.where(exists, sums[0] + sums[1], 0)), 0)
    return attach_mask(values, values > 0)


def _logsumexp(values: Array, mask: Array) -> Array:
    """Log of the sum of exponentials of the row entries that the mask leaves; rows without any give 0."""
    largest = jnp.max(jnp.where(mask, values, -jnp.inf), 1, keepdims=True)
    largest = jnp.where(jnp.isfinite(largest), largest, 0)
    total = jnp.sum(jnp.where(mask, jnp.exp(jnp.where(mask, values - largest, 0)), 0), 1)
    return jnp.where(total > 0, jnp.log(jnp.where(total > 0, total, 1)) + largest[:, 0], 0)


def _signs(y: Array) -> Array:
    """Labels of -1 and 1, also from 0 and 1 if there is nothing else in the whole array."""
    return jnp.where(jnp.all((y == 0) | (y == 1)), 2 * y - 1, y)
