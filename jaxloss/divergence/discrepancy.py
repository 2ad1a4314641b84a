"""Divergences of samples that compare distances between the sets with distances within them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics
from jaxloss.divergence.samples import Samples, compare, distances, squared_distances
from jaxloss.numerics.elementary import power_of_two
from jaxloss.reduce import Reduction

__all__ = ["energy_distance", "mmd"]


def mmd(
    x: Float[ArrayLike, "*pairs n features"],
    y: Float[ArrayLike, "*pairs m features"],
    *,
    bandwidths: float | Sequence[float] | Float[ArrayLike, "kernels"] = 1.0,
    kernel: Literal["gaussian", "laplace"] = "gaussian",
    unbiased: bool = False,
    where_x: Bool[ArrayLike, "..."] | None = None,
    where_y: Bool[ArrayLike, "..."] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Squared maximum mean discrepancy of two sets of samples: do they come from one distribution?

    .. math::  \ell = \overline{k(x, x')} + \overline{k(y, y')} - 2 \, \overline{k(x, y)}, \qquad
               k(a, b) = \frac1K \sum_\sigma e^{-\|a - b\|^2 / (2 \sigma^2)} \ \text{ or } \
               \frac1K \sum_\sigma e^{-\|a - b\| / \sigma}

    The bars are means over all pairs. With ``unbiased``, those within a set leave out the pairs of a sample with
    itself: the expectation is then that of the distributions, and a single value may be negative. A kernel sees
    differences of the order of its bandwidth, so that one takes several: 1/2, 1 and 2 times the median distance. It is
    computed from 1 - k: a bandwidth far above the distances costs no digits.

    Args:
      x: real array, samples on the second to last axis, features on the last.
      y: array of the same shape but for the number of samples.
      bandwidths: one or several positive numbers, in the units of the features; may be learned.
      kernel: "gaussian" or "laplace".
      unbiased: whether to leave out the pairs of a sample with itself.
      where_x: boolean, which samples of x exist, of the shape of x without the last axis.
      where_y: likewise for y.
      where, weights, reduction: of the pairs of sets, see :doc:`/reductions`.
    Returns: a scalar, or one value per pair of sets with ``reduction="none"``; 0 for an empty set. Time is n m times
      the features, memory n m.
    Raises: ValueError for shapes that do not fit or a bandwidth that is not positive, TypeError for integers.
    Example:
      >>> x = jnp.array([[0.0], [1.0]])
      >>> mmd(x, x + 1, bandwidths=(0.5, 1.0, 2.0))
      Array(0.44389293, dtype=float32)
    References: Gretton et al. (2012), A kernel two-sample test, JMLR 13.
    """
    checks.choice("mmd", "kernel", kernel, ("gaussian", "laplace"))
    widths = _bandwidths(bandwidths, checks.compute_dtype(x, y))
    distance = functools.partial({"gaussian": _gaussian, "laplace": _laplace}[kernel], widths)
    return compare(
        "mmd",
        x,
        y,
        lambda samples: _discrepancy(distance, samples, unbiased=unbiased),
        where_x=where_x,
        where_y=where_y,
        where=where,
        weights=weights,
        reduction=reduction,
    )


def energy_distance(
    x: Float[ArrayLike, "*pairs n features"],
    y: Float[ArrayLike, "*pairs m features"],
    *,
    unbiased: bool = False,
    where_x: Bool[ArrayLike, "..."] | None = None,
    where_y: Bool[ArrayLike, "..."] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Energy distance of two sets of samples: `mmd` without a bandwidth to choose.

    .. math::  \ell = 2 \, \overline{\|x - y\|} - \overline{\|x - x'\|} - \overline{\|y - y'\|}

    The bars are means over all pairs. With ``unbiased``, those within a set leave out the pairs of a sample with
    itself: the expectation is then that of the distributions, and a single value may be negative. Points that coincide
    have the subgradient 0.

    Args:
      x: real array, samples on the second to last axis, features on the last.
      y: array of the same shape but for the number of samples.
      unbiased: whether to leave out the pairs of a sample with itself.
      where_x: boolean, which samples of x exist, of the shape of x without the last axis.
      where_y: likewise for y.
      where, weights, reduction: of the pairs of sets, see :doc:`/reductions`.
    Returns: a scalar, or one value per pair of sets with ``reduction="none"``, in units of the features; 0 for an empty
      set. Some define the root of it, as SciPy does. Time is n m times the features, memory n m.
    Raises: ValueError for shapes that do not fit, TypeError for integers.
    Example:
      >>> x = jnp.array([[0.0], [1.0]])
      >>> energy_distance(x, x + 1)
      Array(1., dtype=float32)
    References: Székely and Rizzo (2013), Energy statistics, doi:10.1016/j.jspi.2013.03.018.
    """
    return compare(
        "energy_distance",
        x,
        y,
        lambda samples: _discrepancy(distances, samples, unbiased=unbiased),
        where_x=where_x,
        where_y=where_y,
        where=where,
        weights=weights,
        reduction=reduction,
    )


def _bandwidths(values: Any, dtype: Any) -> list[Any]:
    if not hasattr(values, "ndim"):
        values = values if isinstance(values, Sequence) else (values,)
    elif values.ndim > 1:
        raise ValueError(f"mmd: bandwidths must be a number or a row of them, got shape {values.shape}")
    else:
        values = [values[i] for i in range(len(values))] if values.ndim else [values]
    if not values:
        raise ValueError("mmd: bandwidths must not be empty")
    like = jax.ShapeDtypeStruct((), dtype)
    return [checks.parameter("mmd", "bandwidths", value, like, above=0) for value in values]


# As the constants of the kernel cancel, 1 - k takes its place: a distance between points, and the difference of the
# means is that of the energy distance.
def _discrepancy(distance: Callable[[Array, Array], Array], samples: Samples, *, unbiased: bool) -> Array:
    x, y, has_x, has_y = samples
    between = _mean(distance(x, y), has_x, has_y)
    within = (_mean(distance(z, z), has, has, distinct=unbiased) for z, has in ((x, has_x), (y, has_y)))
    return 2 * between - sum(within)


def _mean(values: Array, rows: Array | None, columns: Array | None, *, distinct: bool = False) -> Array:
    """The mean over the pairs that exist; of samples with others only if ``distinct``, for which the diagonal is 0."""
    n, m = values.shape[-2:]
    if rows is not None or columns is not None:
        lead = values.shape[:-2]
        rows = jnp.ones((*lead, n), bool) if rows is None else rows
        columns = jnp.ones((*lead, m), bool) if columns is None else columns
        values = jnp.where(rows[..., :, None] & columns[..., None, :], values, 0)
        n, m = (jnp.sum(has, -1, dtype=values.dtype)[..., None, None] for has in (rows, columns))
    # Divided before they are added, which keeps a mean that is representable.
    return jnp.sum(values / jnp.maximum(n * (m - int(distinct)), 1), (-2, -1))


def _gaussian(widths: list[Any], x: Array, y: Array) -> Array:
    # By a power of two near the first bandwidth, which rounds no difference.
    scale = lax.stop_gradient(power_of_two(jnp.asarray(widths[0], x.dtype)))
    halves = 0.5 * squared_distances(x * scale, y * scale)
    return sum(-numerics.expm1(-halves / (width * scale) ** 2) for width in widths) / len(widths)


def _laplace(widths: list[Any], x: Array, y: Array) -> Array:
    apart = distances(x, y)
    return sum(-numerics.expm1(-apart / width) for width in widths) / len(widths)
