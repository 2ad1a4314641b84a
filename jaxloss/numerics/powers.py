"""Powers and logarithms in extended precision, at a fraction of the price of ``lax.pow``."""

import math
from fractions import Fraction
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike

from jaxloss.numerics.elementary import as_real, horner, real_pair

__all__ = ["boxcox", "log_gap", "power"]


def power(x: ArrayLike, p: ArrayLike) -> Array:
    """Power x^p for x >= 0, derivatives p x^(p-1) and x^p log(x); all within 4 ulp for -64 <= p <= 64.

    A Python number that is an integer or half-integer up to 5 costs a few products. Any other costs half of
    ``lax.pow``, and so does an array: a learned exponent, with its derivative. At x = 0 the value is 0 (1 for p = 0),
    the derivative in p is 0 and the one in x is the true one: 0 for p > 1, 1 for p = 1, inf for 0 < p < 1.
    NaN for x < 0, unless p is one of those integers.

    Example:
      >>> power(jnp.array([0.0, 4.0]), 2.5)
      Array([ 0., 32.], dtype=float32)
    """
    if isinstance(p, (int, float, np.number)):
        return _fixed_power(as_real(x), float(p), 0)
    return _power(*real_pair(x, p), 0, 0)


def boxcox(x: ArrayLike, lam: ArrayLike) -> Array:
    """((1 + x)^lam - 1) / lam for x >= -1, smooth in lam through log(1 + x) at lam = 0.

    Value and derivative in x, (1 + x)^(lam - 1), are within 4 ulp, the derivative in lam within 8, for
    -64 <= lam <= 64. Where (1 + x)^lam overflows the value is inf, although for lam > 1 the quotient may not be.

    Example:
      >>> boxcox(jnp.array(1e-3), jnp.array([0.0, 1e-6, 1.0]))
      Array([0.0009995, 0.0009995, 0.001    ], dtype=float32)
    """
    return _boxcox(*real_pair(x, lam), 0)


def log_gap(log_x: ArrayLike, y: ArrayLike) -> Array:
    """Gap log x - log y of a logarithm and a positive number, where x is next to y.

    It is within 2 ulp of itself or 1/32 ulp of log y, whichever is larger. Derivatives 1 and -1/y. inf at y = 0 and NaN
    for y < 0.

    Example:
      >>> log_gap(jnp.array([-0.6931472]), jnp.array([0.5]))
      Array([-1.904654e-09], dtype=float32)
    """
    return _log_gap(*real_pair(log_x, y))


# ---- x^(p - k): k counts the derivatives taken, so that p - 1 never rounds away a small p ----------------------------


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _fixed_power(x: Array, p: float, k: int) -> Array:
    e = p - k
    if 2 * e == round(2 * e) and abs(e) <= 5:
        base, root = (x, jnp.sqrt(x)) if e >= 0 else (1 / x, 1 / jnp.sqrt(x))
        product = lax.integer_pow(base, int(abs(e)))
        return product if e == round(e) else root * product
    exact = Fraction(p) - k
    e = x.dtype.type(float(exact))
    return _exp_log(x, jnp.full_like(x, e), float(exact - Fraction(float(e))), 0)


@_fixed_power.defjvp
def _(p: float, k: int, xs: tuple, dxs: tuple) -> tuple:
    slope = jnp.zeros_like(xs[0]) if p == k else (p - k) * _fixed_power(xs[0], p, k + 1)
    return _fixed_power(xs[0], p, k), slope * dxs[0]


@partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def _power(x: Array, p: Array, k: int, shift: int) -> Array:
    """(shift + x)^(p - k)."""
    e = p - k
    b = e - p
    return _exp_log(x, e, (p - (e - b)) - (k + b), shift)


def _power_jvp(k: int, shift: int, xp: tuple, dxp: tuple) -> tuple:
    (x, p), (dx, dp) = xp, dxp
    y = _power(x, p, k, shift)
    terms = [jnp.zeros_like(x)]
    if not isinstance(dx, SymbolicZero):
        terms.append(jnp.where(p == k, 0, (p - k) * _power(x, p, k + 1, shift)) * dx)
    if not isinstance(dp, SymbolicZero):
        empty = shift + x == 0
        terms.append(jnp.where(empty, 0, y * _log(jnp.where(empty, 1, x), shift)) * dp)
    return y, sum(terms)


_power.defjvp(_power_jvp, symbolic_zeros=True)


# ---- F_n = d^n/dlam^n ((1+x)^lam - 1)/lam ----------------------------------------------------------------------------
# With L = log(1+x), u = lam L: F_0 = int_0^1 L e^(ut) dt, so F_n = L^(n+1) E_n(u), E_n(u) = int_0^1 t^n e^(ut) dt
# = sum_k u^k / (k! (k+n+1)). By parts, for |u| >= 1: F_n = (L^n (1+x)^lam - n F_(n-1)) / lam.
# Derivatives: dF_n/dlam = F_(n+1); dF_n/dx = d^n/dlam^n (1+x)^(lam-1) = L^n (1+x)^(lam-1).


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _boxcox(x: Array, lam: Array, n: int) -> Array:
    log = _log(x, 1)
    u = jnp.where(lam == 0, 0, lam * log)
    large = jnp.abs(u) >= 1
    terms = 11 if x.dtype == jnp.float32 else 19
    near = horner(jnp.where(large, 0, u), [1 / (math.factorial(k) * (k + n + 1)) for k in range(terms)])
    base, slope = _exp_log(x, lam, 0.0, 1), jnp.where(large, lam, 1)
    far = (base - 1) / slope
    for m in range(1, n + 1):
        far = (log**m * base - m * far) / slope
    return jnp.where(large, far, log ** (n + 1) * near)


