"""The reductions of the classes of Keras: what is divided by what when there are weights and masks."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

__all__ = ["REDUCTIONS", "reduce_weighted_values", "sum_over_batch_size"]

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None)


def sum_over_batch_size(values: Array, weights: Array) -> Array:
    """Keras' mean: the sum of the weighted values over their number, for the ``reduction=`` of every loss here.

    Example:
      >>> from jaxloss import squared_error
      >>> x, weights = jnp.array([1.0, 3.0]), jnp.array([1.0, 0.0])
      >>> squared_error(x, jnp.zeros(2), weights=weights, reduction=sum_over_batch_size)
      Array(0.5, dtype=float32)
      >>> squared_error(x, jnp.zeros(2), weights=weights)
      Array(1., dtype=float32)
    """
    return jnp.sum(values * weights) / max(values.size, 1)


def reduce_weighted_values(
    values: ArrayLike,
    sample_weight: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reduction: str | None = "sum_over_batch_size",
) -> Array:
    r"""Weight, mask and reduce values as the classes of Keras do.

    =============================  ==================================================
    ``"sum_over_batch_size"``      :math:`\sum w v / N`; with a mask, / the number that is left
    ``"mean"``                     the same
    ``"mean_with_sample_weight"``  :math:`\sum w v / \sum w`, the mean of this library
    ``"sum"``                      :math:`\sum w v`
    ``"none"`` or None             :math:`w v`; where masked 0
    =============================  ==================================================

    Weights and mask have the first axes of the values, or one more of size 1. What is masked may be NaN, unlike there.

    Args:
      values: unreduced.
      sample_weight: real.
      mask: True for what counts.
      reduction: as in the table.
    Returns: a scalar, or an array of the shape of the values for None; where there is nothing, 0.
    Example:
      >>> reduce_weighted_values(jnp.array([1.0, 2.0, 6.0]), jnp.array([1.0, 2.0, 1.0]), jnp.array([True, True, False]))
      Array(2.5, dtype=float32)
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be one of {', '.join(map(repr, REDUCTIONS))}, got {reduction!r}")
    values = jnp.asarray(values)
    weights, count, divisor = None, values.size, None
    if mask is not None:
        mask = _like(jnp.asarray(mask).astype(bool), values, "mask")
        values = jnp.where(mask, values, 0)
        weights = mask.astype(values.dtype)
        count = jnp.sum(weights) * (values.size / max(mask.size, 1))
    if sample_weight is not None:
        given = _like(jnp.asarray(sample_weight).astype(values.dtype), values, "sample_weight")
        values = values * given
        weights = given if weights is None else given * weights
    if reduction in ("none", None):
        return values
    total = jnp.sum(values)
    if reduction == "sum":
        return total
    divisor = jnp.asarray(count, values.dtype)
    if reduction == "mean_with_sample_weight" and weights is not None:
        divisor = jnp.sum(jnp.broadcast_to(weights, values.shape))
    return jnp.where(divisor == 0, 0, total / jnp.where(divisor == 0, 1, divisor))


def _like(array: Array, values: Array, what: str) -> Array:
    """Give weights or a mask the rank of the values."""
    shape = array.shape[:-1] if array.ndim == values.ndim + 1 and array.shape[-1] == 1 else array.shape
    shape += (1,) * (values.ndim - len(shape))
    if len(shape) != values.ndim or any(a not in (1, b) for a, b in zip(shape, values.shape, strict=True)):
        raise ValueError(f"{what} must have the first axes of the values {values.shape}, got {array.shape}")
    return array.reshape(shape)
