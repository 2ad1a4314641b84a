"""`optax.losses.ctc_loss`: connectionist temporal classification, with its forward variables."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss.compat.arrays import as_compute, cast, default_float, promoted
from jaxloss.compat.ctc_lattice import lattice
from jaxloss.rows.softmax import largest, score, surprises

__all__ = ["ctc_loss", "ctc_loss_with_forward_probs"]


def ctc_loss(
    logits: ArrayLike,
    logit_paddings: ArrayLike,
    labels: ArrayLike,
    label_paddings: ArrayLike,
    *,
    blank_id: int = 0,
    log_epsilon: ArrayLike = -1e5,
) -> Array:
    """Negative log-likelihood of each label sequence, of all its alignments together.

    Example:
      >>> ctc_loss(jnp.zeros((1, 2, 3)), jnp.zeros((1, 2)), jnp.array([[1]]), jnp.zeros((1, 1)))
      Array([1.0986123], dtype=float32)
    """
    losses, _, _ = ctc_loss_with_forward_probs(
        logits, logit_paddings, labels, label_paddings, blank_id=blank_id, log_epsilon=log_epsilon
    )
    return losses


def ctc_loss_with_forward_probs(
    logits: ArrayLike,
    logit_paddings: ArrayLike,
    labels: ArrayLike,
    label_paddings: ArrayLike,
    *,
    blank_id: int = 0,
    log_epsilon: ArrayLike = -1e5,
) -> tuple[Array, Array, Array]:
    """The losses, and the forward log-probabilities `[T, B, N + 1]` of ending in a blank, `[T, B, N]` in a label.

    Args:
      logits: real array `[B, T, K]`.
      logit_paddings: `[B, T]`, 1 for frames that do not exist.
      labels: integer class ids `[B, N]`.
      label_paddings: `[B, N]`, 1 for labels that do not exist, all of them at the end.
      blank_id: the class that stands for no label.
      log_epsilon: what stands for the logarithm of 0.
    """
    name = "ctc_loss"
    (frames,), ids = as_compute(logits), jnp.asarray(labels)
    if frames.ndim != 3 or ids.ndim != 2 or ids.shape[0] != frames.shape[0]:
        raise ValueError(f"{name}: logits must be [B, T, K] and labels [B, N], got {frames.shape} and {ids.shape}")
    if jnp.shape(logit_paddings) != frames.shape[:2] or jnp.shape(label_paddings) != ids.shape:
        came = f"{jnp.shape(logit_paddings)} and {jnp.shape(label_paddings)}"
        raise ValueError(f"{name}: paddings must be {frames.shape[:2]} and {ids.shape}, got {came}")
    padded, absent = jnp.asarray(logit_paddings) != 0, jnp.asarray(label_paddings) != 0
    frames = jnp.where(padded[..., None], 0, frames)
    logs = -surprises(score(frames, largest(name, None, frames, -1)), -1).nll
    found = lattice(logs, padded, ids, absent, blank_id, cast(jnp.asarray(log_epsilon), frames.dtype))
    dtype = promoted(logits, jnp.zeros((), default_float()))
    return cast(-found.log_likelihood, dtype), cast(found.blanks, dtype), cast(found.labels, dtype)
