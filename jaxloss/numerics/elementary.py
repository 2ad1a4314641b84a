"""Functions of one argument with exact derivatives.

Each public function is a door: it documents, converts its argument and calls a ``custom_jvp`` of the same name whose
derivative is again such a function, so that every order of differentiation keeps its digits.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

__all__ = ["log1mexp", "log1p_square", "log_cosh", "log_sigmoid", "sigmoid", "softplus", "sqrt1pm1_square", "tanh"]

# Largest error on XLA:CPU, jax 0.10.2, in ulp (float32, float64). Used as they are: exp (1.9, 1.3), log (1.0, 0.5),
# sqrt (0.5, 0.5), logistic (2.3, 2.0), log1p of x > 0 (2.1, 1.8). Replaced: log1p of x < 0 (1.4, 113),
# expm1 (3.9, 3.9), tanh (4.6, 6.9), sinh and cosh (24, 400), and lax.pow (0.5, 0.5) for its price.
# log1p(exp(-|x|)) is also rejected: outside a plain reduction it costs 3 times exp and log1p apart.

LOG2 = math.log(2.0)


def as_real(x: ArrayLike) -> Array:
    """``x`` as a float32 or float64 array."""
    x = jnp.asarray(x)
    return x if x.dtype in (jnp.float32, jnp.float64) else x.astype(jnp.float32)


def real_pair(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Both as real arrays of one dtype and one shape."""
    x, y = as_real(x), as_real(y)
    dtype = jnp.result_type(x, y)
    x, y = jnp.broadcast_arrays(x.astype(dtype), y.astype(dtype))
    return x, y


def finite(x: Array) -> Array:
    """``x`` with the infinities replaced by the largest finite numbers."""
    return jnp.clip(x, -jnp.finfo(x.dtype).max, jnp.finfo(x.dtype).max)


def power_of_two(size: Array) -> Array:
    """An exact factor that brings ``size`` to where squares neither overflow nor underflow."""
    limit, factor = (2.0**40, 2.0**80) if size.dtype == jnp.float32 else (2.0**400, 2.0**700)
    return jnp.where(size > limit, 1 / factor, jnp.where(size < 1 / limit, factor, 1)).astype(size.dtype)


Elementwise = Callable[[Array], Array]


one_dispatch: Any = partial(jax.jit, inline=True)
"""For what a loss calls once: outside jit it is one compiled call, inside jit nothing is left of that."""


def derivative(prime: Elementwise) -> Callable[[Elementwise], Elementwise]:
    """Decorator: the elementwise function has the derivative ``prime`` (and is one call when not traced)."""

    def attach(value: Elementwise) -> Elementwise:
        function = jax.custom_jvp(value)
        function.defjvp(lambda x, dx: (function(*x), prime(*x) * dx[0]))
        return one_dispatch(function)

    return attach


def horner(x: Array, coefficients: list[float]) -> Array:
    """c[0] + c[1] x + c[2] x^2 + ..."""
    *rest, last, highest = coefficients
    total = highest * x + last
    for c in reversed(rest):
        total = total * x + c
    return total


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def polynomial(x: Array, coefficients: tuple[float, ...]) -> Array:
    """``horner`` for what is differentiated through: every derivative is a polynomial too.

    Autodiff of Horner's scheme makes three operations of each one, and of those again three.
    """
    return horner(x, list(coefficients)) if len(coefficients) > 1 else jnp.full_like(x, coefficients[0])


