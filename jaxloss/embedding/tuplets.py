"""An anchor and all its negatives at once: N-pairs, lifted structure, angles of triangles."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, numerics, reduce
from jaxloss.embedding.distances import (
    Batch,
    inner_products,
    labelled_batch,
    pair_cosines,
    pair_distances,
    positive_part,
)
from jaxloss.reduce import Reduction

__all__ = ["angular", "lifted_structure", "n_pairs"]


def n_pairs(
    embeddings: Float[ArrayLike, "*batch examples features"],
    labels: Int[ArrayLike, "*batch examples"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy that tells each positive of an anchor from all its negatives, by inner products.

    .. math::  \ell_a = \frac{1}{|P_a|} \sum_{p \in P_a} \log\Big(1 + \sum_{n \in N_a} e^{x_a \cdot x_n -
               x_a \cdot x_p}\Big)

    The positives :math:`P_a` of an anchor are the other examples of its label, the negatives :math:`N_a` all of another
    label. Sohn draws two examples of each class and takes one of them as the anchor, the others' partners as its
    negatives; here every example is an anchor, and all of other classes are negatives. Embeddings are not normalized,
    as in the paper, which keeps them short by a penalty on their squared norm instead (`jaxloss.l2`). An anchor without
    a positive or without a negative does not exist.

    Args:
      embeddings: real array [..., examples, features]; inner products must be representable.
      labels: integers [..., examples], of any values; the examples of one label are alike.
      where: which examples exist, with as many axes as the labels.
      weights, reduction: one value per anchor; see :doc:`/reductions`.
    Returns: a scalar, or one value per anchor with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit, TypeError for integer embeddings or real labels.
    Example:
      >>> embeddings = jnp.array([[2.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
      >>> n_pairs(embeddings, jnp.array([0, 0, 1, 1]), reduction="none")
      Array([0.23954476, 0.23954476, 0.09492296, 0.09492296], dtype=float32)
    References: Sohn (2016), Improved deep metric learning with multi-class n-pair loss objective, NeurIPS 29.
    """
    name = "n_pairs"
    batch = labelled_batch(name, embeddings, labels, where)
    products = inner_products(batch.embeddings)
    against = numerics.logsumexp(jnp.where(batch.negative_pairs(), products, -jnp.inf), -1, keepdims=True)
    values = _mean_over_positives(batch, lambda pairs: numerics.softplus(against - jnp.where(pairs, products, 0)))
    return reduce.apply(name, values, where=batch.anchors, weights=weights, reduction=reduction)


