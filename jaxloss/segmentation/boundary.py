"""Boundary loss: how far from the boundary the predictions are, and the map of distances that says it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.reduce import Reduction
from jaxloss.segmentation.regions import Regions, pixel_axes, pixel_sums

__all__ = ["boundary", "distance_map"]


def boundary(
    probabilities: Float[ArrayLike, "*pixels_and_classes"],
    distance_map: Real[ArrayLike, "*pixels_and_classes"],
    *,
    include_background: bool = True,
    axis: int | tuple[int, ...] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Mean signed distance of what is predicted from the boundary of the region, for each class of each image.

    .. math::  \ell = \frac{1}{n} \sum_i p_i \, \phi_i, \qquad \frac{\partial \ell}{\partial p_i} = \frac{\phi_i}{n}

    The distance :math:`\phi` is negative inside the region, so that the loss is smallest, and negative, where exactly
    the region is predicted. It is used beside a loss of regions such as `generalized_dice`, with a weight that grows
    during training. Any other map of costs works as well.

    Args:
      probabilities: real array ``[examples, *pixels, classes]``, in [0, 1]: softmax or sigmoid of the logits.
      distance_map: array of exactly that shape, made by `distance_map` from the regions of the labels.
      include_background: whether class 0 exists.
      axis: the pixel axes, by default all but the first and the last.
      where: the pixels that exist, of the shape without the classes. A masked pixel is left out of the mean; that it
        does not shape the region is the concern of whoever makes the map.
      weights, reduction: of the classes of each image, see :doc:`/reductions`.
    Returns: a scalar, or with ``reduction="none"`` an array of the shape without the pixel axes; in units of distance.
    Raises: ValueError for unequal shapes or an axis that is not there, TypeError for integer probabilities.
    Example:
      >>> mask = jnp.array([[[False], [True], [True], [True], [False]]])
      >>> boundary(jnp.array([[[0.2], [0.9], [1.0], [0.8], [0.0]]]), jaxloss.distance_map(mask))
      Array(-0.7, dtype=float32)
    References: Kervadec et al. (2019), Boundary loss for highly unbalanced segmentation, arXiv:1812.07032.
    """
    name, arguments = "boundary", ("probabilities", "distance_map")
    probabilities, distances = checks.real_pair(name, probabilities, distance_map, arguments=arguments)
    axes = pixel_axes(name, probabilities, axis, classes=True, argument="probabilities")
    probabilities, distances = reduce.keep(name, where, probabilities, distances, axis=-1)
    regions = Regions(probabilities, distances, axes, True, None if where is None else jnp.asarray(where), None)
    (total,) = pixel_sums((probabilities * distances,), axes)
    count = regions.count()
    values = total / jnp.where(count == 0, 1, count)
    exists = regions.exists(None, "all", include_background=include_background)
    return regions.finish(name, values, weights, reduction, exists=exists)


