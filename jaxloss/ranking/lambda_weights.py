r"""Weights of pairs for LambdaRank: what a measure of the ranking changes when two items of a list change places.

Each is a plain function of two items, handed to a pairwise loss, and so may yours be::

    pairwise_logistic(scores, labels, lambda_weights=functools.partial(dcg_lambda, k=10))

The first argument is some of the items, shaped ``[..., rows, 1]``, and the second all of them, ``[..., 1, items]``; the
result has a weight for each two, not negative and the same for either order. They are held fixed: no gradient.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax

from jaxloss.ranking.gains import Gain, cut, discount, gain_of, shifted_gain
from jaxloss.ranking.pairs import Items

__all__ = ["dcg2_lambda", "dcg_lambda", "label_lambda", "precision_lambda"]


def label_lambda(first: Items, second: Items) -> Array:
    r"""Return the difference of the labels, :math:`\lambda_{ij} = |y_i - y_j|`."""
    return jnp.abs(first.labels - second.labels)


def dcg_lambda(
    first: Items, second: Items, *, k: int | None = None, normalize: bool = False, gain: Gain = "exponential"
) -> Array:
    r"""Return how much the discounted cumulative gain changes when two items change places: LambdaRank, LambdaMART.

    .. math::  \lambda_{ij} = |g(y_i) - g(y_j)| \; |D(r_i) - D(r_j)|, \qquad D(r) = \frac{1}{\log_2(1 + r)}

    rax multiplies by the (padded) number of items.

    Args:
      first, second: the items.
      k: how many ranks count; by default all.
      normalize: divide by the best gain that the list can have: NDCG.
      gain: of a label: "exponential" is 2^y - 1, "linear" is y.
    Returns: a weight for each pair.
    References: Burges, Ragno and Le (2006), Learning to rank with nonsmooth cost functions.
    """
    at = [cut(discount(items.ranks.astype(items.labels.dtype)), items.ranks, k) for items in (first, second)]
    return _gains(first, second, k, normalize, gain) * jnp.abs(at[0] - at[1])


def dcg2_lambda(
    first: Items, second: Items, *, k: int | None = None, normalize: bool = False, gain: Gain = "exponential"
) -> Array:
    r"""Return the weights of LambdaLoss, NDCG-Loss2: a bound of the gain that depends on the distance of the ranks.

    .. math::  \lambda_{ij} = |g(y_i) - g(y_j)| \; |D(|r_i - r_j|) - D(|r_i - r_j| + 1)|, \qquad
               D(r) = \frac{1}{\log_2(1 + r)}

    Beyond rank k, a weight is divided by 1 - D(max(r_i, r_j)), as in LambdaLoss@k. rax multiplies by the (padded)
    number of items.

    Args:
      first, second: the items.
      k: how many ranks count; by default all.
      normalize: divide by the best gain that the list can have: NDCG.
      gain: of a label: "exponential" is 2^y - 1, "linear" is y.
    Returns: a weight for each pair.
    References: Wang et al. (2018), The LambdaLoss framework for ranking metric optimization,
      doi:10.1145/3269206.3271784; Jagerman et al. (2022), On optimizing top-K metrics for neural ranking models,
      doi:10.1145/3477495.3531849.
    """
    dtype = first.labels.dtype
    apart = jnp.maximum(jnp.abs(first.ranks - second.ranks), 1).astype(dtype)
    weights = discount(apart) - discount(apart + 1)
    if k is not None:
        lower = jnp.maximum(first.ranks, second.ranks)
        beyond = lower > k
        weights = weights / jnp.where(beyond, 1 - discount(jnp.where(beyond, lower, 2).astype(dtype)), 1)
    return _gains(first, second, k, normalize, gain) * weights


def precision_lambda(first: Items, second: Items, *, k: int) -> Array:
    r"""Return how much `precision_at_k` changes when two items change places.

    .. math::  \lambda_{ij} = \frac1k \; \big|[y_i > 0] - [y_j > 0]\big| \; \big|[r_i \le k] - [r_j \le k]\big|

    Args:
      first, second: the items.
      k: how many ranks count.
    Returns: a weight for each pair.
    References: Donmez, Svore and Burges (2009), On the local optimality of LambdaRank, doi:10.1145/1571941.1572021.
    """
    changes = ((first.labels > 0) != (second.labels > 0)) & ((first.ranks <= k) != (second.ranks <= k))
    return changes.astype(first.labels.dtype) / k


def _gains(first: Items, second: Items, k: int | None, normalize: bool, gain: str) -> Array:
    if not normalize:
        own, others = (gain_of(items.labels, gain) for items in (first, second))
        return jnp.abs(own - others)
    same = first.lists.same(second.lists)
    labels = second.labels if same is None else jnp.where(same, second.labels, -jnp.inf)
    largest = lax.stop_gradient(jnp.max(labels, -1, keepdims=True))
    own, others = (shifted_gain(items.labels, gain, largest) for items in (first, second))
    rank = second.ideal_ranks
    earned = others * cut(discount(rank.astype(others.dtype)), rank, k)
    if same is not None:
        own, others, earned = (jnp.where(same, gains, 0) for gains in (own, others, earned))
    best = jnp.sum(earned, -1, keepdims=True)
    return jnp.abs(own - others) / jnp.where(best == 0, 1, best)
