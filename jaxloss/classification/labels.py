"""Helpers around class labels: one-hot rows and smoothed ones."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Float, Int, Real

from jaxloss import checks
from jaxloss.rows.labels import picked

__all__ = ["one_hot", "smooth_labels"]


def one_hot(
    labels: Int[ArrayLike, "*rows"], classes: int, *, axis: int = -1, dtype: DTypeLike = jnp.float32
) -> Float[Array, "*rows_and_classes"]:
    """Return 1 at the label of each row and 0 elsewhere, with the classes on a new axis.

    A label outside [0, classes) picks nothing: its row is all 0, and never that of another class.

    Args:
      labels: integer class ids of any shape.
      classes: their number.
      axis: where the class axis goes in the result.
      dtype: of the result.
    Raises: TypeError for labels that are not integers.
    Example:
      >>> one_hot(jnp.array([1, -1]), 3)
      Array([[0., 1., 0.],
             [0., 0., 0.]], dtype=float32)
    """
    labels = jnp.asarray(labels)
    if not checks.labels_are_integers(labels):
        raise TypeError(f"one_hot: labels must be integer class ids, got {labels.dtype}")
    labels = labels if labels.dtype == jnp.int64 else labels.astype(jnp.int32)
    shape = list(labels.shape)
    axis = axis if axis >= 0 else axis + labels.ndim + 1
    shape.insert(axis, classes)
    return picked(labels, tuple(shape), axis - len(shape)).astype(dtype)


def smooth_labels(
    labels: Real[ArrayLike, "*rows_and_classes"], smoothing: float | Real[ArrayLike, "..."], *, axis: int = -1
) -> Float[Array, "*rows_and_classes"]:
    r"""Return the labels mixed with the uniform distribution, (1 - s) y + s / C.

    The ``label_smoothing`` of the cross-entropies does the same without making the labels.

    Args:
      labels: label distributions, such as `one_hot` makes.
      smoothing: s, the share that is spread evenly over the C classes, in [0, 1].
      axis: the class axis.
    Raises: ValueError for a share out of its range.
    Example:
      >>> smooth_labels(jnp.array([1.0, 0.0, 0.0]), 0.1)
      Array([0.93333334, 0.03333334, 0.03333334], dtype=float32)

    References: Szegedy et al. (2016), Rethinking the Inception architecture for computer vision, arXiv:1512.00567.
    """
    (labels,) = checks.real("smooth_labels", checks.compute_dtype(labels), labels=labels)
    share: Any = checks.parameter("smooth_labels", "smoothing", smoothing, labels, minimum=0, maximum=1)
    return (1 - share) * labels + share / labels.shape[axis]
