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
would the shares. Every `BLOCK` frames the largest is taken out of a row and added up apart. Nor are they where the
model is right, and the loss is small: there the largest term of a sum, which is 1, is left out of it, as is the class
that most paths are in out of the differences.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxloss.numerics.elementary import derivative, log1p_by_atanh

__all__ = ["forward_variables", "negative_log_likelihood"]

IMPOSSIBLE = -1e36
"""Logarithm of 0 that can be subtracted from itself and, a few times, added to itself."""
BLOCK = 8


@partial(jax.custom_jvp, nondiff_argnums=(6, 7))
def negative_log_likelihood(
    logits: Array,
    logit_lengths: Array,
    labels: Array,
    label_lengths: Array,
    valid: Array,
    log_zero: Array | None,
    blank: int,
    normalize: bool = True,
) -> Array:
    """Return -log P(labels), one per sequence: inf where no alignment exists.

    Args:
      logits: [batch, time, classes]; what they hold beyond the lengths is not read.
      logit_lengths: [batch], in [0, time].
      labels: [batch, N] class ids; beyond the lengths any class.
      label_lengths: [batch], in [0, N].
      valid: [batch], False for a sequence whose value and gradient are to be NaN.
      log_zero: a logarithm for what is impossible, so that there is always an alignment: to begin in another state than
        the first, to go from a label to one that is equal, a class of -inf. Without a gradient. None for the true one.
      blank: class id of the blank.
      normalize: whether the softmax makes probabilities of the logits; else they are logarithms as they are.
    """
    y, start, skip = _lattice(logits, logit_lengths, labels, log_zero, blank, normalize)
    (last, lack), _ = _scan(start, y, skip, keep=False)
    return _value(last, lack, label_lengths, valid, normalize)


