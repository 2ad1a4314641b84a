"""Measures and losses of pixels, and local correlation, against their definitions."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.generative import (
    edge_aware_smoothness,
    lncc,
    lncc_distance,
    psnr,
    spherical_distance,
    total_variation,
)

RNG = np.random.default_rng(0)
X, Y = RNG.uniform(size=(2, 2, 7, 6, 3))
HOLES = RNG.random((2, 7, 6)) < 0.8


def test_psnr_is_that_of_scikit_image():
    metrics = pytest.importorskip("skimage.metrics", reason="the same by scikit-image")
    due = [metrics.peak_signal_noise_ratio(a, b, data_range=2.0) for a, b in zip(X, Y, strict=True)]
    with jax.enable_x64(True):
        got = psnr(jnp.asarray(X), jnp.asarray(Y), data_range=2.0, reduction="none")
    np.testing.assert_allclose(got, due, rtol=1e-13)


def test_psnr_of_equal_images_is_infinite_without_a_gradient():
    value, slope = jax.value_and_grad(psnr)(jnp.ones((1, 4, 4, 1)), jnp.ones((1, 4, 4, 1)))
    assert value == jnp.inf
    assert not slope.any()
    near = psnr(jnp.full((1, 4, 4, 1), 1e-25), jnp.zeros((1, 4, 4, 1)))  # its square is no float32
    np.testing.assert_allclose(near, 500, rtol=1e-6)


def test_psnr_of_the_pixels_that_exist():
    broken = np.where(HOLES[..., None], X, np.nan)
    with jax.enable_x64(True):
        got = psnr(jnp.asarray(broken), jnp.asarray(Y), where=HOLES, reduction="none")
    due = [-10 * np.log10(np.mean((a[k] - b[k]) ** 2)) for a, b, k in zip(X, Y, HOLES, strict=True)]
    np.testing.assert_allclose(got, due, rtol=1e-12)


def neighbours(shape):
    """Every two pixels of a plane that touch."""
    for i, j in itertools.product(range(shape[0]), range(shape[1])):
        yield from (((i, j), (i + a, j + b)) for a, b in ((1, 0), (0, 1)) if i + a < shape[0] and j + b < shape[1])


@pytest.mark.parametrize("masked", [False, True])
def test_total_variation_pair_by_pair(masked):
    due = [
        sum(np.abs(x[p] - x[q]).sum() for p, q in neighbours((7, 6)) if not masked or (hole[p] and hole[q]))
        for x, hole in zip(X, HOLES, strict=True)
    ]
    images = np.where(HOLES[..., None] | (not masked), X, np.nan)
    got = total_variation(images.astype(np.float32), where=HOLES if masked else None, reduction="none")
    np.testing.assert_allclose(got, due, rtol=1e-5)


def test_flat_regions_pull_nowhere():
    steps = jnp.repeat(jnp.array([0.0, 1.0]), 4).reshape(1, 8, 1)
    np.testing.assert_array_equal(jax.grad(total_variation)(steps)[0, :, 0], [0, 0, 0, -1, 1, 0, 0, 0])


@pytest.mark.parametrize("masked", [False, True])
def test_smoothness_as_in_the_paper(masked):
    depth = X[..., 0]
    exists = HOLES | (not masked)
    due = []
    for d, image, kept in zip(depth, Y, exists, strict=True):
        total = 0
        for axis in (0, 1):
            step = np.abs(np.diff(d, axis=axis)) * np.exp(-2 * np.abs(np.diff(image, axis=axis)).mean(-1))
            both = np.logical_and(*(np.take(kept, np.arange(k, kept.shape[axis] - 1 + k), axis) for k in (0, 1)))
            total += step[both].mean()
        due.append(total)
    broken = np.where(exists, depth, np.inf)
    with jax.enable_x64(True):
        where = jnp.asarray(HOLES) if masked else None
        got = edge_aware_smoothness(jnp.asarray(broken), jnp.asarray(Y), edge_weight=2.0, where=where, reduction="none")
    np.testing.assert_allclose(got, due, rtol=1e-12)
    with pytest.raises(ValueError, match="images must have the shape of predictions and an axis of channels"):
        edge_aware_smoothness(jnp.ones((2, 7, 6, 1)), jnp.ones((2, 7, 6, 3)))


def correlations(x, y, size):
    """Squared correlation of every window, nan where one is constant."""
    windows = lambda z: np.lib.stride_tricks.sliding_window_view(z, (size, size)).reshape(-1, size * size)
    for a, b in zip(windows(x), windows(y), strict=True):
        flat = np.ptp(a) == 0 or np.ptp(b) == 0
        yield np.nan if flat else np.corrcoef(a, b)[0, 1] ** 2


@pytest.mark.parametrize("background", [False, True])
def test_local_correlation_window_by_window(background):
    x, y = X[..., 0].copy(), Y[..., 0].copy()
    if background:
        x[:, :4], y[:, :, :4] = 0.1, 0.7
    due = [np.nanmean(list(correlations(a, b, 3))) for a, b in zip(x, y, strict=True)]
    with jax.enable_x64(True):
        got = lncc(jnp.asarray(x)[..., None], jnp.asarray(y)[..., None], window_size=3, reduction="none")
    np.testing.assert_allclose(got, due, rtol=1e-10)
    # 0.1 is no float: the constant windows are constant all the same, in single precision too.
    single = lncc(x[..., None].astype(np.float32), y[..., None].astype(np.float32), window_size=3, reduction="none")
    np.testing.assert_allclose(single, due, rtol=1e-4)


def test_local_correlation_sees_no_brightness_and_no_contrast():
    x = jnp.asarray(X, jnp.float32)
    assert lncc(x, x, window_size=3) == 1
    assert lncc_distance(x, x, window_size=3) == 0
    np.testing.assert_allclose(lncc(x, 4 - 2 * x, window_size=3), 1, rtol=1e-5)
    np.testing.assert_allclose(lncc(1e20 * x, 1e-20 * x, window_size=3), 1, rtol=1e-5)


def test_images_without_texture_have_nothing_to_align():
    flat = jnp.full((1, 6, 6, 1), 0.3)
    value, slope = jax.value_and_grad(lambda x: lncc_distance(x, flat, window_size=3))(flat)
    assert value == 0
    assert not slope.any()


def test_half_the_squared_angle():
    angles = np.array([1e-6, 1e-3, 0.5, 1.0, 2.0, 3.0, 3.1])
    vectors = np.stack([np.cos(angles), np.sin(angles)], -1)
    with jax.enable_x64(True):
        first = jnp.broadcast_to(jnp.array([[3.0, 0.0]]), vectors.shape)
        loss = lambda p: spherical_distance(p, jnp.asarray(vectors), reduction="none")
        np.testing.assert_allclose(loss(first), angles**2 / 2, rtol=1e-9)
        slope = jax.grad(lambda p: jnp.sum(loss(p)))(first)
    np.testing.assert_allclose(slope, np.stack([0 * angles, -angles / 3], -1), rtol=1e-9, atol=1e-15)


def test_directions_that_have_no_way_to_each_other():
    for p, t in (([2.0, 0.0], [-1.0, 0.0]), ([0.0, 0.0], [1.0, 0.0]), ([1.0, 2.0], [1.0, 2.0])):
        value, slope = jax.value_and_grad(spherical_distance)(jnp.array([p]), jnp.array([t]))
        assert jnp.isfinite(value)
        assert not slope.any()
