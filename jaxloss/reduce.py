"""Masks, weights and reductions: the seam that every loss hangs on.

A loss calls `keep` before its formula, so that what is masked never meets the formula, and `apply` after it::

    predictions, targets = checks.real_pair("my_loss", predictions, targets)
    predictions, targets = reduce.keep("my_loss", where, predictions, targets)
    values = ...
    return reduce.apply("my_loss", values, where=where, weights=weights, reduction=reduction)

Masking after the formula is not enough: the gradient of ``jnp.where(mask, f(x), 0)`` at a masked NaN is NaN, because
it is 0 times the NaN derivative of ``f``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from jaxloss.checks import _array, _cast, _stretches
from jaxloss.numerics.elementary import one_dispatch

__all__ = ["Reduction", "apply", "coefficients", "except_label", "keep", "mean", "scale_weights", "total"]

Reduction = Literal["mean", "sum", "none"] | Callable[[Array, Array], Any]
"""How the unreduced values of a loss become its result: a name, or a function of ``(values, weights)``."""


def keep(name: str, where: ArrayLike | None, *arrays: Array, axis: int | None = None, fill: float = 0) -> Any:
    """Replace what is masked by ``fill``, so that it reaches neither the value nor the gradient of what follows.

    Args:
      name: the loss that calls, for its errors.
      where: boolean, True for what exists; a scalar, or as many axes as the unreduced loss; None keeps everything.
      *arrays: arrays of one shape: that of the unreduced loss or, with ``axis``, rows of it along that axis.
      axis: the axis that the loss reduces (classes, features), negative; None for an elementwise loss.
      fill: where the formula and its derivatives are finite.

    Returns: the array, or a tuple when several came. It can be differentiated but, being no linear function to jax,
    not transposed: for the tangents in a JVP rule of your own take ``jnp.where``.
    """
    if where is not None:
        shape = arrays[0].shape
        if axis is not None:
            shape = shape[: len(shape) + axis] + shape[len(shape) + axis + 1 :]
        where = _mask(name, where, shape)
        if axis is not None and where.ndim:
            where = jnp.expand_dims(where, axis)
        arrays = tuple(_choose(where, array, fill) for array in arrays)
    return arrays if len(arrays) > 1 else arrays[0]


def except_label(where: ArrayLike | None, labels: Array, ignore_index: int | None) -> ArrayLike | None:
    """Return ``where`` without the rows whose label is ``ignore_index``."""
    if ignore_index is None:
        return where
    kept = labels != ignore_index
    return kept if where is None else jnp.asarray(where) & kept


def scale_weights(weights: ArrayLike | None, factors: Array) -> Array:
    """Return the weights times ``factors`` of the unreduced shape: how class weights become weights of rows."""
    return factors if weights is None else jnp.asarray(weights).astype(factors.dtype) * factors


def apply(
    name: str,
    values: Array,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Weight and reduce the values of a loss.

    ``"mean"`` is :math:`\sum_i w_i v_i / \sum_i w_i` over what exists, ``"sum"`` :math:`\sum_i w_i v_i`, ``"none"``
    :math:`w_i v_i`, exactly 0 where masked; a function receives ``(values, weights)``, both of the unreduced shape and
    0 where masked. Nothing left gives 0 with zero gradient.

        >>> values = jnp.array([1.0, 2.0, 6.0])
        >>> apply("my_loss", values, where=jnp.array([True, True, False]))
        Array(1.5, dtype=float32)
        >>> apply("my_loss", values, weights=jnp.array([1.0, 0.0, 3.0]))
        Array(4.75, dtype=float32)

    Args:
      name: the loss that calls, for its errors.
      values: the unreduced loss.
      where: boolean, scalar or with as many axes as ``values`` (axes of size 1 stretch).
      weights: real, likewise: each value counts that often.
      reduction: "mean", "sum", "none" or a function of ``(values, weights)``.
    Raises: ValueError for an unknown reduction or a shape that does not fit, TypeError for a mask that is not boolean.
    """
    _check_reduction(name, reduction)
    effective: Any = _effective_weights(name, values, where, weights)
    if where is not None:
        values = jnp.where(_mask(name, where, values.shape), values, 0)
    if callable(reduction):
        ones = jnp.ones(values.shape, values.dtype)
        return reduction(values, ones if effective is None else jnp.broadcast_to(effective, values.shape))
    # What is masked is 0 already: without weights there is nothing to multiply.
    weighted = values if weights is None else values * effective
    if reduction == "mean":
        return _ratio(weighted, effective)
    return jnp.sum(weighted) if reduction == "sum" else weighted


