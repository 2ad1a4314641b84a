"""`torch.nn.functional` losses of vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss import checks, numerics, regression
from jaxloss.compat.arrays import as_compute, cast, promoted, stretched, together
from jaxloss.compat.torch.reductions import Name, check_reduction, clamp_min, reduced

__all__ = ["cosine_embedding_loss", "triplet_margin_loss", "triplet_margin_with_distance_loss"]


def cosine_embedding_loss(
    input1: ArrayLike,
    input2: ArrayLike,
    target: ArrayLike,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """One minus the cosine for target 1, what it exceeds the margin by for -1; see `jaxloss.cosine_embedding`."""
    name = "cosine_embedding_loss"
    how = check_reduction(name, reduction, size_average, reduce)
    checks.floating(name, input1=input1, input2=input2)
    dtype = promoted(input1, input2)
    first, second = together(input1, input2)
    apart = regression.cosine_distance(first, second, reduction="none")
    cosine = regression.cosine_similarity(first, second, reduction="none")
    y, apart, cosine = stretched(jnp.asarray(target), apart, cosine)
    values = jnp.where(y == 1, apart, jnp.where(y == -1, clamp_min(cosine - margin), 0))
    return reduced(name, values, how, dtype)


def triplet_margin_loss(
    anchor: ArrayLike,
    positive: ArrayLike,
    negative: ArrayLike,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """By how much the positive fails to be nearer than the negative by the margin; see `jaxloss.triplet_margin`.

    ``eps`` is added to every difference, of which the p-norm is taken.
    """
    how = check_reduction("triplet_margin_loss", reduction, size_average, reduce)
    return _triplet("triplet_margin_loss", anchor, positive, negative, _distance(p, eps), margin, swap, how)


def triplet_margin_with_distance_loss(
    anchor: ArrayLike,
    positive: ArrayLike,
    negative: ArrayLike,
    *,
    distance_function: Callable[[Array, Array], Array] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Array:
    """`triplet_margin_loss` of any distance, a function of two arrays; by default Euclidean, with ``eps=1e-6``."""
    name = "triplet_margin_with_distance_loss"
    how = check_reduction(name, reduction)
    distance = _distance(2, 1e-6) if distance_function is None else distance_function
    return _triplet(name, anchor, positive, negative, distance, margin, swap, how)


def _distance(p: float, eps: float) -> Callable[[Array, Array], Array]:
    return lambda x, y: numerics.safe_norm(jnp.subtract(*stretched(x, y)) + eps, -1, ord=p)


def _triplet(
    name: str,
    anchor: ArrayLike,
    positive: ArrayLike,
    negative: ArrayLike,
    distance: Callable[[Array, Array], Any],
    margin: float,
    swap: bool,
    reduction: Name,
) -> Array:
    if isinstance(margin, int | float) and margin <= 0:
        raise ValueError(f"{name}: margin must be positive, got {margin}")
    ranks = tuple(jnp.ndim(x) for x in (anchor, positive, negative))
    if len(set(ranks)) > 1:
        raise ValueError(f"{name}: anchor, positive and negative must have as many axes, got {ranks}")
    checks.floating(name, anchor=anchor, positive=positive, negative=negative)
    dtype = promoted(anchor, positive, negative)
    a, p, n = as_compute(anchor, positive, negative)
    near, far = distance(a, p), distance(a, n)
    if swap:
        far = jnp.minimum(*stretched(far, distance(p, n)))
    near, far = stretched(near, far)
    return cast(reduced(name, clamp_min(margin + (near - far)), reduction, dtype), dtype)