# d(-log P) = sum_tk (softmax_tk - share_tk) dlogit_tk. Forward mode and higher orders follow: the rule is plain code.
@negative_log_likelihood.defjvp
def _(blank: int, normalize: bool, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    value, slope = _value_and_slope(primals, blank, normalize)
    return value, jnp.sum(slope * tangents[0], (1, 2))


def forward_variables(logits: Array, logit_lengths: Array, labels: Array, log_zero: Array | None, blank: int) -> Array:
    """Return the forward variables before the first frame and after each: [time + 1, batch, states]."""
    y, start, skip = _lattice(logits, logit_lengths, labels, log_zero, blank, normalize=True)
    _, (visited, lack) = _scan(start, y, skip, keep=True)
    return jnp.concatenate([start[None], (visited + jnp.repeat(lack, BLOCK, 0))[: logits.shape[1]]])


def _lattice(
    logits: Array, logit_lengths: Array, labels: Array, log_zero: Array | None, blank: int, normalize: bool
) -> tuple[Array, Array, Array]:
    """Log-probabilities of the states in each frame, of the paths before the first, and `_skip`."""
    live, states = _live(logits, logit_lengths), _states(labels, blank)
    y = _emissions(*_scores(logits, live, normalize), live, states, log_zero)
    return y, _paths_in(jnp.zeros_like(logit_lengths), y, log_zero), _skip(states, log_zero, y)


def _value_and_slope(primals: tuple[Any, ...], blank: int, normalize: bool) -> tuple[Array, Array]:
    logits, logit_lengths, labels, label_lengths, valid, log_zero = primals
    batch, time, classes = logits.shape
    live, states = _live(logits, logit_lengths), _states(labels, blank)
    x, rest = _scores(logits, live, normalize)
    y = _emissions(x, rest, live, states, log_zero)
    # Read from its end, a sequence begins behind the labels that are not there.
    begin = 2 * (labels.shape[1] - label_lengths)
    start = jnp.concatenate([_paths_in(jnp.zeros_like(begin), y, log_zero), _paths_in(begin, y, None)])
    both, both_states = jnp.concatenate([y, y[::-1, :, ::-1]], 1), jnp.concatenate([states, states[:, ::-1]])
    (last, lack), (visited, _) = _scan(start, both, _skip(both_states, log_zero, y), keep=True)
    value = _value(last[:batch], lack[:batch], label_lengths, valid, normalize)

    log_shares = (visited[:, :batch] + visited[::-1, batch:, ::-1] - y)[:time]
    shares = jnp.exp(log_shares - lax.stop_gradient(jnp.max(log_shares, -1, keepdims=True)))
    # The sum over the states of a class is a product with a 0/1 matrix: a scatter is serial on the CPU.
    of_class = (states[..., None] == lax.broadcasted_iota(states.dtype, (1, 1, classes), 2)).astype(x.dtype)
    shares = jnp.einsum("tbs,bsk->btk", shares, of_class, precision=lax.Precision.HIGHEST)
    slope = _slope(x, rest, shares, normalize)
    reached = live & (value != jnp.inf)[:, None, None]
    if log_zero is not None:
        reached &= x != -jnp.inf
    return value, jnp.where(valid[:, None, None], jnp.where(reached, slope, 0), jnp.nan)


def _slope(x: Array, rest: Array, shares: Array, normalize: bool) -> Array:
    """The softmax minus the shares; of the class that most paths are in 1 - share minus 1 - softmax."""
    if not normalize:
        return -shares / jnp.sum(shares, -1, keepdims=True)
    most = shares > 0.5 * jnp.sum(shares, -1, keepdims=True)
    others = jnp.sum(jnp.where(most, 0, shares), -1, keepdims=True)
    inverse = 1 / (others + jnp.sum(jnp.where(most, shares, 0), -1, keepdims=True))
    p = jnp.exp(x) / (1 + rest)
    missing = jnp.where(x == 0, rest / (1 + rest), 1 - p)
    return jnp.where(most, others * inverse - missing, p - shares * inverse)


def _scan(start: Array, y: Array, skip: Array, *, keep: bool) -> tuple[Any, Any]:
    """Return the logarithms after the last frame and what they lack; if kept, those after each, and lack of blocks."""

    def step(paths: Array, now: Array) -> tuple[Array, Any]:
        padded = jnp.concatenate([jnp.full_like(paths[:, :2], IMPOSSIBLE, shape=(len(paths), 2)), paths], -1)
        moved, skipped = padded[:, 1:-1], padded[:, :-2] + skip
        larger, least = jnp.maximum(paths, moved), jnp.minimum(paths, moved)
        top, middle = jnp.maximum(larger, skipped), jnp.minimum(larger, skipped)
        paths = _log1p(jnp.exp(least - top) + jnp.exp(middle - top)) + top + now
        return paths, paths if keep else None

    def block(carry: tuple[Array, Array], frames: Array) -> tuple[Any, Any]:
        paths, offset = carry
        top = lax.stop_gradient(jnp.max(paths, -1, keepdims=True))
        paths, visited = lax.scan(step, jnp.maximum(paths - top, IMPOSSIBLE), frames)
        return (paths, offset + top), (visited, offset + top) if keep else None

    blocks = y.reshape(len(y) // BLOCK, BLOCK, *y.shape[1:])
    last, visited = lax.scan(block, (start, jnp.zeros_like(start[:, :1])), blocks)
    return last, (visited[0].reshape(y.shape), visited[1]) if keep else None


# 2 atanh(s) / s - 2 in powers of s^2: the least relative error for s <= 1/2 (2.2e-8, a linear program).
ATANH_32 = [0.6666746, 0.39956433, 0.2933828, 0.16487437, 0.36347964]


@derivative(lambda u: 1 / (1 + u))
def _log1p(u: Array) -> Array:
    """log(1 + u) for 0 <= u <= 2: in float32 half the time of the logarithm, within 3 ulp."""
    if u.dtype == jnp.float32:
        return log1p_by_atanh(u, ATANH_32)
    w = 1 + u  # and what it has lost by its rounding
    kept = jnp.maximum(w, 1) - 1  # without the maximum, which changes nothing, XLA takes it for u
    return jnp.log(w) + (u - kept)


def _live(logits: Array, lengths: Array) -> Array:
    """Which frames exist: [batch, time, 1]."""
    return lax.broadcasted_iota(lengths.dtype, (*logits.shape[:2], 1), 1) < lengths[:, None, None]


def _states(labels: Array, blank: int) -> Array:
    """The class of each state: [batch, 2 N + 1]."""
    batch, n = labels.shape
    between = jnp.full_like(labels, blank)
    pairs = jnp.stack([between, labels], -1).reshape(batch, 2 * n)
    return jnp.concatenate([pairs, jnp.full_like(labels, blank, shape=(batch, 1))], -1)


def _skip(states: Array, log_zero: Array | None, like: Array) -> Array:
    """Logarithm of whether a state may follow the one before the last: a label behind another label."""
    zero = jnp.asarray(IMPOSSIBLE, like.dtype)
    differs = states[:, 2:] != states[:, :-2]  # blanks are equal
    differs = jnp.concatenate([jnp.zeros_like(states[:, :2], bool), differs], -1)[:, : states.shape[1]]
    label = lax.broadcasted_iota(states.dtype, (1, states.shape[1]), 1) % 2 == 1
    return jnp.where(differs & label, 0, zero if log_zero is None else jnp.where(label, log_zero, zero))


def _scores(logits: Array, live: Array, normalize: bool) -> tuple[Array, Array]:
    """Logits without the largest of their frame, and the sum of the exponentials of the others."""
    logits = jnp.where(live, logits, 0)
    if not normalize:
        return logits, jnp.zeros_like(logits[..., :1])
    top = jnp.max(logits, -1, keepdims=True)
    x = logits - jnp.where(top == -jnp.inf, 0, top)
    largest = jnp.sum(jnp.where(x == 0, 1, jnp.zeros_like(x)), -1, keepdims=True)
    others = jnp.sum(jnp.exp(jnp.where(x == 0, -jnp.inf, x)), -1, keepdims=True)
    return x, others + jnp.maximum(largest - 1, 0)


def _emissions(x: Array, rest: Array, live: Array, states: Array, log_zero: Array | None) -> Array:
    """Log-probabilities of the states: [time, batch, states].

    Behind the last frame, up to a multiple of `BLOCK`, the blank is certain: there paths end in the last blank.
    """
    y = jnp.take_along_axis(x, states[:, None], 2, mode="clip")
    normalizer = lax.optimization_barrier(jnp.log1p(rest))  # else XLA:CPU finds it anew for each state
    y = jnp.where(y == -jnp.inf, IMPOSSIBLE if log_zero is None else log_zero, y - normalizer)
    between = lax.broadcasted_iota(states.dtype, (1, 1, states.shape[1]), 2) % 2 == 0
    behind = jnp.where(between, 0, jnp.asarray(IMPOSSIBLE, y.dtype))
    y = jnp.swapaxes(jnp.where(live, y, behind), 0, 1)
    more = -len(y) % BLOCK
    return jnp.concatenate([y, jnp.broadcast_to(behind, (more, *y.shape[1:]))]) if more else y


def _paths_in(state: Array, y: Array, log_zero: Array | None) -> Array:
    """Before the first frame all paths are in one state, a blank, but for the share of log_zero: [batch, states]."""
    states = lax.broadcasted_iota(state.dtype, (len(state), y.shape[2]), 1)
    return jnp.where(states == state[:, None], 0, jnp.asarray(IMPOSSIBLE if log_zero is None else log_zero, y.dtype))


def _value(last: Array, lack: Array, label_lengths: Array, valid: Array, normalize: bool) -> Array:
    """-log P: paths end in the last label or in the blank behind it."""
    behind = 2 * label_lengths[:, None] - lax.broadcasted_iota(label_lengths.dtype, last.shape, 1)
    blank, label = (jnp.max(jnp.where(behind == i, last, IMPOSSIBLE), -1) for i in (0, 1))
    log_p = jnp.logaddexp(blank, label) + lack[:, 0]
    value = jnp.where(log_p < 0.5 * IMPOSSIBLE, jnp.inf, jnp.maximum(-log_p, 0) if normalize else -log_p)
    return jnp.where(valid, value, jnp.nan)
