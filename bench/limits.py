"""What this device can do at best: the floor that a loss is measured against."""

from __future__ import annotations

import functools
import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxloss import measure

__all__ = ["floor_seconds", "least_bytes", "product_seconds"]


def least_bytes(data: tuple[Any, ...], direction: str, trained: tuple[int, ...] = (0,)) -> int:
    """Bytes that any implementation moves: every input once, and the gradient of what is trained once."""
    gradients = 0 if direction == "forward" else measure.tree_bytes([data[i] for i in trained])
    return measure.tree_bytes(data) + gradients


def product_seconds(hidden: Any, kernel: Any, direction: str) -> float:
    """Seconds of the matrix products alone that logits of hidden states, and their gradients, are made of.

    As one writes them: a loss may be faster, where it finds a faster routine for a product.
    """
    import jax

    hidden, kernel = hidden.reshape(-1, hidden.shape[-1]), kernel.reshape(kernel.shape[-2:])
    some = hidden[:2048]  # at most so many logits in memory; more tokens take in proportion
    slopes = jnp.asarray(np.random.default_rng(0).random((len(some), kernel.shape[-1])), hidden.dtype)
    forward = jax.jit(jnp.matmul)
    backward = jax.jit(lambda h, w, g: (h @ w, g @ w.T, h.T @ g))
    call = measure.Contender(
        *((forward, [(some, kernel)]) if direction == "forward" else (backward, [(some, kernel, slopes)]))
    )
    return measure.interleave({"products": call}, rounds=5, seconds=1.0)["products"].median * len(hidden) / len(some)


def floor_seconds(data: tuple[Any, ...], direction: str) -> float:
    """Seconds of a copy that moves as many bytes, measured on this device in this run."""
    moved = least_bytes(data, direction)
    return moved / _copy_bandwidth(2 ** round(math.log2(max(moved // 2, 1 << 12))))


@functools.cache
def _copy_bandwidth(size: int) -> float:
    """Bytes per second of copying an array of that size: caches make it depend on the size."""
    import jax

    arrays = [(jnp.asarray(np.random.default_rng(i).random(size // 4), jnp.float32),) for i in range(3)]
    copy = measure.Contender(jax.jit(lambda x: x + 1), arrays)
    return 2 * size / measure.interleave({"copy": copy}, rounds=7)["copy"].p20
