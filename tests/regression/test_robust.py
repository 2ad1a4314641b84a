"""Losses with falling influence: their conventions, their relations, and residuals of any size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.regression.robust import cauchy, geman_mcclure, tukey_biweight, welsch

RNG = np.random.default_rng(0)
BARRON = {
    cauchy: lambda x: np.log1p(x**2 / 2),
    geman_mcclure: lambda x: 2 * x**2 / (x**2 + 4),
    welsch: lambda x: -np.expm1(-(x**2) / 2),
}


@pytest.mark.parametrize("loss", BARRON)
def test_half_a_square_near_the_target_in_units_of_the_scale(loss):
    residuals = RNG.normal(size=30)
    with jax.enable_x64(True):
        got = loss(jnp.asarray(residuals), jnp.zeros(30), scale=0.7, reduction="none")
        np.testing.assert_allclose(got, BARRON[loss](residuals / 0.7), rtol=1e-13)
    np.testing.assert_allclose(loss(1e-15, 0.0, scale=1e-12), 5e-7, rtol=5e-7)


def test_geman_and_mcclures_own_form_is_half_of_it():
    r = jnp.array([0.1, 1.0, 30.0])
    np.testing.assert_allclose(
        geman_mcclure(r, jnp.zeros(3), scale=1.5, reduction="none") / 2, r**2 / (r**2 + 9), rtol=5e-7
    )


def test_tukey_is_flat_beyond_c_and_half_a_square_near_0():
    value, slope = jax.value_and_grad(tukey_biweight)(4.7, 0.0)
    np.testing.assert_allclose(value, 4.685**2 / 6, rtol=3e-7)
    assert slope == 0
    np.testing.assert_allclose(tukey_biweight(1e-15, 0.0), 5e-31, rtol=5e-7)


@pytest.mark.parametrize(
    ("loss", "residual", "value", "slope"),
    [
        (cauchy, 1e30, 2 * np.log(1e30) - np.log(2), 2e-30),
        (cauchy, -1e-15, 5e-31, -1e-15),
        (geman_mcclure, 1e30, 2, 0),
        (geman_mcclure, 1e12, 2, 1.6e-35),
        (welsch, -1e30, 1, 0),
        (welsch, 13.0, 1, 13 * np.exp(-(13.0**2) / 2)),
        (tukey_biweight, 1e30, 4.685**2 / 6, 0),
    ],
)
def test_extreme_residuals(loss, residual, value, slope):
    np.testing.assert_allclose(jax.value_and_grad(loss)(residual, 0.0), (value, slope), rtol=7e-7)


@pytest.mark.parametrize("loss", [geman_mcclure, welsch, tukey_biweight])
def test_a_residual_that_overflows_has_no_influence(loss):
    value, slope = jax.value_and_grad(loss)(3e38, -3e38)
    assert np.isfinite(value)
    assert slope == 0


@pytest.mark.parametrize("loss", [cauchy, geman_mcclure, welsch])
@pytest.mark.parametrize("residual", [1e-3, 0.5, 3.0])
def test_slope_in_a_learned_scale(loss, residual):
    # The loss depends on r / c alone.
    scale = jnp.float32(0.7)
    in_scale = jax.grad(lambda c: loss(residual, 0.0, scale=c))(scale)
    in_residual = jax.grad(loss)(residual, 0.0, scale=scale)
    np.testing.assert_allclose(in_scale, -in_residual * residual / scale, rtol=1e-6)


def test_slope_in_a_learned_c():
    slope = lambda r: jax.grad(lambda c: tukey_biweight(r, 0.0, c=c))(2.0)
    np.testing.assert_allclose(slope(5.0), 2 / 3, rtol=3e-7)
    np.testing.assert_allclose(slope(1e-2), (1e-2**4 / 24) * (1 + 2 * (1 - (1e-2 / 2) ** 2)), rtol=1e-6)


def test_curvature_at_the_target():
    for loss in (cauchy, geman_mcclure, welsch, tukey_biweight):
        np.testing.assert_allclose(jax.jit(jax.hessian(loss))(0.5, 0.5), 1, rtol=2e-7)


@pytest.mark.parametrize("loss", [cauchy, geman_mcclure, welsch])
def test_a_scale_of_zero_is_refused(loss):
    with pytest.raises(ValueError, match=f"{loss.__name__}: scale must be positive, got 0"):
        loss(jnp.ones(3), jnp.ones(3), scale=0)
    with pytest.raises(ValueError, match="tukey_biweight: c must be positive, got -1"):
        tukey_biweight(jnp.ones(3), jnp.ones(3), c=-1)
