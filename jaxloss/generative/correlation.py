"""Local correlation of images: registration of scans whose brightness does not agree."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.generative.similarity import masked_images
from jaxloss.generative.windows import check_fits, joint_moments, line
from jaxloss.numerics.elementary import power_of_two
from jaxloss.numerics.pairs import ratio
from jaxloss.reduce import Reduction
from jaxloss.segmentation.regions import pixel_axes

__all__ = ["lncc", "lncc_distance"]


def lncc(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    window_size: int = 9,
    axis: int | tuple[int, ...] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Squared local normalised cross-correlation of two images. A measure; `lncc_distance` is its loss.

    .. math::  s = \operatorname*{mean}_{\text{windows}} \frac{\sigma_{xy}^2}{\sigma_x^2 \sigma_y^2}

    It is 1 where the one image is a linear function of the other in every window, with whatever slope and sign. A
    window in which one of the images is constant has no correlation and is left out; with no window left it is 1.

    Args:
      predictions: real array ``[examples, *pixels, channels]``, with any number of pixel axes.
      targets: array of exactly that shape.
      window_size: odd number of pixels along each axis, all of the same weight.
      axis: the pixel axes, by default all but the first and the last.
      where, weights, reduction: of the images, see :doc:`/reductions`. A window sees its neighbours, so that single
        pixels cannot be masked.
    Returns: a scalar, or one value per image with ``reduction="none"``; from 0 to 1.
    Raises: ValueError for unequal shapes or images smaller than a window, TypeError for integer predictions.
    Example:
      >>> image = jnp.sin(jnp.arange(100.0)).reshape(1, 10, 10, 1)
      >>> lncc(image, image)
      Array(1., dtype=float32)
    References: Avants et al. (2008), doi:10.1016/j.media.2007.06.004; as a loss: Balakrishnan et al. (2019),
      VoxelMorph, doi:10.1109/TMI.2019.2897538.
    """
    values = 1 - _distance("lncc", predictions, targets, window_size, axis, where)
    return reduce.apply("lncc", values, where=where, weights=weights, reduction=reduction)


def lncc_distance(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    window_size: int = 9,
    axis: int | tuple[int, ...] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""One minus the squared local normalised cross-correlation of two images, exactly 0 for equal ones.

    .. math::  \ell = \operatorname*{mean}_{\text{windows}} 1 - \frac{\sigma_{xy}^2}{\sigma_x^2 \sigma_y^2}

    Other libraries minimise minus the correlation, and add a number to the denominator, which decides how much flat
    windows count. Here these are left out.

    Args:
      predictions, targets, window_size, axis, where, weights, reduction: as for `lncc`.
    Returns: a scalar, or one value per image with ``reduction="none"``; from 0 to 1.
    Raises: as `lncc`.
    Example:
      >>> image = jnp.sin(jnp.arange(100.0)).reshape(1, 10, 10, 1)
      >>> lncc_distance(image, image)
      Array(0., dtype=float32)
    References: Balakrishnan et al. (2019), VoxelMorph, doi:10.1109/TMI.2019.2897538.
    """
    values = _distance("lncc_distance", predictions, targets, window_size, axis, where)
    return reduce.apply("lncc_distance", values, where=where, weights=weights, reduction=reduction)


def _distance(
    name: str, predictions: ArrayLike, targets: ArrayLike, window_size: int, axis: Any, where: ArrayLike | None
) -> Array:
    predictions, targets = checks.real_pair(name, predictions, targets)
    axes = pixel_axes(name, predictions, axis, classes=True, argument="predictions")
    check_fits(name, predictions, axes, window_size)
    x, y = (_scaled(image, axes) for image in masked_images(name, where, axes, predictions, targets))
    first, second, covariance = joint_moments(x, y, axes, line(window_size, None))
    textured = (first.variance > 0) & (second.variance > 0)
    x_variance, y_variance = (jnp.where(textured, m.variance, 1) for m in (first, second))
    apart = 1 - ratio(covariance, x_variance) * ratio(covariance, y_variance)
    count = jnp.sum(textured, (*axes, -1), dtype=jnp.int32).astype(x.dtype)
    apart = jnp.where(textured & (apart > 0), apart, 0)  # rounding may leave less than nothing
    return jnp.sum(apart, (*axes, -1)) / jnp.maximum(count, 1)


def _scaled(image: Array, axes: tuple[int, ...]) -> Array:
    """Return the image with numbers whose squares are representable: the correlation does not change."""
    size = jnp.max(jnp.abs(image), (*axes, -1), keepdims=True, initial=0)
    return image * lax.stop_gradient(power_of_two(size))
