"""Focal losses: cross-entropy of yes-or-no labels in which what is already right counts less."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.reduce import Reduction
from jaxloss.rows.yes_no import cross_entropy, discount, miss, surplus, tails

__all__ = ["detection_focal", "sigmoid_focal", "sigmoid_focal_exp"]


def sigmoid_focal(
    logits: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "*shape"] | Bool[ArrayLike, "*shape"],
    *,
    gamma: Real[ArrayLike, "..."] = 2.0,
    alpha: Real[ArrayLike, "..."] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Cross-entropy times a power of the probability that the model gives to the wrong label.

    .. math::  \ell(x, y) = \alpha_t \, (1 - p_t)^\gamma \, H, \qquad
               \frac{\partial \ell}{\partial x} = \alpha_t (1 - p_t)^\gamma \left(\sigma(x) - y +
               \gamma \, (1 - 2y) \, \frac{\sigma(x) \sigma(-x)}{1 - p_t} \, H\right)

    with :math:`H = -y \log \sigma(x) - (1 - y) \log \sigma(-x)`,
    :math:`1 - p_t = y \, \sigma(-x) + (1 - y) \, \sigma(x)` and :math:`\alpha_t = \alpha y + (1 - \alpha) (1 - y)`. A
    soft label mixes :math:`p_t` and :math:`\alpha_t`; :math:`\gamma = 0` is `sigmoid_binary_cross_entropy`. Nothing is
    computed as 1 minus a probability, so that rows the model is sure of keep all their digits.

    Args:
      logits: real array of any shape, log-odds.
      labels: array of exactly that shape, in [0, 1]; real, integer or boolean.
      gamma: how strongly what is right is discounted, at least 0; a number, or an array, which may be learned. The
        fastest are multiples of 1/2.
      alpha: share of the positive labels, in [0, 1]: they count alpha, the negative ones 1 - alpha. None: both count 1.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or a parameter out of its range, TypeError for integer logits.
    Example:
      >>> sigmoid_focal(jnp.array([1.0, 0.0]), jnp.array([1, 0]), alpha=0.25, reduction="none")
      Array([0.0056..., 0.129...], dtype=float32)
    References: Lin et al. (2017), Focal loss for dense object detection, arXiv:1708.02002.
    """
    logits, labels = checks.real_pair("sigmoid_focal", logits, labels, arguments=("logits", "labels"))
    logits, labels = reduce.keep("sigmoid_focal", where, logits, labels)
    entropy = cross_entropy(logits, labels)
    values = _focus("sigmoid_focal", entropy, miss(logits, labels), labels, gamma, alpha)
    return reduce.apply("sigmoid_focal", values, where=where, weights=weights, reduction=reduction)


