"""Losses of labels that are not aligned with the frames: the sum over all alignments."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, numerics, reduce
from jaxloss.kernels.ctc import negative_log_likelihood
from jaxloss.kernels.lattice import IMPOSSIBLE, Moves, log_paths
from jaxloss.numerics.elementary import one_dispatch
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import picked
from jaxloss.sequence.lengths import inside, integers, within

__all__ = ["ctc", "pruned_rnnt", "rnnt"]


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
    _check_blank("ctc", blank, classes)
    (labels,) = integers(
        "ctc", (*batch, None), "that of logits without time and classes, and a last axis", labels=labels
    )
    logit_lengths, label_lengths = _lengths("ctc", batch, where, logit_lengths, label_lengths)
    values = _ctc(logits, logit_lengths, labels, label_lengths, blank, zero_infinity)
    return reduce.apply("ctc", values, where=where, weights=weights, reduction=reduction)


def rnnt(
    logits: Float[ArrayLike, "*batch time states classes"],
    logit_lengths: Int[ArrayLike, "*batch"],
    labels: Int[ArrayLike, "*batch n"],
    label_lengths: Int[ArrayLike, "*batch"],
    *,
    blank: int = 0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Transducer: labels of which it is not known in which frames they are, predicted from those before them.

    .. math::  \ell = -\log \sum_\pi \prod_{(t, u) \in \pi} p_{tu}(k_{tu}), \qquad
               p_{tu} = \mathrm{softmax}(z_{tu}), \\
               \frac{\partial \ell}{\partial z_{tuk}} = P((t, u) \in \pi) \, p_{tu}(k) - P((t, u) \in \pi, k_{tu} = k)

    A path begins in frame 0 with no label emitted. In the state (t, u) it emits label u, which leads to (t, u + 1), or
    the blank, which leads to (t + 1, u); it ends with the blank of the last frame, all labels emitted. What `logits`
    and `labels` hold beyond the lengths does not matter. Without a path the loss is inf and its gradient 0. A label
    within the length that is the blank or no class, and a length that does not fit, make value and gradient NaN.

    Args:
      logits: real array, for each frame and each number of labels emitted the classes on the last axis.
      logit_lengths: integers, how many frames of each sequence exist.
      labels: integers in [0, classes) other than ``blank``, of shape ``[*batch, n]``.
      label_lengths: integers, how many labels of each sequence exist.
      blank: class id of the blank.
      where, weights, reduction: of the sequences, see :doc:`/reductions`.
    Returns: a scalar, or one value per sequence with ``reduction="none"``; in nats. Takes time + n steps, with arrays
      of time n numbers besides the logits and their gradient.
    Raises: ValueError for shapes that do not fit or a blank that is no class, TypeError for integer logits or for
      labels and lengths that are not integers.
    Example:
      >>> logits = jnp.zeros((1, 2, 2, 2))  # one label in one of two frames, and a blank for each
      >>> rnnt(logits, jnp.array([2]), jnp.array([[1]]), jnp.array([1]))  # log 8 / 2
      Array(1.3862944, dtype=float32)
    References: Graves (2012), Sequence transduction with recurrent neural networks, arXiv:1211.3711.
    """
    name, like = "rnnt", "that of logits without time, states and classes, and a last axis"
    (logits,) = checks.floating(name, logits=logits)
    if logits.ndim < 3:
        raise ValueError(f"{name}: logits must have axes of time, states and classes, got shape {logits.shape}")
    *batch, time, states, classes = logits.shape
    _check_blank(name, blank, classes)
    (labels,) = integers(name, (*batch, None), like, labels=labels)
    if states != labels.shape[-1] + 1:
        raise ValueError(
            f"{name}: logits must have a state for each number of labels emitted, {labels.shape[-1] + 1} for labels of "
            f"shape {labels.shape}, got {states} in {logits.shape}"
        )
    lengths = _lengths(name, batch, where, logit_lengths, label_lengths)
    first = jnp.zeros((*batch, time), jnp.int32)
    values = _transducer(logits, *lengths, labels, first, blank)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def pruned_rnnt(
    logits: Float[ArrayLike, "*batch time states classes"],
    first_states: Int[ArrayLike, "*batch time"],
    logit_lengths: Int[ArrayLike, "*batch"],
    labels: Int[ArrayLike, "*batch n"],
    label_lengths: Int[ArrayLike, "*batch"],
    *,
    blank: int = 0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Transducer over a band of states: of each frame, logits for a few numbers of emitted labels only.

    .. math::  \ell = -\log \sum_{\pi \subset S} \prod_{(t, u) \in \pi} p_{tu}(k_{tu}), \qquad
               S = \{(t, u) : f_t \le u < f_t + R\}

    The sum of `rnnt` over the paths that stay in the band: an upper bound of it, for logits of R states instead of
    n + 1. The band is found by a small model, for instance where the gradient of `rnnt` with a joiner that only adds is
    largest. It has to begin with 0, to reach the number of labels in the last frame, and to move by less than R from
    frame to frame; otherwise there is no path, and the loss is inf with gradient 0.

    Args:
      logits: real array: frames, R states of each, classes.
      first_states: integers f, of the shape of the logits without states and classes: how many labels have been emitted
        in the first of the R states. In k2 it is ``ranges[..., 0]``.
      logit_lengths, labels, label_lengths, blank: as in `rnnt`.
      where, weights, reduction: of the sequences, see :doc:`/reductions`.
    Returns: a scalar, or one value per sequence with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a blank that is no class, TypeError for integer logits or for
      labels, states and lengths that are not integers.
    Example:
      >>> logits = jnp.zeros((1, 2, 1, 2))
      >>> f = jnp.array([[0, 0]])
      >>> pruned_rnnt(logits, f, jnp.array([2]), jnp.zeros((1, 0), jnp.int32), jnp.array([0]))  # two blanks
      Array(1.3862944, dtype=float32)
    References: Kuang et al. (2022), Pruned RNN-T for fast, memory-efficient ASR training, arXiv:2206.13236.
    """
    name, like = "pruned_rnnt", "that of logits without time, states and classes, and a last axis"
    (logits,) = checks.floating(name, logits=logits)
    if logits.ndim < 3:
        raise ValueError(f"{name}: logits must have axes of time, states and classes, got shape {logits.shape}")
    *batch, time, _, classes = logits.shape
    _check_blank(name, blank, classes)
    (labels,) = integers(name, (*batch, None), like, labels=labels)
    (first,) = integers(name, (*batch, time), "one per frame", first_states=first_states)
    lengths = _lengths(name, batch, where, logit_lengths, label_lengths)
    values = _transducer(logits, *lengths, labels, first, blank)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def _check_blank(name: str, blank: int, classes: int) -> None:
    if not 0 <= blank < classes:
        raise ValueError(f"{name}: blank must be one of the {classes} classes, got {blank}")


def _lengths(name: str, batch: list[int], where: Any, logit_lengths: Any, label_lengths: Any) -> tuple[Array, Array]:
    """Checked, and 0 for a sequence that is masked: nothing of it is read."""
    lengths = {"logit_lengths": logit_lengths, "label_lengths": label_lengths}
    return reduce.keep(name, where, *integers(name, tuple(batch), "one per sequence", **lengths))


def _labels(
    logit_lengths: Array, label_lengths: Array, labels: Array, time: int, classes: int, blank: int
) -> tuple[Array, Array]:
    """Labels that exist (the others are the blank), and which sequences are valid."""
    live = within(label_lengths, labels.shape[-1])
    labelled = (labels >= 0) & (labels < classes) & (labels != blank)
    valid = inside(logit_lengths, time) & inside(label_lengths, labels.shape[-1]) & jnp.all(labelled | ~live, -1)
    return jnp.where(live & labelled, labels, blank), valid


@partial(one_dispatch, static_argnums=(4, 5))
def _ctc(
    logits: Array, logit_lengths: Array, labels: Array, label_lengths: Array, blank: int, zero_infinity: bool
) -> Array:
    *batch, time, classes = logits.shape
    sequences = math.prod(batch)
    labels, valid = _labels(logit_lengths, label_lengths, labels, time, classes, blank)
    values = negative_log_likelihood(
        logits.reshape(sequences, time, classes),
        jnp.where(valid, logit_lengths, 0).reshape(sequences),
        labels.reshape(sequences, labels.shape[-1]),
        jnp.where(valid, label_lengths, 0).reshape(sequences),
        valid.reshape(sequences),
        None,
        blank,
    ).reshape(batch)
    return jnp.where(values == jnp.inf, 0, values) if zero_infinity else values


# In the grid of `log_paths`, rows are labels emitted and columns frames: a label leads down, the blank to the right.
@partial(one_dispatch, static_argnums=5)
def _transducer(
    logits: Array, logit_lengths: Array, label_lengths: Array, labels: Array, first: Array, blank: int
) -> Array:
    *batch, time, states, classes = logits.shape
    sequences, n = math.prod(batch), labels.shape[-1]
    labels, valid = _labels(logit_lengths, label_lengths, labels, time, classes, blank)
    frames, emitted = jnp.clip(logit_lengths, 0, time), jnp.clip(label_lengths, 0, n)
    # The states of the band, and which of them exist.
    u = first[..., None] + lax.broadcasted_iota(first.dtype, (*batch, time, states), len(batch) + 1)
    here = within(frames, time)[..., None] & (u >= 0) & (u <= emitted[..., None, None])
    logits = jnp.where(here[..., None], logits, 0)
    log_total = numerics.logsumexp(logits, -1)
    # The label of a state, without a gather whose cotangent would be a scatter.
    in_row = u[..., None] == lax.broadcasted_iota(u.dtype, (1,) * u.ndim + (n + 1,), u.ndim)
    following = jnp.concatenate([labels, jnp.full_like(labels[..., :1], blank, shape=(*batch, 1))], -1)
    ids = jnp.sum(jnp.where(in_row, following[..., None, None, :], 0), -1, dtype=labels.dtype)
    own = jnp.sum(jnp.where(picked(ids, logits.shape, -1), logits, 0), -1)

    def by_row(scores: Array) -> Array:
        """[labels emitted, frames] of log-probabilities from those of the band."""
        scores = jnp.where(scores == -jnp.inf, IMPOSSIBLE, scores - log_total)
        inside = in_row & here[..., None]
        spread = jnp.sum(jnp.where(inside, scores[..., None], 0), -2)
        spread = jnp.where(jnp.any(inside, -2), spread, IMPOSSIBLE)
        return jnp.swapaxes(spread, -1, -2).reshape(sequences, n + 1, time)

    pad = partial(jnp.pad, constant_values=IMPOSSIBLE)
    moves = Moves(
        down=pad(by_row(own)[:, :n], ((0, 0), (1, 0), (0, 1))),
        right=pad(by_row(logits[..., blank]), ((0, 0), (0, 0), (1, 0))),
    )
    log_p = log_paths(moves, emitted.reshape(sequences), frames.reshape(sequences)).reshape(batch)
    values = jnp.where(log_p < 0.5 * IMPOSSIBLE, jnp.inf, jnp.maximum(-log_p, 0))
    # As a factor NaN reaches the gradient, also under jit.
    return values * jnp.where(valid, jnp.ones((), values.dtype), jnp.nan)
