"""Cross-entropies that tolerate wrong labels: bounded, or with the labels' and the model's roles exchanged."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.reduce import Reduction
from jaxloss.rows.softmax import labelled_rows, miss, surprises

__all__ = ["generalized_cross_entropy", "symmetric_cross_entropy"]


def generalized_cross_entropy(
    logits: Float[ArrayLike, "*rows_and_classes"],
    labels: Real[ArrayLike, "..."],
    *,
    q: float | Real[ArrayLike, ""] = 0.7,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Between the cross-entropy, which learns fast, and the absolute error, which tolerates wrong labels, per row.

    .. math::  \ell = \sum_c y_c \, \frac{1 - p_c^q}{q}, \qquad p = \mathrm{softmax}(z), \qquad
               \frac{\partial \ell}{\partial z_c} = p_c \sum_k y_k \, p_k^q - y_c \, p_c^q

    The limit :math:`q \to 0` is the cross-entropy; :math:`q = 1` is :math:`1 - p_y`, half the absolute error. The
    gradient is that of the cross-entropy times :math:`p_y^q`: a label that the model finds impossible is not followed.
    At most 1/q, also for an impossible class.

    Args:
      logits: real array with the classes on ``axis``, in nats; -inf is an impossible class.
      labels: integer array of the shape of the logits without that axis, NaN where outside [0, classes), or a
        distribution over the classes of exactly the shape of the logits.
      q: exponent of the probability, in [0, 1]; a number, or a positive scalar array, which may be learned.
      axis: the class axis.
      ignore_index: label of rows that do not exist, such as -100 for padding.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``.
    Raises: ValueError for shapes that do not fit or a parameter out of its range, TypeError for integer logits.
    Example:
      >>> logits = jnp.array([[3.0, 0.0, 0.0], [0.0, 30.0, 0.0]])
      >>> generalized_cross_entropy(logits, jnp.array([0, 0]), reduction="none")
      Array([0.09183803, 1.4285715 ], dtype=float32)

    References: Zhang and Sabuncu (2018), Generalized cross entropy loss for training deep neural networks with noisy
      labels, arXiv:1805.07836.
    """
    name = "generalized_cross_entropy"
    rows = labelled_rows(name, logits, labels, axis=axis, where=where, ignore_index=ignore_index)
    q = checks.parameter(name, "q", q, jax.ShapeDtypeStruct((), rows.scores.dtype), minimum=0, maximum=1)
    if not isinstance(q, Array) and q == 0:
        values = rows.expected(lambda nll: nll)
    else:  # Beyond 1e30 nothing changes, and the derivative with respect to q is not inf * 0.
        values = rows.expected(lambda nll: miss(q * jnp.minimum(nll, 1e30)) / q)
    return reduce.apply(name, values, where=rows.where, weights=weights, reduction=reduction)


def symmetric_cross_entropy(
    logits: Float[ArrayLike, "*rows_and_classes"],
    labels: Real[ArrayLike, "..."],
    *,
    alpha: float | Real[ArrayLike, ""] = 0.1,
    beta: float | Real[ArrayLike, ""] = 1.0,
    log_zero: float | Real[ArrayLike, ""] = -4.0,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy of the labels, and reverse cross-entropy with the label taken for the prediction, per row.

    .. math::  \ell = -\alpha \sum_c y_c \log p_c - \beta \sum_c p_c \max(\log y_c, A), \qquad
               p = \mathrm{softmax}(z), \\
               \frac{\partial \ell}{\partial z_c} = \alpha \Big(p_c \sum_k y_k - y_c\Big)
               + \beta \, p_c \Big(r_c - \sum_k p_k r_k\Big), \qquad r_c = -\max(\log y_c, A)

    For class ids the second term is :math:`-\beta A \, (1 - p_y)`, which is bounded and tolerates wrong labels; the
    first makes it learn.

    Args:
      logits: real array with the classes on ``axis``, in nats; -inf is an impossible class.
      labels: integer array of the shape of the logits without that axis, NaN where outside [0, classes), or a
        distribution over the classes of exactly the shape of the logits.
      alpha: factor of the cross-entropy, at least 0.
      beta: factor of the reverse cross-entropy, at least 0.
      log_zero: A, what log 0 and everything below counts as; negative. All three may be scalar arrays, and learned.
      axis: the class axis.
      ignore_index: label of rows that do not exist, such as -100 for padding.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a parameter out of its range, TypeError for integer logits.
    Example:
      >>> logits = jnp.array([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0]])
      >>> symmetric_cross_entropy(logits, jnp.array([0, 0]), reduction="none")
      Array([0.37172025, 4.1283784 ], dtype=float32)

    References: Wang et al. (2019), Symmetric cross entropy for robust learning with noisy labels, arXiv:1908.06112.
    """
    name = "symmetric_cross_entropy"
    rows = labelled_rows(name, logits, labels, axis=axis, where=where, ignore_index=ignore_index)
    number = jax.ShapeDtypeStruct((), rows.scores.dtype)
    forward: Any = checks.parameter(name, "alpha", alpha, number, minimum=0)
    backward: Any = checks.parameter(name, "beta", beta, number, minimum=0)
    floor: Any = checks.parameter(name, "log_zero", log_zero, number, below=0)
    if checks.labels_are_integers(rows.labels):
        values = rows.expected(lambda nll: forward * nll - backward * floor * miss(nll))
    else:
        reverse = -jnp.log(jnp.maximum(rows.labels, jnp.exp(jnp.asarray(floor, rows.scores.dtype))))
        values = forward * rows.expected(lambda nll: nll) + backward * _average(rows.scores, reverse, rows.axis)
    return reduce.apply(name, values, where=rows.where, weights=weights, reduction=reduction)


# The dp sum to 0, so that any number may be subtracted from the costs: with the largest, equal costs leave nothing.
@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _average(scores: Array, costs: Array, axis: int) -> Array:
    """Return sum_c p_c costs_c."""
    return jnp.sum(surprises(scores, axis).probabilities * costs, axis)


def _average_jvp(axis, primals, tangents):
    (scores, costs), (change, drift) = primals, tangents
    value = _average(scores, costs, axis)
    slope = jnp.zeros_like(value)
    if not isinstance(change, SymbolicZero):
        _, dp = jax.jvp(lambda scores: surprises(scores, axis).probabilities, (scores,), (change,))
        slope += jnp.sum((costs - jnp.max(costs, axis, keepdims=True)) * dp, axis)
    if not isinstance(drift, SymbolicZero):
        slope += jnp.sum(surprises(scores, axis).probabilities * drift, axis)
    return value, slope


_average.defjvp(_average_jvp, symbolic_zeros=True)
