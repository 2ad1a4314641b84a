"""Sparsemax, 1.5-entmax and other Fenchel-Young losses: class probabilities that may be exactly 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.classification.simplex import fenchel_young_rows, roots
from jaxloss.numerics.elementary import in_one_loop, one_dispatch
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import class_rows

__all__ = ["binary_sparsemax", "entmax15", "entmax15_mapping", "fenchel_young", "multiclass_sparsemax", "sparsemax"]


def sparsemax(logits: Float[ArrayLike, "..."], *, axis: int = -1) -> Array:
    r"""Sparse probabilities: the point of the simplex that is closest to the logits. An activation, not a loss.

    .. math::  p = \operatorname{argmin}_{q \ge 0, \sum q = 1} \|q - z\|^2 = \max(z - \tau, 0), \qquad
               \mathrm{d}p_j = \mathrm{d}z_j - \operatorname{mean}_{i: p_i > 0} \mathrm{d}z_i \ \text{ where } p_j > 0

    A class whose logit is more than 1 below the largest has probability 0, and so has a logit of :math:`-\infty`.
    No sort: a few passes over the logits, ten times as fast on a CPU.

    Args:
      logits: real array.
      axis: the class axis.
    Returns: probabilities of the shape of the logits.
    Raises: TypeError for integer logits, ValueError for an axis that is not there.
    Example:
      >>> sparsemax(jnp.array([1.0, 0.5, -1.0]))
      Array([0.75, 0.25, 0.  ], dtype=float32)
    References: Martins and Astudillo (2016), From softmax to sparsemax, arXiv:1602.02068.
    """
    (logits,) = checks.floating("sparsemax", logits=logits)
    return roots(logits, checks.row_axis("sparsemax", logits, axis), order=1)


def entmax15_mapping(logits: Float[ArrayLike, "..."], *, axis: int = -1) -> Array:
    r"""The 1.5-entmax probabilities, between softmax and sparsemax. An activation, not a loss.

    .. math::  p = \max(z / 2 - \tau, 0)^2, \qquad
               \mathrm{d}p_j = \sqrt{p_j} \Big(\mathrm{d}z_j - \frac{\sum_i \sqrt{p_i}\, \mathrm{d}z_i}
               {\sum_i \sqrt{p_i}}\Big), \qquad \textstyle\sum_j p_j = 1

    A class whose logit is more than 2 below the largest has probability 0, and so has a logit of :math:`-\infty`.

    Args:
      logits: real array.
      axis: the class axis.
    Returns: probabilities of the shape of the logits.
    Raises: TypeError for integer logits, ValueError for an axis that is not there.
    Example:
      >>> entmax15_mapping(jnp.array([1.0, 0.5, -1.0]))
      Array([0.67399263, 0.32600737, 0.        ], dtype=float32)
    References: Peters, Niculae and Martins (2019), Sparse sequence-to-sequence models, arXiv:1905.05702.
    """
    (logits,) = checks.floating("entmax15_mapping", logits=logits)
    return roots(logits, checks.row_axis("entmax15_mapping", logits, axis), order=2) ** 2


def multiclass_sparsemax(
    logits: Float[ArrayLike, "..."],
    labels: Real[ArrayLike, "..."],
    *,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Sparsemax loss: 0 as soon as the true class leads by 1, with the gradient p - y for p = `sparsemax`.

    .. math::  \ell(z, y) = \max_{p} \big(z \cdot p - \tfrac12 \|p\|^2\big) + \tfrac12 \|y\|^2 - z \cdot y
               = \tfrac12 \|p - y\|^2 + \sum_j y_j \max(\tau - z_j, 0), \qquad
               \frac{\partial \ell}{\partial z} = p - y

    with p = :math:`\max(z - \tau, 0)`. The last sum is what true classes below the threshold are missing.

    Args:
      logits: real array with a class axis; a logit of :math:`-\infty` is an impossible class.
      labels: integer class ids, of the shape of the logits without the class axis, or distributions over the classes,
        of the shape of the logits.
      axis: the class axis.
      ignore_index: a class id whose rows are masked.
      where, weights, reduction: one value per row; see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``.
    Raises: ValueError for shapes that do not fit, TypeError for integer logits.
    Example:
      >>> multiclass_sparsemax(jnp.array([[1.0, 0.5, -1.0]]), jnp.array([0]))
      Array(0.0625, dtype=float32)
    References: Martins and Astudillo (2016), From softmax to sparsemax, arXiv:1602.02068.
    """
    name = "multiclass_sparsemax"
    rows = class_rows(name, logits, labels, axis=axis, where=where, ignore_index=ignore_index)
    one_hot = checks.labels_are_integers(labels)
    values = fenchel_young_rows(rows.scores, rows.labels, rows.axis, order=1, one_hot=one_hot) * rows.valid
    return reduce.apply(name, values, where=rows.where, weights=weights, reduction=reduction)