@polynomial.defjvp
def _(coefficients: tuple[float, ...], primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    slopes = tuple(k * c for k, c in enumerate(coefficients))[1:] or (0.0,)
    return polynomial(x, coefficients), polynomial(x, slopes) * dx


def in_one_loop(values: Array) -> Array:
    """Return the values as they are, by an operation that XLA:CPU does not move into the sum over them.

    It moves sums and products there, and what is left of the formula then becomes loops with buffers in between (value
    and gradient of the mean of a sigmoid cross-entropy at 2**20: 1.25 ms, like this 0.85; of huber 0.8 and 0.55). For a
    value inside a custom derivative: a clamp has a derivative of its own.
    """
    return lax.clamp(jnp.asarray(-jnp.inf, values.dtype), values, jnp.asarray(jnp.inf, values.dtype))


def _one_minus_exp(x: Array, exp_minus_x: Array) -> Array:
    """1 - e^-x for x >= 0: x - x^2 (1/2! - x/3! + ...) below 0.7, where the difference loses digits."""
    # XLA's expm1 is wrong by 3.9 ulp (float32) for 1e-4 < x < 0.5, this by 1.
    terms = 8 if x.dtype == jnp.float32 else 15
    series = horner(x, [(-1) ** k / math.factorial(k + 2) for k in range(terms)])
    return jnp.where(x < 0.7, x - x * x * series, 1 - exp_minus_x)


# 2 atanh(s) / s - 2 in powers of s^2: the least relative error for s <= 1/3 (4.5e-9, a linear program), and the series.
ATANH_32 = [0.66666416, 0.40021533, 0.28001725, 0.28012334]
ATANH_64 = [2 / (2 * k + 3) for k in range(16)]


def log1p_by_atanh(x: Array, coefficients: list[float]) -> Array:
    """log(1 + x) = 2 atanh(s), s = x / (2 + x), for x >= 0, with the coefficients of 2 atanh(s) / s - 2 in s^2."""
    # XLA's log1p: 2.1 ulp (float32), 6 times the arithmetic.
    s = x / (2 + x)
    z = s * s
    return 2 * s + s * z * horner(z, coefficients)


def _log1p_unit(x: Array) -> Array:
    """log(1 + x) for 0 <= x <= 1."""
    return log1p_by_atanh(x, ATANH_32 if x.dtype == jnp.float32 else ATANH_64)


# ---- logistic family: sums of positive terms in e^-|x| ---------------------------------------------------------------


def softplus(x: ArrayLike) -> Array:
    """log(1 + e^x), derivative ``sigmoid(x)``; both within 4 ulp.

    Example:
      >>> softplus(jnp.array([-1e4, 1e4]))
      Array([    0., 10000.], dtype=float32)
    """
    return _softplus(as_real(x))


def sigmoid(x: ArrayLike) -> Array:
    """1 / (1 + e^-x) with derivative sigma(x) sigma(-x); both within 4 ulp, also where they are 1e-30.

    Example:
      >>> sigmoid(jnp.array([0.0, -1e4, 1e4]))
      Array([0.5, 0. , 1. ], dtype=float32)
    """
    return _sigmoid(as_real(x))


def log_sigmoid(x: ArrayLike) -> Array:
    """log(1 / (1 + e^-x)) = -softplus(-x), derivative ``sigmoid(-x)``; both within 4 ulp.

    Example:
      >>> log_sigmoid(jnp.array([-1e4]))
      Array([-10000.], dtype=float32)
    """
    return -_softplus(-as_real(x))


def tanh(x: ArrayLike) -> Array:
    """(1 - e^-2x) / (1 + e^-2x), derivative 1 / cosh(x)^2; both within 4 ulp.

    ``jnp.tanh`` is twice as fast, with 5 ulp (float32) and 7 (float64), but its derivative 1 - tanh^2 has no correct
    digit beyond x = 9.

    Example:
      >>> jax.grad(tanh)(0.0)
      Array(1., dtype=float32, weak_type=True)
    """
    return _tanh(as_real(x))


def log_cosh(x: ArrayLike) -> Array:
    """log((e^x + e^-x) / 2), derivative ``tanh(x)``; both within 4 ulp, from x^2 / 2 to x - log 2.

    Example:
      >>> log_cosh(jnp.array([0.0, 1e-3, 1e30]))
      Array([0.e+00, 5.e-07, 1.e+30], dtype=float32)
    """
    return _log_cosh(as_real(x))


def log1mexp(x: ArrayLike) -> Array:
    """log(1 - e^-x) for x >= 0, derivative 1 / (e^x - 1); both within 4 ulp; NaN for x < 0.

    Example:
      >>> log1mexp(jnp.array([0.0, 0.6931472]))
      Array([      -inf, -0.6931472], dtype=float32)
    """
    return _log1mexp(as_real(x))


@derivative(lambda x: _sigmoid(x))
def _softplus(x: Array) -> Array:
    return jnp.maximum(x, 0) + _log1p_unit(jnp.exp(-jnp.abs(x)))


@derivative(lambda x: _bell(x))
def _sigmoid(x: Array) -> Array:
    return lax.logistic(x)


# sigma' = sigma(x) sigma(-x) = e / (1 + e)^2, and (sigma')' = sigma' (sigma(-x) - sigma(x)) = -sigma' tanh(x/2).
@derivative(lambda x: -_bell(x) * _tanh(0.5 * x))
def _bell(x: Array) -> Array:
    e = jnp.exp(-jnp.abs(x))
    return e / (1 + e * (2 + e))


# tanh(x) = 2 sigma(2x) - 1, so tanh' = 4 sigma'(2x). With m = 1 - e^-2|x|: |tanh| = m / (2 - m).
@derivative(lambda x: 4 * _bell(2 * x))
def _tanh(x: Array) -> Array:
    a = 2 * jnp.abs(x)
    m = _one_minus_exp(a, jnp.exp(-a))
    return jnp.where(x < 0, -m, m) / (2 - m)


# log(1 + y) with y = cosh(x) - 1 = x^2 (1/2! + x^2/4! + ...) below 0.75: no cancellation. Above, |x| - log 2 is exact.
@derivative(lambda x: _tanh(x))
def _log_cosh(x: Array) -> Array:
    a = jnp.abs(x)
    terms = 4 if x.dtype == jnp.float32 else 8
    y = 0.5 * (x * x) + (x * x) * (x * x) * horner(x * x, [1 / math.factorial(2 * k + 4) for k in range(terms)])
    log = _log1p_unit(jnp.where(a < 0.75, y, jnp.exp(-2 * a)))
    return jnp.where(a < 0.75, log, (a - LOG2) + log)


# m = 1 - e rounds where e < 1/2; log m then lacks log(1 + lost/m) = lost/m. XLA's float64 log1p is off by 100 ulp here.
@derivative(lambda x: _inverse_expm1(x))
def _log1mexp(x: Array) -> Array:
    e = jnp.exp(-x)
    m = _one_minus_exp(x, e)
    lost = jnp.where(x < 0.7, 0, (1 - m) - e)
    return jnp.log(m) + lost / jnp.where(x > 0, m, 1)


# d = 1 / (e^x - 1): d' = -e^x / (e^x - 1)^2 = -d (1 + d).
@derivative(lambda x: -_inverse_expm1(x) * (1 + _inverse_expm1(x)))
def _inverse_expm1(x: Array) -> Array:
    e = jnp.exp(-x)
    return e / _one_minus_exp(x, e)


# ---- algebraic family: beyond HUGE, 1 + x^2 is x^2 in either precision -----------------------------------------------

HUGE = 2.0**60


def log1p_square(x: ArrayLike) -> Array:
    """log(1 + x^2), derivative 2x / (1 + x^2); both within 4 ulp at any magnitude.

    Example:
      >>> log1p_square(jnp.array([0.0, 1.0, 1e30]))
      Array([  0.       ,   0.6931472, 138.1551   ], dtype=float32)
    """
    return _log1p_square(as_real(x))


def sqrt1pm1_square(x: ArrayLike) -> Array:
    """sqrt(1 + x^2) - 1, derivative x / sqrt(1 + x^2); both within 4 ulp at any magnitude.

    Example:
      >>> sqrt1pm1_square(jnp.array([0.0, 0.75, 1e30]))
      Array([0.0e+00, 2.5e-01, 1.0e+30], dtype=float32)
    """
    return _sqrt1pm1_square(as_real(x))


@derivative(lambda x: 2 * _lorentz_odd(x))
def _log1p_square(x: Array) -> Array:
    a = jnp.abs(x)
    log = jnp.log1p(jnp.where(a > HUGE, a, a * a))
    return jnp.where(a > HUGE, 2 * log, log)


# q = x / (1 + x^2) and p = 1 / (1 + x^2): q' = (1 - x^2) p^2 and p' = -2 x p^2 = -2 q p.
@derivative(lambda x: (1 - finite(x)) * _lorentz(x) * ((1 + finite(x)) * _lorentz(x)))
def _lorentz_odd(x: Array) -> Array:
    return 1 / (x + 1 / x)


@derivative(lambda x: -2 * _lorentz_odd(x) * _lorentz(x))
def _lorentz(x: Array) -> Array:
    return 1 / (1 + x * x)


def _sqrt1p_square(x: Array) -> Array:
    a = jnp.abs(x)
    return jnp.where(a > HUGE, a, jnp.sqrt(1 + x * x))


# With h = sqrt(1 + x^2): h - 1 = x^2 / (1 + h), (h - 1)' = x / h, (x / h)' = h^-3, (h^-3)' = -3 h^-3 x / h^2.
@derivative(lambda x: _sine(x))
def _sqrt1pm1_square(x: Array) -> Array:
    a = jnp.abs(x)
    return jnp.where(a > HUGE, a, x * (x / (1 + _sqrt1p_square(x))))


@derivative(lambda x: _bend(x))
def _sine(x: Array) -> Array:
    huge = jnp.abs(x) > HUGE
    return jnp.where(huge, jnp.sign(x), x) / jnp.where(huge, 1, _sqrt1p_square(x))


@derivative(lambda x: -3 * _bend(x) * _lorentz_odd(x))
def _bend(x: Array) -> Array:
    return 1 / (_sqrt1p_square(x) * (1 + x * x))
