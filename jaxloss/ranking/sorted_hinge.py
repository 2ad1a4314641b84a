"""The hinge of all pairs of a long list by sorting: O(n log n) for each bit of how many different labels there are."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxloss.numerics.elementary import one_dispatch
from jaxloss.numerics.slopes import rounded_difference
from jaxloss.ranking.lists import Lists, iota, permute, sort_lists

__all__ = ["hinge_totals"]


# Two items with different labels differ in a highest bit of their levels. Those that agree in all bits above it are a
# group; in each group the ones with the bit are better than the ones without. So a few problems with two levels each
# are left, one for each bit.
#
# There a pair costs the distance from u = s_better - 1 up to x = s_worse. Sort all u and x: each gap between neighbours
# is counted by the better ones below it times the worse ones above it, a sum of positive terms. The slope of a better
# item is minus the number of worse ones above its u, that of a worse item the number of better ones below its x.
@jax.custom_jvp
def _hinge_totals(scores: Array, labels: Array, lists: Lists) -> Array:
    return lists.total(_solve(scores, labels, lists)[0])


@_hinge_totals.defjvp
def _(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    scores, labels, lists = primals
    costs, slopes = _solve(lax.stop_gradient(scores), labels, lists)
    return lists.total(costs), lists.total(slopes * tangents[0])


@one_dispatch
def hinge_totals(scores: Array, labels: Array, lists: Lists) -> Array:
    """Return the sum of max(0, 1 - (s_i - s_j)) over the pairs y_i > y_j of each list; no derivative in the labels."""
    return _hinge_totals(scores, lax.stop_gradient(labels), lists)


class _Keys(NamedTuple):
    """Two for each item: x = s, where it is the worse one of a pair, and u = s - 1, where it is the better one."""

    high: Array
    low: Array
    """What rounding s - 1 has left out: keys compare as the exact numbers do."""
    item: Array
    better: Array


def _keys(scores: Array) -> _Keys:
    index = iota(scores.shape)
    high, low = rounded_difference(scores, jnp.ones_like(scores))
    low = jnp.where(jnp.isinf(scores), -1, low)
    both = lambda first, second: jnp.concatenate([first, second], -1)
    keys = both(scores, high), both(jnp.zeros_like(low), low)
    # x first: a pair exactly 1 apart then counts as apart.
    payload = both(index, index), both(jnp.zeros_like(index), jnp.ones_like(index))
    high, low, item, better = lax.sort((*keys, *payload), dimension=scores.ndim - 1, num_keys=2)
    return _Keys(high, low, item, better == 1)


def _levels(labels: Array, lists: Lists) -> tuple[Array, Array]:
    """Return the number of each item's list in its row, and that of its label among the different ones of the row."""
    order, axis = sort_lists(lists, labels.shape, labels), labels.ndim - 1
    moved = permute(labels, order.items)
    changed = order.starts | (moved != jnp.roll(moved, 1, -1))
    level, of_list = (lax.cumsum(a.astype(jnp.int32), axis=axis) - 1 for a in (changed, order.starts))
    first = lax.cummax(jnp.where(order.starts, level, 0), axis=axis)
    return permute(of_list, order.places), permute(level - first, order.places)


def _solve(scores: Array, labels: Array, lists: Lists) -> tuple[Array, Array]:
    """Return what each item pays for the gaps above its keys, and its slope."""
    keys, (of_list, level) = _keys(scores), _levels(labels, lists)
    gather = lambda array: permute(array, keys.item)
    group, level = gather(of_list), gather(level)
    exists = None if lists.exists is None else gather(lists.exists)
    axis, index = scores.ndim - 1, iota(keys.high.shape)

    def one_bit(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        bit, costs, slopes = state
        above = level >> (bit + 1)
        *_, order = lax.sort((group, above, index), dimension=axis, num_keys=2)
        high, low, item, better = (permute(a, order) for a in keys)
        found = tuple(permute(a, order) for a in (group, above))
        starts = jnp.logical_or(*(a != jnp.roll(a, 1, -1) for a in found)) | (index == 0)
        has_bit = (permute(level, order) >> bit) & 1 == 1
        counts = better == has_bit
        if exists is not None:
            counts &= permute(exists, order)
        _, upto = _running(counts & better, starts)
        worse_below, worse_upto = _running(counts & ~better, starts)
        ends = jnp.concatenate([starts[..., 1:], jnp.ones_like(starts[..., :1])], -1)
        all_worse = lax.cummin(
            jnp.where(ends, worse_upto + worse_below, jnp.iinfo(jnp.int32).max), axis=axis, reverse=True
        )
        worse_above = all_worse - worse_below - worse_upto
        gap = _gap(high, low)
        crossed = (upto != 0) & (worse_above != 0) & ~ends
        paid = jnp.where(crossed, gap * upto.astype(gap.dtype) * worse_above.astype(gap.dtype), 0)
        slope = jnp.where(counts, jnp.where(better, -worse_above, upto), 0)
        add = lambda total, more: total + _by_item(more, item, better)
        return bit - 1, add(costs, paid), add(slopes, slope.astype(gap.dtype))

    zeros = jnp.zeros_like(scores)
    bits = 32 - lax.clz(jnp.max(level, initial=0))
    _, costs, slopes = lax.while_loop(lambda state: state[0] >= 0, one_bit, (bits - 1, zeros, zeros))
    return costs, slopes


def _running(counted: Array, starts: Array) -> tuple[Array, Array]:
    """Return how many are counted before the group of each key, and from its start up to the key."""
    axis = counted.ndim - 1
    ones = counted.astype(jnp.int32)
    total = lax.cumsum(ones, axis=axis)
    before = lax.cummax(jnp.where(starts, total - ones, 0), axis=axis)
    return before, total - before


def _gap(high: Array, low: Array) -> Array:
    """The distance of each key from the next."""
    after, low_after = jnp.roll(high, -1, -1), jnp.roll(low, -1, -1)
    return jnp.where(after == high, 0, after - high) + (low_after - low)


def _by_item(values: Array, item: Array, better: Array) -> Array:
    """Return the sum of the values of the two keys of each item."""
    n = values.shape[-1] // 2
    places = item + n * better.astype(jnp.int32)  # each once, so that nothing is added in any order
    moved = jnp.put_along_axis(jnp.zeros_like(values), places, values, -1, inplace=False, mode="promise_in_bounds")
    return moved[..., :n] + moved[..., n:]
