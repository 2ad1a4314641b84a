"""Mixture density networks: several Gaussians for each target, as many as it may have answers."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.numerics.gamma import HALF_LOG_2PI
from jaxloss.probabilistic.gaussian import standardized
from jaxloss.reduce import Reduction

__all__ = ["mixture_density_nll"]


def mixture_density_nll(
    logits: Float[ArrayLike, "..."],
    means: Float[ArrayLike, "..."],
    log_variances: Float[ArrayLike, "..."],
    targets: Real[ArrayLike, "..."],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative log-likelihood of numbers under a mixture of Gaussians.

    .. math::  \ell = -\log \sum_k \pi_k \, \mathcal N(y; \mu_k, e^{s_k}), \quad \pi = \operatorname{softmax}(g), \qquad
               \frac{\partial \ell}{\partial \mu_k} = \rho_k e^{-s_k} (\mu_k - y), \quad
               \frac{\partial \ell}{\partial g_k} = \pi_k - \rho_k

    with the responsibilities :math:`\rho_k`, the share of each Gaussian in the density. A target that is far from all
    of them has the value and the gradient of the nearest; in densities instead of their logarithms it would be inf. A
    logit of -inf is a Gaussian that takes no part.

    Args:
      logits: real array of any shape, the Gaussians of each target along ``axis``.
      means: array of exactly that shape.
      log_variances: likewise, the logarithms of the variances.
      targets: array of that shape without ``axis``.
      axis: the axis of the Gaussians.
      where, weights, reduction: of the targets, see :doc:`/reductions`.
    Returns: a scalar, or one value per target with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit, TypeError for integer predictions.
    Example:
      >>> zeros = jnp.zeros((1, 2))
      >>> mixture_density_nll(zeros, zeros, zeros, jnp.array([0.0]))
      Array(0.9189385, dtype=float32)
    References: Bishop (1994), Mixture density networks, NCRG/94/004.
    """
    name = "mixture_density_nll"
    dtype = checks.compute_dtype(logits, means, log_variances, targets)
    predictions = checks.floating(name, logits=logits, means=means, log_variances=log_variances)
    logits, means, log_variances = (array.astype(dtype) for array in predictions)
    checks.same_shape(name, logits=logits, means=means, log_variances=log_variances)
    axis = checks.row_axis(name, logits, axis)
    (targets,) = checks.real(name, dtype, targets=targets)
    rows = logits.shape[: logits.ndim + axis] + logits.shape[logits.ndim + axis + 1 :]
    if targets.shape != rows:
        raise ValueError(
            f"{name}: targets must have shape {rows}, that of logits {logits.shape} without axis {axis}, "
            f"got {targets.shape}"
        )
    targets = jnp.broadcast_to(jnp.expand_dims(targets, axis), logits.shape)
    logits, means, log_variances, targets = reduce.keep(name, where, logits, means, log_variances, targets, axis=axis)
    log_stddevs, z = standardized("log_variance", means - targets, log_variances)
    joint = logits - (log_stddevs + 0.5 * z * z)
    values = (numerics.logsumexp(logits, axis) - numerics.logsumexp(joint, axis)) + HALF_LOG_2PI
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)
