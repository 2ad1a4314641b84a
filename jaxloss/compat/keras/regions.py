"""Overlaps of regions, of the whole array at once unless axes are given."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss.compat.keras.arrays import EPSILON, pair

__all__ = ["dice", "tversky"]

Axes = int | tuple[int, ...] | list[int] | None


def dice(y_true: ArrayLike, y_pred: ArrayLike, axis: Axes = None) -> Array:
    """Return 1 - 2 sum(p y) / (sum(p) + sum(y) + 1e-7), sums over ``axis``; nothing labelled or predicted costs 1."""
    y_true, y_pred = pair("dice", y_true, y_pred, broadcast=True)
    axes = tuple(axis) if isinstance(axis, list) else axis
    both, sizes = jnp.sum(y_true * y_pred, axes), jnp.sum(y_true, axes) + jnp.sum(y_pred, axes)
    return 1 - 2 * both / (sizes + EPSILON)


def tversky(y_true: ArrayLike, y_pred: ArrayLike, alpha: float = 0.5, beta: float = 0.5, axis: Axes = None) -> Array:
    """Return 1 - TP / (TP + alpha FN + beta FP + 1e-7), summed over ``axis``.

    As in Keras up to 3.15.1: alpha weighs what was missed and beta what was invented, against the paper, which has it
    the other way round. `jaxloss.binary_tversky` says which is which: ``alpha_fp`` and ``beta_fn``.
    """
    y_true, y_pred = pair("tversky", y_true, y_pred, broadcast=True)
    axes = tuple(axis) if isinstance(axis, list) else axis
    both = jnp.sum(y_true * y_pred, axes)
    missed, invented = jnp.sum(y_true * (1 - y_pred), axes), jnp.sum((1 - y_true) * y_pred, axes)
    return 1 - both / (both + alpha * missed + beta * invented + EPSILON)
