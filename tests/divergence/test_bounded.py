"""Bounded divergences of rows: their limits, SciPy, one-hot targets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial import distance

from jaxloss.divergence.bounded import hellinger, jensen_shannon, total_variation_distance
from jaxloss.divergence.kullback_leibler import kl_divergence

RNG = np.random.default_rng(0)
LOSSES = [hellinger, jensen_shannon, total_variation_distance]


def test_jensen_shannon_is_the_square_of_scipy():
    p, t = RNG.dirichlet(np.ones(5), (2, 6))
    t[:, 0] = 0
    t /= t.sum(-1, keepdims=True)
    with jax.enable_x64(True):
        got = jensen_shannon(jnp.log(jnp.asarray(p)), jnp.asarray(t), reduction="none")
    np.testing.assert_allclose(got, [distance.jensenshannon(*pair) ** 2 for pair in zip(p, t, strict=True)], rtol=1e-12)


@pytest.mark.parametrize("beta", [0.1, 0.5, 0.9])
def test_jensen_shannon_is_a_mean_of_two_divergences_from_the_mixture(beta):
    with jax.enable_x64(True):
        p, t = map(jnp.asarray, RNG.dirichlet(np.ones(5), (2, 6)))
        m = jnp.log(beta * t + (1 - beta) * p)
        due = beta * kl_divergence(m, t) + (1 - beta) * kl_divergence(m, p)
        np.testing.assert_allclose(jensen_shannon(jnp.log(p), t, beta=beta), due, rtol=1e-12)


def test_the_end_points_of_beta_are_refused_because_they_are_no_limits():
    p, t = jnp.array([[0.5, 0.5]]), jnp.array([[0.9, 0.1]])
    kl = kl_divergence(jnp.log(p), t)
    np.testing.assert_allclose(jensen_shannon(jnp.log(p), t, beta=1e-6) / 1e-6, kl, rtol=1e-4)
    for beta in (0, 1, 1.5, np.nan):
        with pytest.raises(ValueError, match="jensen_shannon: beta must be > 0"):
            jensen_shannon(jnp.log(p), t, beta=beta)


@pytest.mark.parametrize(("loss", "most"), [(hellinger, 1), (jensen_shannon, np.log(2)), (total_variation_distance, 1)])
def test_disjoint_rows_are_as_far_apart_as_can_be(loss, most):
    log_p, t = jnp.array([[0.0, -jnp.inf, -jnp.inf]]), jnp.array([[0.0, 1.0, 0.0]])
    value, slopes = jax.jit(jax.value_and_grad(loss, (0, 1)))(log_p, t)
    np.testing.assert_allclose(value, most, rtol=1e-6)
    assert all(np.isfinite(slope).all() for slope in slopes)
    assert np.all(slopes[0][0, 1:] == 0)  # an impossible class
    assert loss(log_p, jnp.exp(log_p)) == 0


def test_equal_rows_have_no_gradient_at_the_kink():
    log_p = jnp.array([[-jnp.inf, 0.0]])
    for slope in jax.grad(total_variation_distance, (0, 1))(log_p, jnp.exp(log_p)):
        np.testing.assert_array_equal(slope, 0)


@pytest.mark.parametrize("loss", [hellinger, jensen_shannon])
def test_equal_rows_have_no_gradient(loss):
    p = jnp.array([[0.25, 0.5, 0.25, 0.0]])
    slopes = jax.grad(loss, (0, 1))(jnp.log(p), p)
    for slope in slopes:
        np.testing.assert_allclose(slope, 0, atol=1e-7)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_target_of_zero_has_a_finite_gradient(loss):
    log_p, t = jnp.log(jnp.array([[0.5, 0.3, 0.2]])), jnp.array([[0.6, 0.4, 0.0]])
    slope = jax.grad(loss, 1)(log_p, t)
    assert np.isfinite(slope).all()
    through_softmax = jax.grad(lambda z: loss(log_p, jax.nn.softmax(z)))(jnp.array([[0.0, 1.0, -500.0]]))
    assert np.isfinite(through_softmax).all()


def test_bounds_between_the_distances():
    """Le Cam: H^2 <= TV <= H sqrt(2 - H^2), and Pinsker: TV^2 <= KL / 2."""
    log_p, t = jnp.log(jnp.asarray(RNG.dirichlet(np.ones(4), 50), jnp.float32)), RNG.dirichlet(np.ones(4), 50)
    h, tv, kl = (f(log_p, t.astype(np.float32), reduction="none") for f in (hellinger, LOSSES[2], kl_divergence))
    assert np.all(h <= tv + 1e-6)
    assert np.all(tv <= np.sqrt(h * (2 - h)) + 1e-6)
    assert np.all(tv**2 <= kl / 2 + 1e-6)


def test_no_digits_are_lost_near_equality():
    t = np.float32([0.2, 0.3, 0.5])
    log_p = np.float32(np.log(t.astype(float)) + np.array([1e-3, -2e-3, 1.5e-3]))
    d = log_p.astype(float) - np.log(t.astype(float))
    np.testing.assert_allclose(total_variation_distance(log_p, t), np.sum(t * abs(np.expm1(d))) / 2, rtol=1e-5)
    np.testing.assert_allclose(hellinger(log_p, t), np.sum(t * np.expm1(d / 2) ** 2) / 2, rtol=1e-5)
