"""Losses of pairs: of two items of a list with different labels, the better one should have the higher score."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import numerics
from jaxloss.numerics.elementary import one_dispatch
from jaxloss.ranking.lists import Lists, finish, list_items, ranks
from jaxloss.ranking.pairs import Items, LambdaWeights, Margin, pair_counts, pair_totals
from jaxloss.ranking.sorted_hinge import hinge_totals
from jaxloss.reduce import Reduction

__all__ = [
    "pairwise_hinge",
    "pairwise_logistic",
    "pairwise_soft_zero_one",
    "pairwise_squared",
    "ranking_pairs",
]

LONG = 4096  # items: from here on sorting is faster than comparing all pairs, on the CPU

HINGE = Margin(lambda t: jnp.maximum(1 - t, 0), lambda t: jnp.where(t < 1, -1.0, 0.0).astype(t.dtype))
LOGISTIC = Margin(lambda t: numerics.softplus(-t), lambda t: -numerics.sigmoid(-t))
SOFT_ZERO_ONE = Margin(
    lambda t: numerics.sigmoid(-t), lambda t: -jax.jvp(numerics.sigmoid, (t,), (jnp.ones_like(t),))[1]
)


def pairwise_hinge(
    scores: Float[ArrayLike, "*lists items"],
    labels: Real[ArrayLike, "*lists items"],
    *,
    lambda_weights: LambdaWeights | None = None,
    segments: Int[ArrayLike, "*lists items"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Hinge of the pairs of a list: the better item should be ahead by 1.

    .. math::  \ell = \frac{1}{|P|} \sum_{(i, j) \in P} \lambda_{ij} \max(0, 1 - (s_i - s_j)), \qquad
               P = \{(i, j) : y_i > y_j\}, \qquad
               \frac{\partial \ell}{\partial s_i} = -\frac{1}{|P|} \sum_{j : s_i - s_j < 1} \pm \lambda_{ij}

    A list counts once however many pairs it has; rax's mean is over the pairs of all lists, which is ours with
    ``weights=ranking_pairs(labels)``. A list without a pair costs 0.

    Args:
      scores: real array ``[..., items]``; an item of -inf is last.
      labels: relevance of each item, of exactly that shape; only their order matters, and they have no gradient.
      lambda_weights: weight of each pair, such as `dcg_lambda`, held fixed; by default 1.
      segments: integers of that shape: items with the same number are one list. The value of a list then stands at its
        first item.
      where: the items that exist, of that shape.
      weights, reduction: of the lists, see :doc:`/reductions`.
    Returns: a scalar, or one value per list with ``reduction="none"``; in units of the score.
    Raises: ValueError for unequal shapes, TypeError for integer scores.
    Example:
      >>> pairwise_hinge(jnp.array([0.2, 0.5, 1.0]), jnp.array([2, 0, 1]))
      Array(1.2..., dtype=float32)
    References: Herbrich, Graepel and Obermayer (2000), Large margin rank boundaries for ordinal regression; Joachims
      (2002), Optimizing search engines using clickthrough data, doi:10.1145/775047.775067.
    """
    name = "pairwise_hinge"
    return _pairwise(name, HINGE, scores, labels, lambda_weights, segments, where, weights, reduction)