def coefficients(
    name: str,
    like: Array | jax.ShapeDtypeStruct,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array | None:
    """Return what each value counts in the reduced loss: ``sum(coefficients * values)`` is what `apply` makes of them.

    For a loss that sums its values while it makes them. ``like`` has the shape and dtype of the values. There are no
    coefficients, None, where the reduction needs the values: for ``"none"`` and for a function of them.
    """
    _check_reduction(name, reduction)
    effective = _effective_weights(name, like, where, weights)
    if callable(reduction) or reduction == "none":
        return None
    effective = jnp.broadcast_to(jnp.ones((), like.dtype) if effective is None else effective, like.shape)
    if reduction == "sum":
        return effective
    denominator = jnp.sum(effective)
    return effective / jnp.where(denominator == 0, jnp.inf, denominator)


def total(values: Array, weights: Array | None = None) -> Array:
    """Return the sum of ``weights * values``."""
    return jnp.sum(values if weights is None else values * weights)


def mean(values: Array, weights: Array | None = None) -> Array:
    """Return the sum of ``weights * values`` over the sum of the weights, 0 when these sum to 0.

    A mean that is representable does not overflow on the way, for up to 4096 values: four of 2e38 sum to inf.
    """
    return _ratio(values if weights is None else values * weights, weights)


@one_dispatch
def _ratio(weighted: Array, weights: Array | None) -> Array:
    """Sum of the weighted values over the sum of the weights (None: how many there are)."""
    # A power of two, so that the scaling is exact. Many values are not scaled: a product inside the sum costs XLA:CPU
    # half as much again (value and gradient of a binary cross-entropy at 2**20: 1.5 against 1.0 ms).
    size = weighted.size
    scale = 2.0 ** -math.ceil(math.log2(max(size, 1))) if size <= 4096 else None
    scaled = (lambda array: array) if scale is None else lambda array: array * scale
    if weights is None:
        return jnp.sum(scaled(weighted)) / max(size * (scale or 1), 0.5)
    denominator = jnp.sum(scaled(jnp.broadcast_to(weights, weighted.shape)))
    safe = jnp.where(denominator == 0, 1, denominator)
    return jnp.where(denominator == 0, 0, jnp.sum(scaled(weighted)) / safe)


def _choose(where: Array, array: Array, fill: float) -> Array:
    """Return ``jnp.where(where, array, fill)``, of floats by their bits."""
    if array.dtype not in (jnp.float32, jnp.float64):
        return jnp.where(where, array, jnp.asarray(fill, array.dtype))
    return _choose_bits(where, array, fill)


# XLA:CPU makes slow loops of a choice between floats: a masked sigmoid cross-entropy with its gradient (2**20) took
# 2.1 ms with ``jnp.where``, with a bitwise "and" 0.8. Like a choice, and unlike a product, it lets no NaN through.
@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _choose_bits(where: Array, array: Array, fill: float) -> Array:
    integer = jnp.int32 if array.dtype == jnp.float32 else jnp.int64
    ones = -where.astype(integer)  # all bits where True
    bits = lax.bitcast_convert_type(array, integer) & ones
    if fill:
        bits |= lax.bitcast_convert_type(jnp.asarray(fill, array.dtype), integer) & ~ones
    return lax.bitcast_convert_type(bits, array.dtype)


@_choose_bits.defjvp
def _(fill: float, primals: tuple[Array, Array], tangents: tuple[Any, Array]) -> tuple[Array, Array]:
    return _choose_bits(*primals, fill), jnp.where(primals[0], tangents[1], 0)


_choose_bits = one_dispatch(_choose_bits, static_argnums=2)


def _check_reduction(name: str, reduction: Reduction) -> None:
    if not callable(reduction) and reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"{name}: reduction must be 'mean', 'sum', 'none' or a function of (values, weights), got {reduction!r}"
        )


def _effective_weights(
    name: str, values: Array | jax.ShapeDtypeStruct, where: ArrayLike | None, weights: ArrayLike | None
) -> Array | None:
    """The weights with 0 where masked; None when everything counts once."""
    if weights is not None:
        weights = _weights(name, weights, values)
    if where is None:
        return weights  # pyrefly: ignore  (an array or None since `_weights`, which it cannot follow)
    return jnp.where(_mask(name, where, values.shape), jnp.ones((), values.dtype) if weights is None else weights, 0)


def _mask(name: str, where: ArrayLike, shape: tuple[int, ...]) -> Array:
    where = _array(name, "where", where)
    if where.dtype != jnp.bool_:
        raise TypeError(f"{name}: where must be boolean, got {where.dtype}; real weights go to weights=")
    _check_stretches(name, "where", where.shape, shape)
    return where


def _weights(name: str, weights: ArrayLike, values: Array | jax.ShapeDtypeStruct) -> Array:
    weights = _array(name, "weights", weights)
    if weights.dtype == jnp.bool_ or jnp.issubdtype(weights.dtype, jnp.complexfloating):
        raise TypeError(f"{name}: weights must be real numbers, got {weights.dtype}; a mask goes to where=")
    _check_stretches(name, "weights", weights.shape, values.shape)
    return _cast(weights, values.dtype)


def _check_stretches(name: str, argument: str, shape: tuple[int, ...], target: tuple[int, ...]) -> None:
    if shape and not _stretches(shape, target):
        raise ValueError(
            f"{name}: {argument} must be a scalar or have {len(target)} axes that match or stretch to {target}, "
            f"the shape of the unreduced loss; got {shape}"
        )
