"""Squared near the target and linear far away: worked examples, scipy, and where formulas lose digits or overflow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from jaxloss.regression.huber import charbonnier, huber, log_cosh, pseudo_huber, smooth_l1
from jaxloss.regression.squared import absolute_error

RNG = np.random.default_rng(0)
W10 = jnp.array([0.020, 0.176, 0.313]), jnp.array([0.019, 0.234, 0.918])
SWEEP = jnp.linspace(-1, 1, 100), jnp.zeros(100)


def test_huber_and_log_cosh_as_published():  # W10, W11
    np.testing.assert_allclose(huber(*W10), 0.061565, rtol=1e-5)
    np.testing.assert_allclose(log_cosh(*W10, reduction="sum"), 0.174510971, rtol=1e-6)


@pytest.mark.parametrize("delta", [1.0, 5.0])
def test_pseudo_huber_as_published(delta):  # W2
    due = delta**2 * (np.sqrt(1 + (np.linspace(-1, 1, 100) / delta) ** 2) - 1)
    np.testing.assert_allclose(pseudo_huber(*SWEEP, delta=delta, reduction="none"), due, rtol=1e-5)


def test_smooth_l1_is_huber_at_one_and_absolute_error_at_zero():  # W12
    p, t = jnp.asarray(3 * RNG.normal(size=(2, 50)), jnp.float32)
    np.testing.assert_array_equal(smooth_l1(p, t, reduction="none"), huber(p, t, reduction="none"))
    for zero in (0, jnp.array(0.0)):
        got = jax.value_and_grad(lambda p, zero=zero: smooth_l1(p, t, beta=zero, reduction="sum"))(p.at[0].set(t[0]))
        due = jax.value_and_grad(lambda p: absolute_error(p, t, reduction="sum"))(p.at[0].set(t[0]))
        np.testing.assert_array_equal(got[0], due[0])
        np.testing.assert_array_equal(got[1], due[1])
    beta = jnp.array(0.3)
    by_huber = huber(p, t, delta=beta, reduction="none") / beta
    np.testing.assert_allclose(smooth_l1(p, t, beta=beta, reduction="none"), by_huber, rtol=5e-7)


@pytest.mark.parametrize("delta", [0.25, 3.0])
def test_huber_is_scipys(delta):
    p, t = RNG.normal(size=(2, 30))
    with jax.enable_x64(True):
        for ours, theirs in ((huber, scipy.special.huber), (pseudo_huber, scipy.special.pseudo_huber)):
            got = ours(jnp.asarray(p), jnp.asarray(t), delta=delta, reduction="none")
            np.testing.assert_allclose(got, theirs(delta, p - t), rtol=1e-13)


def _at(loss, residual, **parameters):
    return jax.value_and_grad(loss)(residual, 0.0, **parameters)


@pytest.mark.parametrize(
    ("loss", "parameters", "residual", "value", "slope"),
    [
        (huber, {}, 1e30, 1e30, 1),
        (huber, {}, 1e-15, 5e-31, 1e-15),
        (huber, {"delta": 1e-10}, -1e30, 1e20, -1e-10),
        (smooth_l1, {}, -1e30, 1e30, -1),
        (smooth_l1, {"beta": 1e-20}, 1e-25, 5e-31, 1e-5),
        (pseudo_huber, {}, 1e30, 1e30, 1),
        (pseudo_huber, {}, 1e-15, 5e-31, 1e-15),  # by the formula: 0
        (pseudo_huber, {"delta": 1e-25}, 1e10, 1e-15, 1e-25),  # delta squared underflows
        (log_cosh, {}, 1e-15, 5e-31, 1e-15),  # by the formula: 0
        (log_cosh, {}, -1e30, 1e30, -1),
        (charbonnier, {}, 1e30, 1e30, 1),
        (charbonnier, {}, 1e-20, 1e-3, 1e-17),
        (charbonnier, {"eps": 3e-30}, 4e-30, 5e-30, 0.8),
        (charbonnier, {"eps": 3e30}, -4e30, 5e30, -0.8),
    ],
)
def test_extreme_residuals(loss, parameters, residual, value, slope):
    np.testing.assert_allclose(_at(loss, residual, **parameters), (value, slope), rtol=5e-7)
    learned = {key: jnp.array(x) for key, x in parameters.items()}
    np.testing.assert_allclose(_at(loss, residual, **learned), (value, slope), rtol=5e-7)


@pytest.mark.parametrize("loss", [huber, smooth_l1, pseudo_huber, log_cosh, charbonnier])
def test_a_residual_that_overflows_keeps_its_slope(loss):
    assert jax.grad(loss)(3e38, -3e38) == 1


def test_curvature_at_the_target():
    for loss, due in ((huber, 1), (smooth_l1, 1), (pseudo_huber, 1), (log_cosh, 1), (charbonnier, 1000)):
        np.testing.assert_allclose(jax.jit(jax.hessian(loss))(0.5, 0.5), due, rtol=2e-7)


@pytest.mark.parametrize("ratio", [1e-3, 0.1, 1.0, 1e3])
def test_slope_in_a_learned_delta_keeps_its_digits(ratio):
    slope = jax.grad(lambda d: pseudo_huber(jnp.float32(ratio), 0.0, delta=d))(1.0)
    x = np.float64(np.float32(ratio))
    root = np.sqrt(1 + x * x)
    np.testing.assert_allclose(slope, (x * x / (1 + root)) ** 2 / root, rtol=1e-6)


@pytest.mark.parametrize(
    ("loss", "parameters", "message"),
    [
        (huber, {"delta": 0}, "huber: delta must be positive, got 0"),
        (smooth_l1, {"beta": -1.0}, "smooth_l1: beta must be >= 0, got -1.0"),
        (pseudo_huber, {"delta": -2}, "pseudo_huber: delta must be positive, got -2"),
        (charbonnier, {"eps": float("nan")}, "charbonnier: eps must be positive, got nan"),
    ],
)
def test_parameters_out_of_range_are_refused(loss, parameters, message):
    with pytest.raises(ValueError, match=message):
        loss(jnp.ones(3), jnp.ones(3), **parameters)
