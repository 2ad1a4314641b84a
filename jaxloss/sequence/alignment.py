"""Losses of labels that are not aligned with the frames: the sum over all alignments."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, reduce
from jaxloss.kernels.ctc import negative_log_likelihood
from jaxloss.numerics.elementary import one_dispatch
from jaxloss.reduce import Reduction
from jaxloss.sequence.lengths import inside, integers, within

__all__ = ["ctc"]


def ctc(
    logits: Float[ArrayLike, "*batch time classes"],
    logit_lengths: Int[ArrayLike, "*batch"],
    labels: Int[ArrayLike, "*batch n"],
    label_lengths: Int[ArrayLike, "*batch"],
    *,
    blank: int = 0,
    zero_infinity: bool = False,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Connectionist temporal classification: labels of which it is not known in which frames they are.

    .. math::  \ell = -\log \sum_{\pi \in B^{-1}(y)} \prod_t p_t(\pi_t), \qquad
               \frac{\partial \ell}{\partial z_{tk}} = p_t(k) - P(\pi_t = k \mid y), \qquad p_t = \mathrm{softmax}(z_t)

    The alignments :math:`\pi`, a class for each frame, are those that give the labels once repeated classes are merged
    and then blanks are removed. What `logits` and `labels` hold beyond the lengths does not matter, be it NaN or -100.

    Without an alignment, where a sequence is shorter than its labels and the blanks between equal ones or a class is
    impossible by a logit of -inf, the loss is inf and its gradient 0. A label within the length that is the blank or no
    class, and a length that does not fit, make value and gradient of the sequence NaN.

    Args:
      logits: real array, frames on the second to last axis, classes on the last; log-probabilities are logits too.
      logit_lengths: integers, how many frames of each sequence exist.
      labels: integers in [0, classes) other than ``blank``, of shape ``[*batch, n]``.
      label_lengths: integers, how many labels of each sequence exist.
      blank: class id of the blank.
      zero_infinity: whether sequences without an alignment have loss 0 instead of inf. They count in the mean.
      where, weights, reduction: of the sequences, see :doc:`/reductions`. PyTorch's mean is the one with
        ``weights=1 / label_lengths``, times the mean of the weights.
    Returns: a scalar, or one value per sequence with ``reduction="none"``; in nats. Memory of the gradient is that of
      2 (2 n + 1) logarithms for each frame.
    Raises: ValueError for shapes that do not fit or a blank that is no class, TypeError for integer logits or for
      labels and lengths that are not integers.
    Example:
      >>> logits = jnp.zeros((1, 3, 2))  # alignments of one label with 3 frames: 6 of 8
      >>> ctc(logits, jnp.array([3]), jnp.array([[1]]), jnp.array([1]))
      Array(0.28768206, dtype=float32)
    References: Graves et al. (2006), Connectionist temporal classification, doi:10.1145/1143844.1143891.
    """
    (logits,) = checks.floating("ctc", logits=logits)
    if logits.ndim < 2:
        raise ValueError(f"ctc: logits must have axes of time and classes, got shape {logits.shape}")
    *batch, _, classes = logits.shape
    if not 0 <= blank < classes:
        raise ValueError(f"ctc: blank must be one of the {classes} classes, got {blank}")
    (labels,) = integers(
        "ctc", (*batch, None), "that of logits without time and classes, and a last axis", labels=labels
    )
    lengths = {"logit_lengths": logit_lengths, "label_lengths": label_lengths}
    lengths = integers("ctc", tuple(batch), "one per sequence", **lengths)
    logit_lengths, label_lengths = reduce.keep("ctc", where, *lengths)
    values = _values(logits, logit_lengths, labels, label_lengths, blank, zero_infinity)
    return reduce.apply("ctc", values, where=where, weights=weights, reduction=reduction)


def _values(
    logits: Array, logit_lengths: Array, labels: Array, label_lengths: Array, blank: int, zero_infinity: bool
) -> Array:
    *batch, time, classes = logits.shape
    n, sequences = labels.shape[-1], math.prod(batch)
    live = within(label_lengths, n)
    labelled = (labels >= 0) & (labels < classes) & (labels != blank)
    valid = inside(logit_lengths, time) & inside(label_lengths, n) & jnp.all(labelled | ~live, -1)
    values = negative_log_likelihood(
        logits.reshape(sequences, time, classes),
        jnp.where(valid, logit_lengths, 0).reshape(sequences),
        jnp.where(live & labelled, labels, blank).reshape(sequences, n),
        jnp.where(valid, label_lengths, 0).reshape(sequences),
        valid.reshape(sequences),
        blank,
    ).reshape(batch)
    return jnp.where(values == jnp.inf, 0, values) if zero_infinity else values


_values = one_dispatch(_values, static_argnums=(4, 5))
