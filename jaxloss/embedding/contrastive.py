"""Contrastive losses of a batch with group labels: examples of one group attract, all others repel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, reduce
from jaxloss.embedding.batches import Groups, groups, similarities, tempered
from jaxloss.embedding.blocks import by_anchor
from jaxloss.embedding.contrastive_rows import against_all, against_negatives, margin_of_negatives
from jaxloss.reduce import Reduction

__all__ = ["decoupled_contrastive", "nt_xent", "supervised_contrastive"]


def nt_xent(
    embeddings: Float[ArrayLike, "*batch examples features"],
    labels: Int[ArrayLike, "*batch examples"],
    *,
    temperature: Real[ArrayLike, "..."] = 0.07,
    normalize: bool = True,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Normalized temperature-scaled cross-entropy of each positive pair against the negatives of its anchor.

    .. math::  \ell_i = \sum_{j \in P_i} \log\Big(1 + \sum_{k \in N_i} e^{z_{ik} - z_{ij}}\Big), \qquad
               z_{ij} = \frac{u_i \cdot u_j}{\tau}, \quad u_i = \frac{x_i}{\|x_i\|}

    :math:`P_i` are the other examples with the label of i, :math:`N_i` those with another label: the other positives
    are not in the denominator. The mean is over positive pairs, each anchor weighted by how many it has. With two views
    of each image and the image's number as their label this is SimCLR's loss.

    Args:
      embeddings: real array ``[..., examples, features]``, every example an anchor for the others of its batch.
      labels: integer array ``[..., examples]``, the group of each example; any numbers.
      temperature: positive divisor of the similarities; a scalar, or one for each batch, ``[..., 1]``.
      normalize: compare directions (cosines); False takes the dot products as they are.
      where, weights, reduction: see :doc:`/reductions`; one value per anchor, ``[..., examples]``. A masked example is
        in no pair. An anchor without a positive is no term of the mean; without a negative its loss is 0.
    Returns: a scalar, or with ``reduction="none"`` the sum over the positives of each anchor.
    Raises: ValueError for shapes that do not fit or a temperature that is not positive, TypeError for integer
      embeddings or labels that are not integers.
    Example:
      >>> x = jnp.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [-0.8, 0.6]])
      >>> nt_xent(x, jnp.array([0, 0, 1, 1]), temperature=0.5)
      Array(0.66804016, dtype=float32)
    References: Chen et al. (2020), A simple framework for contrastive learning of visual representations, eq. 1;
      Sohn (2016), Improved deep metric learning with multi-class N-pair loss objective.
    """
    batch = groups("nt_xent", embeddings, labels, where, normalize)
    values, pairs, _ = _anchors("nt_xent", batch, temperature, lambda z, p, n, _: against_negatives(z, p, n))
    return _mean_of_pairs("nt_xent", values, pairs, pairs > 0, weights, reduction)


