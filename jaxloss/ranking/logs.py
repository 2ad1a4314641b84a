"""Sums kept as logarithms."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from jaxloss import numerics
from jaxloss.ranking.pairs import difference

__all__ = ["log_add"]


# d log(e^a + e^b) = sigma(a - b) da + sigma(b - a) db.
@jax.custom_jvp
def log_add(a: Array, b: Array) -> Array:
    """Return log(e^a + e^b), -inf for two of -inf."""
    return jnp.maximum(a, b) + numerics.softplus(-jnp.abs(difference(a, b)))


@log_add.defjvp
def _(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    ahead = difference(*primals)
    return log_add(*primals), numerics.sigmoid(ahead) * tangents[0] + numerics.sigmoid(-ahead) * tangents[1]
