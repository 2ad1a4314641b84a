"""Mixture density networks: several Gaussians for each target, as many as it may have answers."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.numerics.gamma import HALF_LOG_2PI
from jaxloss.probabilistic.gaussian import standardized
from jaxloss.reduce import Reduction
from jaxloss.rows.softmax import Surprises, surprises

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
    values = _mixture(logits, means - targets, log_variances, axis) + HALF_LOG_2PI
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def _joint(logits: Array, residuals: Array, log_variances: Array) -> tuple[Array, Array]:
    """The logarithms of the weighted densities, up to a constant, and the residuals in standard deviations."""
    log_stddevs, z = standardized("log_variance", residuals, log_variances)
    return logits - (log_stddevs + 0.5 * z * z), z


def _shares(scores: Array, axis: int) -> Surprises:
    top = lax.stop_gradient(jnp.max(scores, axis, keepdims=True))
    return surprises(scores - jnp.where(top == -jnp.inf, 0, top), axis)


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def _mixture(logits: Array, residuals: Array, log_variances: Array, axis: int) -> Array:
    top = jnp.max(logits, axis, keepdims=True)  # of any number in all logits nothing is left but its rounding
    logits = jnp.where(top == -jnp.inf, logits, logits - top)
    joint, _ = _joint(logits, residuals, log_variances)
    return numerics.logsumexp(logits, axis) - numerics.logsumexp(joint, axis)


# pi - rho is the difference of what is left for the others where both are nearly 1. The factors of a responsibility are
# its two roots, each of which is representable where the product with the other factors is.
@_mixture.defjvp
def _(axis: int, primals: Any, tangents: Any) -> tuple[Array, Array]:
    logits, _, log_variances = primals
    joint, z = _joint(*primals)
    prior, posterior = _shares(logits, axis), _shares(joint, axis)
    likely = (prior.probabilities > 0.5) & (posterior.probabilities > 0.5)
    in_logits = jnp.where(
        likely, posterior.complements - prior.complements, prior.probabilities - posterior.probabilities
    )
    root = jnp.exp(-0.5 * posterior.nll)
    quarter = jnp.exp(-0.25 * log_variances)
    in_residuals = (root * (z * quarter)) * (root * quarter)
    in_log_variances = 0.5 * (root * (1 - z)) * (root * (1 + z))
    slopes = (in_logits, in_residuals, in_log_variances)
    change = sum(slope * tangent for slope, tangent in zip(slopes, tangents, strict=True))
    return _mixture(*primals, axis), jnp.sum(change, axis)
