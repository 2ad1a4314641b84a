"""The general robust loss of any shape, its derivative in the shape, and the integral that makes it a density."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxloss import numerics
from jaxloss.numerics.elementary import horner
from jaxloss.numerics.slopes import with_slopes

__all__ = ["general_loss", "log_partition"]


# ---- the loss --------------------------------------------------------------------------------------------------------
# With b = |alpha - 2|, p = alpha/2, z = x^2 / b and F(z, p) = ((1 + z)^p - 1) / p the loss is b/2 F(z, p), its slope
# x (1 + z)^(p-1). For large z, 1 + z is y^2 with y = |x| / sqrt(b), so that F(z, p) = 2 F(y - 1, 2p) and the slope is
# sqrt(b) y^(alpha-1): neither z overflows nor (1 + z)^(p-1) underflows.


def _terms(x: Array, alpha: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Return b, y, b/2 F, the slope, and b (1 + z)^p without the part x times the slope in it."""
    b = jnp.maximum(jnp.abs(alpha - 2), jnp.finfo(x.dtype).eps)
    y = jnp.abs(x) / jnp.sqrt(b)
    large = y > (2.0**14 if x.dtype == jnp.float32 else 2.0**29)
    base, p = jnp.where(large, y - 1, jnp.where(large, 1, y) ** 2), jnp.where(large, alpha, alpha / 2)
    f, df = jax.jvp(lambda z: numerics.boxcox(z, p), (base,), (jnp.ones_like(y),))
    slope = jnp.where(large, jnp.sign(x) * jnp.sqrt(b), x) * df
    return b, y, jnp.where(large, b, b / 2) * f, slope, jnp.where(large, 0, b * df)


def _bounded(alpha: Array) -> Array:
    largest = 2.0**40 if alpha.dtype == jnp.float32 else 2.0**80  # beyond, the limits hold to the last digit
    return jnp.clip(alpha, -largest, largest)


@jax.jit
def _value(x: Array, alpha: Array) -> Array:
    alpha = _bounded(alpha)
    b, y, value, slope, rest = _terms(x, alpha)
    # F overflows too early where b is small: there the same as (b (1 + z)^p - b) / alpha.
    steep = (alpha >= 1) & (y > 4)
    safe = jnp.where(steep, alpha, 1)
    value = jnp.where(steep, x / safe * slope + (rest - b) / safe, value)
    # z underflows where b is large. At 2, where b is not 0 but the next number, the square is exact.
    tiny = 2.0**-50 if x.dtype == jnp.float32 else 2.0**-400
    return jnp.where((y < tiny) | (alpha == 2), (0.5 * x) * x, value)


@jax.jit
def _slope(x: Array, alpha: Array) -> Array:
    _, _, _, slope, _ = _terms(x, _bounded(alpha))
    return jnp.where(alpha == 2, x, slope)


# ---- its derivative in alpha -----------------------------------------------------------------------------------------
# With p = alpha/2, m = |1 - p|, L = log(1 + z), u = pL, v = (1 - p)L and f[...] the divided differences of exp:
# F = L f[0, u], dF/dp = L^2 f[0, u, u], z P = L f[-v, u] and dz/dp = z/m below 2, so that
#   d(m F)/dp = -F + z P + m dF/dp = L (f[-v, u] - f[0, u]) + m L^2 f[0, u, u]
#             = m L^2 (f[0, u, u] - f[-v, 0, u]) = m L^3 f[-v, 0, u, u] = m L^3 e^u f[-L, -u, 0, 0],
# and the same above 2. It is positive, and each way to compute it is for where its differences do not cancel.


