"""Lovász losses: the convex extension of the Jaccard index of a set of errors, by sorting."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int

from jaxloss import checks
from jaxloss.numerics.elementary import one_dispatch
from jaxloss.numerics.order import ascending_order, permute, put_back
from jaxloss.reduce import Reduction
from jaxloss.segmentation.regions import Regions, binary_regions, class_regions

__all__ = ["lovasz_hinge", "lovasz_softmax"]


def lovasz_softmax(
    probabilities: Float[ArrayLike, "*pixels_and_classes"],
    labels: Int[ArrayLike, "..."],
    *,
    classes: Literal["present", "all"] = "present",
    include_background: bool = True,
    axis: int | tuple[int, ...] | None = None,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Float[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Lovász extension of the Jaccard loss at the errors of the probabilities, for each class of each image.

    .. math::  \ell = \sum_k e_{(k)} \, g_k, \quad e_i = |t_i - p_i|, \quad e_{(1)} \ge e_{(2)} \ge \dots, \qquad
               g_k = \frac{1}{U_k} \text{ if } t_{(k)} = 1, \quad \frac{I_k}{U_k (U_k - 1)} \text{ if } t_{(k)} = 0, \\
               I_k = \sum_{j > k} t_{(j)}, \qquad U_k = \sum_j t_j + \sum_{j \le k} (1 - t_{(j)}), \qquad
               \frac{\partial \ell}{\partial p_{(k)}} = (1 - 2 t_{(k)}) \, g_k

    What the k largest errors leave is the intersection I and the union U; the weight g is what the k-th adds to the
    Jaccard loss 1 - I/U. Where errors are equal, the gradient is that of the order of the pixels: one of the
    subgradients. The value at probabilities of 0 and 1 is the Jaccard loss itself.

    Args:
      probabilities: real array ``[examples, *pixels, classes]``, in [0, 1]: softmax or sigmoid of the logits.
      labels: integer class ids of that shape without the classes, NaN for an image with one outside them.
      classes: "present" leaves a class that no pixel of the image has out of the mean; with "all" its loss is the
        largest probability that it is given.
      include_background: whether class 0 exists.
      axis: the pixel axes, by default all but the first and the last: Berman's ``per_image=True``; with axis 0 among
        them, the batch is one image.
      ignore_index: label of pixels that do not exist, such as 255.
      where: the pixels that exist, of the shape of the labels.
      weights, reduction: of the classes of each image, see :doc:`/reductions`.
    Returns: a scalar, or with ``reduction="none"`` an array of the shape without the pixel axes; between 0 and 1.
    Raises: ValueError for shapes that do not fit or an axis that is not there, TypeError for integer probabilities or
      real labels.
    Example:
      >>> lovasz_softmax(jnp.full((1, 6, 3), 1 / 3), jnp.array([[0, 0, 1, 1, 2, 2]]))
      Array(0.6666..., dtype=float32)
    References: Berman, Triki and Blaschko (2018), The Lovász-softmax loss, arXiv:1705.08790.
    """
    name = "lovasz_softmax"
    checks.choice(name, "classes", classes, ("present", "all"))
    regions = class_regions(name, probabilities, labels, axis=axis, where=where, ignore_index=ignore_index, dense=False)
    p, own = regions.predictions, regions.own
    values = _along_pixels(regions, jnp.where(own, p - 1, -p), hinge=False)
    exists = regions.exists(regions.size(), classes, include_background=include_background)
    return regions.finish(name, values, weights, reduction, exists=exists)


