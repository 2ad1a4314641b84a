"""How Keras reads its arguments: the targets in the dtype of the predictions, ranks evened out, masks attached."""

from __future__ import annotations

import sys
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss import checks

__all__ = ["EPSILON", "attach_mask", "attached_mask", "clip", "pair", "same_rank"]

EPSILON = 1e-7  # keras.config.epsilon() unless someone changes it


def pair(name: str, y_true: ArrayLike, y_pred: ArrayLike, *, broadcast: bool = False) -> tuple[Array, Array]:
    """Return both in the compute dtype of the predictions, of equal shapes; ``broadcast``: after the rules of NumPy.

    Keras takes predictions of integers too, of which it makes floats.
    """
    dtype = checks.compute_dtype(jnp.asarray(y_pred))
    (predictions,) = checks.real(name, dtype, y_pred=y_pred)
    (targets,) = checks.real(name, predictions.dtype, y_true=y_true)
    if broadcast:
        targets, predictions = jnp.broadcast_arrays(*same_rank(targets, predictions))
    checks.same_shape(name, y_true=targets, y_pred=predictions)
    return targets, predictions


def same_rank(x: Array, y: Array) -> tuple[Array, Array]:
    """Add or drop a last axis of size 1 where the number of axes differs by one."""
    if x.ndim == y.ndim + 1 and x.shape[-1] == 1:
        return (x, y[:, None]) if y.ndim == 1 else (x[..., 0], y)
    if y.ndim == x.ndim + 1 and y.shape[-1] == 1:
        return (x[:, None], y) if x.ndim == 1 else (x, y[..., 0])
    return x, y


def clip(p: Array) -> Array:
    """Probabilities between EPSILON and 1 - EPSILON, with no gradient beyond."""
    return jnp.clip(p, EPSILON, 1 - EPSILON)


def attach_mask(values: Array, mask: Array) -> Array:
    """Tell the classes of Keras which values count, as its own functions do."""
    if sys.modules.get("keras") is not None:
        from keras.src import backend

        backend.set_keras_mask(values, mask)
    return values


def attached_mask(x: Any) -> Array | None:
    """The mask that Keras attached to the output of a layer."""
    if sys.modules.get("keras") is None:
        return None
    from keras.src import backend

    return backend.get_keras_mask(x)
