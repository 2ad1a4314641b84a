"""Triplets that come with the data: an anchor, a positive and a negative."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.reduce import Reduction

__all__ = ["triplet_margin"]


def triplet_margin(
    anchors: Float[ArrayLike, "*shape"],
    positives: Float[ArrayLike, "*shape"],
    negatives: Float[ArrayLike, "*shape"],
    *,
    margin: Real[ArrayLike, "..."] = 1.0,
    p: float | int = 2,
    swap: bool = False,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""By how much the positive fails to be nearer to the anchor than the negative is, by the margin.

    .. math::  \ell = \max\big(0,\; m + \|a - p\| - \|a - n\|\big), \\
               \frac{\partial \ell}{\partial p} = -u_{ap}, \quad
               \frac{\partial \ell}{\partial n} = u_{an}, \quad
               \frac{\partial \ell}{\partial a} = u_{ap} - u_{an}
               \quad \text{where } \ell > 0, \text{ else } 0

    with :math:`u_{xy}` the gradient of the norm at x - y, for p = 2 the unit vector along it. Nothing is added to a
    distance: that of equal vectors is 0, with gradient 0. With ``swap`` the negative is compared with whichever of
    anchor and positive is nearer to it.

    Args:
      anchors: real array of vectors a along ``axis``.
      positives: array of exactly that shape, vectors that should be near the anchors.
      negatives: array of exactly that shape, vectors that should be far from them.
      margin: lead m that costs nothing, at least 0, in units of the embeddings.
      p: order of the norm, at least 1 or ``math.inf``.
      swap: measure the negative from the positive, too, and count the shorter distance.
      axis: the axis that holds a vector.
      where, weights, reduction: one value per triplet; see :doc:`/reductions`.
    Returns: a scalar, or one value per triplet with ``reduction="none"``; in units of the embeddings.
    Raises: ValueError for unequal shapes, p < 1 or a negative margin, TypeError for integer embeddings.
    Example:
      >>> anchor, positive, negative = jnp.array([0.0, 0.0]), jnp.array([3.0, 4.0]), jnp.array([0.0, 5.5])
      >>> triplet_margin(anchor, positive, negative)
      Array(0.5, dtype=float32)

    References: Balntas et al. (2016), Learning local feature descriptors with triplets and shallow convolutional
      neural networks (swap), doi:10.5244/C.30.119; Weinberger and Saul (2009), Distance metric learning for large
      margin nearest neighbor classification, JMLR 10.
    """
    name = "triplet_margin"
    anchors, positives, negatives = checks.floating(name, anchors=anchors, positives=positives, negatives=negatives)
    checks.same_shape(name, anchors=anchors, positives=positives, negatives=negatives)
    axis = checks.row_axis(name, anchors, axis, "anchors")
    if not p >= 1:
        raise ValueError(f"{name}: p must be at least 1, got {p}")
    anchors, positives, negatives = reduce.keep(name, where, anchors, positives, negatives, axis=axis)
    near = numerics.safe_norm(anchors - positives, axis, ord=p)
    far = numerics.safe_norm(anchors - negatives, axis, ord=p)
    if swap:
        far = jnp.minimum(far, numerics.safe_norm(positives - negatives, axis, ord=p))
    margin = checks.parameter(name, "margin", margin, near, minimum=0)
    # The difference of two long distances first: the margin does not get lost in either.
    short = margin + (near - far)
    return reduce.apply(name, jnp.where(short > 0, short, 0), where=where, weights=weights, reduction=reduction)
