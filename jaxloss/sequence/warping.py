"""Time series compared after warping their time: soft-DTW, its divergence, and DILATE."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, reduce
from jaxloss.kernels.lattice import log_paths
from jaxloss.numerics.elementary import one_dispatch
from jaxloss.reduce import Reduction
from jaxloss.sequence.costs import step_costs
from jaxloss.sequence.lengths import inside, integers, within

__all__ = ["dilate", "soft_dtw", "soft_dtw_divergence"]


def soft_dtw(
    predictions: Float[ArrayLike, "*batch n features"],
    targets: Float[ArrayLike, "*batch m features"],
    *,
    gamma: float | Real[ArrayLike, ""] = 1.0,
    prediction_lengths: Int[ArrayLike, "*batch"] | None = None,
    target_lengths: Int[ArrayLike, "*batch"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Dynamic time warping with a soft minimum: the cost of the best alignments of two series.

    .. math::  \ell = -\gamma \log \sum_{\pi} e^{-c(\pi) / \gamma}, \qquad
               c(\pi) = \sum_{(i, j) \in \pi} \|x_i - y_j\|^2, \qquad
               \frac{\partial \ell}{\partial x_i} = \sum_j P(\pi \ni (i, j)) \, 2 (x_i - y_j)

    An alignment :math:`\pi` goes from the first to the last steps of both series, one step in either or in both at a
    time. As gamma goes to 0 the loss becomes that of dynamic time warping. It is below it by as much as gamma times the
    logarithm of the number of alignments, and so negative for equal series: `soft_dtw_divergence` takes that out.

    Args:
      predictions: real array x, steps on the second to last axis, features on the last.
      targets: array of the same shape but for the number of steps.
      gamma: positive, in squared units of the features; may be learned.
      prediction_lengths: integers, how many steps of each series exist; None: all.
      target_lengths: likewise for the targets.
      where, weights, reduction: of the pairs of series, see :doc:`/reductions`.
    Returns: a scalar, or one value per pair with ``reduction="none"``, in squared units of the features; 0 where one of
      the two is empty. Takes n + m steps, and memory n m.
    Raises: ValueError for shapes that do not fit or a gamma that is not positive, TypeError for integer series.
    Example:
      >>> x = jnp.array([[[0.0], [1.0], [2.0]]])
      >>> soft_dtw(x, jnp.array([[[0.0], [2.0]]]), gamma=0.1)
      Array(0.93068296, dtype=float32)
    References: Cuturi and Blondel (2017), Soft-DTW: a differentiable loss function for time-series, arXiv:1703.01541.
    """
    pair = _pair("soft_dtw", predictions, targets, gamma, prediction_lengths, target_lengths, where)
    return reduce.apply("soft_dtw", _soft_dtw(*pair), where=where, weights=weights, reduction=reduction)


