"""Measures of a ranking, which have no gradient: what the losses of this family stand for."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks
from jaxloss.numerics.running import accumulate
from jaxloss.ranking.gains import GAINS, Gain, cut, discount, gain_of, ideal, relative_gain
from jaxloss.ranking.lists import Lists, finish, list_items, permute, ranks, sort_lists
from jaxloss.reduce import Reduction

__all__ = ["average_precision", "dcg", "ndcg", "precision_at_k", "recall_at_k", "reciprocal_rank"]


def dcg(
    scores: Float[ArrayLike, "*lists items"],
    labels: Real[ArrayLike, "*lists items"],
    *,
    k: int | None = None,
    gain: Gain = "exponential",
    segments: Int[ArrayLike, "*lists items"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Discounted cumulative gain: relevance, worth less the further down it stands.

    .. math::  \sum_{i : r_i \le k} \frac{g(y_i)}{\log_2(1 + r_i)}

    Args:
      scores: real array ``[..., items]``; of equal scores the first item is ahead.
      labels: relevance of each item, not negative, of exactly that shape.
      k: how many ranks count; by default all.
      gain: of a label: "exponential" is 2^y - 1, "linear" is y, as in scikit-learn.
      segments: integers of that shape, the list of each item; the value of a list then stands at its first item.
      where: the items that exist, of that shape.
      weights, reduction: of the lists, see :doc:`/reductions`.
    Returns: a scalar, or one value per list with ``reduction="none"``.
    Raises: ValueError for unequal shapes, TypeError for integer scores.
    Example:
      >>> dcg(jnp.array([0.5, 1.0, 0.0]), jnp.array([2.0, 0.0, 1.0]))
      Array(2.3927892, dtype=float32)
    References: Järvelin and Kekäläinen (2002), Cumulated gain-based evaluation of IR techniques,
      doi:10.1145/582415.582418.
    """
    name = "dcg"
    scores, labels, lists = _ranked(name, scores, labels, k, where, segments)
    checks.choice(name, "gain", gain, GAINS)
    values = _earned(scores, gain_of(labels, gain), lists, k)
    return finish(name, values, lists, scores.shape, weights, reduction)


