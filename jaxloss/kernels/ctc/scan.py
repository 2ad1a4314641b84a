r"""CTC with the forward and the backward variables in one scan over time, and the gradient from both in closed form.

An alignment is in one state at each time: a label, or one of the blanks before, between and behind the labels, which
alternate: ``[blank, label 0, blank, label 1, ..., blank]``. With the log-probabilities y of the states in a frame,

.. math::  \alpha_t(s) = y_t(s) + \log \sum_{r \to s} e^{\alpha_{t-1}(r)}

where r is s itself, the state before it or, between two labels that differ, the label before it. The backward
variables are the forward variables of the sequence read from its end, so that both are rows of one array:
``[forward, backward]``. Of all paths the share :math:`e^{\alpha_t(s) + \beta_t(s) - y_t(s)} / P` is in state s at time
t. The gradient is the softmax minus the shares of a frame, which are normalised to sum to 1: what all states of a frame
have in common, and so its rounding, does not matter.

Logarithms alone are not enough for that: a sum of 500 frames of -4 has three digits after the point in float32, and so
would the shares. Every `BLOCK` frames the largest is taken out of a row and added up apart.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

__all__ = ["negative_log_likelihood"]

IMPOSSIBLE = -1e36
"""Logarithm of 0 that can be subtracted from itself and, a few times, added to itself."""
BLOCK = 8


@partial(jax.custom_jvp, nondiff_argnums=(5,))
def negative_log_likelihood(
    logits: Array, logit_lengths: Array, labels: Array, label_lengths: Array, valid: Array, blank: int
) -> Array:
    """Return -log P(labels), one per sequence: inf where no alignment exists.

    Args:
      logits: [batch, time, classes]; what they hold beyond the lengths is not read.
      logit_lengths: [batch], in [0, time].
      labels: [batch, N] class ids other than the blank; beyond the lengths any class.
      label_lengths: [batch], in [0, N].
      valid: [batch], False for a sequence whose value and gradient are to be NaN.
      blank: class id of the blank.
    """
    live, states = _live(logits, logit_lengths), _states(labels, blank)
    y = _emissions(*_scores(logits, live), live, states)
    start = _paths_in(jnp.zeros_like(label_lengths), y)
    last, offset, _ = _scan(start, y, _may_skip(states), keep=False)
    return _value(last, offset, label_lengths, valid)


# d(-log P) = sum_tk (softmax_tk - share_tk) dlogit_tk. Forward mode and higher orders follow: the rule is plain code.
@negative_log_likelihood.defjvp
def _(blank: int, primals: tuple[Array, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    value, slope = _value_and_slope(primals, blank)
    return value, jnp.sum(slope * tangents[0], (1, 2))


def _value_and_slope(primals: tuple[Array, ...], blank: int) -> tuple[Array, Array]:
    logits, logit_lengths, labels, label_lengths, valid = primals
    batch, time, classes = logits.shape
    live, states = _live(logits, logit_lengths), _states(labels, blank)
    x, total = _scores(logits, live)
    y = _emissions(x, total, live, states)
    # Read from its end, a sequence begins behind the labels that are not there.
    begin = jnp.concatenate([jnp.zeros_like(label_lengths), 2 * (labels.shape[1] - label_lengths)])
    both, both_states = jnp.concatenate([y, y[::-1, :, ::-1]], 1), jnp.concatenate([states, states[:, ::-1]])
    last, offset, visited = _scan(_paths_in(begin, both), both, _may_skip(both_states), keep=True)
    value = _value(last[:batch], offset[:batch], label_lengths, valid)

    log_shares = (visited[:, :batch] + visited[::-1, batch:, ::-1] - y)[:time]
    shares = jnp.exp(log_shares - lax.stop_gradient(jnp.max(log_shares, -1, keepdims=True)))
    # The sum over the states of a class is a product with a 0/1 matrix: a scatter is serial on the CPU.
    of_class = (states[..., None] == lax.broadcasted_iota(states.dtype, (1, 1, classes), 2)).astype(x.dtype)
    shares = jnp.einsum("tbs,bsk->btk", shares, of_class, precision=lax.Precision.HIGHEST)
    slope = jnp.exp(x) / total - shares / jnp.sum(shares, -1, keepdims=True)
    slope = jnp.where(live & (value != jnp.inf)[:, None, None], slope, 0)
    return value, jnp.where(valid[:, None, None], slope, jnp.nan)


def _scan(start: Array, y: Array, may_skip: Array, *, keep: bool) -> tuple[Array, Array, Array]:
    """Return the logarithms after the last frame, what they lack for each row and, if kept, those after each frame."""

    def step(paths: Array, now: Array) -> tuple[Array, Any]:
        padded = jnp.concatenate([jnp.full_like(paths[:, :2], IMPOSSIBLE, shape=(len(paths), 2)), paths], -1)
        moved, skipped = padded[:, 1:-1], jnp.where(may_skip, padded[:, :-2], IMPOSSIBLE)
        top = lax.stop_gradient(jnp.maximum(jnp.maximum(paths, moved), skipped))
        total = jnp.exp(paths - top) + jnp.exp(moved - top) + jnp.exp(skipped - top)
        paths = jnp.log(total) + top + now
        return paths, paths if keep else None

    def block(carry: tuple[Array, Array], frames: Array) -> tuple[Any, Any]:
        paths, offset = carry
        top = lax.stop_gradient(jnp.max(paths, -1, keepdims=True))
        paths, visited = lax.scan(step, jnp.maximum(paths - top, IMPOSSIBLE), frames)
        return (paths, offset + top), visited

    blocks = y.reshape(len(y) // BLOCK, BLOCK, *y.shape[1:])
    (last, offset), visited = lax.scan(block, (start, jnp.zeros_like(start[:, :1])), blocks)
    return last, offset[:, 0], visited.reshape(y.shape) if keep else last


def _live(logits: Array, lengths: Array) -> Array:
    """Which frames exist: [batch, time, 1]."""
    return lax.broadcasted_iota(lengths.dtype, (*logits.shape[:2], 1), 1) < lengths[:, None, None]


def _states(labels: Array, blank: int) -> Array:
    """The class of each state: [batch, 2 N + 1]."""
    batch, n = labels.shape
    between = jnp.full_like(labels, blank)
    pairs = jnp.stack([between, labels], -1).reshape(batch, 2 * n)
    return jnp.concatenate([pairs, jnp.full_like(labels, blank, shape=(batch, 1))], -1)


def _may_skip(states: Array) -> Array:
    """Whether a state may follow the one before the last: a label behind another label."""
    differs = states[:, 2:] != states[:, :-2]  # blanks are equal
    return jnp.concatenate([jnp.zeros_like(states[:, :2], bool), differs], -1)[:, : states.shape[1]]


def _scores(logits: Array, live: Array) -> tuple[Array, Array]:
    """Logits without the largest of their frame, and the sum of their exponentials."""
    logits = jnp.where(live, logits, 0)
    top = lax.stop_gradient(jnp.max(logits, -1, keepdims=True))
    x = logits - jnp.where(top == -jnp.inf, 0, top)
    total = jnp.sum(jnp.exp(x), -1, keepdims=True)
    return x, jnp.where(total == 0, 1, total)


def _emissions(x: Array, total: Array, live: Array, states: Array) -> Array:
    """Log-probabilities of the states: [time, batch, states].

    Behind the last frame, up to a multiple of `BLOCK`, the blank is certain: there paths end in the last blank.
    """
    y = jnp.take_along_axis(x, states[:, None], 2, mode="clip")
    y = jnp.where(y == -jnp.inf, IMPOSSIBLE, y - jnp.log(total))
    between = lax.broadcasted_iota(states.dtype, (1, 1, states.shape[1]), 2) % 2 == 0
    behind = jnp.where(between, 0, jnp.asarray(IMPOSSIBLE, y.dtype))
    y = jnp.swapaxes(jnp.where(live, y, behind), 0, 1)
    rest = -len(y) % BLOCK
    return jnp.concatenate([y, jnp.broadcast_to(behind, (rest, *y.shape[1:]))]) if rest else y


def _paths_in(state: Array, y: Array) -> Array:
    """Before the first frame all paths are in one state, a blank: [batch, states]."""
    states = lax.broadcasted_iota(state.dtype, (len(state), y.shape[2]), 1)
    return jnp.where(states == state[:, None], 0, jnp.asarray(IMPOSSIBLE, y.dtype))


def _value(last: Array, offset: Array, label_lengths: Array, valid: Array) -> Array:
    """-log P: paths end in the last label or in the blank behind it."""
    behind = 2 * label_lengths[:, None] - lax.broadcasted_iota(label_lengths.dtype, last.shape, 1)
    ends = jnp.where((behind == 0) | (behind == 1), last, IMPOSSIBLE)
    log_p = jax.nn.logsumexp(ends, -1) + offset
    value = jnp.where(log_p < 0.5 * IMPOSSIBLE, jnp.inf, jnp.maximum(-log_p, 0))
    return jnp.where(valid, value, jnp.nan)
