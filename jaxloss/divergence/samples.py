"""What divergences of samples have in common: two sets of points, of which some may not exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike

from jaxloss import checks, reduce
from jaxloss.numerics.elementary import one_dispatch, power_of_two
from jaxloss.reduce import Reduction

__all__ = ["Samples", "compare", "distances", "squared_distances"]


class Samples(NamedTuple):
    """Samples of two sets; what does not exist is 0."""

    x: Array
    y: Array
    has_x: Array | None
    """Which samples of x exist, without the feature axis; None: all."""
    has_y: Array | None


def compare(
    name: str,
    x: ArrayLike,
    y: ArrayLike,
    formula: Callable[[Samples], Array],
    *,
    features: int = 1,
    where_x: ArrayLike | None,
    where_y: ArrayLike | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    reduction: Reduction,
) -> Any:
    """Check and mask two sets of samples, apply the formula to them and reduce its values; 0 for an empty set.

    ``features`` is the number of axes of a sample, 0 or 1.
    """
    x, y = checks.floating(name, x=x, y=y)
    least = 1 + features
    if min(x.ndim, y.ndim) < least:
        axes = "samples and features" if features else "samples"
        raise ValueError(f"{name}: x and y must have axes of {axes}, got shapes {x.shape} and {y.shape}")
    pairs = x.shape[: x.ndim - least]
    if y.shape[: y.ndim - least] != pairs or x.shape[x.ndim - features :] != y.shape[y.ndim - features :]:
        what = "the axis of samples, the third last" if features > 1 else "the axis of samples"
        raise ValueError(f"{name}: x and y may differ in {what} alone, got {x.shape} and {y.shape}")
    has_x, has_y = (
        _exists(name, argument, members, where, pairs, len(pairs), data.shape)
        for argument, members, data in (("where_x", where_x, x), ("where_y", where_y, y))
    )
    x, y = (reduce.keep(name, has, data, axis=-1 if features else None) for has, data in ((has_x, x), (has_y, y)))
    if 0 in (x.shape[len(pairs)], y.shape[len(pairs)]):
        values = jnp.zeros(pairs, x.dtype)
    else:
        values = formula(Samples(x, y, has_x, has_y))
        for has in (has_x, has_y):
            if has is not None:
                values = jnp.where(jnp.any(has, -1), values, 0)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def _exists(
    name: str, argument: str, members: Any, where: Any, pairs: tuple[int, ...], axis: int, shape: tuple[int, ...]
) -> Array | None:
    """Which samples exist: those of ``members``, in the pairs of sets of ``where``; None for all."""
    if members is None and where is None:
        return None
    one = jnp.ones((), jnp.float32)
    # What `keep` keeps of ones is what exists, after its checks.
    own = reduce.keep(f"{name} ({argument})", members, jnp.broadcast_to(one, shape[: axis + 1]))
    event = reduce.keep(name, where, jnp.broadcast_to(one, pairs))
    return (own * event[..., None]) != 0


@one_dispatch
def squared_distances(x: Array, y: Array) -> Array:
    """The squared distance of every sample of x from every sample of y.

    Feature by feature: from differences, of which no digits are lost as in |x|^2 + |y|^2 - 2 x y, and without an array
    of all of them, which XLA:CPU stores (1024 samples with 64 features each: 268 MB).
    """
    rows, columns = jnp.moveaxis(x, -1, 0)[..., :, None], jnp.moveaxis(y, -1, 0)[..., None, :]
    square = jax.checkpoint(lambda u, v: (u - v) ** 2)  # what the gradient needs again is the samples
    if not len(rows):
        return jnp.zeros((*x.shape[:-1], y.shape[-2]), x.dtype)
    unrolled = min(len(rows), 4)  # a loop takes longer to compile
    total = square(rows[0], columns[0])
    for k in range(1, unrolled):
        total += square(rows[k], columns[k])
    if len(rows) == unrolled:
        return total
    return lax.scan(lambda total, pair: (total + square(*pair), None), total, (rows[unrolled:], columns[unrolled:]))[0]


def distances(x: Array, y: Array) -> Array:
    """The distance of every sample of x from every sample of y, of any magnitude; gradient 0 where they coincide."""
    largest = lambda z: jnp.max(jnp.abs(z), (-2, -1), keepdims=True, initial=0)
    return _distances(x, y, lax.stop_gradient(power_of_two(jnp.maximum(largest(x), largest(y)))))


def _lengths(x: Array, y: Array) -> Array:
    squares = squared_distances(x, y)
    apart = squares != 0
    return jnp.where(apart, jnp.sqrt(jnp.where(apart, squares, 1)), 0)


# d|s x - s y| / s is the derivative of |x' - y'| at x' = s x along dx, without s. As a product with s, and later with
# 1/s, the cotangent of a mean would underflow: that of 2^20 distances of 1e-15, over s and the distance times s, is
# 1e-39.
@jax.custom_jvp
def _distances(x: Array, y: Array, scale: Array) -> Array:
    return _lengths(x * scale, y * scale) * (1 / scale)


def _distances_jvp(primals: tuple, tangents: tuple) -> tuple:
    x, y, scale = primals
    moving = [not isinstance(tangent, SymbolicZero) for tangent in tangents[:2]]
    scaled = [x * scale, y * scale]
    put = lambda free: _lengths(*(next(free) if moves else z for moves, z in zip(moving, scaled, strict=True)))
    free = tuple(z for moves, z in zip(moving, scaled, strict=True) if moves)
    along = tuple(tangent for moves, tangent in zip(moving, tangents, strict=False) if moves)
    lengths, change = jax.jvp(lambda *free: put(iter(free)), free, along)
    return lengths * (1 / scale), change


_distances.defjvp(_distances_jvp, symbolic_zeros=True)
