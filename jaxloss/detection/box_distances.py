"""Overlap losses of boxes that also see how far apart the centres are, and how unequal the sides."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.detection.areas import Slopes, change_of, one_minus_iou
from jaxloss.detection.geometry import Axis, Format, boxes
from jaxloss.numerics.elementary import _one_minus_exp, derivative
from jaxloss.numerics.pairs import ratio
from jaxloss.reduce import Reduction

__all__ = ["ciou", "diou", "eiou", "siou"]


def diou(
    predictions: Float[ArrayLike, "*boxes 4"],
    targets: Real[ArrayLike, "*boxes 4"],
    *,
    format: Format = "xyxy",
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Distance IoU: also the squared distance of the centres, by the squared diagonal of the hull.

    .. math::  \ell = 1 - \frac{I}{U} + \frac{d_x^2 + d_y^2}{c_x^2 + c_y^2}

    with the distances d between the centres and the sides c of the hull, the smallest box around both. Boxes apart are
    pulled together centre to centre. Boxes that agree have loss 0 and gradient 0.

    Args:
      predictions: real array, one box along the last axis, with any axes in front; in pixels or any other unit.
      targets: array of exactly that shape, in the same unit.
      format: "xyxy", "xywh" or "cxcywh", see `iou`, which also says what boxes without area or in the wrong order are.
      where, weights, reduction: of the boxes, see :doc:`/reductions`.
    Returns: a scalar, or one value per box with ``reduction="none"``; between 0 and 2.
    Raises: ValueError for unequal shapes, a last axis that is not 4 or an unknown format, TypeError for integer
      predictions.
    Example: two unit squares in opposite corners of a hull of 3 by 3.
      >>> diou(jnp.array([0.0, 0, 1, 1]), jnp.array([2, 2, 3, 3]))
      Array(1.4444444, dtype=float32)
    References: Zheng et al. (2020), Distance-IoU loss: faster and better learning for bounding box regression,
      arXiv:1911.08287.
    """
    x, y = boxes("diou", predictions, targets, format, where)
    values = one_minus_iou(x, y) + _distance(x, y)
    return reduce.apply("diou", values, where=where, weights=weights, reduction=reduction)


