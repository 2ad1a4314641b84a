"""What the op works on, and how many tokens make a chunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import DTypeLike

__all__ = ["MEMORY_TARGET", "Plan", "Projection", "chunk_rows", "logits_of"]

MEMORY_TARGET = 1 << 28
"""Bytes that the arrays of the size of a chunk's logits may take."""
LARGEST, SMALLEST = 1024, 64
"""Tokens of a chunk. Smaller ones take less memory, but the kernel's gradient of each is added to the sum: on two cores
chunks of 256 cost nothing with 512 features and 8 % with 2048; a device that multiplies faster notices more."""


class Projection(NamedTuple):
    """What makes the logits of tokens: ``hidden @ kernel + bias``."""

    hidden: Array
    """``[tokens, features]``, of the dtype of the kernel: that of the products."""
    kernel: Array
    """``[features, classes]``; ``[classes, features]`` where the plan says that it is tied."""
    bias: Array | None = None
    """``[classes]``, in the compute dtype."""


class Plan(NamedTuple):
    """What is fixed when the op is compiled; hashable, so that equal plans share a compiled call."""

    rows: Callable[..., tuple[Array, Any]]
    """``(logits, operands)`` to the values of rows, and what else is wanted of them, which has no gradient. Both
    arguments are of some tokens: an array of logits for each projection, and a pytree of arrays with tokens first."""
    tied: bool = False
    """Whether the kernel is an embedding table."""
    chunk: int = LARGEST


def chunk_rows(tokens: int, row_bytes: int, chunk_size: int | None = None) -> int:
    """Return how many tokens make a chunk: those of ``chunk_size``, or of the memory target, evenly spread."""
    if chunk_size is None:
        fitting = MEMORY_TARGET // max(row_bytes, 1)
        chunk_size = min(max(fitting, SMALLEST), LARGEST)
    chunks = -(-tokens // chunk_size)
    return -(-tokens // max(chunks, 1))


def logits_of(projection: Projection, exists: Array | None, dtype: DTypeLike, *, tied: bool) -> Array:
    """Return the logits of tokens, summed in ``dtype``. Those of tokens that do not exist have no bias."""
    hidden, kernel, bias = projection
    contracted = (((1,), (1 if tied else 0,)), ((), ()))
    logits = lax.dot_general(hidden, kernel, contracted, precision="highest", preferred_element_type=dtype)
    if bias is None:
        return logits
    bias = bias[None]  # may be -inf for a class that is impossible, also for the label of a token that does not exist
    return logits + (bias if exists is None else jnp.where(exists[:, None], bias, 0))
