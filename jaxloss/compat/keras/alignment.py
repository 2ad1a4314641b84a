"""Sequences without known alignment."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss import checks
from jaxloss.kernels.ctc import negative_log_likelihood

__all__ = ["ctc"]

LOG_ZERO = -1e5
"""Keras' logarithm of 0: a sequence that does not fit into its frames has a loss of 1e5, not inf."""


def ctc(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Connectionist temporal classification, one value for each sequence.

    Args:
      y_true: [batch, length] class ids, 0 for padding.
      y_pred: [batch, frames, classes] logits, class 0 the blank; every frame counts.
    """
    (y_pred,) = checks.floating("ctc", y_pred=y_pred)
    labels = jnp.asarray(y_true).astype(jnp.int32)
    if labels.ndim != 2 or y_pred.ndim != 3:
        raise ValueError(
            "ctc: y_true must be [batch, length] and y_pred [batch, frames, classes], "
            f"got {labels.shape} and {y_pred.shape}"
        )
    batch, frames, classes = y_pred.shape
    lengths = jnp.sum(labels != 0, 1, dtype=jnp.int32)
    behind = jnp.arange(labels.shape[1], dtype=jnp.int32)[None] >= lengths[:, None]
    valid = jnp.all(((labels >= 0) & (labels < classes)) | behind, 1)
    log_zero = jnp.asarray(LOG_ZERO, y_pred.dtype)
    return negative_log_likelihood(y_pred, jnp.full(batch, frames, jnp.int32), labels, lengths, valid, log_zero, 0)