def decoupled_contrastive(
    embeddings: Float[ArrayLike, "*batch examples features"],
    labels: Int[ArrayLike, "*batch examples"],
    *,
    temperature: Real[ArrayLike, "..."] = 0.1,
    normalize: bool = True,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""`nt_xent` without the positive in its denominator: the pull on a pair does not fade in a small batch.

    .. math::  \ell_i = \sum_{j \in P_i} \Big(\log \sum_{k \in N_i} e^{z_{ik}} - z_{ij}\Big), \qquad
               z_{ij} = \frac{u_i \cdot u_j}{\tau}, \quad u_i = \frac{x_i}{\|x_i\|}

    It is not bounded below by 0.

    Args:
      embeddings: real array ``[..., examples, features]``, every example an anchor for the others of its batch.
      labels: integer array ``[..., examples]``, the group of each example; any numbers.
      temperature: positive divisor of the similarities; a scalar, or one for each batch, ``[..., 1]``.
      normalize: compare directions (cosines); False takes the dot products as they are.
      where, weights, reduction: see :doc:`/reductions`; one value per anchor, ``[..., examples]``, the mean over
        positive pairs. A masked example is in no pair. An anchor without a positive, or without a negative, is no term
        of the mean.
    Returns: a scalar, or with ``reduction="none"`` the sum over the positives of each anchor.
    Raises: ValueError for shapes that do not fit or a temperature that is not positive, TypeError for integer
      embeddings or labels that are not integers.
    Example:
      >>> x = jnp.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [-0.8, 0.6]])
      >>> decoupled_contrastive(x, jnp.array([0, 0, 1, 1]), temperature=0.5)
      Array(-0.21609926, dtype=float32)
    References: Yeh et al. (2022), Decoupled contrastive learning, eq. 4 (the loss without weights).
    """
    batch = groups("decoupled_contrastive", embeddings, labels, where, normalize)
    values, pairs, negative = _anchors("decoupled_contrastive", batch, temperature, margin_of_negatives)
    values, exists = pairs * values, (pairs > 0) & negative
    return _mean_of_pairs("decoupled_contrastive", values, pairs, exists, weights, reduction)


def supervised_contrastive(
    embeddings: Float[ArrayLike, "*batch examples features"],
    labels: Int[ArrayLike, "*batch examples"],
    *,
    temperature: Real[ArrayLike, "..."] = 0.1,
    normalize: bool = True,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Cross-entropy of an anchor's positives, all alike, among all other examples: SupCon with the sum outside.

    .. math::  \ell_i = -\frac{1}{|P_i|} \sum_{j \in P_i} \log \frac{e^{z_{ij}}}{\sum_{k \ne i} e^{z_{ik}}}, \qquad
               \frac{\partial \ell_i}{\partial z_{ij}} = p_{ij} - \frac{[j \in P_i]}{|P_i|}, \qquad
               z_{ij} = \frac{u_i \cdot u_j}{\tau}

    :math:`P_i` are the other examples with the label of i. Unlike in `nt_xent` the positives compete with each other,
    and every anchor counts once however many positives it has. With one positive each the two are equal.

    Args:
      embeddings: real array ``[..., examples, features]``, every example an anchor for the others of its batch.
      labels: integer array ``[..., examples]``, the class of each example; any numbers.
      temperature: positive divisor of the similarities; a scalar, or one for each batch, ``[..., 1]``.
      normalize: compare directions (cosines); False takes the dot products as they are.
      where, weights, reduction: see :doc:`/reductions`; one value per anchor, ``[..., examples]``. A masked example is
        in no pair. An anchor without a positive is no term of the mean.
    Returns: a scalar, or one value per anchor with ``reduction="none"``.
    Raises: ValueError for shapes that do not fit or a temperature that is not positive, TypeError for integer
      embeddings or labels that are not integers.
    Example:
      >>> x = jnp.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [-0.8, 0.6]])
      >>> supervised_contrastive(x, jnp.array([0, 0, 1, 1]), temperature=0.5)
      Array(0.66804016, dtype=float32)
    References: Khosla et al. (2020), Supervised contrastive learning, eq. 2.
    """
    batch = groups("supervised_contrastive", embeddings, labels, where, normalize)
    rows = lambda z, positive, negative, positives: against_all(z, positive, positive | negative, positives)
    values, positives, _ = _anchors("supervised_contrastive", batch, temperature, rows)
    return reduce.apply("supervised_contrastive", values, where=positives > 0, weights=weights, reduction=reduction)


def _anchors(name: str, batch: Groups, temperature: Any, rows: Callable[..., Array]) -> tuple[Array, Array, Array]:
    """Return what the rows make of each anchor, how many positives it has, and whether it has a negative."""

    def of_some(some: tuple[Array, Groups], places: Array) -> tuple[Array, Array, Array]:
        tempered_anchors, anchors = some
        positive, negative = batch.pairs(anchors, places)
        positives = jnp.sum(positive, -1, dtype=batch.embeddings.dtype)
        z = similarities(tempered_anchors, batch.embeddings)
        return rows(z, positive, negative, positives), positives, negative.any(-1)

    anchors = tempered(name, batch.embeddings, temperature), batch
    return by_anchor(of_some, anchors, batch.labels.shape)


def _mean_of_pairs(
    name: str, sums: Any, pairs: Any, exists: Any, weights: ArrayLike | None, reduction: Reduction
) -> Any:
    """Reduce the means of the anchors, each with its number of pairs as weight."""
    values = sums / pairs.clip(1)
    if weights is not None:
        weights = checks.parameter(name, "weights", weights, values)
    return reduce.apply(name, values, where=exists, weights=reduce.scale_weights(weights, pairs), reduction=reduction)
