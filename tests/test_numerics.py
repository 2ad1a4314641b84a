"""Values and derivatives of ``jaxloss.numerics`` against mpmath: every bound its docstrings promise is asserted."""

import dataclasses
import doctest
import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from jaxloss import numerics
from jaxloss.numerics import bessel, elementary, gamma, logarithms, pairs, powers, rows

mp.mp.dps = 60
DTYPES = [np.float32, np.float64]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=["f32", "f64"])
rng = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"), np.errstate(all="ignore"):
        yield


# ---- the ruler -------------------------------------------------------------------------------------------------------


def ulps(got, true, dtype, scale=None, slack=8):
    """The largest |got - true| in units of the last place of ``true`` (or of a larger ``scale``).

    Within a factor ``slack`` of the ends of the range, where an intermediate result leaves it, 0 and inf will do.
    """
    info, worst = np.finfo(dtype), 0.0
    scale = true if scale is None else [max(abs(s), abs(t)) for s, t in zip(scale, true, strict=True)]
    for g, t, s in zip(np.ravel(got).tolist(), true, scale, strict=True):
        if mp.isnan(t):
            error = 0.0 if math.isnan(g) else math.inf
        elif math.isnan(g):
            error = math.inf
        elif max(abs(t), abs(g)) < slack * float(info.tiny):
            error = 0.0
        elif min(abs(t), abs(g)) > float(info.max) / slack:
            error = 0.0 if g * t > 0 else math.inf
        else:
            unit = mp.ldexp(1, mp.frexp(abs(s))[1] - 1 - info.nmant)
            error = float(abs(mp.mpf(g) - t) / unit)
        worst = max(worst, error)
    return worst


def exact(array):
    return [mp.mpf(float(v)) for v in np.ravel(array)]


def in_dtype(dtype):
    return jax.enable_x64(dtype is np.float64)


