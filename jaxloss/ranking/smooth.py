"""Measures of a ranking with a gradient: ranks by sigmoids, or by the permutation matrix of a soft sort."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, numerics
from jaxloss.numerics.elementary import one_dispatch
from jaxloss.numerics.log_sums import difference
from jaxloss.ranking.gains import GAINS, Gain, discount, ideal, relative_gain
from jaxloss.ranking.lists import Lists, finish, iota, list_items
from jaxloss.ranking.pairs import by_blocks
from jaxloss.reduce import Reduction

__all__ = ["approx_mrr", "approx_ndcg", "over_temperature"]


def approx_ndcg(
    scores: Float[ArrayLike, "*lists items"],
    labels: Real[ArrayLike, "*lists items"],
    *,
    temperature: Real[ArrayLike, "..."] = 1.0,
    gain: Gain = "exponential",
    segments: Int[ArrayLike, "*lists items"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Minus the normalized discounted cumulative gain at ranks that are sums of sigmoids.

    .. math::  \ell = -\frac{1}{G} \sum_i \frac{g(y_i)}{\log_2(1 + r_i)}, \qquad
               r_i = 1 + \sum_{j \ne i} \sigma\Big(\frac{s_j - s_i}{\tau}\Big), \qquad
               G = \sum_k \frac{g(y_{(k)})}{\log_2(1 + k)}, \quad y_{(1)} \ge y_{(2)} \ge \dots

    As the temperature falls it tends to minus `ndcg`; from about the distance of neighbouring scores on it has a useful
    gradient. A list without a relevant item costs 0. All pairs are met, with memory for the items.

    Args:
      scores: real array ``[..., items]``; an item of -inf is last.
      labels: relevance of each item, not negative, of exactly that shape; their order has no gradient.
      temperature: positive divisor of the scores, a scalar or one for each list, ``[..., 1]``; TF-Ranking takes 0.1.
      gain: of a label: "exponential" is 2^y - 1, "linear" is y.
      segments: integers of that shape: items with the same number are one list. The value of a list then stands at its
        first item.
      where: the items that exist, of that shape.
      weights, reduction: of the lists, see :doc:`/reductions`.
    Returns: a scalar, or one value per list with ``reduction="none"``; between -1 and 0.
    Raises: ValueError for unequal shapes or a temperature that is not positive, TypeError for integer scores.
    Example:
      >>> approx_ndcg(jnp.array([-1.0, 1.0, 0.0]), jnp.array([0.0, 0.0, 1.0]))
      Array(-0.63092977, dtype=float32)
    References: Qin, Liu and Li (2010), A general approximation framework for direct optimization of information
      retrieval measures, doi:10.1007/s10791-009-9124-x; Bruch et al. (2019), Revisiting approximate metric optimization
      in the age of deep neural networks, doi:10.1145/3331184.3331347.
    """
    name = "approx_ndcg"
    checks.choice(name, "gain", gain, GAINS)
    scores, labels, lists = list_items(name, scores, labels, where, segments)
    values = _approx_ndcg(gain, over_temperature(name, scores, temperature), labels, lists)
    return finish(name, values, lists, scores.shape, weights, reduction)


@partial(one_dispatch, static_argnums=0)
def _approx_ndcg(gain: str, scores: Array, labels: Array, lists: Lists) -> Array:
    gains = lists.known(relative_gain(labels, gain, lists), 0)
    best = ideal(gains, labels, lists)
    return -lists.total(gains * discount(_soft_ranks(scores, lists))) / jnp.where(best == 0, 1, best)


def approx_mrr(
    scores: Float[ArrayLike, "*lists items"],
    labels: Real[ArrayLike, "*lists items"],
    *,
    temperature: Real[ArrayLike, "..."] = 1.0,
    segments: Int[ArrayLike, "*lists items"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Minus the reciprocal rank of the first relevant item, at ranks that are sums of sigmoids.

    .. math::  \ell = -\max_{i : y_i > 0} \frac{1}{r_i}, \qquad
               r_i = 1 + \sum_{j \ne i} \sigma\Big(\frac{s_j - s_i}{\tau}\Big)

    Only the item that is first now has a gradient of its own; equal ones share it. A list without a relevant item costs
    0.

    Args:
      scores: real array ``[..., items]``; an item of -inf is last.
      labels: of exactly that shape; an item with a positive label is relevant.
      temperature: positive divisor of the scores, a scalar or one for each list, ``[..., 1]``.
      segments: integers of that shape: items with the same number are one list. The value of a list then stands at its
        first item.
      where: the items that exist, of that shape.
      weights, reduction: of the lists, see :doc:`/reductions`.
    Returns: a scalar, or one value per list with ``reduction="none"``; between -1 and 0.
    Raises: ValueError for unequal shapes or a temperature that is not positive, TypeError for integer scores.
    Example:
      >>> approx_mrr(jnp.array([-1.0, 1.0, 0.0]), jnp.array([0.0, 0.0, 1.0]))
      Array(-0.5, dtype=float32)
    References: Qin, Liu and Li (2010), A general approximation framework for direct optimization of information
      retrieval measures, doi:10.1007/s10791-009-9124-x.
    """
    name = "approx_mrr"
    scores, labels, lists = list_items(name, scores, labels, where, segments)
    values = _approx_mrr(over_temperature(name, scores, temperature), labels, lists)
    return finish(name, values, lists, scores.shape, weights, reduction)


@one_dispatch
def _approx_mrr(scores: Array, labels: Array, lists: Lists) -> Array:
    relevant = lists.known(labels, 0) > 0
    reciprocal = 1 / _soft_ranks(scores, lists)
    held = jnp.where(relevant, lax.stop_gradient(reciprocal), 0)
    first = relevant & (held == lists.largest(held))
    count = lists.total(first.astype(scores.dtype))
    return -lists.total(jnp.where(first, reciprocal, 0)) / jnp.maximum(count, 1)


def over_temperature(name: str, scores: Array, temperature: ArrayLike) -> Array:
    """Return scores over the temperature; infinite ones stay as they are, without a gradient in the temperature."""
    like = jax.ShapeDtypeStruct((*scores.shape[:-1], 1), scores.dtype)
    temperature = checks.parameter(name, "temperature", temperature, like, above=0)
    finite = jnp.isfinite(scores)
    return jnp.where(finite, jnp.where(finite, scores, 0) / temperature, scores)


# Among the others is the item itself, with the sigmoid 1/2 of no difference.
def _soft_ranks(scores: Array, lists: Lists) -> Array:
    lists = lists._replace(order=None)

    def block(first: Any, second: Any) -> Array:
        (s, i, a), (z, j, b) = first, second
        other = i != j
        if (same := a.same(b)) is not None:
            other &= same
        return jnp.sum(numerics.sigmoid(jnp.where(other, difference(z, s), -jnp.inf)), -1)

    items = (scores, iota(scores.shape), lists)
    return 1 + by_blocks(block, items, items)
