"""Dice losses: twice the overlap over the sum of the two regions."""

from __future__ import annotations

from typing import Any, Literal

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics
from jaxloss.reduce import Reduction
from jaxloss.segmentation.quotients import share
from jaxloss.segmentation.regions import Regions, Tally, binary_regions, class_regions, pixel_sums

__all__ = ["binary_dice", "dice", "generalized_dice"]


def dice(
    probabilities: Float[ArrayLike, "*pixels_and_classes"],
    labels: Real[ArrayLike, "..."],
    *,
    smooth: float | Real[ArrayLike, "..."] = 1.0,
    squared: bool = False,
    classes: Literal["present", "all"] = "present",
    include_background: bool = True,
    axis: int | tuple[int, ...] | None = None,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""One minus the Dice coefficient, for each class of each image.

    .. math::  \ell = 1 - \frac{2 I + s}{P + T + s} = \frac{P + T - 2 I}{P + T + s}, \qquad
               I = \sum_i p_i t_i, \quad P = \sum_i p_i, \quad T = \sum_i t_i, \qquad
               \frac{\partial \ell}{\partial p_i} = \frac{1 - 2 t_i - \ell}{P + T + s}

    It is computed as the second quotient, :math:`P + T - 2 I = \sum_i p_i (1 - t_i) + (1 - p_i) t_i`, which keeps its
    digits near perfect overlap. With ``squared``, P and T are the sums of the squares.

    Args:
      probabilities: real array ``[examples, *pixels, classes]``, in [0, 1]: softmax or sigmoid of the logits.
      labels: integer class ids of that shape without the classes, NaN for an image with one outside them; or targets
        in [0, 1] of exactly that shape.
      smooth: s, a number of pixels, not negative; may be learned. With 0, no overlap costs exactly 1.
      squared: whether P and T are sums of squares, as in V-Net.
      classes: "present" leaves a class that no pixel of the image has out of the mean; with "all" it counts, and is 0
        where nothing is predicted either.
      include_background: whether class 0 exists.
      axis: the pixel axes, by default all but the first and the last; with axis 0 among them, the batch is one image.
      ignore_index: label of pixels that do not exist, such as 255.
      where: the pixels that exist, of the shape of the labels without classes.
      weights, reduction: of the classes of each image, see :doc:`/reductions`.
    Returns: a scalar, or with ``reduction="none"`` an array of the shape without the pixel axes; between 0 and 1.
    Raises: ValueError for shapes that do not fit, an axis that is not there or a negative ``smooth``, TypeError for
      integer probabilities.
    Example:
      >>> p = jnp.array([[[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]])
      >>> dice(p, jnp.array([[0, 0, 1]]), smooth=0.0, reduction="none")
      Array([[0.15, 0.3 ]], dtype=float32)
    References: Milletari et al. (2016), V-Net, arXiv:1606.04797; Drozdzal et al. (2016), The importance of skip
      connections in biomedical image segmentation, arXiv:1608.04117.
    """
    name = "dice"
    checks.choice(name, "classes", classes, ("present", "all"))
    regions = class_regions(name, probabilities, labels, axis=axis, where=where, ignore_index=ignore_index)
    tally = regions.tally()
    values = _dice(name, regions, tally, smooth, squared=squared)
    exists = regions.exists(tally.size, classes, include_background=include_background)
    return regions.finish(name, values, weights, reduction, exists=exists)


def binary_dice(
    probabilities: Float[ArrayLike, "*pixels"],
    labels: Real[ArrayLike, "*pixels"],
    *,
    smooth: float | Real[ArrayLike, "..."] = 1.0,
    squared: bool = False,
    axis: int | tuple[int, ...] | None = None,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""One minus the Dice coefficient of one object, for each image.

    .. math::  \ell = \frac{P + T - 2 I}{P + T + s}, \qquad
               I = \sum_i p_i t_i, \quad P = \sum_i p_i, \quad T = \sum_i t_i, \qquad
               \frac{\partial \ell}{\partial p_i} = \frac{1 - 2 t_i - \ell}{P + T + s}

    An image without the object counts: its loss is P / (P + s), 0 where nothing is predicted.

    Args:
      probabilities: real array ``[examples, *pixels]``, in [0, 1]: sigmoid of the logits.
      labels: array of exactly that shape: booleans, integers 0 and 1 (NaN for an image with any other), or targets in
        [0, 1].
      smooth: s, a number of pixels, not negative; may be learned.
      squared: whether P and T are sums of squares, as in V-Net.
      axis: the pixel axes, by default all but the first.
      ignore_index: label of pixels that do not exist, such as 255.
      where: the pixels that exist, of the shape of the labels.
      weights, reduction: of the images, see :doc:`/reductions`.
    Returns: a scalar, or one value per image with ``reduction="none"``; between 0 and 1.
    Raises: ValueError for shapes that do not fit, an axis that is not there or a negative ``smooth``, TypeError for
      integer probabilities.
    Example:
      >>> binary_dice(jnp.array([[0.9, 0.6, 0.3]]), jnp.array([[1, 1, 0]]), smooth=0.0)
      Array(0.2105..., dtype=float32)
    References: Milletari et al. (2016), V-Net, arXiv:1606.04797.
    """
    name = "binary_dice"
    regions = binary_regions(name, probabilities, labels, axis=axis, where=where, ignore_index=ignore_index)
    values = _dice(name, regions, regions.tally(), smooth, squared=squared)
    return regions.finish(name, values, weights, reduction)


def generalized_dice(
    probabilities: Float[ArrayLike, "*pixels_and_classes"],
    labels: Real[ArrayLike, "..."],
    *,
    weighting: Literal["square", "simple", "uniform"] = "square",
    classes: Literal["present", "all"] = "present",
    include_background: bool = True,
    axis: int | tuple[int, ...] | None = None,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""One minus the Dice coefficient of all classes together, each weighted by its inverse squared size.

    .. math::  \ell = 1 - 2 \, \frac{\sum_c w_c I_c}{\sum_c w_c (P_c + T_c)}, \qquad w_c = T_c^{-2}, \qquad
               \frac{\partial \ell}{\partial p_{ic}} = w_c \, \frac{1 - 2 t_{ic} - \ell}{\sum_k w_k (P_k + T_k)}

    The weights are inside the quotient, as in the paper, and come from the image itself. With ``classes="all"`` a class
    that is not in the image has the weight of the smallest one that is.

    Args:
      probabilities: real array ``[examples, *pixels, classes]``, in [0, 1]: softmax of the logits.
      labels: integer class ids of that shape without the classes, NaN for an image with one outside them; or targets
        in [0, 1] of exactly that shape.
      weighting: "square" :math:`T^{-2}`, "simple" :math:`T^{-1}` or "uniform", 1.
      classes: "present" leaves out a class that no pixel of the image has; with "all" it counts.
      include_background: whether class 0 exists.
      axis: the pixel axes, by default all but the first and the last; with axis 0 among them, the batch is one image.
      ignore_index: label of pixels that do not exist, such as 255.
      where: the pixels that exist, of the shape of the labels without classes.
      weights, reduction: of the images, see :doc:`/reductions`.
    Returns: a scalar, or one value per image with ``reduction="none"``; between 0 and 1.
    Raises: ValueError for shapes that do not fit, an axis that is not there or an unknown ``weighting``, TypeError for
      integer probabilities.
    Example:
      >>> p = jnp.array([[[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]])
      >>> generalized_dice(p, jnp.array([[0, 0, 1]]))
      Array(0.25, dtype=float32)
    References: Sudre et al. (2017), Generalised Dice overlap as a deep learning loss function for highly unbalanced
      segmentations, arXiv:1707.03237.
    """
    name = "generalized_dice"
    checks.choice(name, "weighting", weighting, ("square", "simple", "uniform"))
    checks.choice(name, "classes", classes, ("present", "all"))
    regions = class_regions(name, probabilities, labels, axis=axis, where=where, ignore_index=ignore_index)
    tally = regions.tally()
    exists = regions.exists(tally.size, classes, include_background=include_background)
    factors = _class_factors(tally.size, weighting)
    total = lambda sums: jnp.sum(factors * (sums if exists is None else jnp.where(exists, sums, 0)), -1)
    values = share(total(tally.false + tally.missed), 2 * total(tally.hit))
    return regions.finish(name, values, weights, reduction, per="image")


def _dice(name: str, regions: Regions, tally: Tally, smooth: Any, *, squared: bool) -> Array:
    smooth = checks.parameter(name, "smooth", smooth, regions.shape, minimum=0)
    if not squared:
        return share(tally.false + tally.missed, 2 * tally.hit + smooth)
    p, own = regions.predictions, regions.own.astype(regions.predictions.dtype)
    (apart,) = pixel_sums(((p - own) ** 2,), regions.axes)
    return share(apart, 2 * tally.hit + smooth)


def _class_factors(size: Array, weighting: str) -> Array:
    """Return the weights of the classes over the largest, which changes no quotient; 1 for an empty class."""
    if weighting == "uniform":
        return jnp.ones_like(size)
    present = size > 0
    safe = jnp.where(present, size, 1)
    # A common factor has no derivative either.
    smallest = jnp.min(lax.stop_gradient(jnp.where(present, size, jnp.inf)), -1, keepdims=True)
    relative = jnp.where(jnp.isinf(smallest), 1, smallest) / safe
    return numerics.power(jnp.where(present, relative, 1), 2 if weighting == "square" else 1)
