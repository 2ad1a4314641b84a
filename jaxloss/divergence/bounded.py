"""Divergences of rows that are bounded: finite for every pair of distributions, one-hot ones included."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.divergence.rows import atanh_rest, difference, gap, row_pair
from jaxloss.numerics.slopes import with_slopes
from jaxloss.reduce import Reduction

__all__ = ["hellinger", "jensen_shannon", "total_variation_distance"]


def jensen_shannon(
    log_predictions: Float[ArrayLike, "*shape"],
    targets: Float[ArrayLike, "*shape"],
    *,
    beta: float | Real[ArrayLike, ""] = 0.5,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Jensen-Shannon divergence of rows: mean divergence of predictions and targets from their mixture.

    .. math::  \ell = \beta \, \mathrm{KL}(t \| m) + (1 - \beta) \, \mathrm{KL}(p \| m), \qquad
               m = \beta t + (1 - \beta) p

    .. math::  \frac{\partial \ell}{\partial \log p_c} = (1 - \beta) \, p_c \log \frac{p_c}{m_c}, \qquad
               \frac{\partial \ell}{\partial t_c} = \beta \log \frac{t_c}{m_c}

    With beta = 1/2 it is symmetric, at most log 2, and its root is a metric. As beta goes to 0 or 1 the divergence goes
    to 0, not to a Kullback-Leibler divergence: as beta goes to 0, :math:`\ell / \beta \to \mathrm{KL}(t \| p)`.
    Distillation libraries (Liger, TRL) put KL(t || p) at beta = 0 and KL(p || t) at beta = 1 by hand, with a jump; here
    beta has no such values, and the first of the two is `kl_divergence`. The gradient of a target of 0, which has no
    limit, is 0.

    Args:
      log_predictions: real array of any shape, logarithms of the predicted probabilities; -inf is legal.
      targets: array of exactly that shape, probabilities along ``axis``.
      beta: share of the targets in the mixture, in (0, 1); may be learned.
      axis: the axis of the classes.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats, between 0 and the entropy of beta.
    Raises: ValueError for unequal shapes, an axis that is not there or a beta out of its range, TypeError for integers.
    Example:
      >>> log_p = jnp.log(jnp.array([[1.0, 0.0], [1.0, 0.0]]))
      >>> jensen_shannon(log_p, jnp.array([[0.0, 1.0], [1.0, 0.0]]), reduction="none")
      Array([0.6931472, 0.       ], dtype=float32)
    References: Lin (1991), Divergence measures based on the Shannon entropy, doi:10.1109/18.61115; generalised, for
      distillation: Agarwal et al. (2024), arXiv:2306.13649.
    """
    log_p, t, axis = row_pair("jensen_shannon", log_predictions, targets, axis, where)
    beta = checks.parameter("jensen_shannon", "beta", beta, jax.ShapeDtypeStruct((), t.dtype), above=0, below=1)
    values = jnp.sum(_jensen_shannon(log_p, t, beta), axis)
    return reduce.apply("jensen_shannon", values, where=where, weights=weights, reduction=reduction)


