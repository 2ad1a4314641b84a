"""Weightings of diffusion by their papers, flows and scores."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.generative import denoising_score_matching, diffusion, flow_matching, sliced_score_matching

RNG = np.random.default_rng(0)
WEIGHTINGS = ("snr", "truncated_snr", "min_snr", "edm", "sigmoid")


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_it_does_not_matter_what_the_network_predicts(weighting):
    """A network for the noise or the velocity with the same guess of the data has the same loss."""
    x0, noise, guess = RNG.normal(size=(3, 6, 4))
    log_snr = np.linspace(-6, 6, 6)[:, None]
    alpha, sigma = np.sqrt(1 / (1 + np.exp(-log_snr))), np.sqrt(1 / (1 + np.exp(log_snr)))
    x = alpha * x0 + sigma * noise
    guesses = {"x0": guess, "epsilon": (x - alpha * guess) / sigma}
    guesses["v"] = alpha * guesses["epsilon"] - sigma * guess
    targets = {"x0": x0, "epsilon": noise, "v": alpha * noise - sigma * x0}
    with jax.enable_x64(True):
        losses = {
            kind: diffusion(
                jnp.asarray(guesses[kind]), jnp.asarray(targets[kind]), jnp.asarray(log_snr),
                prediction_type=kind, weighting=weighting, bias=-1.0, reduction="none",
            )
            for kind in targets
        }  # fmt: skip
    np.testing.assert_allclose(losses["epsilon"], losses["x0"], rtol=1e-9)
    np.testing.assert_allclose(losses["v"], losses["x0"], rtol=1e-9)


def weight(log_snr, **options):
    """The factor of a squared residual of 1."""
    one = jnp.ones_like(log_snr)
    return diffusion(one, jnp.zeros_like(one), log_snr, **options, reduction="none")


def test_weights_as_the_papers_print_them():
    snr = np.array([0.01, 0.5, 4.0, 6.0, 300.0])
    with jax.enable_x64(True):
        at = jnp.log(jnp.asarray(snr))
        np.testing.assert_allclose(weight(at), 1)
        # Hang et al. (2023), section 3.4, gamma 5: for the noise and, as in their code, for the velocity.
        np.testing.assert_allclose(weight(at, weighting="min_snr"), np.minimum(snr, 5) / snr)
        got = weight(at, weighting="min_snr", prediction_type="v")
        np.testing.assert_allclose(got, np.minimum(snr, 5) / (snr + 1))
        # Karras et al. (2022), table 1: (sigma^2 + sigma_data^2) / (sigma sigma_data)^2, of the denoised data.
        sigma = 1 / np.sqrt(snr)
        got = weight(-2 * jnp.log(jnp.asarray(sigma)), weighting="edm", prediction_type="x0")
        np.testing.assert_allclose(got, (sigma**2 + 0.25) / (0.5 * sigma) ** 2)
        # Choi et al. (2022), equation 8 over equation 5: 1 / (k + SNR)^gamma with both 1.
        np.testing.assert_allclose(weight(at, weighting="sigmoid"), 1 / (1 + snr))
        # Salimans and Ho (2022), section 4: truncated SNR, and SNR + 1, which is the plain error of the velocity.
        got = weight(at, weighting="truncated_snr", prediction_type="x0")
        np.testing.assert_allclose(got, np.maximum(snr, 1))
        got = weight(at, weighting="edm", sigma_data=1.0, prediction_type="v")
        np.testing.assert_allclose(got, 1)


@pytest.mark.parametrize("kind", ["epsilon", "x0", "v"])
@pytest.mark.parametrize("weighting", ["min_snr", "sigmoid"])
def test_weights_of_any_noise_level_are_finite(kind, weighting):
    at = jnp.array([-1e4, -200.0, 200.0, 1e4])
    value, slope = jax.value_and_grad(lambda at: jnp.sum(weight(at, weighting=weighting, prediction_type=kind)))(at)
    assert jnp.isfinite(value)
    assert jnp.isfinite(slope).all()


def test_one_noise_level_for_each_example():
    predictions, targets = RNG.normal(size=(2, 3, 4, 4, 2)).astype(np.float32)
    log_snr = jnp.array([-1.0, 0.0, 3.0])
    got = diffusion(predictions, targets, log_snr[:, None, None, None], weighting="min_snr")
    factors = weight(log_snr, weighting="min_snr")
    due = np.mean(np.asarray(factors) * np.mean((predictions - targets) ** 2, (1, 2, 3)))
    np.testing.assert_allclose(got, due, rtol=1e-6)
    with pytest.raises(ValueError, match="diffusion: log_snr must be a scalar or have 4 axes"):
        diffusion(predictions, targets, log_snr)
    with pytest.raises(ValueError, match="weighting must be one of 'simple', 'snr', 'truncated_snr'"):
        diffusion(predictions, targets, 0.0, weighting="minsnr")  # pyrefly: ignore  (wrong on purpose)


@pytest.mark.parametrize("sigma_min", [0.0, 0.1])
def test_the_velocity_of_a_flow_is_that_of_its_path(sigma_min):
    noise, data = RNG.normal(size=(2, 5, 3)).astype(np.float32)
    path = lambda t: t * data + (1 - (1 - sigma_min) * t) * noise
    velocity = jax.jvp(path, (jnp.float32(0.3),), (jnp.float32(1),))[1]
    np.testing.assert_allclose(flow_matching(velocity, noise, data, sigma_min=sigma_min), 0, atol=1e-12)
    np.testing.assert_allclose(flow_matching(velocity + 2, noise, data, sigma_min=sigma_min), 4, rtol=1e-5)


def test_denoising_finds_the_score_of_the_noisy_data():
    """For data N(0, 1) the score of the noisy points is -x / (1 + sigma^2)."""
    data, noise = RNG.normal(size=(2, 40000)).astype(np.float32)
    sigma = 0.7
    x = data + sigma * noise
    loss = lambda slope: denoising_score_matching(slope * x, noise, sigma)
    best = -jax.grad(loss)(0.0) / jax.hessian(loss)(0.0)  # the loss is quadratic in the slope
    np.testing.assert_allclose(best, -1 / (1 + sigma**2), rtol=0.02)


def test_slices_find_the_score_of_the_data():
    """Of linear scores -a x, the best is the inverse of the mean square: vᵀ(-a)v is exact for signs v."""
    x = (2 * RNG.normal(size=(50, 4))).astype(np.float32)
    v = jax.random.rademacher(jax.random.key(0), x.shape)
    loss = lambda a: sliced_score_matching(lambda x: -a * x, x, v)
    best = -jax.grad(loss)(0.0) / jax.hessian(loss)(0.0)
    np.testing.assert_allclose(best, 4 / np.mean(np.sum(x**2, -1)), rtol=1e-5)


def test_slices_of_images_and_what_is_masked():
    x = RNG.normal(size=(4, 3, 3, 2)).astype(np.float32)
    v = np.sign(RNG.normal(size=x.shape)).astype(np.float32)
    kernel = RNG.normal(size=(18, 18)).astype(np.float32)
    score = lambda x: (x.reshape(len(x), 18) @ kernel).reshape(x.shape)
    got = sliced_score_matching(score, x, v, axis=(1, 2, 3), reduction="none")
    flat, signs = x.reshape(4, 18), v.reshape(4, 18)
    due = np.einsum("ni,ji,nj->n", signs, kernel, signs) + 0.5 * np.sum((flat @ kernel) ** 2, -1)
    np.testing.assert_allclose(got, due, rtol=1e-4)
    exists = np.array([True, False, True, True])
    broken = np.where(exists[:, None, None, None], x, np.nan)
    masked, slope = jax.value_and_grad(lambda x: sliced_score_matching(score, x, v, axis=(1, 2, 3), where=exists))(
        broken
    )
    np.testing.assert_allclose(masked, np.mean(due[exists]), rtol=1e-4)
    np.testing.assert_array_equal(slope[1], 0)
    with pytest.raises(ValueError, match=r"score_function must keep the shape \(4, 3\) of samples, gave \(4,\)"):
        sliced_score_matching(lambda x: x.sum(-1), jnp.ones((4, 3)), jnp.ones((4, 3)))
