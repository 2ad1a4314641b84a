"""Errors relative to the target, and of logarithms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics

from jaxloss.regression.relative import (
    mean_absolute_percentage_error,
    squared_log_error,
    symmetric_mean_absolute_percentage_error,
)

RNG = np.random.default_rng(0)
PREDICTIONS, TARGETS = RNG.exponential(size=(2, 40)).astype(np.float32)


def test_values_are_those_of_sklearn():
    targets, predictions = TARGETS.astype(float), PREDICTIONS.astype(float)
    due = metrics.mean_absolute_percentage_error(targets, predictions)
    np.testing.assert_allclose(mean_absolute_percentage_error(PREDICTIONS, TARGETS), due, rtol=1e-6)
    due = metrics.mean_squared_log_error(targets, predictions)
    np.testing.assert_allclose(squared_log_error(PREDICTIONS, TARGETS), due, rtol=1e-6)


def test_keras_percentage_is_reachable():
    targets = jnp.array([0.0, 2.0])
    due = 100 * np.mean(np.abs([1e-6, 1.0]) / np.maximum(np.abs(targets), 1e-7))  # the formula of Keras
    got = 100 * mean_absolute_percentage_error(jnp.array([1e-6, 3.0]), targets, minimum=1e-7)
    np.testing.assert_allclose(got, due, rtol=1e-6)


def test_a_zero_target_is_infinite_unless_it_is_said_what_is_meant():
    predictions, targets = jnp.array([1.0, 0.0, 3.0]), jnp.array([0.0, 0.0, 2.0])
    values = mean_absolute_percentage_error(predictions, targets, reduction="none")
    np.testing.assert_array_equal(values, [np.inf, 0, 0.5])
    gradient = jax.grad(mean_absolute_percentage_error)(predictions, targets)
    np.testing.assert_allclose(gradient, [np.inf, 0, 1 / 6], rtol=1e-6)
    left_out = jax.value_and_grad(lambda p: mean_absolute_percentage_error(p, targets, where=targets != 0))(predictions)
    np.testing.assert_array_equal(np.hstack(left_out), [0.5, 0, 0, 0.5])
    floored = jax.value_and_grad(lambda p: mean_absolute_percentage_error(p, targets, minimum=4.0, reduction="sum"))
    np.testing.assert_array_equal(np.hstack(floored(predictions)), [0.5, 0.25, 0, 0.25])


@pytest.mark.parametrize("minimum", [0.5, jnp.array(0.5)])
def test_a_minimum_bounds_the_gradient_of_targets_too(minimum):
    targets = jnp.array([0.0, 1e-30, -0.25, 0.5, 2.0])
    slopes = jax.grad(
        lambda p, t: mean_absolute_percentage_error(p, t, minimum=minimum, reduction="sum"), argnums=(0, 1)
    )(jnp.ones(5), targets)
    np.testing.assert_array_equal(slopes[0], [2, 2, 2, 2, -0.5])
    np.testing.assert_array_equal(slopes[1][:3], [-2, -2, -2])
    assert slopes[1][4] == 0.25


def test_symmetric_error_of_equal_of_zero_and_of_huge_arguments():
    huge = 3e38
    predictions = jnp.array([0.0, 2.0, -5.0, 1.0, 0.0, huge, -huge, 2e-38])
    targets = jnp.array([0.0, 2.0, -5.0, 0.0, 1.0, huge / 3, huge, 6e-38])
    values = symmetric_mean_absolute_percentage_error(predictions, targets, reduction="none")
    np.testing.assert_allclose(values, [0, 0, 0, 2, 2, 1, 2, 1], rtol=1e-6)
    slopes = jax.grad(lambda *d: symmetric_mean_absolute_percentage_error(*d, reduction="sum"), (0, 1))(
        predictions, targets
    )
    for slope in slopes:
        assert bool(jnp.all(jnp.isfinite(slope)))
        assert not slope[:5].any()
        assert slope[6] == 0


def test_squared_log_error_keeps_the_digits_of_near_and_of_far_arguments():
    with jax.enable_x64(True):
        p, t = jnp.float32(1e6) + jnp.float32(0.0625), jnp.float32(1e6)
        due = np.log1p(0.0625 / (1 + 1e6)) ** 2
        got = squared_log_error(p, t)
    np.testing.assert_allclose(got, due, rtol=5e-7)
    far = jnp.nextafter(jnp.float32(-1), jnp.float32(0))
    due = (np.log1p(3e38) - np.log1p(float(far))) ** 2
    for arguments in ((jnp.float32(3e38), far), (far, jnp.float32(3e38))):
        np.testing.assert_allclose(squared_log_error(*arguments), due, rtol=5e-7)
        assert np.isfinite(jax.grad(squared_log_error)(*arguments))


def test_squared_log_error_outside_of_its_domain():
    values = squared_log_error(jnp.array([-1.0, -1.5, -40.0]), jnp.array([0.0, -0.9, 7.0]), reduction="none")
    np.testing.assert_array_equal(values, [np.inf, np.nan, np.nan])


def test_the_gradient_at_equal_arguments_is_zero():
    at = jnp.array([0.5, 1e-30, 3e30])
    for loss in (mean_absolute_percentage_error, symmetric_mean_absolute_percentage_error, squared_log_error):
        value, slopes = jax.value_and_grad(loss, (0, 1))(at, at)
        assert value == 0
        assert not jnp.stack(slopes).any()


def test_a_negative_minimum_is_refused():
    with pytest.raises(ValueError, match="mean_absolute_percentage_error: minimum must be >= 0, got -1"):
        mean_absolute_percentage_error(jnp.zeros(2), jnp.ones(2), minimum=-1)
