"""The squared distances of all steps of two series."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxloss.numerics.elementary import one_dispatch

__all__ = ["step_costs"]

TOGETHER = 16  # features: XLA:CPU adds so many squares in a register before it stores their sum


@jax.custom_jvp
def _step_costs(x: Array, y: Array) -> Array:
    rows, columns = jnp.moveaxis(x, -1, 0)[..., :, None], jnp.moveaxis(y, -1, 0)[..., None, :]

    def add(total: Array, rows: Array, columns: Array) -> Array:
        for u, v in zip(rows, columns, strict=True):
            total += (u - v) ** 2
        return total

    whole, rest = divmod(len(rows), TOGETHER)
    total = jnp.zeros_like(rows, shape=(*x.shape[:-1], y.shape[-2]))
    total = add(total, rows[:rest], columns[:rest])
    blocks = tuple(part[rest:].reshape(whole, TOGETHER, *part.shape[1:]) for part in (rows, columns))
    return lax.scan(lambda total, block: (add(total, *block), None), total, blocks)[0] if whole else total


# Step by step of y: transposed, each adds w_ij 2 (x_i - y_j) to the gradients of all x_i. As a product of matrices,
# x_i sum_j w_ij - sum_j w_ij y_j, that would lose the digits of the difference. What the gradient needs again is x, y.
@_step_costs.defjvp
def _(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (x, y), (dx, dy) = primals, tangents

    @partial(jax.checkpoint, prevent_cse=False)  # in a loop there is nothing to share with
    def column(x: Array, dx: Array, y: Array, dy: Array) -> Array:
        return jnp.sum((x - y) * (dx - dy), -1)

    by_step = lambda series: jnp.moveaxis(series, -2, 0)[..., None, :]
    changes = lax.scan(lambda _, step: (None, column(x, dx, *step)), None, (by_step(y), by_step(dy)))[1]
    return _step_costs(x, y), 2 * jnp.moveaxis(changes, 0, -1)


@one_dispatch
def step_costs(x: Array, y: Array) -> Array:
    """The squared distance of every step of x, [..., n, features], from every step of y: [..., n, m]."""
    return _step_costs(x, y)
