"""`torch.nn.functional` losses of probabilities and distributions, element by element."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from jaxloss import checks, classification, divergence
from jaxloss.compat.arrays import as_compute, cast, promoted, together
from jaxloss.compat.torch.reductions import check_reduction, pair, reduced
from jaxloss.numerics.slopes import with_slopes
from jaxloss.rows.yes_no import log1m

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "gaussian_nll_loss",
    "kl_div",
    "poisson_nll_loss",
]


def binary_cross_entropy(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """Cross-entropy of yes-or-no labels and probabilities, whose logarithms are at least -100.

    The gradient is that of the probability itself, also where its logarithm is clipped, over at least 1e-12. See
    `jaxloss.binary_cross_entropy`, which clips the probability.
    """
    name = "binary_cross_entropy"
    how = check_reduction(name, reduction, size_average, reduce)
    _check_shapes(name, input, target)
    p, y, dtype = pair(name, input, target)
    return reduced(name, _clipped_cross_entropy(p, y), how, dtype, weight)


def binary_cross_entropy_with_logits(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: ArrayLike | None = None,
) -> Array:
    """Cross-entropy of yes-or-no labels and the sigmoid of logits; see `jaxloss.sigmoid_binary_cross_entropy`.

    ``weight`` and ``pos_weight`` broadcast; the mean divides by the number of elements.
    """
    name = "binary_cross_entropy_with_logits"
    how = check_reduction(name, reduction, size_average, reduce)
    _check_shapes(name, input, target)
    x, y, dtype = pair(name, input, target)
    if pos_weight is not None:
        dtype = promoted(input, target, pos_weight)
        pos_weight = jnp.asarray(pos_weight)
        pos_weight = pos_weight.reshape((1,) * (x.ndim - pos_weight.ndim) + pos_weight.shape)
    values = classification.sigmoid_binary_cross_entropy(x, y, pos_weight=pos_weight, reduction="none")
    return reduced(name, values, how, dtype, weight)


def kl_div(
    input: ArrayLike,
    target: ArrayLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Array:
    """The terms t (log t - input) of a Kullback-Leibler divergence; see `jaxloss.kl_divergence`.

    ``"batchmean"`` divides their sum by the size of axis 0; ``"mean"`` divides by the number of terms.
    """
    batchmean = reduction == "batchmean" and size_average is None and reduce is None
    how = check_reduction("kl_div", "sum" if batchmean else reduction, size_average, reduce)
    log_p, t, dtype = pair("kl_div", input, target)
    kernel = divergence.kl_divergence_with_log_targets if log_target else divergence.kl_divergence
    values = kernel(log_p[..., None], t[..., None], reduction="none")
    if batchmean and jnp.ndim(input):
        return cast(jnp.sum(values) / max(jnp.shape(input)[0], 1), dtype)
    return reduced("kl_div", values, how, dtype)


def poisson_nll_loss(
    input: ArrayLike,
    target: ArrayLike,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """Negative log-likelihood of counts, of the logarithm of their rate or of the rate itself.

    It is without log(t!), for which ``full`` adds Stirling's approximation where t > 1. ``eps`` is added to a rate.
    """
    how = check_reduction("poisson_nll_loss", reduction, size_average, reduce)
    x, t, dtype = pair("poisson_nll_loss", input, target)
    values = jnp.exp(x) - t * x if log_input else x - t * jnp.log(x + eps)
    if full:
        many = t > 1
        safe = jnp.where(many, t, 1)
        stirling = safe * jnp.log(safe) - safe + 0.5 * jnp.log(2 * math.pi * safe)
        values = values + jnp.where(many, stirling, 0)
    return reduced("poisson_nll_loss", values, how, dtype)


def gaussian_nll_loss(
    input: ArrayLike,
    target: ArrayLike,
    var: ArrayLike,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Array:
    """Negative log-likelihood of a normal distribution of mean ``input`` and variance ``var``, at least ``eps``.

    ``var`` has the shape of ``input``, lacks its last axis, or has size 1 on one axis. A variance below ``eps`` has the
    gradient of ``eps``. ``full`` adds log(2 pi) / 2.
    """
    how = check_reduction("gaussian_nll_loss", reduction)
    checks.floating("gaussian_nll_loss", input=input)
    variance = _variance(jnp.shape(input), var)
    dtype = promoted(input, target, variance)
    x, t, variance = together(*as_compute(input, target, variance))
    variance = _at_least(variance, eps)
    values = 0.5 * (jnp.log(variance) + (x - t) / variance * (x - t))
    return reduced("gaussian_nll_loss", values + 0.5 * math.log(2 * math.pi) if full else values, how, dtype)


def _check_shapes(name: str, predictions: ArrayLike, targets: ArrayLike) -> None:
    if jnp.shape(predictions) != jnp.shape(targets):
        came = f"{jnp.shape(predictions)} and {jnp.shape(targets)}"
        raise ValueError(f"{name}: input and target must have the same shape, got {came}")


def _clipped_logs(p: Array) -> tuple[Array, Array]:
    return jnp.maximum(jnp.log(p), -100), jnp.maximum(log1m(p), -100)


def _slope_in_target(p: Array, _: Array) -> Array:
    log_yes, log_no = _clipped_logs(p)
    return log_no - log_yes


@with_slopes(lambda p, y: (p - y) / jnp.maximum(p * (1 - p), 1e-12), _slope_in_target)
def _clipped_cross_entropy(p: Array, y: Array) -> Array:
    log_yes, log_no = _clipped_logs(p)
    return -(y * log_yes + (1 - y) * log_no)


def _variance(shape: tuple[int, ...], var: ArrayLike) -> Array:
    """The variances with axes that stretch to the shape; a value below 0 is refused where it is known."""
    name, variance = "gaussian_nll_loss", jnp.asarray(var)
    if not isinstance(variance, jax.core.Tracer) and bool(jnp.any(variance < 0)):
        raise ValueError(f"{name}: var must not be negative")
    if variance.ndim == 0 or variance.shape == shape:
        return variance
    if variance.shape == shape[:-1]:
        return variance[..., None]
    differing = [v for n, v in zip(shape, variance.shape, strict=False) if n != v]
    if variance.ndim != len(shape) or differing != [1]:
        raise ValueError(
            f"{name}: var must have the shape of input, {shape}, or size 1 on one axis, got {variance.shape}"
        )
    return variance


def _at_least(variance: Array, eps: Any) -> Array:
    """The variance clamped, with the derivative of the variance itself."""
    return jnp.where(variance < eps, eps + (variance - lax.stop_gradient(variance)), variance)
