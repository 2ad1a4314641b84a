"""Anchors in blocks: memory of a block times the batch where comparing all with all takes the batch squared."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

__all__ = ["by_anchor", "fits"]

LARGEST = 1 << 25
"""Similarities that are in memory at a time: up to so many the batch is not cut, which saves their second product."""


def fits(lead: tuple[int, ...]) -> bool:
    """Whether all similarities of batches ``(*batch, examples)`` are kept in memory."""
    return math.prod(lead) * lead[-1] <= LARGEST


def by_anchor(values: Callable[..., Any], anchors: Any, lead: tuple[int, ...]) -> Any:
    """Return ``values(anchors, places)``, computed for blocks of anchors if the batch is large.

    The gradient computes each block once more, so that none is kept.

    Args:
      values: of some of the anchors and their places in the batch, integers ``[some]``, to arrays ``[*batch, some]``.
      anchors: pytree of arrays ``[*batch, examples, ...]``.
      lead: ``(*batch, examples)``.
    """
    *batch, examples = lead
    places = jnp.arange(examples, dtype=jnp.int32)
    if fits(lead):
        return values(anchors, places)
    block = max(LARGEST // (math.prod(batch) * examples), 1)
    count = -(-examples // block)
    block = -(-examples // count)  # evenly, so that little is left over
    axis = len(batch)

    def cut(array: Array, axis: int) -> Array:
        ends = [(0, count * block - examples if i == axis else 0) for i in range(array.ndim)]
        array = jnp.pad(array, ends, mode="edge")
        array = array.reshape(*array.shape[:axis], count, block, *array.shape[axis + 1 :])
        return jnp.moveaxis(array, axis, 0)

    blocks = jax.tree.map(lambda array: cut(array, axis), anchors), cut(places, 0)
    found = lax.map(partial(jax.checkpoint, prevent_cse=False)(lambda each: values(*each)), blocks)

    def joined(array: Array) -> Array:
        return jnp.moveaxis(array, 0, axis).reshape(*batch, count * block)[..., :examples]

    return jax.tree.map(joined, found)
