"""What the losses of PyTorch do around their formulas: promote, broadcast, weight and reduce."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike, DTypeLike

from jaxloss import checks, reduce
from jaxloss.compat.arrays import cast, promoted, together

__all__ = ["Name", "check_reduction", "clamp_min", "pair", "reduced"]

Name = Literal["mean", "sum", "none"]


def check_reduction(name: str, reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> Name:
    """Return the reduction that the arguments ask for, of which the last two are PyTorch's old way to say it."""
    if size_average is not None or reduce is not None:
        reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
        message = f"{name}: size_average and reduce are deprecated, please use reduction={reduction!r} instead"
        warnings.warn(message, stacklevel=3)
    named: Any = checks.choice(name, "reduction", reduction, ("mean", "sum", "none"))
    return named


def pair(name: str, predictions: ArrayLike, targets: ArrayLike) -> tuple[Array, Array, Any]:
    """Return predictions and real targets broadcast to one shape, and the dtype of the result."""
    checks.floating(name, input=predictions)
    dtype = promoted(predictions, targets)
    predictions, targets = together(predictions, targets)
    return predictions, targets, dtype


def reduced(name: str, values: Array, reduction: Name, dtype: DTypeLike, weight: ArrayLike | None = None) -> Array:
    """Return the values times their weight, reduced: the mean is over how many there are, 0 over none."""
    if weight is not None:
        dtype = promoted(jnp.zeros((), dtype), weight)
        values = jnp.multiply(*together(values, weight))
    return cast(reduce.apply(name, values, reduction=reduction), dtype)


def clamp_min(values: Array) -> Array:
    """Return max(values, 0), with slope 1 at 0, as `torch.clamp_min` has it."""
    return jnp.where(values < 0, 0, values)
