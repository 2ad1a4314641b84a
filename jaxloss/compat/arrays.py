"""What other libraries do to their arguments before a formula: promote dtypes, broadcast shapes, reduce over axes.

Our own losses refuse what does not fit; these functions let it broadcast, as the library that is followed does.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike, DTypeLike

from jaxloss import checks

__all__ = [
    "Axis",
    "as_compute",
    "axes_of",
    "cast",
    "classes_last",
    "default_float",
    "promoted",
    "stretched",
    "together",
]

Axis = int | tuple[int, ...] | None


def promoted(*arrays: Any) -> Any:
    """Return the dtype that arithmetic of the arrays gives, under any setting of `jax_numpy_dtype_promotion`."""
    with jax.numpy_dtype_promotion("standard"):
        return jnp.result_type(*arrays)


def default_float() -> Any:
    """Return the dtype that jax gives floats: float64 with x64, else float32."""
    return jnp.result_type(float)


def cast(values: Array, dtype: DTypeLike) -> Array:
    """Return the values in that dtype."""
    return values if values.dtype == dtype else values.astype(dtype)


def as_compute(*arrays: ArrayLike) -> tuple[Array, ...]:
    """Return real arrays in one dtype to compute in: float64 if any of them is, else float32."""
    converted = [jnp.asarray(array) for array in arrays]
    return tuple(cast(array, checks.compute_dtype(*converted)) for array in converted)


def together(*arrays: ArrayLike) -> tuple[Array, ...]:
    """Return real arrays broadcast to one shape, in one dtype to compute in."""
    return stretched(*as_compute(*arrays))


def stretched(*arrays: Array) -> tuple[Array, ...]:
    """Return the arrays broadcast to one shape, under any setting of `jax_numpy_rank_promotion`."""
    shape = jnp.broadcast_shapes(*(array.shape for array in arrays))
    return tuple(array if array.shape == shape else jnp.broadcast_to(array, shape) for array in arrays)


def axes_of(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Return the axes as numbers from 0, in the order in which they were given; None for all.

    Raises: ValueError for an axis that is not there.
    """
    axes = tuple(range(ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    if any(not -ndim <= a < ndim for a in axes):
        raise ValueError(f"axis {axis} is out of bounds for an array of dimension {ndim}")
    return tuple(a % ndim for a in axes)


def classes_last(axes: tuple[int, ...], *arrays: Array) -> tuple[Array, ...]:
    """Return arrays of one shape with those axes, in that order, as one last axis."""
    ndim = arrays[0].ndim
    if axes == (ndim - 1,):
        return arrays
    batch = tuple(a for a in range(ndim) if a not in axes)
    size = math.prod(arrays[0].shape[a] for a in axes)
    rows = tuple(arrays[0].shape[a] for a in batch)
    return tuple(array.transpose(*batch, *axes).reshape(*rows, size) for array in arrays)
