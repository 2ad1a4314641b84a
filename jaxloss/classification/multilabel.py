"""Losses of rows in which any number of classes may be true."""

from __future__ import annotations

import numbers
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.classification.pairs import hinge_pairs
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import class_rows
from jaxloss.rows.yes_no import cross_entropy, discount, log1m, probabilities

__all__ = ["asymmetric", "dual_focal", "multilabel_margin", "multilabel_soft_margin"]


def asymmetric(
    logits: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "*shape"] | Bool[ArrayLike, "*shape"],
    *,
    gamma_pos: Real[ArrayLike, "..."] = 0.0,
    gamma_neg: Real[ArrayLike, "..."] = 4.0,
    clip: Real[ArrayLike, "..."] = 0.05,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Focal loss that discounts easy negative classes more than easy positive ones, and forgets the easiest.

    .. math::  \ell(x, y) = -y \, q^{\gamma_+} \log p - (1 - y) \, p_m^{\gamma_-} \log(1 - p_m), \qquad
               p_m = \max(p - m, 0), \quad p = \sigma(x), \quad q = \sigma(-x)

    .. math::  \frac{\partial \ell}{\partial x} = y \, q^{\gamma_+} (\gamma_+ p \log p - q) +
               (1 - y) \, p q \left(\frac{p_m^{\gamma_-}}{1 - p_m} - \gamma_- p_m^{\gamma_- - 1} \log(1 - p_m)\right)

    There is one value for each class of each row; the paper adds up the classes. Negatives less probable than the clip
    :math:`m` cost nothing and have the slope 0. With a clip of 0 and equal gammas this is `sigmoid_focal` for labels 0
    and 1.

    Args:
      logits: real array of any shape, log-odds.
      labels: array of exactly that shape, in [0, 1]; real, integer or boolean.
      gamma_pos, gamma_neg: how strongly what is right is discounted, at least 0; numbers or arrays, which may be
        learned.
      clip: probability of a negative class below which it is forgotten, in [0, 1); a number, or an array of positive
        ones.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or a parameter out of its range, TypeError for integer logits.
    Example:
      >>> asymmetric(jnp.array([2.0, 1.0, -4.0]), jnp.array([1, 0, 0]), reduction="none")
      Array([0.126..., 0.2458..., 0. ...], dtype=float32)
    References: Ridnik et al. (2021), Asymmetric loss for multi-label classification, arXiv:2009.14119.
    """
    logits, labels = checks.real_pair("asymmetric", logits, labels, arguments=("logits", "labels"))
    logits, labels = reduce.keep("asymmetric", where, logits, labels)
    logits = _finite(logits)
    clip = checks.parameter("asymmetric", "clip", clip, logits, minimum=0, below=1)
    yes, no = probabilities(logits)
    chance, entropy = _clipped(logits, yes, no, clip)
    positive = discount("asymmetric", "gamma_pos", gamma_pos, no, cross_entropy(logits, jnp.ones_like(logits)))
    negative = discount("asymmetric", "gamma_neg", gamma_neg, chance, entropy)
    values = labels * positive + (1 - labels) * negative
    return reduce.apply("asymmetric", values, where=where, weights=weights, reduction=reduction)


def multilabel_soft_margin(
    logits: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "*shape"] | Bool[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    class_weights: Real[ArrayLike, " classes"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Binary cross-entropy averaged over the classes of a row.

    .. math::  \ell(x, y) = -\frac{1}{C} \sum_c v_c \left(y_c \log \sigma(x_c) + (1 - y_c) \log \sigma(-x_c)\right),
               \qquad \frac{\partial \ell}{\partial x_c} = \frac{v_c}{C} (\sigma(x_c) - y_c)

    Args:
      logits: real array, log-odds of each class along ``axis``.
      labels: array of exactly that shape, 1 for each class that is true, 0 for the others; real, integer or boolean.
      axis: the axis of the classes.
      class_weights: one number :math:`v_c` a class; the sum is still divided by the number of classes.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or an axis that is not there, TypeError for integer logits.
    Example:
      >>> multilabel_soft_margin(jnp.array([[2.0, -1.0, 0.5]]), jnp.array([[1, 0, 1]]))
      Array(0.3047..., dtype=float32)
    References: Zhang and Zhou (2006), Multilabel neural networks, doi:10.1109/TKDE.2006.162.
    """
    name = "multilabel_soft_margin"
    logits, labels, axis = _rows(name, "logits", logits, labels, axis, where)
    values = cross_entropy(logits, labels)
    if class_weights is not None:
        values = values * _along(name, class_weights, values, axis)
    return reduce.apply(name, jnp.mean(values, axis=axis), where=where, weights=weights, reduction=reduction)


