"""NDCG by NeuralSort: a soft permutation of the gains instead of soft ranks."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, numerics
from jaxloss.numerics.elementary import one_dispatch
from jaxloss.ranking.gains import GAINS, Gain, cut, discount, ideal, relative_gain
from jaxloss.ranking.lists import Lists, finish, list_items, ranks
from jaxloss.ranking.pairs import by_blocks
from jaxloss.ranking.smooth import over_temperature
from jaxloss.reduce import Reduction

__all__ = ["neural_ndcg"]


def neural_ndcg(
    scores: Float[ArrayLike, "*lists items"],
    labels: Real[ArrayLike, "*lists items"],
    *,
    temperature: Real[ArrayLike, "..."] = 1.0,
    k: int | None = None,
    gain: Gain = "exponential",
    scalings: int = 10,
    segments: Int[ArrayLike, "*lists items"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Minus the normalized discounted cumulative gain of a list that a soft permutation has sorted.

    .. math::  \ell = -\frac{1}{G} \sum_{r \le k} \frac{1}{\log_2(1 + r)} \sum_j \hat P_{rj} \, g(y_j), \qquad
               P_{rj} = \operatorname{softmax}_j \frac{(n + 1 - 2r) s_j - \sum_l |s_j - s_l|}{\tau}

    P is scaled towards row and column sums of 1 by Sinkhorn's iteration, columns first, into :math:`\hat P`; without
    it, an item may stand at two ranks. As the temperature falls, the loss tends to minus `ndcg`. A list without
    a relevant item costs 0. P is never stored: it is computed again for each of its sums, with memory for the items.

    Args:
      scores: finite array ``[..., items]``.
      labels: relevance of each item, not negative, of exactly that shape; their order has no gradient.
      temperature: positive divisor of the scores, a scalar or one for each list, ``[..., 1]``.
      k: how many ranks count; by default all.
      gain: of a label: "exponential" is 2^y - 1, "linear" is y.
      scalings: iterations of the scaling, each as costly as the rest; allRank does up to 50, 0 leaves it out.
      segments: integers of that shape: items with the same number are one list. The value of a list then stands at its
        first item.
      where: the items that exist, of that shape.
      weights, reduction: of the lists, see :doc:`/reductions`.
    Returns: a scalar, or one value per list with ``reduction="none"``; about -1 to 0.
    Raises: ValueError for unequal shapes or parameters out of their range, TypeError for integer scores.
    Example:
      >>> neural_ndcg(jnp.array([-1.0, 1.0, 0.0]), jnp.array([0.0, 0.0, 1.0]), temperature=0.01)
      Array(-0.6309297, dtype=float32)
    References: Pobrotyn and Białobrzeski (2021), NeuralNDCG: direct optimisation of a ranking metric via differentiable
      relaxation of sorting, arXiv:2102.07831; Grover et al. (2019), Stochastic optimization of sorting networks via
      continuous relaxations, arXiv:1903.08850.
    """
    name = "neural_ndcg"
    checks.choice(name, "gain", gain, GAINS)
    if k is not None and k < 1:
        raise ValueError(f"{name}: k must be at least 1, got {k}")
    if scalings < 0:
        raise ValueError(f"{name}: scalings must not be negative, got {scalings}")
    scores, labels, lists = list_items(name, scores, labels, where, segments)
    scores = over_temperature(name, scores, temperature)
    values = _neural_ndcg(gain, k, scalings, scores, labels, lists)
    return finish(name, values, lists, scores.shape, weights, reduction)


@partial(one_dispatch, static_argnums=(0, 1, 2))
def _neural_ndcg(gain: str, k: int | None, scalings: int, scores: Array, labels: Array, lists: Lists) -> Array:
    # Only differences of scores count, and an entry of P multiplies each by the number of items. The middle of a list
    # is the same number for all of it; a sum may round from item to item.
    middle = 0.5 * lists.largest(scores) - 0.5 * lists.largest(-scores)
    matrix = _matrix(lists.known(scores - jnp.where(jnp.isfinite(middle), middle, 0), 0), lists)
    gains = lists.known(relative_gain(labels, gain, lists), 0)
    rows = columns = lists.known(jnp.ones_like(scores), 0)

    def scale(state: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        columns = _inverse(_column_sums(matrix, state[0]))
        return (_inverse(_row_sums(matrix, columns)), columns), None

    if scalings:
        (rows, columns), _ = lax.scan(scale, (rows, columns), None, length=scalings)
    found = rows * _row_sums(matrix, columns * gains)
    best = ideal(gains, labels, lists, k)
    earned = lists.total(lists.known(found * cut(discount(matrix.rank), matrix.rank, k), 0))
    return -earned / jnp.where(best == 0, 1, best)


class _Matrix(NamedTuple):
    """What an entry of P is made of: its row is the rank of one item of a list, its column another item."""

    scores: Array
    distances: Array
    """sum_l |s_j - s_l|."""
    rank: Array
    """1 to n, in the order in which the items of a list stand."""
    size: Array
    log_sums: Array
    """Of the rows."""
    lists: Lists


def _matrix(scores: Array, lists: Lists) -> _Matrix:
    rank = ranks(jnp.zeros_like(scores), lists).astype(scores.dtype)
    size = jnp.broadcast_to(lists.size(scores), scores.shape)
    zeros = jnp.zeros_like(scores)
    matrix = _Matrix(scores, zeros, rank, size, zeros, lists._replace(order=None))

    def distances(first: _Matrix, second: _Matrix) -> Array:
        return jnp.sum(_of_list(first, second, jnp.abs(first.scores - second.scores), 0), -1)

    matrix = matrix._replace(distances=by_blocks(distances, matrix, matrix))
    sums = by_blocks(lambda first, second: numerics.logsumexp(_logits(first, second), -1), matrix, matrix)
    return matrix._replace(log_sums=jnp.where(sums == -jnp.inf, 0, sums))


def _of_list(first: _Matrix, second: _Matrix, values: Array, fill: float) -> Array:
    same = first.lists.same(second.lists)
    return values if same is None else jnp.where(same, values, fill)


def _logits(row: _Matrix, column: _Matrix) -> Array:
    values = (row.size + 1 - 2 * row.rank) * column.scores - column.distances
    return _of_list(row, column, values, -jnp.inf)


def _row_sums(matrix: _Matrix, factors: Array) -> Array:
    def block(row: _Matrix, column: tuple[_Matrix, Array]) -> Array:
        return jnp.sum(jnp.exp(_logits(row, column[0]) - row.log_sums) * column[1], -1)

    return by_blocks(block, matrix, (matrix, factors))


def _column_sums(matrix: _Matrix, factors: Array) -> Array:
    def block(column: _Matrix, row: tuple[_Matrix, Array]) -> Array:
        return jnp.sum(jnp.exp(_logits(row[0], column) - row[0].log_sums) * row[1], -1)

    return by_blocks(block, matrix, (matrix, factors))


def _inverse(sums: Array) -> Array:
    return jnp.where(sums == 0, 0, 1 / jnp.where(sums == 0, 1, sums))
