"""Matthews correlation: a coefficient of all four numbers of a confusion matrix, also of the true negatives."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks
from jaxloss.numerics.elementary import one_dispatch
from jaxloss.reduce import Reduction
from jaxloss.segmentation.regions import Regions, Tally, binary_regions, class_regions, pixel_sums

__all__ = ["binary_matthews", "matthews"]


def matthews(
    probabilities: Float[ArrayLike, "*pixels_and_classes"],
    labels: Real[ArrayLike, "..."],
    *,
    classes: Literal["present", "all"] = "present",
    include_background: bool = True,
    axis: int | tuple[int, ...] | None = None,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""One minus the Matthews correlation coefficient, for each class of each image against all others.

    .. math::  \ell = 1 - \frac{I N - F M}{\sqrt{(I + F)(I + M)(N + F)(N + M)}}, \qquad
               I = \sum_i p_i t_i, \quad F = \sum_i p_i (1 - t_i), \\ M = \sum_i (1 - p_i) t_i, \quad
               N = \sum_i (1 - p_i)(1 - t_i)

    The coefficient is the correlation of predictions and targets that are 0 or 1: chance gives 1, whatever the sizes,
    and the opposite of the truth 2. Where nothing is wrong the loss is 0, with zero gradient; where one of the four
    sums under the root is 0 otherwise (all pixels of one kind), it is 1, with zero gradient.

    Args:
      probabilities: real array ``[examples, *pixels, classes]``, in [0, 1]: softmax or sigmoid of the logits.
      labels: integer class ids of that shape without the classes, NaN for an image with one outside them; or targets
        in [0, 1] of exactly that shape.
      classes: "present" leaves a class that no pixel of the image has out of the mean; with "all" it counts.
      include_background: whether class 0 exists.
      axis: the pixel axes, by default all but the first and the last; with axis 0 among them, the batch is one image.
      ignore_index: label of pixels that do not exist, such as 255.
      where: the pixels that exist, of the shape of the labels without classes.
      weights, reduction: of the classes of each image, see :doc:`/reductions`.
    Returns: a scalar, or with ``reduction="none"`` an array of the shape without the pixel axes; between 0 and 2.
    Raises: ValueError for shapes that do not fit or an axis that is not there, TypeError for integer probabilities.
    Example:
      >>> p = jnp.array([[[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]])
      >>> matthews(p, jnp.array([[0, 0, 1]]), reduction="none")
      Array([[0.45, 0.45]], dtype=float32)
    References: Matthews (1975), doi:10.1016/0005-2795(75)90109-9; Abhishek and Hamarneh (2021), Matthews correlation
      coefficient loss for deep convolutional networks, arXiv:2010.13454.
    """
    name = "matthews"
    checks.choice(name, "classes", classes, ("present", "all"))
    regions = class_regions(name, probabilities, labels, axis=axis, where=where, ignore_index=ignore_index)
    tally = regions.tally()
    exists = regions.exists(tally.size, classes, include_background=include_background)
    return regions.finish(name, _values(regions, tally), weights, reduction, exists=exists)


