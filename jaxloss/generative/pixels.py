"""Images pixel by pixel: noise against signal, and how rough an image or a depth map is."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.reduce import Reduction
from jaxloss.segmentation.regions import pixel_axes

__all__ = ["edge_aware_smoothness", "psnr", "total_variation"]


def psnr(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    data_range: Real[ArrayLike, ""] = 1.0,
    axis: int | tuple[int, ...] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Peak signal-to-noise ratio of an image in decibels. A measure, larger for better; its loss is `squared_error`.

    .. math::  s = 10 \log_{10} \frac{R^2}{\operatorname{mean}_i (\hat y_i - y_i)^2}, \qquad
               \frac{\partial s}{\partial \hat y_i} = -\frac{20}{\ln 10} \frac{\hat y_i - y_i}{\sum_j (\hat y_j -
               y_j)^2}

    For equal images it is inf, with zero gradient. The mean of decibels over images is not that of their joint error.

    Args:
      predictions: real array ``[examples, *pixels, channels]``, with any number of pixel axes.
      targets: array of exactly that shape.
      data_range: R, the difference of the largest and the smallest possible number; positive.
      axis: the pixel axes, by default all but the first and the last.
      where: the pixels that exist, of that shape without the channels.
      weights, reduction: of the images, see :doc:`/reductions`.
    Returns: a scalar, or one value per image with ``reduction="none"``.
    Raises: ValueError for shapes that do not fit or a range that is not positive, TypeError for integer predictions.
    Example:
      >>> psnr(jnp.full((1, 2, 2, 1), 0.6), jnp.full((1, 2, 2, 1), 0.5))
      Array(19.999998, dtype=float32)
    References: Huynh-Thu and Ghanbari (2008), Scope of validity of PSNR, doi:10.1049/el:20080522.
    """
    name = "psnr"
    predictions, targets = checks.real_pair(name, predictions, targets)
    axes = pixel_axes(name, predictions, axis, classes=True, argument="predictions")
    data_range = checks.parameter(name, "data_range", data_range, predictions[..., 0], above=0)
    predictions, targets = reduce.keep(name, where, predictions, targets, axis=-1)
    count = predictions.shape[-1] * _count(where, predictions, axes)
    size = numerics.safe_norm(predictions - targets, (*axes, -1))
    wrong = size > 0
    root = jnp.where(wrong, size, 1) / jnp.sqrt(jnp.maximum(count, 1))
    values = jnp.where(wrong, -20 / math.log(10) * jnp.log(root / data_range), jnp.inf)
    return reduce.apply(name, values, where=count > 0, weights=weights, reduction=reduction)


