"""Kullback-Leibler divergences of rows: how far a prediction is from a distribution, in nats."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.divergence.rows import difference, gap, row_pair
from jaxloss.numerics.slopes import with_slopes
from jaxloss.reduce import Reduction

__all__ = ["generalized_kl_divergence", "jeffreys", "kl_divergence", "kl_divergence_with_log_targets"]


def kl_divergence(
    log_predictions: Float[ArrayLike, "*shape"],
    targets: Float[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Kullback-Leibler divergence KL(targets || predictions) of rows: the cross-entropy minus the targets' entropy.

    .. math::  \ell = \sum_c t_c (\log t_c - \log p_c), \qquad
               \frac{\partial \ell}{\partial \log p_c} = -t_c, \qquad
               \frac{\partial \ell}{\partial t_c} = \log t_c - \log p_c + 1

    An impossible class, with a log-prediction of -inf, contributes 0 with zero gradient where the target is 0, and inf
    where it is not. A target of 0 contributes 0, and its own gradient, which has no limit, is 0.

    Args:
      log_predictions: real array of any shape, logarithms of the predicted probabilities; -inf is legal.
      targets: array of exactly that shape, probabilities along ``axis``.
      axis: the axis of the classes.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or an axis that is not there, TypeError for integers.
    Example:
      >>> kl_divergence(jnp.log(jnp.array([[0.5, 0.5, 0.0]])), jnp.array([[0.25, 0.75, 0.0]]))
      Array(0.13081202, dtype=float32)
    References: Kullback and Leibler (1951), On information and sufficiency, doi:10.1214/aoms/1177729694.
    """
    log_p, t, axis = row_pair("kl_divergence", log_predictions, targets, axis, where)
    values = jnp.sum(_relative_entropy(log_p, t), axis)
    return reduce.apply("kl_divergence", values, where=where, weights=weights, reduction=reduction)


