"""Divergences of rows that are sums of powers of the probabilities: chi-squared, Rényi's and the alpha family."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.divergence.rows import atanh_rest, difference, gap, row_pair, scaled_exp
from jaxloss.numerics.elementary import one_dispatch
from jaxloss.numerics.slopes import with_slopes
from jaxloss.reduce import Reduction

__all__ = ["alpha_divergence", "chi_squared", "renyi"]


def chi_squared(
    log_predictions: Float[ArrayLike, "*shape"],
    targets: Float[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Pearson's chi-squared divergence of rows: squared differences, relative to the prediction.

    .. math::  \ell = \sum_c \frac{(t_c - p_c)^2}{p_c}, \qquad
               \frac{\partial \ell}{\partial \log p_c} = p_c - \frac{t_c^2}{p_c}, \qquad
               \frac{\partial \ell}{\partial t_c} = 2 \left(\frac{t_c}{p_c} - 1\right)

    An impossible class, with a log-prediction of -inf, contributes 0 where the target is 0, and inf where it is not.
    Neyman's divergence has the target in the denominator: `alpha_divergence` with alpha = -1 is half of it.

    Args:
      log_predictions: real array of any shape, logarithms of the predicted probabilities; -inf is legal.
      targets: array of exactly that shape, probabilities along ``axis``.
      axis: the axis of the classes.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``.
    Raises: ValueError for unequal shapes or an axis that is not there, TypeError for integers.
    Example:
      >>> chi_squared(jnp.log(jnp.array([[0.5, 0.5]])), jnp.array([[0.25, 0.75]]))
      Array(0.25, dtype=float32)
    References: Pearson (1900), On the criterion that a given system of deviations, doi:10.1080/14786440009463897.
    """
    log_p, t, axis = row_pair("chi_squared", log_predictions, targets, axis, where)
    values = jnp.sum(_chi_squared(log_p, t), axis)
    return reduce.apply("chi_squared", values, where=where, weights=weights, reduction=reduction)