def total_variation(
    images: Float[ArrayLike, "*pixels_and_channels"],
    *,
    axis: int | tuple[int, ...] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Sum of the absolute differences of neighbouring pixels: smooth regions with sharp edges.

    .. math::  \ell = \sum_{a} \sum_i |x_{i + e_a} - x_i|

    over the pixel axes a, the pixels i and the channels: the anisotropic form. For equal neighbours the gradient is 0.
    A masked pixel is nobody's neighbour.

    Args:
      images: real array ``[examples, *pixels, channels]``, with any number of pixel axes.
      axis: the pixel axes, by default all but the first and the last.
      where: the pixels that exist, of that shape without the channels.
      weights, reduction: of the images, see :doc:`/reductions`.
    Returns: a scalar, or one value per image with ``reduction="none"``.
    Raises: ValueError for shapes that do not fit, TypeError for integer images.
    Example:
      >>> total_variation(jnp.array([[[0.0], [2.0], [1.0]]]))
      Array(3., dtype=float32)
    References: Rudin, Osher and Fatemi (1992), doi:10.1016/0167-2789(92)90242-F.
    """
    name = "total_variation"
    (images,) = checks.floating(name, images=images)
    axes = pixel_axes(name, images, axis, classes=True, argument="images")
    images = reduce.keep(name, where, images, axis=-1)
    exists = _exists(where, images)
    values = jnp.zeros((), images.dtype)
    for a in axes:
        steps = _size(_steps(images, a))
        if exists is not None:
            steps = jnp.where(_both(exists, a)[..., None], steps, 0)
        values = values + jnp.sum(steps, (*axes, -1))
    return reduce.apply(name, values, where=_count(where, images, axes) > 0, weights=weights, reduction=reduction)


def edge_aware_smoothness(
    predictions: Float[ArrayLike, "..."],
    images: Real[ArrayLike, "..."],
    *,
    edge_weight: Real[ArrayLike, ""] = 1.0,
    axis: int | tuple[int, ...] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Smoothness of a depth or disparity map, which may jump where its image does.

    .. math::  \ell = \sum_a \operatorname*{mean}_i |d_{i + e_a} - d_i|\,
               \exp\left(-\alpha \operatorname*{mean}_c |I_{i + e_a, c} - I_{ic}|\right)

    over the pixel axes a, pairs of neighbours i and channels c. For equal neighbours the gradient is 0. A masked pixel
    is nobody's neighbour; along an axis without neighbours the mean is 0. Divided by its mean beforehand, a disparity
    cannot make itself smooth by shrinking.

    Args:
      predictions: real array ``[examples, *pixels]`` of depths or disparities (d).
      images: real array of that shape and a last axis of channels (I).
      edge_weight: alpha, not negative.
      axis: the pixel axes of ``images``, by default all but the first and the last.
      where: the pixels that exist, of the shape of the predictions.
      weights, reduction: of the images, see :doc:`/reductions`.
    Returns: a scalar, or one value per image with ``reduction="none"``.
    Raises: ValueError for shapes that do not fit or a negative weight, TypeError for integer predictions.
    Example:
      >>> edge_aware_smoothness(jnp.array([[0.0, 2.0, 4.0]]), jnp.array([[[0.0], [0.0], [10.0]]]))
      Array(1.0000454, dtype=float32)
    References: Godard et al. (2017), Unsupervised monocular depth estimation, arXiv:1609.03677.
    """
    name = "edge_aware_smoothness"
    (predictions,) = checks.floating(name, predictions=predictions)
    (images,) = checks.real(name, checks.compute_dtype(predictions, images), images=images)
    predictions = predictions.astype(images.dtype)
    if images.shape[:-1] != predictions.shape or not images.ndim:
        raise ValueError(
            f"{name}: images must have the shape of predictions and an axis of channels, got {images.shape} and "
            f"{predictions.shape}"
        )
    axes = pixel_axes(name, images, axis, classes=True, argument="images")
    edge_weight = checks.parameter(name, "edge_weight", edge_weight, images[..., 0], minimum=0)
    predictions, images = reduce.keep(name, where, predictions), reduce.keep(name, where, images, axis=-1)
    exists, rows = _exists(where, images), tuple(a + 1 for a in axes)
    values = jnp.zeros((), predictions.dtype)
    for a in axes:
        edges = jnp.mean(_size(_steps(images, a)), -1)
        rough = _size(_steps(predictions, a + 1)) * jnp.exp(-(edge_weight * edges))
        pairs = jnp.ones(rough.shape, jnp.bool_) if exists is None else _both(exists, a)
        count = jnp.maximum(jnp.sum(pairs, rows, dtype=jnp.int32), 1).astype(rough.dtype)
        values = values + jnp.sum(jnp.where(pairs, rough, 0), rows) / count
    return reduce.apply(name, values, where=_count(where, images, axes) > 0, weights=weights, reduction=reduction)


def _steps(x: Array, axis: int) -> Array:
    """Each pixel's difference to the one before."""
    n = x.shape[axis]
    return lax.slice_in_dim(x, min(1, n), n, axis=axis) - lax.slice_in_dim(x, 0, max(n - 1, 0), axis=axis)


def _both(exists: Array, axis: int) -> Array:
    """Whether both pixels of each difference exist; the mask has no channel axis."""
    axis, n = axis + 1, exists.shape[axis + 1]
    return lax.slice_in_dim(exists, min(1, n), n, axis=axis) & lax.slice_in_dim(exists, 0, max(n - 1, 0), axis=axis)


def _size(x: Array) -> Array:
    """|x| with slope 0 at 0, where that of jnp.abs is 1."""
    return jnp.sign(x) * x


def _exists(where: ArrayLike | None, images: Array) -> Array | None:
    """Which pixels exist, without the channel axis; None for all."""
    return None if where is None else jnp.broadcast_to(jnp.asarray(where), images.shape[:-1])


def _count(where: ArrayLike | None, images: Array, axes: tuple[int, ...]) -> Array:
    """How many pixels of each image exist."""
    exists = jnp.broadcast_to(jnp.asarray(True if where is None else where), images.shape[:-1])
    return jnp.sum(exists, tuple(a + 1 for a in axes), dtype=jnp.int32).astype(images.dtype)
