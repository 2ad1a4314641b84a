"""Sums of two numbers that are kept as logarithms."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from jaxloss.numerics.elementary import sigmoid, softplus

__all__ = ["difference", "log_add"]


def difference(first: Array, second: Array) -> Array:
    """Return first - second, and 0 where both are the same infinity."""
    return jnp.where((first == second) & jnp.isinf(first), 0, first - second)


# d log(e^a + e^b) = sigma(a - b) da + sigma(b - a) db.
@jax.custom_jvp
def log_add(a: Array, b: Array) -> Array:
    """Return log(e^a + e^b), -inf for two of -inf."""
    return jnp.maximum(a, b) + softplus(-jnp.abs(difference(a, b)))


@log_add.defjvp
def _(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    ahead = difference(*primals)
    return log_add(*primals), sigmoid(ahead) * tangents[0] + sigmoid(-ahead) * tangents[1]