def distance_map(
    mask: Bool[ArrayLike, "*pixels_and_classes"],
    *,
    axis: int | tuple[int, ...] | None = None,
    spacing: float | Sequence[float] = 1.0,
) -> Float[Array, "*pixels_and_classes"]:
    r"""Signed Euclidean distance of every pixel to the other side of the boundary of its region, exact.

    .. math::  \phi_i = \min_{j:\, t_j = 1} \|x_i - x_j\| \text{ outside}, \qquad
               \phi_i = -\min_{j:\, t_j = 0} \|x_i - x_j\| \text{ inside the region}

    That is ``scipy.ndimage.distance_transform_edt`` of the outside minus that of the inside. It is written in jax, so
    that it can be jitted, mapped and run on the device that augments the labels; it takes time proportional to the
    number of pixels times the side of the image. Kervadec's own program adds 1 inside, so that pixels at the
    boundary are 0 there.

    A mask with nothing on one side has no boundary: its map is 0.

    Args:
      mask: boolean array ``[examples, *pixels, classes]``, True inside the region: ``labels[..., None] ==
        jnp.arange(classes)`` for class ids.
      axis: the pixel axes, by default all but the first and the last; ``(0, 1)`` for a single picture.
      spacing: size of a pixel, or one along each of the axes.
    Returns: float32 array of the shape of the mask, without gradient; in units of the spacing.
    Raises: ValueError for an axis that is not there or a spacing that does not fit, TypeError for a mask that is not
      boolean.
    Example:
      >>> distance_map(jnp.array([False, False, True, True, True]), axis=0)
      Array([ 2.,  1., -1., -2., -3.], dtype=float32)
    References: Kervadec et al. (2019), Boundary loss for highly unbalanced segmentation, arXiv:1812.07032; Felzenszwalb
      and Huttenlocher (2012), Distance transforms of sampled functions, doi:10.4086/toc.2012.v008a019.
    """
    name = "distance_map"
    mask = jnp.asarray(mask)
    if mask.dtype != jnp.bool_:
        raise TypeError(f"{name}: mask must be boolean, got {mask.dtype}")
    axes = pixel_axes(name, mask, axis, classes=axis is None, argument="mask")
    steps = (spacing,) * len(axes) if isinstance(spacing, int | float) else tuple(spacing)
    if len(steps) != len(axes) or not all(step > 0 for step in steps):
        raise ValueError(
            f"{name}: spacing must be positive, a number or one for each of {len(axes)} axes, got {spacing}"
        )
    given = (axis,) if isinstance(axis, int) else axis
    if given is not None:  # the axes come back sorted
        order = sorted(range(len(axes)), key=lambda k: given[k] % mask.ndim)
        steps = tuple(steps[k] for k in order)
    return _signed_distance(mask, axes, tuple(float(step) for step in steps))


@partial(jax.jit, static_argnums=(1, 2), inline=True)
def _signed_distance(mask: Array, axes: tuple[int, ...], steps: tuple[float, ...]) -> Array:
    some = jnp.any(mask, axes, keepdims=True) & jnp.any(~mask, axes, keepdims=True)
    outside, inside = (jnp.sqrt(_squared_distance(side, axes, steps)) for side in (mask, ~mask))
    return jnp.where(some, jnp.where(mask, -inside, outside), 0)


# The squared distance is separable: along each axis in turn, the least sum of what the axes before left at a pixel of
# the line and the square of the way there. Along the first, the nearest pixel is the last one passed; along the others
# all offsets of a line are tried one after the other, on all lines at once.
def _squared_distance(mask: Array, axes: tuple[int, ...], steps: tuple[float, ...]) -> Array:
    """Return the squared distance to the nearest True, inf where there is none."""
    squares = _nearest(mask, axes[0] + mask.ndim, steps[0]) ** 2
    for axis, step in zip(axes[1:], steps[1:], strict=True):
        squares = _along(squares, axis + mask.ndim, step)
    return squares


def _nearest(mask: Array, axis: int, step: float) -> Array:
    place = lax.broadcasted_iota(jnp.float32, mask.shape, axis)
    before = place - lax.cummax(jnp.where(mask, place, -jnp.inf), axis=axis)
    after = lax.cummin(jnp.where(mask, place, jnp.inf), axis=axis, reverse=True) - place
    return jnp.minimum(before, after) * step


def _along(squares: Array, axis: int, step: float) -> Array:
    n = squares.shape[axis]
    margins = [(n, n, 0) if i == axis else (0, 0, 0) for i in range(squares.ndim)]
    padded = lax.pad(squares, jnp.float32(jnp.inf), margins)

    def nearer(k: Array, best: Array) -> Array:
        way = (k.astype(jnp.float32) * step) ** 2
        before, after = (lax.dynamic_slice_in_dim(padded, start, n, axis) for start in (n - k, n + k))
        return jnp.minimum(best, jnp.minimum(before, after) + way)

    return lax.fori_loop(1, n, nearer, squares)
