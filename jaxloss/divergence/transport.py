"""Wasserstein distances of samples on a line, and of samples in space by their projections to lines."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics
from jaxloss.divergence.samples import Samples, compare
from jaxloss.reduce import Reduction

__all__ = ["sliced_wasserstein", "wasserstein_1d"]


def wasserstein_1d(
    x: Float[ArrayLike, "*pairs n"],
    y: Float[ArrayLike, "*pairs m"],
    *,
    p: float = 1,
    where_x: Bool[ArrayLike, "..."] | None = None,
    where_y: Bool[ArrayLike, "..."] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Wasserstein distance of two sets of numbers, to the power p: what it costs to move the one to the other.

    .. math::  \ell = \int_0^1 |F_x^{-1}(u) - F_y^{-1}(u)|^p \, du

    The quantile functions are steps, of as many values as there are samples. For p = 1 it is the area between the two
    cumulative distributions, and the distance itself; for p > 1 the power, as the root has an infinite slope where the
    sets are equal.

    Args:
      x: real array, samples on the last axis.
      y: array of the same shape but for the number of samples.
      p: at least 1.
      where_x: boolean, which samples of x exist, of its shape.
      where_y: likewise for y.
      where, weights, reduction: of the pairs of sets, see :doc:`/reductions`.
    Returns: a scalar, or one value per pair of sets with ``reduction="none"``, in units of the samples to the power p;
      0 for an empty set. Time is that of sorting the samples.
    Raises: ValueError for shapes that do not fit or p < 1, TypeError for integers.
    Example:
      >>> wasserstein_1d(jnp.array([0.0, 1.0, 3.0]), jnp.array([5.0, 6.0, 8.0]))
      Array(5., dtype=float32)
    References: Vallender (1974), Calculation of the Wasserstein distance, doi:10.1137/1118101.
    """
    power = checks.parameter("wasserstein_1d", "p", p, jax.ShapeDtypeStruct((), jnp.float32), minimum=1)
    return compare(
        "wasserstein_1d",
        x,
        y,
        lambda samples: _between_quantiles("wasserstein_1d", samples, power),
        features=0,
        where_x=where_x,
        where_y=where_y,
        where=where,
        weights=weights,
        reduction=reduction,
    )