def lifted_structure(
    embeddings: Float[ArrayLike, "*batch examples features"],
    labels: Int[ArrayLike, "*batch examples"],
    *,
    margin: float | Real[ArrayLike, "..."] = 1.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Smooth version of the hardest triplet of each anchor, in which all its distances take part.

    .. math::  \ell_a = \max\Big(0,\; \log \sum_{p \in P_a} e^{D_{ap}} + \log \sum_{n \in N_a} e^{m - D_{an}}\Big),
               \qquad D_{xy} = \|x - y\|_2

    This is the generalized form of Hermans et al., with one value per anchor; the first form, of Song et al., has one
    per pair of positives. The positives :math:`P_a` of an anchor are the other examples of its label, the negatives
    :math:`N_a` all of another label. An anchor without a positive or without a negative does not exist. Embeddings are
    not normalized. Equal ones have distance 0, with gradient 0.

    Args:
      embeddings: real array [..., examples, features].
      labels: integers [..., examples], of any values; the examples of one label are alike.
      margin: lead m, at least 0, in units of the embeddings; a number or an array, which may be learned, with as many
        axes as the labels.
      where: which examples exist, with as many axes as the labels.
      weights, reduction: one value per anchor; see :doc:`/reductions`.
    Returns: a scalar, or one value per anchor with ``reduction="none"``; in units of the embeddings.
    Raises: ValueError for shapes that do not fit or a negative margin, TypeError for integer embeddings or real labels.
    Example:
      >>> embeddings = jnp.array([[0.0], [1.0], [1.5], [4.0]])
      >>> lifted_structure(embeddings, jnp.array([0, 0, 1, 1]), reduction="none")
      Array([0.5788897, 1.5788897, 3.3132615, 0.8132615], dtype=float32)

    References: Hermans, Beyer and Leibe (2017), In defense of the triplet loss for person re-identification,
      arXiv:1703.07737; Song et al. (2016), Deep metric learning via lifted structured feature embedding,
      arXiv:1511.06452.
    """
    name = "lifted_structure"
    batch = labelled_batch(name, embeddings, labels, where)
    distances = pair_distances(batch.embeddings)
    margin = checks.parameter(name, "margin", margin, distances[..., 0], minimum=0)
    near = numerics.logsumexp(jnp.where(batch.positive_pairs(), distances, -jnp.inf), -1)
    far = numerics.logsumexp(jnp.where(batch.negative_pairs(), -distances, -jnp.inf), -1)
    anchors = batch.anchors
    values = positive_part(jnp.where(anchors, near, 0) + jnp.where(anchors, far, 0) + margin)
    return reduce.apply(name, values, where=anchors, weights=weights, reduction=reduction)


def angular(
    embeddings: Float[ArrayLike, "*batch examples features"],
    labels: Int[ArrayLike, "*batch examples"],
    *,
    angle: float | int = 45.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Bounds the angle at the negative, in the triangle that it makes with anchor and positive.

    .. math::  \ell_a = \frac{1}{|P_a|} \sum_{p \in P_a} \log\Big(1 + \sum_{n \in N_a} e^{f_{apn}}\Big), \qquad
               f_{apn} = 4 \tan^2\!\alpha \; (x_a + x_p) \cdot x_n - 2 (1 + \tan^2\!\alpha)\; x_a \cdot x_p

    with x the normalized embeddings. The positives :math:`P_a` of an anchor are the other examples of its label, the
    negatives :math:`N_a` all of another label; an anchor without a positive or without a negative does not exist. The
    paper adds it to `n_pairs`, and draws two examples of each class.

    Memory is that of a few arrays [examples, examples], time that of a product of such matrices.

    Args:
      embeddings: real array [..., examples, features], of any length; a zero vector stays one.
      labels: integers [..., examples], of any values; the examples of one label are alike.
      angle: the largest angle :math:`\alpha` that costs little, in degrees, between 0 and 60; the paper takes 36 to 55.
      where: which examples exist, with as many axes as the labels.
      weights, reduction: one value per anchor; see :doc:`/reductions`.
    Returns: a scalar, or one value per anchor with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or an angle out of its range, TypeError for integer embeddings or real
      labels.
    Example:
      >>> embeddings = jnp.array([[2.0, 0.0], [4.0, 3.0], [0.0, 1.0], [-3.0, 4.0]])
      >>> angular(embeddings, jnp.array([0, 0, 1, 1]), reduction="none")
      Array([0.37364888, 0.37364888, 0.37364888, 0.37364888], dtype=float32)
    References: Wang, J. et al. (2017), Deep metric learning with angular loss, arXiv:1708.01682.
    """
    name = "angular"
    batch = labelled_batch(name, embeddings, labels, where)
    angle = checks.parameter(name, "angle", angle, batch.embeddings, above=0, maximum=60)
    if isinstance(angle, Array):
        raise TypeError(f"{name}: angle must be a Python number, got an array")
    square = math.tan(math.radians(angle)) ** 2
    cosines = pair_cosines(batch.embeddings)
    # Anchor and positive have the same negatives: sum_n e^(c s_an) e^(c s_pn) is a product of matrices. The largest
    # cosine of each row is taken out; up to 60 degrees, e^(-4 c) and hence the product are representable.
    negative = batch.negative_pairs()
    top = lax.stop_gradient(jnp.max(jnp.where(negative, cosines, -1), -1, keepdims=True, initial=-1))
    terms = jnp.where(negative, jnp.exp(jnp.where(negative, 4 * square * (cosines - top), 0)), 0)
    total = inner_products(terms)
    tops = top + top.swapaxes(-1, -2)

    def pair(pairs: Array) -> Array:
        against = jnp.log(jnp.where(pairs & (total > 0), total, 1)) + 4 * square * tops
        return numerics.softplus(against - 2 * (1 + square) * jnp.where(pairs, cosines, 0))

    values = _mean_over_positives(batch, pair)
    return reduce.apply(name, values, where=batch.anchors, weights=weights, reduction=reduction)


def _mean_over_positives(batch: Batch, values: Any) -> Array:
    """Mean of the values of the pairs (a function of which pairs count) over the positives of each anchor."""
    pairs = batch.positive_pairs() & batch.anchors[..., None]
    total = jnp.sum(jnp.where(pairs, values(pairs), 0), -1)
    return total / jnp.maximum(batch.positives, 1).astype(total.dtype)
