"""Cross-entropy of tokens when several sequences share a row."""

from __future__ import annotations

from typing import Any, Literal

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, reduce
from jaxloss.classification.softmax import softmax_cross_entropy_with_integer_labels
from jaxloss.reduce import Reduction
from jaxloss.sequence.lengths import integers

__all__ = ["sequence_cross_entropy"]


def sequence_cross_entropy(
    logits: Float[ArrayLike, "*batch time classes"],
    labels: Int[ArrayLike, "*batch time"],
    segment_ids: Int[ArrayLike, "*batch time"],
    *,
    denominator: Literal["tokens", "sequences"] = "tokens",
    padding_id: int | None = 0,
    ignore_index: int | None = None,
    label_smoothing: float | Real[ArrayLike, "..."] = 0,
    z_loss: float | Real[ArrayLike, "..."] = 0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Softmax cross-entropy of the tokens of packed sequences, as a mean over tokens or over sequences.

    .. math::  \bar\ell_{\text{tokens}} = \frac{\sum_s \sum_{t \in s} \ell_t}{\sum_s |s|}, \qquad
               \bar\ell_{\text{sequences}} = \frac{1}{S} \sum_s \frac{1}{|s|} \sum_{t \in s} \ell_t, \qquad
               \ell_t = -\log p_t(y_t)

    The tokens of a row that have one segment id are a sequence s, of which :math:`|s|` tokens exist. With "tokens" long
    sequences count more, with "sequences" all count the same, wherever they are packed. The gradients differ, so the
    denominator has a name.

    Args:
      logits: real array, tokens on the second to last axis, classes on the last.
      labels: integer class ids, of the shape of the logits without the classes.
      segment_ids: integers of that shape: which sequence of its row a token belongs to.
      denominator: what the mean is over. With "sequences" each value is divided by the length of its sequence: a sum is
        the sum of the means of the sequences.
      padding_id: segment id of tokens that do not exist, None if all do.
      ignore_index: label of tokens that do not exist, such as -100 for prompts. They do not count in the length.
      label_smoothing, z_loss: as in `softmax_cross_entropy_with_integer_labels`.
      where, weights, reduction: of the tokens, see :doc:`/reductions`.
    Returns: a scalar, or one value per token with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or an unknown denominator, TypeError for integer logits or for labels
      and segment ids that are not integers.
    Example:
      >>> logits = jnp.log(jnp.array([[[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.9, 0.1]]]))
      >>> labels, segments = jnp.zeros((1, 4), jnp.int32), jnp.array([[1, 1, 1, 2]])
      >>> sequence_cross_entropy(logits, labels, segments), sequence_cross_entropy(
      ...     logits, labels, segments, denominator="sequences"
      ... )
      (Array(0.5462005, dtype=float32), Array(0.39925385, dtype=float32))
    References: Krell et al. (2021), Efficient sequence packing without cross-contamination, arXiv:2107.02027.
    """
    name = "sequence_cross_entropy"
    checks.choice(name, "denominator", denominator, ("tokens", "sequences"))
    logits, labels, _ = checks.integer_rows(name, logits, labels, -1)
    (segments,) = integers(name, labels.shape, "that of labels", segment_ids=segment_ids)
    if not labels.ndim:
        raise ValueError(f"{name}: logits must have axes of tokens and classes, got shape {logits.shape}")
    exists = reduce.keep(name, where, jnp.ones(labels.shape, jnp.int32)) == 1
    if padding_id is not None:
        exists &= segments != padding_id
    if ignore_index is not None:
        exists &= labels != ignore_index
    values = softmax_cross_entropy_with_integer_labels(
        logits,
        jnp.where(exists, labels, 0),
        label_smoothing=label_smoothing,
        z_loss=z_loss,
        where=exists,
        reduction="none",
    )
    if denominator == "sequences":
        share = 1 / _lengths(segments, exists).astype(values.dtype)
        weights = None if weights is None else checks.parameter(name, "weights", weights, share)
        weights = reduce.scale_weights(weights, share)
    return reduce.apply(name, values, where=exists, weights=weights, reduction=reduction)


def _lengths(segments: Array, exists: Array) -> Array:
    """For each token, how many tokens of its sequence exist, at least 1."""
    # All pairs are compared, and never stored: ids come in any order, and nothing is scattered.
    same = (segments[..., :, None] == segments[..., None, :]) & exists[..., None, :]
    return jnp.maximum(jnp.sum(same, -1, dtype=jnp.int32), 1)