@jax.jit
def _rise(x: Array, alpha: Array) -> Array:
    alpha = _bounded(alpha)
    b, y, _, slope, rest = _terms(x, alpha)
    log = numerics.log1p_square(y)
    u, v = alpha / 2 * log, (2 - alpha) / 2 * log
    near = (log < 1) & (jnp.abs(v) < 1)
    falling = ~near & (u < 0)
    across = ~near & ((u < 0) | (log < 1))
    e = jnp.exp(-jnp.abs(u))
    (g, k), (_, k_log), (g_v, _) = (_quotients(s) for s in (jnp.abs(u), log, jnp.abs(v)))
    s, safe_v, safe_log = jnp.where(falling, -u, 1), jnp.where(across, v, 1), jnp.where(log < 1, 1, log)
    e_k = jnp.where(s < 1, g - k, (1 - e * (1 + s)) / (s * s))  # e^u f[-u, 0, 0] for u < 0
    mixed = jnp.where(v < 0, jnp.exp(-log), e) * g_v  # f[-L, -u]
    difference = jnp.where(
        near,
        _difference_series(jnp.where(near, log, 0), jnp.where(near, u, 0)),
        jnp.where(across, (k - k_log) / safe_v, (k - (g - mixed) / safe_log) / safe_log),
    )
    difference = jnp.where(falling, (e_k - e * k_log) / safe_v, difference)
    growth = jnp.where(falling, b, x * slope + rest)  # b e^u, unless that is in the difference
    return (growth / 4 * log) * (log * (log * difference))


def _quotients(s: Array) -> tuple[Array, Array]:
    """Return f[-s, 0] = (1 - e^-s) / s and f[-s, 0, 0] = (e^-s - 1 + s) / s^2 for s >= 0."""
    small, terms = s < 1, 10 if s.dtype == jnp.float32 else 18
    series = horner(jnp.where(small, s, 0), [(-1) ** n / math.factorial(n + 2) for n in range(terms)])
    large = jnp.where(small, 1, s)
    g = (1 - jnp.exp(-s)) / large
    return jnp.where(small, 1 - s * series, g), jnp.where(small, series, (1 - g) / large)


def _difference_series(log: Array, u: Array) -> Array:
    """Return f[-log, -u, 0, 0] = sum of (-1)^n h_n(log, u) / (n + 3)! for 0 <= log < 1 and abs(u) < 2."""
    h, power, total = jnp.ones_like(log), jnp.ones_like(log), jnp.full_like(log, 1 / 6)
    for n in range(1, 14 if log.dtype == jnp.float32 else 26):
        power = power * u
        h = h * log + power
        total = total + h * ((-1) ** n / math.factorial(n + 3))
    return total


@with_slopes(_slope, _rise)
def general_loss(x: Array, alpha: Array) -> Array:
    """Return the loss of the residuals ``x`` in units of the scale, of any magnitude, for every alpha.

    The derivative in alpha is the true one to the last few digits; at 2, where it is infinite, that of the next number
    below.
    """
    return _value(x, alpha)


# ---- its density -----------------------------------------------------------------------------------------------------


@jax.jit
def log_partition(alpha: Array) -> Array:
    """Return log of the integral of exp(-general_loss(x, alpha)) over the real line, for alpha >= 0; NaN below.

    Within 8 ulp. With x = sqrt(b) sinh(t) the integrand is analytic in a strip around the axis, of a width that does
    not fall to 0 as alpha approaches 2, where 1 + x^2/b has its zeros close to it. So the trapezoidal rule converges
    geometrically, for the derivatives in alpha as well.
    """
    nodes, digits = (48, 24.0) if alpha.dtype == jnp.float32 else (192, 48.0)
    a = _bounded(lax.stop_gradient(alpha))[..., None]
    b = jnp.maximum(jnp.abs(a - 2), jnp.finfo(a.dtype).eps)
    # The loss is 2 * digits at sqrt(b) sinh(t) for log cosh t = log(1 + a s) / a, s = 2 digits / b.
    s = 2 * digits / b
    log_cosh = jnp.where(a * s < 1e-3, s, jnp.log1p(a * s) / jnp.where(a == 0, 1, a))
    step = jnp.arcsinh(jnp.sqrt(jnp.expm1(2 * log_cosh))) / nodes
    t = step * jnp.arange(nodes + 1, dtype=alpha.dtype).reshape((1,) * alpha.ndim + (-1,))
    weight = jnp.where(t == 0, 1, 2) * (step * jnp.sqrt(b) * jnp.cosh(t))
    total = jnp.sum(weight * jnp.exp(-general_loss(jnp.sqrt(b) * jnp.sinh(t), alpha[..., None])), -1)
    return jnp.log(total) * jnp.where(alpha < 0, jnp.nan, 1)
