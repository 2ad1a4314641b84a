"""Self-distillation: a student predicts what a teacher, who receives no gradient, makes of another view."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.reduce import Reduction
from jaxloss.regression.cosine import cosine_distance, cosine_similarity
from jaxloss.rows.labels import along, class_table, row_like
from jaxloss.rows.softmax import Surprises, largest, score, surprises

__all__ = ["byol", "dino", "dino_center", "simsiam"]


def byol(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Squared distance of the directions of prediction and target; the target receives no gradient.

    .. math::  \ell = \|u - v\|^2 = 2 - 2\, u \cdot v, \qquad
               \frac{\partial \ell}{\partial \hat y} = \frac{2 (u \cdot v)\, u - 2 v}{\|\hat y\|}, \qquad
               u = \frac{\hat y}{\|\hat y\|}, \quad v = \frac{y}{\|y\|}

    The paper adds the loss with the views exchanged: the sum of two calls.

    Args:
      predictions: what the online network predicts from one view: real array, vectors along ``axis``.
      targets: what the target network makes of the other view: array of exactly that shape. Its gradient is 0.
      axis: the axis that holds a vector.
      where, weights, reduction: see :doc:`/reductions`; the unreduced loss has the shape without ``axis``.
    Returns: a scalar, or one value per vector with ``reduction="none"``; between 0 and 4. 2 for a zero vector.
    Raises: ValueError for unequal shapes or an axis that is not there, TypeError for integer predictions.
    Example:
      >>> byol(jnp.array([[3.0, 4.0], [0.0, 2.0]]), jnp.array([[1.0, 0.0], [0.0, 1.0]]), reduction="none")
      Array([0.8, 0. ], dtype=float32)
    References: Grill et al. (2020), Bootstrap your own latent, eq. 2.
    """
    predictions, targets = _held("byol", predictions, targets, axis, where)
    values = 2 * cosine_distance(predictions, targets, axis=axis, reduction="none")
    return reduce.apply("byol", values, where=where, weights=weights, reduction=reduction)


