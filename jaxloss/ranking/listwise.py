"""Losses of a list as a whole: the probability that a model of choice gives to its relevant items or to its order."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, numerics
from jaxloss.numerics.elementary import one_dispatch
from jaxloss.numerics.log_sums import log_add
from jaxloss.numerics.running import accumulate
from jaxloss.ranking.choice import choices, nll, scores_below
from jaxloss.ranking.gains import GAINS, Gain, gain_of
from jaxloss.ranking.lists import Lists, finish, list_items, permute, sort_lists
from jaxloss.reduce import Reduction

__all__ = ["list_mle", "poly1_ranking", "softmax_ranking", "unique_softmax"]


def softmax_ranking(
    scores: Float[ArrayLike, "*lists items"],
    labels: Real[ArrayLike, "*lists items"],
    *,
    segments: Int[ArrayLike, "*lists items"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Cross-entropy of choosing the relevant items of a list by a softmax of its scores: ListNet's top-one loss.

    .. math::  \ell = -\sum_i y_i \log p_i, \qquad p_i = \frac{e^{s_i}}{\sum_j e^{s_j}}, \qquad
               \frac{\partial \ell}{\partial s_i} = p_i \sum_j y_j - y_i

    Labels are taken as they are, as in rax: a list whose labels sum to 4 counts four times as much as one with 1. For
    the cross-entropy of distributions divide them by their sum. A list without a relevant item costs 0.

    Args:
      scores: real array ``[..., items]``; an item of -inf is never chosen.
      labels: relevance of each item, not negative, of exactly that shape.
      segments: integers of that shape: items with the same number are one list. The value of a list then stands at its
        first item.
      where: the items that exist, of that shape.
      weights, reduction: of the lists, see :doc:`/reductions`.
    Returns: a scalar, or one value per list with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes, TypeError for integer scores.
    Example:
      >>> softmax_ranking(jnp.array([2.0, 1.0, 3.0]), jnp.array([1.0, 0.0, 0.0]))
      Array(1.407606, dtype=float32)
    References: Cao et al. (2007), Learning to rank: from pairwise approach to listwise approach,
      doi:10.1145/1273496.1273513; Bruch et al. (2019), An analysis of the softmax cross entropy loss for learning to
      rank with binary relevance, doi:10.1145/3341981.3344221.
    """
    scores, labels, lists = list_items("softmax_ranking", scores, labels, where, segments)
    values = nll(scores_below(scores, lists), labels, lists)
    return finish("softmax_ranking", values, lists, scores.shape, weights, reduction)


