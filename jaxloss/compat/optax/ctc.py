"""`optax.losses.ctc_loss`: connectionist temporal classification, with its forward variables."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from jaxloss.compat.arrays import as_compute, cast, default_float, promoted
from jaxloss.rows.labels import pick, picked
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
    batch, count = ids.shape
    zero = cast(jnp.asarray(log_epsilon), frames.dtype)
    padded = jnp.asarray(logit_paddings) != 0
    blank, emit = _log_probabilities(frames, padded, ids, jnp.asarray(label_paddings) != 0, blank_id, zero)
    repeat = jnp.pad(ids[:, :-1] == ids[:, 1:], ((0, 0), (0, min(count, 1))))

    def frame(state: Any, now: Any) -> Any:
        phi, label = state
        log_blank, log_emit, skip = now
        # From a label straight to the next one, unless that is the same.
        ready = _add(phi, jnp.where(repeat, label + zero, label))
        next_label = jnp.logaddexp(ready[:, :-1] + log_emit, label + log_emit)
        # A blank after a label, which `ready` has already unless the next label is the same.
        next_phi = _add(ready + log_blank, jnp.where(repeat, label, label + zero) + log_blank)
        skip = skip[:, None]
        state = jnp.where(skip, phi, next_phi), jnp.where(skip, label, next_label)
        return state, state

    start = jnp.full((batch, count + 1), zero).at[:, 0].set(0), jnp.full((batch, count), zero)
    _, (phis, emits) = lax.scan(frame, start, (blank.swapaxes(0, 1), emit.swapaxes(0, 1), padded.T))
    last = _add(phis[-1], emits[-1])
    lengths = count - jnp.sum(jnp.asarray(label_paddings) != 0, 1, dtype=jnp.int32)
    dtype = promoted(logits, jnp.zeros((), default_float()))
    return cast(-pick(last, lengths, -1), dtype), cast(phis.at[-1].set(last), dtype), cast(emits, dtype)


def _log_probabilities(
    frames: Array, padded: Array, ids: Array, absent: Array, blank_id: int, zero: Array
) -> tuple[Array, Array]:
    """Log-probabilities of the blank `[B, T, 1]` and of each label `[B, T, N]`; NaN for a label that is no class."""
    frames = jnp.where(padded[..., None], 0, frames)
    logs = -surprises(score(frames, largest("ctc_loss", None, frames, -1)), -1).nll
    logs = jnp.where(logs == -jnp.inf, zero, logs)
    classes = frames.shape[-1]
    outside = (ids < 0) | (ids >= classes)
    # A product with one-hot labels: exact, and its transpose is no scatter.
    one_hot = picked(ids, (*ids.shape, classes), -1).astype(frames.dtype)
    emit = jnp.einsum("btk,bnk->btn", logs, one_hot, precision="highest")
    emit = jnp.where((outside & ~absent)[:, None, :], jnp.nan, emit)
    return logs[:, :, blank_id : blank_id + 1], emit


def _add(phi: Array, added: Array) -> Array:
    """Phi with a path more at each position but the first."""
    return jnp.concatenate([phi[:, :1], jnp.logaddexp(phi[:, 1:], added)], -1)
