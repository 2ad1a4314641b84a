"""Overlap losses of boxes, from areas: what the boxes cover together, apart and not at all."""

from __future__ import annotations

from typing import Any

from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import reduce
from jaxloss.detection.areas import one_minus_iou, vacancy
from jaxloss.detection.geometry import Format, boxes
from jaxloss.reduce import Reduction

__all__ = ["giou", "iou"]


def iou(
    predictions: Float[ArrayLike, "*boxes 4"],
    targets: Real[ArrayLike, "*boxes 4"],
    *,
    format: Format = "xyxy",
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Intersection over union: the area that one box covers and the other does not, by the area that either covers.

    .. math::  \ell = 1 - \frac{I}{U} = \frac{(A - I) + (B - I)}{U}, \qquad U = A + B - I, \qquad
               d\ell = \frac{I \, (dA + dB) - (A + B) \, dI}{U^2}

    with the areas A of the prediction, B of the target and I of their intersection. Boxes that do not meet have loss 1
    and no gradient: nothing pulls them together, which is what the losses below are for. An edge that lies on the
    target's takes the mean of the slopes on either side, so boxes that agree have loss 0 and gradient 0. Two boxes
    without area that meet have loss 0 and no gradient.

    Multiplying all coordinates by a number, 1e15 or 1e-15, changes nothing, and moving them neither. A box whose edges
    come in the wrong order is the rectangle between them: it has a gradient like any other.

    Args:
      predictions: real array, one box along the last axis, with any axes in front; in pixels or any other unit.
      targets: array of exactly that shape, in the same unit.
      format: what the four numbers are: "xyxy", two opposite corners; "xywh", the corner of the lowest coordinates,
        width and height; "cxcywh", centre, width and height. Of predictions and targets alike.
      where, weights, reduction: of the boxes, see :doc:`/reductions`.
    Returns: a scalar, or one value per box with ``reduction="none"``; between 0 and 1.
    Raises: ValueError for unequal shapes, a last axis that is not 4 or an unknown format, TypeError for integer
      predictions.
    Example: one box that covers half of the other, and one that is elsewhere.
      >>> iou(jnp.array([[0.0, 0, 1, 2], [5, 5, 6, 6]]), jnp.array([[0, 0, 2, 2], [0, 0, 2, 2]]), reduction="none")
      Array([0.5, 1. ], dtype=float32)
    References: Yu et al. (2016), UnitBox: an advanced object detection network, arXiv:1608.01471, with the logarithm
      of the index instead.
    """
    x, y = boxes("iou", predictions, targets, format, where)
    return reduce.apply("iou", one_minus_iou(x, y), where=where, weights=weights, reduction=reduction)


def giou(
    predictions: Float[ArrayLike, "*boxes 4"],
    targets: Real[ArrayLike, "*boxes 4"],
    *,
    format: Format = "xyxy",
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Generalized IoU: also the share of the hull, the smallest box around both, that neither box covers.

    .. math::  \ell = 1 - \frac{I}{U} + \frac{C - U}{C}, \qquad
               d\ell = \frac{I \, (dA + dB) - (A + B) \, dI}{U^2} + \frac{U \, dC - C \, dU}{C^2}

    with the area C of the hull. Boxes apart are pulled together, often by growing first. Boxes that agree have loss 0
    and gradient 0; a hull without area has no empty share.

    Args:
      predictions: real array, one box along the last axis, with any axes in front; in pixels or any other unit.
      targets: array of exactly that shape, in the same unit.
      format: "xyxy", "xywh" or "cxcywh", see `iou`, which also says what boxes without area or in the wrong order are.
      where, weights, reduction: of the boxes, see :doc:`/reductions`.
    Returns: a scalar, or one value per box with ``reduction="none"``; between 0 and 2.
    Raises: ValueError for unequal shapes, a last axis that is not 4 or an unknown format, TypeError for integer
      predictions.
    Example: two unit squares in opposite corners of a hull of 3 by 3.
      >>> giou(jnp.array([0.0, 0, 1, 1]), jnp.array([2, 2, 3, 3]))
      Array(1.7777778, dtype=float32)
    References: Rezatofighi et al. (2019), Generalized intersection over union, arXiv:1902.09630.
    """
    x, y = boxes("giou", predictions, targets, format, where)
    values = one_minus_iou(x, y) + vacancy(x, y)
    return reduce.apply("giou", values, where=where, weights=weights, reduction=reduction)
