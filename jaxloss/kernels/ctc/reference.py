"""CTC by its definition: every alignment one by one. For tests, and for reading."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["negative_log_likelihood"]


def negative_log_likelihood(logits: Array, labels: tuple[int, ...], blank: int = 0) -> Array:
    """Return -log P(labels) of one sequence of logits, [time, classes]: inf where no alignment exists."""
    log_p = jax.nn.log_softmax(logits)
    frames, classes = logits.shape
    merged = lambda path: tuple(k for k, _ in itertools.groupby(path) if k != blank)
    paths = [path for path in itertools.product(range(classes), repeat=frames) if merged(path) == tuple(labels)]
    if not paths:
        return jnp.asarray(jnp.inf, logits.dtype)
    each = jnp.sum(log_p[jnp.arange(frames)[None], jnp.asarray(paths, jnp.int32).reshape(len(paths), frames)], 1)
    return -jax.nn.logsumexp(each)
