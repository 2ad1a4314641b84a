"""Softmax cross-entropy, of label distributions and of class ids."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, reduce
from jaxloss.classification.softmax_rows import row_weights, scaling_of, with_extras
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import along, class_table, of_label
from jaxloss.rows.softmax import of_distributions

__all__ = ["softmax_cross_entropy", "softmax_cross_entropy_with_integer_labels"]


def softmax_cross_entropy(
    logits: Float[ArrayLike, "*rows_and_classes"],
    labels: Float[ArrayLike, "*rows_and_classes"],
    *,
    axis: int = -1,
    label_smoothing: float | Real[ArrayLike, "..."] = 0,
    class_weights: Real[ArrayLike, "classes"] | None = None,
    z_loss: float | Real[ArrayLike, "..."] = 0,
    logit_cap: float | None = None,
    temperature: float | Real[ArrayLike, "..."] = 1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy of label distributions and the softmax of the logits, per row.

    .. math::  \ell = -\sum_c y'_c \log p_c + \zeta \, L^2, \qquad p_c = e^{z_c - L}, \qquad
               L = \log \sum_c e^{z_c}, \\
               \frac{\partial \ell}{\partial z_c} = p_c \Big(\sum_k y'_k + 2 \zeta L\Big) - y'_c, \qquad
               \frac{\partial \ell}{\partial y_c} = -(1 - s) \log p_c

    with :math:`z = a \tanh(x / a) / \tau` of the logits x, cap a and temperature :math:`\tau`, smoothed labels
    :math:`y' = (1 - s) \, y + s / C`, and the coefficient :math:`\zeta` of the z-loss.

    A logit of -inf is an impossible class: of probability 0, contributing nothing where its label is 0, and infinite
    loss where it is not (so with any smoothing), with the gradient :math:`p - y'` still. A row of -inf alone has
    infinite loss and the gradient :math:`-y'`.

    Args:
      logits: real array with the classes on ``axis``, in nats.
      labels: array of exactly that shape, weights of the classes that usually sum to 1; may be learned, such as the
        probabilities of a teacher. Integer class ids go to `softmax_cross_entropy_with_integer_labels`.
      axis: the class axis.
      label_smoothing: s, share of the label that is spread evenly over all classes, in [0, 1].
      class_weights: one weight per class. A row weighs :math:`\sum_c y_c w_c`, which multiplies its ``weights``.
      z_loss: coefficient :math:`\zeta` of the squared log-normalizer, at least 0; 1e-4 keeps the logits from drifting.
      logit_cap: positive bound a on the absolute logits, approached smoothly; None does not bound them.
      temperature: positive divisor :math:`\tau` of the logits, possibly capped; a number or an array, which may be
        learned, with as many axes as the logits and size 1 on the class axis.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or a parameter out of its range, TypeError for integer logits or labels.
    Example:
      >>> softmax_cross_entropy(jnp.array([[1.0, -3.0, 10.0]]), jnp.array([[0.1, 0.02, 0.88]]))
      Array(1.1601257, dtype=float32)

    References: Bridle (1990), Probabilistic interpretation of feedforward classification network outputs,
      doi:10.1007/978-3-642-76153-9_28; Szegedy et al. (2016), Rethinking the Inception architecture (smoothing),
      arXiv:1512.00567; Hinton et al. (2015), Distilling the knowledge in a neural network, arXiv:1503.02531; Chowdhery
      et al. (2022), PaLM (z-loss), arXiv:2204.02311; Gemma team (2024), Gemma 2 (capped logits), arXiv:2408.00118.
    """
    name = "softmax_cross_entropy"
    logits, labels, axis = checks.dense_rows(name, logits, labels, axis)
    scaling = scaling_of(name, where, logits, axis, temperature, logit_cap)
    mass = reduce.keep(name, where, jnp.sum(labels, axis, keepdims=True), axis=axis)
    logits, labels = reduce.keep(name, where, logits, labels, axis=axis)
    rows = of_distributions(scaling.scores(logits), labels, mass, axis)
    values = with_extras(name, rows, scaling, label_smoothing, z_loss)
    if class_weights is not None:
        table = along(class_table(name, "class_weights", class_weights, logits, axis), axis, logits.ndim)
        weights = row_weights(name, weights, jnp.sum(labels * table, axis))
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def softmax_cross_entropy_with_integer_labels(
    logits: Float[ArrayLike, "*rows_and_classes"],
    labels: Int[ArrayLike, "*rows"],
    *,
    axis: int = -1,
    label_smoothing: float | Real[ArrayLike, "..."] = 0,
    class_weights: Real[ArrayLike, "classes"] | None = None,
    z_loss: float | Real[ArrayLike, "..."] = 0,
    logit_cap: float | None = None,
    temperature: float | Real[ArrayLike, "..."] = 1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy of class ids and the softmax of the logits, per row: the loss of classifiers and language models.

    .. math::  \ell = -(1 - s) \log p_y - \frac{s}{C} \sum_c \log p_c + \zeta \, L^2, \qquad
               p_c = e^{z_c - L}, \qquad L = \log \sum_c e^{z_c}, \\
               \frac{\partial \ell}{\partial z_c} = p_c (1 + 2 \zeta L) - (1 - s) [c = y] - \frac{s}{C}

    with :math:`z = a \tanh(x / a) / \tau` of the logits x, cap a and temperature :math:`\tau`, label smoothing s, and
    the coefficient :math:`\zeta` of the z-loss. It is `softmax_cross_entropy` of the one-hot labels, without making
    them. Rows that the model is sure of keep their digits: a lead of 23 is a loss of 1.026e-10, not 0.

    A logit of -inf is an impossible class: of probability 0, and infinite loss where it is the label (or with any
    smoothing), with the gradient of the formula still. In a row of -inf alone all p are 0 and the loss is infinite.

    Args:
      logits: real array with the classes on ``axis``, in nats.
      labels: integer array of the shape of the logits without that axis. Value and gradient are NaN in rows whose
        label is outside [0, classes) and neither masked nor ``ignore_index``.
      axis: the class axis.
      label_smoothing: s, share of the label that is spread evenly over all classes, in [0, 1].
      class_weights: one weight per class. A row weighs that of its label, which multiplies its ``weights``, so that
        ``"mean"`` divides by the sum of both.
      z_loss: coefficient :math:`\zeta` of the squared log-normalizer, at least 0; 1e-4 keeps the logits from drifting.
      logit_cap: positive bound a on the absolute logits, approached smoothly; None does not bound them.
      temperature: positive divisor :math:`\tau` of the logits, possibly capped; a number or an array, which may be
        learned, with as many axes as the logits and size 1 on the class axis.
      ignore_index: label of rows that do not exist, such as -100 for padding.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a parameter out of its range, TypeError for integer logits or
      real labels.
    Example:
      >>> logits = jnp.array([[2.0, 0.0, -1.0], [0.0, 23.0, -jnp.inf]])
      >>> softmax_cross_entropy_with_integer_labels(logits, jnp.array([0, 1]), reduction="none")
      Array([1.69846013e-01, 1.02618795e-10], dtype=float32)

    References: as `softmax_cross_entropy`: Bridle (1990), doi:10.1007/978-3-642-76153-9_28.
    """
    name = "softmax_cross_entropy_with_integer_labels"
    logits, labels, axis = checks.integer_rows(name, logits, labels, axis)
    where = reduce.except_label(where, labels, ignore_index)
    scaling = scaling_of(name, where, logits, axis, temperature, logit_cap)
    logits, labels = reduce.keep(name, where, logits, axis=axis), reduce.keep(name, where, labels)
    rows = scaling.rows_of_ids(logits, labels)
    values = with_extras(name, rows, scaling, label_smoothing, z_loss)
    if class_weights is not None:
        weights = row_weights(
            name, weights, of_label(class_table(name, "class_weights", class_weights, logits, axis), labels)
        )
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)
