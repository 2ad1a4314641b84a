"""Sequences without known alignment."""

from __future__ import annotations

import jax.numpy as jnp
import optax
from jax import Array
from jax.typing import ArrayLike

from jaxloss import checks

__all__ = ["ctc"]


def ctc(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Connectionist temporal classification, one value for each sequence; computed by optax.

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
    lengths = jnp.sum(labels != 0, 1, keepdims=True)
    paddings = (jnp.arange(labels.shape[1])[None, :] >= lengths).astype(y_pred.dtype)
    return optax.ctc_loss(y_pred, jnp.zeros(y_pred.shape[:2], y_pred.dtype), labels, paddings)
