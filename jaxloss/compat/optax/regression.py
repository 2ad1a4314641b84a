"""`optax.losses` of a prediction and a real target, element by element."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss import checks, regression
from jaxloss.compat.arrays import cast, promoted, together

__all__ = ["huber_loss", "l2_loss", "log_cosh", "squared_error"]


def squared_error(predictions: ArrayLike, targets: ArrayLike | None = None) -> Array:
    """Square of predictions minus targets; see `jaxloss.squared_error`.

    Example:
      >>> squared_error(jnp.array([1.0, 3.0]))
      Array([1., 9.], dtype=float32)
    """
    predictions, targets, dtype = _pair("squared_error", predictions, targets, equal=True)
    return cast(regression.squared_error(predictions, targets, reduction="none"), dtype)


def l2_loss(predictions: ArrayLike, targets: ArrayLike | None = None) -> Array:
    """Half the squared error; see `jaxloss.half_squared_error`."""
    predictions, targets, dtype = _pair("l2_loss", predictions, targets, equal=True)
    return cast(regression.half_squared_error(predictions, targets, reduction="none"), dtype)


def huber_loss(predictions: ArrayLike, targets: ArrayLike | None = None, *, delta: ArrayLike = 1.0) -> Array:
    """Half the squared error up to ``delta``, linear beyond; see `jaxloss.huber`. All three arrays broadcast."""
    predictions, targets, dtype = _pair("huber_loss", predictions, targets)
    dtype = promoted(jnp.zeros((), dtype), delta)
    predictions, targets, delta = together(predictions, targets, delta)
    return cast(regression.huber(predictions, targets, delta=delta, reduction="none"), dtype)


def log_cosh(predictions: ArrayLike, targets: ArrayLike | None = None) -> Array:
    """Logarithm of the hyperbolic cosine of the difference; see `jaxloss.log_cosh`."""
    predictions, targets, dtype = _pair("log_cosh", predictions, targets)
    return cast(regression.log_cosh(predictions, targets, reduction="none"), dtype)


def _pair(name: str, predictions: ArrayLike, targets: ArrayLike | None, *, equal: bool = False):
    """Predictions and targets of one shape, targets 0 where there are none, and the dtype of the result."""
    checks.floating(name, predictions=predictions)
    if targets is None:
        (predictions,) = together(given := jnp.asarray(predictions))
        return predictions, jnp.zeros_like(predictions), given.dtype
    if equal and jnp.shape(predictions) != jnp.shape(targets):
        raise ValueError(f"{name}: shape mismatch, got {jnp.shape(predictions)} and {jnp.shape(targets)}")
    return *together(predictions, targets), promoted(predictions, targets)