def _boxcox_jvp(n: int, xl: tuple, dxl: tuple) -> tuple:
    (x, lam), (dx, dlam) = xl, dxl
    terms = [jnp.zeros_like(x)]
    if not isinstance(dx, SymbolicZero):
        terms.append(_log(x, 1) ** n * _power(x, lam, 1, 1) * dx)
    if not isinstance(dlam, SymbolicZero):
        terms.append(_boxcox(x, lam, n + 1) * dlam)
    return _boxcox(x, lam, n), sum(terms)


_boxcox.defjvp(_boxcox_jvp, symbolic_zeros=True)


# ---- logarithm to half as many digits again, and its exponential -----------------------------------------------------
# After fdlibm's e_pow.c (Sun, 1993), with XLA's exp. Products of halves are exact with or without a fused multiply-add,
# and no sum is one that XLA simplifies: it turns (1 + x) - 1 into x, but leaves (1 + x) - x alone.

LN2_HIGH = math.floor(math.log(2) * 2**12) / 2**12  # times an exponent: exact
LN2_LOW = 0.6931471805599453 - LN2_HIGH + 2.3190468138462996e-17


def _half(x: Array) -> Array:
    """``x`` with the lower half of its digits cut off."""
    integer, bits = (jnp.int32, 12) if x.dtype == jnp.float32 else (jnp.int64, 27)
    return lax.bitcast_convert_type(lax.bitcast_convert_type(x, integer) & (-1 << bits), x.dtype)


def _log_parts(x: Array, shift: int) -> tuple[Array, Array]:
    """log(shift + x) as a number and a small rest, for positive normal shift + x."""
    integer, bits, root_half, terms = (
        (jnp.int32, 23, 0x3F3504F3, 5) if x.dtype == jnp.float32 else (jnp.int64, 52, 0x3FE6A09E667F3BCD, 12)
    )
    w = shift + x if shift else x
    pattern = lax.bitcast_convert_type(w, integer)
    exponent = (pattern - root_half) >> bits
    f = lax.bitcast_convert_type(pattern - (exponent << bits), x.dtype) - 1  # w = 2^exponent (1 + f)
    exponent = exponent.astype(x.dtype)
    # log(1 + f) = 2 atanh(s) = 2 (s + s^3/3 + s^5/5 + ...), s = f / (2 + f) = s0 + s1
    d = 2 + f
    s0, d0 = _half(f / d), _half(d)
    s1 = ((f - s0 * d0) - s0 * (f - (d0 - 2))) / d
    s = s0 + s1
    s2 = s * s
    rest = 2 * s1 + s * s2 * horner(s2, [2 / (2 * n + 3) for n in range(terms)])
    if shift:  # what shift + x has rounded off (Knuth's two-sum), relative to w
        b = w - x
        lost = ((shift - b) + (x - (w - b))) / w
        rest = rest + (lost - 0.5 * lost * lost)
    high, low = exponent * LN2_HIGH, 2 * s0
    total = high + low
    return total, (low - (total - high)) + (exponent * LN2_LOW + rest)


def _limits(w: Array, at_zero: ArrayLike, at_infinity: ArrayLike, inside: Array) -> Array:
    """``inside`` for positive w, and what holds at its ends; NaN outside."""
    zero = jnp.abs(w) < jnp.finfo(w.dtype).tiny
    inside = jnp.where(w > 0, inside, jnp.nan)
    return jnp.where(zero, at_zero, jnp.where(w == jnp.inf, at_infinity, inside))


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _log(x: Array, shift: int) -> Array:
    total, rest = _log_parts(x, shift)
    return _limits(shift + x, -jnp.inf, jnp.inf, total + rest)


@_log.defjvp
def _(shift: int, xs: tuple, dxs: tuple) -> tuple:
    return _log(xs[0], shift), dxs[0] / (shift + xs[0])


@jax.custom_jvp
@partial(jax.jit, inline=True)
def _log_gap(log_x: Array, y: Array) -> Array:
    total, rest = _log_parts(y, 0)
    return _limits(y, jnp.inf, -jnp.inf, (log_x - total) - rest)


@_log_gap.defjvp
def _(xy: tuple, dxy: tuple) -> tuple:
    return _log_gap(*xy), dxy[0] - dxy[1] / xy[1]


@partial(jax.jit, static_argnums=(3,), inline=True)
def _exp_log(x: Array, e: Array, e_rest: ArrayLike, shift: int) -> Array:
    """(shift + x)^(e + e_rest) = exp((e + e_rest) log(shift + x))."""
    total, rest = _log_parts(x, shift)
    top = _half(total + rest)
    rest = (total - top) + rest
    high = _half(e) * top
    low = (e - _half(e)) * top + (e * rest + e_rest * top)
    t = high + low
    y = jnp.exp(t) * (1 + jnp.where(jnp.abs(t) < 2048, low - (t - high), 0))
    one = jnp.where(e == 0, 1, 0)
    return _limits(shift + x, jnp.where(e < 0, jnp.inf, one), jnp.where(e > 0, jnp.inf, one), y)