def poly1_ranking(
    scores: Float[ArrayLike, "*lists items"],
    labels: Real[ArrayLike, "*lists items"],
    *,
    epsilon: Real[ArrayLike, "..."] = 1.0,
    segments: Int[ArrayLike, "*lists items"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""`softmax_ranking` plus epsilon times the probability that no relevant item is chosen: PolyLoss of lists.

    .. math::  \ell = -\sum_i y_i \log p_i + \epsilon \sum_i \frac{y_i}{\sum_j y_j} (1 - p_i), \qquad
               p_i = \frac{e^{s_i}}{\sum_j e^{s_j}}

    A list without a relevant item costs 0, where rax takes all its items for relevant in the second term.

    Args:
      scores: real array ``[..., items]``; an item of -inf is never chosen.
      labels: relevance of each item, not negative, of exactly that shape.
      epsilon: weight of the second term, a scalar or one for each list, ``[..., 1]``; may be learned.
      segments: integers of that shape: items with the same number are one list. The value of a list then stands at its
        first item.
      where: the items that exist, of that shape.
      weights, reduction: of the lists, see :doc:`/reductions`.
    Returns: a scalar, or one value per list with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes, TypeError for integer scores.
    Example:
      >>> poly1_ranking(jnp.array([2.0, 1.0, 3.0]), jnp.array([1.0, 0.0, 0.0]))
      Array(2.16..., dtype=float32)
    References: Leng et al. (2022), PolyLoss: a polynomial expansion perspective of classification loss functions.
    """
    name = "poly1_ranking"
    scores, labels, lists = list_items(name, scores, labels, where, segments)
    epsilon = checks.parameter(name, "epsilon", epsilon, jax.ShapeDtypeStruct((*scores.shape[:-1], 1), scores.dtype))
    values = _poly1(scores, labels, jnp.asarray(epsilon, scores.dtype), lists)
    return finish(name, values, lists, scores.shape, weights, reduction)


@one_dispatch
def _poly1(scores: Array, labels: Array, epsilon: Array, lists: Lists) -> Array:
    below = scores_below(scores, lists)
    mass = lists.total(labels)
    share = labels / jnp.where(mass == 0, 1, mass)
    missed = lists.total(share * choices(below, lists).complements)
    return nll(below, labels, lists) + epsilon * missed


def unique_softmax(
    scores: Float[ArrayLike, "*lists items"],
    labels: Real[ArrayLike, "*lists items"],
    *,
    gain: Gain = "exponential",
    segments: Int[ArrayLike, "*lists items"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Cross-entropy of choosing each item among itself and those of lower labels: equal items do not compete.

    .. math::  \ell = -\sum_i g(y_i) \log \frac{e^{s_i}}{e^{s_i} + \sum_{j : y_j < y_i} e^{s_j}}
               = \sum_i g(y_i) \log(1 + e^{z_i - s_i}), \qquad z_i = \log \sum_{j : y_j < y_i} e^{s_j}

    Computed by sorting, with memory for the items and not for their pairs. A list without a relevant item costs 0.

    Args:
      scores: real array ``[..., items]``; an item of -inf is never chosen.
      labels: relevance of each item, not negative, of exactly that shape; their order has no gradient.
      gain: weight of an item: "exponential" is 2^y - 1, "linear" is y.
      segments: integers of that shape: items with the same number are one list. The value of a list then stands at its
        first item.
      where: the items that exist, of that shape.
      weights, reduction: of the lists, see :doc:`/reductions`.
    Returns: a scalar, or one value per list with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or an unknown gain, TypeError for integer scores.
    Example:
      >>> unique_softmax(jnp.array([0.0, 1.0, 3.0]), jnp.array([1.0, 0.0, 2.0]))
      Array(1.82..., dtype=float32)
    References: Zhu and Klabjan (2020), Listwise learning to rank by exploring unique ratings,
      doi:10.1145/3336191.3371814.
    """
    name = "unique_softmax"
    checks.choice(name, "gain", gain, GAINS)
    scores, labels, lists = list_items(name, scores, labels, where, segments)
    return finish(name, _unique(gain, scores, labels, lists), lists, scores.shape, weights, reduction)


@partial(one_dispatch, static_argnums=0)
def _unique(gain: str, scores: Array, labels: Array, lists: Lists) -> Array:
    order = sort_lists(lists, labels.shape, labels)
    moved = permute(labels, order.items)
    changed = order.starts | (moved != jnp.roll(moved, 1, -1))
    running = accumulate(log_add, -jnp.inf, permute(lists.known(scores, -jnp.inf), order.items), order.starts)
    before = jnp.where(order.starts, -jnp.inf, jnp.roll(running, 1, -1))
    before = accumulate(lambda first, _: first, 0, before, changed)  # the same for all of a label
    values = _against(permute(before, order.places), scores)
    gains = gain_of(labels, gain)
    return lists.total(lists.known(jnp.where(gains == 0, 0, gains * values), 0))


def list_mle(
    scores: Float[ArrayLike, "*lists items"],
    labels: Real[ArrayLike, "*lists items"],
    *,
    key: ArrayLike | None = None,
    segments: Int[ArrayLike, "*lists items"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative log-likelihood of the order of the labels, chosen one after the other: the Plackett-Luce model.

    .. math::  \ell = -\sum_k \log \frac{e^{s_{(k)}}}{\sum_{l \ge k} e^{s_{(l)}}}
               = \sum_k \log(1 + e^{z_k - s_{(k)}}), \qquad z_k = \log \sum_{l > k} e^{s_{(l)}}, \qquad
               y_{(1)} \ge y_{(2)} \ge \dots

    Where a list is in its order, each term is near 0 and keeps its digits. A list whose labels are all equal has no
    order and costs 0.

    Args:
      scores: real array ``[..., items]``; an item of -inf is never chosen.
      labels: relevance of each item, of exactly that shape; only their order matters, and they have no gradient.
      key: a random key that orders items of equal labels; by default they count in the order in which they stand.
      segments: integers of that shape: items with the same number are one list. The value of a list then stands at its
        first item.
      where: the items that exist, of that shape.
      weights, reduction: of the lists, see :doc:`/reductions`.
    Returns: a scalar, or one value per list with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes, TypeError for integer scores.
    Example:
      >>> list_mle(jnp.array([0.0, 1.0, 3.0]), jnp.array([1.0, 0.0, 2.0]))
      Array(1.48..., dtype=float32)
    References: Xia et al. (2008), Listwise approach to learning to rank: theory and algorithm,
      doi:10.1145/1390156.1390306.
    """
    scores, labels, lists = list_items("list_mle", scores, labels, where, segments)
    ties = () if key is None else (jax.random.uniform(jnp.asarray(key), scores.shape),)
    return finish("list_mle", _list_mle(scores, labels, ties, lists), lists, scores.shape, weights, reduction)


@one_dispatch
def _list_mle(scores: Array, labels: Array, ties: tuple[Array, ...], lists: Lists) -> Array:
    order = sort_lists(lists, labels.shape, -labels, *ties)
    moved = permute(lists.known(scores, -jnp.inf), order.items)
    running = accumulate(log_add, -jnp.inf, moved, order.starts, reverse=True)
    ends = jnp.roll(order.starts, -1, -1)  # the last place is the end of its row, and the first a start
    after = jnp.where(ends, -jnp.inf, jnp.roll(running, -1, -1))
    values = lists.known(_against(permute(after, order.places), scores), 0)
    ordered = lists.largest(labels) != -lists.largest(-labels)
    return jnp.where(ordered, lists.total(jnp.where(ordered, values, 0)), 0)


def _against(others: Array, scores: Array) -> Array:
    """Return log(1 + e^(z - s)) for what the others come to: 0 where there are none."""
    alone = others == -jnp.inf
    return jnp.where(alone, 0, numerics.softplus(jnp.where(alone, 0, others) - jnp.where(alone, 0, scores)))
