"""Chi-squared, Rényi's and alpha divergences: their limits and what they have in common."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxloss.divergence.bounded import hellinger
from jaxloss.divergence.kullback_leibler import generalized_kl_divergence, kl_divergence
from jaxloss.divergence.powers import alpha_divergence, chi_squared, renyi

RNG = np.random.default_rng(0)


@pytest.fixture
def pair():
    with jax.enable_x64(True):
        p, t = RNG.dirichlet(np.ones(5), (2, 6))
        yield jnp.log(jnp.asarray(p)), jnp.asarray(t)


def test_chi_squared_is_the_statistic_of_pearson(pair):
    log_p, t = pair
    counts = 100 * np.asarray(t)
    due = scipy.stats.chisquare(counts, 100 * np.exp(log_p), axis=-1, sum_check=False).statistic / 100
    np.testing.assert_allclose(chi_squared(log_p, t, reduction="none"), due, rtol=1e-12)


@pytest.mark.parametrize("alpha", [0.3, 0.5, 2.0, 5.0])
def test_renyi_by_its_definition(pair, alpha):
    log_p, t = pair
    due = np.log(np.sum(t**alpha * np.exp(log_p) ** (1 - alpha), -1)) / (alpha - 1)
    np.testing.assert_allclose(renyi(log_p, t, alpha=alpha, reduction="none"), due, rtol=1e-11)


def test_renyi_at_its_limits(pair):
    log_p, t = pair
    np.testing.assert_allclose(renyi(log_p, t, alpha=1), kl_divergence(log_p, t), rtol=1e-12)
    half = -2 * jnp.log1p(-hellinger(log_p, t, reduction="none"))
    np.testing.assert_allclose(renyi(log_p, t, reduction="none"), half, rtol=1e-11)
    two = jnp.log1p(chi_squared(log_p, t, reduction="none"))
    np.testing.assert_allclose(renyi(log_p, t, alpha=2, reduction="none"), two, rtol=1e-11)


def test_renyi_next_to_one_in_float32():
    p, t = np.float32([[0.2, 0.3, 0.5]]), np.float32([[0.3, 0.3, 0.4]])
    log_p = jnp.log(p)
    due = kl_divergence(log_p, t)
    for away in (1e-3, 1e-5, 1e-7, 0.0, -1e-7, -1e-4):
        np.testing.assert_allclose(renyi(log_p, t, alpha=1 + away), due, rtol=3 * abs(away) + 1e-5)
    slopes = [jax.grad(lambda a: renyi(log_p, t, alpha=a))(jnp.float32(a)) for a in (0.999, 1.0, 1.001)]
    ratio = np.log(t / p)
    variance = np.sum(t * ratio**2) - np.sum(t * ratio) ** 2
    np.testing.assert_allclose(slopes, variance / 2, rtol=2e-3)


def test_renyi_and_an_impossible_class():
    log_p, t = jnp.log(jnp.array([[1.0, 0.0]])), jnp.array([[0.25, 0.75]])
    loss = lambda *data, alpha: renyi(*data, alpha=alpha)
    value, slopes = jax.value_and_grad(loss, (0, 1))(log_p, t, alpha=0.5)
    np.testing.assert_allclose(value, np.log(4), rtol=1e-6)
    np.testing.assert_allclose(slopes[0], [[-1, 0]], atol=1e-6)
    assert np.isfinite(slopes[1]).all()
    for alpha in (1.0, 2.0):
        value, slope = jax.value_and_grad(loss)(log_p, t, alpha=alpha)
        assert value == np.inf
        assert np.isfinite(slope).all()
    assert renyi(log_p, jnp.array([[0.0, 1.0]])) == np.inf
    assert renyi(log_p, jnp.array([[1.0, 0.0]]), alpha=3) == 0


def test_the_alpha_family_has_its_known_members(pair):
    log_p, t = pair
    p, log_t = jnp.exp(log_p), jnp.log(t)
    members = {
        1: generalized_kl_divergence(log_p, t, reduction="none"),
        0: generalized_kl_divergence(log_t, p, reduction="none"),
        0.5: 4 * hellinger(log_p, t, reduction="none"),
        2: chi_squared(log_p, t, reduction="none") / 2,
        -1: chi_squared(log_t, p, reduction="none") / 2,
    }
    for alpha, due in members.items():
        got = alpha_divergence(log_p, t, alpha=alpha, reduction="none")
        np.testing.assert_allclose(got, due, rtol=1e-11, err_msg=str(alpha))


@pytest.mark.parametrize("alpha", [-0.5, 0.3, 0.5, 0.8, 2.5])
def test_alpha_by_its_definition_and_its_symmetry(pair, alpha):
    log_p, t = pair
    p = np.exp(log_p)
    due = np.sum(t**alpha * p ** (1 - alpha) - alpha * t + (alpha - 1) * p, -1) / (alpha * (alpha - 1))
    got = alpha_divergence(log_p, t, alpha=alpha, reduction="none")
    np.testing.assert_allclose(got, due, rtol=1e-9)
    turned = alpha_divergence(jnp.log(t), p, alpha=1 - alpha, reduction="none")
    np.testing.assert_allclose(got, turned, rtol=1e-11)


def test_zeros_of_the_alpha_family():
    log_p, t = jnp.log(jnp.array([[0.5, 0.5, 0.0, 0.0]])), jnp.array([[0.5, 0.0, 0.5, 0.0]])
    value, slopes = jax.value_and_grad(lambda *d: alpha_divergence(*d, alpha=0.25, reduction="sum"), (0, 1))(log_p, t)
    np.testing.assert_allclose(value, 0.5 / 0.25 + 0.5 / 0.75, rtol=1e-6)
    np.testing.assert_allclose(slopes[0], [[0, 2, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(slopes[1], [[0, 0, 1 / 0.75, 0]], atol=1e-6)
    for alpha, due in ((1, np.inf), (2, np.inf), (0, np.inf), (-1, np.inf)):
        assert alpha_divergence(log_p, t, alpha=alpha) == due
    only = jnp.array([[0.5, 0.5, 0.0, 0.0]])
    for alpha in (3, -3):
        np.testing.assert_allclose(alpha_divergence(log_p, only, alpha=alpha), 0, atol=1e-12)


def test_chi_squared_and_an_impossible_class():
    log_p = jnp.log(jnp.array([[0.5, 0.5, 0.0]]))
    value, slope = jax.value_and_grad(chi_squared)(log_p, jnp.array([[0.25, 0.75, 0.0]]))
    np.testing.assert_allclose(value, 0.25, rtol=1e-6)
    assert slope[0, 2] == 0
    assert chi_squared(log_p, jnp.array([[0.25, 0.5, 0.25]])) == np.inf


def test_chi_squared_beyond_the_range_of_an_exponential():
    value, slope = jax.value_and_grad(chi_squared)(jnp.array([[-170.0]]), jnp.array([[1e-20]]))
    np.testing.assert_allclose(value, 1e-40 * np.exp(170), rtol=1e-5)
    np.testing.assert_allclose(slope, [[-1e-40 * np.exp(170)]], rtol=1e-5)


def test_orders_out_of_range_are_refused():
    rows = jnp.zeros((1, 2))
    with pytest.raises(ValueError, match="renyi: alpha must be positive, got 0"):
        renyi(rows, rows, alpha=0)
    with pytest.raises(ValueError, match="alpha_divergence: alpha must be a number, got nan"):
        alpha_divergence(rows, rows, alpha=float("nan"))
