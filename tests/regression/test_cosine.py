"""Periodic residuals and the angle between vectors."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxloss.regression.cosine import cosine_distance, cosine_similarity, periodic

RNG = np.random.default_rng(0)


def _with_gradients(function, x, y):
    return function(x, y), *jax.grad(lambda *data: jnp.sum(function(*data)), (0, 1))(x, y)


def test_a_small_angle_does_not_cancel():
    np.testing.assert_allclose(periodic(1e-10, 0.0), 5e-21, rtol=3e-7)
    np.testing.assert_allclose(jax.grad(periodic)(1e-10, 0.0), 1e-10, rtol=3e-7)
    np.testing.assert_allclose(periodic(1e-10, 0.0, period=360), 0.5 * (math.pi / 180 * 1e-10) ** 2, rtol=3e-7)


def test_whole_turns_leave_nothing_and_exact_fractions_stay():
    turns = jnp.array([0.0, 1.0, -7.0, 2.0**40, 2.0**100])
    value, slopes = jax.jit(jax.value_and_grad(lambda p: periodic(p, jnp.zeros(5), period=24)))(24 * turns)
    assert value == 0
    np.testing.assert_array_equal(slopes, 0)
    values = periodic(24 * 1000 * jnp.ones(3), jnp.array([1e-3, 6.0, 12.0]), period=24, reduction="none")
    np.testing.assert_allclose(values, [2 * math.sin(math.pi * float(np.float32(1e-3)) / 24) ** 2, 1, 2], rtol=1e-4)


def test_half_a_turn_is_a_maximum_with_the_right_slope_around_it():
    slope = jax.jit(jax.grad(lambda p: periodic(p, 0.0, period=24)))
    assert slope(12.0) == 0
    for near in (np.nextafter(np.float32(12), np.float32(0)), np.float32(12.001)):
        due = -2 * math.pi / 24 * math.sin(2 * math.pi / 24 * (float(near) - 12))
        np.testing.assert_allclose(slope(near), due, rtol=3e-7)
    near = np.float32(math.pi)
    np.testing.assert_allclose(jax.grad(periodic)(near, 0.0), math.sin(float(near)), rtol=3e-7)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(cosine_similarity, optax.cosine_similarity), (cosine_distance, optax.cosine_distance)]
)
@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_values_and_gradients_are_those_of_optax(ours, theirs, axis):
    with jax.enable_x64(True):
        x, y = RNG.normal(size=(2, 4, 3, 5))
        unreduced = lambda x, y: ours(x, y, axis=axis, reduction="none")
        both = jax.jit(lambda x, y: [_with_gradients(f, x, y) for f in (unreduced, partial(theirs, axis=axis))])
        for got, due in zip(*both(x, y), strict=True):
            np.testing.assert_allclose(got, due, rtol=1e-10, atol=1e-14)


def test_values_and_gradients_are_those_of_torch():
    torch = pytest.importorskip("torch")
    x, y = RNG.normal(size=(2, 4, 5))
    due = torch.nn.functional.cosine_similarity(torch.tensor(x), torch.tensor(y), dim=-1)
    with jax.enable_x64(True):
        got = jax.jit(lambda x, y: cosine_similarity(x, y, reduction="none"))(x, y)
        np.testing.assert_allclose(got, due.numpy(), rtol=1e-12)


def test_the_length_of_a_vector_does_not_matter():
    scales = jnp.array([[1e-30], [1.0], [1e30], [3e37]])
    x, y = scales * jnp.array([[0.6, 0.8, 0.0]]), jnp.array([[1e-25, 0.0, 0.0]] * 4)
    np.testing.assert_allclose(cosine_similarity(x, y, reduction="none"), 0.6, rtol=3e-7)
    np.testing.assert_allclose(cosine_distance(x, y, reduction="none"), 0.4, rtol=3e-7)
    slopes = jax.jit(jax.grad(lambda x: cosine_similarity(x, y, reduction="sum")))(x)
    np.testing.assert_allclose(slopes * scales, [[0.64, -0.48, 0]] * 4, rtol=1e-6)


def test_a_zero_vector_has_similarity_zero_and_no_gradient():
    zero, some = jnp.zeros((3, 2)), jnp.array([[3.0, 4.0], [0.0, 0.0], [1e30, 0.0]])
    for loss, value in ((cosine_similarity, 0), (cosine_distance, 1)):
        both = jax.jit(lambda x, y, loss=loss: _with_gradients(partial(loss, reduction="none"), x, y))
        for x, y in ((zero, some), (some, zero)):
            values, *slopes = both(x, y)
            np.testing.assert_array_equal(values, value)
            assert not jnp.stack(slopes).any()
    assert bool(jnp.all(jnp.isfinite(jax.jit(jax.hessian(cosine_distance))(zero, some))))


def test_parallel_vectors_are_at_distance_zero():
    x = jnp.asarray(RNG.normal(size=(6, 5)), jnp.float32)
    value, slope = jax.jit(jax.value_and_grad(cosine_distance))(x, x)
    assert value == 0
    np.testing.assert_allclose(slope, 0, atol=1e-7)
    np.testing.assert_allclose(cosine_distance(x, -2 * x, reduction="none"), 2, rtol=3e-7)
    assert float(jnp.max(cosine_distance(x, 3 * x, reduction="none"))) < 1e-13


def test_nearly_equal_vectors_keep_the_digits_of_value_and_gradient():
    x = RNG.normal(size=(50, 8)).astype(np.float32)
    y = (x * (1 + 1e-5 * RNG.normal(size=x.shape))).astype(np.float32)
    with jax.enable_x64(True):
        due = jax.jit(jax.value_and_grad(cosine_distance))(x.astype(float), y.astype(float))
    value, slope = jax.jit(jax.value_and_grad(cosine_distance))(x, y)
    np.testing.assert_allclose(value, due[0], rtol=1e-6)
    np.testing.assert_allclose(slope, due[1], rtol=1e-6, atol=1e-6 * float(np.abs(due[1]).max()))


def test_an_axis_that_is_not_there_is_refused():
    for loss in (cosine_similarity, cosine_distance):
        with pytest.raises(ValueError, match=f"{loss.__name__}: axis 2 is out of range for predictions of shape"):
            loss(jnp.ones((2, 3)), jnp.ones((2, 3)), axis=2)
        with pytest.raises(ValueError, match=rf"{loss.__name__}: where must be a scalar or have 1 axes"):
            loss(jnp.ones((2, 3)), jnp.ones((2, 3)), where=jnp.ones((2, 3), bool))


def test_a_period_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="periodic: period must be positive, got 0"):
        periodic(jnp.zeros(2), jnp.zeros(2), period=0)
