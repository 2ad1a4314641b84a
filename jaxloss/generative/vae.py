"""Variational autoencoders: what the code of an example costs, and what is lost without it."""

from __future__ import annotations

import math
from typing import Any, Literal

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.reduce import Reduction
from jaxloss.rows.yes_no import cross_entropy

__all__ = ["gaussian_vae_kl", "vae", "vae_terms"]

Reconstruction = Literal["bernoulli", "gaussian"]


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


def vae(
    predictions: Float[ArrayLike, "..."],
    targets: Real[ArrayLike, "..."],
    mean: Float[ArrayLike, "..."],
    log_variance: Float[ArrayLike, "..."],
    *,
    reconstruction: Reconstruction = "bernoulli",
    beta: Real[ArrayLike, "..."] = 1.0,
    free_bits: Real[ArrayLike, "..."] = 0.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative evidence lower bound of an autoencoder: what the reconstruction misses, and what the code costs.

    .. math::  \ell = \sum_i r(\hat y_i, y_i) + \beta \sum_j \max(k_j, \lambda), \qquad
               k_j = \tfrac12 \left(\mu_j^2 + e^{s_j} - 1 - s_j\right)

    with r the sigmoid cross-entropy of a logit ("bernoulli") or half the squared error ("gaussian", of variance 1 and
    without its constant). Both terms are sums over what belongs to an example, as the bound demands: its mean over
    pixels would make beta mean something else for every size of image. `vae_terms` gives them apart.

    Args:
      predictions: real array ``[*examples, *pixels]``, what the decoder gives for a draw of the code: logits, or means.
      targets: array of exactly that shape; in [0, 1] for logits.
      mean: real array ``[*examples, latents]`` (mu).
      log_variance: array of exactly that shape (s).
      reconstruction: "bernoulli" or "gaussian".
      beta: not negative; weight of the code, which may follow a schedule.
      free_bits: as in `gaussian_vae_kl` (lambda).
      where, weights, reduction: of the examples, see :doc:`/reductions`.
    Returns: a scalar, or one value per example with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a parameter out of range, TypeError for integer predictions.
    Example:
      >>> vae(jnp.zeros((1, 4)), jnp.ones((1, 4)), jnp.array([[1.0]]), jnp.array([[0.0]]), beta=0.5)
      Array(3.0225887, dtype=float32)
    References: Kingma and Welling (2014), arXiv:1312.6114; beta: Higgins et al. (2017), beta-VAE, ICLR.
    """
    missed, code = _terms("vae", predictions, targets, mean, log_variance, reconstruction, free_bits, where)
    beta = checks.parameter("vae", "beta", beta, code, minimum=0)
    return reduce.apply("vae", missed + beta * code, where=where, weights=weights, reduction=reduction)


def vae_terms(
    predictions: Float[ArrayLike, "..."],
    targets: Real[ArrayLike, "..."],
    mean: Float[ArrayLike, "..."],
    log_variance: Float[ArrayLike, "..."],
    *,
    reconstruction: Reconstruction = "bernoulli",
    beta: Real[ArrayLike, "..."] = 1.0,
    free_bits: Real[ArrayLike, "..."] = 0.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
) -> tuple[Array, dict[str, Array]]:
    r"""Return the mean of `vae`, and the means of its two terms before beta: for ``has_aux=True``.

    .. math::  L = R + \beta K

    Args:
      predictions, targets, mean, log_variance, reconstruction, beta, free_bits, where, weights: as for `vae`.
    Returns: ``(total, {"reconstruction": R, "kl": K})``, scalars.
    Raises: as `vae`.
    Example:
      >>> code = jnp.array([[1.0]]), jnp.array([[0.0]])
      >>> total, report = vae_terms(jnp.zeros((1, 4)), jnp.ones((1, 4)), *code, beta=0.5)
      >>> report["kl"], total == report["reconstruction"] + 0.5 * report["kl"]
      (Array(0.5, dtype=float32), Array(True, dtype=bool))
    References: Kingma and Welling (2014), arXiv:1312.6114.
    """
    name = "vae_terms"
    terms = _terms(name, predictions, targets, mean, log_variance, reconstruction, free_bits, where)
    missed, code = (reduce.apply(name, term, where=where, weights=weights) for term in terms)
    return missed + checks.parameter(name, "beta", beta, code, minimum=0) * code, {"reconstruction": missed, "kl": code}


def _terms(
    name: str,
    predictions: ArrayLike,
    targets: ArrayLike,
    mean: ArrayLike,
    log_variance: ArrayLike,
    reconstruction: str,
    free_bits: ArrayLike,
    where: ArrayLike | None,
) -> tuple[Array, Array]:
    """Reconstruction and divergence of each example."""
    checks.choice(name, "reconstruction", reconstruction, ("bernoulli", "gaussian"))
    predictions, targets = checks.real_pair(name, predictions, targets)
    code = gaussian_vae_kl(mean, log_variance, free_bits=free_bits, where=where, reduction="none")
    examples = code.shape
    if predictions.shape[: len(examples)] != examples or predictions.ndim == len(examples):
        raise ValueError(
            f"{name}: predictions must have the leading axes {examples} of mean, and axes of their own, got "
            f"{predictions.shape}"
        )
    size = math.prod(predictions.shape[len(examples) :])
    pixels = (x.reshape(*examples, size) for x in (predictions, targets))
    predictions, targets = reduce.keep(name, where, *pixels, axis=-1)
    bernoulli = reconstruction == "bernoulli"
    missed = cross_entropy(predictions, targets) if bernoulli else 0.5 * (predictions - targets) ** 2
    return jnp.sum(missed, -1), code
