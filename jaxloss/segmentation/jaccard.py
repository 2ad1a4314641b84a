"""Jaccard losses: the intersection of two regions over their union."""

from __future__ import annotations

from typing import Any, Literal

from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks
from jaxloss.reduce import Reduction
from jaxloss.segmentation.quotients import tversky_quotient
from jaxloss.segmentation.regions import binary_regions, class_regions

__all__ = ["binary_jaccard", "jaccard"]


def jaccard(
    probabilities: Float[ArrayLike, "*pixels_and_classes"],
    labels: Real[ArrayLike, "..."],
    *,
    smooth: float | Real[ArrayLike, "..."] = 1.0,
    classes: Literal["present", "all"] = "present",
    include_background: bool = True,
    axis: int | tuple[int, ...] | None = None,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""One minus intersection over union, for each class of each image.

    .. math::  \ell = 1 - \frac{I + s}{P + T - I + s} = \frac{P + T - 2 I}{P + T - I + s}, \qquad
               I = \sum_i p_i t_i, \quad P = \sum_i p_i, \quad T = \sum_i t_i, \\
               \frac{\partial \ell}{\partial p_i} = \frac{1 - 2 t_i - \ell \, (1 - t_i)}{P + T - I + s}

    Args:
      probabilities: real array ``[examples, *pixels, classes]``, in [0, 1]: softmax or sigmoid of the logits.
      labels: integer class ids of that shape without the classes, NaN for an image with one outside them; or targets
        in [0, 1] of exactly that shape.
      smooth: s, a number of pixels, not negative; may be learned.
      classes: "present" leaves a class that no pixel of the image has out of the mean; with "all" it counts, and is 0
        where nothing is predicted either.
      include_background: whether class 0 exists.
      axis: the pixel axes, by default all but the first and the last; with axis 0 among them, the batch is one image.
      ignore_index: label of pixels that do not exist, such as 255.
      where: the pixels that exist, of the shape of the labels without classes.
      weights, reduction: of the classes of each image, see :doc:`/reductions`.
    Returns: a scalar, or with ``reduction="none"`` an array of the shape without the pixel axes; between 0 and 1.
    Raises: ValueError for shapes that do not fit, an axis that is not there or a parameter out of its range, TypeError
      for integer probabilities.
    Example:
      >>> p = jnp.array([[[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]])
      >>> jaccard(p, jnp.array([[0, 0, 1]]), smooth=0.0, reduction="none")
      Array([[0.2608..., 0.4615...]], dtype=float32)
    References: Jaccard (1901); Rahman and Wang (2016), Optimizing intersection-over-union in deep neural networks for
      image segmentation, doi:10.1007/978-3-319-50835-1_22.
    """
    name = "jaccard"
    checks.choice(name, "classes", classes, ("present", "all"))
    regions = class_regions(name, probabilities, labels, axis=axis, where=where, ignore_index=ignore_index)
    tally = regions.tally()
    values = tversky_quotient(name, regions, tally, 1, 1, smooth)
    exists = regions.exists(tally.size, classes, include_background=include_background)
    return regions.finish(name, values, weights, reduction, exists=exists)


def binary_jaccard(
    probabilities: Float[ArrayLike, "*pixels"],
    labels: Real[ArrayLike, "*pixels"],
    *,
    smooth: float | Real[ArrayLike, "..."] = 1.0,
    axis: int | tuple[int, ...] | None = None,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""One minus intersection over union of one object, for each image.

    .. math::  \ell = 1 - \frac{I + s}{P + T - I + s} = \frac{P + T - 2 I}{P + T - I + s}, \qquad
               I = \sum_i p_i t_i, \quad P = \sum_i p_i, \quad T = \sum_i t_i, \\
               \frac{\partial \ell}{\partial p_i} = \frac{1 - 2 t_i - \ell \, (1 - t_i)}{P + T - I + s}

    Args:
      probabilities: real array ``[examples, *pixels]``, in [0, 1]: sigmoid of the logits.
      labels: array of exactly that shape: booleans, integers 0 and 1 (NaN for an image with any other), or targets in
        [0, 1].
      smooth: s, a number of pixels, not negative; may be learned.
      axis: the pixel axes, by default all but the first.
      ignore_index: label of pixels that do not exist, such as 255.
      where: the pixels that exist, of the shape of the labels.
      weights, reduction: of the images, see :doc:`/reductions`.
    Returns: a scalar, or one value per image with ``reduction="none"``; between 0 and 1.
    Raises: ValueError for shapes that do not fit, an axis that is not there or a parameter out of its range, TypeError
      for integer probabilities.
    Example:
      >>> binary_jaccard(jnp.array([[0.9, 0.6, 0.3]]), jnp.array([[1, 1, 0]]), smooth=0.0)
      Array(0.3478..., dtype=float32)
    References: Jaccard (1901); Rahman and Wang (2016), Optimizing intersection-over-union in deep neural networks for
      image segmentation, doi:10.1007/978-3-319-50835-1_22.
    """
    name = "binary_jaccard"
    regions = binary_regions(name, probabilities, labels, axis=axis, where=where, ignore_index=ignore_index)
    tally = regions.tally()
    values = tversky_quotient(name, regions, tally, 1, 1, smooth)
    return regions.finish(name, values, weights, reduction)
