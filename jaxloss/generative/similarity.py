"""Structural similarity of images: luminance, contrast and structure in windows, at one scale or at several."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.generative.windows import check_fits, line, moments
from jaxloss.numerics.elementary import power_of_two
from jaxloss.numerics.pairs import ratio
from jaxloss.reduce import Reduction
from jaxloss.rows.yes_no import log1m
from jaxloss.segmentation.regions import pixel_axes

__all__ = ["ms_ssim", "ms_ssim_distance", "ssim", "ssim_distance"]

SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


class Windows(NamedTuple):
    """How windows are compared; static under jit."""

    line: tuple[float, ...]
    axes: tuple[int, ...]
    c1: float
    c2: float


def ssim(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    data_range: float = 1.0,
    window_size: int = 11,
    sigma: float | None = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    axis: int | tuple[int, ...] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Structural similarity of two images: 1 for equal ones. A measure; `ssim_distance` is its loss.

    .. math::  s = \operatorname*{mean}_{\text{windows}}
               \frac{2 \mu_x \mu_y + c_1}{\mu_x^2 + \mu_y^2 + c_1} \cdot
               \frac{2 \sigma_{xy} + c_2}{\sigma_x^2 + \sigma_y^2 + c_2}, \qquad c_i = (k_i R)^2

    Means and variances are those of windows that lie inside of the image. scikit-image gives the same with
    ``gaussian_weights=True, use_sample_covariance=False``, or without the first for ``sigma=None``.

    Args:
      predictions: real array ``[examples, *pixels, channels]``, with any number of pixel axes.
      targets: array of exactly that shape.
      data_range: R, the difference of the largest and the smallest possible number.
      window_size: odd number of pixels along each axis.
      sigma: standard deviation of the Gaussian weights in pixels; None weighs all pixels of a window alike.
      k1: positive; of the luminance.
      k2: positive; of contrast and structure.
      axis: the pixel axes, by default all but the first and the last.
      where, weights, reduction: of the images, see :doc:`/reductions`. A window sees its neighbours, so that single
        pixels cannot be masked.
    Returns: a scalar, or one value per image with ``reduction="none"``, the mean over its channels.
    Raises: ValueError for unequal shapes, images smaller than a window or a parameter out of range, TypeError for
      integer predictions.
    Example:
      >>> image = jnp.linspace(0, 1, 144).reshape(1, 12, 12, 1)
      >>> ssim(image, image)
      Array(1., dtype=float32)
    References: Wang et al. (2004), Image quality assessment, doi:10.1109/TIP.2003.819861.
    """
    options = (data_range, window_size, sigma, k1, k2, axis, where)
    return reduce.apply(
        "ssim", 1 - _single("ssim", predictions, targets, *options), where=where, weights=weights, reduction=reduction
    )


