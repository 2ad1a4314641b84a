"""Continuous ranked probability scores: the absolute error of a whole predicted distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.numerics.elementary import one_dispatch
from jaxloss.numerics.order import ascending_order, permute, put_back
from jaxloss.numerics.slopes import with_slopes
from jaxloss.probabilistic.parameters import predicted
from jaxloss.reduce import Reduction
from jaxloss.regression.quantile import quantile

__all__ = ["crps_ensemble", "crps_gaussian", "crps_quantile"]


def crps_gaussian(
    mean: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    stddev: Real[ArrayLike, "..."],
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Continuous ranked probability score of a Gaussian: the absolute error for a vanishing spread.

    .. math::  \ell = \sigma \left(z \operatorname{erf} \frac{z}{\sqrt 2} + 2 \varphi(z) - \frac{1}{\sqrt \pi}\right),
               \qquad \frac{\partial \ell}{\partial \mu} = \operatorname{erf} \frac{z}{\sqrt 2}, \quad
               \frac{\partial \ell}{\partial \sigma} = 2 \varphi(z) - \frac{1}{\sqrt \pi}, \qquad
               z = \frac{\mu - y}{\sigma}

    Both slopes are bounded, unlike those of `gaussian_nll`: one outlier does not rule the fit, and a small spread does
    not blow it up.

    Args:
      mean: real array of any shape, the predicted mean.
      targets: array of exactly that shape.
      stddev: positive; a number, or an array with as many axes that stretch to that shape.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in units of the target.
    Raises: ValueError for shapes that do not fit or a deviation that is not positive, TypeError for integer means.
    Example:
      >>> crps_gaussian(jnp.array([0.0, 3.0]), jnp.array([0.0, 0.0]), stddev=1.0, reduction="none")
      Array([0.23369491, 2.436574  ], dtype=float32)
    References: Gneiting, Raftery et al. (2005), Calibrated probabilistic forecasting, doi:10.1175/MWR2904.1.
    """
    name, parameters = "crps_gaussian", {"stddev": (stddev, {"above": 0})}
    mean, targets, stddev = predicted(name, where, {"mean": mean, "targets": targets}, parameters)
    values = _crps_gaussian(mean - targets, stddev)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def crps_ensemble(
    ensemble: Float[ArrayLike, "..."],
    targets: Real[ArrayLike, "..."],
    *,
    axis: int = -1,
    fair: bool = False,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Continuous ranked probability score of samples of the predicted distribution.

    .. math::  \ell = \frac1M \sum_i |x_i - y| - \frac{1}{2 M^2} \sum_{i,j} |x_i - x_j|, \qquad
               \frac{\partial \ell}{\partial x_i} = \frac{1}{M^2} \begin{cases} 1 - 2 r_i & x_i < y \\
               2 (M - r_i) + 1 & x_i > y \end{cases}

    where r is the rank of a member, from 1. It is computed from the sorted members, in O(M log M) time, as a sum of
    positive terms, so that nothing cancels. With ``fair``, :math:`M (M - 1)` takes the place of :math:`M^2`: the score
    is then, in expectation, that of the distribution behind the members, and a small ensemble is not rewarded for being
    too narrow. Train generators of samples with it.

    Args:
      ensemble: real array of any shape, the members along ``axis``.
      targets: array of that shape without ``axis``.
      axis: the axis of the members.
      fair: whether to score the distribution that the members are drawn from; needs two of them.
      where, weights, reduction: of the targets, see :doc:`/reductions`.
    Returns: a scalar, or one value per target with ``reduction="none"``; in units of the target.
    Raises: ValueError for shapes that do not fit or too few members, TypeError for an integer ensemble.
    Example:
      >>> crps_ensemble(jnp.array([[0.0, 1.0, 3.0]]), jnp.array([2.0]))
      Array(0.6666666, dtype=float32)
    References: Ferro (2014), Fair scores for ensemble forecasts, doi:10.1002/qj.2270; Hersbach (2000),
      doi:10.1175/1520-0434(2000)015<0559:DOTCRP>2.0.CO;2.
    """
    name = "crps_ensemble"
    dtype = checks.compute_dtype(ensemble, targets)
    (ensemble,) = checks.floating(name, ensemble=ensemble)
    (targets,) = checks.real(name, dtype, targets=targets)
    axis = checks.row_axis(name, ensemble, axis, "ensemble")
    ensemble = jnp.moveaxis(ensemble.astype(dtype), axis, -1)
    if targets.shape != ensemble.shape[:-1]:
        raise ValueError(
            f"{name}: targets must have shape {ensemble.shape[:-1]}, that of ensemble without axis {axis}, "
            f"got {targets.shape}"
        )
    if ensemble.shape[-1] < 1 + fair:
        raise ValueError(f"{name}: needs at least {1 + fair} members, got {ensemble.shape[-1]}")
    ensemble, targets = reduce.keep(name, where, ensemble, axis=-1), reduce.keep(name, where, targets)
    values = _crps_ensemble(ensemble, targets, bool(fair))
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def crps_quantile(
    predictions: Float[ArrayLike, "..."],
    targets: Real[ArrayLike, "..."],
    *,
    q: Real[ArrayLike, "..."] | Sequence[float],
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Continuous ranked probability score of predicted quantiles: twice their mean pinball loss.

    .. math::  \ell = \frac2K \sum_k \max\left((1 - q_k)\, r_k,\; -q_k\, r_k\right), \qquad r_k = \hat y_k - y

    The score is an integral over all levels, of which this is the midpoint rule for the levels (k - 1/2) / K.

    Args:
      predictions: real array of any shape, the predicted quantiles on the last axis.
      targets: array of that shape without the last axis.
      q: the levels of the quantiles, in (0, 1), one for each entry of the last axis.
      where, weights, reduction: of the targets, see :doc:`/reductions`.
    Returns: a scalar, or one value per target with ``reduction="none"``; in units of the target.
    Raises: ValueError for shapes that do not fit or a level outside (0, 1), TypeError for integer predictions.
    Example:
      >>> crps_quantile(jnp.array([[0.0, 2.0, 4.0]]), jnp.array([1.0]), q=(0.1, 0.5, 0.9))
      Array(0.59999996, dtype=float32)
    References: Gneiting and Ranjan (2011), Comparing density forecasts, doi:10.1198/jbes.2010.08110.
    """
    name = "crps_quantile"
    dtype = checks.compute_dtype(predictions, targets)
    (predictions,) = checks.floating(name, predictions=predictions)
    (targets,) = checks.real(name, dtype, targets=targets)
    levels = np.shape(q)
    if len(levels) != 1 or predictions.shape[-1:] != levels or targets.shape != predictions.shape[:-1]:
        raise ValueError(
            f"{name}: q must be a row of levels, one for each entry of the last axis of predictions, and targets have "
            f"no such axis, got shapes {levels}, {predictions.shape} and {targets.shape}"
        )
    predictions, targets = reduce.keep(name, where, predictions, axis=-1), reduce.keep(name, where, targets)
    values = 2 * jnp.mean(quantile(predictions.astype(dtype), targets, q=q, reduction="none"), -1)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def _bell(r: Array, stddev: Array) -> Array:
    z = r / stddev
    return 2 * jnp.exp(-0.5 * z * z) / math.sqrt(2 * math.pi) - 1 / math.sqrt(math.pi)


@with_slopes(lambda r, stddev: lax.erf(r / stddev * math.sqrt(0.5)), _bell)
def _crps_gaussian(r: Array, stddev: Array) -> Array:
    return r * lax.erf(r / stddev * math.sqrt(0.5)) + stddev * _bell(r, stddev)


# The score is the integral of (F - [y <= x])^2, F being the share of members below x. Between the i-th member and the
# next it is (i / M)^2 below the target and (1 - i / M)^2 above it. Fair, i (i - 1) and (M - i) (M - i - 1) over
# M (M - 1) take their place; outside of the members it is 1 either way.
@one_dispatch
def _sorted_sum(x: Array, y: Array, fair: Array) -> Array:
    members = x.shape[-1]
    x, y = permute(x, ascending_order(x)), y[..., None]
    i = lax.broadcasted_iota(jnp.int32, (*x.shape[:-1], members - 1), x.ndim - 1).astype(x.dtype) + 1
    one = fair.astype(x.dtype)
    pairs = members * (members - one)
    low, high = x[..., :-1], x[..., 1:]
    below = jnp.where(y > low, jnp.minimum(y, high) - low, 0)
    above = jnp.where(y < high, high - jnp.maximum(y, low), 0)
    inside = (below * (i * (i - one)) + above * ((members - i) * (members - i - one))) / jnp.where(pairs > 0, pairs, 1)
    outside = jnp.maximum(x[..., 0] - y[..., 0], 0) + jnp.maximum(y[..., 0] - x[..., -1], 0)
    return jnp.sum(inside, -1) + outside


@one_dispatch
def _slopes(x: Array, y: Array, fair: Array) -> Array:
    """The derivatives in the members, from their ranks."""
    members = x.shape[-1]
    rank = put_back(lax.broadcasted_iota(jnp.int32, x.shape, x.ndim - 1), ascending_order(x)).astype(x.dtype) + 1
    one = fair.astype(x.dtype)
    pairs = members * (members - one)
    side = jnp.sign(x - y[..., None])
    return (side * (members - one) - (2 * rank - members - 1)) / jnp.where(pairs > 0, pairs, 1)


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _crps_ensemble(x: Array, y: Array, fair: bool) -> Array:
    return _sorted_sum(x, y, jnp.asarray(fair))


@_crps_ensemble.defjvp
def _(fair: bool, primals: Any, tangents: Any) -> tuple[Array, Array]:
    x, y = primals
    slopes = _slopes(lax.stop_gradient(x), lax.stop_gradient(y), jnp.asarray(fair))
    by_target = jnp.mean(jnp.sign(y[..., None] - x), -1)
    return _crps_ensemble(x, y, fair), jnp.sum(slopes * tangents[0], -1) + by_target * tangents[1]