def ciou(
    predictions: Float[ArrayLike, "*boxes 4"],
    targets: Real[ArrayLike, "*boxes 4"],
    *,
    format: Format = "xyxy",
    alpha: Real[ArrayLike, "..."] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Complete IoU: `diou` plus the squared difference of the aspect ratios, taken as angles.

    .. math::  \ell = 1 - \frac{I}{U} + \frac{d_x^2 + d_y^2}{c_x^2 + c_y^2} + \alpha v, \qquad
               v = \frac{4}{\pi^2} (\theta - \theta_t)^2, \quad \theta = \operatorname{atan2}(w, h), \qquad
               \alpha = \frac{v}{1 - I/U + v}

    As in the paper and in torchvision, :math:`\alpha` is a weight that is held fixed: it has no gradient, so the
    gradient of this loss is not that of its value. As an argument, a number or one for each box, it is an ordinary
    parameter. The slopes of :math:`\theta` are :math:`h / (w^2 + h^2)` and :math:`-w / (w^2 + h^2)`, of which the
    paper's authors omit the denominator. A box of no size has no aspect ratio, and then v = 0. Boxes that agree have
    loss 0 and gradient 0.

    Args:
      predictions: real array, one box along the last axis, with any axes in front; in pixels or any other unit.
      targets: array of exactly that shape, in the same unit.
      format: "xyxy", "xywh" or "cxcywh", see `iou`, which also says what boxes without area or in the wrong order are.
      alpha: weight of v, at least 0; a number, or an array, which may be learned. None: that of the paper, above.
      where, weights, reduction: of the boxes, see :doc:`/reductions`.
    Returns: a scalar, or one value per box with ``reduction="none"``.
    Raises: ValueError for unequal shapes, a last axis that is not 4, an unknown format or a negative alpha, TypeError
      for integer predictions.
    Example: a box that lies where it should, twice as wide and half as high.
      >>> ciou(jnp.array([0.0, 0, 4, 1]), jnp.array([1, -0.5, 3, 1.5]))
      Array(0.6845134, dtype=float32)
    References: Zheng et al. (2020), Distance-IoU loss: faster and better learning for bounding box regression,
      arXiv:1911.08287.
    """
    x, y = boxes("ciou", predictions, targets, format, where)
    overlap = one_minus_iou(x, y)
    v = (2 / math.pi * _turn(x, y)) ** 2
    if alpha is None:
        alpha = lax.stop_gradient(ratio(v, overlap + v))
    else:
        alpha = checks.parameter("ciou", "alpha", alpha, v, minimum=0)
    values = overlap + _distance(x, y) + alpha * v
    return reduce.apply("ciou", values, where=where, weights=weights, reduction=reduction)


def eiou(
    predictions: Float[ArrayLike, "*boxes 4"],
    targets: Real[ArrayLike, "*boxes 4"],
    *,
    format: Format = "xyxy",
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Efficient IoU: `diou` plus the squared differences of the sides, each by the side of the hull.

    .. math::  \ell = 1 - \frac{I}{U} + \frac{d_x^2 + d_y^2}{c_x^2 + c_y^2} + \left(\frac{w - w_t}{c_x}\right)^2 +
               \left(\frac{h - h_t}{c_y}\right)^2

    Where `ciou` sees an aspect ratio, this sees both sides: a box that is too small all over still has to grow. Boxes
    that agree have loss 0 and gradient 0. Weighted by a power of the index it is the focal EIoU of the paper:
    ``weights=jax.lax.stop_gradient(1 - iou(..., reduction="none")) ** 0.5``.

    Args:
      predictions: real array, one box along the last axis, with any axes in front; in pixels or any other unit.
      targets: array of exactly that shape, in the same unit.
      format: "xyxy", "xywh" or "cxcywh", see `iou`, which also says what boxes without area or in the wrong order are.
      where, weights, reduction: of the boxes, see :doc:`/reductions`.
    Returns: a scalar, or one value per box with ``reduction="none"``; between 0 and 4.
    Raises: ValueError for unequal shapes, a last axis that is not 4 or an unknown format, TypeError for integer
      predictions.
    Example: a box around the target's centre, twice as large.
      >>> eiou(jnp.array([-2.0, -2, 2, 2]), jnp.array([-1, -1, 1, 1]))
      Array(1.25, dtype=float32)
    References: Zhang et al. (2022), Focal and efficient IOU loss for accurate bounding box regression,
      arXiv:2101.08158.
    """
    x, y = boxes("eiou", predictions, targets, format, where)
    values = one_minus_iou(x, y) + _distance(x, y) + _swelling(x) ** 2 + _swelling(y) ** 2
    return reduce.apply("eiou", values, where=where, weights=weights, reduction=reduction)


def siou(
    predictions: Float[ArrayLike, "*boxes 4"],
    targets: Real[ArrayLike, "*boxes 4"],
    *,
    format: Format = "xyxy",
    theta: Real[ArrayLike, "..."] = 4.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""SCYLLA IoU: distance of the centres, which counts most along an axis, and difference of the sides.

    .. math::  \ell = 1 - \frac{I}{U} + \frac{1}{2} \sum_{a = x, y} \left(1 - e^{-\gamma (d_a / c_a)^2}\right) +
               \frac{1}{2} \sum_{s = w, h} \left(1 - e^{-\omega_s}\right)^\theta, \qquad
               \gamma = 2 - \frac{2 |d_x d_y|}{d_x^2 + d_y^2}, \quad \omega_s = \frac{|s - s_t|}{\max(s, s_t)}

    with the distances d between the centres and the sides c of the hull. The paper writes the quotient in
    :math:`\gamma` as :math:`1 - 2 \sin^2(\arcsin(d_y / \sqrt{d_x^2 + d_y^2}) - \pi / 4)`, which is the same. Boxes that
    agree have loss 0 and, for :math:`\theta > 1`, gradient 0.

    Args:
      predictions: real array, one box along the last axis, with any axes in front; in pixels or any other unit.
      targets: array of exactly that shape, in the same unit.
      format: "xyxy", "xywh" or "cxcywh", see `iou`, which also says what boxes without area or in the wrong order are.
      theta: exponent of the differences of the sides, at least 1; the paper takes 2 to 6. A number, or an array, which
        may be learned.
      where, weights, reduction: of the boxes, see :doc:`/reductions`.
    Returns: a scalar, or one value per box with ``reduction="none"``; between 0 and 2.5.
    Raises: ValueError for unequal shapes, a last axis that is not 4, an unknown format or theta below 1, TypeError for
      integer predictions.
    Example: a unit square one side away from its target.
      >>> siou(jnp.array([1.0, 0, 2, 1]), jnp.array([0, 0, 1, 1]))
      Array(1.1967..., dtype=float32)
    References: Gevorgyan (2022), SIoU loss: more powerful learning for bounding box regression, arXiv:2205.12740.
    """
    x, y = boxes("siou", predictions, targets, format, where)
    overlap = one_minus_iou(x, y)
    theta = checks.parameter("siou", "theta", theta, overlap, minimum=1)
    squares = x.shift * x.shift, y.shift * y.shift
    # 2 - 2 |ab| / (a^2 + b^2) = 1 + (|a| - |b|)^2 / (a^2 + b^2)
    unequal = jnp.sign(x.shift) * x.shift - jnp.sign(y.shift) * y.shift
    gamma = 1 + ratio(unequal * unequal, squares[0] + squares[1])
    distance = sum(_rise(gamma * ratio(axis.shift, axis.hull) ** 2) for axis in (x, y))
    shape = sum(numerics.power(_rise(_contrast(axis)), theta) for axis in (x, y))
    values = overlap + 0.5 * (distance + shape)
    return reduce.apply("siou", values, where=where, weights=weights, reduction=reduction)


def _distance(x: Axis, y: Axis) -> Array:
    """Squared distance of the centres by the squared diagonal of the hull."""
    return ratio(x.shift * x.shift + y.shift * y.shift, x.hull * x.hull + y.hull * y.hull)


# With r = (w - w_t) / c, an edge of the prediction that moves out by ds has dr = ds / c within the target's reach and
# (1 - r) ds / c beyond it, where c grows with it: 1 - r = (c - w + w_t) / c, a sum.
@jax.custom_jvp
def _swelling(axis: Axis) -> Array:
    """Return (w - w_t) / c, 0 where the hull has no length."""
    return axis.growth / _positive(axis.hull)


@_swelling.defjvp
def _swelling_jvp(primals: tuple[Axis], tangents: tuple[Axis]) -> tuple[Array, Array]:
    (axis,), (tangent,) = primals, tangents
    within = 1 / _positive(axis.hull)
    beyond = (axis.short + axis.target) * within * within
    target_beyond = (axis.beyond + axis.size) * within * within
    prediction, target = (
        Slopes(within, beyond, within + beyond),
        Slopes(-within, -target_beyond, -within - target_beyond),
    )
    return _swelling(axis), change_of(axis, tangent, prediction, target)


# The difference of two angles is the angle of the product of one with the conjugate of the other. Its imaginary part
# w h_t - h w_t is (w - w_t) h_s - (h - h_t) w_s for the sides s of either box: nothing is lost where the boxes nearly
# agree, and of boxes of unlike size, where the smaller one is taken, no more than the sides imply.
@jax.custom_jvp
def _turn(x: Axis, y: Axis) -> Array:
    """Return atan2(w, h) - atan2(w_t, h_t); 0 if either box has no size."""
    length, target = jnp.maximum(x.size, y.size), jnp.maximum(x.target, y.target)
    w, h = (axis.size / _positive(length) for axis in (x, y))
    target_w, target_h = (axis.target / _positive(target) for axis in (x, y))
    dw, dh = (axis.growth / _positive(jnp.maximum(length, target)) for axis in (x, y))
    smaller = length < target
    sine = dw * jnp.where(smaller, h, target_h) - dh * jnp.where(smaller, w, target_w)
    angle = jnp.arctan2(sine, w * target_w + h * target_h)
    return jnp.where((length > 0) & (target > 0), angle, 0)


@_turn.defjvp
def _turn_jvp(primals: tuple[Axis, Axis], tangents: tuple[Axis, Axis]) -> tuple[Array, Array]:
    (x, y), (dx, dy) = primals, tangents
    change = _angle(x.size, y.size, dx.size, dy.size) - _angle(x.target, y.target, dx.target, dy.target)
    return _turn(x, y), change


def _angle(w: Array, h: Array, dw: Array, dh: Array) -> Array:
    """Return d atan2(w, h) = (h dw - w dh) / (w^2 + h^2)."""
    length = _positive(jnp.maximum(w, h))
    w, h = w / length, h / length
    square = jnp.maximum(w * w + h * h, 1)  # below 1 only for a box of no size
    return h / square / length * dw - w / square / length * dh


@derivative(lambda x: jnp.exp(-x))
def _rise(x: Array) -> Array:
    """Return 1 - e^-x."""
    return _one_minus_exp(x, jnp.exp(-x))


# 1 - t/s for a side s above that of the target t, 1 - s/t below: the derivative is (t ds - s dt) / max(s, t)^2 in the
# one case, and minus that in the other.
@jax.custom_jvp
def _contrast(axis: Axis) -> Array:
    """Return |s - t| / max(s, t), 0 where both are 0."""
    return jnp.abs(axis.growth) / _positive(jnp.maximum(axis.size, axis.target))


@_contrast.defjvp
def _contrast_jvp(primals: tuple[Axis], tangents: tuple[Axis]) -> tuple[Array, Array]:
    (axis,), (change,) = primals, tangents
    longer = _positive(jnp.maximum(axis.size, axis.target))
    turned = axis.target / longer * change.size - axis.size / longer * change.target
    return _contrast(axis), jnp.sign(axis.growth) / longer * turned


def _positive(length: Array) -> Array:
    """The length, or 1 in its place where it is 0."""
    return jnp.where(length > 0, length, 1)
