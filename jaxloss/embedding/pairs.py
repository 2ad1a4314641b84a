"""Losses of two inputs that are compared with each other: alike or not, higher or lower."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.reduce import Reduction
from jaxloss.regression.cosine import cosine_distance, cosine_similarity

__all__ = ["contrastive_pair", "cosine_embedding", "margin_ranking"]


def contrastive_pair(
    first: Float[ArrayLike, "*shape"],
    second: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "*pairs"],
    *,
    margin: Real[ArrayLike, "..."] = 1.0,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Pulls embeddings of the same thing together, and pushes others apart until they are a margin away.

    .. math::  \ell = \tfrac12\, y\, D^2 + \tfrac12 (1 - y) \max(0, m - D)^2, \qquad D = \|a - b\|_2, \\
               \frac{\partial \ell}{\partial a} = \big(y D - (1 - y) \max(0, m - D)\big) \frac{a - b}{D}

    Two equal vectors have the gradient 0, also where the label wants them apart. Some programs leave out the halves, or
    label what is the same with 0.

    Args:
      first: real array of vectors a along ``axis``.
      second: array of exactly that shape, the vectors b.
      labels: of the shape without ``axis``: 1 for a pair of the same, 0 for a pair of different things, or a
        probability of being the same.
      margin: distance m, at least 0, from which different things cost nothing; in units of the embeddings.
      axis: the axis that holds a vector.
      where, weights, reduction: one value per pair; see :doc:`/reductions`.
    Returns: a scalar, or one value per pair with ``reduction="none"``; in squared units of the embeddings.
    Raises: ValueError for shapes that do not fit or a negative margin, TypeError for integer embeddings.
    Example:
      >>> first, second = jnp.zeros((2, 2)), jnp.array([[0.3, 0.4], [0.3, 0.4]])
      >>> contrastive_pair(first, second, jnp.array([1, 0]), reduction="none")
      Array([0.125, 0.125], dtype=float32)

    References: Hadsell, Chopra and LeCun (2006), Dimensionality reduction by learning an invariant mapping,
      doi:10.1109/CVPR.2006.100.
    """
    name = "contrastive_pair"
    first, second, labels, axis = _pairs(name, first, second, labels, axis)
    margin = checks.parameter(name, "margin", margin, labels, minimum=0)
    first, second = reduce.keep(name, where, first, second, axis=axis)
    labels = reduce.keep(name, where, labels)
    distance = numerics.safe_norm(first - second, axis)
    short = jnp.where(distance < margin, margin - distance, 0)
    # Not y D^2: where y is 0 and the square overflows, that is NaN.
    values = 0.5 * ((labels * distance) * distance + ((1 - labels) * short) * short)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def cosine_embedding(
    first: Float[ArrayLike, "*shape"],
    second: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "*pairs"],
    *,
    margin: Real[ArrayLike, "..."] = 0.0,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Turns embeddings of the same thing to one direction, and others until their cosine is at most the margin.

    .. math::  \ell = \begin{cases} 1 - \cos(a, b) & y = 1 \\ \max(0, \cos(a, b) - m) & y = -1 \end{cases}

    The gradient is plus or minus that of the cosine, and 0 where the cosine is the margin. Nearly parallel vectors keep
    their digits; a zero vector has the cosine 0 to every vector, with zero gradient.

    Args:
      first: real array of vectors a of any length along ``axis``.
      second: array of exactly that shape, the vectors b.
      labels: of the shape without ``axis``: 1 for a pair of the same, -1 for a pair of different things.
      margin: cosine m, between -1 and 1, up to which different things cost nothing.
      axis: the axis that holds a vector.
      where, weights, reduction: one value per pair; see :doc:`/reductions`.
    Returns: a scalar, or one value per pair with ``reduction="none"``; between 0 and 2.
    Raises: ValueError for shapes that do not fit or a margin out of its range; TypeError for integer embeddings, and
      for boolean or unsigned labels, which cannot be -1.
    Example:
      >>> first, second = jnp.array([[1.0, 0.0], [1.0, 0.0]]), jnp.array([[3.0, 4.0], [3.0, 4.0]])
      >>> cosine_embedding(first, second, jnp.array([1, -1]), reduction="none")
      Array([0.40000004, 0.6       ], dtype=float32)
    References: Paszke et al. (2019), PyTorch (``CosineEmbeddingLoss``), arXiv:1912.01703.
    """
    name = "cosine_embedding"
    _signs(name, labels)
    first, second, labels, axis = _pairs(name, first, second, labels, axis)
    margin = checks.parameter(name, "margin", margin, labels, minimum=-1, maximum=1)
    first, second = reduce.keep(name, where, first, second, axis=axis)
    labels = reduce.keep(name, where, labels)
    cosine = cosine_similarity(first, second, axis=axis, reduction="none")
    apart = jnp.where(cosine > margin, cosine - margin, 0)
    values = jnp.where(labels > 0, cosine_distance(first, second, axis=axis, reduction="none"), apart)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def margin_ranking(
    first: Float[ArrayLike, "*shape"],
    second: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "*shape"],
    *,
    margin: Real[ArrayLike, "..."] = 0.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""By how much the score that should be higher fails to lead the other by the margin.

    .. math::  \ell = \max\big(0,\; m - y\,(a - b)\big), \qquad
               \frac{\partial \ell}{\partial a} = -y \text{ where } y\,(a - b) \le m, \text{ else } 0

    At the kink the gradient is that of a lead that is too small: with the margin 0, equal scores learn to differ.

    Args:
      first: real array of scores a, of any shape.
      second: array of exactly that shape, the scores b.
      labels: array of exactly that shape: 1 where the first should be higher, -1 where the second.
      margin: the lead m that costs nothing, in units of the scores.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per pair with ``reduction="none"``; in units of the scores.
    Raises: ValueError for unequal shapes; TypeError for integer scores, and for boolean or unsigned labels, which
      cannot be -1.
    Example:
      >>> scores = jnp.array([2.0, 2.0]), jnp.array([1.5, 1.5])
      >>> margin_ranking(*scores, jnp.array([1, -1]), margin=1.0, reduction="none")
      Array([0.5, 1.5], dtype=float32)

    References: Herbrich, Graepel and Obermayer (2000), Large margin rank boundaries for ordinal regression; as
      ``torch.nn.MarginRankingLoss``.
    """
    name = "margin_ranking"
    _signs(name, labels)
    first, second = checks.floating(name, first=first, second=second)
    (labels,) = checks.real(name, first.dtype, labels=labels)
    checks.same_shape(name, first=first, second=second, labels=labels)
    margin = checks.parameter(name, "margin", margin, first)
    first, second, labels = reduce.keep(name, where, first, second, labels)
    short = margin - labels * (first - second)
    values = jnp.where(short >= 0, short, 0)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def _signs(name: str, labels: ArrayLike) -> None:
    dtype = jnp.result_type(labels)
    if dtype == jnp.bool_ or jnp.issubdtype(dtype, jnp.unsignedinteger):
        raise TypeError(f"{name}: labels must be -1 and +1, got {dtype}")


def _pairs(
    name: str, first: ArrayLike, second: ArrayLike, labels: ArrayLike, axis: int
) -> tuple[Array, Array, Array, int]:
    """Return two arrays of vectors of one shape, labels of that shape without the axis, and that axis from the end."""
    first, second = checks.floating(name, first=first, second=second)
    checks.same_shape(name, first=first, second=second)
    (labels,) = checks.real(name, first.dtype, labels=labels)
    axis = checks.row_axis(name, first, axis, "first")
    pairs = first.shape[: first.ndim + axis] + first.shape[first.ndim + axis + 1 :]
    if labels.shape != pairs:
        raise ValueError(
            f"{name}: labels must have shape {pairs}, that of first {first.shape} without axis {axis}, "
            f"got {labels.shape}"
        )
    return first, second, labels, axis
