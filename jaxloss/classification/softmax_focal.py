"""Cross-entropies in which rows count by how likely the model finds their label: focal and polynomial loss."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import class_table
from jaxloss.rows.softmax import labelled_rows, miss

__all__ = ["poly_cross_entropy", "softmax_focal"]


def softmax_focal(
    logits: Float[ArrayLike, "*rows_and_classes"],
    labels: Real[ArrayLike, "..."],
    *,
    gamma: float | Real[ArrayLike, ""] = 2.0,
    class_alpha: Real[ArrayLike, "classes"] | None = None,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Softmax cross-entropy times a power of the probability that the label does not have, per row.

    .. math::  \ell = -\sum_c \alpha_c \, y_c \, (1 - p_c)^\gamma \log p_c, \qquad p = \mathrm{softmax}(z), \\
               \frac{\partial \ell}{\partial z_c} = p_c \sum_k v_k - v_c, \qquad
               v_c = \alpha_c \, y_c \, (1 - p_c)^\gamma \left(1 - \gamma \, \frac{p_c \log p_c}{1 - p_c}\right)

    What is already right hardly counts: at :math:`p_y = 0.9` and :math:`\gamma = 2` a hundredth of the cross-entropy,
    which :math:`\gamma = 0` is.

    Args:
      logits: real array with the classes on ``axis``, in nats; -inf is an impossible class.
      labels: integer array of the shape of the logits without that axis, NaN where outside [0, classes), or a
        distribution over the classes of exactly the shape of the logits.
      gamma: how strongly what is right is discounted, at least 0; a number, or a scalar array, which may be learned.
      class_alpha: one factor per class, None for 1. It scales the loss, so that the mean does not divide by it.
      axis: the class axis.
      ignore_index: label of rows that do not exist, such as -100 for padding.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a parameter out of its range, TypeError for integer logits.
    Example:
      >>> softmax_focal(jnp.array([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0]]), jnp.array([0, 0]), reduction="none")
      Array([7.7842217e-04, 2.8210013e+00], dtype=float32)

    References: Lin et al. (2017), Focal loss for dense object detection, arXiv:1708.02002.
    """
    name = "softmax_focal"
    rows = labelled_rows(name, logits, labels, axis=axis, where=where, ignore_index=ignore_index)
    gamma = checks.parameter(name, "gamma", gamma, jax.ShapeDtypeStruct((), rows.scores.dtype), minimum=0)
    alpha = None if class_alpha is None else class_table(name, "class_alpha", class_alpha, rows.scores, rows.axis)
    values = rows.expected(lambda nll: focus(nll, gamma), alpha)
    return reduce.apply(name, values, where=rows.where, weights=weights, reduction=reduction)


def poly_cross_entropy(
    logits: Float[ArrayLike, "*rows_and_classes"],
    labels: Real[ArrayLike, "..."],
    *,
    epsilon: float | Real[ArrayLike, ""] = 2.0,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Softmax cross-entropy plus a multiple of the probability that the label does not have (Poly-1), per row.

    .. math::  \ell = \sum_c y_c \left(-\log p_c + \epsilon \, (1 - p_c)\right), \qquad p = \mathrm{softmax}(z), \\
               \frac{\partial \ell}{\partial z_c} = p_c \sum_k v_k - v_c, \qquad v_c = y_c \, (1 + \epsilon \, p_c)

    The cross-entropy is the series :math:`\sum_j (1 - p_y)^j / j`; :math:`\epsilon` changes its first coefficient.

    Args:
      logits: real array with the classes on ``axis``, in nats; -inf is an impossible class.
      labels: integer array of the shape of the logits without that axis, NaN where outside [0, classes), or a
        distribution over the classes of exactly the shape of the logits.
      epsilon: what is added to the first coefficient; the paper takes 2 for ImageNet and -1 for detection. A number, or
        a scalar array, which may be learned.
      axis: the class axis.
      ignore_index: label of rows that do not exist, such as -100 for padding.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit, TypeError for integer logits.
    Example:
      >>> poly_cross_entropy(jnp.array([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0]]), jnp.array([0, 0]), reduction="none")
      Array([0.27603692, 5.004366  ], dtype=float32)

    References: Leng et al. (2022), PolyLoss: a polynomial expansion perspective of classification loss functions,
      arXiv:2204.12511.
    """
    name = "poly_cross_entropy"
    rows = labelled_rows(name, logits, labels, axis=axis, where=where, ignore_index=ignore_index)
    epsilon = checks.parameter(name, "epsilon", epsilon, jax.ShapeDtypeStruct((), rows.scores.dtype))
    values = rows.expected(lambda nll: nll + epsilon * miss(nll))
    return reduce.apply(name, values, where=rows.where, weights=weights, reduction=reduction)


@jax.custom_jvp
def focus(nll: Array, gamma: Array | float) -> Array:
    """Return m^gamma nll with m = 1 - e^-nll."""
    return numerics.power(miss(nll), gamma) * nll


# With b = nll e^-nll / m, which is 1 at nll = 0: d(m^gamma nll) = m^gamma (1 + gamma b) dnll. The product rule would
# give inf * 0 there for gamma < 1.
def _focus_jvp(primals, tangents):
    (nll, gamma), (change, dgamma) = primals, tangents
    m = miss(nll)
    slope = jnp.zeros_like(nll)
    if not isinstance(change, SymbolicZero):
        slope += numerics.power(m, gamma) * (1 + gamma * _balance(nll)) * change
    if not isinstance(dgamma, SymbolicZero):
        slope += jnp.where(m == 0, 0, numerics.xlogy(numerics.power(m, gamma), m) * nll) * dgamma
    return focus(nll, gamma), slope


focus.defjvp(_focus_jvp, symbolic_zeros=True)


def _balance(nll: Array) -> Array:
    """Return nll / (e^nll - 1)."""
    inside = (nll > 0) & (nll < 80)
    safe = jnp.where(inside, nll, 1)
    return jnp.where(inside, safe / jnp.expm1(safe), jnp.where(nll > 0, 0, 1))