def kl_divergence_with_log_targets(
    log_predictions: Float[ArrayLike, "*shape"],
    log_targets: Float[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Kullback-Leibler divergence KL(targets || predictions) of rows, both given by their logarithms.

    .. math::  \ell = \sum_c t_c (\log t_c - \log p_c), \qquad
               \frac{\partial \ell}{\partial \log p_c} = -t_c, \qquad
               \frac{\partial \ell}{\partial \log t_c} = t_c (\log t_c - \log p_c + 1)

    A class that is impossible for the targets contributes 0 with zero gradient, also where the prediction is -inf.

    Args:
      log_predictions: real array of any shape, logarithms of the predicted probabilities; -inf is legal.
      log_targets: array of exactly that shape, logarithms of probabilities along ``axis``; -inf is legal.
      axis: the axis of the classes.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or an axis that is not there, TypeError for integers.
    Example:
      >>> log_targets = jnp.log(jnp.array([[0.25, 0.75, 0.0]]))
      >>> kl_divergence_with_log_targets(jnp.log(jnp.array([[0.5, 0.5, 0.0]])), log_targets)
      Array(0.13081202, dtype=float32)
    References: Kullback and Leibler (1951), On information and sufficiency, doi:10.1214/aoms/1177729694.
    """
    name, arguments = "kl_divergence_with_log_targets", ("log_predictions", "log_targets")
    log_p, log_t, axis = checks.dense_rows(name, log_predictions, log_targets, axis, arguments=arguments)
    log_p, log_t = reduce.keep(name, where, log_p, log_t, axis=axis)
    values = jnp.sum(_relative_entropy_of_logs(log_p, log_t), axis)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def generalized_kl_divergence(
    log_predictions: Float[ArrayLike, "*shape"],
    targets: Float[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Kullback-Leibler divergence of rows that need not sum to 1: positive numbers, counts, intensities.

    .. math::  \ell = \sum_c t_c \log \frac{t_c}{p_c} - t_c + p_c, \qquad
               \frac{\partial \ell}{\partial \log p_c} = p_c - t_c, \qquad
               \frac{\partial \ell}{\partial t_c} = \log t_c - \log p_c

    No term is negative, and each is 0 only where prediction and target agree; of nearly equal rows no digits are lost.
    A target of 0 contributes the prediction, and its own gradient, which has no limit, is 0.

    Args:
      log_predictions: real array of any shape, logarithms of positive numbers; -inf is legal.
      targets: array of exactly that shape, not negative.
      axis: the axis to sum over.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in units of the targets.
    Raises: ValueError for unequal shapes or an axis that is not there, TypeError for integers.
    Example:
      >>> generalized_kl_divergence(jnp.log(jnp.array([[2.0, 1.0]])), jnp.array([[4.0, 0.0]]))
      Array(1.7725887, dtype=float32)
    References: Csiszár (1991), Why least squares and maximum entropy?, doi:10.1214/aos/1176348385.
    """
    name = "generalized_kl_divergence"
    log_p, t, axis = row_pair(name, log_predictions, targets, axis, where)
    values = jnp.sum(bregman(log_p, t), axis)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def jeffreys(
    log_predictions: Float[ArrayLike, "*shape"],
    targets: Float[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Jeffreys' divergence of rows: KL(targets || predictions) + KL(predictions || targets).

    .. math::  \ell = \sum_c (p_c - t_c) \log \frac{p_c}{t_c}, \qquad
               \frac{\partial \ell}{\partial \log p_c} = p_c \log \frac{p_c}{t_c} + p_c - t_c, \qquad
               \frac{\partial \ell}{\partial t_c} = \log \frac{t_c}{p_c} + 1 - \frac{p_c}{t_c}

    It is inf where one of the two is impossible and the other is not, for one-hot targets above all; `jensen_shannon`
    is symmetric and bounded. Where both are 0 it is 0 with zero gradient.

    Args:
      log_predictions: real array of any shape, logarithms of the predicted probabilities; -inf is legal.
      targets: array of exactly that shape, probabilities along ``axis``.
      axis: the axis of the classes.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or an axis that is not there, TypeError for integers.
    Example:
      >>> jeffreys(jnp.log(jnp.array([[0.5, 0.5]])), jnp.array([[0.25, 0.75]]))
      Array(0.27465308, dtype=float32)
    References: Jeffreys (1946), An invariant form for the prior probability, doi:10.1098/rspa.1946.0056.
    """
    log_p, t, axis = row_pair("jeffreys", log_predictions, targets, axis, where)
    values = jnp.sum(_jeffreys(log_p, t), axis)
    return reduce.apply("jeffreys", values, where=where, weights=weights, reduction=reduction)


@with_slopes(lambda _, t: -t, lambda log_p, t: jnp.where(t == 0, 0, 1 - gap(log_p, t)))
def _relative_entropy(log_p: Array, t: Array) -> Array:
    return jnp.where(t == 0, 0, -t * gap(log_p, t))


def _gap_of_logs(log_p: Array, log_t: Array) -> Array:
    """Logarithm of t / p, and 0 where t is 0."""
    empty = jnp.exp(log_t) == 0
    return jnp.where(empty, 0, log_t) - jnp.where(empty, 0, log_p)


@with_slopes(lambda _, log_t: -jnp.exp(log_t), lambda log_p, log_t: jnp.exp(log_t) * (1 + _gap_of_logs(log_p, log_t)))
def _relative_entropy_of_logs(log_p: Array, log_t: Array) -> Array:
    return jnp.exp(log_t) * _gap_of_logs(log_p, log_t)


# With d = log(p/t) it is t (e^d - 1 - d), near d = 0 that is t d^2 / 2. Elsewhere p is better than t e^d, in which the
# rounding of d is multiplied by d.
@with_slopes(difference, lambda log_p, t: -gap(log_p, t))
def bregman(log_p: Array, t: Array) -> Array:
    """Return the terms t log(t/p) - t + p."""
    d = gap(log_p, t)
    near = (t != 0) & (d > -1) & (d < 2)
    far = jnp.exp(log_p) - jnp.where(t == 0, 0, t * (1 + d))
    return jnp.where(near, t * numerics.exp_excess(jnp.where(near, d, 0)), far)


def _log_ratio(log_p: Array, t: Array) -> Array:
    """Logarithm of p / t, which is inf for t = 0, and 0 where both are 0."""
    p_is_zero = jnp.exp(log_p) == 0
    return jnp.where(t == 0, jnp.where(p_is_zero, 0, jnp.inf), gap(log_p, t))


def _jeffreys_in_log_p(log_p: Array, t: Array) -> Array:
    p = jnp.exp(log_p)
    return jnp.where(p == 0, -t, p * jnp.where(p == 0, 0, _log_ratio(log_p, t)) + difference(log_p, t))


def _jeffreys_in_t(log_p: Array, t: Array) -> Array:
    return -_log_ratio(log_p, t) - jnp.where(t == 0, 0, difference(log_p, t) / jnp.where(t == 0, 1, t))


@with_slopes(_jeffreys_in_log_p, _jeffreys_in_t)
def _jeffreys(log_p: Array, t: Array) -> Array:
    return difference(log_p, t) * _log_ratio(log_p, t)
