"""`torch.nn.functional.ctc_loss`: connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxloss import checks
from jaxloss.compat.arrays import as_compute, cast
from jaxloss.compat.torch.reductions import check_reduction
from jaxloss.kernels.ctc import negative_log_likelihood

__all__ = ["ctc_loss"]


def ctc_loss(
    log_probs: ArrayLike,
    targets: ArrayLike,
    input_lengths: ArrayLike,
    target_lengths: ArrayLike,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Array:
    """Negative log-likelihood of label sequences, of all their alignments together.

    The mean divides each loss by the length of its sequence, at least 1, then by their number. A sequence that does not
    fit into its frames has the loss inf with zero gradient, or 0 with ``zero_infinity``. The gradient is that of the
    formula, in which the log-probabilities are any numbers; PyTorch's has that of `log_softmax` added.

    Args:
      log_probs: ``[T, N, C]`` or ``[T, C]``.
      targets: class ids ``[N, S]``, or all sequences one after the other; ``[S]`` without a batch.
      input_lengths: number of frames, ``[N]``, or a number without a batch.
      target_lengths: number of labels, likewise.
      blank, reduction, zero_infinity: the class of no label; "mean", "sum" or "none"; see above.
    """
    how = check_reduction("ctc_loss", reduction)
    checks.floating("ctc_loss", log_probs=log_probs)
    (logs,), ids = as_compute(log_probs), jnp.asarray(targets)
    single = logs.ndim == 2
    logs = logs[:, None] if single else logs
    if logs.ndim != 3:
        raise ValueError(f"ctc_loss: log_probs must be [T, N, C] or [T, C], got {logs.shape}")
    _, batch, classes = logs.shape
    frame_counts, counts = (jnp.asarray(n, jnp.int32).reshape(-1) for n in (input_lengths, target_lengths))
    if (batch,) != frame_counts.shape or (batch,) != counts.shape:
        came = f"{frame_counts.shape} and {counts.shape}"
        raise ValueError(f"ctc_loss: input_lengths and target_lengths must have shape {(batch,)}, got {came}")
    ids = ids[None] if single and ids.ndim == 1 else ids
    ids = _as_rows(ids, counts, target_lengths) if ids.ndim == 1 else ids
    labelled = jnp.arange(ids.shape[1], dtype=jnp.int32)[None] < counts[:, None]
    valid = jnp.all(((ids >= 0) & (ids < classes)) | ~labelled, 1)
    given = logs.swapaxes(0, 1), frame_counts, ids, counts, valid
    values = negative_log_likelihood(*given, None, blank, normalize=False)
    values = jnp.where(values == jnp.inf, 0, values) if zero_infinity else values
    dtype = jnp.result_type(log_probs)
    if how == "none":
        return cast(values[0] if single else values, dtype)
    if how == "sum":
        return cast(jnp.sum(values), dtype)
    return cast(jnp.sum(values / jnp.maximum(counts, 1).astype(values.dtype)) / max(batch, 1), dtype)


def _as_rows(ids: Array, counts: Array, lengths: Any) -> Array:
    """Sequences that follow each other as rows, as long as the longest where the lengths are known."""
    known = not isinstance(lengths, jax.core.Tracer)
    longest = int(np.max(np.asarray(lengths), initial=0)) if known else ids.size
    start = jnp.cumsum(counts) - counts
    place = start[:, None] + jnp.arange(longest, dtype=jnp.int32)[None]
    return jnp.take(ids, place, mode="fill", fill_value=-1)