def ndcg(
    scores: Float[ArrayLike, "*lists items"],
    labels: Real[ArrayLike, "*lists items"],
    *,
    k: int | None = None,
    gain: Gain = "exponential",
    segments: Int[ArrayLike, "*lists items"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Normalized discounted cumulative gain: `dcg` over the best that the list can have; 0 for nothing relevant.

    .. math::  \frac{1}{G} \sum_{i : r_i \le k} \frac{g(y_i)}{\log_2(1 + r_i)}, \qquad
               G = \sum_{r \le k} \frac{g(y_{(r)})}{\log_2(1 + r)}, \quad y_{(1)} \ge y_{(2)} \ge \dots

    Args:
      scores: real array ``[..., items]``; of equal scores the first item is ahead.
      labels: relevance of each item, not negative, of exactly that shape.
      k: how many ranks count; by default all.
      gain: of a label: "exponential" is 2^y - 1, "linear" is y, as in scikit-learn.
      segments: integers of that shape, the list of each item; the value of a list then stands at its first item.
      where: the items that exist, of that shape.
      weights, reduction: of the lists, see :doc:`/reductions`.
    Returns: a scalar, or one value per list with ``reduction="none"``; between 0 and 1.
    Raises: ValueError for unequal shapes, TypeError for integer scores.
    Example:
      >>> ndcg(jnp.array([0.5, 1.0, 0.0]), jnp.array([2.0, 0.0, 1.0]))
      Array(0.6590018, dtype=float32)
    References: Järvelin and Kekäläinen (2002), Cumulated gain-based evaluation of IR techniques,
      doi:10.1145/582415.582418.
    """
    name = "ndcg"
    scores, labels, lists = _ranked(name, scores, labels, k, where, segments)
    checks.choice(name, "gain", gain, GAINS)
    gains = relative_gain(labels, gain, lists)
    best = ideal(gains, labels, lists, k)
    values = _earned(scores, gains, lists, k) / jnp.where(best == 0, 1, best)
    return finish(name, values, lists, scores.shape, weights, reduction)


def reciprocal_rank(
    scores: Float[ArrayLike, "*lists items"],
    labels: Real[ArrayLike, "*lists items"],
    *,
    k: int | None = None,
    segments: Int[ArrayLike, "*lists items"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""One over the rank of the first relevant item; its mean over lists is MRR. 0 where none is within k.

    .. math::  \max_{i : y_i > 0, \, r_i \le k} \frac{1}{r_i}

    Args:
      scores: real array ``[..., items]``; of equal scores the first item is ahead.
      labels: of exactly that shape; an item with a positive label is relevant.
      k: how many ranks count; by default all.
      segments: integers of that shape, the list of each item; the value of a list then stands at its first item.
      where: the items that exist, of that shape.
      weights, reduction: of the lists, see :doc:`/reductions`.
    Returns: a scalar, or one value per list with ``reduction="none"``; between 0 and 1.
    Raises: ValueError for unequal shapes, TypeError for integer scores.
    Example:
      >>> reciprocal_rank(jnp.array([0.5, 1.0, 0.0]), jnp.array([1, 0, 1]))
      Array(0.5, dtype=float32)
    References: Voorhees (1999), The TREC-8 question answering track report.
    """
    name = "reciprocal_rank"
    scores, labels, lists = _ranked(name, scores, labels, k, where, segments)
    rank = ranks(scores, lists)
    found = cut(1 / rank.astype(scores.dtype), rank, k)
    values = jnp.maximum(lists.largest(jnp.where(labels > 0, found, 0)), 0)
    return finish(name, values, lists, scores.shape, weights, reduction)


def average_precision(
    scores: Float[ArrayLike, "*lists items"],
    labels: Real[ArrayLike, "*lists items"],
    *,
    k: int | None = None,
    segments: Int[ArrayLike, "*lists items"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Mean over the relevant items of the precision at their ranks; its mean over lists is MAP. 0 for none.

    .. math::  \frac{1}{|R|} \sum_{i \in R, \, r_i \le k} \frac{|\{j \in R : r_j \le r_i\}|}{r_i}, \qquad
               R = \{i : y_i > 0\}

    Args:
      scores: real array ``[..., items]``; of equal scores the first item is ahead.
      labels: of exactly that shape; an item with a positive label is relevant.
      k: how many ranks count; by default all. The divisor stays the number of all relevant items.
      segments: integers of that shape, the list of each item; the value of a list then stands at its first item.
      where: the items that exist, of that shape.
      weights, reduction: of the lists, see :doc:`/reductions`.
    Returns: a scalar, or one value per list with ``reduction="none"``; between 0 and 1.
    Raises: ValueError for unequal shapes, TypeError for integer scores.
    Example:
      >>> average_precision(jnp.array([0.5, 1.0, 0.0]), jnp.array([1, 0, 1]))
      Array(0.5833334, dtype=float32)
    References: Buckley and Voorhees (2000), Evaluating evaluation measure stability, doi:10.1145/345508.345543.
    """
    name = "average_precision"
    scores, labels, lists = _ranked(name, scores, labels, k, where, segments)
    relevant = _relevant(labels, lists, scores)
    order, rank = sort_lists(lists, scores.shape, -scores), ranks(scores, lists)
    seen = permute(accumulate(jnp.add, 0, permute(relevant, order.items), order.starts), order.places)
    precision = cut(seen / rank.astype(scores.dtype), rank, k)
    values = lists.total(relevant * precision) / jnp.maximum(lists.total(relevant), 1)
    return finish(name, values, lists, scores.shape, weights, reduction)


def precision_at_k(
    scores: Float[ArrayLike, "*lists items"],
    labels: Real[ArrayLike, "*lists items"],
    *,
    k: int = 10,
    segments: Int[ArrayLike, "*lists items"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Share of the first k items that are relevant, or of all items of a list with fewer.

    .. math::  \frac{|\{i : y_i > 0, \, r_i \le k\}|}{\min(k, n)}

    Args:
      scores: real array ``[..., items]``; of equal scores the first item is ahead.
      labels: of exactly that shape; an item with a positive label is relevant.
      k: how many ranks count.
      segments: integers of that shape, the list of each item; the value of a list then stands at its first item.
      where: the items that exist, of that shape.
      weights, reduction: of the lists, see :doc:`/reductions`.
    Returns: a scalar, or one value per list with ``reduction="none"``; between 0 and 1.
    Raises: ValueError for unequal shapes, TypeError for integer scores.
    Example:
      >>> precision_at_k(jnp.array([0.5, 1.0, 0.0]), jnp.array([1, 0, 1]), k=2)
      Array(0.5, dtype=float32)
    References: Manning, Raghavan and Schütze (2008), Introduction to information retrieval, section 8.4.
    """
    scores, labels, lists = _ranked("precision_at_k", scores, labels, k, where, segments)
    values = _hits(scores, labels, lists, k) / jnp.clip(lists.size(scores), 1, k)
    return finish("precision_at_k", values, lists, scores.shape, weights, reduction)


def recall_at_k(
    scores: Float[ArrayLike, "*lists items"],
    labels: Real[ArrayLike, "*lists items"],
    *,
    k: int = 10,
    segments: Int[ArrayLike, "*lists items"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Share of the relevant items that are among the first k; 0 for a list without one.

    .. math::  \frac{|\{i : y_i > 0, \, r_i \le k\}|}{|\{i : y_i > 0\}|}

    Args:
      scores: real array ``[..., items]``; of equal scores the first item is ahead.
      labels: of exactly that shape; an item with a positive label is relevant.
      k: how many ranks count.
      segments: integers of that shape, the list of each item; the value of a list then stands at its first item.
      where: the items that exist, of that shape.
      weights, reduction: of the lists, see :doc:`/reductions`.
    Returns: a scalar, or one value per list with ``reduction="none"``; between 0 and 1.
    Raises: ValueError for unequal shapes, TypeError for integer scores.
    Example:
      >>> recall_at_k(jnp.array([0.5, 1.0, 0.0]), jnp.array([1, 0, 1]), k=2)
      Array(0.5, dtype=float32)
    References: Manning, Raghavan and Schütze (2008), Introduction to information retrieval, section 8.4.
    """
    scores, labels, lists = _ranked("recall_at_k", scores, labels, k, where, segments)
    relevant = lists.total(_relevant(labels, lists, scores))
    values = _hits(scores, labels, lists, k) / jnp.maximum(relevant, 1)
    return finish("recall_at_k", values, lists, scores.shape, weights, reduction)


def _ranked(
    name: str,
    scores: ArrayLike,
    labels: ArrayLike,
    k: int | None,
    where: ArrayLike | None,
    segments: ArrayLike | None,
) -> tuple[Array, Array, Lists]:
    if k is not None and k < 1:
        raise ValueError(f"{name}: k must be at least 1, got {k}")
    scores, labels, lists = list_items(name, scores, labels, where, segments)
    return lax.stop_gradient(scores), lax.stop_gradient(labels), lists


def _relevant(labels: Array, lists: Lists, like: Array) -> Array:
    return (lists.known(labels, 0) > 0).astype(like.dtype)


def _earned(scores: Array, gains: Array, lists: Lists, k: int | None) -> Array:
    rank = ranks(scores, lists)
    return lists.total(lists.known(gains * cut(discount(rank.astype(gains.dtype)), rank, k), 0))


def _hits(scores: Array, labels: Array, lists: Lists, k: int) -> Array:
    return lists.total(cut(_relevant(labels, lists, scores), ranks(scores, lists), k))
