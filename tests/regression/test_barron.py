"""The adaptive robust loss: its limits, its derivative in the shape near and at them, and its density."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from mpmath import mp, mpf

from jaxloss.regression.barron import barron, barron_nll
from jaxloss.regression.huber import pseudo_huber
from jaxloss.regression.robust import cauchy, geman_mcclure, welsch
from jaxloss.regression.squared import half_squared_error

LIMITS = {2: half_squared_error, 1: pseudo_huber, 0: cauchy, -2: geman_mcclure, -math.inf: welsch}


@pytest.mark.parametrize("alpha", LIMITS)
@pytest.mark.parametrize("kind", [float, jnp.float32])
def test_limits_are_the_losses_of_their_names(alpha, kind):
    residuals = jnp.array([0.0, 1e-20, -1e-3, 0.5, -3.0, 12.0, 1e12])
    run = lambda loss, **options: jax.value_and_grad(lambda r: loss(r, jnp.zeros(7), reduction="sum", **options))
    value, slopes = run(barron, alpha=kind(alpha))(residuals)
    due, due_slopes = run(LIMITS[alpha])(residuals)
    np.testing.assert_allclose(value, due, rtol=1e-6)
    # Those of a learned -inf are a power of 1 - 1e-12, to the size of an exponent of 72.
    np.testing.assert_allclose(slopes, due_slopes, rtol=1e-6 if math.isfinite(alpha) else 2e-5, atol=1e-37)


def _loss(x, alpha):
    bend = abs(alpha - 2)
    return bend / alpha * ((1 + x**2 / bend) ** (alpha / 2) - 1) if alpha else mp.log(1 + x**2 / 2)


def _ulps(got, due, dtype):
    limits = np.finfo(dtype)
    if abs(due) > float(limits.max):
        return 0.0
    error = abs(mpf(float(got)) - due) - 4 * mpf(float(limits.tiny))
    return float(error / mpf(2) ** (mp.floor(mp.log(abs(due), 2)) - limits.nmant)) if np.isfinite(got) else np.inf


# Close to 0 and 2, where the formula loses its digits, and to either side of every change of method.
SHAPES = (-3.0, -1.25, -1e-10, 0.0, 1e-3, 0.5, 1.0, 1.5, 1.998, 2 - 1e-6, 2 + 1e-6, 2.002, 2.5, 4.0)
SIZES = (1e-30, 1e-12, 1e-3, 0.1, 0.7, 1.0, 1.3, 2.0, 3.5, 10.0, 1e2, 1e4, 1e8, 1e17, 1e30)


@pytest.mark.parametrize(("dtype", "bits"), [("float32", (8, 24)), ("float64", (8, 24))])
def test_value_and_slopes_of_a_learned_shape(dtype, bits):
    with jax.enable_x64(True):
        alpha, x = (a.ravel().astype(dtype) for a in np.meshgrid(SHAPES, SIZES))
        run = jax.jit(lambda x, a: barron(x, jnp.zeros_like(x), alpha=a, reduction="none"))
        values = np.asarray(run(x, alpha))
        slopes, rises = map(np.asarray, jax.jit(jax.grad(lambda x, a: jnp.sum(run(x, a)), (0, 1)))(x, alpha))
    with mp.workdps(400):
        step = mpf(10) ** -60
        for i in range(x.size):
            at, shape = mpf(float(x[i])), mpf(float(alpha[i]))
            assert _ulps(values[i], _loss(at, shape), dtype) <= bits[0], (at, shape)
            slope = at * (1 + at**2 / abs(shape - 2)) ** (shape / 2 - 1)
            assert _ulps(slopes[i], slope, dtype) <= bits[0], (at, shape)
            rise = (_loss(at, shape + step) - _loss(at, shape - step)) / (2 * step)
            assert _ulps(rises[i], rise, dtype) <= bits[1], (at, shape)


def test_slope_in_the_shape_at_its_limits():
    rise = jax.grad(lambda a, x: barron(x, 0.0, alpha=a))
    x = 3.0
    np.testing.assert_allclose(rise(2.0, x), x**2 / 4 * (np.log(x**2 / np.finfo(np.float32).eps) - 2), rtol=1e-5)
    assert rise(2.0, 0.0) == 0
    assert abs(rise(-jnp.inf, x)) < 1e-20
    assert 0 < rise(1e6, 1.0) < 1e-11
    second = jax.jit(jax.hessian(lambda z: barron(z[0], 0.0, alpha=z[1], scale=z[2])))
    for a in (-jnp.inf, -2.0, 0.0, 2.0):
        assert np.isfinite(second(jnp.array([x, a, 0.5]))).all()


def test_a_shape_of_infinity_grows_faster_than_any_power():
    for alpha in (math.inf, jnp.inf * jnp.ones(())):
        value, slope = jax.value_and_grad(barron)(3.0, 0.0, alpha=alpha)
        np.testing.assert_allclose((value, slope), (math.expm1(4.5), 3 * math.exp(4.5)), rtol=2e-6)
        assert barron(1e30, 0.0, alpha=alpha) == np.inf


@pytest.mark.parametrize("alpha", [-1.0, 1.3, 2.0])
def test_slope_in_the_scale(alpha):
    in_scale = jax.grad(lambda c: barron(3.0, 0.0, alpha=jnp.float32(alpha), scale=c))(0.7)
    in_residual = jax.grad(lambda r: barron(r, 0.0, alpha=alpha, scale=0.7))(3.0)
    np.testing.assert_allclose(in_scale, -in_residual * 3 / 0.7, rtol=1e-6)


def test_curvature_at_the_target():
    learned = jax.jit(jax.hessian(lambda r, a: barron(r, 0.0, alpha=a, scale=0.5)))
    for alpha in (1.0, 2.0, -jnp.inf):
        np.testing.assert_allclose(learned(0.0, alpha), 4, rtol=1e-6)


def test_normal_and_cauchy_densities():
    r = np.array([0.0, 0.3, -4.0])
    for alpha, due in ((2, scipy.stats.norm(scale=1.5)), (0, scipy.stats.cauchy(scale=1.5 * np.sqrt(2)))):
        for shape in (alpha, jnp.float32(alpha)):
            got = barron_nll(jnp.asarray(r, jnp.float32), jnp.zeros(3), alpha=shape, scale=1.5, reduction="none")
            np.testing.assert_allclose(got, -due.logpdf(r), rtol=1e-6)


@pytest.mark.parametrize("alpha", [0.1, 0.7, 1.0, 1.9, 1.9999, 2.0001, 3.0, 20.0, math.inf])
def test_the_density_integrates_to_one(alpha):
    with jax.enable_x64(True):
        # x = sinh(t) reaches the tails; the rule is not the one that the loss uses.
        t, w = scipy.special.roots_legendre(1000)
        t, w = 20 * (t + 1), 20 * w
        nll = barron_nll(jnp.sinh(t), jnp.zeros(1000), alpha=jnp.float64(alpha), reduction="none")
        np.testing.assert_allclose(2 * np.sum(w * np.cosh(t) * np.exp(-np.asarray(nll))), 1, rtol=1e-9)


def test_partition_function_in_float32_and_its_slope():
    run = lambda a: barron_nll(0.0, 0.0, alpha=a)
    # The integral in 30 digits, by another substitution; the slope by differences of it.
    due = {0.0: 1.49130347613, 0.5: 1.29170703099, 1.0: 1.18549523235, 1.8: 1.01302151, 3.0: 0.766956434606}
    slopes = {0.0: -0.8597729, 0.5: -0.24833813, 1.0: -0.19287002, 3.0: -0.039883997}
    for alpha, value in due.items():
        np.testing.assert_allclose(run(alpha), value, rtol=6e-7)
        np.testing.assert_allclose(run(jnp.float32(alpha)), value, rtol=6e-7)
    for alpha, slope in slopes.items():
        np.testing.assert_allclose(jax.grad(run)(alpha), slope, rtol=3e-6)
    np.testing.assert_allclose(run(math.inf), 0.70526, rtol=1e-4)


def test_shape_and_scale_are_learned_from_data():
    # The scale of normal noise: the mean squared error at the minimum, as for the normal distribution.
    noise = jnp.asarray(np.random.default_rng(0).normal(size=500), jnp.float32)
    slope = jax.grad(lambda c: barron_nll(noise, jnp.zeros(500), alpha=2.0, scale=c))(jnp.sqrt(jnp.mean(noise**2)))
    np.testing.assert_allclose(slope, 0, atol=1e-6)
    # Outliers ask for a smaller shape, a clean sample for a larger one.
    outliers = noise.at[:50].set(40.0)
    for sample, sign in ((noise, -1), (outliers, 1)):
        assert np.sign(jax.grad(lambda a, s=sample: barron_nll(s, jnp.zeros(500), alpha=a))(1.0)) == sign


def test_one_shape_for_each_channel():
    alpha, scale = jnp.array([[0.0, 1.0, 2.0]]), jnp.array([[1.0, 2.0, 3.0]])
    x = jnp.array([[1.0, -2, 3], [0, 5, 1e3]])
    got = barron_nll(x, jnp.zeros((2, 3)), alpha=alpha, scale=scale, reduction="none")
    for i in range(3):
        due = barron_nll(x[:, i], jnp.zeros(2), alpha=float(alpha[0, i]), scale=float(scale[0, i]), reduction="none")
        np.testing.assert_allclose(got[:, i], due, rtol=2e-6)


def test_parameters_out_of_range():
    x = jnp.ones(3)
    with pytest.raises(ValueError, match="barron: scale must be positive, got 0"):
        barron(x, x, scale=0)
    with pytest.raises(ValueError, match="barron: alpha must be a number, got nan"):
        barron(x, x, alpha=math.nan)
    for alpha in (-0.5, -math.inf):
        with pytest.raises(ValueError, match="barron_nll: alpha must be >= 0, got -"):
            barron_nll(x, x, alpha=alpha)
    assert np.isnan(barron_nll(x, x, alpha=jnp.array(-0.5)))
