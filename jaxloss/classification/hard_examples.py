"""Online hard example mining: a reduction, which works with every loss."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array, lax

__all__ = ["ohem"]


def ohem(
    *, k: int | None = None, fraction: float | None = None, threshold: float | None = None
) -> Callable[[Array, Array], Array]:
    r"""Return a reduction that keeps the hardest values and takes their weighted mean.

    .. math::  L = \frac{\sum_{i \in H} w_i v_i}{\sum_{i \in H} w_i}

    H are the k largest values of what exists, or that fraction of it (rounded up). With a threshold, H are all values
    of at least the threshold, and the k (or the fraction) largest where fewer reach it. Only the values in H have a
    gradient. What is masked or has no weight is never among them; where fewer than k exist, all of them are.

    Args:
      k: how many to keep, at least 1.
      fraction: instead of k, the share to keep, above 0 and at most 1.
      threshold: a loss from which on every value is kept.
    Returns: a function of ``(values, weights)`` for the ``reduction`` of any loss, which gives a scalar.
    Raises: ValueError unless exactly one of k and fraction is given, within its range.
    Example:
      >>> losses = jnp.array([0.1, 4.0, 0.3, 2.0])
      >>> ohem(k=2)(losses, jnp.ones(4))
      Array(3., dtype=float32)
      >>> squared_error(jnp.array([1.0, 3.0]), jnp.array([0.0, 0.0]), reduction=ohem(fraction=0.5))
      Array(9., dtype=float32)
    References: Shrivastava et al. (2016), Training region-based object detectors with online hard example mining,
      arXiv:1604.03540.
    """
    if (k is None) == (fraction is None):
        raise ValueError(f"ohem: exactly one of k and fraction must be given, got k={k} and fraction={fraction}")
    if k is not None and k < 1:
        raise ValueError(f"ohem: k must be at least 1, got {k}")
    if fraction is not None and not 0 < fraction <= 1:
        raise ValueError(f"ohem: fraction must be > 0 and <= 1, got {fraction}")

    def hardest(values: Array, weights: Array) -> Array:
        values, weights = values.ravel(), weights.ravel()
        if values.size == 0:
            return jnp.zeros((), values.dtype)
        exists = weights != 0
        ranked = lax.stop_gradient(jnp.where(exists, values, -jnp.inf))
        count = jnp.sum(exists, dtype=jnp.int32)
        if k is not None:
            wanted = jnp.minimum(k, count)
        else:
            wanted = jnp.ceil((fraction or 0) * count.astype(values.dtype)).astype(jnp.int32)
        least = jnp.sort(ranked)[-jnp.maximum(wanted, 1)]
        above, equal = ranked > least, ranked == least
        # Of values that tie for the last place the first ones are kept, so that there are exactly as many as wanted.
        kept = above | (equal & (jnp.cumsum(equal, dtype=jnp.int32) <= wanted - jnp.sum(above, dtype=jnp.int32)))
        if threshold is not None:
            kept = kept | (ranked >= threshold)
        chosen = jnp.where(kept & exists, weights, 0)
        total = jnp.sum(chosen)
        return jnp.sum(jnp.where(chosen != 0, values, 0) * chosen) / jnp.where(total == 0, 1, total)

    return hardest
