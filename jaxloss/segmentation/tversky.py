"""Tversky losses: overlap that weighs what is falsely found and what is missed, and powers of it."""

from __future__ import annotations

from typing import Any, Literal

from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks
from jaxloss.reduce import Reduction
from jaxloss.segmentation.quotients import focused, tversky_quotient
from jaxloss.segmentation.regions import binary_regions, class_regions

__all__ = ["binary_focal_tversky", "binary_tversky", "focal_tversky", "tversky"]


def tversky(
    probabilities: Float[ArrayLike, "*pixels_and_classes"],
    labels: Real[ArrayLike, "..."],
    *,
    alpha_fp: float | Real[ArrayLike, "..."] = 0.3,
    beta_fn: float | Real[ArrayLike, "..."] = 0.7,
    smooth: float | Real[ArrayLike, "..."] = 1.0,
    classes: Literal["present", "all"] = "present",
    include_background: bool = True,
    axis: int | tuple[int, ...] | None = None,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""One minus the Tversky index, which weighs false positives and false negatives, for each class of each image.

    .. math::  \ell = 1 - \frac{I + s}{I + a F + b M + s} = \frac{a F + b M}{I + a F + b M + s}, \qquad
               I = \sum_i p_i t_i, \quad F = \sum_i p_i (1 - t_i), \quad M = \sum_i (1 - p_i) t_i

    A weight of a false negative above that of a false positive favours recall. With a = b = 1/2 it is `dice` (with half
    its ``smooth``), with a = b = 1 `jaccard`.

    Args:
      probabilities: real array ``[examples, *pixels, classes]``, in [0, 1]: softmax or sigmoid of the logits.
      labels: integer class ids of that shape without the classes, NaN for an image with one outside them; or targets
        in [0, 1] of exactly that shape.
      alpha_fp: a, weight of a false positive, not negative; may be learned.
      beta_fn: b, weight of a false negative, not negative; may be learned.
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
      >>> tversky(p, jnp.array([[0, 0, 1]]), smooth=0.0, reduction="none")
      Array([[0.15, 0.3 ]], dtype=float32)
    References: Salehi et al. (2017), Tversky loss function for image segmentation using 3D fully convolutional deep
      networks, arXiv:1706.05721.
    """
    name = "tversky"
    checks.choice(name, "classes", classes, ("present", "all"))
    regions = class_regions(name, probabilities, labels, axis=axis, where=where, ignore_index=ignore_index)
    tally = regions.tally()
    values = tversky_quotient(name, regions, tally, alpha_fp, beta_fn, smooth)
    exists = regions.exists(tally.size, classes, include_background=include_background)
    return regions.finish(name, values, weights, reduction, exists=exists)


def binary_tversky(
    probabilities: Float[ArrayLike, "*pixels"],
    labels: Real[ArrayLike, "*pixels"],
    *,
    alpha_fp: float | Real[ArrayLike, "..."] = 0.3,
    beta_fn: float | Real[ArrayLike, "..."] = 0.7,
    smooth: float | Real[ArrayLike, "..."] = 1.0,
    axis: int | tuple[int, ...] | None = None,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""One minus the Tversky index of one object, for each image.

    .. math::  \ell = 1 - \frac{I + s}{I + a F + b M + s} = \frac{a F + b M}{I + a F + b M + s}, \qquad
               I = \sum_i p_i t_i, \quad F = \sum_i p_i (1 - t_i), \quad M = \sum_i (1 - p_i) t_i

    Args:
      probabilities: real array ``[examples, *pixels]``, in [0, 1]: sigmoid of the logits.
      labels: array of exactly that shape: booleans, integers 0 and 1 (NaN for an image with any other), or targets in
        [0, 1].
      alpha_fp: a, weight of a false positive, not negative; may be learned.
      beta_fn: b, weight of a false negative, not negative; may be learned.
      smooth: s, a number of pixels, not negative; may be learned.
      axis: the pixel axes, by default all but the first.
      ignore_index: label of pixels that do not exist, such as 255.
      where: the pixels that exist, of the shape of the labels.
      weights, reduction: of the images, see :doc:`/reductions`.
    Returns: a scalar, or one value per image with ``reduction="none"``; between 0 and 1.
    Raises: ValueError for shapes that do not fit, an axis that is not there or a parameter out of its range, TypeError
      for integer probabilities.
    Example:
      >>> binary_tversky(jnp.array([[0.9, 0.6, 0.3]]), jnp.array([[1, 1, 0]]), smooth=0.0)
      Array(0.22680412, dtype=float32)
    References: Salehi et al. (2017), Tversky loss function for image segmentation using 3D fully convolutional deep
      networks, arXiv:1706.05721.
    """
    name = "binary_tversky"
    regions = binary_regions(name, probabilities, labels, axis=axis, where=where, ignore_index=ignore_index)
    tally = regions.tally()
    values = tversky_quotient(name, regions, tally, alpha_fp, beta_fn, smooth)
    return regions.finish(name, values, weights, reduction)


def focal_tversky(
    probabilities: Float[ArrayLike, "*pixels_and_classes"],
    labels: Real[ArrayLike, "..."],
    *,
    alpha_fp: float | Real[ArrayLike, "..."] = 0.3,
    beta_fn: float | Real[ArrayLike, "..."] = 0.7,
    gamma: float | Real[ArrayLike, "..."] = 0.75,
    smooth: float | Real[ArrayLike, "..."] = 1.0,
    classes: Literal["present", "all"] = "present",
    include_background: bool = True,
    axis: int | tuple[int, ...] | None = None,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Power of the Tversky loss, for each class of each image: below 1 it dwells on regions that are nearly right.

    .. math::  \ell = \left(\frac{a F + b M}{I + a F + b M + s}\right)^\gamma, \qquad
               I = \sum_i p_i t_i, \quad F = \sum_i p_i (1 - t_i), \quad M = \sum_i (1 - p_i) t_i

    At perfect overlap the slope of a power below 1 is infinite; there the gradient is 0, as at any minimum.

    Args:
      probabilities: real array ``[examples, *pixels, classes]``, in [0, 1]: softmax or sigmoid of the logits.
      labels: integer class ids of that shape without the classes, NaN for an image with one outside them; or targets
        in [0, 1] of exactly that shape.
      alpha_fp: a, weight of a false positive, not negative; may be learned.
      beta_fn: b, weight of a false negative, not negative; may be learned.
      gamma: the exponent itself, positive; may be learned. The 4/3 of the paper is 3/4 here.
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
      >>> focal_tversky(p, jnp.array([[0, 0, 1]]), smooth=0.0, reduction="none")
      Array([[0.24102852, 0.40536007]], dtype=float32)
    References: Abraham and Khan (2019), A novel focal Tversky loss function with improved attention U-Net for lesion
      segmentation, arXiv:1810.07842.
    """
    name = "focal_tversky"
    checks.choice(name, "classes", classes, ("present", "all"))
    regions = class_regions(name, probabilities, labels, axis=axis, where=where, ignore_index=ignore_index)
    tally = regions.tally()
    gamma = checks.parameter(name, "gamma", gamma, regions.shape, above=0)
    values = focused(tversky_quotient(name, regions, tally, alpha_fp, beta_fn, smooth), gamma)
    exists = regions.exists(tally.size, classes, include_background=include_background)
    return regions.finish(name, values, weights, reduction, exists=exists)


def binary_focal_tversky(
    probabilities: Float[ArrayLike, "*pixels"],
    labels: Real[ArrayLike, "*pixels"],
    *,
    alpha_fp: float | Real[ArrayLike, "..."] = 0.3,
    beta_fn: float | Real[ArrayLike, "..."] = 0.7,
    gamma: float | Real[ArrayLike, "..."] = 0.75,
    smooth: float | Real[ArrayLike, "..."] = 1.0,
    axis: int | tuple[int, ...] | None = None,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Power of the Tversky loss of one object, for each image.

    .. math::  \ell = \left(\frac{a F + b M}{I + a F + b M + s}\right)^\gamma, \qquad
               I = \sum_i p_i t_i, \quad F = \sum_i p_i (1 - t_i), \quad M = \sum_i (1 - p_i) t_i

    At perfect overlap the slope of a power below 1 is infinite; there the gradient is 0, as at any minimum.

    Args:
      probabilities: real array ``[examples, *pixels]``, in [0, 1]: sigmoid of the logits.
      labels: array of exactly that shape: booleans, integers 0 and 1 (NaN for an image with any other), or targets in
        [0, 1].
      alpha_fp: a, weight of a false positive, not negative; may be learned.
      beta_fn: b, weight of a false negative, not negative; may be learned.
      gamma: the exponent itself, positive; may be learned. The 4/3 of the paper is 3/4 here.
      smooth: s, a number of pixels, not negative; may be learned.
      axis: the pixel axes, by default all but the first.
      ignore_index: label of pixels that do not exist, such as 255.
      where: the pixels that exist, of the shape of the labels.
      weights, reduction: of the images, see :doc:`/reductions`.
    Returns: a scalar, or one value per image with ``reduction="none"``; between 0 and 1.
    Raises: ValueError for shapes that do not fit, an axis that is not there or a parameter out of its range, TypeError
      for integer probabilities.
    Example:
      >>> binary_focal_tversky(jnp.array([[0.9, 0.6, 0.3]]), jnp.array([[1, 1, 0]]), smooth=0.0)
      Array(0.32865342, dtype=float32)
    References: Abraham and Khan (2019), A novel focal Tversky loss function with improved attention U-Net for lesion
      segmentation, arXiv:1810.07842.
    """
    name = "binary_focal_tversky"
    regions = binary_regions(name, probabilities, labels, axis=axis, where=where, ignore_index=ignore_index)
    tally = regions.tally()
    gamma = checks.parameter(name, "gamma", gamma, regions.shape, above=0)
    values = focused(tversky_quotient(name, regions, tally, alpha_fp, beta_fn, smooth), gamma)
    return regions.finish(name, values, weights, reduction)