def soft_dtw_divergence(
    predictions: Float[ArrayLike, "*batch n features"],
    targets: Float[ArrayLike, "*batch m features"],
    *,
    gamma: float | Real[ArrayLike, ""] = 1.0,
    prediction_lengths: Int[ArrayLike, "*batch"] | None = None,
    target_lengths: Int[ArrayLike, "*batch"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Soft-DTW without its bias: 0, and stationary, where the two series are equal.

    .. math::  \ell = S_\gamma(x, y) - \tfrac12 S_\gamma(x, x) - \tfrac12 S_\gamma(y, y)

    with :math:`S_\gamma` of `soft_dtw`, three of which it computes.

    Args:
      predictions: real array x, steps on the second to last axis, features on the last.
      targets: array y of the same shape but for the number of steps.
      gamma, prediction_lengths, target_lengths: as in `soft_dtw`.
      where, weights, reduction: of the pairs of series, see :doc:`/reductions`.
    Returns: a scalar, or one value per pair with ``reduction="none"``, in squared units of the features.
    Raises: ValueError for shapes that do not fit or a gamma that is not positive, TypeError for integer series.
    Example:
      >>> x = jnp.array([[[0.0], [1.0], [2.0]]])
      >>> soft_dtw_divergence(x, x), soft_dtw_divergence(x, x + 1, gamma=0.1)
      (Array(0., dtype=float32), Array(1.9999955, dtype=float32))
    References: Blondel et al. (2021), Differentiable divergences between time series, arXiv:2010.08354.
    """
    name = "soft_dtw_divergence"
    x, y, gamma, n, m = _pair(name, predictions, targets, gamma, prediction_lengths, target_lengths, where)
    own = _soft_dtw(x, x, gamma, n, n) + _soft_dtw(y, y, gamma, m, m)
    values = _soft_dtw(x, y, gamma, n, m) - 0.5 * own
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def dilate(
    predictions: Float[ArrayLike, "*batch n features"],
    targets: Float[ArrayLike, "*batch m features"],
    *,
    alpha: float | Real[ArrayLike, ""] = 0.5,
    gamma: float | Real[ArrayLike, ""] = 0.01,
    prediction_lengths: Int[ArrayLike, "*batch"] | None = None,
    target_lengths: Int[ArrayLike, "*batch"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""DILATE: how well a forecast has the shape of the target, and how far its events are displaced in time.

    .. math::  \ell = \alpha \, S_\gamma(x, y) + (1 - \alpha) \sum_{ij} P(\pi \ni (i, j))
               \left(\frac{i}{n} - \frac{j}{m}\right)^2

    with :math:`S_\gamma` and the alignments :math:`\pi` of `soft_dtw`, drawn in proportion to
    :math:`e^{-c(\pi) / \gamma}`.

    Args:
      predictions: real array x, steps on the second to last axis, features on the last.
      targets: array y of the same shape but for the number of steps.
      alpha: share of the shape, in [0, 1]; the rest is for time.
      gamma, prediction_lengths, target_lengths: as in `soft_dtw`.
      where, weights, reduction: of the pairs of series, see :doc:`/reductions`.
    Returns: a scalar, or one value per pair with ``reduction="none"``.
    Raises: ValueError for shapes that do not fit or parameters out of range, TypeError for integer series.
    Example:
      >>> target = jnp.array([[[0.0], [0.0], [1.0], [0.0]]])
      >>> late = jnp.roll(target, 1, axis=1)
      >>> dilate(late, target, alpha=0.0)  # a spike, a step of four too late
      Array(0.225, dtype=float32)
    References: Le Guen and Thome (2019), Shape and time distortion loss for training deep time series forecasting
      models, arXiv:1909.09020.
    """
    x, y, gamma, n, m = _pair("dilate", predictions, targets, gamma, prediction_lengths, target_lengths, where)
    alpha = checks.parameter("dilate", "alpha", alpha, jax.ShapeDtypeStruct((), x.dtype), minimum=0, maximum=1)
    values = _dilate(x, y, gamma, n, m, alpha)
    return reduce.apply("dilate", values, where=where, weights=weights, reduction=reduction)


def _pair(
    name: str, predictions: Any, targets: Any, gamma: Any, prediction_lengths: Any, target_lengths: Any, where: Any
) -> tuple[Array, Array, Array, Array, Array]:
    """Two checked series, 0 where they do not exist, gamma as an array, and their lengths."""
    x, y = checks.floating(name, predictions=predictions, targets=targets)
    if min(x.ndim, y.ndim) < 2:
        raise ValueError(
            f"{name}: predictions and targets must have axes of steps and features, got {x.shape}, {y.shape}"
        )
    batch = x.shape[:-2]
    if y.shape[:-2] != batch or y.shape[-1] != x.shape[-1]:
        raise ValueError(
            f"{name}: predictions and targets may differ in the axis of steps alone, got {x.shape} and {y.shape}"
        )
    gamma = checks.parameter(name, "gamma", gamma, jax.ShapeDtypeStruct((), x.dtype), above=0)
    both = []
    for argument, series, lengths in (
        ("prediction_lengths", x, prediction_lengths),
        ("target_lengths", y, target_lengths),
    ):
        steps = series.shape[-2]
        (lengths,) = integers(
            name,
            batch,
            "one per series",
            **{argument: jnp.full(batch, steps, jnp.int32) if lengths is None else lengths},
        )
        lengths = reduce.keep(name, where, lengths)
        series = jnp.where(within(lengths, steps)[..., None], series, 0)
        # As a factor NaN reaches the gradient, also under jit.
        both.append((series * jnp.where(inside(lengths, steps), 1, jnp.nan).astype(x.dtype)[..., None, None], lengths))
    (x, n), (y, m) = both
    return x, y, jnp.asarray(gamma, x.dtype), n, m


def _cost(costs: Array, gamma: Array, n: Array, m: Array) -> Array:
    """The soft minimum over all alignments, of a matrix of costs for each pair."""
    *batch, rows, columns = costs.shape
    if not rows * columns:
        return jnp.zeros(batch, costs.dtype)
    flat = costs.reshape(math.prod(batch), rows, columns)
    last = lambda lengths, size: jnp.clip(lengths - 1, 0, size - 1).reshape(len(flat))
    values = -gamma * log_paths(-flat / gamma, last(n, rows), last(m, columns))
    return jnp.where((n == 0) | (m == 0), 0, values.reshape(batch))


@one_dispatch
def _soft_dtw(x: Array, y: Array, gamma: Array, n: Array, m: Array) -> Array:
    return _cost(step_costs(x, y), gamma, n, m)


# The share of the alignments that visit a cell is the derivative of the soft minimum in its cost, so that the mean
# displacement is a derivative along the displacements.
@one_dispatch
def _dilate(x: Array, y: Array, gamma: Array, n: Array, m: Array, alpha: Any) -> Array:
    costs = step_costs(x, y)
    place = lambda axis, lengths: (
        lax.broadcasted_iota(x.dtype, costs.shape, costs.ndim + axis)
        / jnp.maximum(lengths, 1).astype(x.dtype)[..., None, None]
    )
    displacement = (place(-2, n) - place(-1, m)) ** 2
    shape, time = jax.jvp(partial(_cost, gamma=gamma, n=n, m=m), (costs,), (displacement,))
    return alpha * shape + (1 - alpha) * time
