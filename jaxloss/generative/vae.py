"""Variational autoencoders: what the code of an example costs."""

from __future__ import annotations

from typing import Any, Literal

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.reduce import Reduction

__all__ = ["gaussian_vae_kl"]


def gaussian_vae_kl(
    mean: Float[ArrayLike, "*shape"],
    log_variance: Float[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    latent_reduction: Literal["sum", "mean"] = "sum",
    free_bits: Real[ArrayLike, "..."] = 0.0,
    beta: Real[ArrayLike, "..."] = 1.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Divergence KL(N(mean, variance) || N(0, 1)) of the code of each example: the second term of a VAE.

    .. math::  \ell = \beta \sum_j \max(k_j, \lambda), \qquad k_j = \tfrac12 \left(\mu_j^2 + e^{s_j} - 1 - s_j\right),
               \qquad \frac{\partial k_j}{\partial \mu_j} = \mu_j, \quad
               \frac{\partial k_j}{\partial s_j} = \tfrac12 \left(e^{s_j} - 1\right)

    No digits are lost near the prior, mean 0 and log-variance 0. A latent that costs no more than ``free_bits`` has
    zero gradient: the model may use that much before it pays.

    Args:
      mean: real array of any shape, the latents of an example along ``axis``.
      log_variance: array of exactly that shape, the logarithm s of the variance.
      axis: the axis that holds the latents.
      latent_reduction: "sum" for the divergence of the code, "mean" for the share of one latent; with the default
        ``reduction`` the latter is -0.5 mean(1 + s - mean**2 - exp(s)), a convention of many examples.
      free_bits: not negative; the least that each latent of each example is charged (lambda), in nats.
      beta: not negative; weight of the whole term, which may follow a schedule.
      where, weights, reduction: see :doc:`/reductions`; the unreduced loss has the shape without ``axis``.
    Returns: a scalar, or one value per example with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or a parameter out of range, TypeError for integer arrays.
    Example:
      >>> gaussian_vae_kl(jnp.array([[0.0, 1.0]]), jnp.array([[0.0, 0.0]]))
      Array(0.5, dtype=float32)
    References: Kingma and Welling (2014), arXiv:1312.6114; free bits: Kingma et al. (2016), arXiv:1606.04934; beta:
      Higgins et al. (2017), beta-VAE, ICLR.
    """
    name = "gaussian_vae_kl"
    mean, log_variance = checks.floating(name, mean=mean, log_variance=log_variance)
    checks.same_shape(name, mean=mean, log_variance=log_variance)
    axis = checks.row_axis(name, mean, axis, "mean")
    checks.choice(name, "latent_reduction", latent_reduction, ("sum", "mean"))
    free_bits = checks.parameter(name, "free_bits", free_bits, mean, minimum=0)
    mean, log_variance = reduce.keep(name, where, mean, log_variance, axis=axis)
    latents = (0.5 * mean) * mean + 0.5 * numerics.exp_excess(log_variance)
    if not (isinstance(free_bits, int | float) and free_bits == 0):
        latents = jnp.where(latents > free_bits, latents, free_bits)
    values = jnp.sum(latents, axis)
    if latent_reduction == "mean":
        values = values / max(mean.shape[axis], 1)
    beta = checks.parameter(name, "beta", beta, values, minimum=0)
    values = values if isinstance(beta, int | float) and beta == 1 else values * beta
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)
