"""Cross-entropy of predictions that are probabilities already, as a softmax layer gives them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, reduce
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import pick, picked, row_like

__all__ = ["categorical_cross_entropy", "categorical_cross_entropy_with_integer_labels"]


def categorical_cross_entropy(
    probabilities: Float[ArrayLike, "*rows_and_classes"],
    labels: Float[ArrayLike, "*rows_and_classes"],
    *,
    eps: float | Real[ArrayLike, "..."] = 1e-7,
    axis: int = -1,
    normalize: bool = False,
    label_smoothing: float | Real[ArrayLike, "..."] = 0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy of label distributions and predicted probabilities, per row.

    .. math::  \ell(p, y) = -\sum_c y'_c \log \hat p_c, \qquad
               \frac{\partial \ell}{\partial p_c} = -\frac{y'_c}{\hat p_c}, \qquad
               \hat p_c = \max(p_c, \epsilon), \quad y' = (1 - s) \, y + s / C

    With ``normalize`` the p are divided by their sum S first, so that
    :math:`\partial \ell / \partial p_c = (\sum_k y'_k - y'_c S / \hat p_c) / S`.

    No term exceeds :math:`-\log \epsilon` (16.1 for the default), and the gradient is the formula above also where the
    probability is clipped: a prediction of 0 for the true class has the slope :math:`-1/\epsilon`, so it still learns,
    and one of 1 costs exactly 0. Where logits are at hand, `softmax_cross_entropy` needs no clipping at all.

    Args:
      probabilities: real array with the classes on ``axis``, of numbers in [0, 1]; 16-bit ones are computed in float32.
      labels: array of exactly that shape, weights of the classes that usually sum to 1.
      eps: probability below which the logarithm stays what it is, in (0, 1).
      axis: the class axis.
      normalize: whether to divide each row by its sum, as Keras does.
      label_smoothing: s, share of the label that is spread evenly over all classes, in [0, 1].
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or a parameter out of its range, TypeError for integer probabilities or
      labels.
    Example:
      >>> p = jnp.array([[0.05, 0.95, 0.0], [0.1, 0.8, 0.1]])
      >>> categorical_cross_entropy(p, jnp.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), reduction="none")
      Array([0.05129331, 2.3025851 ], dtype=float32)

    References: Good (1952), Rational decisions, doi:10.1111/j.2517-6161.1952.tb00104.x.
    """
    name = "categorical_cross_entropy"
    p, labels, axis = checks.dense_rows(name, probabilities, labels, axis, arguments=("probabilities", "labels"))
    p, labels = reduce.keep(name, where, p, labels, axis=axis, fill=1)
    eps = checks.parameter(name, "eps", eps, row_like(p, axis), above=0, below=1)
    surprises = _surprises(p, eps, axis, normalize=normalize)
    values = jnp.sum(labels * surprises, axis)
    smoothing = checks.parameter(name, "label_smoothing", label_smoothing, values, minimum=0, maximum=1)
    if isinstance(smoothing, Array) or smoothing:
        values = (1 - smoothing) * values + smoothing * jnp.mean(surprises, axis)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def categorical_cross_entropy_with_integer_labels(
    probabilities: Float[ArrayLike, "*rows_and_classes"],
    labels: Int[ArrayLike, "*rows"],
    *,
    eps: float | Real[ArrayLike, "..."] = 1e-7,
    axis: int = -1,
    normalize: bool = False,
    label_smoothing: float | Real[ArrayLike, "..."] = 0,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy of class ids and predicted probabilities, per row; "sparse categorical" elsewhere.

    .. math::  \ell(p, y) = -(1 - s) \log \hat p_y - \frac{s}{C} \sum_c \log \hat p_c, \qquad
               \frac{\partial \ell}{\partial p_c} = -\frac{(1 - s) [c = y] + s / C}{\hat p_c}, \qquad
               \hat p_c = \max(p_c, \epsilon)

    This is `categorical_cross_entropy` of the one-hot labels, whose remarks hold. With ``normalize`` the p are divided
    by their sum S first, which adds 1/S to every slope.

    Args:
      probabilities: real array with the classes on ``axis``, of numbers in [0, 1]; 16-bit ones are computed in float32.
      labels: integer array of the shape of the probabilities without that axis. Value and gradient are NaN in rows
        whose label is outside [0, classes) and neither masked nor ``ignore_index``.
      eps: probability below which the logarithm stays what it is, in (0, 1).
      axis: the class axis.
      normalize: whether to divide each row by its sum.
      label_smoothing: s, share of the label that is spread evenly over all classes, in [0, 1].
      ignore_index: label of rows that do not exist, such as -100 for padding.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a parameter out of its range, TypeError for integer probabilities
      or real labels.
    Example:
      >>> p = jnp.array([[0.05, 0.95, 0.0], [0.1, 0.8, 0.1]])
      >>> categorical_cross_entropy_with_integer_labels(p, jnp.array([1, 2]))
      Array(1.1769392, dtype=float32)

    References: Good (1952), Rational decisions, doi:10.1111/j.2517-6161.1952.tb00104.x.
    """
    name = "categorical_cross_entropy_with_integer_labels"
    p, labels, axis = checks.integer_rows(name, probabilities, labels, axis, arguments=("probabilities", "labels"))
    where = reduce.except_label(where, labels, ignore_index)
    p, labels = reduce.keep(name, where, p, axis=axis, fill=1), reduce.keep(name, where, labels)
    eps = checks.parameter(name, "eps", eps, row_like(p, axis), above=0, below=1)
    own = jnp.expand_dims(pick(p, labels, axis), axis)
    if normalize:
        rest = jnp.sum(jnp.where(picked(labels, p.shape, axis), 0, p), axis, keepdims=True)
        values = jnp.squeeze(_surprise_of_share(own, rest, eps), axis)
    else:
        values = jnp.squeeze(_surprise(own, eps), axis)
    smoothing = checks.parameter(name, "label_smoothing", label_smoothing, values, minimum=0, maximum=1)
    if isinstance(smoothing, Array) or smoothing:
        mean = jnp.mean(_surprises(p, eps, axis, normalize=normalize), axis)
        values = (1 - smoothing) * values + smoothing * mean
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def _surprises(p: Array, eps: Any, axis: int, *, normalize: bool) -> Array:
    """-log of every probability, clipped."""
    if not normalize:
        return _surprise(p, eps)
    total = jnp.sum(p, axis, keepdims=True)
    likely = p > 0.5 * total  # 1 - p / total would lose digits
    others = jnp.sum(jnp.where(likely, 0, p), axis, keepdims=True)
    return _surprise_of_share(p, jnp.where(likely, others, total - p), eps)


# The slopes take the clipped probability for what it is and not for a constant, so that they are not 0 where the model
# is most wrong.
@jax.custom_jvp
def _surprise(p: Array, eps: Any) -> Array:
    """-log max(p, eps)."""
    return -jnp.log(jnp.maximum(p, eps))


@_surprise.defjvp
def _(primals, tangents):
    p, eps = primals
    return _surprise(p, eps), -tangents[0] / jnp.maximum(p, eps)


# With q = p / (p + rest): dq = ((1 - q) dp - q drest) / (p + rest), and d(-log q) = -dq / q.
@jax.custom_jvp
def _surprise_of_share(p: Array, rest: Array, eps: Array | float) -> Array:
    """-log max(q, eps) of the share q = p / (p + rest)."""
    q = jnp.maximum(p / _nonzero(p + rest), eps)
    return jnp.where(rest < p, jnp.log1p(rest / _nonzero(p)), -jnp.log(q))


@_surprise_of_share.defjvp
def _(primals, tangents):
    (p, rest, eps), (dp, drest, _) = primals, tangents
    total = _nonzero(p + rest)
    change = (rest / total * dp - p / total * drest) / total
    return _surprise_of_share(p, rest, eps), -change / jnp.maximum(p / total, eps)


def _nonzero(x: Array) -> Array:
    return jnp.where(x == 0, 1, x)
