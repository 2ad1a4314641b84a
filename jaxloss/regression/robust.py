"""Losses that grow slower than the absolute error, so that outliers lose their influence.

`cauchy`, `geman_mcclure` and `welsch` are scaled as in Barron (2019): each is :math:`(r / c)^2 / 2` near 0, and
`jaxloss.barron` with a shape of 0, -2 and -inf.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.numerics.elementary import _one_minus_exp
from jaxloss.numerics.powers import _half
from jaxloss.numerics.slopes import residual_parts, with_slopes
from jaxloss.reduce import Reduction

__all__ = ["cauchy", "geman_mcclure", "tukey_biweight", "welsch"]


def cauchy(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    scale: Real[ArrayLike, "..."] = 1.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Cauchy (Lorentzian) loss: grows as the logarithm of large residuals.

    .. math::  \ell(r) = \log\left(1 + \tfrac{1}{2} (r/c)^2\right), \qquad
               \ell'(r) = \frac{r / c^2}{1 + \tfrac{1}{2} (r/c)^2}, \qquad r = \hat y - y

    Args:
      predictions: real array of any shape, in the units of the target.
      targets: array of exactly that shape.
      scale: c, the positive residual size, in the same units, at which influence begins to fall; may be learned.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; without units.
    Raises: ValueError for unequal shapes or a scale that is not positive, TypeError for integer predictions.
    Example:
      >>> cauchy(jnp.array([2.0, 1e30]), jnp.array([0.0, 0.0]), reduction="none")
      Array([  1.0986123, 137.46196  ], dtype=float32)
    References: Black and Anandan (1996), The robust estimation of multiple motions, doi:10.1006/cviu.1996.0006;
      Barron (2019), A general and adaptive robust loss function, arXiv:1701.03077.
    """
    predictions, targets = checks.real_pair("cauchy", predictions, targets)
    scale = checks.parameter("cauchy", "scale", scale, predictions, above=0)
    predictions, targets = reduce.keep("cauchy", where, predictions, targets)
    values = numerics.log1p_square((predictions - targets) / (scale * math.sqrt(2)))
    return reduce.apply("cauchy", values, where=where, weights=weights, reduction=reduction)


