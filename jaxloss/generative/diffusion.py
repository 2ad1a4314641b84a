"""Diffusion and flows: squared errors of a denoising network, weighted by the noise level."""

from __future__ import annotations

import math
from typing import Any, Literal

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.reduce import Reduction

__all__ = ["diffusion", "flow_matching"]

PredictionType = Literal["epsilon", "x0", "v"]
Weighting = Literal["simple", "snr", "truncated_snr", "min_snr", "edm", "sigmoid"]


def diffusion(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    log_snr: Real[ArrayLike, "..."],
    *,
    prediction_type: PredictionType = "epsilon",
    weighting: Weighting = "simple",
    gamma: Real[ArrayLike, "..."] = 5.0,
    sigma_data: Real[ArrayLike, "..."] = 0.5,
    bias: Real[ArrayLike, "..."] = 0.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Weighted squared error of a diffusion model that predicts the noise, the data or the velocity.

    .. math::  \ell = w(\lambda)\, (\hat y - y)^2, \qquad \frac{\partial \ell}{\partial \hat y} = 2 w\, (\hat y - y),
               \qquad \lambda = \log \frac{\alpha^2}{\sigma^2}, \qquad x = \alpha x_0 + \sigma \epsilon

    With S = exp(lambda), the weightings of the papers are W(S) for the error of the data x0. What the network predicts
    has an error as many times as large, squared, as is divided by: w is W / S for epsilon, W for x0, and W / (1 + S)
    for the velocity v = alpha epsilon - sigma x0, of a process with alpha^2 + sigma^2 = 1.

    =============== =========================== =====================================================
    weighting       W(S)                        paper
    =============== =========================== =====================================================
    "simple"        that for which w = 1        Ho et al. (2020), for epsilon
    "snr"           S                           the same, whatever the network predicts
    "truncated_snr" max(S, 1)                   Salimans and Ho (2022)
    "min_snr"       min(S, gamma)               Hang et al. (2023)
    "edm"           S + 1 / sigma_data^2        Karras et al. (2022)
    "sigmoid"       S / (1 + exp(lambda - b))   Kingma and Gao (2023); with b = 0, P2 of Choi et al. (2022)
    =============== =========================== =====================================================

    Neither the signal-to-noise ratio nor a quotient of it is computed where it could overflow and the weight does not.

    Args:
      predictions: real array of any shape, what the network gives.
      targets: array of exactly that shape: epsilon, x0 or v.
      log_snr: logarithm of the signal-to-noise ratio (lambda), a scalar or with as many axes as the predictions: of
        examples, ``log_snr[:, None, None, None]``. For a noise level sigma beside data that are not scaled it is
        ``-2 * log(sigma)``.
      prediction_type: "epsilon", "x0" or "v".
      weighting: one of the table.
      gamma: positive, of "min_snr".
      sigma_data: positive standard deviation of the data, of "edm".
      bias: b of "sigmoid".
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``.
    Raises: ValueError for shapes that do not fit, an unknown name or a parameter out of range, TypeError for integer
      predictions.
    Example:
      >>> diffusion(jnp.array([1.0, 1.0]), jnp.array([0.0, 0.0]), jnp.log(jnp.array([0.1, 50.0])), weighting="min_snr")
      Array(0.55, dtype=float32)
    References: Ho et al. (2020), arXiv:2006.11239; Salimans and Ho (2022), arXiv:2202.00512; Hang et al. (2023),
      arXiv:2303.09556; Karras et al. (2022), arXiv:2206.00364; Kingma and Gao (2023), arXiv:2303.00848; Choi et al.
      (2022), arXiv:2204.00227.
    """
    name = "diffusion"
    checks.choice(name, "prediction_type", prediction_type, ("epsilon", "x0", "v"))
    checks.choice(name, "weighting", weighting, ("simple", "snr", "truncated_snr", "min_snr", "edm", "sigmoid"))
    predictions, targets = checks.real_pair(name, predictions, targets)
    log_snr = checks.parameter(name, "log_snr", log_snr, predictions)
    gamma = checks.parameter(name, "gamma", gamma, predictions, above=0)
    sigma_data = checks.parameter(name, "sigma_data", sigma_data, predictions, above=0)
    bias = checks.parameter(name, "bias", bias, predictions)
    log_snr = jnp.broadcast_to(jnp.asarray(log_snr, predictions.dtype), predictions.shape)
    predictions, targets, log_snr = reduce.keep(name, where, predictions, targets, log_snr)
    residuals = predictions - targets
    signal, noise = _shares(log_snr, prediction_type)
    factors = {
        "simple": lambda: 1,
        "snr": lambda: signal,
        "truncated_snr": lambda: jnp.maximum(signal, noise),
        "min_snr": lambda: jnp.minimum(signal, gamma * noise),
        "edm": lambda: signal + noise / sigma_data**2,
        "sigmoid": lambda: _sigmoid(log_snr, bias, signal, prediction_type),
    }[weighting]()
    values = factors * residuals * residuals
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def flow_matching(
    velocities: Float[ArrayLike, "*shape"],
    noise: Float[ArrayLike, "*shape"],
    data: Float[ArrayLike, "*shape"],
    *,
    sigma_min: Real[ArrayLike, "..."] = 0.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Squared error of a velocity along the straight path from noise to data: rectified flow, conditional transport.

    .. math::  \ell = \left(\hat v - u\right)^2, \qquad u = x_1 - (1 - \sigma_{\min})\, x_0, \qquad
               \frac{\partial \ell}{\partial \hat v} = 2 (\hat v - u)

    The network is given the point t x1 + (1 - (1 - sigma_min) t) x0 at a time t, 0 for noise and 1 for data.

    Args:
      velocities: real array of any shape, what the network gives at such points.
      noise: array of exactly that shape (x0).
      data: array of exactly that shape (x1).
      sigma_min: not negative, how much noise is left at t = 1.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``.
    Raises: ValueError for unequal shapes or a parameter out of range, TypeError for integer arrays.
    Example:
      >>> flow_matching(jnp.array([1.0, 0.0]), jnp.array([0.5, 1.0]), jnp.array([1.5, 3.0]))
      Array(2., dtype=float32)
    References: Lipman et al. (2023), arXiv:2210.02747; Liu et al. (2023), arXiv:2209.03003.
    """
    name = "flow_matching"
    velocities, noise, data = checks.floating(name, velocities=velocities, noise=noise, data=data)
    checks.same_shape(name, velocities=velocities, noise=noise, data=data)
    sigma_min = checks.parameter(name, "sigma_min", sigma_min, velocities, minimum=0, below=1)
    velocities, noise, data = reduce.keep(name, where, velocities, noise, data)
    start = noise if isinstance(sigma_min, int | float) and sigma_min == 0 else (1 - sigma_min) * noise
    values = (velocities - (data - start)) ** 2
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def _shares(log_snr: Array, prediction_type: PredictionType) -> tuple[Array | float, Array | float]:
    """Return S / c and 1 / c, where c is S for epsilon, 1 for x0 and 1 + S for v."""
    largest = math.log(jnp.finfo(log_snr.dtype).max) - 1  # what a minimum does not take must not have the slope 0 * inf
    if prediction_type == "epsilon":
        return jnp.ones_like(log_snr), jnp.exp(jnp.minimum(-log_snr, largest))
    if prediction_type == "x0":
        return jnp.exp(jnp.minimum(log_snr, largest)), jnp.ones_like(log_snr)
    return numerics.sigmoid(log_snr), numerics.sigmoid(-log_snr)


def _sigmoid(log_snr: Array, bias: Any, signal: Array | float, prediction_type: PredictionType) -> Array:
    if prediction_type == "x0":  # S / (1 + S e^-b) = e^b S / (e^b + S)
        return jnp.exp(jnp.asarray(bias, log_snr.dtype)) * numerics.sigmoid(log_snr - bias)
    return signal * numerics.sigmoid(bias - log_snr)