def simsiam(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative cosine of prediction and target; the target receives no gradient. It is `byol` / 2 - 1.

    .. math::  \ell = -u \cdot v, \qquad
               \frac{\partial \ell}{\partial \hat y} = \frac{(u \cdot v)\, u - v}{\|\hat y\|}, \qquad
               u = \frac{\hat y}{\|\hat y\|}, \quad v = \frac{y}{\|y\|}

    The paper takes the mean of the loss and that with the views exchanged: half the sum of two calls.

    Args:
      predictions: what the predictor makes of one view: real array, vectors along ``axis``.
      targets: the projection of the other view: array of exactly that shape. Its gradient is 0.
      axis: the axis that holds a vector.
      where, weights, reduction: see :doc:`/reductions`; the unreduced loss has the shape without ``axis``.
    Returns: a scalar, or one value per vector with ``reduction="none"``; between -1 and 1. 0 for a zero vector.
    Raises: ValueError for unequal shapes or an axis that is not there, TypeError for integer predictions.
    Example:
      >>> simsiam(jnp.array([[3.0, 4.0], [0.0, 2.0]]), jnp.array([[1.0, 0.0], [0.0, 1.0]]), reduction="none")
      Array([-0.6, -1. ], dtype=float32)
    References: Chen and He (2021), Exploring simple siamese representation learning, eqs. 1 and 3.
    """
    predictions, targets = _held("simsiam", predictions, targets, axis, where)
    values = -cosine_similarity(predictions, targets, axis=axis, reduction="none")
    return reduce.apply("simsiam", values, where=where, weights=weights, reduction=reduction)


def dino(
    student_logits: Float[ArrayLike, "*shape"],
    teacher_logits: Real[ArrayLike, "*shape"],
    *,
    center: Real[ArrayLike, " classes"] | None = None,
    student_temperature: Real[ArrayLike, "..."] = 0.1,
    teacher_temperature: Real[ArrayLike, "..."] = 0.04,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Cross-entropy of a student's distribution with a teacher's, which is centred, sharpened and held fixed.

    .. math::  \ell = -\sum_c q_c \log p_c, \qquad \frac{\partial \ell}{\partial s_c} = \frac{p_c - q_c}{\tau_s}, \qquad
               p = \operatorname{softmax}\frac{s}{\tau_s}, \quad q = \operatorname{softmax}\frac{t - m}{\tau_t}

    One pair of views; the paper averages over pairs of a teacher's and another student's view, for which the views may
    be a leading axis. The center m follows the teacher by `dino_center`.

    Args:
      student_logits: real array s, by default ``[..., classes]``.
      teacher_logits: array t of exactly that shape, of another view. Its gradient is 0.
      center: m, one number for each class; None is 0. Its gradient is 0.
      student_temperature: positive divisor of the student's logits; a scalar, or one for each row.
      teacher_temperature: likewise, smaller: the teacher is sharper. Its gradient is 0.
      axis: the class axis.
      where, weights, reduction: see :doc:`/reductions`; the unreduced loss has the shape without ``axis``.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats, at least the entropy of q.
    Raises: ValueError for shapes that do not fit or a temperature that is not positive, TypeError for integers.
    Example:
      >>> dino(jnp.array([[0.1, 0.0]]), jnp.array([[0.04, 0.0]]))
      Array(0.58220315, dtype=float32)
    References: Caron et al. (2021), Emerging properties in self-supervised vision transformers, eq. 2 and algorithm 1.
    """
    arguments = ("student_logits", "teacher_logits")
    student, teacher = checks.real_pair("dino", student_logits, teacher_logits, arguments=arguments)
    axis = checks.row_axis("dino", student, axis, "student_logits")
    student, teacher = reduce.keep("dino", where, student, lax.stop_gradient(teacher), axis=axis)
    rows = row_like(student, axis)
    warmth = checks.parameter("dino", "student_temperature", student_temperature, rows, above=0)
    sharpness = checks.parameter("dino", "teacher_temperature", teacher_temperature, rows, above=0)
    if center is not None:
        teacher = teacher - along(class_table("dino", "center", center, teacher, axis), axis, teacher.ndim)
    taught = surprises(score(teacher, largest("dino", None, teacher, axis), sharpness), axis)
    scores = score(student, largest("dino", None, student, axis), warmth)
    values = _against_teacher(scores, lax.stop_gradient(taught), axis)
    return reduce.apply("dino", values, where=where, weights=weights, reduction=reduction)


def dino_center(
    center: Real[ArrayLike, " classes"],
    teacher_logits: Float[ArrayLike, "*shape"],
    *,
    momentum: Real[ArrayLike, ""] = 0.9,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
) -> Float[Array, " classes"]:
    r"""Return the center of `dino` after a batch: a running mean of the teacher's logits, without gradient.

    .. math::  m' = \mu m + (1 - \mu)\, \bar t

    Args:
      center: m, one number for each class; zeros to begin with.
      teacher_logits: real array, by default ``[..., classes]``, of all the teacher's views.
      momentum: mu, between 0 and 1.
      axis: the class axis.
      where: boolean, which rows exist; without any, the center stays.
    Raises: ValueError for shapes that do not fit or a momentum outside [0, 1], TypeError for integer logits.
    Example:
      >>> dino_center(jnp.zeros(2), jnp.array([[1.0, 2.0], [3.0, 2.0]]))
      Array([0.2, 0.2], dtype=float32)
    References: Caron et al. (2021), Emerging properties in self-supervised vision transformers, eq. 4.
    """
    (logits,) = checks.floating("dino_center", teacher_logits=teacher_logits)
    axis = checks.row_axis("dino_center", logits, axis, "teacher_logits")
    center = class_table("dino_center", "center", center, logits, axis)
    logits, center = lax.stop_gradient((reduce.keep("dino_center", where, logits, axis=axis), center))
    momentum = checks.parameter("dino_center", "momentum", momentum, row_like(center, -1), minimum=0, maximum=1)
    # A row for each class, where masked logits are 0 and not counted.
    rows = jnp.moveaxis(logits, axis, 0)
    exists = jnp.broadcast_to(True if where is None else where, rows.shape[1:])
    count = jnp.sum(exists, dtype=rows.dtype)
    mean = jnp.sum(rows.reshape(len(rows), -1), -1) / jnp.maximum(count, 1)
    return jnp.where(count == 0, center, momentum * center + (1 - momentum) * mean)


def _held(name: str, predictions: ArrayLike, targets: ArrayLike, axis: int, where: ArrayLike | None) -> Any:
    """Check and mask predictions and targets, and stop the gradient of the targets."""
    predictions, targets = checks.real_pair(name, predictions, targets)
    axis = checks.row_axis(name, predictions, axis, "predictions")
    return reduce.keep(name, where, predictions, lax.stop_gradient(targets), axis=axis)


# The slope p - q is computed as p (1 - q) - q (1 - p), in which neither difference cancels where both are sure.
@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _against_teacher(scores: Array, teacher: Surprises, axis: int) -> Array:
    """-sum_c q_c log p_c for fixed q; a q of 0 on an impossible class contributes 0."""
    q = teacher.probabilities
    return jnp.sum(jnp.where(q == 0, 0, q * surprises(scores, axis).nll), axis)


@_against_teacher.defjvp
def _(axis, primals, tangents):
    student, teacher = surprises(primals[0], axis), primals[1]
    slope = student.probabilities * teacher.complements - teacher.probabilities * student.complements
    return _against_teacher(*primals, axis), jnp.sum(slope * tangents[0], axis)
