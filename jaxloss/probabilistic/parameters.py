"""What predicted distributions have in common: data with parameters that may be learned numbers or predicted arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss import checks, reduce

__all__ = ["predicted", "spread_of"]


def predicted(
    name: str,
    where: ArrayLike | None,
    data: dict[str, ArrayLike],
    parameters: Mapping[str, tuple[Any, Mapping[str, float]]],
    *,
    fill: float = 1.0,
) -> list[Array]:
    """Return floating point predictions, real targets (the last of ``data``) and parameters, of one shape and masked.

    ``parameters`` are numbers or arrays that stretch to that shape, with the bounds of `checks.parameter`; what is
    masked becomes ``fill``, where every density is finite.
    """
    *names, last = data
    dtype = checks.compute_dtype(*data.values(), *(v for v, _ in parameters.values() if hasattr(v, "dtype")))
    arrays = dict(zip(names, checks.floating(name, **{key: data[key] for key in names}), strict=True))
    arrays = {key: array.astype(dtype) for key, array in arrays.items()}
    (arrays[last],) = checks.real(name, dtype, **{last: data[last]})
    checks.same_shape(name, **arrays)
    like = arrays[last]
    stretched = (
        jnp.broadcast_to(jnp.asarray(checks.parameter(name, key, value, like, **bounds), dtype), like.shape)
        for key, (value, bounds) in parameters.items()
    )
    everything = (*arrays.values(), *stretched)
    kept = reduce.keep(name, where, *everything, fill=fill)
    return list(kept) if len(everything) > 1 else [kept]


def spread_of(name: str, **options: Any) -> tuple[str, Any]:
    """Return the one option that is given, and its name."""
    given = {key: value for key, value in options.items() if value is not None}
    if len(given) != 1:
        came = f"got {' and '.join(given)}" if given else "got none"
        raise ValueError(f"{name}: exactly one of {', '.join(options)} must be given, {came}")
    return next(iter(given.items()))
