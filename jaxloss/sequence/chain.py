"""Tags along a chain: conditional random fields, and their best tags."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, numerics, reduce
from jaxloss.numerics.elementary import one_dispatch
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import picked
from jaxloss.sequence.lengths import inside, integers, within

__all__ = ["linear_chain_crf", "viterbi"]


def linear_chain_crf(
    logits: Float[ArrayLike, "*batch time classes"],
    labels: Int[ArrayLike, "*batch time"],
    lengths: Int[ArrayLike, "*batch"],
    transitions: Float[ArrayLike, "*tables classes classes"],
    *,
    start: Real[ArrayLike, "classes"] | None = None,
    end: Real[ArrayLike, "classes"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative log-likelihood of the tags of a sequence under a linear-chain conditional random field.

    .. math::  \ell = \log \sum_{y'} e^{s(y')} - s(y), \qquad
               s(y) = a_{y_1} + \sum_{t=1}^{n} z_{t y_t} + \sum_{t=2}^{n} A_{y_{t-1} y_t} + b_{y_n}, \\
               \frac{\partial \ell}{\partial z_{tk}} = P(y_t = k) - [y_t = k], \qquad
               \frac{\partial \ell}{\partial A_{jk}} = \sum_t P(y_{t-1} = j, y_t = k) - [y_{t-1} = j, y_t = k]

    The score of the tags is subtracted frame by frame, not at the end: a loss near 0 is no difference of large numbers.
    A transition or logit of -inf is impossible; tags that need one have infinite loss. What `logits` and `labels` hold
    beyond the lengths does not matter. A tag that is no class, or a length that does not fit, makes value and gradient
    of its sequence NaN.

    Args:
      logits: real array, frames or words on the second to last axis, classes on the last: z.
      labels: integer class ids, of the shape of the logits without the classes.
      lengths: integers, how many frames of each sequence exist; 0 costs 0.
      transitions: real array A of shape ``[classes, classes]``, from the class of the row to that of the column, or one
        for each sequence.
      start: real array of one score per class, a, for the first frame; None is 0. May be learned, as may ``end``.
      end: real array b likewise for the last frame that exists.
      where, weights, reduction: of the sequences, see :doc:`/reductions`.
    Returns: a scalar, or one value per sequence with ``reduction="none"``; in nats. Memory of the gradient is that of
      ``logits``: the pairs of classes are computed again.
    Raises: ValueError for shapes that do not fit, TypeError for integer logits or for labels and lengths that are not
      integers.
    Example:
      >>> logits, labels = jnp.zeros((1, 3, 2)), jnp.array([[0, 0, 1]])
      >>> linear_chain_crf(logits, labels, jnp.array([3]), jnp.zeros((2, 2)))  # log 8
      Array(2.0794415, dtype=float32)
    References: Lafferty et al. (2001), Conditional random fields, ICML; Lample et al. (2016), arXiv:1603.01360.
    """
    name = "linear_chain_crf"
    logits, transitions, lengths, edges = _chain(name, logits, lengths, transitions, start, end)
    *batch, time, classes = logits.shape
    (labels,) = integers(name, (*batch, time), "that of logits without classes", labels=labels)
    lengths = reduce.keep(name, where, lengths)
    if where is not None:
        exists = reduce.keep(name, where, jnp.ones(batch, jnp.int32)) == 1
        transitions = jnp.where(exists[..., None, None], transitions, 0)
    live = within(lengths, time)
    valid = inside(lengths, time) & jnp.all(((labels >= 0) & (labels < classes)) | ~live, -1)
    values = _surplus(_with_edges(logits, live, lengths, *edges), transitions, jnp.where(live, labels, 0), live)
    # As a factor NaN reaches the gradient, also under jit.
    values = values * jnp.where(valid, jnp.ones((), values.dtype), jnp.nan)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def viterbi(
    logits: Float[ArrayLike, "*batch time classes"],
    lengths: Int[ArrayLike, "*batch"],
    transitions: Float[ArrayLike, "*tables classes classes"],
    *,
    start: Real[ArrayLike, "classes"] | None = None,
    end: Real[ArrayLike, "classes"] | None = None,
) -> Array:
    """Return the tags of the highest score under a linear-chain conditional random field, 0 beyond the lengths.

    Arguments as of `linear_chain_crf`. Of tags with equal scores, those with the smaller class at the end are taken.

    Example:
      >>> logits = jnp.array([[[1.0, 0.0], [0.4, 0.5], [2.0, 0.0]]])
      >>> viterbi(logits, jnp.array([3]), jnp.array([[1.0, 0.0], [0.0, 1.0]]))
      Array([[0, 0, 0]], dtype=int32)
    """
    logits, transitions, lengths, edges = _chain("viterbi", logits, lengths, transitions, start, end)
    live = within(lengths, logits.shape[-2])
    logits = _with_edges(logits, live, lengths, *edges)

    def forward(best: Array, frame: tuple[Array, Array]) -> tuple[Array, Array]:
        scores, exists = frame
        through = best[..., :, None] + transitions
        origin = jnp.argmax(through, -2).astype(jnp.int32)
        same = jnp.broadcast_to(lax.iota(jnp.int32, origin.shape[-1]), origin.shape)
        best = jnp.where(exists[..., None], jnp.max(through, -2) + scores, best)
        return best, jnp.where(exists[..., None], origin, same)

    frames = jnp.moveaxis(logits, -2, 0), jnp.moveaxis(live, -1, 0)
    if not len(frames[0]):
        return jnp.zeros(logits.shape[:-1], jnp.int32)
    best, origins = lax.scan(forward, frames[0][0], jax.tree.map(lambda a: a[1:], frames))
    last = jnp.argmax(best, -1).astype(jnp.int32)

    def back(tag: Array, origin: Array) -> tuple[Array, Array]:
        before = jnp.squeeze(jnp.take_along_axis(origin, tag[..., None], -1), -1)
        return before, tag

    first, rest = lax.scan(back, last, origins, reverse=True)
    return jnp.where(live, jnp.moveaxis(jnp.concatenate([first[None], rest]), 0, -1), 0)


