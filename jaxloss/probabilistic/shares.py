"""Likelihoods of shares: of one between 0 and 1 (beta), and of several that sum to 1 (Dirichlet)."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.numerics.dirichlet import sums_of_others
from jaxloss.numerics.gamma import HALF_LOG_2PI, digamma_rest
from jaxloss.numerics.slopes import with_slopes
from jaxloss.probabilistic.parameters import predicted
from jaxloss.reduce import Reduction
from jaxloss.rows.yes_no import log1m

__all__ = ["beta_distribution_nll", "dirichlet_nll"]


def beta_distribution_nll(
    alpha: Float[ArrayLike, "*shape"],
    beta: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative log-likelihood of a share between 0 and 1 under a beta distribution.

    .. math::  \ell = \log B(\alpha, \beta) - (\alpha - 1) \log y - (\beta - 1) \log(1 - y), \qquad
               \frac{\partial \ell}{\partial \alpha} = \psi(\alpha) - \psi(\alpha + \beta) - \log y

    It has nothing to do with the ``beta`` of `gaussian_nll`. Large parameters, a share that is known precisely, keep
    their digits: the terms, as large as alpha, cancel by hand.

    Args:
      alpha: positive real array of any shape; the mean is alpha / (alpha + beta).
      beta: positive array of exactly that shape.
      targets: array of exactly that shape, inside (0, 1).
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes, TypeError for integer parameters.
    Example:
      >>> beta_distribution_nll(jnp.array([2.0]), jnp.array([1.0]), jnp.array([0.5]))
      Array(0., dtype=float32)
    References: Ferrari and Cribari-Neto (2004), Beta regression for modelling rates and proportions,
      doi:10.1080/0266476042000214501.
    """
    name, data = "beta_distribution_nll", {"alpha": alpha, "beta": beta, "targets": targets}
    alpha, beta, targets = predicted(name, where, data, {}, fill=0.5)
    return reduce.apply(name, _beta(alpha, beta, targets), where=where, weights=weights, reduction=reduction)


def dirichlet_nll(
    concentrations: Float[ArrayLike, "*shape"],
    targets: Float[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative log-likelihood of shares that sum to 1 under a Dirichlet distribution.

    .. math::  \ell = \sum_k \log \Gamma(\alpha_k) - \log \Gamma(A) - \sum_k (\alpha_k - 1) \log y_k, \quad
               A = \sum_k \alpha_k, \qquad
               \frac{\partial \ell}{\partial \alpha_k} = \psi(\alpha_k) - \psi(A) - \log y_k

    Args:
      concentrations: positive real array of any shape, of the classes along ``axis``; the mean is alpha / A.
      targets: array of exactly that shape, positive shares.
      axis: the axis of the classes.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or an axis that is not there, TypeError for integers.
    Example:
      >>> dirichlet_nll(jnp.array([[1.0, 1.0, 1.0]]), jnp.array([[0.2, 0.3, 0.5]]))
      Array(-0.6931472, dtype=float32)
    References: Minka (2000), Estimating a Dirichlet distribution.
    """
    name, arguments = "dirichlet_nll", ("concentrations", "targets")
    alpha, y, axis = checks.dense_rows(name, concentrations, targets, axis, arguments=arguments)
    alpha, y = reduce.keep(name, where, alpha, y, axis=axis, fill=1)
    total = jnp.sum(alpha, axis, keepdims=True)
    classes = alpha.shape[axis]
    constant = (classes - 1) * HALF_LOG_2PI if classes else 0.0
    terms = _share_terms(alpha, y, jnp.broadcast_to(total, alpha.shape), sums_of_others(alpha, axis))
    values = jnp.sum(terms, axis) + jnp.squeeze(_whole(total), axis) + constant
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


# With Stirling's remainder s and the powers of its formula cancelled, log Gamma(alpha_k) - (alpha_k - 1) log y_k and
# -log Gamma(A) are, up to (K - 1) log(2 pi) / 2, the sum of
#   alpha_k log(alpha_k / (A y_k)) + log y_k - log(alpha_k) / 2 + s(alpha_k)  and  log(A) / 2 - s(A).
# The logarithm is small where y_k is near the mean, and the derivatives of the powers cancel: what is left is, with the
# rest R(x) = psi(x) - log(x) + 1/x, log(alpha_k / (A y_k)) + R(alpha_k) - R(A) - (A - alpha_k) / (alpha_k A). The last
# is 1/A - 1/alpha_k, of small concentrations all there is; it counts in the slope of the first part.
def _slope_in_alpha(alpha: Array, y: Array, total: Array, others: Array) -> Array:
    return numerics.log_ratio(alpha / total, y) + (digamma_rest(alpha) - others / total / alpha)


@with_slopes(_slope_in_alpha, lambda alpha, y, *_: (1 - alpha) / y, None, None)
def _share_terms(alpha: Array, y: Array, total: Array, others: Array) -> Array:
    del others
    logs = jnp.log(y) - 0.5 * jnp.log(alpha)
    return alpha * numerics.log_ratio(alpha / total, y) + (logs + numerics.stirling(alpha))


@with_slopes(lambda total: -digamma_rest(total))
def _whole(total: Array) -> Array:
    return 0.5 * jnp.log(total) - numerics.stirling(total)


# For two shares with n = alpha + beta and d = y - alpha / n: log((alpha / n) / y) = -log(1 + d n / alpha) and
# log((beta / n) / (1 - y)) = log(1 + d / (1 - y)): y next to 0 leaves 1 - y no digits, but d has them.
def _logs(alpha: Array, beta: Array, y: Array) -> tuple[Array, Array]:
    n = alpha + beta
    u = (y - alpha / n) / (1 - y)
    near = jnp.abs(u) < 0.5
    small = jnp.where(near, u, 0)
    second = jnp.where(near, small - numerics.log1p_excess(small), numerics.log_ratio(beta / n, 1 - y))
    return numerics.log_ratio(alpha / n, y), second


def _in_alpha(alpha: Array, beta: Array, y: Array) -> Array:
    n = alpha + beta
    return _logs(alpha, beta, y)[0] + ((digamma_rest(alpha) - digamma_rest(n)) - beta / n / alpha)


def _in_beta(alpha: Array, beta: Array, y: Array) -> Array:
    n = alpha + beta
    return _logs(alpha, beta, y)[1] + ((digamma_rest(beta) - digamma_rest(n)) - alpha / n / beta)


@with_slopes(_in_alpha, _in_beta, lambda alpha, beta, y: (beta - 1) / (1 - y) - (alpha - 1) / y)
def _beta(alpha: Array, beta: Array, y: Array) -> Array:
    first, second = _logs(alpha, beta, y)
    n = alpha + beta
    remainders = numerics.stirling(alpha) + numerics.stirling(beta) - numerics.stirling(n)
    powers = jnp.log(y) + log1m(y) - 0.5 * (jnp.log(alpha / n) + jnp.log(beta))
    return alpha * first + beta * second + (powers + (HALF_LOG_2PI + remainders))
