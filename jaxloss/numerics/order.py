"""The order of the numbers in each row, faster than XLA:CPU sorts floats, and what follows from it.

XLA:CPU sorts one array of integers four times as fast as floats, or as several arrays together (2**20 numbers in rows
of 1024: 30 ms against 120 to 210). So a row is sorted by the patterns of its numbers, some of their bits at a time,
with the place of each number in the bits that are left.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax

__all__ = ["ascending_order", "count_up_to", "permute", "put_back"]


def ascending_order(keys: Array) -> Array:
    """Return the place of the smallest number of each row, of the next, and so on; equal ones keep their order.

    Rows are the last axis. Zeros are equal whatever their sign, and NaN is last, as in `jax.lax.sort`. There is no
    derivative.
    """
    keys = lax.stop_gradient(keys)
    size, width = keys.shape[-1], 8 * keys.dtype.itemsize
    # Below three times the sorting, digits are faster than pairs.
    if -(-width // max(width - _bits(size), 1)) > 3:
        return _by_pairs(keys)
    return lax.platform_dependent(keys, cpu=_by_digits, default=_by_pairs)


def count_up_to(row: Array, values: Array) -> Array:
    """Return how many numbers of each sorted row are at most each of the values, by bisection."""
    size = row.shape[-1]
    steps = size.bit_length()

    def step(i: Array, found: Array) -> Array:
        more = found + lax.shift_left(jnp.int32(1), steps - 1 - lax.convert_element_type(i, jnp.int32))
        reached = permute(row, jnp.minimum(more, size) - 1) <= values
        return jnp.where(reached & (more <= size), more, found)

    # Unrolled it is three times as slow: XLA:CPU then finds the places anew for each use of them.
    return lax.fori_loop(0, steps, step, jnp.zeros_like(values, dtype=jnp.int32))


def permute(values: Array, order: Array) -> Array:
    """Return the values in another order, each once.

    Its transpose is a scatter of as many numbers. On the CPU that is serial, and still a hundredth of the sort that
    the order comes from (32000 numbers: 0.1 and 7 ms); the transpose without a scatter would be a second sort.
    """
    return jnp.take_along_axis(values, order, -1, mode="promise_in_bounds")


def put_back(values: Array, order: Array) -> Array:
    """Return what `permute` has made into these values by this order."""
    return jnp.put_along_axis(jnp.zeros_like(values), order, values, -1, inplace=False, mode="promise_in_bounds")


def _by_pairs(keys: Array) -> Array:
    place = lax.broadcasted_iota(jnp.int32, keys.shape, keys.ndim - 1)
    return lax.sort((keys, place), dimension=keys.ndim - 1, num_keys=1)[1]


# From the lowest bits to the highest: each time equal bits keep the order that those below have given, as their place
# in it is sorted along.
def _by_digits(keys: Array) -> Array:
    width, axis = 8 * keys.dtype.itemsize, keys.ndim - 1
    unsigned: Any = getattr(jnp, f"uint{width}")
    for_place = _bits(keys.shape[-1])
    pattern, place = _pattern(keys, unsigned), lax.broadcasted_iota(unsigned, keys.shape, axis)
    order = place.astype(jnp.int32)
    for low in range(0, width, width - for_place):
        bits = pattern if low == 0 else permute(pattern >> unsigned(low), order)
        tagged = lax.sort((bits << unsigned(for_place)) | place, dimension=axis, is_stable=False)
        moved = (tagged & unsigned((1 << for_place) - 1)).astype(jnp.int32)
        order = moved if low == 0 else permute(order, moved)
    return order


def _bits(size: int) -> int:
    """How many bits a place in a row of this size needs."""
    return max(size - 1, 1).bit_length()


def _pattern(keys: Array, unsigned: Any) -> Array:
    """Unsigned integers in the order of the keys."""
    keys = jnp.where(keys == 0, 0, jnp.where(jnp.isnan(keys), jnp.nan, keys))
    pattern = lax.bitcast_convert_type(keys, unsigned)
    sign = unsigned(1 << (8 * keys.dtype.itemsize - 1))
    return jnp.where(pattern >= sign, ~pattern, pattern | sign)
