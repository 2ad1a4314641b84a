"""Margins between the score of the true class and those of the others: Crammer-Singer, Weston-Watkins, perceptron."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import ClassRows, IdRows, class_rows, id_rows, pick, picked

__all__ = ["multiclass_hinge", "multiclass_perceptron", "weston_watkins"]


def multiclass_hinge(
    scores: Float[ArrayLike, "..."],
    labels: Real[ArrayLike, "..."],
    *,
    margin: float | Real[ArrayLike, "..."] = 1.0,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Crammer-Singer hinge: by how much the true class fails to lead the best of the others by the margin.

    .. math::  \ell(s, y) = \max\big(0,\; m + \max_{j \ne y} s_j - s_y\big), \qquad
               \frac{\partial \ell}{\partial s} = e_j - e_y \text{ if } \ell > 0, \text{ else } 0

    with the unit vector :math:`e_j` of the best other class (or a mean of them, where several tie). At the kink, where
    the lead is the margin exactly, the gradient is 0. A distribution over the classes gives the expected loss.

    Args:
      scores: real array with a class axis; a score of :math:`-\infty` is an impossible class.
      labels: integer class ids, of the shape of the scores without the class axis, or one-hot rows or other
        distributions over the classes, of the shape of the scores.
      margin: the lead that costs nothing, at least 0, in units of the scores.
      axis: the class axis.
      ignore_index: a class id whose rows are masked.
      where, weights, reduction: one value per row; see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in units of the scores.
    Raises: ValueError for shapes that do not fit or a negative margin, TypeError for integer scores.
    Example:
      >>> multiclass_hinge(jnp.array([[2.0, 1.5, -1.0], [3.0, 1.0, 0.0]]), jnp.array([0, 0]), reduction="none")
      Array([0.5, 0. ], dtype=float32)
    References: Crammer and Singer (2001), On the algorithmic implementation of multiclass kernel-based vector
      machines, JMLR 2.
    """
    name = "multiclass_hinge"
    if checks.labels_are_integers(labels):
        rows, truth = _truths(name, scores, labels, axis, where, ignore_index)
        others = jnp.where(picked(rows.ids, rows.scores.shape, rows.axis), -jnp.inf, rows.scores)
        rivals, share = _rows_max(others, rows.axis), 1.0
    else:
        rows = _margin_rows(name, scores, labels, axis, where, ignore_index)
        rivals, truth, share = _best_others(rows.scores, rows.axis), rows.scores, rows.labels
    margin = checks.parameter(name, "margin", margin, truth, minimum=0)
    values = jnp.sum(_times(share, _positive(margin + _minus(rivals, truth))), rows.axis)
    return reduce.apply(name, values, where=rows.where, weights=weights, reduction=reduction)