def renyi(
    log_predictions: Float[ArrayLike, "*shape"],
    targets: Float[ArrayLike, "*shape"],
    *,
    alpha: float | Real[ArrayLike, ""] = 0.5,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Rényi's divergence of order alpha of rows, from targets to predictions; smooth in alpha through 1.

    .. math::  \ell = \frac{1}{\alpha - 1} \log \frac{\sum_c t_c^\alpha p_c^{1 - \alpha}}{\sum_c t_c}, \qquad
               \frac{\partial \ell}{\partial \log p_c} = -\rho_c, \qquad
               \rho_c = \frac{t_c^\alpha p_c^{1 - \alpha}}{\sum_k t_k^\alpha p_k^{1 - \alpha}}

    At alpha = 1 it is KL(targets || predictions), and no digits are lost next to it: to divide by the sum of the
    targets, as Rényi does, keeps their rounding out of the quotient. At alpha = 1/2 it is -2 log(1 - `hellinger`). For
    alpha < 1 an impossible class, with a log-prediction of -inf, costs a finite amount unless it has all of the
    targets; for alpha >= 1 it costs inf where the target is not 0. The gradient of a target of 0, which has no limit
    for alpha <= 1, is 0.

    Args:
      log_predictions: real array of any shape, logarithms of the predicted probabilities; -inf is legal.
      targets: array of exactly that shape, probabilities along ``axis``.
      alpha: positive order; the divergence grows with it; may be learned.
      axis: the axis of the classes.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes, an axis that is not there or an alpha that is not positive, TypeError for
      integers.
    Example:
      >>> renyi(jnp.log(jnp.array([[0.5, 0.5]])), jnp.array([[0.25, 0.75]]), alpha=2)
      Array(0.22314353, dtype=float32)
    References: Rényi (1961), On measures of entropy and information; van Erven and Harremoës (2014), arXiv:1206.2459.
    """
    log_p, t, axis = row_pair("renyi", log_predictions, targets, axis, where)
    alpha = checks.parameter("renyi", "alpha", alpha, jax.ShapeDtypeStruct((), t.dtype), above=0)
    values, _ = _renyi(log_p, t, jnp.asarray(alpha, t.dtype), axis)
    return reduce.apply("renyi", values, where=where, weights=weights, reduction=reduction)


def alpha_divergence(
    log_predictions: Float[ArrayLike, "*shape"],
    targets: Float[ArrayLike, "*shape"],
    *,
    alpha: float | Real[ArrayLike, ""] = 0.5,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Alpha-divergence of rows, from targets to predictions: the family between the two directions of KL.

    .. math::  \ell = \sum_c \frac{t_c^\alpha p_c^{1 - \alpha} - \alpha t_c + (\alpha - 1) p_c}{\alpha (\alpha - 1)}

    .. math::  \frac{\partial \ell}{\partial \log p_c} = \frac{p_c - t_c^\alpha p_c^{1 - \alpha}}{\alpha}, \qquad
               \frac{\partial \ell}{\partial t_c} = \frac{(t_c / p_c)^{\alpha - 1} - 1}{\alpha - 1}

    No term is negative, and rows need not sum to 1. It is smooth in alpha, and no digits are lost next to 0 and 1:

    ====== =====================================================
    alpha
    ====== =====================================================
    1      generalised KL(targets || predictions)
    0      generalised KL(predictions || targets)
    1/2    4 times `hellinger`, the symmetric one
    2, -1  half of Pearson's and of Neyman's chi-squared
    ====== =====================================================

    Amari's alpha is 2 alpha - 1 or 1 - 2 alpha. The gradient of a target of 0, which has no limit for alpha <= 1, is 0;
    its loss is inf for alpha <= 0, as is that of an impossible class for alpha >= 1, unless both are 0.

    Args:
      log_predictions: real array of any shape, logarithms of the predicted probabilities; -inf is legal.
      targets: array of exactly that shape, probabilities along ``axis``.
      alpha: any real number; may be learned.
      axis: the axis of the classes.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in units of the targets.
    Raises: ValueError for unequal shapes or an axis that is not there, TypeError for integers.
    Example:
      >>> alpha_divergence(jnp.log(jnp.array([[0.5, 0.5]])), jnp.array([[0.25, 0.75]]), alpha=2)
      Array(0.125, dtype=float32)
    References: Cichocki and Amari (2010), Families of alpha- beta- and gamma-divergences, doi:10.3390/e12061532.
    """
    log_p, t, axis = row_pair("alpha_divergence", log_predictions, targets, axis, where)
    alpha = checks.parameter("alpha_divergence", "alpha", alpha, jax.ShapeDtypeStruct((), t.dtype))
    values = jnp.sum(_alpha_divergence(log_p, t, alpha), axis)
    return reduce.apply("alpha_divergence", values, where=where, weights=weights, reduction=reduction)


# ---- chi-squared -----------------------------------------------------------------------------------------------------


def _chi_squared_in_log_p(log_p: Array, t: Array) -> Array:
    total = t + jnp.exp(log_p)
    return scaled_exp(difference(log_p, t), -0.5 * log_p) * scaled_exp(total, -0.5 * log_p)


def _chi_squared_in_t(log_p: Array, t: Array) -> Array:
    d = gap(log_p, t)
    near = (t != 0) & (jnp.abs(d) < 1)
    return 2 * jnp.where(near, numerics.expm1(jnp.where(near, -d, 0)), scaled_exp(t, -log_p) - 1)


@with_slopes(_chi_squared_in_log_p, _chi_squared_in_t)
def _chi_squared(log_p: Array, t: Array) -> Array:
    return scaled_exp(difference(log_p, t), -0.5 * log_p) ** 2


# ---- Rényi: D = log(sum_c w_c e^(s L_c)) / s with w = t / sum(t), L = log(t/p) and s = alpha - 1 ---------------------
# With y = L - D: d(log p_c) = -w_c e^(s y_c) = -rho_c, d(t_c) = (e^(s y_c) + (e^(s y_c) - 1) / s) / sum(t) and
# d(alpha) = sum_c rho_c y_c / s = sum_c w_c y_c^2 E_1(s y_c), as sum_c w_c (e^(s y_c) - 1) = 0. E_n is `exp_moment`.
# An impossible class has L = inf: e^(s y) is 0 for s < 0, and for s >= 0 the divergence is inf.


class _Terms(NamedTuple):
    share: Array
    """w, the targets divided by their sum."""
    ratio: Array
    """L, and 0 where the target is 0 or the class impossible."""
    live: Array
    """Where neither is the case."""
    impossible: Array
    """Where the target is not 0, but the prediction is."""
    total: Array
    """Sum of the targets, 1 where it is 0."""


def _terms(log_p: Array, t: Array, axis: int) -> _Terms:
    total = jnp.sum(t, axis, keepdims=True)
    total = jnp.where(total == 0, 1, total)
    impossible = (t != 0) & (log_p == -jnp.inf)
    live = (t != 0) & ~impossible
    return _Terms(t / total, jnp.where(live, -gap(jnp.where(live, log_p, 0), t), 0), live, impossible, total)


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def _renyi(log_p: Array, t: Array, alpha: Array, axis: int) -> tuple[Array, Array]:
    """Return D, and y with 0 where a class is not live."""
    s = alpha - 1
    inverse = 1 / jnp.where(s == 0, 1, s)
    share, ratio, live, impossible, _ = _terms(log_p, t, axis)
    # Everything relative to the class that counts most, so that y is exact where it alone counts.
    x = jnp.where(live, s * ratio, -jnp.inf)
    top = jnp.max(x, axis, keepdims=True)
    part = share * jnp.exp(x - jnp.where(top == -jnp.inf, 0, top))
    first = live & (part == jnp.max(part, axis, keepdims=True))
    centre = jnp.max(jnp.where(first, ratio, -jnp.inf), axis, keepdims=True)
    centre = jnp.where(centre == -jnp.inf, 0, centre)
    apart = jnp.where(live, ratio - centre, 0)
    # Near 0, with a = sum_c w_c (e^(s L) - 1) / s: log(1 + s a) / s = a log(1 + s a) / (s a).
    moderate = jnp.abs(s * apart) < 20
    term = apart * numerics.exp_moment(jnp.where(moderate, s * apart, 0))
    a = jnp.sum(share * jnp.where(impossible, -inverse, term), axis, keepdims=True)
    near = (jnp.abs(s * a) < 0.5) & jnp.all(moderate, axis, keepdims=True)
    z = jnp.where(near, s * a, 0)
    close = a * (2 / (2 + z)) * (1 + atanh_rest(z / (2 + z)))
    mass = jnp.sum(jnp.where(live, share * jnp.exp(s * apart), 0), axis, keepdims=True)
    rest = jnp.where(near, close, jnp.log(jnp.where(near, 1, mass)) * inverse)
    unbounded = jnp.any(impossible, axis, keepdims=True) & (s >= 0)
    values = jnp.where(unbounded, jnp.inf, centre + rest)
    y = jnp.where(live & ~jnp.isinf(values), apart - rest, 0)
    return jnp.squeeze(values, axis), y


def _renyi_jvp(axis: int, primals: Any, tangents: Any) -> Any:
    (log_p, t, alpha), (dlog_p, dt, dalpha) = primals, tangents
    values, y = _renyi(log_p, t, alpha, axis)
    s = alpha - 1
    inverse = 1 / jnp.where(s == 0, 1, s)
    share, _, live, impossible, total = _terms(log_p, t, axis)
    tilt = jnp.where(impossible & (s < 0), 0, jnp.exp(s * y))
    change, move = jnp.zeros_like(jnp.sum(t, axis, keepdims=True)), jnp.zeros_like(t)
    if not isinstance(dlog_p, SymbolicZero):
        change -= jnp.sum(share * tilt * dlog_p, axis, keepdims=True)
        move -= dlog_p
    if not isinstance(dt, SymbolicZero):
        slope = tilt + jnp.where(impossible, -inverse, y * numerics.exp_moment(s * y))
        change += jnp.sum(jnp.where(t == 0, 0, slope) / total * dt, axis, keepdims=True)
        move += dt / jnp.where(t == 0, 1, t)
    if not isinstance(dalpha, SymbolicZero):
        bend = jnp.where(impossible, inverse * inverse, y * y * numerics.exp_moment(s * y, 1))
        change += jnp.sum(share * bend, axis, keepdims=True) * dalpha
    return (values, y), (jnp.squeeze(change, axis), jnp.where(live, move - change, 0))


_renyi.defjvp(_renyi_jvp, symbolic_zeros=True)
_renyi = one_dispatch(_renyi, static_argnums=3)


# ---- the alpha family ------------------------------------------------------------------------------------------------
# With L = log(t/p) and s = alpha - 1 a term is t (e^(s L) - 1 - s (1 - e^-L)) / (s (1 + s)). It stays the same when t
# and p change places and alpha becomes 1 - alpha, so that s >= -1/2 is enough.


def _quotient(x: Array, ratio: Array, s: Array, power: Array) -> Array:
    """The quotient x (e^(s L) - 1) / s, given the power x e^(s L)."""
    endless = jnp.isinf(ratio)
    finite = jnp.where(endless, 0, ratio)
    near = jnp.abs(s * finite) < 1
    inside = jnp.where(
        near, x * finite * numerics.exp_moment(jnp.where(near, s * finite, 0)), (power - x) / jnp.where(near, 1, s)
    )
    limit = jnp.where(s * jnp.sign(ratio) < 0, -x / jnp.where(s == 0, 1, s), ratio)
    return jnp.where(endless, jnp.where(x == 0, 0, limit), inside)


def _log_ratio(log_p: Array, t: Array) -> Array:
    """Logarithm of t / p, 0 where both are 0."""
    return jnp.where(t == 0, jnp.where(log_p == -jnp.inf, 0, -jnp.inf), -gap(log_p, t))


def _power(log_p: Array, t: Array, alpha: Array) -> Array:
    """The power t^alpha p^(1 - alpha), where neither is 0."""
    zero = (t == 0) | (log_p == -jnp.inf)
    return jnp.exp(alpha * jnp.log(jnp.where(zero, 1, t)) + (1 - alpha) * jnp.where(zero, 0, log_p))


def _alpha_in_log_p(log_p: Array, t: Array, alpha: Array) -> Array:
    return -_quotient(jnp.exp(log_p), _log_ratio(log_p, t), alpha, _power(log_p, t, alpha))


def _alpha_in_t(log_p: Array, t: Array, alpha: Array) -> Array:
    ratio = jnp.where(t == 0, 0, _log_ratio(log_p, t))
    power = jnp.exp((alpha - 1) * jnp.where(jnp.isinf(ratio), 0, ratio))
    return _quotient(jnp.ones_like(t), ratio, alpha - 1, power)


def _alpha_in_alpha(log_p: Array, t: Array, alpha: Array) -> Array:
    return jax.jvp(lambda a: _alpha_terms(log_p, t, a), (alpha,), (jnp.ones_like(alpha),))[1]


def _alpha_terms(log_p: Array, t: Array, alpha: Array) -> Array:
    p, ratio = jnp.exp(log_p), _log_ratio(log_p, t)
    forward = alpha >= 0.5
    x, ratio, s = jnp.where(forward, t, p), jnp.where(forward, ratio, -ratio), jnp.where(forward, alpha - 1, -alpha)
    change = jnp.where(forward, 1, -1) * difference(log_p, t)
    near = (t != 0) & (jnp.abs(ratio) < 1)
    small = jnp.where(near, ratio, 0)
    # (e^(s L) - 1 - s L) / s = s L^2 (E_0 - E_1), also at s = 0 and with its derivative there.
    bend = s * small * small * (numerics.exp_moment(s * small) - numerics.exp_moment(s * small, 1))
    close = x * (bend + numerics.exp_excess(-small))
    far = _quotient(x, ratio, s, _power(log_p, t, alpha)) + change
    return jnp.where(near, close, far) / (1 + s)


_alpha_divergence = with_slopes(_alpha_in_log_p, _alpha_in_t, _alpha_in_alpha)(_alpha_terms)