def geman_mcclure(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    scale: Real[ArrayLike, "..."] = 1.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Geman-McClure loss in Barron's form: saturates at 2, with tails that fall as a power.

    .. math::  \ell(r) = \frac{2 (r/c)^2}{(r/c)^2 + 4}, \qquad
               \ell'(r) = \frac{16\, r / c^2}{((r/c)^2 + 4)^2}, \qquad r = \hat y - y

    The original :math:`r^2 / (r^2 + \sigma^2)` is half of this with :math:`c = \sigma / 2`.

    Args:
      predictions: real array of any shape, in the units of the target.
      targets: array of exactly that shape.
      scale: c, the positive residual size, in the same units, at which influence begins to fall; may be learned.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; without units.
    Raises: ValueError for unequal shapes or a scale that is not positive, TypeError for integer predictions.
    Example:
      >>> geman_mcclure(jnp.array([2.0, 1e30]), jnp.array([0.0, 0.0]), reduction="none")
      Array([1., 2.], dtype=float32)
    References: Geman and McClure (1985), Bayesian image analysis: an application to single photon emission tomography;
      Barron (2019), A general and adaptive robust loss function, arXiv:1701.03077.
    """
    predictions, targets = checks.real_pair("geman_mcclure", predictions, targets)
    scale = checks.parameter("geman_mcclure", "scale", scale, predictions, above=0)
    predictions, targets = reduce.keep("geman_mcclure", where, predictions, targets)
    values = _geman_mcclure(predictions - targets, scale)
    return reduce.apply("geman_mcclure", values, where=where, weights=weights, reduction=reduction)


def welsch(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    scale: Real[ArrayLike, "..."] = 1.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Welsch (Leclerc, correntropy) loss: saturates at 1, an inverted Gaussian.

    .. math::  \ell(r) = 1 - e^{-(r/c)^2 / 2}, \qquad \ell'(r) = \frac{r}{c^2}\, e^{-(r/c)^2 / 2}, \qquad r = \hat y - y

    Args:
      predictions: real array of any shape, in the units of the target.
      targets: array of exactly that shape.
      scale: c, the positive residual size, in the same units, at which influence begins to fall; may be learned.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; without units.
    Raises: ValueError for unequal shapes or a scale that is not positive, TypeError for integer predictions.
    Example:
      >>> welsch(jnp.array([1.0, 1e30]), jnp.array([0.0, 0.0]), reduction="none")
      Array([0.39346933, 1.        ], dtype=float32)
    References: Dennis and Welsch (1978), Techniques for nonlinear least squares and robust regression,
      doi:10.1080/03610917808812083; Barron (2019), arXiv:1701.03077.
    """
    predictions, targets = checks.real_pair("welsch", predictions, targets)
    scale = checks.parameter("welsch", "scale", scale, predictions, above=0)
    predictions, targets = reduce.keep("welsch", where, predictions, targets)
    values = _welsch(*residual_parts(predictions, targets), scale)
    return reduce.apply("welsch", values, where=where, weights=weights, reduction=reduction)


def tukey_biweight(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    c: Real[ArrayLike, "..."] = 4.685,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Tukey's biweight: residuals beyond ``c`` have no influence at all.

    .. math::  \ell(r) = \frac{c^2}{6} \left(1 - u^3\right), \qquad \ell'(r) = r\, u^2, \qquad
               u = \max\left(1 - (r/c)^2,\, 0\right), \qquad r = \hat y - y

    Args:
      predictions: real array of any shape, in units of the standard deviation of the noise.
      targets: array of exactly that shape.
      c: positive residual size, in the same units, beyond which the loss is constant; may be learned. The default is
        95 % efficient for Gaussian noise of variance 1.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in squared units of the target.
    Raises: ValueError for unequal shapes or a c that is not positive, TypeError for integer predictions.
    Example:
      >>> tukey_biweight(jnp.array([1.0, 1e30]), jnp.array([0.0, 0.0]), c=2.0, reduction="none")
      Array([0.3854167, 0.6666667], dtype=float32)
    References: Beaton and Tukey (1974), The fitting of power series, meaning polynomials, doi:10.2307/1267936.
    """
    predictions, targets = checks.real_pair("tukey_biweight", predictions, targets)
    c = checks.parameter("tukey_biweight", "c", c, predictions, above=0)
    predictions, targets = reduce.keep("tukey_biweight", where, predictions, targets)
    values = _tukey_biweight(*residual_parts(predictions, targets), c)
    return reduce.apply("tukey_biweight", values, where=where, weights=weights, reduction=reduction)


# With s = r / (2c), w = 1 / (1 + s^2) and q = 2 s w the value is 2 s^2 w = s q; dw/ds = -2 s w^2 = -q w gives
# d(s q)/ds = 4 s w - 2 s^2 q w = 2 q (1 - s^2 w) = 2 q w: the slopes are q w / c in r and -2 s q w / c = -q^2 / c in c.
def _geman_mcclure_parts(residuals: Array, scale: Array) -> tuple[Array, Array, Array]:
    largest = 2.0**60 if residuals.dtype == jnp.float32 else 2.0**500  # beyond, the loss is 2 and its slopes underflow
    s = jnp.clip(residuals / (2 * scale), -largest, largest)
    w = 1 / (1 + s * s)
    return s, w, 2 * s * w


def _geman_mcclure_slope(residuals: Array, scale: Array) -> Array:
    _, w, q = _geman_mcclure_parts(residuals, scale)
    return q * w / scale


def _geman_mcclure_slope_in_scale(residuals: Array, scale: Array) -> Array:
    _, _, q = _geman_mcclure_parts(residuals, scale)
    return -q * q / scale


@with_slopes(_geman_mcclure_slope, _geman_mcclure_slope_in_scale)
def _geman_mcclure(residuals: Array, scale: Array) -> Array:
    s, _, q = _geman_mcclure_parts(residuals, scale)
    return s * q


# w = e^(-x^2/2), x = r/c, turns an error e of x^2/2 into a relative error e: 80 units in the last place at x = 13. So
# what r, the quotient and the square have rounded off comes back as a factor 1 - e. Products of halves are exact.
def _gaussian(residuals: Array, lost: Array, scale: Array) -> tuple[Array, Array]:
    x = jnp.clip(residuals / scale, -64, 64)  # beyond, w is 0
    q, c = lax.stop_gradient(x), lax.stop_gradient(scale)
    q0, c0 = _half(q), _half(c)
    q1, c1 = q - q0, c - c0
    remainder = (((residuals - q0 * c0) - q0 * c1) - q1 * c0) - q1 * c1 + lost
    square = ((q0 * q0 - q * q) + 2 * q0 * q1) + q1 * q1
    e = jnp.where(jnp.abs(q) < 64, q * (remainder / c) + square / 2, 0)
    return x, jnp.exp(-x * x / 2) * (1 - lax.stop_gradient(e))


def _welsch_slope(residuals: Array, lost: Array, scale: Array) -> Array:
    x, w = _gaussian(residuals, lost, scale)
    return x * w / scale


# The loss depends on r/c alone, so its slope in c is that in r times -r/c.
def _welsch_slope_in_scale(residuals: Array, lost: Array, scale: Array) -> Array:
    x, w = _gaussian(residuals, lost, scale)
    return -x * (x * w) / scale


@with_slopes(_welsch_slope, None, _welsch_slope_in_scale)
def _welsch(residuals: Array, _lost: Array, scale: Array) -> Array:
    x = residuals / scale
    return _one_minus_exp(x * x / 2, jnp.exp(-x * x / 2))


# With k = r inside and c sign(r) outside: u = (1 - k/c)(1 + k/c) keeps its digits near the edge, and the value
# c^2/6 (1 - u^3) = c^2/6 (1 - u)(1 + u + u^2) = k^2/6 (1 + u + u^2) keeps them near 0. du/dr = -2k/c^2 and
# du/dc = 2k^2/c^3 inside give the slopes k u^2 in r and k^4 (1 + 2u) / (3 c^3) in c; they hold outside too.
def _tukey_parts(residuals: Array, lost: Array, c: Array) -> tuple[Array, Array]:
    k = jnp.clip(residuals, -c, c)
    lost = jnp.where(jnp.abs(residuals) < c, lost, 0)
    return k, (((c - k) - lost) / c) * (((c + k) + lost) / c)


def _tukey_slope(residuals: Array, lost: Array, c: Array) -> Array:
    k, u = _tukey_parts(residuals, lost, c)
    return k * u * u


def _tukey_slope_in_c(residuals: Array, lost: Array, c: Array) -> Array:
    k, u = _tukey_parts(residuals, lost, c)
    return c * (k / c) ** 4 * (1 + 2 * u) / 3


@with_slopes(_tukey_slope, None, _tukey_slope_in_c)
def _tukey_biweight(residuals: Array, lost: Array, c: Array) -> Array:
    k, u = _tukey_parts(residuals, lost, c)
    return k * k * ((1 + u * (1 + u)) / 6)
