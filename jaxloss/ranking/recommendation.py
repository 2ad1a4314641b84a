"""Losses of recommenders: items that someone took against items that they did not."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, numerics, reduce
from jaxloss.numerics.elementary import one_dispatch
from jaxloss.numerics.log_sums import difference
from jaxloss.ranking.lists import Lists, finish, list_items
from jaxloss.ranking.pairs import by_blocks
from jaxloss.reduce import Reduction

__all__ = ["bpr", "warp"]


def bpr(
    positives: Float[ArrayLike, "*shape"],
    negatives: Float[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Bayesian personalized ranking: an item that was taken against one that was sampled from the others.

    .. math::  \ell = \log(1 + e^{-(s^+ - s^-)}), \qquad
               \frac{\partial \ell}{\partial s^+} = -\sigma(s^- - s^+) = -\frac{\partial \ell}{\partial s^-}

    Over all pairs of a list it is `pairwise_logistic` with labels of 0 and 1. The penalty of the factors in the paper
    is a term of its own, `l2_penalty`.

    Args:
      positives: real array of any shape, scores of items that were taken.
      negatives: array of exactly that shape, scores of items that were not; for several to one positive, broadcast it.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per pair with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes, TypeError for integer scores.
    Example:
      >>> bpr(jnp.array([1.0, 0.0]), jnp.array([0.0, 0.0]), reduction="none")
      Array([0.31326172, 0.6931472 ], dtype=float32)
    References: Rendle et al. (2009), BPR: Bayesian personalized ranking from implicit feedback, arXiv:1205.2618.
    """
    positives, negatives = checks.real_pair("bpr", positives, negatives, arguments=("positives", "negatives"))
    positives, negatives = reduce.keep("bpr", where, positives, negatives)
    values = numerics.softplus(difference(negatives, positives))
    return reduce.apply("bpr", values, where=where, weights=weights, reduction=reduction)


def warp(
    scores: Float[ArrayLike, "*lists items"],
    labels: Real[ArrayLike, "*lists items"],
    *,
    margin: float = 1.0,
    segments: Int[ArrayLike, "*lists items"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Weighted approximate-rank pairwise loss: a positive item pays for negatives by how many are ahead of it.

    .. math::  \ell = \frac{1}{|P|} \sum_{i \in P} \frac{1}{r_i} \Big(1 + \frac12 + \dots + \frac{1}{r_i}\Big)
               \sum_{j \in N} \max(0, m - s_i + s_j), \qquad r_i = |\{j \in N : s_i - s_j < m\}|

    P are the items with a positive label, N the others. The weight of the sum grows as the logarithm of the rank: the
    head of the list counts most. It is held fixed, so that it has no gradient and the loss jumps where an item comes
    within the margin. This is the expectation of what the paper samples. A list without a positive costs 0.

    Args:
      scores: real array ``[..., items]``; an item of -inf is last.
      labels: of exactly that shape; an item with a positive label is a positive.
      margin: by how much a positive should be ahead, positive.
      segments: integers of that shape: items with the same number are one list. The value of a list then stands at its
        first item.
      where: the items that exist, of that shape.
      weights, reduction: of the lists, see :doc:`/reductions`.
    Returns: a scalar, or one value per list with ``reduction="none"``; in units of the score.
    Raises: ValueError for unequal shapes or a margin that is not positive, TypeError for integer scores.
    Example:
      >>> warp(jnp.array([0.5, 1.0, 0.0, -2.0]), jnp.array([1, 0, 0, 0]))
      Array(1.5, dtype=float32)
    References: Weston, Bengio and Usunier (2011), WSABIE: scaling up to large vocabulary image annotation, eq. 2.
    """
    scores, labels, lists = list_items("warp", scores, labels, where, segments)
    margin = checks.parameter("warp", "margin", margin, scores, above=0)
    positive = lists.known(labels, 0) > 0
    values = _warp(scores, positive, jnp.asarray(margin, scores.dtype), lists)
    return finish("warp", values, lists, scores.shape, weights, reduction)


@one_dispatch
def _warp(scores: Array, positive: Array, margin: Array, lists: Lists) -> Array:
    n = scores.shape[-1]
    # Of rank r: (1 + 1/2 + ... + 1/r) / r, and 0 of rank 0.
    table = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, n + 1)) / np.arange(1, n + 1)])
    each = jnp.asarray(table, scores.dtype)

    def block(first: Any, second: Any) -> tuple[Array, Array]:
        (s, own, a), (z, other, b) = first, second
        pair = own & ~other
        if (same := a.same(b)) is not None:
            pair &= same
        short = jnp.where(pair, margin - difference(s, z), -1)
        return jnp.sum(jnp.where(short > 0, short, 0), -1), jnp.sum((short > 0).astype(s.dtype), -1)

    items = (scores, positive, lists._replace(order=None))
    paid, rank = by_blocks(block, items, items)
    factor = each[lax.stop_gradient(rank).astype(jnp.int32)]
    costs = jnp.where(factor == 0, 0, factor * paid)
    count = lists.total(positive.astype(scores.dtype))
    return lists.total(costs) / jnp.maximum(count, 1)
