"""The gamma function without its powers: Stirling's remainder, of which densities with a normalizer are made.

XLA's ``lgamma`` has no correct digit next to 1 and 2 (1e5 ulp at 1.01, and 250 ulp between 0 and 1), costs 30
exponentials, and its differences, which is all that a density needs, lose what is left.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss.numerics.elementary import as_real, derivative, polynomial
from jaxloss.numerics.pairs import xlogy

__all__ = ["digamma_rest", "log_factorial_excess", "stirling", "stirling_slope"]

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
# B_2k / (2k (2k - 1)), the asymptotic series of the remainder in 1/x, 1/x^3, ...
SERIES = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400, 43867 / 244188)
SERIES += (-174611 / 125400, 77683 / 5796, -236364091 / 1506960)


def stirling(x: ArrayLike) -> Array:
    """Stirling's remainder s(x) = log Gamma(x) - (x - 1/2) log x + x - log(2 pi) / 2 for x > 0.

    It is positive and falls, from -log(2 pi x) / 2 next to 0 to 1 / (12 x). Value and derivative are within 8 ulp.
    In a ratio of gamma functions the powers cancel by hand, and what is left are remainders, of which no digit is lost.

    Example:
      >>> stirling(jnp.array([1e-3, 1.0, 1e6]))
      Array([2.5422707e+00, 8.1061482e-02, 8.3333333e-08], dtype=float32)
    """
    return _stirling(as_real(x))


def log_factorial_excess(x: ArrayLike) -> Array:
    """Logarithm of x! less x log x - x, for x >= 0: from 0 at 0 it grows to log(2 pi x) / 2 + 1 / (12 x).

    Value and derivative, which is infinite at 0, are within 8 ulp of themselves or of 1/2, whichever is larger. It is
    what the most likely of all Poisson distributions gives for a count of x.

    Example:
      >>> log_factorial_excess(jnp.array([0.0, 1.0]))
      Array([0., 1.], dtype=float32)
    """
    return _log_factorial_excess(as_real(x))


def _slope_of(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda x: jax.jvp(function, (x,), (jnp.ones_like(x),))[1]


# s(x) - s(x + 1) = (x + 1/2) log(1 + 1/x) - 1 = atanh(v) / v - 1 = v^2/3 + v^4/5 + ..., v = 1 / (2x + 1): a few such
# steps lead to where the asymptotic series holds. Every sum is of positive terms, and so are those of the derivatives:
# autodiff is exact here. Below 0.3, where v comes near 1, the first step is what it is by definition.
def _remainder(x: Array) -> Array:
    single = x.dtype == jnp.float32
    small = x < 0.3
    tiny = jnp.where(small, x, 0.25)
    first = (tiny + 0.5) * (jnp.log1p(tiny) - jnp.log(tiny)) - 1
    start = jnp.where(small, 1 + tiny, x)
    total = jnp.where(small, first, 0)
    far = start >= (4 if single else 8)
    near = jnp.where(far, 1, start)
    steps = 4 if single else 8
    for k in range(steps):
        total = total + jnp.where(far, 0, _step(near + k, k))
    end = jnp.where(far, start, near + steps)
    inverse = 1 / end
    return total + inverse * polynomial(inverse * inverse, SERIES[: 6 if single else 12])


def _step(x: Array, k: int) -> Array:
    """s(x) - s(x + 1) for x >= k + 0.3."""
    v = 1 / (2 * x + 1)
    digits = 20 if x.dtype == jnp.float32 else 42  # of the derivative, which converges a little later
    terms = max(2, math.ceil((digits + 12) * math.log(2) / (2 * math.log(2 * k + 1.6))))
    return (v * v) * polynomial(v * v, tuple(1 / (2 * n + 3) for n in range(terms)))


# Derivatives by forward mode, each a function of its own: what is linear in a tangent is one product, not a transposed
# formula, and a loss with several remainders traces each derivative once.
_stirling_bend = derivative(_slope_of(_slope_of(_slope_of(_remainder))))(_slope_of(_slope_of(_remainder)))
stirling_slope = derivative(_stirling_bend)(_slope_of(_remainder))
_stirling = derivative(stirling_slope)(_remainder)


def _excess(x: Array) -> Array:
    small = x < 0.3
    tiny, rest = jnp.where(small, x, 0), jnp.where(small, 1, x)
    near = (HALF_LOG_2PI - 1) + _stirling(1 + tiny) + (tiny + 0.5) * jnp.log1p(tiny) - xlogy(tiny, tiny)
    return jnp.where(x == 0, 0, jnp.where(small, near, 0.5 * jnp.log(rest) + (HALF_LOG_2PI + _stirling(rest))))


digamma_rest = derivative(_slope_of(_slope_of(_excess)))(_slope_of(_excess))
"""The digamma function minus the logarithm plus 1/x."""
_log_factorial_excess = derivative(digamma_rest)(_excess)
