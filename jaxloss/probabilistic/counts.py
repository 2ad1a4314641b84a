"""Likelihoods of counts: Poisson, and negative binomial for counts that vary more."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import numerics, reduce
from jaxloss.divergence.kullback_leibler import bregman
from jaxloss.divergence.rows import difference
from jaxloss.numerics.gamma import stirling_slope
from jaxloss.numerics.slopes import with_slopes
from jaxloss.probabilistic.parameters import predicted
from jaxloss.reduce import Reduction

__all__ = ["negative_binomial_nll", "poisson_nll"]


def poisson_nll(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    log_input: bool = True,
    full: bool = True,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative log-likelihood of counts with a predicted rate, or with its logarithm.

    .. math::  \ell = e^\eta - y \eta + \log y!, \qquad
               \frac{\partial \ell}{\partial \eta} = e^\eta - y, \quad
               \frac{\partial \ell}{\partial \lambda} = 1 - \frac{y}{\lambda}, \qquad \eta = \log \lambda

    Near the optimum the terms cancel, a million against a million; here they do so by hand, and what is left has all
    its digits.

    Args:
      predictions: real array of any shape: the logarithm of the rate, or with ``log_input=False`` the positive rate.
      targets: array of exactly that shape, the counts; any number that is not negative.
      log_input: whether the predictions are logarithms, which a network should predict.
      full: whether to add log y!, without which it is not a probability; it trains nothing.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes, TypeError for integer predictions.
    Example:
      >>> poisson_nll(jnp.array([0.0]), jnp.array([2]))
      Array(1.6931472, dtype=float32)
    References: Cameron and Trivedi (1998), Regression analysis of count data, chapter 3.
    """
    name = "poisson_nll"
    predictions, targets = predicted(name, where, {"predictions": predictions, "targets": targets}, {})
    values = poisson(predictions, targets, log_input=log_input, full=full)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def negative_binomial_nll(
    mean: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    concentration: Real[ArrayLike, "..."],
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative log-likelihood of counts whose variance is :math:`\mu + \mu^2 / r`: a Poisson rate that itself varies.

    .. math::  \ell = \log \frac{\Gamma(r)\, y!}{\Gamma(y + r)} + (r + y) \log(r + \mu) - r \log r - y \log \mu, \qquad
               \frac{\partial \ell}{\partial \mu} = \frac{r (\mu - y)}{\mu (\mu + r)}, \quad
               \frac{\partial \ell}{\partial r} = \log \frac{r + \mu}{r} - \frac{\mu - y}{\mu + r} + \psi(r) -
               \psi(y + r)

    For large r it is the Poisson distribution. The gradient in r is right there too, where it is 1e-12 and the terms of
    the formula are 10.

    Args:
      mean: positive real array of any shape, the predicted mean count.
      targets: array of exactly that shape, the counts; any number that is not negative.
      concentration: positive r; a number, or an array with as many axes that stretch to that shape. Its inverse is the
        dispersion of generalized linear models, and with the probability p of a success the mean is r (1 - p) / p.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or r <= 0, TypeError for integer means.
    Example:
      >>> negative_binomial_nll(jnp.array([2.0]), jnp.array([0]), concentration=1.0)
      Array(1.0986123, dtype=float32)
    References: Cameron and Trivedi (1998), Regression analysis of count data, chapter 3.
    """
    name = "negative_binomial_nll"
    parameters = {"concentration": (concentration, {"above": 0})}
    mean, targets, concentration = predicted(name, where, {"mean": mean, "targets": targets}, parameters)
    values = negative_binomial(mean, targets, concentration)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def poisson(predictions: Array, targets: Array, *, log_input: bool, full: bool = True) -> Array:
    """Return the negative log-likelihood of counts."""
    if full:
        return (_poisson_of_log if log_input else _poisson_of_rate)(predictions, targets)
    if log_input:
        return _poisson_kernel(predictions, targets)
    return _poisson_kernel_of_rate(predictions, targets)


def _digamma_excess(x: Array) -> Array:
    """The digamma function minus the logarithm."""
    return stirling_slope(x) - 0.5 / x


@with_slopes(difference, lambda log_rate, y: (jnp.log1p(y) - log_rate) + _digamma_excess(1 + y))
def _poisson_of_log(log_rate: Array, y: Array) -> Array:
    return bregman(log_rate, y) + numerics.log_factorial_excess(y)


@with_slopes(difference, lambda log_rate, _: -log_rate)
def _poisson_kernel(log_rate: Array, y: Array) -> Array:
    return jnp.exp(log_rate) - y * log_rate


@with_slopes(lambda rate, y: (rate - y) / rate, lambda rate, _: -jnp.log(rate))
def _poisson_kernel_of_rate(rate: Array, y: Array) -> Array:
    return rate - numerics.xlogy(y, rate)


@with_slopes(
    lambda rate, y: (rate - y) / rate, lambda rate, y: numerics.log_ratio(1 + y, rate) + _digamma_excess(1 + y)
)
def _poisson_of_rate(rate: Array, y: Array) -> Array:
    some = jnp.where(y == 0, rate, y)
    near = jnp.abs(rate - some) < 0.5 * some
    close = some * numerics.log1p_excess(jnp.where(near, (rate - some) / some, 0))
    far = (rate - y) - y * numerics.log_ratio(rate, some)
    return jnp.where(near & (y != 0), close, far) + numerics.log_factorial_excess(y)


# ---- negative binomial -----------------------------------------------------------------------------------------------
# The likelihood of y where y is expected, with the powers of Stirling's formula cancelled by hand, is
#   log(2 pi y) / 2 + s(y) + log(1 + y/r) / 2 + s(r) - s(r + y),  0 for y = 0,
# and the rest, half the deviance, with d = mu - y:
#   r log((r + mu) / (r + y)) - y log(mu (y + r) / (y (mu + r)))
#     = r log(1 + d / (r + y)) - y log(1 + r d / (y (mu + r))).
# Its derivative in r is L - q, L = log((r + mu) / (r + y)), q = d / (r + mu): for small q, -log(1 - q) - q ~ q^2 / 2.


def _log_of_quotient(change: Array, below: Array, above: Array) -> Array:
    """log(above / below), where above is below + change."""
    u = change / below
    near = jnp.abs(u) < 0.5
    small = jnp.where(near, u, 0)
    return jnp.where(near, small - numerics.log1p_excess(small), numerics.log_ratio(above, below))


def _log_odds_ratio(mu: Array, y: Array, r: Array) -> Array:
    """log(mu (y + r) / (y (mu + r))) for y > 0: each way has its own terms, and those of one do not cancel."""
    u = (mu - y) / y * (r / (mu + r))
    near = jnp.abs(u) < 0.5
    small = jnp.where(near, u, 0)
    wide = numerics.log_ratio(mu, y) + _log_of_quotient(y - mu, mu + r, y + r)
    narrow = _log_of_quotient(r, y, y + r) - _log_of_quotient(r, mu, mu + r)
    far = jnp.where(r > jnp.maximum(mu, y), wide, narrow)
    return jnp.where(near, small - numerics.log1p_excess(small), far)


def _slope_in_mean(mu: Array, y: Array, r: Array) -> Array:
    return (mu - y) / mu * (r / (mu + r))


def _slope_in_targets(mu: Array, y: Array, r: Array) -> Array:
    wide = numerics.log_ratio(1 + y, mu) + _log_of_quotient(mu - y, r + y, r + mu)
    narrow = _log_of_quotient(1 - r, y + r, y + 1) + _log_of_quotient(r, mu, mu + r)
    logs = jnp.where(r > jnp.maximum(mu, 1 + y), wide, narrow)
    return logs + (_digamma_excess(1 + y) - _digamma_excess(y + r))


def _slope_in_concentration(mu: Array, y: Array, r: Array) -> Array:
    q = (mu - y) / (r + mu)
    near = jnp.abs(q) < 0.5
    excess = numerics.log1p_excess(jnp.where(near, -q, 0))
    deviance = jnp.where(near, excess, _log_of_quotient(mu - y, r + y, r + mu) - q)
    # At 0 the two are equal, but for what a compiler makes of either.
    remainders = jnp.where(y == 0, 0, stirling_slope(r) - stirling_slope(r + y))
    return deviance + (remainders - (y / (r + y)) * (0.5 / r))


@with_slopes(_slope_in_mean, _slope_in_targets, _slope_in_concentration)
def negative_binomial(mu: Array, y: Array, r: Array) -> Array:
    """Return the negative log-likelihood of counts of that mean and concentration."""
    some = jnp.where(y == 0, 1, y)
    deviance = r * _log_of_quotient(mu - y, r + y, r + mu) - jnp.where(y == 0, 0, y * _log_odds_ratio(mu, some, r))
    remainders = numerics.stirling(r) - numerics.stirling(r + some)
    spread = 0.5 * _log_of_quotient(some, r, r + some) + remainders
    return deviance + jnp.where(y == 0, 0, numerics.log_factorial_excess(some) + spread)
