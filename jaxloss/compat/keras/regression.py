"""Losses of numbers, and of distributions as numbers: means over the last axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

import jaxloss
from jaxloss import numerics
from jaxloss.compat.keras.arrays import EPSILON, pair

__all__ = [
    "cosine_similarity",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
]


def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Mean of the squared errors along the last axis."""
    return _mean_of("mean_squared_error", jaxloss.squared_error, y_true, y_pred)


def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Mean of the absolute errors along the last axis."""
    return _mean_of("mean_absolute_error", jaxloss.absolute_error, y_true, y_pred)


def mean_absolute_percentage_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Mean of the absolute errors in percent of the target, which counts as 1e-7 at least.

    Example:
      >>> mean_absolute_percentage_error(jnp.array([[4.0, 2.0]]), jnp.array([[5.0, 2.0]]))
      Array([12.5], dtype=float32)
    """
    name = "mean_absolute_percentage_error"
    return 100 * _mean_of(name, jaxloss.mean_absolute_percentage_error, y_true, y_pred, minimum=EPSILON)


def mean_squared_logarithmic_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Mean of squared differences of log(1 + y), where y counts as 1e-7 at least."""
    y_true, y_pred = pair("mean_squared_logarithmic_error", y_true, y_pred, broadcast=True)
    y_true, y_pred = jnp.maximum(y_true, EPSILON), jnp.maximum(y_pred, EPSILON)
    return jnp.mean(jaxloss.squared_log_error(y_pred, y_true, reduction="none"), -1)


def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> Array:
    """Mean of the Huber losses along the last axis."""
    return _mean_of("huber", jaxloss.huber, y_true, y_pred, delta=delta)


def log_cosh(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Mean of log(cosh(error)) along the last axis; keeps its digits at small errors."""
    return _mean_of("log_cosh", jaxloss.log_cosh, y_true, y_pred)


def cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> Array:
    """Minus the cosine of the angle; a norm counts as 1e-7 at least. At a zero vector the gradient is finite.

    Example:
      >>> cosine_similarity(jnp.array([[1.0, 0.0]]), jnp.array([[2.0, 0.0]]))
      Array([-1.], dtype=float32)
    """
    y_true, y_pred = pair("cosine_similarity", y_true, y_pred, broadcast=True)
    short = lambda x: jnp.minimum(numerics.safe_norm(x, axis) / EPSILON, 1)
    cosine = jaxloss.cosine_similarity(y_pred, y_true, axis=axis, reduction="none")
    return -cosine * short(y_true) * short(y_pred)


def kl_divergence(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Sum of p log(p / q) along the last axis, both clipped to [1e-7, 1]."""
    y_true, y_pred = pair("kl_divergence", y_true, y_pred, broadcast=True)
    y_true, y_pred = jnp.clip(y_true, EPSILON, 1), jnp.clip(y_pred, EPSILON, 1)
    return jnp.sum(y_true * jnp.log(y_true / y_pred), -1)


def poisson(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Mean of rate - count log(rate + 1e-7) along the last axis."""
    y_true, y_pred = pair("poisson", y_true, y_pred, broadcast=True)
    return jnp.mean(y_pred - y_true * jnp.log(y_pred + EPSILON), -1)


def _mean_of(name: str, loss: Callable[..., Any], y_true: ArrayLike, y_pred: ArrayLike, **params: Any) -> Array:
    y_true, y_pred = pair(name, y_true, y_pred, broadcast=True)
    return jnp.mean(loss(y_pred, y_true, **params, reduction="none"), -1)
