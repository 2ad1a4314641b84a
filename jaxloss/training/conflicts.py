"""Gradients of tasks that pull against each other: PCGrad takes from each what opposes another."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

__all__ = ["PCGradState", "pcgrad"]


class PCGradState(NamedTuple):
    """The random numbers of the next step."""

    key: Array


def pcgrad(seed: int = 0) -> optax.GradientTransformation:
    r"""Project the gradient of each task onto the normal plane of every other one that it conflicts with; add them up.

    .. math::  g_i \leftarrow g_i - \frac{\min(0, g_i \cdot g_j)}{\|g_j\|^2} g_j
               \quad\text{for } j \ne i \text{ in random order}, \qquad g = \sum_i g_i

    The first transformation of a chain, after ``train_step(..., per_term=True)``: its updates have a leading axis of
    tasks, what it gives has not. All is done with the scalar products of the tasks, so the gradients are read twice.

    Args:
      seed: of the order in which a task meets the others.
    Returns: a transformation; its state holds a random key.
    Example:
      >>> conflicting = jnp.array([[1.0, 0.0], [-1.0, 1.0]])
      >>> transformation = pcgrad()
      >>> transformation.update(conflicting, transformation.init(jnp.zeros(2)))[0]
      Array([0.5, 1.5], dtype=float32)
    References: Yu et al. (2020), Gradient surgery for multi-task learning, arXiv:2001.06782.
    """

    def init(params: Any) -> PCGradState:
        del params
        return PCGradState(jax.random.key(seed))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, PCGradState]:
        del params
        key, now = jax.random.split(state.key)
        shares = _shares(_products(updates), now)
        return jax.tree.map(lambda array: _combine(shares, array), updates), PCGradState(key)

    return optax.GradientTransformation(init, update)


def _products(updates: Any) -> Array:
    """The scalar products of all pairs of tasks."""
    rows = [array.reshape(array.shape[0], -1).astype(_wide(array)) for array in jax.tree.leaves(updates)]
    products = [jnp.matmul(row, row.T, precision=jax.lax.Precision.HIGHEST) for row in rows]
    return sum(products[1:], start=products[0])


def _shares(products: Array, key: Array) -> Array:
    """How much of each task's gradient is in the result: sum_i c_i, where the projected g_i is sum_k c_ik g_k."""
    tasks = products.shape[0]

    def project(task: Array, key: Array) -> Array:
        def against(shares: Array, other: Array) -> tuple[Array, None]:
            overlap = jnp.minimum(shares @ products[:, other], 0)
            squared = products[other, other]
            step = jnp.where((other == task) | (squared == 0), 0, overlap / jnp.where(squared == 0, 1, squared))
            return shares - step * (jnp.arange(tasks) == other).astype(shares.dtype), None

        start = (jnp.arange(tasks) == task).astype(products.dtype)
        return jax.lax.scan(against, start, jax.random.permutation(key, tasks))[0]

    return jnp.sum(jax.vmap(project)(jnp.arange(tasks), jax.random.split(key, tasks)), 0)


def _combine(shares: Array, array: Array) -> Array:
    rows = array.astype(_wide(array))
    weights = shares.astype(rows.dtype).reshape(-1, *[1] * (array.ndim - 1))
    return jnp.sum(weights * rows, 0).astype(array.dtype)


def _wide(array: Array) -> Any:
    return array.dtype if array.dtype == jnp.float64 else jnp.float32