def sliced_wasserstein(
    x: Float[ArrayLike, "*pairs n features"],
    y: Float[ArrayLike, "*pairs m features"],
    *,
    key: Any,
    projections: int = 64,
    p: float = 2,
    where_x: Bool[ArrayLike, "..."] | None = None,
    where_y: Bool[ArrayLike, "..."] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Mean of the `wasserstein_1d` of two sets of samples, seen from random directions.

    .. math::  \ell = \frac1L \sum_{l=1}^L W_p^p(\langle \theta_l, x \rangle, \langle \theta_l, y \rangle), \qquad
               \|\theta_l\| = 1

    An estimate of the mean over all directions, which it tends to with the number L of projections; take a new key in
    every step. It costs two sorts for each projection where a transport plan costs n m.

    Args:
      x: real array, samples on the second to last axis, features on the last.
      y: array of the same shape but for the number of samples.
      key: of ``jax.random``; one key gives the same directions for all pairs of sets, in every precision.
      projections: L, their number.
      p: at least 1.
      where_x: boolean, which samples of x exist, of the shape of x without the last axis.
      where_y: likewise for y.
      where, weights, reduction: of the pairs of sets, see :doc:`/reductions`.
    Returns: a scalar, or one value per pair of sets with ``reduction="none"``, in units of the features to the power p;
      0 for an empty set.
    Raises: ValueError for shapes that do not fit, p < 1 or no projections, TypeError for integers.
    Example:
      >>> x = jnp.array([[0.0], [1.0], [3.0]])
      >>> sliced_wasserstein(x, x + 5, key=jax.random.key(0), p=1)
      Array(5., dtype=float32)
    References: Bonneel et al. (2015), Sliced and Radon Wasserstein barycenters, doi:10.1007/s10851-014-0506-3.
    """
    name = "sliced_wasserstein"
    power = checks.parameter(name, "p", p, jax.ShapeDtypeStruct((), jnp.float32), minimum=1)
    if projections < 1:
        raise ValueError(f"{name}: projections must be at least 1, got {projections}")

    def formula(samples: Samples) -> Array:
        features = samples.x.shape[-1]
        drawn = jax.random.normal(key, (projections, features), jnp.float32)
        directions = numerics.normalize(drawn.astype(samples.x.dtype), -1)
        project = lambda z: jnp.einsum("...nd,ld->...ln", z, directions, precision=lax.Precision.HIGHEST)
        of_each = lambda has: None if has is None else has[..., None, :]
        x, y, has_x, has_y = samples
        on_lines = Samples(project(x), project(y), of_each(has_x), of_each(has_y))
        return jnp.mean(_between_quantiles(name, on_lines, power), -1)

    return compare(
        name, x, y, formula, where_x=where_x, where_y=where_y, where=where, weights=weights, reduction=reduction
    )


def _between_quantiles(name: str, samples: Samples, p: Any) -> Array:
    """The integral of the difference of the quantile functions to the power p."""
    x, y, has_x, has_y = samples
    n, m = x.shape[-1], y.shape[-1]
    if has_x is None and has_y is None:
        x, y = jnp.sort(x, -1), jnp.sort(y, -1)
        if n == m:
            return jnp.mean(_power(x - y, p), -1)
        of_x, of_y, width = _steps(np, np.array([n]), np.array([m]), n, m)
        width = jnp.asarray(width / (n * m), x.dtype).reshape((1,) * (x.ndim - 1) + width.shape)
        return jnp.sum(_power(x[..., of_x] - y[..., of_y], p) * width, -1)
    if n * m >= 2**31:
        raise ValueError(f"{name}: with a mask, n times m must be below 2**31, got {n} and {m} samples")
    x, x_count = _sorted(x, has_x)
    y, y_count = _sorted(y, has_y)
    of_x, of_y, width = _steps(jnp, x_count, y_count, n, m)
    gaps = jnp.take_along_axis(x, of_x, -1) - jnp.take_along_axis(y, of_y, -1)
    share = width.astype(x.dtype) / jnp.maximum(x_count * y_count, 1).astype(x.dtype)
    return jnp.sum(_power(gaps, p) * share, -1)


def _sorted(x: Array, has: Array | None) -> tuple[Array, Array]:
    """Return the samples that exist in ascending order, zeros behind them, and their number as an axis of size 1."""
    n = x.shape[-1]
    if has is None:
        return jnp.sort(x, -1), jnp.full((*x.shape[:-1], 1), n, jnp.int32)
    has = jnp.broadcast_to(has, x.shape)
    count = jnp.sum(has, -1, keepdims=True, dtype=jnp.int32)
    ordered = jnp.sort(jnp.where(has, x, jnp.inf), -1)
    return jnp.where(lax.broadcasted_iota(jnp.int32, x.shape, x.ndim - 1) < count, ordered, 0), count


def _steps(xp: Any, n: Any, m: Any, most_n: int, most_m: int) -> tuple[Any, Any, Any]:
    """Where one of two quantile functions steps: the places of the two samples in each interval, and its width.

    n and m samples step at i/n and j/m. In units of 1 / (n m) these are integers, and no rounding decides which samples
    meet. Places beyond n and m, of ``most_n`` and ``most_m``, have no width.
    """
    kind = np.int64 if xp is np else jnp.int32
    n, m = n.astype(kind), m.astype(kind)
    count = lambda most: xp.arange(1, most + 1, dtype=kind).reshape((1,) * (n.ndim - 1) + (most,))
    ends = xp.concatenate([xp.minimum(count(most_n) * m, n * m), xp.minimum(count(most_m) * n, n * m)], -1)
    ends = xp.sort(ends, -1)
    starts = xp.concatenate([xp.zeros_like(ends[..., :1]), ends[..., :-1]], -1)
    place = lambda step, most: xp.minimum(starts // xp.maximum(step, 1), most - 1)
    return place(m, most_n), place(n, most_m), ends - starts


def _power(gaps: Array, p: Any) -> Array:
    """Return |gap|^p."""
    if isinstance(p, int | float) and p == 1:
        return jnp.abs(gaps)
    if isinstance(p, int | float) and p == 2:
        return gaps * gaps
    return numerics.power(jnp.abs(gaps), p)
