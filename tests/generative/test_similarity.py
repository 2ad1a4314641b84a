"""Structural similarity against scikit-image, and where its usual formula loses its digits."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.generative import ms_ssim, ms_ssim_distance, ssim, ssim_distance

RNG = np.random.default_rng(0)
BASE = RNG.uniform(size=(2, 24, 20, 3))
OTHER = np.clip(BASE + 0.2 * RNG.normal(size=BASE.shape), 0, 1)
SMALL = {"window_size": 3, "reduction": "none"}


@pytest.mark.parametrize("sigma", [1.5, None])
@pytest.mark.parametrize("spatial", [2, 3])
def test_value_is_that_of_scikit_image(sigma, spatial):
    metrics = pytest.importorskip("skimage.metrics", reason="the same by scikit-image")
    shape = (2, 24, 20, 3) if spatial == 2 else (2, 13, 12, 14, 2)
    x, y = RNG.uniform(size=(2, *shape))
    options = {"use_sample_covariance": False, "data_range": 2.0, "channel_axis": -1}
    options |= {"win_size": 11} if sigma is None else {"gaussian_weights": True, "sigma": sigma}
    due = [metrics.structural_similarity(a, b, **options) for a, b in zip(x, y, strict=True)]
    with jax.enable_x64(True):
        got = ssim(jnp.asarray(x), jnp.asarray(y), data_range=2.0, sigma=sigma, reduction="none")
        apart = ssim_distance(jnp.asarray(x), jnp.asarray(y), data_range=2.0, sigma=sigma, reduction="none")
    np.testing.assert_allclose(got, due, rtol=1e-11)
    np.testing.assert_allclose(apart, 1 - np.array(due), rtol=1e-11)


def test_the_gradient_is_that_of_scikit_image():
    metrics = pytest.importorskip("skimage.metrics", reason="the same by scikit-image")
    x, y = BASE[0, :, :, 0], OTHER[0, :, :, 0]
    with jax.enable_x64(True):
        got = jax.grad(lambda x: ssim(x[None, ..., None], jnp.asarray(y)[None, ..., None]))(jnp.asarray(x))
    options = {"use_sample_covariance": False, "data_range": 1.0, "gaussian_weights": True}
    # Theirs leaves the border out of its gradient: by differences instead.
    for i, j in ((0, 0), (5, 7), (12, 10), (23, 3)):
        step = np.zeros_like(x)
        step[i, j] = 1e-6
        ends = [metrics.structural_similarity(x + side * step, y, **options) for side in (1, -1)]
        np.testing.assert_allclose(got[i, j], (ends[0] - ends[1]) / 2e-6, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_equal_images_are_equal_to_the_last_bit(level):
    for x in (jnp.asarray(BASE, jnp.float32), jnp.full((2, 12, 12, 1), level)):
        assert ssim(x, x) == 1
        value, slopes = jax.value_and_grad(ssim_distance, (0, 1))(x, x)
        assert value == 0
        assert not jnp.stack(slopes).any()


def test_constant_images_differ_in_luminance_alone():
    x, y = jnp.full((1, 12, 12, 1), 0.25), jnp.full((1, 12, 12, 1), 0.5)
    due = (2 * 0.25 * 0.5 + 1e-4) / (0.25**2 + 0.5**2 + 1e-4)
    np.testing.assert_allclose(ssim(x, y), due, rtol=1e-6)
    np.testing.assert_allclose(ssim_distance(x, y), 1 - due, rtol=1e-6)
    assert jnp.isfinite(jax.grad(ssim_distance)(x, y)).all()


def test_faint_differences_on_a_bright_background_keep_their_digits():
    """In float32 E[x^2] - E[x]^2 has none left of them."""
    x = (1000 + BASE).astype(np.float32)
    y = (x + np.float32(2**-9) * np.sign(RNG.normal(size=x.shape))).astype(np.float32)
    with jax.enable_x64(True):
        due = float(ssim_distance(jnp.asarray(x, float), jnp.asarray(y, float)))
    np.testing.assert_allclose(ssim_distance(x, y), due, rtol=1e-5)
    assert due < 1e-4


def test_huge_images_do_not_overflow():
    x, y = (jnp.asarray(z * 1e30, jnp.float32) for z in (BASE, OTHER))
    value, slope = jax.value_and_grad(ssim_distance)(x, y)
    with jax.enable_x64(True):
        due = float(ssim_distance(jnp.asarray(x, float), jnp.asarray(y, float)))
    np.testing.assert_allclose(value, due, rtol=1e-5)
    assert jnp.isfinite(slope).all()


def test_scales_are_those_of_the_paper():
    """The product over scales, from similarities of one scale: constants that are 0 leave one factor."""
    x, y = BASE[:1, :, :, :1], OTHER[:1, :, :, :1]
    halved = [z[:, :24, :20].reshape(1, 12, 2, 10, 2, 1).mean((2, 4)) for z in (x, y)]
    with jax.enable_x64(True):
        x, y, *halved = (jnp.asarray(z) for z in (x, y, *halved))
        # With a huge k1 the luminance is 1: what is left is contrast and structure.
        contrast = ssim(x, y, k1=1e9, **SMALL)
        due = np.asarray(contrast**0.3 * ssim(*halved, **SMALL) ** 0.7)
        got = ms_ssim(x, y, scale_weights=(0.3, 0.7), **SMALL)
        apart = ms_ssim_distance(x, y, scale_weights=(0.3, 0.7), **SMALL)
    np.testing.assert_allclose(got, due, rtol=1e-9)
    np.testing.assert_allclose(apart, 1 - due, rtol=1e-9)


def test_several_scales_of_equal_and_of_opposite_images():
    x = jnp.asarray(BASE, jnp.float32)
    options = {"scale_weights": (0.5, 0.5), "window_size": 3}
    assert ms_ssim(x, x, **options) == 1
    value, slope = jax.value_and_grad(lambda x, y: ms_ssim_distance(x, y, **options))(x, 1 - x)
    assert value == 1
    assert not slope.any()
    assert ms_ssim_distance(x, x, **options) == 0


def test_masked_images_are_not_there():
    x, y = jnp.asarray(BASE, jnp.float32), jnp.asarray(OTHER, jnp.float32)
    broken = x.at[1].set(jnp.nan)
    value, slope = jax.value_and_grad(lambda x: ssim_distance(x, y, where=jnp.array([True, False])))(broken)
    np.testing.assert_allclose(value, ssim_distance(x[:1], y[:1]), rtol=1e-6)
    assert not slope[1].any()


def test_what_does_not_fit_is_named():
    x = jnp.zeros((1, 8, 30, 1))
    with pytest.raises(
        ValueError, match=r"ssim: predictions of shape \(1, 8, 30, 1\) are smaller than the window of 11"
    ):
        ssim(x, x)
    with pytest.raises(ValueError, match="ms_ssim: predictions at scale 3 of 5 of shape"):
        ms_ssim(jnp.zeros((1, 30, 30, 1)), jnp.zeros((1, 30, 30, 1)))
    with pytest.raises(ValueError, match="ssim: window_size must be an odd number of pixels, got 4"):
        ssim(x, x, window_size=4)
    with pytest.raises(ValueError, match="ssim_distance: data_range must be positive"):
        ssim_distance(x, x, data_range=0.0)
    for shape in itertools.permutations(((1, 8, 8, 1), (1, 8, 8))):
        with pytest.raises(ValueError, match="predictions and targets must have the same shape"):
            ssim(jnp.zeros(shape[0]), jnp.zeros(shape[1]))
