"""Cosines of a batch, each pair weighted by how far it is from where it should be."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, numerics, reduce
from jaxloss.embedding.distances import labelled_batch, log1p_sum_exp, pair_cosines, positive_part
from jaxloss.reduce import Reduction

__all__ = ["circle", "multi_similarity"]


def circle(
    embeddings: Float[ArrayLike, "*batch examples features"],
    labels: Int[ArrayLike, "*batch examples"],
    *,
    margin: float | Real[ArrayLike, "..."] = 0.4,
    gamma: float | Real[ArrayLike, "..."] = 80.0,
    detach_weights: bool = True,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Compares all cosines of an anchor, of which those far from their optimum pull harder.

    .. math::  \ell_a = \log\Big(1 + \sum_{n \in N_a} e^{\gamma \alpha_n (s_n - m)} \sum_{p \in P_a}
               e^{-\gamma \alpha_p (s_p - 1 + m)}\Big), \qquad
               \alpha_n = \max(0, s_n + m), \quad \alpha_p = \max(0, 1 + m - s_p)

    with s the cosines of the anchor to its negatives :math:`N_a`, of another label, and to its positives :math:`P_a`,
    the other examples of its label. An anchor without one of each does not exist. In the gradient the weights
    :math:`\alpha` are constants, as in the paper: that of a term :math:`\gamma \alpha_n (s_n - m)` is
    :math:`\gamma \alpha_n`. With ``detach_weights=False`` (so in Keras) it is the derivative of the value,
    :math:`2 \gamma s_n`.

    Args:
      embeddings: real array [..., examples, features], of any length; a zero vector has the cosine 0 to all.
      labels: integers [..., examples], of any values; the examples of one label are alike.
      margin: m, at least 0: cosines should be above 1 - m for positives, and below m for negatives; a number or an
        array with as many axes as the labels.
      gamma: positive factor of the cosines, of the same shapes.
      detach_weights: whether the weights are constants in the gradient.
      where: which examples exist, with as many axes as the labels.
      weights, reduction: one value per anchor; see :doc:`/reductions`.
    Returns: a scalar, or one value per anchor with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a parameter out of its range, TypeError for integer embeddings or
      real labels.
    Example:
      >>> embeddings = jnp.array([[2.0, 0.0], [4.0, 3.0], [0.0, 1.0], [-3.0, 4.0]])
      >>> circle(embeddings, jnp.array([0, 0, 1, 1]), gamma=4.0, reduction="none")
      Array([0.66529447, 0.99451303, 0.99451303, 0.66529447], dtype=float32)

    References: Sun et al. (2020), Circle loss: a unified perspective of pair similarity optimization,
      arXiv:2002.10857.
    """
    name = "circle"
    batch = labelled_batch(name, embeddings, labels, where)
    like = jax.ShapeDtypeStruct((*batch.labels.shape, 1), batch.embeddings.dtype)
    margin, gamma = _per_anchor(name, like, margin=(margin, {"minimum": 0}), gamma=(gamma, {"above": 0}))
    cosines = pair_cosines(batch.embeddings)
    held: Any = lax.stop_gradient if detach_weights else lambda x: x
    apart = gamma * held(positive_part(cosines + margin)) * (cosines - margin)
    together = gamma * held(positive_part(1 + margin - cosines)) * (1 - margin - cosines)
    negative = numerics.logsumexp(jnp.where(batch.negative_pairs(), apart, -jnp.inf), -1)
    positive = numerics.logsumexp(jnp.where(batch.positive_pairs(), together, -jnp.inf), -1)
    anchors = batch.anchors
    values = numerics.softplus(jnp.where(anchors, negative, 0) + jnp.where(anchors, positive, 0))
    return reduce.apply(name, values, where=anchors, weights=weights, reduction=reduction)


def multi_similarity(
    embeddings: Float[ArrayLike, "*batch examples features"],
    labels: Int[ArrayLike, "*batch examples"],
    *,
    alpha: float | Real[ArrayLike, "..."] = 2.0,
    beta: float | Real[ArrayLike, "..."] = 50.0,
    threshold: float | Real[ArrayLike, "..."] = 0.5,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Weighs every cosine of an anchor by itself and by the others of its kind.

    .. math::  \ell_a = \frac{1}{\alpha} \log\Big(1 + \sum_{p \in P_a} e^{-\alpha (s_p - \lambda)}\Big) +
               \frac{1}{\beta} \log\Big(1 + \sum_{n \in N_a} e^{\beta (s_n - \lambda)}\Big)

    with s the cosines of the anchor to its positives :math:`P_a`, the other examples of its label, and to its negatives
    :math:`N_a`, of another label. An anchor without one of each does not exist. All pairs take part: the paper's mining
    step, which leaves out easy ones before, is not part of it.

    Args:
      embeddings: real array [..., examples, features], of any length; a zero vector has the cosine 0 to all.
      labels: integers [..., examples], of any values; the examples of one label are alike.
      alpha: positive factor of the cosines of positives; a number or an array with as many axes as the labels.
      beta: positive factor of the cosines of negatives, of the same shapes.
      threshold: cosine :math:`\lambda` from which pairs count, of the same shapes.
      where: which examples exist, with as many axes as the labels.
      weights, reduction: one value per anchor; see :doc:`/reductions`.
    Returns: a scalar, or one value per anchor with ``reduction="none"``; in units of a cosine.
    Raises: ValueError for shapes that do not fit or a parameter out of its range, TypeError for integer embeddings or
      real labels.
    Example:
      >>> embeddings = jnp.array([[2.0, 0.0], [4.0, 3.0], [0.0, 1.0], [-3.0, 4.0]])
      >>> multi_similarity(embeddings, jnp.array([0, 0, 1, 1]), reduction="none")
      Array([0.218744  , 0.31887832, 0.31887832, 0.218744  ], dtype=float32)

    References: Wang, X. et al. (2019), Multi-similarity loss with general pair weighting for deep metric learning,
      arXiv:1904.06627.
    """
    name = "multi_similarity"
    batch = labelled_batch(name, embeddings, labels, where)
    like = jax.ShapeDtypeStruct((*batch.labels.shape, 1), batch.embeddings.dtype)
    positive = {"above": 0}
    alpha, beta, threshold = _per_anchor(
        name, like, alpha=(alpha, positive), beta=(beta, positive), threshold=(threshold, {})
    )
    lead = pair_cosines(batch.embeddings) - threshold
    near = log1p_sum_exp(jnp.where(batch.positive_pairs(), -alpha * lead, -jnp.inf), -1)
    far = log1p_sum_exp(jnp.where(batch.negative_pairs(), beta * lead, -jnp.inf), -1)
    flat = lambda factor: jnp.squeeze(factor, -1) if jnp.ndim(factor) else factor
    values = near / flat(alpha) + far / flat(beta)
    return reduce.apply(name, values, where=batch.anchors, weights=weights, reduction=reduction)


def _per_anchor(name: str, like: jax.ShapeDtypeStruct, **parameters: tuple) -> tuple:
    """Check parameters that are numbers or have one entry per anchor, and give the latter an axis for the others."""
    anchors = jax.ShapeDtypeStruct(like.shape[:-1], like.dtype)
    checked = (checks.parameter(name, key, value, anchors, **limits) for key, (value, limits) in parameters.items())
    return tuple(p[..., None] if jnp.ndim(p) else p for p in checked)