def spread(dtype, count=100, *, lowest=-300, highest=300):
    """Positive numbers: of any magnitude, moderate, and close to where formulas change."""
    top = 37 if dtype is np.float32 else 300
    edges = np.array([0.35, 0.5, 0.7, 0.75, 1.0, 2.0, 2.0**60])
    parts = [
        10.0 ** rng.uniform(max(lowest, -top), min(highest, top), count),
        10.0 ** rng.uniform(-5, 0, count),
        rng.uniform(0, 4, count),
        rng.uniform(0, 40, count),
        rng.uniform(0, 85 if dtype is np.float32 else 700, count),
        np.ravel(edges[:, None] * (1 + 1e-6 * rng.uniform(-1, 1, (1, count // 5)))),
    ]
    return np.concatenate(parts).astype(dtype)


def signed(dtype):
    x = spread(dtype)
    return np.concatenate([x, -x])


# ---- one argument ----------------------------------------------------------------------------------------------------


def sigma(x):
    return 1 / (1 + mp.exp(-x))


def bell(x):
    return sigma(x) * sigma(-x)


def moment(x, n=0):
    """The integral of t^n e^(xt), by its series or by parts."""
    if abs(x) < 1:
        return mp.nsum(lambda k: x**k / (mp.factorial(k) * (k + n + 1)), [0, 60])
    return mp.expm1(x) / x if n == 0 else (mp.exp(x) - n * moment(x, n - 1)) / x


def excess(x):
    with mp.workdps(400):
        return mp.expm1(x) - x


def remainder(x):
    with mp.workdps(400):
        return mp.loggamma(x) - (x - mp.mpf(1) / 2) * mp.log(x) + x - mp.log(2 * mp.pi) / 2


def remainder_slope(x, n=1):
    """The first derivatives of Stirling's remainder, by those of log gamma."""
    with mp.workdps(400):
        if n == 1:
            return mp.digamma(x) - mp.log(x) + 1 / (2 * x)
        return mp.psi(1, x) - 1 / x - 1 / (2 * x * x)


def bessel_slope(x, n=1):
    """I_1(x) / I_0(x) - 1 and its derivative, I_0' being I_1 and I_1' = I_0 - I_1 / x."""
    with mp.workdps(mp.mp.dps + 60 + max(0, 3 * int(mp.log10(x)))):
        q = mp.besseli(1, x) / mp.besseli(0, x)
        return q - 1 if n == 1 else 1 - q / x - q * q


def where_the_cube_is_normal(dtype):
    """Positive numbers up to where the second derivative of 1/x is far from both ends of the range."""
    return (lambda x: x[(x > 1e-12) & (x < 1e8)])(spread(dtype))


def above_its_underflow(dtype):
    """Numbers whose square, half of what is due, is representable."""
    return (lambda x: x[np.abs(x) > (1e-18 if dtype is np.float32 else 1e-150)])(signed(dtype))


def below_its_overflow(dtype):
    return (lambda x: x[np.abs(x) < (80 if dtype is np.float32 else 700)])(signed(dtype))


@dataclass(frozen=True)
class Unary:
    function: Callable
    truth: tuple  # value, first and second derivative, in mpmath
    bound: tuple  # in ulp
    draw: Callable = signed
    scale: Callable | None = None  # of the terms of the second derivative, where they cancel


UNARY = [
    Unary(numerics.softplus, (lambda x: mp.log1p(mp.exp(x)), sigma, bell), (4, 4, 4)),
    Unary(numerics.sigmoid, (sigma, bell, lambda x: -bell(x) * mp.tanh(x / 2)), (4, 4, 8)),
    Unary(numerics.log_sigmoid, (lambda x: -mp.log1p(mp.exp(-x)), lambda x: sigma(-x), lambda x: -bell(x)), (4, 4, 4)),
    Unary(
        numerics.tanh,
        (lambda x: mp.tanh(x), lambda x: 4 * bell(2 * x), lambda x: -8 * bell(2 * x) * mp.tanh(x)),
        (4, 4, 8),
    ),
    Unary(
        numerics.log_cosh,
        (
            lambda x: mp.log1p(2 * mp.sinh(x / 2) ** 2) if abs(x) < 1 else abs(x) + mp.log1p(mp.expm1(-2 * abs(x)) / 2),
            mp.tanh,
            lambda x: 4 * bell(2 * x),
        ),
        (4, 4, 4),
    ),
    Unary(
        numerics.log1mexp,
        (
            lambda x: mp.log(-mp.expm1(-x)) if x < 1 else mp.log1p(-mp.exp(-x)),
            lambda x: 1 / mp.expm1(x),
            lambda x: -mp.exp(x) / mp.expm1(x) ** 2,
        ),
        (4, 4, 8),
        draw=spread,
    ),
    Unary(
        numerics.log1p_square,
        (
            lambda x: mp.log1p(x * x),
            lambda x: 2 * x / (1 + x * x),
            lambda x: 2 * (1 - x * x) / (1 + x * x) ** 2,
        ),
        (4, 4, 8),
        scale=lambda x: 2 / (1 + x * x),
    ),
    Unary(
        numerics.sqrt1pm1_square,
        (
            lambda x: x * x / (mp.sqrt(1 + x * x) + 1),
            lambda x: x / mp.sqrt(1 + x * x),
            lambda x: (1 + x * x) ** mp.mpf(-1.5),
        ),
        (4, 4, 8),
    ),
    Unary(
        numerics.stirling,
        (remainder, remainder_slope, lambda x: remainder_slope(x, 2)),
        (8, 8, 16),
        draw=where_the_cube_is_normal,
    ),
    Unary(
        numerics.log_i0e,
        (lambda x: mp.log(mp.besseli(0, x)) - x, bessel_slope, lambda x: bessel_slope(x, 2)),
        (8, 8, 128),
        draw=where_the_cube_is_normal,
    ),
    Unary(
        numerics.log1p_excess,
        (lambda x: x - mp.log1p(x), lambda x: x / (1 + x), lambda x: 1 / (1 + x) ** 2),
        (4, 4, 4),
        draw=lambda dtype: (lambda x: x[x > 1e-18])(spread(dtype)),
    ),
    Unary(numerics.expm1, (mp.expm1, mp.exp, mp.exp), (4, 4, 4)),
    Unary(numerics.exp_excess, (excess, mp.expm1, mp.exp), (4, 4, 4), draw=above_its_underflow),
    Unary(
        numerics.exp_moment,
        (moment, lambda x: moment(x, 1), lambda x: moment(x, 2)),
        (8, 8, 16),
        draw=below_its_overflow,
    ),
]


def derivatives(function, x):
    """Value, forward, reverse and reverse-over-forward derivative, elementwise."""

    def first(x):
        return jax.jvp(function, (x,), (jnp.ones_like(x),))[1]

    value, pullback = jax.vjp(function, x)
    return value, first(x), pullback(jnp.ones_like(x))[0], jax.vjp(first, x)[1](jnp.ones_like(x))[0]


def measure(case, dtype):
    """Errors in ulp of value, forward, reverse and second derivative."""
    x = case.draw(dtype)
    points = exact(x)
    with in_dtype(dtype):
        got = [np.asarray(y) for y in jax.jit(lambda x: derivatives(case.function, x))(x)]
    assert all(y.dtype == dtype for y in got)
    truth = [[f(p) for p in points] for f in case.truth]
    scale = None if case.scale is None else [case.scale(p) for p in points]
    return [
        ulps(got[0], truth[0], dtype),
        ulps(got[1], truth[1], dtype),
        ulps(got[2], truth[1], dtype),
        ulps(got[3], truth[2], dtype, scale),
    ]


@dtypes
@pytest.mark.parametrize("case", UNARY, ids=lambda c: c.function.__name__)
def test_unary(case, dtype):
    value, forward, reverse, second = measure(case, dtype)
    bound = dict(zip(("value", "first", "second"), case.bound, strict=True))
    assert value <= bound["value"]
    assert max(forward, reverse) <= bound["first"]
    assert second <= bound["second"]


def test_third_derivatives():
    def third(case, x):
        return jax.vjp(lambda x: derivatives(case.function, x)[3], x)[1](jnp.ones_like(x))[0]

    points = np.array([0.1, 0.9, 3.0])
    with jax.enable_x64(True):
        got = jax.jit(lambda x: [third(case, x) for case in UNARY])(points)
    truth = [[float(mp.diff(case.truth[2], p)) for p in exact(points)] for case in UNARY]
    np.testing.assert_allclose(got, truth, rtol=1e-13, atol=1e-15)


def wrong_slope(x):
    """The right value with a derivative that cancels."""
    return jax.lax.stop_gradient(numerics.tanh(x) - jnp.tanh(x)) + jnp.tanh(x)


NAIVE = {
    "softplus": lambda x: jnp.log(1 + jnp.exp(x)),
    "sigmoid": lambda x: jnp.exp(x) / (1 + jnp.exp(x)),
    "tanh": wrong_slope,
    "log_cosh": lambda x: jnp.logaddexp(x, -x) - math.log(2),
    "log1mexp": lambda x: jnp.log(1 - jnp.exp(-x)),
    "log1p_square": lambda x: jnp.log(1 + x * x),
    "sqrt1pm1_square": lambda x: jnp.sqrt(1 + x * x) - 1,
    "expm1": lambda x: jnp.exp(x) - 1,
    "exp_excess": lambda x: jnp.expm1(x) - x,
    "exp_moment": lambda x: (jnp.exp(x) - 1) / x,
}


@pytest.mark.parametrize("name", NAIVE)
def test_the_ruler_catches_naive_formulas(name):
    (case,) = [c for c in UNARY if c.function.__name__ == name]
    x = np.concatenate([rng.uniform(0.001, 0.1, 100), rng.uniform(0.1, 80, 100)])
    x = x if case.draw is spread else np.concatenate([x, -x])
    moderate = dataclasses.replace(case, function=NAIVE[name], draw=x.astype)
    assert max(measure(moderate, np.float32)[:3]) > 50


# ---- two arguments ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Binary:
    function: Callable
    truth: tuple  # value and the two derivatives, in mpmath
    draw: Callable
    bound: tuple


def bounded_exponent(log, dtype, size, limit=64):
    """Exponents p of all sizes with |p| <= limit and |p log| short of overflow."""
    most = np.minimum(0.9 * (87 if dtype is np.float32 else 700) / np.maximum(np.abs(log), 1e-9), limit)
    p = (
        most
        * rng.choice([-1, 1], size)
        * np.where(rng.random(size) < 0.5, rng.random(size), 10 ** rng.uniform(-9, 0, size))
    )
    return p.astype(dtype)


def draw_hypot(dtype):
    x = signed(dtype)
    return x, (x[::-1] * 10.0 ** rng.uniform(-2, 2, x.size)).clip(-1e36, 1e36).astype(dtype)


def draw_xlogy(dtype):
    x = signed(dtype)
    return x, np.abs(rng.permutation(x))


def draw_power(dtype):
    x = np.concatenate([spread(dtype), 1 + 10.0 ** rng.uniform(-6, -0.6, 100), 1 - 10.0 ** rng.uniform(-6, -0.6, 100)])
    x = x.astype(dtype)
    return x, bounded_exponent(np.log(x.astype(float)), dtype, x.size)


def draw_boxcox(dtype):
    x = np.concatenate([spread(dtype), -rng.random(100), -(10.0 ** rng.uniform(-6, 0, 100))]).astype(dtype)
    return x, bounded_exponent(np.log1p(x.astype(float)), dtype, x.size)


def draw_log_gap(dtype):
    y = spread(dtype)
    apart = np.concatenate([np.zeros(50), 10.0 ** rng.uniform(-7, 1, y.size - 50)]) * rng.choice([-1, 1], y.size)
    return (np.log(y.astype(float)) + rng.permutation(apart)).astype(dtype), y


def boxcox(x, lam):
    return mp.log1p(x) if lam == 0 else mp.expm1(lam * mp.log1p(x)) / lam


def boxcox_by_lam(x, lam):
    log = mp.log1p(x)
    u = lam * log
    if abs(u) < 1e-15:
        return log * log * (mp.mpf(1) / 2 + u / 3 + u * u / 8)
    return (log * mp.exp(u) - mp.expm1(u) / lam) / lam


def draw_log_ratio(dtype):
    x = spread(dtype)
    apart = np.concatenate([np.zeros(50), 10.0 ** rng.uniform(-7, 1, x.size - 50)]) * rng.choice([-1, 1], x.size)
    near = x * np.exp(rng.permutation(apart))
    return x, np.where(rng.random(x.size) < 0.5, near, rng.permutation(x)).astype(dtype)


BINARY = [
    Binary(
        numerics.log_ratio,
        (lambda x, y: mp.log(x / y), lambda x, _: 1 / x, lambda _, y: -1 / y),
        draw_log_ratio,
        (4, 4, 4),
    ),
    Binary(
        numerics.hypot,
        (mp.hypot, lambda x, y: x / mp.hypot(x, y), lambda x, y: y / mp.hypot(x, y)),
        draw_hypot,
        (4, 4, 4),
    ),
    Binary(
        numerics.xlogy,
        (lambda x, y: x * mp.log(y), lambda _, y: mp.log(y), lambda x, y: x / y),
        draw_xlogy,
        (4, 4, 4),
    ),
    Binary(
        numerics.power,
        (lambda x, p: x**p, lambda x, p: p * x ** (p - 1), lambda x, p: x**p * mp.log(x)),
        draw_power,
        (4, 4, 4),
    ),
    Binary(
        numerics.boxcox,
        (boxcox, lambda x, lam: (1 + x) ** (lam - 1), boxcox_by_lam),
        draw_boxcox,
        (4, 4, 8),
    ),
]


def measure_binary(case, dtype):
    """Errors in ulp of the value, and of the derivative in each argument forward and in reverse."""

    def both(x, y):
        ones = jnp.ones_like(x)
        value, pullback = jax.vjp(case.function, x, y)
        by_x = jax.jvp(lambda x: case.function(x, y), (x,), (ones,))[1]
        by_y = jax.jvp(lambda y: case.function(x, y), (y,), (ones,))[1]
        return value, by_x, by_y, *pullback(ones)

    x, y = case.draw(dtype)
    with in_dtype(dtype):
        got = [np.asarray(z) for z in jax.jit(both)(x, y)]
    assert all(z.dtype == dtype for z in got)
    truth = [[f(*p) for p in zip(exact(x), exact(y), strict=True)] for f in case.truth]
    return [ulps(g, t, dtype, slack=64) for g, t in zip(got, [*truth, *truth[1:]], strict=True)]


@dtypes
@pytest.mark.parametrize("case", BINARY, ids=lambda c: c.function.__name__)
def test_binary(case, dtype):
    value, *slopes = measure_binary(case, dtype)
    assert value <= case.bound[0]
    assert max(slopes[0::2]) <= case.bound[1]
    assert max(slopes[1::2]) <= case.bound[2]


@dtypes
def test_log_gap(dtype):
    log_x, y = draw_log_gap(dtype)
    apart = [a - mp.log(b) for a, b in zip(exact(log_x), exact(y), strict=True)]
    sizes = [mp.log(b) * mp.mpf(2) ** -6 for b in exact(y)]
    with in_dtype(dtype):
        slopes = jax.jit(jax.vmap(jax.grad(numerics.log_gap, (0, 1))))(log_x, y)
        assert ulps(jax.jit(numerics.log_gap)(log_x, y), apart, dtype, sizes) <= 2
        assert ulps(log_x - np.log(y), apart, dtype, sizes) > 20
    np.testing.assert_array_equal(slopes[0], 1)
    assert ulps(slopes[1], [-1 / b for b in exact(y)], dtype) <= 4


def test_log_gap_at_its_limits():
    log_x, y = jnp.array([0.0, -jnp.inf, 0.0, 0.0]), jnp.array([0.0, 1.0, jnp.inf, -1.0])
    np.testing.assert_array_equal(numerics.log_gap(log_x, y), [np.inf, -np.inf, -np.inf, np.nan])


FIXED = [-2, -0.5, 0.5, 1.5, 3, 4.5, 5, 1 / 3, 20.1]


def measure_fixed_powers(dtype):
    """Errors in ulp of x^p and its two derivatives over all exponents of ``FIXED``."""
    x = spread(dtype, 30)
    with in_dtype(dtype):
        every = jax.jit(lambda x: [derivatives(lambda x, p=p: numerics.power(x, p), x) for p in FIXED])(x)
    worst = [0.0] * 4
    for p, got in zip(FIXED, every, strict=True):
        q = mp.mpf(p)
        slopes = [
            lambda v, q=q: v**q,
            lambda v, q=q: q * v ** (q - 1) if q else mp.mpf(0),
            lambda v, q=q: q * (q - 1) * v ** (q - 2) if q * (q - 1) else mp.mpf(0),
        ]
        value, first, second = ([f(v) for v in exact(x)] for f in slopes)
        slack = max(8, abs(p * (p - 1)))
        errors = [ulps(g, t, dtype, slack=slack) for g, t in zip(got, [value, first, first, second], strict=True)]
        worst = [max(w, e) for w, e in zip(worst, errors, strict=True)]
    return worst


@dtypes
def test_fixed_powers(dtype):
    *first, second = measure_fixed_powers(dtype)
    assert max(first) <= 4
    assert second <= 8


# ---- rows ------------------------------------------------------------------------------------------------------------


def norm(row, order):
    return max(map(abs, row)) if order == math.inf else mp.fsum(abs(v) ** order for v in row) ** (mp.mpf(1) / order)


def norm_slope(row, order):
    h = norm(row, order)
    if order == math.inf:
        return [mp.sign(v) if abs(v) == h else mp.mpf(0) for v in row]
    return [mp.sign(v) * (abs(v) / h) ** (order - 1) for v in row]


def lse(row):
    m = max(row)
    return m + mp.log(mp.fsum(mp.exp(v - m) for v in row))


def softmax(row):
    m = max(row)
    total = mp.fsum(mp.exp(v - m) for v in row)
    return [mp.exp(v - m) / total for v in row]


def draw_rows(dtype):
    big = 1e30 if dtype is np.float32 else 1e300
    x = rng.standard_normal((5, 5, 20)) * np.array([big, 1 / big, 1, 1e-3, 1e15])[:, None, None]
    x[2] *= 10.0 ** rng.uniform(-6, 6, (5, 20))
    return x.reshape(25, 20).astype(dtype)


def draw_logits(dtype):
    scales = np.array([1e-20, 1, 30, 1e4])[:, None, None]
    return (rng.standard_normal((4, 6, 20)) * scales).reshape(24, 20).astype(dtype)


def measure_rows(function, value, slope, x, dtype, scale=None):
    """Errors in ulp of a row function and of its gradient."""
    with in_dtype(dtype):
        y, pullback = jax.vjp(jax.jit(function), x)
        g = pullback(jnp.ones_like(y))[0]
    data = [exact(row) for row in x]
    return [
        ulps(y, [value(row) for row in data], dtype, scale and [scale(row) for row in data]),
        ulps(g, [v for row in data for v in slope(row)], dtype),
    ]


@dtypes
@pytest.mark.parametrize("order", [1.5, 2, 4.2, math.inf])
def test_safe_norm(order, dtype):
    def function(x):
        return numerics.safe_norm(x, -1, ord=order)

    errors = measure_rows(function, lambda r: norm(r, order), lambda r: norm_slope(r, order), draw_rows(dtype), dtype)
    assert max(errors) <= 16


@dtypes
def test_logsumexp(dtype):
    x = draw_logits(dtype)
    errors = measure_rows(lambda x: numerics.logsumexp(x, -1), lse, softmax, x, dtype, scale=lambda r: abs(max(r)))
    assert max(errors) <= 16


@dtypes
def test_normalize_turns(dtype):
    """u = x/h and du = (dx - u (u . dx)) / h, the latter relative to its terms."""
    x = draw_rows(dtype)
    dx = rng.permuted(x, axis=1)
    with in_dtype(dtype):
        u, du = jax.jit(lambda x, dx: jax.jvp(lambda x: numerics.normalize(x, -1), (x,), (dx,)))(x, dx)
    truth, turn, scale = [], [], []
    for row, drow in zip(map(exact, x), map(exact, dx), strict=True):
        h = norm(row, 2)
        inner = mp.fsum(a * b for a, b in zip(row, drow, strict=True)) / h**2
        truth += [a / h for a in row]
        turn += [(b - a * inner) / h for a, b in zip(row, drow, strict=True)]
        scale += [max(map(abs, drow)) / h] * len(row)
    assert ulps(u, truth, dtype) <= 16
    assert ulps(du, turn, dtype, scale) <= 16


def test_row_axes():
    x = rng.standard_normal((2, 3, 4)).astype(np.float32)
    for function in (numerics.safe_norm, numerics.logsumexp):
        assert jax.eval_shape(lambda x, f=function: f(x, None), x).shape == ()
        assert jax.eval_shape(lambda x, f=function: f(x, (0, -1)), x).shape == (3,)
        assert jax.eval_shape(lambda x, f=function: f(x, 1, keepdims=True), x).shape == (2, 1, 4)
    assert jax.eval_shape(lambda x: numerics.normalize(x, (0, 2)), x).shape == x.shape
    got = jax.jit(lambda x: numerics.safe_norm(x, (0, 2)))(x)
    np.testing.assert_allclose(got, np.sqrt((x**2).sum((0, 2))), rtol=1e-6)
    with pytest.raises(ValueError, match="ord must be at least 1"):
        numerics.safe_norm(x, 0, ord=0.5)


# ---- edges -----------------------------------------------------------------------------------------------------------

INF, NAN = np.inf, np.nan
EDGES = [  # function, points, values, derivatives
    (numerics.softplus, [-INF, 0.0, -0.0, INF, NAN], [0, math.log(2), math.log(2), INF, NAN], [0, 0.5, 0.5, 1, NAN]),
    (numerics.sigmoid, [-INF, 0.0, -0.0, INF, NAN], [0, 0.5, 0.5, 1, NAN], [0, 0.25, 0.25, 0, NAN]),
    (numerics.log_sigmoid, [-INF, 0.0, INF, NAN], [-INF, -math.log(2), 0, NAN], [1, 0.5, 0, NAN]),
    (numerics.tanh, [-INF, 0.0, -0.0, INF, NAN], [-1, 0, 0, 1, NAN], [0, 1, 1, 0, NAN]),
    (numerics.log_cosh, [-INF, 0.0, -0.0, INF, NAN], [INF, 0, 0, INF, NAN], [-1, 0, 0, 1, NAN]),
    (numerics.log1mexp, [0.0, INF, NAN], [-INF, 0, NAN], [INF, 0, NAN]),
    (numerics.log1p_square, [-INF, 0.0, -0.0, INF, NAN], [INF, 0, 0, INF, NAN], [0, 0, 0, 0, NAN]),
    (numerics.sqrt1pm1_square, [-INF, 0.0, -0.0, INF, NAN], [INF, 0, 0, INF, NAN], [-1, 0, 0, 1, NAN]),
    (lambda x: numerics.power(x, 0), [0.0, INF], [1, 1], [0, 0]),
    (lambda x: numerics.power(x, 1), [0.0, INF, NAN], [0, INF, NAN], [1, 1, 1]),
    (lambda x: numerics.power(x, 1.5), [0.0, INF, NAN, -1.0], [0, INF, NAN, NAN], [0, INF, NAN, NAN]),
    (lambda x: numerics.power(x, 1.7), [0.0, INF, NAN, -1.0], [0, INF, NAN, NAN], [0, INF, NAN, NAN]),
    (lambda x: numerics.power(x, 0.3), [0.0, INF, NAN], [0, INF, NAN], [INF, 0, NAN]),
    (lambda x: numerics.power(x, -0.3), [0.0, INF, NAN], [INF, 0, NAN], [-INF, 0, NAN]),
    (lambda x: numerics.boxcox(x, 0.0), [-1.0, 0.0, INF, NAN, -2.0], [-INF, 0, INF, NAN, NAN], None),
    (lambda x: numerics.boxcox(x, 0.5), [-1.0, 0.0, INF, NAN], [-2, 0, INF, NAN], [INF, 1, 0, NAN]),
    (lambda x: numerics.boxcox(x, -0.5), [-1.0, 0.0, INF, NAN], [-INF, 0, 2, NAN], [INF, 1, 0, NAN]),
]


def value_and_slope(function, x):
    value, pullback = jax.vjp(function, x)
    return value, pullback(jnp.ones_like(x))[0]


def test_edges():
    functions, points, values, slopes = zip(*EDGES, strict=True)
    data = [np.array(p, np.float32) for p in points]
    got = jax.jit(lambda data: [value_and_slope(f, x) for f, x in zip(functions, data, strict=True)])(data)
    for (y, dy), value, slope in zip(got, values, slopes, strict=True):
        np.testing.assert_allclose(y, np.array(value, np.float32), rtol=1e-6)
        if slope is not None:
            np.testing.assert_allclose(dy, np.array(slope, np.float32), rtol=1e-6)


def test_second_derivatives_are_finite():
    x = np.array([0, -0.0, 1e-45, 1e-30, 0.7, 1, 88, 1e19, 1e30], np.float32)
    growing = [lambda x, p=p: numerics.power(x, p) for p in (2, 2.5, 2.7)]
    exponentials = [c.function for c in UNARY if np.isinf(c.function(np.float32(1e30)))]  # so is their curvature
    singular = (numerics.log1mexp, numerics.stirling)  # infinite at 0, and so are all their derivatives
    smooth = [c.function for c in UNARY if c.function not in (*singular, *exponentials)]

    @jax.jit
    def second(x, y):
        return [derivatives(f, x)[3] for f in smooth], [derivatives(f, y)[3] for f in (*growing, *exponentials)]

    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(second(x, x[:7])))


def test_learned_exponent_at_zero():
    zero, p = jnp.zeros(5), jnp.array([0.0, 1.0, 1.5, 2.0, 3.0])
    value, pullback = jax.vjp(jax.jit(numerics.power), zero, p)
    np.testing.assert_array_equal(value, [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(pullback(jnp.ones(5)), [[0, 1, 0, 0, 0], [0, 0, 0, 0, 0]])
    hessian = jax.jit(jax.vmap(jax.hessian(numerics.power, (0, 1))))(zero[3:], p[3:])
    np.testing.assert_array_equal(np.array(hessian), [[[2, 0], [0, 0]], [[0, 0], [0, 0]]])


def test_xlogy_at_zero():
    x, y = jnp.array([0.0, 0.0, 0.0, 2.0]), jnp.array([0.0, -1.0, jnp.nan, 0.5])
    np.testing.assert_allclose(numerics.xlogy(x, y), [0, 0, 0, 2 * math.log(0.5)], rtol=1e-6)
    by_y = jax.jit(jax.grad(lambda y: numerics.xlogy(x, y).sum()))
    np.testing.assert_array_equal(by_y(y), [0, 0, 0, 4])
    np.testing.assert_array_equal(jax.jvp(by_y, (y,), (jnp.ones(4),))[1][jnp.array([0, 1, 3])], [0, 0, -8])


def test_hypot_edges():
    x, y = jnp.array([0.0, jnp.inf, jnp.inf, jnp.nan, 1e-30]), jnp.array([0.0, 1.0, jnp.inf, 1.0, 0.0])
    value, pullback = jax.vjp(jax.jit(numerics.hypot), x, y)
    np.testing.assert_allclose(value, [0, np.inf, np.inf, np.nan, 1e-30], rtol=1e-6)
    half = math.sqrt(0.5)
    np.testing.assert_allclose(pullback(jnp.ones(5)), [[0, 1, half, np.nan, 1], [0, 0, half, np.nan, 0]], rtol=1e-6)
    hessian = np.array(jax.jit(jax.hessian(numerics.hypot, (0, 1)))(0.0, 0.0))
    np.testing.assert_array_equal(hessian, np.zeros((2, 2)))


def test_row_edges():
    orders = (1, 1.5, 2, math.inf)

    @jax.jit
    def results(zero, infinite, nan, ties):
        norms = [lambda x, o=o: numerics.safe_norm(x, -1, ord=o) for o in orders]
        at_zero = [jax.vjp(f, zero) for f in norms]
        return {
            "zero": [(value, pullback(value + 1)[0]) for value, pullback in at_zero],
            "infinite": [f(infinite) for f in norms],
            "nan": [f(nan) for f in norms],
            "ties": jax.grad(norms[-1])(ties),
            "direction": (numerics.normalize(zero, 1), jax.jacobian(lambda x: numerics.normalize(x, 1))(zero)),
        }

    got = results(jnp.zeros((2, 3)), jnp.array([jnp.inf, 1]), jnp.array([jnp.nan, 1]), jnp.array([-2.0, 2, 1]))
    assert not any(np.any(leaf) for leaf in jax.tree.leaves((got["zero"], got["direction"])))
    assert all(value == np.inf for value in got["infinite"])
    assert all(np.isnan(value) for value in got["nan"])
    np.testing.assert_array_equal(got["ties"], [-0.5, 0.5, 0])


def test_impossible_classes():
    @jax.jit
    def results(x):
        value, pullback = jax.vjp(lambda x: numerics.logsumexp(x, 1), x)
        return value, pullback(jnp.ones(5))[0], jax.hessian(lambda x: numerics.logsumexp(x, 0))(x[1])

    x = jnp.array([[-INF, -INF, -INF], [0, -INF, 0], [INF, 0, INF], [INF, -INF, 0], [NAN, 0, 0]])
    value, slope, curvature = results(x)
    np.testing.assert_allclose(value, [-INF, math.log(2), INF, INF, NAN], rtol=1e-6)
    np.testing.assert_array_equal(slope[:4], [[0, 0, 0], [0.5, 0, 0.5], [0.5, 0, 0.5], [1, 0, 0]])
    np.testing.assert_allclose(curvature, [[0.25, 0, -0.25], [0, 0, 0], [-0.25, 0, 0.25]], atol=1e-7)


# ---- transformations and dtypes --------------------------------------------------------------------------------------


PLAIN = [  # ours, the formula as one would write it, a point where that is harmless
    (numerics.hypot, lambda x, y: jnp.sqrt(x * x + y * y), (0.3, -1.2)),
    (numerics.xlogy, lambda x, y: x * jnp.log(y), (0.3, 1.2)),
    (numerics.power, lambda x, p: x**p, (0.3, 1.2)),
    (numerics.boxcox, lambda x, lam: ((1 + x) ** lam - 1) / lam, (9.0, -1.3)),
    (
        numerics.boxcox,
        lambda x, lam: sum(lam**k * jnp.log1p(x) ** (k + 1) / math.factorial(k + 1) for k in range(4)),
        (0.3, 0.0),
    ),
    *[
        (
            lambda x, y, o=o: numerics.safe_norm(jnp.stack([x, y]), 0, ord=o),
            lambda x, y, o=o: (jnp.abs(x) ** o + jnp.abs(y) ** o) ** (1 / o),
            (0.3, -1.2),
        )
        for o in (2, 3)
    ],
    (lambda x, y: numerics.normalize(jnp.stack([x, y]), 0)[0], lambda x, y: x / jnp.sqrt(x * x + y * y), (0.3, -1.2)),
    (lambda x, y: numerics.logsumexp(jnp.stack([x, y]), 0), lambda x, y: jnp.log(jnp.exp(x) + jnp.exp(y)), (0.3, -1.2)),
]


@pytest.mark.parametrize(("ours", "plain", "point"), PLAIN)
def test_higher_orders(ours, plain, point):
    """First to third derivatives along a slanting line equal those of the plain formula where that is accurate."""

    def orders(function, x, y):
        first = jax.grad(lambda t: function(x + t, y + 0.7 * t))
        second = jax.grad(first)
        return first(0.0), second(0.0), jax.jvp(second, (0.0,), (1.0,))[1]

    with jax.enable_x64(True):
        got, expected = jax.jit(lambda point: [orders(f, *point) for f in (ours, plain)])(point)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13)


def test_vmap_of_grad_is_grad():
    functions = (numerics.power, numerics.hypot, numerics.xlogy)

    @jax.jit
    def both(x, p):
        whole = [jax.grad(lambda x, p, f=f: f(x, p).sum(), (0, 1))(x, p) for f in functions]
        each = [jax.vmap(jax.grad(f, (0, 1)))(x, p) for f in functions]
        shared = [jax.grad(lambda q, f=f: f(x, q).sum())(p[3]) for f in functions]
        return whole, each, shared

    whole, each, shared = both(jnp.linspace(0.1, 3, 7), jnp.linspace(0.5, 2, 7))
    np.testing.assert_allclose(each, whole, rtol=1e-6)
    assert all(slope.shape == () for slope in shared)


def test_half_precision_is_computed_in_single():
    x = jnp.array([0.5, 3.0], jnp.bfloat16)
    for function in (numerics.softplus, numerics.log_cosh, lambda x: numerics.power(x, 1.7)):
        value, slope = jax.eval_shape(jax.value_and_grad(lambda x, f=function: f(x).sum()), x)
        assert value.dtype == jnp.float32
        assert slope.dtype == jnp.bfloat16
    assert jax.eval_shape(numerics.softplus, 0).dtype == jnp.float32


@pytest.mark.parametrize(
    "module", [numerics, bessel, elementary, gamma, logarithms, pairs, powers, rows], ids=lambda m: m.__name__
)
def test_docs(module):
    assert doctest.testmod(module).failed == 0
    assert all(callable(getattr(module, name)) for name in module.__all__)
