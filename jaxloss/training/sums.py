"""The two sums that a mean is made of, apart: what has to be added up over micro-batches and over devices.

A mean of means is not the mean when masks leave more in one part than in another.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array, lax

__all__ = ["Sums", "sums"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Sums:
    """The sum of the weighted values of a loss, and the sum of the weights."""

    total: Array
    weight: Array

    def mean(self, weight: Array | None = None) -> Array:
        """Return total / weight, 0 when there is nothing; ``weight``: that of the whole batch, if this is a part."""
        # The weights are data: they say what exists and how often, and are not learned.
        weight = lax.stop_gradient(self.weight if weight is None else weight)
        nothing = weight == 0
        return jnp.where(nothing, 0, self.total / jnp.where(nothing, 1, weight))


def sums(values: Array, weights: Array) -> Sums:
    """Keep numerator and denominator of the mean apart: for the ``reduction=`` of every loss.

    Example:
      >>> from jaxloss import squared_error
      >>> exists = jnp.array([True, True, False])
      >>> found = squared_error(jnp.array([1.0, 2.0, jnp.nan]), jnp.zeros(3), where=exists, reduction=sums)
      >>> found.total, found.weight, found.mean()
      (Array(5., dtype=float32), Array(2., dtype=float32), Array(2.5, dtype=float32))
    """
    return Sums(jnp.sum(values * weights), jnp.sum(weights))
