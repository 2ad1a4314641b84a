"""Likelihoods with heavier tails than the Gaussian: Laplace and Student's t."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import numerics, reduce
from jaxloss.numerics.gamma import HALF_LOG_2PI
from jaxloss.numerics.pairs import ratio
from jaxloss.numerics.slopes import with_slopes
from jaxloss.probabilistic.parameters import predicted
from jaxloss.reduce import Reduction

__all__ = ["laplace_nll", "student_t_nll"]


def laplace_nll(
    location: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    scale: Real[ArrayLike, "..."],
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative log-likelihood of a Laplace distribution: the absolute error with a scale that can be learned.

    .. math::  \ell = \frac{|r|}{b} + \log 2b, \qquad
               \frac{\partial \ell}{\partial \mu} = \frac{\operatorname{sign} r}{b}, \quad
               \frac{\partial \ell}{\partial b} = \frac{1}{b}\left(1 - \frac{|r|}{b}\right), \qquad r = \mu - y

    Args:
      location: real array of any shape, the predicted median.
      targets: array of exactly that shape.
      scale: positive mean absolute deviation b; a number, or an array with as many axes that stretch to that shape.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a scale that is not positive, TypeError for integer locations.
    Example:
      >>> laplace_nll(jnp.array([1.0]), jnp.array([0.0]), scale=0.5)
      Array(2., dtype=float32)
    References: Koenker and Machado (1999), Goodness of fit for quantile regression, doi:10.1080/01621459.1999.10473882.
    """
    data = {"location": location, "targets": targets}
    location, targets, scale = predicted("laplace_nll", where, data, {"scale": (scale, {"above": 0})})
    values = jnp.abs(ratio(location - targets, scale)) + (jnp.log(scale) + math.log(2))
    return reduce.apply("laplace_nll", values, where=where, weights=weights, reduction=reduction)


def student_t_nll(
    location: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    scale: Real[ArrayLike, "..."] = 1.0,
    df: Real[ArrayLike, "..."],
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative log-likelihood of Student's t: robust to outliers, by as much as ``df`` is learned to be small.

    .. math::  \ell = \frac{\nu + 1}{2} \log\left(1 + \frac{z^2}{\nu}\right) + \log \sigma +
               \log \frac{\Gamma(\nu / 2) \sqrt{\nu \pi}}{\Gamma((\nu + 1) / 2)}, \qquad
               \frac{\partial \ell}{\partial z} = \frac{(\nu + 1) z}{\nu + z^2}, \qquad z = \frac{\mu - y}{\sigma}

    One degree of freedom is the Cauchy distribution, infinitely many the Gaussian. The gamma functions are taken apart
    by hand, so that no digit is lost for 1e6 of them, where nearly nothing is left to learn.

    Args:
      location: real array of any shape, the predicted location.
      targets: array of exactly that shape.
      scale: positive; a number, or an array with as many axes that stretch to that shape. It is not the standard
        deviation, which is larger by sqrt(df / (df - 2)).
      df: positive degrees of freedom, likewise.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a parameter that is not positive, TypeError for integer locations.
    Example:
      >>> student_t_nll(jnp.array([3.0]), jnp.array([0.0]), df=1.0)
      Array(3.447315, dtype=float32)
    References: Lange, Little and Taylor (1989), Robust statistical modeling using the t distribution,
      doi:10.1080/01621459.1989.10478852.
    """
    name, positive = "student_t_nll", {"above": 0}
    parameters = {"scale": (scale, positive), "df": (df, positive)}
    location, targets, scale, df = predicted(name, where, {"location": location, "targets": targets}, parameters)
    values = _tail(location - targets, scale, df) + _normalizer(df)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


# With z = r / sigma, a = z / sqrt(nu) and q = a^2 / (1 + a^2), the share of z^2 in nu + z^2, the slopes are
#   (nu + 1) / sqrt(nu) a / (1 + a^2) / sigma,  (1 - q - nu q) / sigma,  (log(1 + a^2) - q - q / nu) / 2,
# and log(1 + a^2) - q = -q - log(1 - q) is what log(1 - q) lacks of its first term.
def _shares(r: Array, scale: Array, df: Array) -> tuple[Array, Array, Array, Array]:
    """Return a, a / (1 + a^2), q and 1 - q."""
    a = r / scale / jnp.sqrt(df)
    size = jnp.abs(a)
    small, large = jnp.where(size < 1, a, 0), jnp.where(size < 1, 1, a)
    inverse = 1 / large
    rest = jnp.where(size < 1, 1 / (1 + small * small), inverse * inverse / (1 + inverse * inverse))
    odd = jnp.where(size < 1, small * rest, inverse / (1 + inverse * inverse))
    return a, odd, jnp.where(size < 1, small * small * rest, 1 / (1 + inverse * inverse)), rest


def _slope_in_residual(r: Array, scale: Array, df: Array) -> Array:
    root = jnp.sqrt(df)
    return (root + 1 / root) * _shares(r, scale, df)[1] / scale


def _slope_in_scale(r: Array, scale: Array, df: Array) -> Array:
    _, _, q, rest = _shares(r, scale, df)
    return (rest - df * q) / scale


def _slope_in_df(r: Array, scale: Array, df: Array) -> Array:
    a, _, q, _ = _shares(r, scale, df)
    near = q < 0.5
    excess = jnp.where(near, numerics.log1p_excess(jnp.where(near, -q, 0)), numerics.log1p_square(a) - q)
    return 0.5 * (excess - q / df)


@with_slopes(_slope_in_residual, _slope_in_scale, _slope_in_df)
def _tail(r: Array, scale: Array, df: Array) -> Array:
    """(nu + 1) / 2 log(1 + z^2 / nu) + log(sigma)."""
    log = numerics.log1p_square(r / scale / jnp.sqrt(df))
    return (0.5 * df * log + 0.5 * log) + jnp.log(scale)


# With x = nu / 2 and Stirling's remainder s, log Gamma(x) - log Gamma(x + 1/2) + log(2 pi x) / 2 is
# log(2 pi) / 2 + x (u - log(1 + u)) + s(x) - s(x + 1/2), u = 1 / (2x).
def _normalizer(df: Array) -> Array:
    x = 0.5 * df
    gap = x * numerics.log1p_excess(ratio(jnp.ones_like(df), df))
    return HALF_LOG_2PI + (gap + (numerics.stirling(x) - numerics.stirling(x + 0.5)))
