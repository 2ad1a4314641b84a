"""What losses of lists share: items that exist, lists that stand one after the other in a flat array, and their order.

Items are on the last axis. Without ``segments`` an array ``[..., items]`` holds one list in each row, with them the
items of one list have the same number and stand anywhere in the row. Nothing here has more than a few numbers for
each item.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from jaxloss import checks, reduce
from jaxloss.numerics.order import permute
from jaxloss.numerics.running import accumulate
from jaxloss.reduce import Reduction

__all__ = ["Lists", "Order", "finish", "iota", "list_items", "permute", "ranks", "sort_lists"]


class Order(NamedTuple):
    """The items of each row sorted, list after list, and what does not exist last."""

    items: Array
    """Which item is at a place."""
    places: Array
    """At which place an item is."""
    starts: Array
    """Whether a list begins at a place."""


class Lists(NamedTuple):
    """Which items exist and to which list they belong."""

    exists: Array | None
    """None: all."""
    segments: Array | None
    """The number of each item's list; None: a row is a list."""
    order: Order | None
    """The items list after list; None without segments."""

    def known(self, values: Array, fill: float) -> Array:
        """Return the values with ``fill`` for the items that do not exist."""
        return values if self.exists is None else jnp.where(self.exists, values, fill)

    def total(self, values: Array) -> Array:
        """Return the sum over the list of each item: ``[..., 1]``, or ``[..., items]`` with segments."""
        if self.order is None:
            return jnp.sum(values, -1, keepdims=True)
        moved, starts = permute(values, self.order.items), self.order.starts
        before = accumulate(jnp.add, 0, moved, starts)
        after = accumulate(jnp.add, 0, moved, starts, reverse=True)
        return permute(before + (after - moved), self.order.places)

    def largest(self, values: Array) -> Array:
        """Return the largest of the list of each item, without a gradient; -inf for none."""
        values = lax.stop_gradient(self.known(values, -jnp.inf))
        if self.order is None:
            return jnp.max(values, -1, keepdims=True, initial=-jnp.inf)
        moved, starts = permute(values, self.order.items), self.order.starts
        up, down = (accumulate(jnp.maximum, -jnp.inf, moved, starts, reverse=way) for way in (False, True))
        return permute(jnp.maximum(up, down), self.order.places)

    def same(self, others: Lists) -> Array | None:
        """Whether two items exist in one list, for items shaped to stretch against each other; None: all are."""
        same: Any = None if self.segments is None else self.segments == others.segments
        for exists in (self.exists, others.exists):
            if exists is not None:
                same = exists if same is None else same & exists
        return same

    def size(self, like: Array) -> Array:
        """Return how many items the list of each item has, shaped like `total`."""
        return self.total(self.known(jnp.ones_like(like), 0))

    def firsts(self, shape: tuple[int, ...]) -> Array | None:
        """Return which values exist: those of rows with an item or, with segments, at the first item of each list."""
        if self.order is not None:
            firsts = permute(self.order.starts, self.order.places)
            return firsts if self.exists is None else firsts & self.exists
        if self.exists is not None:
            return jnp.any(self.exists, -1)
        return None if shape[-1] else jnp.zeros(shape[:-1], bool)


def list_items(
    name: str, scores: ArrayLike, labels: ArrayLike, where: ArrayLike | None, segments: ArrayLike | None
) -> tuple[Array, Array, Lists]:
    """Return scores and labels of one shape, 0 where masked, and their lists."""
    scores, labels = checks.real_pair(name, scores, labels, arguments=("scores", "labels"))
    if not scores.ndim:
        raise ValueError(f"{name}: scores must have an axis of items, got shape {scores.shape}")
    exists = None
    if where is not None:  # What `keep` keeps of ones is what exists, after its checks.
        exists = reduce.keep(name, where, jnp.ones(scores.shape, jnp.float32)) != 0
    scores, labels = reduce.keep(name, where, scores, labels)
    lists = Lists(exists, None, None)
    if segments is not None:
        segments = jnp.asarray(segments)
        if not jnp.issubdtype(segments.dtype, jnp.integer):
            raise TypeError(f"{name}: segments must be integers, got {segments.dtype}")
        checks.same_shape(name, scores=scores, segments=segments)
        lists = Lists(exists, segments, None)
        lists = lists._replace(order=sort_lists(lists, scores.shape))
    return scores, labels, lists


def finish(
    name: str, values: Array, lists: Lists, shape: tuple[int, ...], weights: ArrayLike | None, reduction: Reduction
) -> Any:
    """Reduce values that are shaped like `Lists.total`, for items of that shape: 0 for a list of nothing."""
    exists = lists.firsts(shape)
    values = jnp.broadcast_to(values, shape) if lists.order is not None else jnp.squeeze(values, -1)
    return reduce.apply(name, values, where=exists, weights=weights, reduction=reduction)


def iota(shape: tuple[int, ...]) -> Array:
    """Return the position of each item in its row."""
    return lax.broadcasted_iota(jnp.int32, shape, len(shape) - 1)


def sort_lists(lists: Lists, shape: tuple[int, ...], *keys: Array) -> Order:
    """Sort by list, then by the keys upwards; equal items keep their order."""
    axis, index = len(shape) - 1, iota(shape)
    lists_first = () if lists.exists is None else (jnp.broadcast_to(~lists.exists, shape).astype(jnp.int32),)
    lists_first += () if lists.segments is None else (jnp.broadcast_to(lists.segments, shape),)
    operands = tuple(map(lax.stop_gradient, (*lists_first, *keys)))
    *found, items = lax.sort((*operands, index), dimension=axis, num_keys=len(operands)) if operands else (index,)
    starts = index == 0
    for key in found[: len(lists_first)]:
        starts |= key != jnp.roll(key, 1, -1)
    places = jnp.put_along_axis(index, items, index, -1, inplace=False, mode="promise_in_bounds")
    return Order(items, places, starts)


@jax.jit
def ranks(scores: Array, lists: Lists) -> Array:
    """Return the rank of each item in its list by falling score, from 1 on; of equal scores the first is ahead."""
    order = sort_lists(lists, scores.shape, -scores)
    index = iota(scores.shape)
    start = lax.cummax(jnp.where(order.starts, index, 0), axis=scores.ndim - 1)
    return permute(index - start + 1, order.places)
