"""`optax.losses.ctc_loss`: connectionist temporal classification, with its forward variables."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from jaxloss.compat.arrays import as_compute, cast, default_float, promoted
from jaxloss.kernels.ctc import forward_variables, negative_log_likelihood
from jaxloss.rows.labels import pick

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

    ``log_epsilon`` has no gradient.

    Example:
      >>> ctc_loss(jnp.zeros((1, 2, 3)), jnp.zeros((1, 2)), jnp.array([[1]]), jnp.zeros((1, 1)))
      Array([1.0986123], dtype=float32)
    """
    of = _sequences(logits, logit_paddings, labels, label_paddings, log_epsilon)
    losses = negative_log_likelihood(
        of.frames, of.frame_counts, of.ids, of.label_counts, of.valid, of.log_zero, blank_id
    )
    return cast(losses, _dtype(logits))


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

    The gradient of the loss costs less by `ctc_loss`, which knows that of the forward variables from the backward ones.

    Args:
      logits: real array `[B, T, K]`.
      logit_paddings: `[B, T]`, 1 for frames that do not exist.
      labels: integer class ids `[B, N]`.
      label_paddings: `[B, N]`, 1 for labels that do not exist, all of them at the end.
      blank_id: the class that stands for no label.
      log_epsilon: what stands for the logarithm of 0; without a gradient.
    """
    of = _sequences(logits, logit_paddings, labels, label_paddings, log_epsilon)
    after = forward_variables(of.frames, of.frame_counts, of.ids, of.log_zero, blank_id)
    # A frame that does not exist leaves things as they are after those before it that do.
    now = jnp.cumsum(of.live, 1, dtype=jnp.int32).T
    after = jnp.take_along_axis(after, now[..., None], 0, mode="clip")
    inside = (of.ids >= 0) & (of.ids < of.frames.shape[-1])
    outside = ~inside & (lax.broadcasted_iota(jnp.int32, inside.shape, 1) < of.label_counts[:, None])
    blanks, ends = after[..., ::2], after[..., 1::2]
    last = jnp.concatenate([blanks[-1, :, :1], jnp.logaddexp(blanks[-1, :, 1:], ends[-1])], -1)
    losses = jnp.where(of.valid, -pick(last, of.label_counts, -1), jnp.nan)
    ends = jnp.where(outside, jnp.nan, ends)
    dtype = _dtype(logits)
    return cast(losses, dtype), cast(blanks.at[-1].set(last), dtype), cast(ends, dtype)


class _Sequences(NamedTuple):
    frames: Array
    """`[B, T, K]`, those that exist first."""
    live: Array
    """Which exist, in the order in which they came."""
    frame_counts: Array
    ids: Array
    label_counts: Array
    valid: Array
    """Which sequences have no label that is no class."""
    log_zero: Array


def _sequences(
    logits: ArrayLike, logit_paddings: ArrayLike, labels: ArrayLike, label_paddings: ArrayLike, log_epsilon: ArrayLike
) -> _Sequences:
    (frames,), ids = as_compute(logits), jnp.asarray(labels)
    if frames.ndim != 3 or ids.ndim != 2 or ids.shape[0] != frames.shape[0]:
        raise ValueError(f"ctc_loss: logits must be [B, T, K] and labels [B, N], got {frames.shape} and {ids.shape}")
    if jnp.shape(logit_paddings) != frames.shape[:2] or jnp.shape(label_paddings) != ids.shape:
        came = f"{jnp.shape(logit_paddings)} and {jnp.shape(label_paddings)}"
        raise ValueError(f"ctc_loss: paddings must be {frames.shape[:2]} and {ids.shape}, got {came}")
    live, labelled = jnp.asarray(logit_paddings) == 0, jnp.asarray(label_paddings) == 0
    # optax lets frames be padded anywhere: those that exist move to the front, in their order.
    order = jnp.argsort(~live, axis=1, stable=True)
    frames = jnp.take_along_axis(frames, order[..., None], 1)
    inside = (ids >= 0) & (ids < frames.shape[-1])
    return _Sequences(
        frames,
        live,
        jnp.sum(live, 1, dtype=jnp.int32),
        ids,
        jnp.sum(labelled, 1, dtype=jnp.int32),
        jnp.all(inside | ~labelled, 1),
        lax.stop_gradient(cast(jnp.asarray(log_epsilon), frames.dtype)),
    )


def _dtype(logits: ArrayLike) -> jnp.dtype:
    return promoted(logits, jnp.zeros((), default_float()))
