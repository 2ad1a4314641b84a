"""Cross-entropy that remembers which classes have been confused."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, reduce
from jaxloss.classification.labels import one_hot
from jaxloss.reduce import Reduction
from jaxloss.rows.softmax import labelled_rows, surprises

__all__ = ["matrix_cross_entropy", "update_confusions"]


def matrix_cross_entropy(
    logits: Float[ArrayLike, "*rows_and_classes"],
    labels: Real[ArrayLike, "..."],
    *,
    confusions: Real[ArrayLike, "classes classes"],
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy in bits, plus a penalty for the confusions that have been seen before, per row.

    .. math::  \ell = -\sum_i y_i \log_2 p_i + \sum_i (A y)_i \, e^{p_i} - \sum_i y_i \, e^{p_i}, \qquad
               p = \mathrm{softmax}(z), \\
               \frac{\partial \ell}{\partial z_i} = \frac{p_i \sum_k y_k - y_i}{\ln 2}
               + p_i \Big(u_i - \sum_k p_k u_k\Big), \qquad u = \big((A - 1) \, y\big)_i \, e^{p_i}

    The entry :math:`A_{ij}` says how often class i has been predicted for the true class j. Without errors A is the
    identity, and the loss the cross-entropy in bits; what has been predicted wrongly for a class costs more, the more
    often it was. `update_confusions` learns A from the predictions made.

    Args:
      logits: real array with the classes on ``axis``, in nats; -inf is an impossible class.
      labels: integer array of the shape of the logits without that axis, NaN where outside [0, classes), or a
        distribution over the classes of exactly the shape of the logits.
      confusions: A, one row per predicted and one column per true class; ``jnp.eye(classes)`` to start with.
      axis: the class axis.
      ignore_index: label of rows that do not exist, such as -100 for padding.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in bits.
    Raises: ValueError for shapes that do not fit, TypeError for integer logits.
    Example: class 0 has been taken for class 1 in a fifth of the cases, never for class 2.
      >>> confusions = jnp.array([[0.8, 0.0, 0.0], [0.2, 1.0, 0.0], [0.0, 0.0, 1.0]])
      >>> logits = jnp.log(jnp.array([[0.5, 0.4, 0.1], [0.5, 0.1, 0.4]]))
      >>> matrix_cross_entropy(logits, jnp.array([0, 0]), confusions=confusions, reduction="none")
      Array([0.9686207 , 0.89128995], dtype=float32)

    References: Shannon (1948), A mathematical theory of communication, doi:10.1002/j.1538-7305.1948.tb01338.x, for the
      first term; the penalty is a construction of tutorials.
    """
    name = "matrix_cross_entropy"
    rows = labelled_rows(name, logits, labels, axis=axis, where=where, ignore_index=ignore_index)
    matrix = _square(name, confusions, rows.scores.shape[rows.axis]).astype(rows.scores.dtype)
    excess = matrix - jnp.eye(len(matrix), dtype=matrix.dtype)
    if checks.labels_are_integers(rows.labels):  # a column for each row; NaN cannot come from here, the nll has it
        charges = jnp.take(excess, jnp.clip(rows.labels, 0, len(matrix) - 1), axis=1)
    else:
        charges = jnp.tensordot(excess, rows.labels, ((1,), (rows.labels.ndim + rows.axis,)))
    charges = jnp.moveaxis(charges, 0, rows.axis)
    p = surprises(rows.scores, rows.axis).probabilities
    values = rows.expected(lambda nll: nll / math.log(2)) + jnp.sum(charges * jnp.exp(p), rows.axis)
    return reduce.apply(name, values, where=rows.where, weights=weights, reduction=reduction)


def update_confusions(
    confusions: Real[ArrayLike, "classes classes"],
    scores: Real[ArrayLike, "*rows_and_classes"],
    labels: Int[ArrayLike, "*rows"],
    *,
    momentum: float = 0.9,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
) -> Float[Array, "classes classes"]:
    r"""Return the confusions A of `matrix_cross_entropy` after the predictions of one more batch.

    Column j moves towards the shares in which the rows of class j have been predicted as each class,
    :math:`A_{ij} \leftarrow \mu A_{ij} + (1 - \mu) \, n_{ij} / \sum_i n_{ij}`; the column of a class without a row
    stays. Columns that sum to 1 keep doing so. The argument is not changed; nothing is differentiated.

    Args:
      confusions: A, ``jnp.eye(classes)`` to start with.
      scores: array with the classes on ``axis``, logits or probabilities, of which the largest is predicted.
      labels: integer array of the shape of the scores without that axis; labels outside [0, classes) are left out.
      momentum: share of A that stays, in [0, 1].
      axis: the class axis.
      where: boolean, which rows exist.
    Raises: ValueError for shapes that do not fit or a momentum out of its range.
    Example:
      >>> scores = jnp.array([[3.0, 1.0], [1.0, 2.0], [0.0, 1.0]])
      >>> update_confusions(jnp.eye(2), scores, jnp.array([0, 0, 1]), momentum=0.5)
      Array([[0.75, 0.  ],
             [0.25, 1.  ]], dtype=float32)
    """
    name = "update_confusions"
    scores, labels, axis = checks.integer_rows(name, scores, labels, axis, arguments=("scores", "labels"))
    matrix = _square(name, confusions, scores.shape[axis]).astype(scores.dtype)
    checks.parameter(name, "momentum", momentum, matrix, minimum=0, maximum=1)
    labels = labels if where is None else jnp.where(jnp.asarray(where), labels, -1)
    predicted = one_hot(jnp.argmax(scores, axis).ravel(), len(matrix), dtype=matrix.dtype)
    counts = predicted.T @ one_hot(labels.ravel(), len(matrix), dtype=matrix.dtype)
    rows = jnp.sum(counts, 0, keepdims=True)
    return jnp.where(rows > 0, momentum * matrix + (1 - momentum) * counts / jnp.maximum(rows, 1), matrix)


def _square(name: str, matrix: ArrayLike, classes: int) -> Array:
    matrix = jnp.asarray(matrix)
    if matrix.shape != (classes, classes):
        raise ValueError(f"{name}: confusions must have shape {(classes, classes)}, got {matrix.shape}")
    return matrix
