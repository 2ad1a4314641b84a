"""Kullback-Leibler divergences in closed form: from means and log-variances, and from logits."""

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
from jaxloss.divergence.rows import scaled_exp
from jaxloss.numerics.elementary import one_dispatch
from jaxloss.numerics.slopes import with_slopes
from jaxloss.reduce import Reduction

__all__ = ["bernoulli_kl", "categorical_kl", "gaussian_kl"]


def gaussian_kl(
    mean_p: Float[ArrayLike, "*shape"],
    logvar_p: Float[ArrayLike, "*shape"],
    mean_q: Float[ArrayLike, "*shape"],
    logvar_q: Float[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Divergence KL(p || q) of two Gaussians with diagonal covariances, given by means and log-variances.

    .. math::  \ell = \tfrac12 \sum_j e^{d_j} - 1 - d_j + e^{-s^q_j} (\mu^p_j - \mu^q_j)^2, \qquad d = s^p - s^q

    .. math::  \frac{\partial \ell}{\partial \mu^p_j} = e^{-s^q_j} (\mu^p_j - \mu^q_j), \quad
               \frac{\partial \ell}{\partial s^p_j} = \tfrac12 (e^{d_j} - 1), \quad
               \frac{\partial \ell}{\partial s^q_j} = \tfrac12 (1 - e^{d_j}) - \tfrac12 e^{-s^q_j} (\mu^p_j - \mu^q_j)^2

    No digits are lost where the two are nearly equal, and nothing overflows that need not. With q the unit Gaussian it
    is `gaussian_vae_kl`.

    Args:
      mean_p: real array of any shape, means along ``axis``.
      logvar_p: array of exactly that shape, logarithms of the variances.
      mean_q: likewise, of the second Gaussian.
      logvar_q: likewise.
      axis: the axis to sum over.
      where, weights, reduction: see :doc:`/reductions`; the unreduced divergence has the shape without ``axis``.
    Returns: a scalar, or one value per pair of Gaussians with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or an axis that is not there, TypeError for integers.
    Example:
      >>> gaussian_kl(jnp.array([[1.0]]), jnp.array([[0.0]]), jnp.array([[0.0]]), jnp.array([[0.0]]))
      Array(0.5, dtype=float32)
    References: Kullback (1959), Information theory and statistics, chapter 9.
    """
    name = "gaussian_kl"
    data = {"mean_p": mean_p, "logvar_p": logvar_p, "mean_q": mean_q, "logvar_q": logvar_q}
    mean_p, logvar_p, mean_q, logvar_q = checks.floating(name, **data)
    checks.same_shape(name, mean_p=mean_p, logvar_p=logvar_p, mean_q=mean_q, logvar_q=logvar_q)
    axis = checks.row_axis(name, mean_p, axis, "mean_p")
    mean_p, logvar_p, mean_q, logvar_q = reduce.keep(name, where, mean_p, logvar_p, mean_q, logvar_q, axis=axis)
    distances = _standardized_square(mean_p - mean_q, logvar_q)
    values = jnp.sum(0.5 * numerics.exp_excess(logvar_p - logvar_q) + 0.5 * distances, axis)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def bernoulli_kl(
    logits_p: Float[ArrayLike, "*shape"],
    logits_q: Float[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Divergence KL(p || q) of two coins, given by the logits of their heads.

    .. math::  \ell = p \log \frac{p}{q} + (1 - p) \log \frac{1 - p}{1 - q}, \qquad
               \frac{\partial \ell}{\partial a} = p (1 - p) (a - b), \quad \frac{\partial \ell}{\partial b} = q - p,
               \qquad p = \sigma(a), \ q = \sigma(b)

    No digits are lost where the two are nearly equal, nor where they are saturated.

    Args:
      logits_p: real array of any shape, the logits a.
      logits_q: array of exactly that shape, the logits b.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes, TypeError for integers.
    Example:
      >>> bernoulli_kl(jnp.array([0.0, 1e-3, -100.0]), jnp.array([1.0, 0.0, 100.0]), reduction="none")
      Array([1.201145e-01, 1.250000e-07, 1.000000e+02], dtype=float32)
    References: Kullback and Leibler (1951), On information and sufficiency, doi:10.1214/aoms/1177729694.
    """
    logits_p, logits_q = checks.floating("bernoulli_kl", logits_p=logits_p, logits_q=logits_q)
    checks.same_shape("bernoulli_kl", logits_p=logits_p, logits_q=logits_q)
    logits_p, logits_q = reduce.keep("bernoulli_kl", where, logits_p, logits_q)
    values = _bernoulli_kl(logits_p, logits_q)
    return reduce.apply("bernoulli_kl", values, where=where, weights=weights, reduction=reduction)


def categorical_kl(
    logits_p: Float[ArrayLike, "*shape"],
    logits_q: Float[ArrayLike, "*shape"],
    *,
    temperature: float | Real[ArrayLike, ""] = 1.0,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Divergence KL(p || q) of two softmax distributions, given by their logits.

    .. math::  \ell = \sum_c p_c \log \frac{p_c}{q_c}, \qquad
               \frac{\partial \ell}{\partial a_c} = \frac{p_c}{\tau} \left(\log \frac{p_c}{q_c} - \ell\right), \quad
               \frac{\partial \ell}{\partial b_c} = \frac{q_c - p_c}{\tau}, \qquad
               p = \operatorname{softmax}(a / \tau), \ q = \operatorname{softmax}(b / \tau)

    No digits are lost where the two are nearly equal. To distil a teacher into a student, p is the teacher; the
    gradient shrinks with the square of the temperature, for which one often multiplies.

    A class that is impossible in p, with a logit of -inf, contributes nothing and has zero gradient; one that is
    impossible in q alone makes the divergence inf.

    Args:
      logits_p: real array of any shape, the logits a along ``axis``; -inf is legal.
      logits_q: array of exactly that shape, the logits b.
      temperature: positive number by which all logits are divided; may be learned.
      axis: the axis of the classes.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes, an axis that is not there or a temperature that is not positive, TypeError
      for integers.
    Example:
      >>> categorical_kl(jnp.array([[0.0, 0.0], [1e-3, 0.0]]), jnp.array([[1.0, 0.0], [0.0, 0.0]]), reduction="none")
      Array([1.201145e-01, 1.250000e-07], dtype=float32)
    References: Kullback and Leibler (1951), doi:10.1214/aoms/1177729694; for distillation: Hinton et al. (2015),
      arXiv:1503.02531.
    """
    name = "categorical_kl"
    logits_p, logits_q = checks.floating(name, logits_p=logits_p, logits_q=logits_q)
    checks.same_shape(name, logits_p=logits_p, logits_q=logits_q)
    axis = checks.row_axis(name, logits_p, axis, "logits_p")
    scalar = jax.ShapeDtypeStruct((), logits_p.dtype)
    temperature = checks.parameter(name, "temperature", temperature, scalar, above=0)
    logits_p, logits_q = reduce.keep(name, where, logits_p, logits_q, axis=axis)
    values = _categorical_kl(_tempered(logits_p, temperature), _tempered(logits_q, temperature), axis).divergence
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


# ---- Gaussians -------------------------------------------------------------------------------------------------------


@with_slopes(
    lambda gap, logvar: 2 * scaled_exp(scaled_exp(gap, -0.5 * logvar), -0.5 * logvar),
    lambda gap, logvar: -_standardized_square(gap, logvar),
)
def _standardized_square(gap: Array, logvar: Array) -> Array:
    """The square of gap over standard deviation, which is representable more often than e^-logvar."""
    return scaled_exp(gap, -0.5 * logvar) ** 2


# ---- from logits: with a' = (b - a) - sum_c p_c (b - a)_c, the divergence is log sum_c p_c e^a'_c --------------------
# As sum_c p_c a'_c = 0, that is log(1 + sum_c p_c (e^a'_c - 1 - a'_c)), a sum of positive terms.


def _excess(p: Array, change: Array, moved: Array, exponent: Array) -> Array:
    """The terms p (e^a' - 1 - a'), given p a' and the exponent log p + a', in which a large logit of p cancels."""
    near = (change > -1) & (change < 2)
    far = jnp.exp(exponent) - (p + moved)
    return jnp.where(near, p * numerics.exp_excess(jnp.where(near, change, 0)), far)


def _bernoulli_in_p(a: Array, b: Array) -> Array:
    return numerics.sigmoid(a) * (numerics.sigmoid(-a) * (a - b))


# sigma(b) - sigma(a) = sigma(b) sigma(-a) (1 - e^(a - b)), and the same with a and b exchanged.
@with_slopes(
    lambda a, _: -numerics.sigmoid(a) * numerics.sigmoid(-a), lambda _, b: numerics.sigmoid(b) * numerics.sigmoid(-b)
)
def _sigmoid_difference(a: Array, b: Array) -> Array:
    high, low = jnp.maximum(a, b), jnp.minimum(a, b)
    size = -numerics.expm1(low - high) * numerics.sigmoid(high) * numerics.sigmoid(-low)
    return jnp.where(b < a, -size, size)


@with_slopes(_bernoulli_in_p, _sigmoid_difference)
def _bernoulli_kl(a: Array, b: Array) -> Array:
    a, b = jnp.where(a > 0, -a, a), jnp.where(a > 0, -b, b)  # heads and tails may change places
    p, not_p = numerics.sigmoid(a), numerics.sigmoid(-a)
    heads, tails = not_p * (b - a), -p * (b - a)
    down = tails - numerics.softplus(a)
    small = _excess(p, heads, p * heads, b + down) + _excess(not_p, tails, not_p * tails, down)
    moderate = jnp.maximum(b, 0) + down < 2
    return jnp.where(moderate, jnp.log1p(jnp.where(moderate, small, 0)), numerics.softplus(b) + down)


class _Rows(NamedTuple):
    divergence: Array
    p: Array
    moved: Array
    """p a', 0 where a class is impossible: representable where p is not."""
    difference: Array
    """q - p."""


def _tempered(logits: Array, temperature: Any) -> Array:
    if isinstance(temperature, Array):  # its derivative must not see 0 * inf
        possible = logits != -jnp.inf
        return jnp.where(possible, jnp.where(possible, logits, 0) / temperature, -jnp.inf)
    return logits if temperature == 1 else logits / temperature


def _largest(logits: Array, axis: int) -> Array:
    """The largest logit, 0 if no class is possible."""
    top = jnp.max(logits, axis, keepdims=True)
    return jnp.where(top == -jnp.inf, 0, top)


def _lost(x: Array, y: Array) -> Array:
    """What x - y lacks by its rounding, exactly."""
    difference = x - y
    back = difference - x
    return (x - (difference - back)) - (y + back)


def _gap(a: Array, own_a: Array, b: Array, own_b: Array) -> Array:
    """(b - own_b) - (a - own_a), rounded once, be the logits nearly equal or one of them huge."""
    each, own = b - a, own_b - own_a
    return (each - own) + (_lost(each, own) + (_lost(b, a) - _lost(own_b, own_a)))


def _mass(e: Array, axis: int) -> Array:
    """The sum of exponentials, 1 if no class is possible."""
    total = jnp.sum(e, axis, keepdims=True)
    return jnp.where(total == 0, 1, total)


# d(l) = sum_c (q - p)_c db_c - p_c a'_c da_c, where p, q and a' move as p (da - sum(p da)), q (db - sum(q db)) and
# (db - da) - sum(p (db - da)) - sum(p a' da).
@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _categorical_kl(a: Array, b: Array, axis: int) -> _Rows:
    both = (a != -jnp.inf) & (b != -jnp.inf)  # where p is 0, e^exponent is all of the term
    top_of_a, top_of_b = _largest(a, axis), _largest(b, axis)
    # The change is relative to that of the likeliest class of p: others may be of no weight, and huge.
    own = jnp.max(jnp.where(a == top_of_a, b, -jnp.inf), axis, keepdims=True)
    own = jnp.where(own == -jnp.inf, top_of_b, own)
    gap = jnp.where(both, _gap(jnp.where(both, a, 0), top_of_a, jnp.where(both, b, 0), own), 0)
    scores, e = b - own, jnp.exp(b - top_of_b)
    a = a - top_of_a
    # A probability that underflows may have a logarithm by which it does not: a product of roots takes it in between.
    root = jnp.exp(0.5 * a)
    mass = _mass(root * root, axis)
    root = root / jnp.sqrt(mass)
    p, q = root * root, e / _mass(e, axis)
    # Twice: what rounding has left of the mean is a mean of small numbers.
    mean = jnp.sum(root * (root * gap), axis, keepdims=True)
    rest = jnp.sum(root * (root * (gap - mean)), axis, keepdims=True)
    change = jnp.where(both, (gap - mean) - rest, 0)
    moved = root * (root * change)
    exponent = (scores - mean) - (rest + jnp.log(mass))
    small = jnp.sum(jnp.where(both, _excess(p, change, moved, exponent), jnp.exp(exponent)), axis, keepdims=True)
    top = jnp.max(exponent, axis, keepdims=True)
    # Where a class of p is impossible in q, the others alone have no mean of 0.
    impossible = jnp.any((a != -jnp.inf) & (b == -jnp.inf), axis, keepdims=True)
    moderate = (top < 2) & ~impossible
    safe = jnp.where(moderate | (top == -jnp.inf), 0, top)
    large = safe + jnp.log(jnp.sum(jnp.where(moderate, 1, jnp.exp(exponent - safe)), axis, keepdims=True))
    log_sum = jnp.where(moderate, jnp.log1p(jnp.where(moderate, small, 0)), large)
    d = change - log_sum  # log q - log p, as good as the terms are small
    # Of a class that has most of both, the difference of what they leave to the others, unless all classes are close.
    most = (p > 0.5) & (q > 0.5)
    apart = jnp.max(jnp.abs(change), axis, keepdims=True) > 4
    near = both & (jnp.abs(d) < 1) & (jnp.abs(change) < 4) & ~(most & apart)
    others = (jnp.sum(jnp.where(most, 0, share), axis, keepdims=True) for share in (p, q))
    far = jnp.where(most, jnp.subtract(*others), q - p)
    difference = jnp.where(near, p * numerics.expm1(jnp.where(near, d, 0)), far)
    return _Rows(jnp.squeeze(jnp.where(impossible, jnp.inf, log_sum), axis), p, moved, difference)


def _categorical_kl_jvp(axis: int, primals: Any, tangents: Any) -> tuple[_Rows, _Rows]:
    rows, (da, db) = _categorical_kl(*primals, axis), tangents
    p, q = rows.p, rows.p + rows.difference
    total = lambda x: jnp.sum(x, axis, keepdims=True)
    divergence = jnp.zeros_like(total(p))
    dp, dq, moved = (jnp.zeros_like(p) for _ in range(3))
    if not isinstance(da, SymbolicZero):
        divergence -= total(rows.moved * da)
        dp += p * (da - total(p * da))
        moved += (rows.moved - p) * (da - total(p * da)) - p * total(rows.moved * da)
    if not isinstance(db, SymbolicZero):
        divergence += total(rows.difference * db)
        dq += q * (db - total(q * db))
        moved += p * (db - total(p * db))
    return rows, _Rows(jnp.squeeze(divergence, axis), dp, moved, dq - dp)


_categorical_kl.defjvp(_categorical_kl_jvp, symbolic_zeros=True)
_categorical_kl = one_dispatch(_categorical_kl, static_argnums=2)
