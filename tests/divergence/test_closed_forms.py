"""Closed-form divergences against torch and scipy, near equality and saturated."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from jaxloss.divergence.closed_forms import bernoulli_kl, categorical_kl, gaussian_kl
from jaxloss.divergence.kullback_leibler import kl_divergence
from jaxloss.generative.vae import gaussian_vae_kl

RNG = np.random.default_rng(0)


def test_torch():
    torch = pytest.importorskip("torch")
    d = torch.distributions
    mean_p, s_p, mean_q, s_q = RNG.normal(size=(4, 5, 3))
    normal = lambda mean, s: d.Normal(torch.tensor(mean), torch.tensor(np.exp(s / 2)))
    gaussians = d.kl_divergence(normal(mean_p, s_p), normal(mean_q, s_q)).sum(-1)
    coins = d.kl_divergence(d.Bernoulli(logits=torch.tensor(mean_p)), d.Bernoulli(logits=torch.tensor(mean_q)))
    categories = d.kl_divergence(d.Categorical(logits=torch.tensor(s_p)), d.Categorical(logits=torch.tensor(s_q)))
    with jax.enable_x64(True):
        mean_p, s_p, mean_q, s_q = map(jnp.asarray, (mean_p, s_p, mean_q, s_q))
        got = gaussian_kl(mean_p, s_p, mean_q, s_q, reduction="none")
        np.testing.assert_allclose(got, gaussians.numpy(), rtol=1e-12)
        np.testing.assert_allclose(
            bernoulli_kl(mean_p, mean_q, reduction="none"), coins.numpy(), rtol=1e-11, atol=1e-15
        )
        np.testing.assert_allclose(
            categorical_kl(s_p, s_q, reduction="none"), categories.numpy(), rtol=1e-11, atol=1e-15
        )


def test_the_unit_gaussian_is_that_of_autoencoders():
    mean, logvar = jnp.asarray(RNG.normal(size=(2, 4, 3)), jnp.float32)
    zeros = jnp.zeros_like(mean)
    got = gaussian_kl(mean, logvar, zeros, zeros, reduction="none")
    np.testing.assert_allclose(got, gaussian_vae_kl(mean, logvar, reduction="none"), rtol=1e-6)


def test_gaussians_of_extreme_variance():
    mean_p, mean_q = jnp.array([[1e20], [1e-20], [1.0]]), jnp.zeros((3, 1))
    logvar = jnp.array([[100.0], [-100.0], [1e4]])
    value, slopes = jax.value_and_grad(lambda *d: gaussian_kl(*d, reduction="sum"), (0, 1, 2, 3))(
        mean_p, logvar, mean_q, logvar
    )
    due = 0.5 * np.array([1e40 * np.exp(-100), 1e-40 * np.exp(100), 0])
    np.testing.assert_allclose(gaussian_kl(mean_p, logvar, mean_q, logvar, reduction="none"), due, rtol=1e-5)
    assert np.isfinite(value)
    assert all(np.isfinite(slope).all() for slope in slopes)
    same = jnp.array([[3.0]]), jnp.array([[-1e4]])
    assert gaussian_kl(*same, *same) == 0


def test_a_coin_is_a_pair_of_categories():
    a, b = jnp.asarray(3 * RNG.normal(size=(2, 20)), jnp.float32)
    pair = lambda x: jnp.stack([jnp.zeros_like(x), x], -1)
    due = categorical_kl(pair(a), pair(b), reduction="none")
    np.testing.assert_allclose(bernoulli_kl(a, b, reduction="none"), due, rtol=1e-5)


def test_saturated_coins():
    a, b = jnp.array([1e4, -1e4, 1e30, 0.0]), jnp.array([-1e4, 1e4, 1e30, 1e30])
    np.testing.assert_allclose(bernoulli_kl(a, b, reduction="none"), [1e4, 1e4, 0, 5e29], rtol=1e-6)
    slopes = jax.grad(lambda a, b: bernoulli_kl(a, b, reduction="sum"), (0, 1))(a, b)
    np.testing.assert_allclose(slopes[1], [-1, 1, 0, 0.5], rtol=1e-6)
    assert np.isfinite(slopes[0]).all()


@pytest.mark.parametrize("size", [1e-2, 1e-4])
def test_no_digits_are_lost_near_equality(size):
    a = RNG.normal(size=(4, 6)).astype(np.float32)
    b = (a + size * RNG.normal(size=a.shape)).astype(np.float32)
    exact = lambda z: scipy.special.log_softmax(z.astype(np.longdouble), -1)
    p, q = exact(a), exact(b)
    due = np.sum(np.exp(p) * (np.expm1(q - p) - (q - p)), -1).astype(float)
    np.testing.assert_allclose(categorical_kl(a, b, reduction="none"), due, rtol=1e-5)
    naive = kl_divergence(jax.nn.log_softmax(b), jax.nn.softmax(a), reduction="none")
    assert np.max(np.abs(naive / due - 1)) > 1e-3


def test_impossible_classes():
    a, b = jnp.array([[0.0, 1.0, -jnp.inf, -jnp.inf]]), jnp.array([[1.0, 0.0, -jnp.inf, 0.5]])
    value, slopes = jax.value_and_grad(categorical_kl, (0, 1))(a, b)
    p, q = jax.nn.softmax(a), jax.nn.softmax(b)
    np.testing.assert_allclose(value, np.sum(p[:, :2] * np.log(p[:, :2] / q[:, :2])), rtol=1e-6)
    np.testing.assert_allclose(slopes[1], q - p, atol=1e-7)
    np.testing.assert_array_equal(slopes[0][:, 2:], 0)
    value, slope = jax.value_and_grad(categorical_kl, 1)(b, a)
    assert value == np.inf
    assert np.isfinite(slope).all()


def test_temperature_divides_the_logits():
    a, b = jnp.asarray(RNG.normal(size=(2, 4, 6)), jnp.float32)
    np.testing.assert_allclose(categorical_kl(a, b, temperature=4), categorical_kl(a / 4, b / 4), rtol=1e-5)
    masked = a.at[:, 0].set(-jnp.inf), b.at[:, 0].set(-jnp.inf)
    slope = jax.grad(lambda t: categorical_kl(*masked, temperature=t))(jnp.float32(2))
    assert np.isfinite(slope)
    with pytest.raises(ValueError, match="categorical_kl: temperature must be positive, got 0"):
        categorical_kl(a, b, temperature=0)


def test_unequal_shapes_are_named():
    with pytest.raises(ValueError, match="gaussian_kl: mean_p, logvar_p, mean_q and logvar_q must have the same shape"):
        gaussian_kl(jnp.zeros((2, 3)), jnp.zeros((2, 3)), jnp.zeros((2, 3)), jnp.zeros((3,)))
