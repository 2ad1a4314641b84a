"""Losses of positive targets, such as durations, sums and claims, whose spread grows with their mean."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.numerics.pairs import ratio
from jaxloss.numerics.slopes import with_slopes
from jaxloss.probabilistic.parameters import predicted
from jaxloss.reduce import Reduction

__all__ = ["gamma_nll", "tweedie"]


def gamma_nll(
    mean: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    concentration: Real[ArrayLike, "..."],
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative log-likelihood of a gamma distribution, given by its mean and its concentration.

    .. math::  \ell = \log \Gamma(\alpha) - \alpha \log \frac{\alpha}{\mu} - (\alpha - 1) \log y +
               \frac{\alpha y}{\mu}, \qquad
               \frac{\partial \ell}{\partial \mu} = \frac{\alpha (\mu - y)}{\mu^2}, \quad
               \frac{\partial \ell}{\partial \alpha} = \psi(\alpha) - \log \alpha + \frac{y}{\mu} - 1 -
               \log \frac{y}{\mu}

    The standard deviation is the mean over the root of the concentration: errors count in relation to the mean. A
    concentration of 1 is the exponential distribution.

    Args:
      mean: positive real array of any shape, the predicted mean.
      targets: positive array of exactly that shape.
      concentration: positive (alpha); a number, or an array with as many axes that stretch to that shape. The rate is
        concentration / mean.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a concentration that is not positive, TypeError for integer means.
    Example:
      >>> gamma_nll(jnp.array([2.0]), jnp.array([2.0]), concentration=1.0)
      Array(1.6931472, dtype=float32)
    References: McCullagh and Nelder (1989), Generalized linear models, chapter 8.
    """
    name, parameters = "gamma_nll", {"concentration": (concentration, {"above": 0})}
    mean, targets, alpha = predicted(name, where, {"mean": mean, "targets": targets}, parameters)
    normalizer = numerics.log_ratio(targets, alpha) + numerics.log_factorial_excess(alpha)
    values = _weighted_excess(targets, mean, alpha) + normalizer
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def tweedie(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    power: float = 1.5,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Tweedie's unit deviance: for targets whose variance is a power of their mean, and which may be exactly 0.

    .. math::  \ell = 2 \left(\frac{y^{2-p}}{(1-p)(2-p)} - \frac{y \mu^{1-p}}{1-p} + \frac{\mu^{2-p}}{2-p}\right),
               \qquad \frac{\partial \ell}{\partial \mu} = 2 \mu^{-p} (\mu - y)

    It is twice the log-likelihood that is lost to a perfect prediction, in units of the dispersion: 0 there, and smooth
    in p through the special cases 0 (squared error), 1 (Poisson) and 2 (gamma). Powers between 1 and 2 are sums of a
    random number of gamma variables: rain, insurance claims. A target of 0 costs inf from p = 2 on.

    Args:
      predictions: positive real array of any shape, the predicted mean.
      targets: array of exactly that shape, not negative.
      power: p, 0 or at least 1; a number.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in units of the target to the power 2 - p.
    Raises: ValueError for unequal shapes or a power for which there is no distribution, TypeError for integers.
    Example:
      >>> tweedie(jnp.array([1.0, 1.0]), jnp.array([0.0, 4.0]), reduction="none")
      Array([4., 4.], dtype=float32)
    References: Jørgensen (1987), Exponential dispersion models, doi:10.1111/j.2517-6161.1987.tb01685.x.
    """
    predictions, targets = predicted("tweedie", where, {"predictions": predictions, "targets": targets}, {})
    power = checks.parameter("tweedie", "power", power, predictions, minimum=0)
    if not isinstance(power, int | float) or 0 < power < 1:
        raise ValueError(f"tweedie: power must be a number, 0 or at least 1, got {power}")
    values = _tweedie(power)(predictions, targets)
    return reduce.apply("tweedie", values, where=where, weights=weights, reduction=reduction)


# The difference is exact where it matters, and 1 + its quotient is y / mu. XLA makes a / (b c) of a / b / c, and b c
# may leave the range: not of a `ratio`. Nor does alpha (y - mu) / mu^2 where it is multiplied in this order.
@with_slopes(
    lambda y, mu, alpha: (alpha / y) * ratio(y - mu, mu),
    lambda y, mu, alpha: (alpha / mu) * ratio(mu - y, mu),
    lambda y, mu, _: _relative_excess(y, mu),
)
def _weighted_excess(y: Array, mu: Array, alpha: Array) -> Array:
    return alpha * _relative_excess(y, mu)


def _relative_excess(y: Array, mu: Array) -> Array:
    """Return y / mu - 1 - log(y / mu)."""
    u = (y - mu) / mu
    near = jnp.abs(u) < 0.5
    return jnp.where(near, numerics.log1p_excess(jnp.where(near, u, 0)), (y / mu - 1) - numerics.log_ratio(y, mu))


# With L = log(mu / y), a = 1 - p and h(x) = (e^x - 1) / x the deviance is 2 y^(2-p) L (h(aL + L) - h(aL)), and its
# slope in y -2 y^(1-p) L h(aL). Near L = 0, h(x + L) - h(x) = sum of ((x + L)^k - x^k) / (k + 1)!, with a factor L.
def _tweedie(p: float) -> Any:
    a = 1.0 - p

    def in_targets(mu: Array, y: Array) -> Array:
        some = jnp.where(y == 0, 1, y)
        log = numerics.log_ratio(mu, some)
        at_zero = -2 / a * numerics.power(mu, a) if a > 0 else -jnp.inf
        return jnp.where(y == 0, at_zero, -2 * numerics.power(some, a) * log * numerics.exp_moment(a * log))

    @with_slopes(lambda mu, y: 2 * (mu - y) * numerics.power(mu, -p), in_targets)
    def deviance(mu: Array, y: Array) -> Array:
        some = jnp.where(y == 0, 1, y)
        log = numerics.log_ratio(mu, some)
        near = jnp.abs(log) < 1 / (1 + abs(a))
        small = jnp.where(near, log, 0)
        x, power, quotient, total = a * small, jnp.ones_like(mu), jnp.ones_like(mu), 0.5 * jnp.ones_like(mu)
        factor = 0.5
        for k in range(2, 14 if mu.dtype == jnp.float32 else 24):
            power, factor = power * x, factor / (k + 1)
            quotient = quotient * (x + small) + power
            total = total + factor * quotient
        apart = numerics.exp_moment((a + 1) * log) - numerics.exp_moment(a * log)
        values = 2 * numerics.power(some, a + 1) * (log * jnp.where(near, small * total, apart))
        at_zero = 2 / (1 + a) * numerics.power(mu, 1 + a) if a > -1 else jnp.inf
        return jnp.where(y == 0, at_zero, values)

    return deviance
