"""Connectionist temporal classification on a lattice of labels, as `compat.optax` and `compat.torch` take it."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from jaxloss.rows.labels import pick, picked

__all__ = ["Lattice", "lattice"]


class Lattice(NamedTuple):
    """Log-likelihoods `[B]` of the labels, and the forward log-probabilities of ending in a blank or in a label."""

    log_likelihood: Array
    blanks: Array
    """`[T, B, N + 1]`."""
    labels: Array
    """`[T, B, N]`."""


def lattice(logs: Array, padded: Array, ids: Array, absent: Array, blank: int, zero: Array) -> Lattice:
    """Run the forward recursion.

    Args:
      logs: log-probabilities `[B, T, K]`; -inf counts as ``zero``.
      padded: which frames `[B, T]` do not exist.
      ids: integer labels `[B, N]`. One that is no class makes its sequence NaN.
      absent: which labels do not exist, all of them at the end.
      blank: the class that stands for no label.
      zero: what stands for the logarithm of 0, a finite number.
    """
    batch, count = ids.shape
    logs = jnp.where(logs == -jnp.inf, zero, logs)
    outside = (ids < 0) | (ids >= logs.shape[-1])
    # A product with one-hot labels: exact, and its transpose is no scatter.
    one_hot = picked(ids, (*ids.shape, logs.shape[-1]), -1).astype(logs.dtype)
    emit = jnp.einsum("btk,bnk->tbn", logs, one_hot, precision="highest")
    emit = jnp.where((outside & ~absent)[None], jnp.nan, emit)
    repeat = jnp.pad(ids[:, :-1] == ids[:, 1:], ((0, 0), (0, min(count, 1))))

    def frame(state: Any, now: Any) -> Any:
        phi, label = state
        log_blank, log_label, skip = now
        # From a label straight to the next one, unless that is the same.
        ready = _add(phi, jnp.where(repeat, label + zero, label))
        next_label = jnp.logaddexp(ready[:, :-1] + log_label, label + log_label)
        # A blank after a label, which `ready` has already unless the next label is the same.
        next_phi = _add(ready + log_blank, jnp.where(repeat, label, label + zero) + log_blank)
        state = jnp.where(skip, phi, next_phi), jnp.where(skip, label, next_label)
        return state, state

    start = jnp.full((batch, count + 1), zero).at[:, 0].set(0), jnp.full((batch, count), zero)
    frames = logs[:, :, blank].T[..., None], emit, padded.T[..., None]
    _, (blanks, labels) = lax.scan(frame, start, frames)
    last = _add(blanks[-1], labels[-1])
    lengths = count - jnp.sum(absent, 1, dtype=jnp.int32)
    return Lattice(pick(last, lengths, -1), blanks.at[-1].set(last), labels)


def _add(phi: Array, added: Array) -> Array:
    """Phi with a path more at each position but the first."""
    return jnp.concatenate([phi[:, :1], jnp.logaddexp(phi[:, 1:], added)], -1)