def entmax15(
    logits: Float[ArrayLike, "..."],
    labels: Real[ArrayLike, "..."],
    *,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""1.5-entmax loss, between cross-entropy and the sparsemax loss: 0 when the true class leads by 2.

    .. math::  \ell(z, y) = \max_{p} \big(z \cdot p - \Omega(p)\big) + \Omega(y) - z \cdot y, \qquad
               \Omega(p) = \tfrac43 \sum_j (p_j^{3/2} - p_j), \qquad \frac{\partial \ell}{\partial z} = p - y

    with p = `entmax15_mapping`. Computed as :math:`\sum_j \frac23 (r_j - t_j)^2 (r_j + 2 t_j) + 2 y_j
    \max(\tau - z_j / 2, 0)` with the roots r of p and t of y, in which nothing cancels.

    Args:
      logits: real array with a class axis; a logit of :math:`-\infty` is an impossible class.
      labels: integer class ids, of the shape of the logits without the class axis, or distributions over the classes,
        of the shape of the logits.
      axis: the class axis.
      ignore_index: a class id whose rows are masked.
      where, weights, reduction: one value per row; see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``.
    Raises: ValueError for shapes that do not fit, TypeError for integer logits.
    Example:
      >>> entmax15(jnp.array([[1.0, 0.5, -1.0]]), jnp.array([0]))
      Array(0.18437138, dtype=float32)
    References: Peters, Niculae and Martins (2019), Sparse sequence-to-sequence models, arXiv:1905.05702.
    """
    rows = class_rows("entmax15", logits, labels, axis=axis, where=where, ignore_index=ignore_index)
    one_hot = checks.labels_are_integers(labels)
    values = fenchel_young_rows(rows.scores, rows.labels, rows.axis, order=2, one_hot=one_hot) * rows.valid
    return reduce.apply("entmax15", values, where=rows.where, weights=weights, reduction=reduction)


def binary_sparsemax(
    logits: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "*shape"] | Bool[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Sparsemax loss of two classes with the logits z and 0, elementwise; optax calls it ``sparsemax_loss``.

    .. math::  \ell(z, y) = (p - y)^2 + (1 - y) \max(z - 1, 0) + y \max(-z - 1, 0), \qquad
               \ell'(z) = p - y, \qquad p = \min(\max((z + 1) / 2, 0), 1)

    Args:
      logits: real array of any shape.
      labels: array of exactly that shape, 0 or 1 or a probability in between.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``.
    Raises: ValueError for unequal shapes, TypeError for integer logits.
    Example:
      >>> binary_sparsemax(jnp.array([-2.0, 0.0, 3.0]), jnp.array([0, 1, 0]), reduction="none")
      Array([0.  , 0.25, 3.  ], dtype=float32)
    References: Blondel, Martins and Niculae (2020), Learning with Fenchel-Young losses, arXiv:1901.02324.
    """
    logits, labels = checks.real_pair("binary_sparsemax", logits, labels, arguments=("logits", "labels"))
    logits, labels = reduce.keep("binary_sparsemax", where, logits, labels)
    values = _binary_sparsemax(logits, labels)
    return reduce.apply("binary_sparsemax", values, where=where, weights=weights, reduction=reduction)


def _within_one(x: Array) -> Array:
    return jnp.where(x > 1, 1, jnp.where(x < -1, -1, x))


def _beyond_one(x: Array) -> Array:
    return jnp.where(x > 1, x - 1, 0)


@jax.custom_jvp
def _binary_sparsemax(x: Array, y: Array) -> Array:
    missing = (1 - y) * _beyond_one(x) + y * _beyond_one(-x)
    return in_one_loop(((_within_one(x) - (2 * y - 1)) / 2) ** 2 + missing)


# In x: p - y, with 2 p - 1 = x within [-1, 1], for the terms that are missing grow as fast as the square stops growing.
# Made of -x, which XLA:CPU does not share with the value: it would store what they share and read it back.
# In y: 2 (y - p) from the square, and from what is missing max(-x - 1, 0) - max(x - 1, 0): together 2 y - 1 - x.
def _binary_sparsemax_jvp(primals: tuple[Array, Array], tangents: tuple[Any, Any]) -> tuple[Array, Array]:
    (x, y), (dx, dy) = primals, tangents
    change = jnp.zeros_like(x)
    if not isinstance(dx, SymbolicZero):
        change -= (_within_one(-x) + (2 * y - 1)) / 2 * dx
    if not isinstance(dy, SymbolicZero):
        change += (2 * y - 1 - x) * dy
    return _binary_sparsemax(x, y), change


_binary_sparsemax.defjvp(_binary_sparsemax_jvp, symbolic_zeros=True)
_binary_sparsemax = one_dispatch(_binary_sparsemax)


def fenchel_young(max_fun: Callable[[Array], ArrayLike]) -> Callable[..., Any]:
    r"""Make the Fenchel-Young loss of a max function, such as ``jax.nn.logsumexp`` or ``jnp.max``.

    .. math::  \ell(s, t) = \max_p \big(s \cdot p - \Omega(p)\big) - s \cdot t, \qquad
               \frac{\partial \ell}{\partial s} = p - t

    for the max function :math:`s \mapsto \max_p (s \cdot p - \Omega(p))`, whose gradient is the prediction p. The
    constant :math:`\Omega(t)`, which has no gradient in s, is left out. The loss takes ``(scores, targets, *, axis=-1,
    where=None, weights=None, reduction="mean")``: scores and targets of one shape, one value per row of the axis.

    Args:
      max_fun: convex function of a vector of scores, jax-traceable.
    Returns: the loss.
    Example:
      >>> loss = fenchel_young(jnp.max)
      >>> loss(jnp.array([[1.0, 3.0]]), jnp.array([[1.0, 0.0]]))
      Array(2., dtype=float32)
    References: Blondel, Martins and Niculae (2020), Learning with Fenchel-Young losses, arXiv:1901.02324.
    """
    name = "fenchel_young_loss"

    def fenchel_young_loss(
        scores: Float[ArrayLike, "*shape"],
        targets: Real[ArrayLike, "*shape"],
        *,
        axis: int = -1,
        where: Bool[ArrayLike, "..."] | None = None,
        weights: Real[ArrayLike, "..."] | None = None,
        reduction: Reduction = "mean",
    ) -> Array:
        scores, targets = checks.real_pair(name, scores, targets, arguments=("scores", "targets"))
        axis = checks.row_axis(name, scores, axis, "scores")
        scores, targets = reduce.keep(name, where, scores, targets, axis=axis)
        best = jnp.vectorize(max_fun, signature="(n)->()")(jnp.moveaxis(scores, axis, -1))
        impossible = (targets == 0) & (scores == -jnp.inf)  # costs 0, not 0 * inf
        values = best - jnp.sum(targets * jnp.where(impossible, 0, scores), axis)
        return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)

    return fenchel_young_loss