def lovasz_hinge(
    logits: Float[ArrayLike, "*pixels"],
    labels: Int[ArrayLike, "*pixels"] | Bool[ArrayLike, "*pixels"],
    *,
    axis: int | tuple[int, ...] | None = None,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Float[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Lovász extension of the Jaccard loss of one object at the hinge losses of its pixels, for each image.

    .. math::  \ell = \sum_k e_{(k)} \, g_k, \qquad e_i = \max(0, 1 - (2 t_i - 1) z_i), \quad
               e_{(1)} \ge e_{(2)} \ge \dots, \qquad
               \frac{\partial \ell}{\partial z_{(k)}} = (1 - 2 t_{(k)}) \, g_k \text{ where } e_{(k)} > 0

    with the weights g of `lovasz_softmax`. An image without the object counts: its loss is the largest hinge loss.

    Args:
      logits: real array ``[examples, *pixels]``; the decision is at 0.
      labels: booleans or integers 0 and 1 of exactly that shape, NaN for an image with any other.
      axis: the pixel axes, by default all but the first: Berman's ``per_image=True``.
      ignore_index: label of pixels that do not exist, such as 255.
      where: the pixels that exist, of the shape of the labels.
      weights, reduction: of the images, see :doc:`/reductions`.
    Returns: a scalar, or one value per image with ``reduction="none"``; in units of the logit.
    Raises: ValueError for shapes that do not fit or an axis that is not there, TypeError for integer logits or real
      labels.
    Example:
      >>> lovasz_hinge(jnp.array([[2.0, -1.0, 0.5, -2.0]]), jnp.array([[1, 1, 0, 0]]))
      Array(1.25, dtype=float32)
    References: Yu and Blaschko (2015), Learning submodular losses with the Lovász hinge; Berman, Triki and Blaschko
      (2018), The Lovász-softmax loss, arXiv:1705.08790.
    """
    name = "lovasz_hinge"
    regions = binary_regions(
        name, logits, labels, axis=axis, where=where, ignore_index=ignore_index, argument="logits", dense=False
    )
    z = regions.predictions
    values = _along_pixels(regions, jnp.where(regions.own, z, -z), hinge=True)
    return regions.finish(name, values, weights, reduction)


def _along_pixels(regions: Regions, keys: Array, *, hinge: bool) -> Array:
    """Return the extension over all pixels of each region, from the smallest key up."""
    if regions.kept is not None:
        keys = jnp.where(regions.kept, keys, jnp.inf)  # after all others, where the weight is 0
    ends = tuple(range(-len(regions.axes), 0))

    def rows(array: Array) -> Array:
        moved = jnp.moveaxis(array, regions.axes, ends)
        shape = moved.shape[: -len(ends)]
        return moved.reshape(*shape, math.prod(moved.shape[len(shape) :]))

    return _extension(rows(keys), rows(regions.own), hinge)


# Sorted are exact keys, not errors: 1 - z rounds, and errors that round to one number have an order nevertheless.
def _errors(keys: Array, hinge: bool) -> Array:
    """Return the error of a margin, or that of which the key is the negative; 0 where masked."""
    errors = 1 - keys if hinge else -keys
    return jnp.where(errors > 0, errors, 0)


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _extension(keys: Array, own: Array, hinge: bool) -> Array:
    order = ascending_order(keys)
    return jnp.sum(_errors(permute(keys, order), hinge) * _weights(permute(own, order), keys.dtype), -1)


# Between two orders of the errors the extension is linear: the weights are its gradient, put back in the order of the
# pixels.
@_extension.defjvp
def _(hinge: bool, primals: tuple, tangents: tuple) -> tuple:
    keys, own = primals
    order = ascending_order(keys)
    weights = put_back(_weights(permute(own, order), keys.dtype), order)
    slopes = jnp.where(keys < 1, -weights, 0) if hinge else -weights
    return jnp.sum(_errors(keys, hinge) * weights, -1), jnp.sum(slopes * tangents[0], -1)


_extension = one_dispatch(_extension, static_argnums=2)


# 1 - I/U grows by 1/U with a pixel of the region, which leaves the intersection, and by I/(U - 1) - I/U with any other,
# which joins the union: as a product, the difference keeps its digits.
def _weights(own: Array, dtype: Any) -> Array:
    """Return what each pixel adds to the Jaccard loss of those before it, for pixels sorted along the last axis."""
    axis = own.ndim - 1
    inside = lax.cumsum(own.astype(jnp.int32), axis=axis)
    size = inside[..., -1:]
    seen = lax.broadcasted_iota(jnp.int32, own.shape, axis) + 1
    union = (size + seen - inside).astype(dtype)
    left = (size - inside).astype(dtype)
    first = union == 1  # of an empty region: the first pixel is all of the loss
    return jnp.where(own | first, 1 / union, left / (union * jnp.where(first, 1, union - 1)))