def sigmoid_focal_exp(
    logits: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "*shape"] | Bool[ArrayLike, "*shape"],
    *,
    gamma: Real[ArrayLike, "..."] = 2.0,
    alpha: Real[ArrayLike, "..."] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Focal loss that takes the probability of the label from the cross-entropy itself, as many programs do.

    .. math::  \ell(x, y) = \alpha_t \, (1 - e^{-H})^\gamma \, H, \qquad
               \frac{\partial \ell}{\partial x} = \alpha_t (1 - e^{-H})^\gamma
               \left(1 + \gamma \, \frac{H e^{-H}}{1 - e^{-H}}\right) (\sigma(x) - y)

    with :math:`H = -y \log \sigma(x) - (1 - y) \log \sigma(-x)` and
    :math:`\alpha_t = \alpha y + (1 - \alpha) (1 - y)`. For labels 0 and 1 this is `sigmoid_focal`. For soft ones it is
    not: :math:`e^{-H}` is the geometric mean of the two probabilities, where `sigmoid_focal` takes the arithmetic one.

    Args:
      logits: real array of any shape, log-odds.
      labels: array of exactly that shape, in [0, 1]; real, integer or boolean.
      gamma: how strongly what is right is discounted, at least 0; a number, or an array, which may be learned.
      alpha: share of the positive labels, in [0, 1]: they count alpha, the negative ones 1 - alpha. None: both count 1.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or a parameter out of its range, TypeError for integer logits.
    Example:
      >>> sigmoid_focal_exp(jnp.array([1.0, 1.0]), jnp.array([1.0, 0.3]), reduction="none")
      Array([0.0226..., 0.411...], dtype=float32)
    References: Lin et al. (2017), Focal loss for dense object detection, arXiv:1708.02002.
    """
    name = "sigmoid_focal_exp"
    logits, labels = checks.real_pair(name, logits, labels, arguments=("logits", "labels"))
    logits, labels = reduce.keep(name, where, logits, labels)
    entropy = cross_entropy(logits, labels)
    values = _focus(name, entropy, _one_minus_exp(entropy, logits, labels), labels, gamma, alpha)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def detection_focal(
    logits: Float[ArrayLike, "*anchors classes"],
    labels: Real[ArrayLike, "*anchors classes_and_state"],
    *,
    gamma: Real[ArrayLike, "..."] = 2.0,
    alpha: Real[ArrayLike, "..."] | None = 0.25,
    normalizer: str | Real[ArrayLike, ""] = "objects",
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Focal loss of the anchors of an object detector, some of which are ignored, per number of objects.

    .. math::  \ell_a = \sum_c \mathrm{focal}(x_{ac}, y_{ac}), \qquad
               L = \frac{\sum_{a : s_a \ne -1} w_a \ell_a}{\max(1, \sum_{a : s_a = 1} w_a)}, \qquad
               \frac{\partial L}{\partial x_{ac}} = \frac{w_a \, \mathrm{focal}'(x_{ac}, y_{ac})}
               {\max(1, \sum_{a : s_a = 1} w_a)}

    with `sigmoid_focal` of each class. The last column of the labels is the state :math:`s` of the anchor: 1 matched to
    an object, 0 background, -1 neither, which acts as ``where``. There is one unreduced value per anchor.

    ``normalizer`` is what the weighted sum is divided by for ``reduction="mean"``: the number of objects, however many
    anchors there are, or the number of anchors, which is the mean of every other loss here, or a number, such as an
    average of object counts over the last steps or over all devices. The other reductions do not look at it.

    Args:
      logits: real array, one row of classes for each anchor, with any axes in front; log-odds.
      labels: array of the same axes with one column more, its last: per class a label in [0, 1], then the state.
      gamma: how strongly what is right is discounted, at least 0; a number, or an array, which may be learned.
      alpha: share of the positive labels, in [0, 1]: they count alpha, the negative ones 1 - alpha. None: both count 1.
      normalizer: "objects", "anchors" or a positive number.
      where, weights, reduction: of the anchors, see :doc:`/reductions`.
    Returns: a scalar, or one value per anchor with ``reduction="none"``; in nats.
    Raises: ValueError for labels that have not one column more or a parameter out of its range, TypeError for integer
      logits.
    Example: two classes; an object of the first, background, and an anchor that is ignored.
      >>> logits = jnp.array([[2.0, -3.0], [-4.0, -3.0], [0.0, 9.0]])
      >>> labels = jnp.array([[1, 0, 1], [0, 0, 0], [0, 0, -1]])
      >>> detection_focal(logits, labels)
      Array(0.000619..., dtype=float32)
    References: Lin et al. (2017), Focal loss for dense object detection, arXiv:1708.02002.
    """
    name = "detection_focal"
    logits, labels, state = _anchors(name, logits, labels)
    exists = reduce.keep(name, where, state, fill=-1) != -1
    logits, labels = reduce.keep(name, exists, logits, labels, axis=-1)
    entropy = cross_entropy(logits, labels)
    values = jnp.sum(_focus(name, entropy, miss(logits, labels), labels, gamma, alpha), axis=-1)
    mean = _mean_per(name, normalizer, state == 1, values)
    reduction = mean if reduction == "mean" else reduction
    return reduce.apply(name, values, where=exists, weights=weights, reduction=reduction)


def _focus(name: str, entropy: Array, chance: Array, labels: Array, gamma: ArrayLike, alpha: ArrayLike | None) -> Array:
    """Return alpha_t * chance^gamma * entropy; ``gamma=0`` and ``alpha=None`` add no operation."""
    values = discount(name, "gamma", gamma, chance, entropy)
    if alpha is not None:
        alpha = checks.parameter(name, "alpha", alpha, entropy, minimum=0, maximum=1)
        values = (alpha * labels + (1 - alpha) * (1 - labels)) * values
    return values


# 1 - e^-H = 1 - e^-surplus sigma(|x|) = sigma(-|x|) + sigma(|x|) (1 - e^-surplus), a sum of positive terms that keeps
# the digits of a small H. It is a function of H alone, so only H has a tangent: x and y are there for the digits.
@jax.custom_jvp
def _one_minus_exp(entropy: Array, x: Array, y: Array) -> Array:
    del entropy
    small, large = tails(x)
    return small - large * jnp.expm1(-surplus(x, y, 1 - y))


@_one_minus_exp.defjvp
def _one_minus_exp_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    return _one_minus_exp(*primals), jnp.exp(-primals[0]) * tangents[0]


def _anchors(name: str, logits: ArrayLike, labels: ArrayLike) -> tuple[Array, Array, Array]:
    """Return logits and labels of one shape and dtype, and the state of the anchors."""
    dtype = checks.compute_dtype(logits, labels)
    (logits,), (labels,) = checks.floating(name, logits=logits), checks.real(name, dtype, labels=labels)
    if not logits.ndim or labels.shape != (due := (*logits.shape[:-1], logits.shape[-1] + 1)):
        expected = f"{due}: those of logits {logits.shape} and the state" if logits.ndim else "at least one axis"
        raise ValueError(f"{name}: labels must have shape {expected}, got {labels.shape}")
    return logits.astype(dtype), labels[..., :-1], labels[..., -1]


def _mean_per(name: str, normalizer: str | ArrayLike, objects: Array, values: Array) -> Reduction:
    """Return the reduction that divides the weighted sum by the normalizer."""
    if isinstance(normalizer, str):
        if checks.choice(name, "normalizer", normalizer, ("objects", "anchors")) == "anchors":
            return "mean"
        return lambda v, w: jnp.sum(v * w) / jnp.maximum(jnp.sum(jnp.where(objects, w, 0)), 1)
    count = checks.parameter(name, "normalizer", normalizer, jnp.sum(values), above=0)
    return lambda v, w: jnp.sum(v * w) / count
