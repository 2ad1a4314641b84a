"""The divergence term of variational autoencoders."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.generative import gaussian_vae_kl, vae, vae_terms

RNG = np.random.default_rng(0)
MEAN, LOG_VARIANCE = RNG.normal(size=(2, 6, 4)).astype(np.float32)


def test_both_conventions_of_the_published_examples():
    terms = 1 + LOG_VARIANCE.astype(float) - MEAN.astype(float) ** 2 - np.exp(LOG_VARIANCE.astype(float))
    np.testing.assert_allclose(
        gaussian_vae_kl(MEAN, LOG_VARIANCE, latent_reduction="mean"), -0.5 * terms.mean(), rtol=1e-6
    )
    np.testing.assert_allclose(gaussian_vae_kl(MEAN, LOG_VARIANCE), -0.5 * terms.sum(-1).mean(), rtol=1e-6)


def test_it_is_the_divergence():
    # By quadrature of the definition, integral of p log(p / q).
    mean, log_variance = 0.7, -1.2
    x = np.linspace(-12, 12, 200001)
    log_p = -0.5 * (log_variance + (x - mean) ** 2 / math.exp(log_variance) + math.log(2 * math.pi))
    log_q = -0.5 * (x**2 + math.log(2 * math.pi))
    due = np.sum(np.exp(log_p) * (log_p - log_q)) * (x[1] - x[0])
    np.testing.assert_allclose(gaussian_vae_kl(jnp.array([mean]), jnp.array([log_variance])), due, rtol=1e-6)


@pytest.mark.parametrize("s", [1e-15, -1e-15, 1e-4, -1e-4, 0.5, -0.99999, -1.00001, 1.99999, 2.00001])
def test_no_digits_are_lost_near_the_prior(s):
    due = sum(s**k / math.factorial(k) for k in range(40, 1, -1)) / 2
    value, slope = jax.value_and_grad(lambda s: gaussian_vae_kl(jnp.zeros(1), s))(jnp.array([s]))
    np.testing.assert_allclose(value, due, rtol=1e-5 if abs(s) > 1e-2 else 4e-7)
    np.testing.assert_allclose(slope, [math.expm1(s) / 2], rtol=1e-5 if abs(s) > 1e-2 else 4e-7)


def test_a_code_equal_to_the_prior_costs_nothing():
    value, slopes = jax.value_and_grad(gaussian_vae_kl, (0, 1))(jnp.zeros((3, 2)), jnp.zeros((3, 2)))
    assert value == 0
    assert not jnp.stack(slopes).any()
    curvature = jax.hessian(lambda s: gaussian_vae_kl(jnp.zeros(1), s))(jnp.zeros(1))
    np.testing.assert_array_equal(curvature, [[0.5]])


def test_extreme_variances():
    value, slope = jax.value_and_grad(lambda s: gaussian_vae_kl(jnp.zeros(1), s))(jnp.array([-1e30]))
    np.testing.assert_allclose(value, 5e29, rtol=1e-6)
    np.testing.assert_array_equal(slope, [-0.5])
    assert gaussian_vae_kl(jnp.zeros(1), jnp.array([-jnp.inf])) == jnp.inf
    np.testing.assert_allclose(gaussian_vae_kl(jnp.zeros(1), jnp.array([88.0])), math.exp(88) / 2, rtol=1e-5)


def test_free_bits_are_free():
    mean = jnp.array([[0.0, 1.0, 2.0]])
    loss = lambda mean: gaussian_vae_kl(mean, jnp.zeros((1, 3)), free_bits=0.5)
    value, slope = jax.value_and_grad(loss)(mean)
    assert value == 0.5 + 0.5 + 2
    np.testing.assert_array_equal(slope, [[0, 0, 2]])
    per_latent = jnp.array([[1.0, 0.25, 0.0]])
    assert gaussian_vae_kl(mean, jnp.zeros((1, 3)), free_bits=per_latent) == 1 + 0.5 + 2


def test_beta_may_follow_a_schedule():
    loss = jax.jit(lambda beta: gaussian_vae_kl(MEAN, LOG_VARIANCE, beta=beta))
    np.testing.assert_allclose(loss(jnp.array(0.25)), 0.25 * gaussian_vae_kl(MEAN, LOG_VARIANCE), rtol=1e-6)
    np.testing.assert_allclose(jax.grad(loss)(2.0), gaussian_vae_kl(MEAN, LOG_VARIANCE), rtol=1e-6)
    assert gaussian_vae_kl(MEAN, LOG_VARIANCE, beta=0) == 0


def test_any_axis_may_hold_the_latents():
    due = gaussian_vae_kl(MEAN, LOG_VARIANCE, reduction="none")
    np.testing.assert_allclose(gaussian_vae_kl(MEAN.T, LOG_VARIANCE.T, axis=0, reduction="none"), due, rtol=1e-6)


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="gaussian_vae_kl: latent_reduction must be one of 'sum', 'mean', got 'max'"):
        gaussian_vae_kl(MEAN, LOG_VARIANCE, latent_reduction="max")  # pyrefly: ignore  (wrong on purpose)
    with pytest.raises(ValueError, match="gaussian_vae_kl: free_bits must be >= 0"):
        gaussian_vae_kl(MEAN, LOG_VARIANCE, free_bits=-1)
    with pytest.raises(ValueError, match="gaussian_vae_kl: beta must be >= 0"):
        gaussian_vae_kl(MEAN, LOG_VARIANCE, beta=-1)
    with pytest.raises(TypeError, match="gaussian_vae_kl: log_variance must be floating point"):
        gaussian_vae_kl(MEAN, np.zeros((6, 4), np.int32))


PIXELS = RNG.uniform(size=(6, 4, 4, 1)).astype(np.float32)
LOGITS = RNG.normal(size=PIXELS.shape).astype(np.float32)


def test_the_bound_is_the_sum_of_its_terms():
    pixels = jaxloss.sigmoid_binary_cross_entropy(LOGITS, PIXELS, reduction="none").sum((1, 2, 3))
    codes = gaussian_vae_kl(MEAN, LOG_VARIANCE, free_bits=0.3, reduction="none")
    options = {"beta": 0.5, "free_bits": 0.3}
    got = vae(LOGITS, PIXELS, MEAN, LOG_VARIANCE, **options, reduction="none")
    np.testing.assert_allclose(got, pixels + 0.5 * codes, rtol=1e-6)
    total, report = vae_terms(LOGITS, PIXELS, MEAN, LOG_VARIANCE, **options)
    np.testing.assert_allclose(total, jnp.mean(got), rtol=1e-6)
    np.testing.assert_allclose(report["reconstruction"], jnp.mean(pixels), rtol=1e-6)
    np.testing.assert_allclose(report["kl"], jnp.mean(codes), rtol=1e-6)
    got = vae(LOGITS, PIXELS, MEAN, LOG_VARIANCE, reconstruction="gaussian")
    due = 0.5 * np.sum((LOGITS - PIXELS) ** 2) / 6 + gaussian_vae_kl(MEAN, LOG_VARIANCE)
    np.testing.assert_allclose(got, due, rtol=1e-6)


def test_the_bound_is_below_the_evidence():
    """Of x = z + noise with Gaussian z and noise the evidence is N(0, 2), and the posterior N(x/2, 1/2) meets it."""
    x = jnp.array([[1.3]])
    nodes, shares = np.polynomial.hermite_e.hermegauss(20)
    shares = shares / shares.sum()

    def bound(mean, variance):
        draws = [vae(mean + np.sqrt(variance) * node * jnp.ones((1, 1)), x, mean * jnp.ones((1, 1)),
                     jnp.log(variance) * jnp.ones((1, 1)), reconstruction="gaussian") for node in nodes]  # fmt: skip
        return sum(share * float(draw) for share, draw in zip(shares, draws, strict=True))

    evidence = 0.5 * math.log(2) + 1.3**2 / 4  # without log(2 pi) / 2, which the loss leaves out too
    np.testing.assert_allclose(bound(0.65, 0.5), evidence, rtol=1e-5)
    assert bound(0.65, 0.7) > evidence + 1e-3
    assert bound(0.3, 0.5) > evidence + 1e-3


def test_masked_examples_and_what_does_not_fit():
    exists = np.array([True, False, True, True, False, True])
    broken = np.where(exists[:, None, None, None], LOGITS, np.nan)
    got = vae(broken, PIXELS, MEAN, LOG_VARIANCE, where=exists)
    due = vae(LOGITS[exists], PIXELS[exists], MEAN[exists], LOG_VARIANCE[exists])
    np.testing.assert_allclose(got, due, rtol=1e-6)
    with pytest.raises(
        ValueError, match=r"vae: predictions must have the leading axes \(6,\) of mean, .*, got \(4, 4\)"
    ):
        vae(LOGITS[0, ..., 0], PIXELS[0, ..., 0], MEAN, LOG_VARIANCE)
    with pytest.raises(ValueError, match="vae: reconstruction must be one of 'bernoulli', 'gaussian', got 'laplace'"):
        vae(LOGITS, PIXELS, MEAN, LOG_VARIANCE, reconstruction="laplace")  # pyrefly: ignore  (wrong on purpose)