def weston_watkins(
    scores: Float[ArrayLike, "..."],
    labels: Real[ArrayLike, "..."],
    *,
    margin: float | Real[ArrayLike, "..."] = 1.0,
    p: float | Real[ArrayLike, "..."] = 1,
    normalize: bool = False,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Weston-Watkins hinge: the sum over all classes that the true one does not lead by the margin.

    .. math::  \ell(s, y) = \sum_{j \ne y} \max(0,\; m + s_j - s_y)^p, \qquad
               \frac{\partial \ell}{\partial s_j} = p \max(0,\; m + s_j - s_y)^{p-1}, \qquad
               \frac{\partial \ell}{\partial s_y} = -\sum_{j \ne y} \frac{\partial \ell}{\partial s_j}

    At the kinks of p = 1 the gradient is 0. Dense labels are meant to be one-hot; in general they give
    :math:`\sum_j (1 - y_j) \max(0, m + s_j - y \cdot s)^p`.

    Args:
      scores: real array with a class axis; a score of :math:`-\infty` is an impossible class.
      labels: integer class ids, of the shape of the scores without the class axis, or one-hot rows of their shape.
      margin: the lead that costs nothing, in units of the scores.
      p: exponent, at least 1; 1 and 2 are the usual ones.
      normalize: divide by the number of classes, as ``torch.nn.functional.multi_margin_loss`` does.
      axis: the class axis.
      ignore_index: a class id whose rows are masked.
      where, weights, reduction: one value per row; see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in units of the scores to the p.
    Raises: ValueError for shapes that do not fit or p < 1, TypeError for integer scores.
    Example:
      >>> weston_watkins(jnp.array([[2.0, 1.5, 1.25]]), jnp.array([0]))
      Array(0.75, dtype=float32)
    References: Weston and Watkins (1999), Support vector machines for multi-class pattern recognition, ESANN.
    """
    name = "weston_watkins"
    rows = _margin_rows(name, scores, labels, axis, where, ignore_index)
    p = checks.parameter(name, "p", p, rows.scores, minimum=1)
    margin = checks.parameter(name, "margin", margin, rows.scores)
    truth = jnp.sum(_times(rows.labels, rows.scores), rows.axis, keepdims=True)
    terms = (1 - rows.labels) * numerics.power(_positive(margin + _minus(rows.scores, truth)), p)
    values = jnp.sum(terms, rows.axis) * rows.valid
    if normalize:
        values = values / rows.scores.shape[rows.axis]
    return reduce.apply(name, values, where=rows.where, weights=weights, reduction=reduction)


def multiclass_perceptron(
    scores: Float[ArrayLike, "..."],
    labels: Real[ArrayLike, "..."],
    *,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""By how much the best class leads the true one: 0 if the true class is best.

    .. math::  \ell(s, y) = \max_j s_j - s_y, \qquad \frac{\partial \ell}{\partial s} = e_{\operatorname{argmax}} - e_y

    Classes that tie for the best share the first unit vector equally. A distribution over the classes gives the
    expected loss.

    Args:
      scores: real array with a class axis; a score of :math:`-\infty` is an impossible class.
      labels: integer class ids, of the shape of the scores without the class axis, or one-hot rows or other
        distributions over the classes, of the shape of the scores.
      axis: the class axis.
      ignore_index: a class id whose rows are masked.
      where, weights, reduction: one value per row; see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in units of the scores.
    Raises: ValueError for shapes that do not fit, TypeError for integer scores.
    Example:
      >>> multiclass_perceptron(jnp.array([[2.0, 1.5, -1.0]]), jnp.array([1]))
      Array(0.5, dtype=float32)
    References: Collins (2002), Discriminative training methods for hidden Markov models, doi:10.3115/1118693.1118694.
    """
    name = "multiclass_perceptron"
    if checks.labels_are_integers(labels):
        rows, truth = _truths(name, scores, labels, axis, where, ignore_index)
        values = jnp.squeeze(_minus(_rows_max(rows.scores, rows.axis), truth), rows.axis)
    else:
        rows = _margin_rows(name, scores, labels, axis, where, ignore_index)
        behind = _minus(_rows_max(rows.scores, rows.axis), rows.scores)
        values = jnp.sum(_times(rows.labels, behind), rows.axis)
    return reduce.apply(name, values, where=rows.where, weights=weights, reduction=reduction)


def _truths(
    name: str, scores: ArrayLike, labels: ArrayLike, axis: int, where: ArrayLike | None, ignore_index: int | None
) -> tuple[IdRows, Array]:
    """Checked and masked rows, and the score of each row's class: NaN, and so its gradient, outside the classes."""
    arguments = ("scores", "labels")
    rows = id_rows(name, scores, labels, axis=axis, where=where, ignore_index=ignore_index, arguments=arguments)
    return rows, jnp.expand_dims(pick(rows.scores, rows.ids, rows.axis), rows.axis)


def _margin_rows(
    name: str, scores: ArrayLike, labels: ArrayLike, axis: int, where: ArrayLike | None, ignore_index: int | None
) -> ClassRows:
    """Checked and masked rows; the scores of a row whose label is outside the classes are NaN, with NaN gradients."""
    arguments = ("scores", "labels")
    rows = class_rows(name, scores, labels, axis=axis, where=where, ignore_index=ignore_index, arguments=arguments)
    if isinstance(rows.valid, float):
        return rows
    # As a factor of the loss alone, it would not reach the gradients of scores that the loss does not depend on.
    return rows._replace(scores=rows.scores * jnp.expand_dims(rows.valid, rows.axis))


def _rows_max(scores: Array, axis: int) -> Array:
    return jnp.max(scores, axis, keepdims=True)


def _best_others(scores: Array, axis: int) -> Array:
    """max_{j != k} s_j for every k: the best score, and for the (first) class that has it the second best."""
    best = jnp.argmax(scores, axis, keepdims=True)
    leads = lax.broadcasted_iota(best.dtype, scores.shape, scores.ndim + axis) == best
    # A sum of one term and not the maximum, whose gradient a class that ties with the leader would share.
    leader = jnp.sum(jnp.where(leads, scores, 0), axis, keepdims=True)
    return jnp.where(leads, _rows_max(jnp.where(leads, -jnp.inf, scores), axis), leader)


def _minus(a: Array, b: Array) -> Any:
    """A - b, where an impossible class (-inf) is behind every class, an impossible one too."""
    return jnp.where(a == -jnp.inf, -jnp.inf, a - b)


def _times(share: Any, x: Array) -> Array:
    """Share * x, with 0 * inf = 0."""
    return share * jnp.where((share == 0) & jnp.isinf(x), 0, x)


def _positive(x: Array) -> Array:
    """max(x, 0), with derivative 0 at 0, and NaN for NaN."""
    return jnp.where(x <= 0, 0, x)