def _chain(
    name: str, logits: Any, lengths: Any, transitions: Any, start: Any, end: Any
) -> tuple[Array, Array, Array, tuple[Any, Any]]:
    """Check what a chain is made of; transitions get an axis for each axis of the sequences."""
    logits, transitions = checks.floating(name, logits=logits, transitions=transitions)
    if logits.ndim < 2:
        raise ValueError(f"{name}: logits must have axes of time and classes, got shape {logits.shape}")
    *batch, _, classes = logits.shape
    if transitions.shape not in ((classes, classes), (*batch, classes, classes)):
        raise ValueError(
            f"{name}: transitions must have shape {(classes, classes)}, from class to class, or one such table per "
            f"sequence, got {transitions.shape}"
        )
    transitions = jnp.broadcast_to(transitions, (*batch, classes, classes))
    (lengths,) = integers(name, tuple(batch), "one per sequence", lengths=lengths)
    edges: list[Any] = []
    for argument, table in (("start", start), ("end", end)):
        if table is not None:
            (table,) = checks.real(name, logits.dtype, **{argument: table})
            if table.shape != (classes,):
                raise ValueError(f"{name}: {argument} must have shape {(classes,)}, one per class, got {table.shape}")
        edges.append(table)
    return logits, transitions, lengths, (edges[0], edges[1])


def _with_edges(logits: Array, live: Array, lengths: Array, start: Any, end: Any) -> Array:
    """Logits with the scores of the first and of the last class, and 0 beyond the lengths."""
    logits = jnp.where(live[..., None], logits, 0)
    frame = lax.broadcasted_iota(jnp.int32, logits.shape, logits.ndim - 2)
    for table, at in ((start, jnp.zeros_like(lengths)), (end, lengths - 1)):
        if table is not None:
            here = (frame == at.astype(jnp.int32)[..., None, None]) & live[..., None]
            logits = logits + jnp.where(here, table.reshape((1,) * (logits.ndim - 1) + table.shape), 0)
    return logits


# r_t(k) is the logarithm of the sum over all tags up to t that end in k, less the score of the tags that are right:
# r_t(k) = log sum_j e^(r_{t-1}(j) + A_jk) + z_tk - z_ty - A_y'y. Its last logsumexp is the loss. After 500 frames r is
# some thousands, of which float32 has three digits after the point, and so would the probabilities: the largest is
# taken out of each frame and added up apart. What is taken out comes back, so it may be held fixed for the gradient.
@one_dispatch
def _surplus(logits: Array, transitions: Array, labels: Array, live: Array) -> Array:
    """The loss of each sequence: inf where a right tag is impossible."""
    *batch, time, _ = logits.shape
    if not time:
        return jnp.zeros(batch, logits.dtype)

    def relative(scores: Array, label: Array, paths: Array, pair: Array) -> tuple[Array, Array]:
        own = jnp.sum(jnp.where(picked(label, scores.shape, -1), scores, 0), -1) + pair
        return paths + scores - jnp.where(own == -jnp.inf, 0, own)[..., None], own

    @jax.checkpoint
    def advance(surplus: Array, scores: Array, before: Array, label: Array, transitions: Array) -> tuple[Array, Array]:
        shape = transitions.shape
        pair = picked(before[..., None], shape, -2) & picked(label[..., None], shape, -1)
        paths = numerics.logsumexp(surplus[..., :, None] + transitions, -2)
        return relative(scores, label, paths, jnp.sum(jnp.where(pair, transitions, 0), (-2, -1)))

    def step(surplus: Array, frame: tuple[Array, ...]) -> tuple[Array, tuple[Array, Array]]:
        *data, exists = frame
        moved, own = advance(surplus, *data, transitions)
        surplus = jnp.where(exists[..., None], moved, surplus)
        largest = lax.stop_gradient(jnp.max(surplus, -1))
        largest = jnp.where(jnp.isfinite(largest), largest, 0)
        return surplus - largest[..., None], (exists & (own == -jnp.inf), largest)

    first = lambda a, axis: jnp.moveaxis(a, axis, 0)
    scores, labels, live = first(logits, -2), first(labels, -1), first(live, -1)
    begun, own = relative(scores[0], labels[0], jnp.zeros_like(scores[0]), jnp.zeros(batch, scores.dtype))
    surplus, (impossible, largest) = lax.scan(step, begun, (scores[1:], labels[:-1], labels[1:], live[1:]))
    values = jnp.where(live[0], numerics.logsumexp(surplus, -1) + jnp.sum(largest, 0), 0)
    return jnp.where((live[0] & (own == -jnp.inf)) | jnp.any(impossible, 0), jnp.inf, values)