def ssim_distance(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    data_range: float = 1.0,
    window_size: int = 11,
    sigma: float | None = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    axis: int | tuple[int, ...] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""One minus the structural similarity of two images, to the last digits also where they are nearly equal.

    .. math::  \ell = \operatorname*{mean}_{\text{windows}} (1 - l) + l\, (1 - c), \qquad
               1 - l = \frac{(\mu_x - \mu_y)^2}{\mu_x^2 + \mu_y^2 + c_1}, \qquad
               1 - c = \frac{\sigma_{x - y}^2}{\sigma_x^2 + \sigma_y^2 + c_2}

    It is exactly 0 for equal images. Some libraries halve it.

    Args:
      predictions, targets, data_range, window_size, sigma, k1, k2, axis, where, weights, reduction: as for `ssim`.
    Returns: a scalar, or one value per image with ``reduction="none"``; from 0 to 2.
    Raises: as `ssim`.
    Example:
      >>> image = jnp.linspace(0, 1, 144).reshape(1, 12, 12, 1)
      >>> ssim_distance(image, image)
      Array(0., dtype=float32)
    References: Wang et al. (2004), Image quality assessment, doi:10.1109/TIP.2003.819861; as a loss: Zhao et al.
      (2017), doi:10.1109/TCI.2016.2644865.
    """
    name = "ssim_distance"
    values = _single(name, predictions, targets, data_range, window_size, sigma, k1, k2, axis, where)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def ms_ssim(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    scale_weights: Sequence[float] = SCALES,
    data_range: float = 1.0,
    window_size: int = 11,
    sigma: float | None = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    axis: int | tuple[int, ...] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Structural similarity at several scales: 1 for equal images. A measure; `ms_ssim_distance` is its loss.

    .. math::  s = \bar s_M^{\,w_M} \prod_{i < M} \bar c_i^{\,w_i}

    with the mean over the windows of contrast and structure c at each scale and of the whole similarity s at the
    coarsest. Each scale is the mean of blocks of two pixels along every axis of the one before. A mean that is not
    positive makes it 0, with zero gradient.

    Args:
      predictions, targets, data_range, window_size, sigma, k1, k2, axis, where, weights, reduction: as for `ssim`.
      scale_weights: positive exponents, from the finest scale to the coarsest.
    Returns: a scalar, or one value per image with ``reduction="none"``, the mean over its channels.
    Raises: as `ssim`: at the coarsest scale, too, the image must hold a window: 176 pixels by default.
    Example:
      >>> image = jnp.linspace(0, 1, 576).reshape(1, 24, 24, 1)
      >>> ms_ssim(image, image, scale_weights=(0.5, 0.5))
      Array(1., dtype=float32)
    References: Wang et al. (2003), Multiscale structural similarity, doi:10.1109/ACSSC.2003.1292216.
    """
    options = (scale_weights, data_range, window_size, sigma, k1, k2, axis, where)
    values = 1 - _multiple("ms_ssim", predictions, targets, *options)
    return reduce.apply("ms_ssim", values, where=where, weights=weights, reduction=reduction)


def ms_ssim_distance(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    scale_weights: Sequence[float] = SCALES,
    data_range: float = 1.0,
    window_size: int = 11,
    sigma: float | None = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    axis: int | tuple[int, ...] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""One minus the structural similarity at several scales, exactly 0 for equal images.

    .. math::  \ell = 1 - \bar s_M^{\,w_M} \prod_{i < M} \bar c_i^{\,w_i}

    It is computed from one minus each factor. Where a mean is not positive it is 1, with zero gradient.

    Args:
      predictions, targets, scale_weights, data_range, window_size, sigma, k1, k2, axis, where, weights, reduction: as
        for `ms_ssim`.
    Returns: a scalar, or one value per image with ``reduction="none"``; from 0 to 1.
    Raises: as `ms_ssim`.
    Example:
      >>> image = jnp.linspace(0, 1, 576).reshape(1, 24, 24, 1)
      >>> ms_ssim_distance(image, image, scale_weights=(0.5, 0.5))
      Array(0., dtype=float32)
    References: Wang et al. (2003), Multiscale structural similarity, doi:10.1109/ACSSC.2003.1292216; as a loss: Zhao et
      al. (2017), doi:10.1109/TCI.2016.2644865.
    """
    name = "ms_ssim_distance"
    options = (scale_weights, data_range, window_size, sigma, k1, k2, axis, where)
    values = _multiple(name, predictions, targets, *options)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def _single(name: str, predictions: ArrayLike, targets: ArrayLike, *options: Any) -> Array:
    """One minus the similarity of each image."""
    x, y, windows = _images(name, predictions, targets, *options)
    check_fits(name, x, windows.axes, len(windows.line))
    return jnp.mean(_whole(x, y, windows), -1)


def _multiple(
    name: str, predictions: ArrayLike, targets: ArrayLike, scale_weights: Sequence[float], *options: Any
) -> Array:
    x, y, windows = _images(name, predictions, targets, *options)
    if not scale_weights or min(scale_weights) <= 0:
        raise ValueError(f"{name}: scale_weights must be positive numbers, one for each scale, got {scale_weights}")
    found = []
    for i in range(len(scale_weights)):
        if i:
            x, y = (_halved(z, windows.axes) for z in (x, y))
        check_fits(name, x, windows.axes, len(windows.line), f"predictions at scale {i + 1} of {len(scale_weights)}")
        found.append((_whole if i == len(scale_weights) - 1 else _contrast)(x, y, windows))
    positive = functools.reduce(jnp.logical_and, (missing < 1 for missing in found))
    logs = (w * log1m(jnp.where(positive, missing, 0)) for w, missing in zip(scale_weights, found, strict=True))
    total = sum(logs, start=jnp.zeros((), x.dtype))
    return jnp.mean(jnp.where(positive, -numerics.expm1(total), 1), -1)


def _images(
    name: str,
    predictions: ArrayLike,
    targets: ArrayLike,
    data_range: float,
    window_size: int,
    sigma: float | None,
    k1: float,
    k2: float,
    axis: int | tuple[int, ...] | None,
    where: ArrayLike | None,
) -> tuple[Array, Array, Windows]:
    """Checked and masked images, and their windows."""
    predictions, targets = checks.real_pair(name, predictions, targets)
    axes = pixel_axes(name, predictions, axis, classes=True, argument="predictions")
    options = {"data_range": data_range, "k1": k1, "k2": k2} | ({} if sigma is None else {"sigma": sigma})
    for argument, value in options.items():
        checks.parameter(name, argument, value, predictions, above=0)
    check_fits(name, predictions, (), window_size)
    predictions, targets = masked_images(name, where, axes, predictions, targets)
    windows = Windows(line(window_size, sigma), axes, (k1 * data_range) ** 2, (k2 * data_range) ** 2)
    return predictions, targets, windows


def masked_images(name: str, where: ArrayLike | None, axes: tuple[int, ...], *images: Array) -> tuple[Array, ...]:
    """Return images that are 0 where they are masked as a whole."""
    if where is None:
        return images
    shape = images[0].shape
    events = tuple(n for i, n in enumerate(shape[:-1]) if i - len(shape) not in axes)
    exists = reduce.keep(name, where, jnp.ones(events, images[0].dtype)) != 0
    exists = jnp.expand_dims(exists, (*axes, -1))
    return tuple(jnp.where(exists, image, 0) for image in images)


def _whole(x: Array, y: Array, windows: Windows) -> Array:
    luminance, contrast = _parts(x, y, windows)
    return jnp.mean(luminance + (1 - luminance) * contrast, windows.axes)


def _contrast(x: Array, y: Array, windows: Windows) -> Array:
    return jnp.mean(_parts(x, y, windows)[1], windows.axes)


# With s = x + y and d = x - y: 2 (mu_x^2 + mu_y^2) = mu_s^2 + mu_d^2 and 4 mu_x mu_y = mu_s^2 - mu_d^2; variances and
# the covariance likewise. So one minus a quotient is mu_d^2 or the variance of d over the denominator, and four moments
# do what takes five of x and y.
def _parts(x: Array, y: Array, windows: Windows) -> tuple[Array, Array]:
    """One minus the luminance term and one minus the term of contrast and structure, of each window."""
    size = jnp.max(jnp.maximum(jnp.abs(x), jnp.abs(y)), (*windows.axes, -1), keepdims=True, initial=0)
    scale = lax.stop_gradient(jnp.minimum(power_of_two(size), 1))  # squares of huge numbers overflow
    c1, c2 = (jnp.maximum(c * scale * scale, jnp.finfo(x.dtype).tiny) for c in (windows.c1, windows.c2))
    s, d = (moments(z, windows.axes, windows.line) for z in ((x + y) * scale, (x - y) * scale))
    luminance = ratio(d.mean**2, 0.5 * (s.mean**2 + d.mean**2) + c1)
    return luminance, ratio(d.variance, 0.5 * (s.variance + d.variance) + c2)


def _halved(x: Array, axes: tuple[int, ...]) -> Array:
    """Return the means of blocks of two pixels along each axis; an odd last one is dropped."""
    for axis in axes:
        half = x.shape[axis] // 2
        first, second = (lax.slice_in_dim(x, k, 2 * half, 2, axis) for k in (0, 1))
        x = 0.5 * (first + second)
    return x