def multilabel_margin(
    scores: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "*shape"] | Bool[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Hinge of every pair of a true and a false class of a row: each true one should score 1 more than each false one.

    .. math::  \ell(x, y) = \frac{1}{C} \sum_{j \ne i} y_j (1 - y_i) \max(0, 1 - x_j + x_i), \qquad
               \frac{\partial \ell}{\partial x_j} = \frac{1}{C} \sum_{i \ne j} \left(y_i (1 - y_j) \,
               [x_i < 1 + x_j] - y_j (1 - y_i) \, [x_j < 1 + x_i]\right)

    The slope of a pair that is apart by exactly 1 is 0. Time and memory grow with the number of classes times its
    logarithm, not with the number of pairs.

    Args:
      scores: real array, the score of each class along ``axis``.
      labels: array of exactly that shape, 1 for each class that is true, 0 for the others; real, integer or boolean.
      axis: the axis of the classes.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in units of the score.
    Raises: ValueError for unequal shapes or an axis that is not there, TypeError for integer scores.
    Example:
      >>> multilabel_margin(jnp.array([[0.0, 0.25, 0.5, 1.0]]), jnp.array([[1, 0, 0, 1]]))
      Array(0.875, dtype=float32)
    References: Schapire and Singer (2000), BoosTexter, doi:10.1023/A:1007649029923; Crammer and Singer (2003), A family
      of additive online algorithms for category ranking, JMLR 3.
    """
    name = "multilabel_margin"
    scores, labels, axis = _rows(name, "scores", scores, labels, axis, where)
    scores, labels = jnp.moveaxis(scores, axis, -1), jnp.moveaxis(labels, axis, -1)
    values = hinge_pairs(_finite(scores), labels, 1 - labels) / scores.shape[-1]
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def dual_focal(
    logits: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "..."],
    *,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Loss of the true and of the false classes alike, the more the further a probability is from its label.

    .. math::  \ell(x, y) = -\sum_c \log\left(1 - (p_c - y_c)^2\right), \qquad p = \mathrm{softmax}(x), \qquad
               \frac{\partial \ell}{\partial x_c} = p_c \left(g_c - \sum_k p_k g_k\right), \quad
               g_c = \frac{2 (p_c - y_c)}{1 - (p_c - y_c)^2}

    Finite for any finite logits: the logarithm of :math:`1 - d^2` comes from those of the probabilities where d nears
    1, so no constant is added inside it.

    Args:
      logits: real array, one row of classes along ``axis``.
      labels: class ids, an integer array of the shape of the logits without ``axis``; or real distributions of exactly
        the shape of the logits.
      axis: the axis of the classes.
      ignore_index: a class id whose rows count for nothing.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit, TypeError for integer logits.
    Example:
      >>> dual_focal(jnp.array([[2.0, 0.0, -1.0], [0.0, 9.0, 0.0]]), jnp.array([0, 0]), reduction="none")
      Array([ 0.0395..., 15.92...], dtype=float32)
    References: Hossain, Paplinski and Betts (2019), Adaptive class weight based dual focal loss for improved semantic
      segmentation, arXiv:1909.11932.
    """
    rows = class_rows("dual_focal", logits, labels, axis=axis, where=where, ignore_index=ignore_index)
    values = -jnp.sum(_log_one_minus_square(_finite(rows.scores), rows.labels, rows.axis), axis=rows.axis) * rows.valid
    return reduce.apply("dual_focal", values, where=rows.where, weights=weights, reduction=reduction)


def _rows(
    name: str, argument: str, scores: ArrayLike, labels: ArrayLike, axis: int, where: ArrayLike | None
) -> tuple[Array, Array, int]:
    scores, labels = checks.real_pair(name, scores, labels, arguments=(argument, "labels"))
    axis = checks.row_axis(name, scores, axis, argument)
    return *reduce.keep(name, where, scores, labels, axis=axis), axis


def _along(name: str, class_weights: ArrayLike, like: Array, axis: int) -> Array:
    (class_weights,) = checks.real(name, like.dtype, class_weights=class_weights)
    if class_weights.shape != (like.shape[axis],):
        raise ValueError(f"{name}: class_weights must have shape {(like.shape[axis],)}, got {class_weights.shape}")
    return jnp.expand_dims(class_weights, tuple(i for i in range(-like.ndim, 0) if i != axis))


def _finite(logits: Array) -> Array:
    """Return logits without infinities, which a label of 0 would turn into NaN."""
    limit = 0.25 * jnp.finfo(logits.dtype).max
    return jnp.clip(logits, -limit, limit)


def _clipped(logits: Array, yes: Array, no: Array, clip: ArrayLike) -> tuple[Array, Array]:
    """Return max(p - clip, 0) and -log(1 - max(p - clip, 0))."""
    if isinstance(clip, numbers.Real) and clip == 0:
        return yes, cross_entropy(logits, jnp.zeros_like(logits))
    counts = yes > clip
    chance, left = jnp.where(counts, yes - clip, 0), jnp.where(counts, no + clip, 1)
    return chance, -_log_left(chance, left)


@jax.custom_jvp
def _log_left(chance: Array, left: Array) -> Array:
    """Return log(1 - chance); left is 1 - chance without its rounding."""
    return jnp.where(chance < 0.4, log1m(chance), jnp.log(left))


@_log_left.defjvp
def _log_left_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    return _log_left(*primals), -tangents[0] / primals[1]


def _log_one_minus_square(x: Array, y: Array, axis: int) -> Array:
    """Return log(1 - d^2), d = softmax(x) - y."""
    # With k the largest logit, 1 - p_k is a sum over the others; so neither p nor q = 1 - p loses digits.
    largest = lax.stop_gradient(jnp.max(x, axis=axis, keepdims=True))
    top = jnp.expand_dims(lax.argmax(x, x.ndim + axis, jnp.int32), axis)
    is_top = lax.broadcasted_iota(jnp.int32, x.shape, x.ndim + axis) == top
    e = jnp.exp(x - largest)
    others = jnp.sum(jnp.where(is_top, 0, e), axis=axis, keepdims=True)
    total = jnp.sum(e, axis=axis, keepdims=True)
    p = e / total
    q = jnp.where(is_top, others / total, 1 - p)
    d = jnp.where(is_top | (y == 1), (1 - y) - q, p - y)
    # Far from the label, log(1 - d^2) = log(1 + |d|) + log(1 - |d|), where 1 - |d| is (1 - p) + y or p + (1 - y). Where
    # that underflows, as it may for a hard label, the logarithm of the probability is there without the probability.
    far, over = jnp.abs(d) >= 0.5, d > 0
    rest = jnp.where(over, q + y, p + (1 - y))
    lost = far & (rest < 2 * jnp.finfo(x.dtype).tiny ** 0.5)
    without_top = numerics.logsumexp(jnp.where(is_top, -jnp.inf, x), axis=axis, keepdims=True)
    log_lost = jnp.where(over, without_top, x) - numerics.logsumexp(x, axis=axis, keepdims=True)
    log_rest = jnp.where(lost, log_lost, jnp.log(jnp.where(far & ~lost, rest, 1)))
    near = jnp.where(far, 0, d)
    return jnp.where(far, jnp.log1p(jnp.abs(d)) + log_rest, jnp.log1p(-near * near))
