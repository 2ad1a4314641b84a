"""Cross-entropies of probabilities, clipped as Keras clips them, or of logits, which need no clipping."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

import jaxloss
from jaxloss import checks, numerics
from jaxloss.compat.keras.arrays import attach_mask, clip, pair

__all__ = [
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "sparse_categorical_crossentropy",
]


def binary_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
    *,
    added: float = 0.0,
) -> Array:
    """Mean of -y log p - (1 - y) log(1 - p) along an axis, with p clipped to [1e-7, 1 - 1e-7].

    Args:
      y_true: labels in [0, 1], of the shape of ``y_pred``.
      y_pred: probabilities, or logits.
      from_logits: whether they are logits.
      label_smoothing: 0.2 turns 0 and 1 into 0.1 and 0.9.
      axis: of the mean.
      added: to p and to 1 - p inside the logarithms, after clipping. tf.keras of TensorFlow 1 and 2 up to 2.15 added
        1e-7, Keras 3 does not.
    Example:
      >>> y_true, y_pred = jnp.array([0.0, 0.0, 1.0, 1.0]), jnp.array([1.0, 1.0, 1.0, 0.0])
      >>> binary_crossentropy(y_true, y_pred), binary_crossentropy(y_true, y_pred, added=1e-7)
      (Array(12.000..., dtype=float32), Array(11.522..., dtype=float32))
    """
    y_true, y_pred = pair("binary_crossentropy", y_true, y_pred)
    y_true = _smooth_binary(y_true, label_smoothing)
    if from_logits:
        return jnp.mean(jaxloss.sigmoid_binary_cross_entropy(y_pred, y_true, reduction="none"), axis)
    return jnp.mean(_binary(y_true, y_pred, added), axis)


def binary_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """Mean along an axis of the binary cross-entropy times (1 - p_t)^gamma; alpha counts with class balancing only.

    Logits become probabilities that are clipped, as in Keras; `jaxloss.sigmoid_focal` keeps their digits.
    """
    y_true, y_pred = pair("binary_focal_crossentropy", y_true, y_pred)
    y_true = _smooth_binary(y_true, label_smoothing)
    p = numerics.sigmoid(y_pred) if from_logits else y_pred
    miss = 1 - (y_true * p + (1 - y_true) * (1 - p))
    values = numerics.power(miss, gamma) * _binary(y_true, p)
    if apply_class_balancing:
        values = (y_true * alpha + (1 - y_true) * (1 - alpha)) * values
    return jnp.mean(values, axis)


def categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Array:
    """Sum over the classes of -y log p, p divided by its sum and clipped to [1e-7, 1 - 1e-7].

    Args:
      y_true: distributions over the classes, of the shape of ``y_pred``.
      y_pred: probabilities, or logits.
      from_logits: whether they are logits.
      label_smoothing: share of the label that is spread evenly over all classes.
      axis: the class axis.
    """
    y_true, y_pred = pair("categorical_crossentropy", y_true, y_pred)
    y_true = _smooth(y_true, label_smoothing, axis)
    if from_logits:
        return jaxloss.softmax_cross_entropy(y_pred, y_true, axis=axis, reduction="none")
    return -jnp.sum(y_true * jnp.log(_shares(y_pred, axis)), axis)


def categorical_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: float | ArrayLike = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """Sum over the classes of -alpha y (1 - p)^gamma log p; alpha is one for all classes, or one for each.

    Example:
      >>> y_true, y_pred = jnp.array([[0.0, 1.0]]), jnp.array([[0.5, 0.5]])
      >>> categorical_focal_crossentropy(y_true, y_pred, alpha=1.0) / categorical_crossentropy(y_true, y_pred)
      Array([0.25], dtype=float32)
    """
    y_true, y_pred = pair("categorical_focal_crossentropy", y_true, y_pred)
    y_true = _smooth(y_true, label_smoothing, axis)
    p = _shares(jax.nn.softmax(y_pred, axis) if from_logits else y_pred, axis)
    alpha = jnp.asarray(alpha, p.dtype)
    alpha = alpha.reshape((1,) * (p.ndim - alpha.ndim) + alpha.shape)
    return jnp.sum(numerics.power(1 - p, gamma) * alpha * (-y_true * jnp.log(p)), axis)


def sparse_categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Array:
    """Cross-entropy of class ids, integers or whole floats; an id that is no class, or is ignored, costs 0.

    Args:
      y_true: the shape of ``y_pred`` without the class axis, or with size 1 there.
      y_pred: probabilities, or logits.
      from_logits: whether they are logits.
      ignore_class: the classes of Keras do not count these rows in their means either.
      axis: the class axis.
    """
    name = "sparse_categorical_crossentropy"
    (y_pred,) = checks.floating(name, y_pred=y_pred)
    labels = jnp.asarray(y_true)
    axis = checks.row_axis(name, y_pred, axis, "y_pred")
    if labels.ndim == y_pred.ndim and labels.shape[axis] == 1:
        labels = jnp.squeeze(labels, axis)
    labels = labels.astype(jnp.int32)
    counts = (labels >= 0) & (labels < y_pred.shape[axis])
    if ignore_class is not None:
        counts &= labels != ignore_class
    loss = jaxloss.softmax_cross_entropy_with_integer_labels if from_logits else _of_probabilities
    values = loss(y_pred, labels, axis=axis, where=counts, reduction="none")
    return values if ignore_class is None else attach_mask(values, labels != ignore_class)


def categorical_generalized_cross_entropy(y_true: ArrayLike, y_pred: ArrayLike, q: float) -> Array:
    """Return (1 - p^q) / q of the probability of the true class, whose id is given; 1/q where the id is no class."""
    (y_pred,) = checks.floating("categorical_generalized_cross_entropy", y_pred=y_pred)
    chosen = _is_class(jnp.asarray(y_true).astype(jnp.int32), y_pred, -1)
    return (1 - numerics.power(jnp.sum(jnp.where(chosen, y_pred, 0), -1), q)) / q


def _binary(y: Array, p: Array, added: float = 0.0) -> Array:
    p = clip(p)
    return -(y * jnp.log(p + added) + (1 - y) * jnp.log(1 - p + added))


def _shares(p: Array, axis: int) -> Array:
    return clip(p / jnp.sum(p, axis, keepdims=True))


def _of_probabilities(p: Array, labels: Array, *, axis: int, where: Array, reduction: str) -> Array:
    del reduction
    logs = jnp.log(_shares(jnp.where(jnp.expand_dims(where, axis), p, 1), axis))
    return -jnp.sum(jnp.where(_is_class(labels, p, axis) & jnp.expand_dims(where, axis), logs, 0), axis)


def _is_class(labels: Array, like: Array, axis: int) -> Array:
    """Tell the class that a label names from the others."""
    ids = jax.lax.broadcasted_iota(jnp.int32, like.shape, axis % like.ndim)
    return ids == jnp.expand_dims(labels, axis)


def _smooth_binary(y: Array, share: float) -> Array:
    return y * (1 - share) + 0.5 * share if share else y


def _smooth(y: Array, share: float, axis: int) -> Array:
    return y * (1 - share) + share / y.shape[axis] if share else y