def total_variation_distance(
    log_predictions: Float[ArrayLike, "*shape"],
    targets: Float[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Total variation distance of rows: the largest difference in the probability of any event.

    .. math::  \ell = \tfrac12 \sum_c |p_c - t_c|, \qquad
               \frac{\partial \ell}{\partial \log p_c} = \tfrac12 p_c \operatorname{sign}(p_c - t_c), \qquad
               \frac{\partial \ell}{\partial t_c} = \tfrac12 \operatorname{sign}(t_c - p_c)

    Args:
      log_predictions: real array of any shape, logarithms of the predicted probabilities; -inf is legal.
      targets: array of exactly that shape, probabilities along ``axis``.
      axis: the axis of the classes.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; between 0 and 1. Without the 1/2 it is the L1
      distance, which some call by the same name.
    Raises: ValueError for unequal shapes or an axis that is not there, TypeError for integers.
    Example:
      >>> total_variation_distance(jnp.log(jnp.array([[0.5, 0.5, 0.0]])), jnp.array([[0.25, 0.25, 0.5]]))
      Array(0.5, dtype=float32)
    References: Gibbs and Su (2002), Choosing and bounding probability metrics, doi:10.1111/j.1751-5823.2002.tb00178.x.
    """
    name = "total_variation_distance"
    log_p, t, axis = row_pair(name, log_predictions, targets, axis, where)
    values = jnp.sum(_half_distance(log_p, t), axis)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def hellinger(
    log_predictions: Float[ArrayLike, "*shape"],
    targets: Float[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Squared Hellinger distance of rows: one minus their overlap.

    .. math::  \ell = \tfrac12 \sum_c (\sqrt{p_c} - \sqrt{t_c})^2, \qquad
               \frac{\partial \ell}{\partial \log p_c} = \tfrac12 \sqrt{p_c} (\sqrt{p_c} - \sqrt{t_c}), \qquad
               \frac{\partial \ell}{\partial t_c} = \frac{\sqrt{t_c} - \sqrt{p_c}}{2 \sqrt{t_c}}

    The square, not the distance: that has an infinite slope where the two rows are equal. The gradient of a target of
    0, which has no limit, is 0.

    Args:
      log_predictions: real array of any shape, logarithms of the predicted probabilities; -inf is legal.
      targets: array of exactly that shape, probabilities along ``axis``.
      axis: the axis of the classes.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; between 0 and 1, its root is the distance.
    Raises: ValueError for unequal shapes or an axis that is not there, TypeError for integers.
    Example:
      >>> hellinger(jnp.log(jnp.array([[1.0, 0.0]])), jnp.array([[0.36, 0.64]]))
      Array(0.4, dtype=float32)
    References: Hellinger (1909), Neue Begründung der Theorie quadratischer Formen, doi:10.1515/crll.1909.136.210.
    """
    log_p, t, axis = row_pair("hellinger", log_predictions, targets, axis, where)
    values = jnp.sum(_squared_hellinger(log_p, t), axis)
    return reduce.apply("hellinger", values, where=where, weights=weights, reduction=reduction)


# ---- Jensen-Shannon: beta G(t, m) + (1 - beta) G(p, m) with G(x, m) = x log(x/m) - x + m >= 0 ------------------------
# What was added cancels in the sum, and no digits are lost where p is near t. Differentiating, d(t) = log(t/m) beta;
# d(p) = log(p/m) (1 - beta); d(beta) = t log(t/m) - p log(p/m) - (t - p) = G(t, m) - G(p, m).


def _mixture(log_p: Array, t: Array, beta: Array) -> tuple[Array, Array, Array, Array]:
    """The prediction p, the mixture m, t - m and p - m."""
    p = jnp.exp(log_p)
    change = -difference(log_p, t)
    return p, beta * t + (1 - beta) * p, (1 - beta) * change, -beta * change


# With r = (x - m) / (x + m): x/m = (1 + r) / (1 - r), so that log(x/m) = 2 atanh(r), and
# G = (x + m) r (r + (1 + r) (atanh(r) / r - 1)).
def _excess(x: Array, m: Array, change: Array) -> Array:
    """The terms G(x, m), where change = x - m."""
    total = x + m
    r = change / jnp.where(total == 0, 1, total)
    near = jnp.abs(r) < 0.5
    s = jnp.where(near, r, 0)
    far = jnp.where(x == 0, 0, x * jnp.log(jnp.where(near | (x == 0), 1, x / jnp.where(m == 0, 1, m))))
    return jnp.where(near, total * s * (s + (1 + s) * atanh_rest(s)), far - change)


@jax.custom_jvp
def _log_ratio(x: Array, m: Array, change: Array) -> Array:
    """Logarithm of x / m, 0 at x = 0, where change = x - m."""
    total = x + m
    r = change / jnp.where(total == 0, 1, total)
    near = jnp.abs(r) < 0.5
    s = jnp.where(near, r, 0)
    far = jnp.log(jnp.where(near | (x == 0), 1, x / jnp.where(m == 0, 1, m)))
    return jnp.where(near, 2 * s * (1 + atanh_rest(s)), far)


@_log_ratio.defjvp
def _(primals: Any, tangents: Any) -> tuple[Array, Array]:
    (x, m, _), (dx, dm, _) = primals, tangents
    zero = x == 0
    slope = dx / jnp.where(zero, 1, x) - dm / jnp.where(zero, 1, m)
    return _log_ratio(*primals), jnp.where(zero, 0, slope)


def _in_log_p(log_p: Array, t: Array, beta: Array) -> Array:
    p, m, _, change = _mixture(log_p, t, beta)
    return (1 - beta) * p * _log_ratio(p, m, change)


def _in_t(log_p: Array, t: Array, beta: Array) -> Array:
    _, m, change, _ = _mixture(log_p, t, beta)
    return beta * _log_ratio(t, m, change)


def _in_beta(log_p: Array, t: Array, beta: Array) -> Array:
    p, m, above, below = _mixture(log_p, t, beta)
    return _excess(t, m, above) - _excess(p, m, below)


@with_slopes(_in_log_p, _in_t, _in_beta)
def _jensen_shannon(log_p: Array, t: Array, beta: Array) -> Array:
    p, m, above, below = _mixture(log_p, t, beta)
    return beta * _excess(t, m, above) + (1 - beta) * _excess(p, m, below)


# ---- the others ------------------------------------------------------------------------------------------------------


def _side(log_p: Array, t: Array) -> Array:
    """The sign of p - t, also of a p beside t = 0 that its dtype cannot hold."""
    return jnp.where((t == 0) & (log_p > -jnp.inf), 1, jnp.sign(difference(log_p, t)))


@with_slopes(
    lambda log_p, t: 0.5 * _side(log_p, t) * jnp.exp(log_p),
    lambda log_p, t: -0.5 * _side(log_p, t),
)
def _half_distance(log_p: Array, t: Array) -> Array:
    return 0.5 * jnp.abs(difference(log_p, t))


def _root(t: Array) -> Array:
    """Square root whose derivative at 0 is 0."""
    return jnp.where(t == 0, 0, jnp.sqrt(jnp.where(t == 0, 1, t)))


# As in `difference`, sqrt p - sqrt t = sqrt t (e^(d/2) - 1).
@with_slopes(
    lambda log_p, _: 0.5 * jnp.exp(0.5 * log_p),
    lambda _, t: jnp.where(t == 0, 0, -0.5 / jnp.sqrt(jnp.where(t == 0, 1, t))),
)
def _root_difference(log_p: Array, t: Array) -> Array:
    """The difference of the roots of p and t."""
    d = gap(log_p, t)
    near = (t != 0) & (jnp.abs(d) < 1)
    return jnp.where(near, _root(t) * numerics.expm1(jnp.where(near, 0.5 * d, 0)), jnp.exp(0.5 * log_p) - _root(t))


def _squared_hellinger(log_p: Array, t: Array) -> Array:
    return 0.5 * _root_difference(log_p, t) ** 2
