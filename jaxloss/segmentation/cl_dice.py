"""Centerline Dice: overlap of the skeletons of thin structures, so that a broken vessel costs more than a thin one."""

from __future__ import annotations

from typing import Any, Literal

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks
from jaxloss.reduce import Reduction
from jaxloss.segmentation.quotients import share
from jaxloss.segmentation.regions import Regions, binary_regions, class_regions, pixel_sums

__all__ = ["binary_cl_dice", "cl_dice"]


def cl_dice(
    probabilities: Float[ArrayLike, "*pixels_and_classes"],
    labels: Real[ArrayLike, "..."],
    *,
    iterations: int = 3,
    smooth: float | Real[ArrayLike, "..."] = 1.0,
    classes: Literal["present", "all"] = "present",
    include_background: bool = True,
    axis: int | tuple[int, ...] | None = None,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""One minus the harmonic mean of how much of each skeleton lies inside the other region, per class and image.

    .. math::  \ell = 1 - \frac{2 a b}{a + b}, \qquad
               a = \frac{\sum_i S(p)_i \, t_i + s}{\sum_i S(p)_i + s}, \qquad
               b = \frac{\sum_i S(t)_i \, p_i + s}{\sum_i S(t)_i + s}

    The soft skeleton S(x) is what erosion takes away for good, after none, one, ... up to ``iterations`` erosions:
    :math:`S_0 = o_0`, :math:`S_k = S_{k-1} + (1 - S_{k-1}) \, o_k` with
    :math:`o_k = \max(0, x_k - \mathrm{dilate}(\mathrm{erode}(x_k)))` and :math:`x_{k+1} = \mathrm{erode}(x_k)`. To
    erode is to take the least of a pixel and its neighbours along each pixel axis, to dilate the largest of the block
    of 3 in every direction. What is outside the image, or masked, is no neighbour. Where neighbours are equal, the
    gradient is shared between them.

    Args:
      probabilities: real array ``[examples, *pixels, classes]``, in [0, 1]: softmax or sigmoid of the logits.
      labels: integer class ids of that shape without the classes, NaN for an image with one outside them; or targets
        in [0, 1] of exactly that shape.
      iterations: number of erosions, at least half of the largest width in pixels.
      smooth: s, a number of pixels, not negative; may be learned. With 0, no overlap costs exactly 1.
      classes: "present" leaves a class that no pixel of the image has out of the mean; with "all" it counts.
      include_background: whether class 0 exists; a background has a skeleton, but hardly one that matters.
      axis: the pixel axes, usually 2 or 3; by default all but the first and the last. They are neighbourhoods, so the
        examples are never among them.
      ignore_index: label of pixels that do not exist, such as 255.
      where: the pixels that exist, of the shape of the labels without classes.
      weights, reduction: of the classes of each image, see :doc:`/reductions`.
    Returns: a scalar, or with ``reduction="none"`` an array of the shape without the pixel axes; between 0 and 1.
    Raises: ValueError for shapes that do not fit, an axis that is not there or a parameter out of its range, TypeError
      for integer probabilities.
    Example:
      >>> vessel = jnp.zeros((1, 5, 7), jnp.int32).at[:, 2, :].set(1)
      >>> found = jnp.where(vessel == 1, 0.9, 0.1).at[:, 2, 3].set(0.1)  # broken in the middle
      >>> p = jnp.stack([1 - found, found], -1)
      >>> cl_dice(p, vessel, include_background=False)
      Array(0.10344829, dtype=float32)
    References: Shit et al. (2021), clDice: a novel topology-preserving loss function for tubular structure
      segmentation, arXiv:2003.07311.
    """
    name = "cl_dice"
    checks.choice(name, "classes", classes, ("present", "all"))
    regions = class_regions(name, probabilities, labels, axis=axis, where=where, ignore_index=ignore_index)
    exists = regions.exists(regions.size(), classes, include_background=include_background)
    values = _cl_dice(name, regions, iterations, smooth)
    return regions.finish(name, values, weights, reduction, exists=exists)


def binary_cl_dice(
    probabilities: Float[ArrayLike, "*pixels"],
    labels: Real[ArrayLike, "*pixels"],
    *,
    iterations: int = 3,
    smooth: float | Real[ArrayLike, "..."] = 1.0,
    axis: int | tuple[int, ...] | None = None,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""One minus the harmonic mean of how much of each skeleton lies inside the other region, for each image.

    .. math::  \ell = 1 - \frac{2 a b}{a + b}, \qquad
               a = \frac{\sum_i S(p)_i \, t_i + s}{\sum_i S(p)_i + s}, \qquad
               b = \frac{\sum_i S(t)_i \, p_i + s}{\sum_i S(t)_i + s}

    with the soft skeleton S of `cl_dice`, which says what a masked pixel means.

    Args:
      probabilities: real array ``[examples, *pixels]``, in [0, 1]: sigmoid of the logits.
      labels: array of exactly that shape: booleans, integers 0 and 1 (NaN for an image with any other), or targets in
        [0, 1].
      iterations: number of erosions, at least half of the largest width in pixels.
      smooth: s, a number of pixels, not negative; may be learned.
      axis: the pixel axes, usually 2 or 3; by default all but the first.
      ignore_index: label of pixels that do not exist, such as 255.
      where: the pixels that exist, of the shape of the labels.
      weights, reduction: of the images, see :doc:`/reductions`.
    Returns: a scalar, or one value per image with ``reduction="none"``; between 0 and 1.
    Raises: ValueError for shapes that do not fit, an axis that is not there or a parameter out of its range, TypeError
      for integer probabilities.
    Example:
      >>> vessel = jnp.zeros((1, 5, 7), jnp.int32).at[:, 2, :].set(1)
      >>> binary_cl_dice(vessel.astype(jnp.float32), vessel)
      Array(0., dtype=float32)
    References: Shit et al. (2021), clDice: a novel topology-preserving loss function for tubular structure
      segmentation, arXiv:2003.07311.
    """
    name = "binary_cl_dice"
    regions = binary_regions(name, probabilities, labels, axis=axis, where=where, ignore_index=ignore_index)
    return regions.finish(name, _cl_dice(name, regions, iterations, smooth), weights, reduction)


def _cl_dice(name: str, regions: Regions, iterations: int, smooth: Any) -> Array:
    if not isinstance(iterations, int) or iterations < 0:
        raise ValueError(f"{name}: iterations must be an integer that is not negative, got {iterations}")
    smooth = checks.parameter(name, "smooth", smooth, regions.shape, minimum=0)
    p, t = regions.predictions, regions.own.astype(regions.predictions.dtype)
    line_p, line_t = (_skeleton(x, regions, iterations) for x in (p, t))
    terms = line_p * t, line_p * (1 - t), line_t * p, line_t * (1 - p)
    in_t, out_t, in_p, out_p = pixel_sums(terms, regions.axes)
    # With x = 1 - a and y = 1 - b: 1 - 2 a b / (a + b) = (a y + b x) / (a + b), a sum of positive terms.
    x, y = share(out_t, in_t + smooth), share(out_p, in_p + smooth)
    a, b = share(in_t + smooth, out_t), share(in_p + smooth, out_p)
    return _dissent(a, b, x, y)


def _dissent(a: Array, b: Array, x: Array, y: Array) -> Array:
    total = a + b
    apart = total == 0  # neither skeleton meets the other region, or neither has one
    values = (a * y + b * x) / jnp.where(apart, 1, total)
    return jnp.where(apart, jnp.where(x + y > 0, 1, 0), values)


def _skeleton(x: Array, regions: Regions, iterations: int) -> Array:
    where = regions.kept
    lines = jnp.zeros_like(x)
    for k in range(iterations + 1):
        eroded = _erode(x, where, regions.axes)
        ends = x - _dilate(eroded, where, regions.axes)
        ends = jnp.where(ends > 0, ends, 0)
        lines = ends if k == 0 else lines + (1 - lines) * ends
        x = eroded
    return lines if where is None else jnp.where(where, lines, 0)


# The least of three is the least of two neighbours and that of the pixel, by shifted copies: a window operation would
# have a gradient by scatter, and give it to one of several equal neighbours.
def _erode(x: Array, where: Array | None, axes: tuple[int, ...]) -> Array:
    """The least of each pixel and its neighbours along each of the axes."""
    # Outside of [0, 1] and finite, so that no derivative meets an infinity.
    x = x if where is None else jnp.where(where, x, 2)
    eroded = x
    for axis in axes:
        eroded = jnp.minimum(eroded, jnp.minimum(_shift(x, axis, 1, 2), _shift(x, axis, -1, 2)))
    return eroded


def _dilate(x: Array, where: Array | None, axes: tuple[int, ...]) -> Array:
    """The largest of each pixel and all that touch it."""
    x = x if where is None else jnp.where(where, x, -1)
    for axis in axes:
        x = jnp.maximum(x, jnp.maximum(_shift(x, axis, 1, -1), _shift(x, axis, -1, -1)))
    return x


def _shift(x: Array, axis: int, by: int, fill: float) -> Array:
    """Move along an axis, filling what comes in."""
    at = axis + x.ndim
    return lax.pad(x, jnp.asarray(fill, x.dtype), [(by, -by, 0) if i == at else (0, 0, 0) for i in range(x.ndim)])
