"""What `jaxloss.classification.ordinal` is made of: cumulative distances, and entries of a table of thresholds."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero

__all__ = ["cumulative_distance", "entries"]


# In the logits the gradient is p_j (g_j - sum_i p_i g_i) with g_j = 2 sum_{k >= j} (P_k - Y_k). It only depends on
# differences of the g, so they are taken from the leader t: g_j - g_t is 2 sum_{j <= k < t} (P_k - Y_k) in front of it
# and -2 sum_{t <= k < j} (P_k - Y_k) behind it. Nothing cancels then where the leader has nearly all the probability.
# In the labels it is -g.
@partial(jax.custom_jvp, nondiff_argnums=(3,))
def cumulative_distance(logits: Array, labels: Array, passed: Array, axis: int) -> Array:
    """sum_k (P_k - Y_k)^2 along a positive axis; ``passed`` tells where Y_k is 1."""
    return jnp.sum(_apart(_softmax(logits, axis)[0], labels, passed, axis) ** 2, axis)


def _cumulative_distance_jvp(axis, primals, tangents):
    (logits, labels, passed), (logits_dot, labels_dot, _) = primals, tangents
    probabilities, before = _softmax(logits, axis)
    apart = _apart(probabilities, labels, passed, axis)
    pad = lambda x, sides: jnp.pad(x, [sides if i == axis else (0, 0) for i in range(x.ndim)])
    values = cumulative_distance(logits, labels, passed, axis)
    tangent = jnp.zeros_like(values)
    if not isinstance(logits_dot, SymbolicZero):
        first = lax.slice_in_dim(before, 0, apart.shape[axis], axis=axis)
        left = pad(lax.cumsum(jnp.where(first, apart, 0), axis, reverse=True), (0, 1))
        right = pad(lax.cumsum(jnp.where(first, 0, apart), axis), (1, 0))
        ahead = 2 * (left - right)
        slope = probabilities * (ahead - jnp.sum(probabilities * ahead, axis, keepdims=True))
        tangent += jnp.sum(slope * logits_dot, axis)
    if not isinstance(labels_dot, SymbolicZero):
        tangent += jnp.sum(pad(-2 * lax.cumsum(apart, axis, reverse=True), (0, 1)) * labels_dot, axis)
    return values, tangent


cumulative_distance.defjvp(_cumulative_distance_jvp, symbolic_zeros=True)


def _apart(probabilities: Array, labels: Array, passed: Array, axis: int) -> Array:
    """P - Y of all classes but the last, as a sum of p - y, or as P - 1 = -sum p of the classes behind where Y is 1."""
    last = probabilities.shape[axis] - 1
    behind = lax.slice_in_dim(lax.cumsum(probabilities, axis, reverse=True), 1, None, axis=axis)
    up_to = lax.slice_in_dim(lax.cumsum(probabilities - labels, axis), 0, last, axis=axis)
    return jnp.where(lax.slice_in_dim(passed, 0, last, axis=axis), -behind, up_to)


def _softmax(logits: Array, axis: int) -> tuple[Array, Array]:
    """Softmax along a positive axis, and which classes come before the one with the largest logit."""
    best = jnp.argmax(logits, axis, keepdims=True)
    classes = lax.broadcasted_iota(best.dtype, logits.shape, axis)
    # Relative to the leader, with its gradient: all of it comes from the others, as minus the sum of theirs.
    leader = jnp.sum(jnp.where(classes == best, logits, 0), axis, keepdims=True)
    gaps = jnp.where((classes == best) | (logits == -jnp.inf), -jnp.inf, logits - leader)
    parts = jnp.where(classes == best, 1, jnp.exp(gaps))
    return parts / jnp.sum(parts, axis, keepdims=True), classes < best


@jax.custom_jvp
def entries(table: Array, ids: Array) -> Array:
    """Return the entry of each id, which is clipped to the table."""
    return jnp.take(table, ids, mode="clip")


# The derivative, transposed, adds up many numbers in few places. Spread over 64 copies of the table, the sums are 64
# times as short, and so is the rounding of adding one number after the other (and the queue for an address on a GPU).
@entries.defjvp
def _(primals, tangents):
    (table, ids), (table_dot, _) = primals, tangents
    axes = (lax.broadcasted_iota(jnp.int32, ids.shape, axis) for axis in range(ids.ndim))
    copy = sum(axes, start=jnp.zeros(ids.shape, jnp.int32)) & 63
    inside = jnp.clip(ids, 0, len(table) - 1).astype(jnp.int32)
    return entries(table, ids), jnp.take(jnp.tile(table_dot, 64), inside + len(table) * copy, mode="clip")
