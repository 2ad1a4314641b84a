r"""What every loss of regions shares: pixels that exist, their labels, and sums over the pixels of an image.

A class of an image is a region. Its prediction p (probabilities) and its target t (labels, 0 or 1 or in between) are
compared by three sums that are never negative: the hit :math:`\sum p t`, the false :math:`\sum p (1 - t)` and the
missed :math:`\sum (1 - p) t`. Losses are quotients of these and not 1 minus a quotient, so that they keep their
digits where prediction and target agree.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from jaxloss import checks, reduce
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import picked

__all__ = ["Regions", "Tally", "binary_regions", "class_regions", "pixel_axes", "pixel_sums"]

Axis = int | tuple[int, ...] | None


class Tally(NamedTuple):
    """Sums over the pixels of each region."""

    hit: Array
    """sum p t."""
    false: Array
    """sum p (1 - t)."""
    missed: Array
    """sum (1 - p) t."""
    size: Array
    """sum t."""


@dataclasses.dataclass(frozen=True)
class Regions:
    """Predictions and targets of the pixels that exist, and what a loss of them needs to finish."""

    predictions: Array
    """0 where masked."""
    labels: Array
    """Class ids, -1 where masked, or targets of the shape of the predictions, 0 where masked."""
    axes: tuple[int, ...]
    """The pixel axes of the predictions, counted from the end and sorted."""
    classes: bool
    """Whether the last axis holds the classes; without it the only region is what has the label 1."""
    where: Array | None
    """The mask of the pixels, without those of ``ignore_index``."""
    valid: Array | None
    """1, or NaN for an image with a label outside the classes: a factor of its values; None for dense labels."""

    @property
    def own(self) -> Array:
        """The targets: whether a pixel has the label of the region, or how much of it."""
        if not checks.labels_are_integers(self.labels):
            return self.labels
        # Compared, and not stored as one-hot labels: the comparison is a part of the loop that sums.
        return picked(self.labels, self.predictions.shape, -1) if self.classes else self.labels == 1

    @property
    def marked(self) -> Array:
        """The predictions, NaN in an image with a label outside the classes: for losses whose slopes may be 0."""
        if self.valid is None:
            return self.predictions
        return self.predictions * jnp.expand_dims(self.valid, [a + self.predictions.ndim for a in self.axes])

    def tally(self) -> Tally:
        """Return the sums that the losses are made of, over the pixels of each region."""
        p, own = self.predictions, self.own
        if own.dtype != jnp.bool_:
            return Tally(*pixel_sums((p * own, p * (1 - own), (1 - p) * own, own), self.axes))
        terms = jnp.where(own, p, 0), jnp.where(own, 0, p), jnp.where(own, 1 - p, 0), own.astype(jnp.int32)
        hit, false, missed, size = pixel_sums(terms, self.axes)
        return Tally(hit, false, missed, size.astype(p.dtype))

    def size(self) -> Array:
        """Return the sum of the targets of each region, alone."""
        own = self.own
        return jnp.sum(own, self.axes, dtype=jnp.int32 if own.dtype == jnp.bool_ else own.dtype)

    @property
    def shape(self) -> jax.ShapeDtypeStruct:
        """Shape and dtype of the unreduced loss."""
        shape, axes = self.predictions.shape, {axis + self.predictions.ndim for axis in self.axes}
        return jax.ShapeDtypeStruct([n for i, n in enumerate(shape) if i not in axes], self.predictions.dtype)

    @property
    def kept(self) -> Array | None:
        """Which pixels exist, shaped to stretch to the predictions; None for all."""
        if self.where is None or not self.classes or not self.where.ndim:
            return self.where
        return jnp.expand_dims(self.where, -1)

    def count(self) -> Array:
        """Return how many pixels of each image exist, shaped to divide the unreduced loss."""
        rows = self.predictions.shape[:-1] if self.classes else self.predictions.shape
        axes = tuple(axis + 1 for axis in self.axes) if self.classes else self.axes
        where = True if self.where is None else self.where
        count = jnp.sum(jnp.broadcast_to(where, rows), axes, dtype=jnp.int32).astype(self.predictions.dtype)
        return count[..., None] if self.classes else count

    def exists(self, size: Array | None, classes: str, *, include_background: bool = True) -> Array | None:
        """Return which classes of which images exist: None for all.

        An image without pixels does not exist, nor, with "present", a class without pixels in the image. In an image
        with a label outside the classes every class exists, so that it is seen to be NaN.
        """
        exists = self._images()
        if classes == "present" and size is not None:
            exists = size > 0 if exists is None else exists & (size > 0)
        if not include_background:
            shape = self.shape.shape
            foreground = lax.broadcasted_iota(jnp.int32, shape, len(shape) - 1) > 0
            exists = foreground if exists is None else exists & foreground
        if exists is None:
            return None
        exists = exists if self.valid is None else exists | jnp.isnan(self.valid)
        return jnp.broadcast_to(exists, self.shape.shape)

    def finish(
        self,
        name: str,
        values: Array,
        weights: ArrayLike | None,
        reduction: Reduction,
        *,
        exists: Array | None = None,
        per: Literal["region", "image"] = "region",
    ) -> Any:
        """Mark the images with a label outside the classes, and reduce."""
        valid, images = self.valid, self._images()
        if per == "image" and self.classes:
            valid, images = (x if x is None else x[..., 0] for x in (valid, images))
        exists = images if exists is None else exists
        if valid is not None:
            values = values * valid
            exists = exists if exists is None else exists | jnp.isnan(valid)
        exists = exists if exists is None else jnp.broadcast_to(exists, values.shape)
        return reduce.apply(name, values, where=exists, weights=weights, reduction=reduction)

    def _images(self) -> Array | None:
        """Which images have a pixel, shaped to stretch to the unreduced loss; None for all."""
        empty = any(self.predictions.shape[axis] == 0 for axis in self.axes)
        return self.count() > 0 if self.where is not None or empty else None


def class_regions(
    name: str,
    predictions: ArrayLike,
    labels: ArrayLike,
    *,
    axis: Axis,
    where: ArrayLike | None,
    ignore_index: int | None,
    argument: str = "probabilities",
    dense: bool = True,
) -> Regions:
    """Return the checked and masked regions of images with the classes on the last axis."""
    arguments = (argument, "labels")
    if checks.labels_are_integers(labels):
        predictions, labels, _ = checks.integer_rows(name, predictions, labels, -1, arguments=arguments)
    elif not dense:
        raise TypeError(f"{name}: labels must be integer class ids, got {jnp.result_type(labels)}")
    else:
        _no_ignore_index(name, labels, ignore_index)
        predictions, labels, _ = checks.dense_rows(name, predictions, labels, -1, arguments=arguments)
    axes = pixel_axes(name, predictions, axis, classes=True, argument=argument)
    if not checks.labels_are_integers(labels):
        predictions, labels = reduce.keep(name, where, predictions, labels, axis=-1)
        return Regions(predictions, labels, axes, True, None if where is None else jnp.asarray(where), None)
    classes, rows = predictions.shape[-1], tuple(axis + 1 for axis in axes)
    where, labels, valid = _ids(name, labels, classes, rows, where, ignore_index)
    predictions = reduce.keep(name, where, predictions, axis=-1)
    return Regions(predictions, labels, axes, True, where, valid[..., None].astype(predictions.dtype))


def binary_regions(
    name: str,
    predictions: ArrayLike,
    labels: ArrayLike,
    *,
    axis: Axis,
    where: ArrayLike | None,
    ignore_index: int | None,
    argument: str = "probabilities",
    dense: bool = True,
) -> Regions:
    """Return the checked and masked regions of images with one object, which have no class axis."""
    (predictions,) = checks.floating(name, **{argument: predictions})
    dtype = jnp.result_type(labels)
    if dtype == jnp.bool_ or jnp.issubdtype(dtype, jnp.integer):
        labels = jnp.asarray(labels)
        labels = labels if labels.dtype == jnp.int64 else labels.astype(jnp.int32)
        checks.same_shape(name, **{argument: predictions, "labels": labels})
        axes = pixel_axes(name, predictions, axis, classes=False, argument=argument)
        where, labels, valid = _ids(name, labels, 2, axes, where, ignore_index)
        predictions = reduce.keep(name, where, predictions)
        return Regions(predictions, labels, axes, False, where, valid.astype(predictions.dtype))
    if not dense:
        raise TypeError(f"{name}: labels must be integers or booleans, got {dtype}")
    _no_ignore_index(name, labels, ignore_index)
    predictions, labels = checks.real_pair(name, predictions, labels, arguments=(argument, "labels"))
    axes = pixel_axes(name, predictions, axis, classes=False, argument=argument)
    predictions, labels = reduce.keep(name, where, predictions, labels)
    return Regions(predictions, labels, axes, False, None if where is None else jnp.asarray(where), None)


def pixel_axes(name: str, array: Array, axis: Axis, *, classes: bool, argument: str) -> tuple[int, ...]:
    """Return the pixel axes counted from the end and sorted; by default all but that of the examples and the classes.

    Raises ValueError where there are none, and for an axis that is not there or is the class axis.
    """
    n = array.ndim
    if axis is None:
        axis = tuple(range(1, n - 1 if classes else n))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    layout = "[examples, *pixels, classes]" if classes else "[examples, *pixels]"
    if not axes:
        raise ValueError(f"{name}: {argument} must be {layout}, got shape {array.shape}; axis names the pixel axes")
    if not all(-n <= a < n for a in axes):
        raise ValueError(f"{name}: axis {axis} is out of range for {argument} of shape {array.shape}")
    found = tuple(sorted(a if a < 0 else a - n for a in axes))
    if len(set(found)) < len(found) or (classes and -1 in found):
        raise ValueError(f"{name}: axis names pixel axes, each once and not that of the classes, got {axis}")
    return found


def _no_ignore_index(name: str, labels: ArrayLike, ignore_index: int | None) -> None:
    if ignore_index is not None:
        raise ValueError(f"{name}: ignore_index applies to integer labels, got labels of {jnp.result_type(labels)}")


def _ids(
    name: str, labels: Array, classes: int, axes: tuple[int, ...], where: ArrayLike | None, ignore_index: int | None
) -> tuple[Array | None, Array, Array]:
    """Return the mask, labels that are -1 where masked, and 1 or NaN for each image."""
    where = reduce.except_label(where, labels, ignore_index)
    checked = reduce.keep(name, where, labels)
    inside = jnp.all((checked >= 0) & (checked < classes), axes)
    kept = reduce.keep(name, where, labels, fill=-1)
    return None if where is None else jnp.asarray(where), kept, jnp.where(inside, 1.0, jnp.nan)


LONG, LINE = 2048, 512
"""A line of more pixels than this is folded into lines of at most that many, whose terms are added one after the other:
XLA:CPU makes a tree of one sum, but not of several at once."""


# Sums of several terms in one pass, one pixel axis after the other: XLA:CPU takes 1.9 ms for four sums of 512 x 512 x
# 19, with a sum for each term 18, and the rounding error of a sum of sums is that of 512 terms and not of 262144.
@partial(jax.custom_jvp, nondiff_argnums=(1,))
def pixel_sums(terms: tuple[Array, ...], axes: tuple[int, ...]) -> tuple[Array, ...]:
    """Return the sums of arrays of one shape over the pixel axes, given counted from the end and sorted."""
    lines = _line_sums(terms, axes[-1] + terms[0].ndim)
    return tuple(jnp.sum(line, tuple(axis + 1 for axis in axes[:-1])) for line in lines)


def _line_sums(terms: tuple[Array, ...], axis: int) -> tuple[Array, ...]:
    """Return the sums over one axis. A long one is folded; what does not fill the last fold is added."""
    shape, n = terms[0].shape, terms[0].shape[axis]
    if n <= LONG:
        zeros = tuple(np.zeros((), term.dtype) for term in terms)
        return tuple(lax.reduce(terms, zeros, lambda x, y: tuple(map(lax.add, x, y)), (axis,)))
    line = next((m for m in range(LINE, LINE // 8, -1) if n % m == 0), LINE)
    lines = n // line
    whole = terms if n % line == 0 else tuple(lax.slice_in_dim(term, 0, lines * line, axis=axis) for term in terms)
    folded = tuple(term.reshape(*shape[:axis], lines, line, *shape[axis + 1 :]) for term in whole)
    sums = tuple(jnp.sum(part, axis) for part in _line_sums(folded, axis + 1))
    if n % line == 0:
        return sums
    rest = _line_sums(tuple(lax.slice_in_dim(term, lines * line, n, axis=axis) for term in terms), axis)
    return tuple(map(lax.add, sums, rest))


@pixel_sums.defjvp
def _(axes: tuple[int, ...], primals: tuple, tangents: tuple) -> tuple:
    sums = pixel_sums(primals[0], axes)
    counted = lambda total: np.zeros(total.shape, jax.dtypes.float0)  # a count has no derivative
    return sums, tuple(
        jnp.sum(change, axes) if jnp.issubdtype(total.dtype, jnp.floating) else counted(total)
        for total, change in zip(sums, tangents[0], strict=True)
    )
