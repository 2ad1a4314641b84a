"""Swapped prediction: each view predicts the cluster codes of the other."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.embedding.batches import of_batch
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import row_like
from jaxloss.rows.softmax import largest, of_distributions, score, surprises

__all__ = ["sinkhorn_codes", "swav"]


def swav(
    first_scores: Float[ArrayLike, "*shape"],
    second_scores: Float[ArrayLike, "*shape"],
    first_codes: Real[ArrayLike, "*shape"],
    second_codes: Real[ArrayLike, "*shape"],
    *,
    temperature: Real[ArrayLike, "..."] = 0.1,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Cross-entropy of each view's prototypes with the codes of the other view, mean of both.

    .. math::  \ell = -\frac12 \sum_k \Big(q^2_k \log p^1_k + q^1_k \log p^2_k\Big), \qquad
               p^v = \operatorname{softmax}\frac{s^v}{\tau}

    The codes q come from `sinkhorn_codes`, which stops their gradient; here they have one. The paper writes the sum of
    both directions, its program takes their mean.

    Args:
      first_scores, second_scores: real arrays of one shape, by default ``[..., prototypes]``: cosines of the two
        embeddings of each example with the prototypes.
      first_codes, second_codes: arrays of exactly that shape, distributions over the prototypes.
      temperature: positive divisor of the scores; a scalar, or one for each row.
      axis: the axis of the prototypes.
      where, weights, reduction: see :doc:`/reductions`; the unreduced loss has the shape without ``axis``.
    Returns: a scalar, or one value per example with ``reduction="none"``.
    Raises: ValueError for unequal shapes or a temperature that is not positive, TypeError for integer scores.
    Example:
      >>> first, second = jnp.array([[0.1, 0.0], [0.0, 0.2]]), jnp.array([[0.3, 0.0], [0.0, 0.1]])
      >>> swav(first, second, sinkhorn_codes(first), sinkhorn_codes(second))
      Array(0.26221403, dtype=float32)
    References: Caron et al. (2020), Unsupervised learning of visual features by contrasting cluster assignments, eq. 2.
    """
    names = ("first_scores", "second_scores", "first_codes", "second_codes")
    first, second = checks.floating("swav", first_scores=first_scores, second_scores=second_scores)
    dtype = checks.compute_dtype(first, first_codes, second_codes)
    data = checks.real("swav", dtype, **dict(zip(names, (first, second, first_codes, second_codes), strict=True)))
    checks.same_shape("swav", **dict(zip(names, data, strict=True)))
    axis = checks.row_axis("swav", first, axis, "first_scores")
    first, second, first_codes, second_codes = reduce.keep("swav", where, *data, axis=axis)
    warmth = checks.parameter("swav", "temperature", temperature, row_like(first, axis), above=0)

    def predicted(scores: Array, codes: Array) -> Array:
        scores = score(scores, largest("swav", None, scores, axis), warmth)
        return of_distributions(scores, codes, jnp.sum(codes, axis, keepdims=True), axis).nll

    values = 0.5 * (predicted(first, second_codes) + predicted(second, first_codes))
    return reduce.apply("swav", values, where=where, weights=weights, reduction=reduction)


def sinkhorn_codes(
    scores: Float[ArrayLike, "*batch examples prototypes"],
    *,
    epsilon: Real[ArrayLike, "..."] = 0.05,
    iterations: int = 3,
    where: Bool[ArrayLike, "..."] | None = None,
) -> Float[Array, "*batch examples prototypes"]:
    r"""Return soft assignments of a batch to prototypes, each used about equally: codes for `swav`, without gradient.

    Sinkhorn and Knopp's iterations on :math:`e^{s / \epsilon}`: divide each prototype's column by its sum, then each
    example's row by its sum, and repeat. They run on logarithms, where nothing overflows however small epsilon is.
    After each, the codes of an example sum to 1.

    Args:
      scores: real array ``[..., examples, prototypes]``.
      epsilon: positive, in the units of the scores; the smaller, the nearer the codes are to 0 and 1. A scalar, or one
        for each batch, ``[..., 1]``.
      iterations: how many, at least 1; the more, the more equally the prototypes are used.
      where: boolean, which examples exist: scalar, or with the axes ``[..., examples]``. The others have codes of 0.
    Raises: ValueError for shapes that do not fit, an epsilon that is not positive or no iterations, TypeError for
      integer scores.
    Example:
      >>> sinkhorn_codes(jnp.array([[0.2, 0.0], [0.3, 0.0]]), epsilon=0.1)
      Array([[0.3774393 , 0.6225608 ],
             [0.6223579 , 0.37764212]], dtype=float32)
    References: Cuturi (2013), Sinkhorn distances; Caron et al. (2020), Unsupervised learning of visual features by
      contrasting cluster assignments, section 3.1.
    """
    (scores,) = checks.floating("sinkhorn_codes", scores=scores)
    if scores.ndim < 2:
        raise ValueError(f"sinkhorn_codes: scores must have shape [..., examples, prototypes], got {scores.shape}")
    if not isinstance(iterations, int) or iterations < 1:
        raise ValueError(f"sinkhorn_codes: iterations must be an integer of at least 1, got {iterations!r}")
    epsilon = of_batch("sinkhorn_codes", "epsilon", epsilon, scores, above=0)
    scores = lax.stop_gradient(reduce.keep("sinkhorn_codes", where, scores, axis=-1) / epsilon)
    exists = jnp.broadcast_to(True if where is None else where, scores.shape[:-1])[..., None]
    examples = prototypes = jnp.zeros(())
    for _ in range(iterations):
        prototypes = numerics.logsumexp(jnp.where(exists, scores - examples, -jnp.inf), -2, keepdims=True)
        prototypes = jnp.where(prototypes == -jnp.inf, 0, prototypes)
        examples = numerics.logsumexp(scores - prototypes, -1, keepdims=True)
    balanced = scores - prototypes
    codes = surprises(balanced - jnp.max(balanced, -1, keepdims=True), -1).probabilities
    return jnp.where(exists, codes, 0)
