"""Online hard example mining: a reduction that keeps the largest losses of a batch."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array, lax

from jaxloss import reduce

__all__ = ["ohem"]


def ohem(
    *, k: int | None = None, fraction: float | None = None, threshold: float | None = None
) -> Callable[[Array, Array], Array]:
    r"""Return a reduction to the mean of the hardest values: ``reduction=ohem(k=64)`` with any loss.

    .. math::  L = \frac{\sum_{i \in H} w_i v_i}{\sum_{i \in H} w_i}, \qquad
               H = \{i : v_i \ge \theta\} \cup \{\text{the } k \text{ largest } v_i\}

    Values of weight 0, such as masked ones, do not exist: with ``fraction`` k is that share of the others, rounded up,
    and where fewer than k exist all of them are kept. Of values that tie for the last places the first are kept. What
    is not kept gets no gradient.

    Args:
      k: how many are kept, at least 1.
      fraction: which share is kept instead, in (0, 1].
      threshold: keep all values from there on too (for cross-entropy, -log of a probability), or, alone, only these;
        0 with zero gradient if there is none.
    Raises: ValueError unless one of k and fraction, or only the threshold, is given, or if one is out of its range.
    Example:
      >>> from jaxloss import squared_error
      >>> squared_error(jnp.array([1.0, 2.0, 0.0, 3.0]), jnp.zeros(4), reduction=ohem(k=2))
      Array(6.5, dtype=float32)

    References: Shrivastava et al. (2016), Training region-based object detectors with online hard example mining,
      arXiv:1604.03540.
    """
    if (k is not None and fraction is not None) or (k, fraction, threshold) == (None, None, None):
        raise ValueError("ohem: takes k or fraction, a threshold, or one of each")
    if k is not None and (not isinstance(k, int) or k < 1):
        raise ValueError(f"ohem: k must be an integer >= 1, got {k}")
    if fraction is not None and not 0 < fraction <= 1:
        raise ValueError(f"ohem: fraction must be > 0 and <= 1, got {fraction}")

    def hardest(values: Array, weights: Array) -> Array:
        order = jnp.where(weights > 0, _order(lax.stop_gradient(values)), 0)
        kept = jnp.zeros(values.shape, bool)
        exist = _count(order > 0)
        wanted = None
        if k is not None:
            wanted = jnp.minimum(exist, k)
        elif fraction is not None:
            wanted = jnp.ceil(fraction * (1 - 1e-6) * exist)  # 0.1 of 10 is 1, whatever 0.1 is in float32
        if wanted is not None:
            last = _largest(order, wanted)
            tied = (order == last) & (order > 0)
            left = (wanted - _count(order > last)).astype(jnp.int32)
            kept = (order > last) | (tied & (jnp.cumsum(tied.ravel(), dtype=jnp.int32).reshape(tied.shape) <= left))
        if threshold is not None:
            kept |= (values >= threshold) & (weights > 0)
        return reduce.mean(jnp.where(kept, values, 0), jnp.where(kept, weights, 0))

    return hardest


def _order(values: Array) -> Array:
    """Return unsigned integers, at least 1, in the order of the values; NaN is the largest or the smallest."""
    integer, bits = (jnp.uint32, 32) if values.dtype == jnp.float32 else (jnp.uint64, 64)
    pattern = lax.bitcast_convert_type(values, integer)
    sign = jnp.asarray(1 << (bits - 1), integer)
    return jnp.maximum(jnp.where(pattern >= sign, ~pattern, pattern | sign), 1)


def _largest(order: Array, wanted: Array) -> Array:
    """Return the ``wanted``-th largest, bit by bit from the top: a sort is many times slower on the CPU."""
    bits = 8 * order.dtype.itemsize

    def step(i: int, found: Array) -> Array:
        tried = found | (jnp.asarray(1, order.dtype) << jnp.asarray(bits - 1 - i, order.dtype))
        return jnp.where(_count(order >= tried) >= wanted, tried, found)

    return lax.fori_loop(0, bits, step, jnp.max(order, initial=0) & jnp.asarray(0, order.dtype))


def _count(mask: Array) -> Array:
    """Return how many are true. Floats are added faster than integers on the CPU; exact up to 2**24."""
    return jnp.sum(mask.astype(jnp.float32)) if mask.size < 2**24 else jnp.sum(mask).astype(jnp.float32)
