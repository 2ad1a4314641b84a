"""All pairs of the items of a list, a block of rows at a time: time for every pair, memory for every item."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxloss.numerics.elementary import one_dispatch
from jaxloss.numerics.log_sums import difference
from jaxloss.ranking.lists import Lists, iota, permute, sort_lists

__all__ = ["Items", "LambdaWeights", "Margin", "by_blocks", "pair_counts", "pair_totals"]

BLOCK = 1 << 18  # pairs at a time: 1 MB for each array of them, which stays in a core's cache


class Items(NamedTuple):
    """What a function of two items of a list knows of either of them, shaped to stretch against the other."""

    labels: Array
    ranks: Array
    """By falling score, from 1 on."""
    ideal_ranks: Array
    """By falling label, from 1 on."""
    lists: Lists


LambdaWeights = Callable[[Items, Items], Array]
"""A weight for each pair, the same for either order of the two. The second is the whole list, on the last axis."""


class Margin(NamedTuple):
    """A loss of the margin by which the better of two items is ahead, 0 with zero slope at inf."""

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]


def by_blocks(function: Callable[[Any, Any], Any], first: Any, second: Any) -> Any:
    """Return a function of the pairs of two sets of items that sums over the second: results for each of the first.

    ``function`` takes arrays ``[..., rows, 1]`` and ``[..., 1, items]`` and gives arrays ``[..., rows]``. What its
    derivatives need is computed again, block by block.
    """
    leaves = jax.tree.leaves(first)
    *batch, n = leaves[0].shape
    rows = max(1, BLOCK // max(1, math.prod(batch) * jax.tree.leaves(second)[0].shape[-1]))
    second = jax.tree.map(lambda a: a[..., None, :], second)
    block = lambda part: function(jax.tree.map(lambda a: a[..., None], part), second)
    if rows >= n:
        return block(first)
    blocks = -(-n // rows)

    def split(array: Array) -> Array:
        # With the last item once more: of an item that is nowhere, the function may be infinite.
        padded = jnp.pad(array, [*[(0, 0)] * len(batch), (0, blocks * rows - n)], mode="edge")
        return jnp.moveaxis(padded.reshape(*batch, blocks, rows), -2, 0)

    join = lambda array: jnp.moveaxis(array, 0, -2).reshape(*batch, blocks * rows)[..., :n]
    return jax.tree.map(join, lax.map(jax.checkpoint(block, prevent_cse=False), jax.tree.map(split, first)))


# Every pair is met twice, from either side, so that sums over rows are enough: the sum over the pairs is half of all
# rows, and the derivative in s_i is sum_j c_ij phi'(c_ij (s_i - s_j)) with c the sign of y_i - y_j. What is no pair has
# an infinite margin, where the loss is 0. Value and slopes come from one pass; derivatives of the slopes from jax.
def _rows(
    margin: Margin, weigh: LambdaWeights | None, scores: Array, items: Items, slopes: bool
) -> tuple[Array, Array | None]:
    def block(first: tuple[Array, Items], second: tuple[Array, Items]) -> tuple[Array, Array | None]:
        (s, a), (z, b) = first, second
        sign = jnp.sign(a.labels - b.labels)
        ahead = sign != 0
        if (same := a.lists.same(b.lists)) is not None:
            ahead &= same
        t = jnp.where(ahead, sign * difference(s, z), jnp.inf)
        value, slope = margin.value(t), sign * margin.slope(t) if slopes else None
        if weigh is not None:
            weight = jnp.where(ahead, lax.stop_gradient(weigh(a, b)), 0)
            value = jnp.where(weight == 0, 0, weight * value)
            slope = None if slope is None else weight * slope
        return jnp.sum(value, -1), None if slope is None else jnp.sum(slope, -1)

    return by_blocks(block, (scores, _for_blocks(items)), (scores, _for_blocks(items)))


def _for_blocks(items: Items) -> Items:
    return items._replace(lists=items.lists._replace(order=None))


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _pair_totals(margin: Margin, weigh: LambdaWeights | None, scores: Array, items: Items) -> Array:
    return 0.5 * items.lists.total(_rows(margin, weigh, scores, items, slopes=False)[0])


@_pair_totals.defjvp
def _(margin: Margin, weigh: LambdaWeights | None, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    scores, items = primals
    rows, slopes = _rows(margin, weigh, scores, items, slopes=True)
    assert slopes is not None
    return 0.5 * items.lists.total(rows), items.lists.total(slopes * tangents[0])


@partial(one_dispatch, static_argnums=(0, 1))
def pair_totals(margin: Margin, weigh: LambdaWeights | None, scores: Array, items: Items) -> Array:
    """Return the sum over the pairs of each list with different labels; no derivative in the labels."""
    return _pair_totals(margin, weigh, scores, jax.tree.map(lax.stop_gradient, items))


@one_dispatch
def pair_counts(labels: Array, lists: Lists) -> Array:
    """Return the number of pairs with different labels in each list, shaped like `Lists.total`."""
    order, index = sort_lists(lists, labels.shape, labels), iota(labels.shape)
    moved = permute(labels, order.items)
    changed = order.starts | (moved != jnp.roll(moved, 1, -1))
    axis = labels.ndim - 1
    lower = lax.cummax(jnp.where(changed, index, 0), axis=axis) - lax.cummax(
        jnp.where(order.starts, index, 0), axis=axis
    )
    return lists.total(lists.known(permute(lower, order.places).astype(labels.dtype), 0))