def pairwise_logistic(
    scores: Float[ArrayLike, "*lists items"],
    labels: Real[ArrayLike, "*lists items"],
    *,
    lambda_weights: LambdaWeights | None = None,
    segments: Int[ArrayLike, "*lists items"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Cross-entropy of which item of a pair is better: RankNet; with ``lambda_weights``, LambdaRank.

    .. math::  \ell = \frac{1}{|P|} \sum_{(i, j) \in P} \lambda_{ij} \log(1 + e^{-(s_i - s_j)}), \qquad
               P = \{(i, j) : y_i > y_j\}

    A list counts once however many pairs it has; rax's mean is over the pairs of all lists, which is ours with
    ``weights=ranking_pairs(labels)``. A list without a pair costs 0.

    Args:
      scores: real array ``[..., items]``; an item of -inf is last.
      labels: relevance of each item, of exactly that shape; only their order matters, and they have no gradient.
      lambda_weights: weight of each pair, such as `dcg_lambda`, held fixed; by default 1.
      segments: integers of that shape: items with the same number are one list. The value of a list then stands at its
        first item.
      where: the items that exist, of that shape.
      weights, reduction: of the lists, see :doc:`/reductions`.
    Returns: a scalar, or one value per list with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes, TypeError for integer scores.
    Example:
      >>> pairwise_logistic(jnp.array([0.2, 0.5, 1.0]), jnp.array([2, 0, 1]))
      Array(0.8..., dtype=float32)
    References: Burges et al. (2005), Learning to rank using gradient descent, doi:10.1145/1102351.1102363.
    """
    name = "pairwise_logistic"
    return _pairwise(name, LOGISTIC, scores, labels, lambda_weights, segments, where, weights, reduction)


def pairwise_soft_zero_one(
    scores: Float[ArrayLike, "*lists items"],
    labels: Real[ArrayLike, "*lists items"],
    *,
    lambda_weights: LambdaWeights | None = None,
    segments: Int[ArrayLike, "*lists items"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Smoothed share of the pairs in the wrong order: bounded, so that a hopeless pair pulls no longer.

    .. math::  \ell = \frac{1}{|P|} \sum_{(i, j) \in P} \lambda_{ij} \, \sigma(-(s_i - s_j)), \qquad
               P = \{(i, j) : y_i > y_j\}

    A list counts once however many pairs it has; rax's mean is over the pairs of all lists, which is ours with
    ``weights=ranking_pairs(labels)``. A list without a pair costs 0.

    Args:
      scores: real array ``[..., items]``; an item of -inf is last.
      labels: relevance of each item, of exactly that shape; only their order matters, and they have no gradient.
      lambda_weights: weight of each pair, such as `dcg_lambda`, held fixed; by default 1.
      segments: integers of that shape: items with the same number are one list. The value of a list then stands at its
        first item.
      where: the items that exist, of that shape.
      weights, reduction: of the lists, see :doc:`/reductions`.
    Returns: a scalar, or one value per list with ``reduction="none"``; between 0 and 1 without ``lambda_weights``.
    Raises: ValueError for unequal shapes, TypeError for integer scores.
    Example:
      >>> pairwise_soft_zero_one(jnp.array([0.2, 0.5, 1.0]), jnp.array([2, 0, 1]))
      Array(0.5..., dtype=float32)
    References: Pasumarthi et al. (2019), TF-Ranking, doi:10.1145/3292500.3330677.
    """
    name = "pairwise_soft_zero_one"
    return _pairwise(name, SOFT_ZERO_ONE, scores, labels, lambda_weights, segments, where, weights, reduction)


def pairwise_squared(
    scores: Float[ArrayLike, "*lists items"],
    labels: Real[ArrayLike, "*lists items"],
    *,
    segments: Int[ArrayLike, "*lists items"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Squared error of the differences of scores against those of labels: regression up to a constant of the list.

    .. math::  \ell = \frac{1}{n^2} \sum_{i, j} \big((s_i - s_j) - (y_i - y_j)\big)^2
               = \frac{2}{n} \sum_i (e_i - \bar e)^2, \qquad e_i = s_i - y_i, \qquad
               \frac{\partial \ell}{\partial s_i} = \frac{4}{n} (e_i - \bar e)

    Over all pairs of a list's items, those with equal labels included: twice the variance of the errors, in O(n).

    Args:
      scores: real array ``[..., items]``.
      labels: of exactly that shape, in units of the score.
      segments: integers of that shape: items with the same number are one list. The value of a list then stands at its
        first item.
      where: the items that exist, of that shape.
      weights, reduction: of the lists, see :doc:`/reductions`; rax's mean is ours with the squares of the sizes of the
        lists for weights.
    Returns: a scalar, or one value per list with ``reduction="none"``; in squared units of the score.
    Raises: ValueError for unequal shapes, TypeError for integer scores.
    Example:
      >>> pairwise_squared(jnp.array([0.0, 1.0, 2.0]), jnp.array([0.0, 0.0, 3.0]))
      Array(1.3333..., dtype=float32)
    References: Sculley (2010), Combined regression and ranking, doi:10.1145/1835804.1835928.
    """
    scores, labels, lists = list_items("pairwise_squared", scores, labels, where, segments)
    return finish("pairwise_squared", _squared(scores, labels, lists), lists, scores.shape, weights, reduction)


@one_dispatch
def _squared(scores: Array, labels: Array, lists: Lists) -> Array:
    errors, size = scores - labels, jnp.maximum(lists.size(scores), 1)
    shift = lax.stop_gradient(lists.total(errors) / size)  # any will do; a good one keeps digits
    moved = lists.known(errors - shift, 0)
    spread = lists.known(moved - lists.total(moved) / size, 0)
    return 2 * lists.total(spread * spread) / size


def ranking_pairs(
    labels: Real[ArrayLike, "*lists items"],
    *,
    segments: Int[ArrayLike, "*lists items"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
) -> Array:
    """Return how many pairs of items with different labels each list has, to weigh lists by them.

    Args:
      labels: relevance of each item, ``[..., items]``.
      segments: integers of that shape, the list of each item; the number then stands at the first item of each list.
      where: the items that exist, of that shape.
    Returns: an array ``[...]``, or ``[..., items]`` with segments.

    Example:
      >>> ranking_pairs(jnp.array([[2, 0, 1, 0], [1, 1, 1, 0]]))
      Array([5., 3.], dtype=float32)
    """
    likes = jnp.zeros(jnp.shape(labels), jnp.float32)
    _, labels, lists = list_items("ranking_pairs", likes, labels, where, segments)
    return finish("ranking_pairs", pair_counts(labels, lists), lists, labels.shape, None, "none")


def _pairwise(
    name: str,
    margin: Margin,
    scores: ArrayLike,
    labels: ArrayLike,
    weigh: LambdaWeights | None,
    segments: ArrayLike | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    reduction: Reduction,
) -> Any:
    scores, labels, lists = list_items(name, scores, labels, where, segments)
    labels = lax.stop_gradient(labels)
    if margin is HINGE and weigh is None and scores.shape[-1] > LONG:
        totals = hinge_totals(scores, labels, lists)
    else:
        ones = jnp.ones(scores.shape, jnp.int32)
        order = (ones, ones) if weigh is None else (ranks(lax.stop_gradient(scores), lists), ranks(labels, lists))
        totals = pair_totals(margin, weigh, scores, Items(labels, *order, lists))
    pairs = pair_counts(labels, lists)
    return finish(name, totals / jnp.maximum(pairs, 1), lists, scores.shape, weights, reduction)