def binary_matthews(
    probabilities: Float[ArrayLike, "*pixels"],
    labels: Real[ArrayLike, "*pixels"],
    *,
    axis: int | tuple[int, ...] | None = None,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""One minus the Matthews correlation coefficient of one object, for each image.

    .. math::  \ell = 1 - \frac{I N - F M}{\sqrt{(I + F)(I + M)(N + F)(N + M)}}, \qquad
               I = \sum_i p_i t_i, \quad F = \sum_i p_i (1 - t_i), \\ M = \sum_i (1 - p_i) t_i, \quad
               N = \sum_i (1 - p_i)(1 - t_i)

    Where nothing is wrong the loss is 0, with zero gradient; where one of the four sums under the root is 0 otherwise
    (all pixels of one kind), it is 1, with zero gradient.

    Args:
      probabilities: real array ``[examples, *pixels]``, in [0, 1]: sigmoid of the logits.
      labels: array of exactly that shape: booleans, integers 0 and 1 (NaN for an image with any other), or targets in
        [0, 1].
      axis: the pixel axes, by default all but the first.
      ignore_index: label of pixels that do not exist, such as 255.
      where: the pixels that exist, of the shape of the labels.
      weights, reduction: of the images, see :doc:`/reductions`.
    Returns: a scalar, or one value per image with ``reduction="none"``; between 0 and 2.
    Raises: ValueError for shapes that do not fit or an axis that is not there, TypeError for integer probabilities.
    Example:
      >>> binary_matthews(jnp.array([[1.0, 1.0, 0.0, 1.0]]), jnp.array([[1, 1, 0, 0]]))
      Array(0.4226..., dtype=float32)
    References: Matthews (1975), doi:10.1016/0005-2795(75)90109-9; Abhishek and Hamarneh (2021), Matthews correlation
      coefficient loss for deep convolutional networks, arXiv:2010.13454.
    """
    name = "binary_matthews"
    regions = binary_regions(name, probabilities, labels, axis=axis, where=where, ignore_index=ignore_index)
    return regions.finish(name, _values(regions, regions.tally()), weights, reduction)


def _values(regions: Regions, tally: Tally) -> Array:
    p, own = regions.predictions, regions.own
    outside = jnp.where(own, 0, 1 - p) if own.dtype == jnp.bool_ else (1 - p) * (1 - own)
    if regions.kept is not None:
        outside = jnp.where(regions.kept, outside, 0)
    (void,) = pixel_sums((outside,), regions.axes)
    return _matthews(tally.hit, tally.false, tally.missed, void)


# With x = I N, y = F M, u = I M + F N and v = I F + M N, the root is of B^2 = (x + y + u) (x + y + v), and
# B^2 - (x - y)^2 = 4 x y + (x + y) (u + v) + u v: a sum of positive terms, so that 1 - (x - y) / B keeps its digits.
# dM = d(x - y) / B - M/2 (d(I + F) / (I + F) + ...), collected by sum.
@jax.custom_jvp
def _matthews(hit: Array, false: Array, missed: Array, void: Array) -> Array:
    *_, values = _quotients(hit, false, missed, void)
    return values


def _quotients(hit: Array, false: Array, missed: Array, void: Array) -> tuple[Array, ...]:
    """Return the four margins over the root, their inverses, the correlation, and one minus it."""
    count = hit + false + missed + void
    inverse = 1 / jnp.where(count == 0, 1, count)
    i, f, m, n = hit * inverse, false * inverse, missed * inverse, void * inverse
    defined = ((i + f) > 0) & ((i + m) > 0) & ((n + f) > 0) & ((n + m) > 0)
    found, true = jnp.where(defined, (i + f) * (n + m), 1), jnp.where(defined, (i + m) * (n + f), 1)
    root = jnp.sqrt(found) * jnp.sqrt(true)
    x, y, u, v = i * n, f * m, i * m + f * n, i * f + m * n
    correlation = jnp.where(defined, (x - y) / root, 0)
    wrong = (4 * x * y + (x + y) * (u + v) + u * v) / found / true
    values = jnp.where(correlation > 0, wrong / (1 + jnp.maximum(correlation, 0)), 1 - correlation)
    values = jnp.where(defined, values, jnp.where(f + m == 0, 0, 1))
    return i, f, m, n, root, inverse, defined, correlation, values


@_matthews.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    i, f, m, n, root, inverse, defined, correlation, values = _quotients(*primals)
    di, df, dm, dn = tangents
    half = 0.5 * correlation
    one_over = lambda total: 1 / jnp.where(defined, total, 1)
    a, b, c, d = one_over(i + f), one_over(i + m), one_over(n + f), one_over(n + m)
    slope = (half * (a + b) - n / root) * di + (half * (a + c) + m / root) * df
    slope += (half * (b + d) + f / root) * dm + (half * (c + d) - i / root) * dn
    return values, slope * jnp.where(defined, inverse, 0)  # a product: the NaN of a wrong label comes through


_matthews = one_dispatch(_matthews)
