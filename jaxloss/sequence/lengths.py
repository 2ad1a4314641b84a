"""What losses of sequences have in common: integer arguments, and how long each sequence is."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from jaxloss.checks import _array

__all__ = ["inside", "integers", "within"]


def integers(name: str, shape: tuple[int | None, ...], what: str, **arrays: ArrayLike) -> tuple[Array, ...]:
    """Return the named arrays of integers of that shape (None: any size), or raise an error that says ``what``."""
    converted = []
    for argument, value in arrays.items():
        array = _array(name, argument, value)
        if not jnp.issubdtype(array.dtype, jnp.integer):
            raise TypeError(f"{name}: {argument} must be integers, got {array.dtype}")
        fits = array.ndim == len(shape) and all(
            due in (None, size) for due, size in zip(shape, array.shape, strict=True)
        )
        if not fits:
            due = str(tuple("any" if size is None else size for size in shape)).replace("'any'", "any")
            raise ValueError(f"{name}: {argument} must have shape {due}, {what}, got {array.shape}")
        # What does not fit into 32 bits is no class, length or segment, and stays none.
        wide = array.dtype in (jnp.int64, jnp.uint64, jnp.uint32)
        limits = jnp.iinfo(jnp.int32)
        converted.append((jnp.clip(array, limits.min, limits.max) if wide else array).astype(jnp.int32))
    return tuple(converted)


def within(lengths: Array, size: int) -> Array:
    """Which of ``size`` positions are within the lengths, on a new last axis."""
    return lax.broadcasted_iota(lengths.dtype, (*lengths.shape, size), lengths.ndim) < lengths[..., None]


def inside(lengths: Array, size: int) -> Array:
    """Which lengths are in [0, size]."""
    return (lengths >= 0) & (lengths <= size)
