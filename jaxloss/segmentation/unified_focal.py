"""Unified focal loss: cross-entropy and overlap in one, both focused on what is rare."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks
from jaxloss.classification.softmax_focal import focus
from jaxloss.reduce import Reduction
from jaxloss.rows.softmax import Surprises, largest, score, surprises
from jaxloss.segmentation.quotients import focused, share
from jaxloss.segmentation.regions import Regions, class_regions, pixel_sums

__all__ = ["unified_focal"]


def unified_focal(
    logits: Float[ArrayLike, "*pixels_and_classes"],
    labels: Int[ArrayLike, "..."],
    *,
    focal_weight: float | Real[ArrayLike, ""] = 0.5,
    delta: float | Real[ArrayLike, ""] = 0.6,
    gamma: float | Real[ArrayLike, ""] = 0.5,
    symmetric: bool = False,
    classes: Literal["present", "all"] = "present",
    axis: int | tuple[int, ...] | None = None,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Focal cross-entropy and focal Tversky loss under shared parameters, for each image; class 0 is the background.

    .. math::  \ell &= \lambda \, \frac{1}{n} \sum_i f_i + (1 - \lambda) \, \frac{1}{|C|} \sum_{c \in C} v_c, \qquad
               p = \mathrm{softmax}(z) \\
               f_i &= -\delta \log p_{iy} \text{ if } y_i > 0, \qquad
               f_i = -(1 - \delta) (1 - p_{i0})^\gamma \log p_{i0} \text{ if } y_i = 0 \\
               v_c &= T_c^{1 - \gamma} \text{ if } c > 0, \qquad v_0 = T_0, \qquad
               T_c = \frac{\delta M_c + (1 - \delta) F_c}{I_c + \delta M_c + (1 - \delta) F_c}

    with the sums I, F and M of `tversky`. The background is suppressed in the cross-entropy, the other classes are
    enhanced in the overlap; with ``symmetric``, both happen to every class. Where a T is 0, so is its gradient.

    Args:
      logits: real array ``[examples, *pixels, classes]``; -inf is an impossible class.
      labels: integer class ids of that shape without the classes, NaN for an image with one outside them.
      focal_weight: lambda, the share of the cross-entropy, in [0, 1].
      delta: weight of the rare classes and of what is missed, in [0, 1].
      gamma: strength of suppression and enhancement, in [0, 1).
      symmetric: whether every class is suppressed and enhanced.
      classes: C: "present" leaves out a class that no pixel of the image has; "all".
      axis: the pixel axes, by default all but the first and the last; with axis 0 among them, the batch is one image.
      ignore_index: label of pixels that do not exist, such as 255.
      where: the pixels that exist, of the shape of the labels.
      weights, reduction: of the images, see :doc:`/reductions`.
    Returns: a scalar, or one value per image with ``reduction="none"``.
    Raises: ValueError for shapes that do not fit, an axis that is not there or a parameter out of its range, TypeError
      for integer logits or real labels.
    Example:
      >>> logits = jnp.array([[[2.0, 0.0], [1.0, 0.0], [0.0, 0.5]]])
      >>> unified_focal(logits, jnp.array([[0, 0, 1]]))
      Array(0.26339424, dtype=float32)
    References: Yeung et al. (2022), Unified focal loss: generalising Dice and cross entropy-based losses to handle
      class imbalanced medical image segmentation, arXiv:2102.04525.
    """
    name = "unified_focal"
    checks.choice(name, "classes", classes, ("present", "all"))
    regions = class_regions(
        name, logits, labels, axis=axis, where=where, ignore_index=ignore_index, argument="logits", dense=False
    )
    scalar = jax.ShapeDtypeStruct((), regions.predictions.dtype)
    share_of_focal = checks.parameter(name, "focal_weight", focal_weight, scalar, minimum=0, maximum=1)
    delta = checks.parameter(name, "delta", delta, scalar, minimum=0, maximum=1)
    gamma = checks.parameter(name, "gamma", gamma, scalar, minimum=0, below=1)
    found = _surprises(name, regions)
    nll = jnp.sum(jnp.where(regions.own, found.nll, 0), -1)
    background = regions.labels == 0
    focal = focus(nll, gamma)
    focal = jnp.where(background, (1 - delta) * focal, delta * (focal if symmetric else nll))
    (total,) = pixel_sums((focal,), tuple(a + 1 for a in regions.axes))
    count = regions.count()[..., 0]
    exists = regions.exists(regions.size(), classes)
    overlap = _overlap(regions, found, delta, gamma, symmetric=symmetric)
    overlap = overlap if exists is None else jnp.where(exists, overlap, 0)
    number = overlap.shape[-1] if exists is None else jnp.sum(exists, -1, dtype=jnp.int32).astype(overlap.dtype)
    values = share_of_focal * (total / jnp.maximum(count, 1)) + (1 - share_of_focal) * (
        jnp.sum(overlap, -1) / jnp.maximum(number, 1)
    )
    return regions.finish(name, values, weights, reduction, per="image")


def _surprises(name: str, regions: Regions) -> Surprises:
    """Return -log p, p and 1 - p of every class, each with the digits of its derivative; p is 0 where masked."""
    logits, kept = regions.predictions, regions.kept
    found = surprises(score(logits, largest(name, None, logits, -1)), -1)
    return found if kept is None else found._replace(probabilities=jnp.where(kept, found.probabilities, 0))


def _overlap(regions: Regions, found: Surprises, delta: Any, gamma: Any, *, symmetric: bool) -> Array:
    """Return what each class of each image adds."""
    own, p = regions.own, found.probabilities
    terms = jnp.where(own, p, 0), jnp.where(own, 0, p), jnp.where(own, found.complements, 0)
    hit, false, missed = pixel_sums(terms, regions.axes)
    values = share(delta * missed + (1 - delta) * false, hit)
    enhanced = focused(values, 1 - gamma)
    if symmetric:
        return enhanced
    return jnp.where(lax.broadcasted_iota(jnp.int32, values.shape, values.ndim - 1) == 0, values, enhanced)
