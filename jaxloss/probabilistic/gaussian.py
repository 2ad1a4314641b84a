"""The Gaussian likelihood, of a mean and a variance that are both predicted."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.numerics.gamma import HALF_LOG_2PI
from jaxloss.numerics.pairs import ratio
from jaxloss.probabilistic.parameters import predicted, spread_of
from jaxloss.reduce import Reduction

__all__ = ["gaussian_nll"]


def gaussian_nll(
    mean: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    variance: Real[ArrayLike, "..."] | None = None,
    log_variance: Real[ArrayLike, "..."] | None = None,
    stddev: Real[ArrayLike, "..."] | None = None,
    beta: Real[ArrayLike, "..."] = 0.0,
    full: bool = True,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative log-likelihood of a Gaussian, its spread given in one of three ways.

    .. math::  \ell = \tfrac12 \left(s + e^{-s} r^2 + \log 2\pi\right), \qquad
               \frac{\partial \ell}{\partial \mu} = e^{-s} r, \quad
               \frac{\partial \ell}{\partial s} = \tfrac12 \left(1 - e^{-s} r^2\right), \qquad
               r = \mu - y, \ s = \log \sigma^2

    Nothing is clipped: a network should predict ``log_variance``, of which every number is legal. With ``beta`` the
    value, and so both gradients, is multiplied by :math:`\sigma^{2\beta}` that is held fixed. At 0 a region of large
    variance hardly trains the mean; at 1 the mean is trained as by the squared error; 0.5 is the authors' advice.

    Args:
      mean: real array of any shape, the predicted mean.
      targets: array of exactly that shape.
      variance: positive; a number, or an array with as many axes that stretch to that shape. It may be learned.
      log_variance: its logarithm, instead.
      stddev: its root, instead.
      beta: in [0, 1], the exponent of beta-NLL.
      full: whether to add log(2 pi) / 2, without which the density does not integrate to 1.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError unless exactly one spread is given, or for shapes that do not fit; TypeError for integer means.
    Example:
      >>> gaussian_nll(jnp.array([1.0, 0.0]), jnp.array([0.0, 0.0]), log_variance=jnp.array([0.0, 2.0]))
      Array(1.6689385, dtype=float32)
    References: Nix and Weigend (1994), doi:10.1109/ICNN.1994.374138; beta: Seitzer et al. (2022), On the pitfalls of
      heteroscedastic uncertainty estimation, arXiv:2203.09168.
    """
    name = "gaussian_nll"
    kind, spread = spread_of(name, variance=variance, log_variance=log_variance, stddev=stddev)
    bounds: dict[str, float] = {} if kind == "log_variance" else {"above": 0}
    mean, targets, spread = predicted(name, where, {"mean": mean, "targets": targets}, {kind: (spread, bounds)})
    beta = checks.parameter(name, "beta", beta, mean, minimum=0, maximum=1)
    log_stddev, z = standardized(kind, mean - targets, spread)
    values = log_stddev + 0.5 * z * z + (HALF_LOG_2PI if full else 0)
    if not (isinstance(beta, int | float) and beta == 0):
        values = values * jnp.exp(2 * beta * lax.stop_gradient(log_stddev))
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def standardized(kind: str, residuals: Array, spread: Array) -> tuple[Array, Array]:
    """Return the logarithm of the standard deviation, and the residuals in units of it."""
    # By `ratio`: the derivative of x / y has a factor y^-2, which leaves the range long before the product does.
    if kind == "log_variance":
        # In two steps: the square of the ratio may be representable where e^-s is not.
        quarter = jnp.exp(-0.25 * spread)
        return 0.5 * spread, (residuals * quarter) * quarter
    if kind == "variance":
        return 0.5 * jnp.log(spread), ratio(residuals, jnp.sqrt(spread))
    return jnp.log(spread), ratio(residuals, spread)
