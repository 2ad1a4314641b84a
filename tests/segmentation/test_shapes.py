"""Losses that know where pixels are: boundary, clDice and affinity on drawn shapes, and the unified focal loss."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from jaxloss.segmentation import affinity, binary_cl_dice, binary_dice, boundary, cl_dice, distance_map, unified_focal

RNG = np.random.default_rng(2)


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def scipy_map(mask, spacing=1.0):
    distance = lambda side: ndimage.distance_transform_edt(side, sampling=spacing)
    return distance(~mask) - distance(mask)


def disc(side, centre, radius):
    y, x = np.mgrid[:side, :side]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2


# ---- distances -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(40,), (17, 40), (9, 12, 7)])
def test_distances_are_those_of_scipy(shape):
    axis = tuple(range(len(shape)))
    for share in (0.02, 0.5, 0.98):
        mask = RNG.random(shape) < share
        mask.flat[:2] = True, False
        np.testing.assert_allclose(distance_map(jnp.asarray(mask), axis=axis), scipy_map(mask), rtol=2e-7)
    spacing = tuple(np.linspace(0.5, 2.0, len(shape)))
    got = distance_map(jnp.asarray(mask), axis=axis, spacing=spacing)
    np.testing.assert_allclose(got, scipy_map(mask, spacing), rtol=5e-7)
    turned = distance_map(jnp.asarray(mask), axis=axis[::-1], spacing=spacing[::-1])
    np.testing.assert_array_equal(turned, got)


def test_distances_of_a_batch_are_those_of_its_pictures():
    masks = RNG.random((2, 12, 11, 3)) < 0.2
    due = np.stack([np.stack([scipy_map(masks[n, ..., c]) for c in range(3)], -1) for n in range(2)])
    for run in (distance_map, jax.jit(distance_map), jax.vmap(lambda m: distance_map(m, axis=(0, 1)))):
        np.testing.assert_allclose(run(jnp.asarray(masks)), due, rtol=2e-7)


def test_a_side_that_is_empty_has_no_boundary():
    for mask in (jnp.zeros((1, 4, 4, 1), bool), jnp.ones((1, 4, 4, 1), bool)):
        np.testing.assert_array_equal(distance_map(mask), 0)


def test_errors_of_distance_map():
    with pytest.raises(TypeError, match="distance_map: mask must be boolean, got int64"):
        distance_map(jnp.zeros((1, 4, 4, 1), int))
    with pytest.raises(ValueError, match=r"distance_map: mask must be \[examples, \*pixels, classes\]"):
        distance_map(jnp.zeros((4, 4), bool))
    with pytest.raises(ValueError, match="distance_map: spacing must be positive"):
        distance_map(jnp.zeros((4, 4), bool), axis=(0, 1), spacing=(1.0, 2.0, 3.0))


# ---- boundary --------------------------------------------------------------------------------------------------------


def test_boundary_is_least_at_the_region_and_tells_how_far_a_prediction_is_off():
    side, truth = 32, disc(32, (16, 14), 6)
    far = distance_map(jnp.asarray(truth[None, ..., None]))
    at = lambda mask: float(boundary(jnp.asarray(mask[None, ..., None], jnp.float32), far))
    np.testing.assert_allclose(at(truth), scipy_map(truth)[truth].sum() / side**2, rtol=1e-6)
    values = [at(disc(side, (16, 14 + shift), 6)) for shift in range(12)]
    assert np.all(np.diff(values) > 0)  # a loss of regions is the same for every shift beyond the diameter
    assert at(disc(side, (16, 14), 5)) > values[0]
    assert at(disc(side, (16, 14), 7)) > values[0]


def test_boundary_is_the_mean_product():
    p, far = RNG.random((2, 5, 6, 3)), RNG.normal(size=(2, 5, 6, 3))
    where = RNG.random((2, 5, 6)) < 0.7
    got = boundary(jnp.asarray(p), jnp.asarray(far), reduction="none")
    np.testing.assert_allclose(got, (p * far).mean((1, 2)), rtol=1e-12)
    got = boundary(jnp.asarray(p), jnp.asarray(far), where=jnp.asarray(where), reduction="none")
    kept = where[..., None]
    np.testing.assert_allclose(got, (p * far * kept).sum((1, 2)) / kept.sum((1, 2)), rtol=1e-12)
    np.testing.assert_allclose(
        boundary(jnp.asarray(p), jnp.asarray(far), include_background=False), (p * far)[..., 1:].mean(), rtol=1e-12
    )


# ---- clDice ----------------------------------------------------------------------------------------------------------


def skeleton(x, iterations):
    cross = ndimage.generate_binary_structure(x.ndim, 1)
    erode = lambda x: ndimage.minimum_filter(x, footprint=cross, mode="constant", cval=np.inf)
    ends = lambda x: np.maximum(x - ndimage.maximum_filter(erode(x), size=3, mode="constant", cval=-np.inf), 0)
    lines = ends(x)
    for _ in range(iterations):
        x = erode(x)
        lines = lines + (1 - lines) * ends(x)
    return lines


@pytest.mark.parametrize("shape", [(9, 12), (6, 7, 5)])
def test_cl_dice_is_its_definition(shape):
    p, t = RNG.random((2, *shape)), np.stack([ndimage.gaussian_filter(RNG.random(shape), 1) > 0.5 for _ in range(2)])
    due = []
    for q, mask in zip(p, t.astype(float), strict=True):
        of_q, of_t = skeleton(q, 2), skeleton(mask, 2)
        a, b = ((of_q * mask).sum() + 1) / (of_q.sum() + 1), ((of_t * q).sum() + 1) / (of_t.sum() + 1)
        due.append(1 - 2 * a * b / (a + b))
    np.testing.assert_allclose(
        binary_cl_dice(jnp.asarray(p), jnp.asarray(t), iterations=2, reduction="none"), due, rtol=1e-12
    )
    both = cl_dice(jnp.stack([1 - p, p], -1), jnp.asarray(t, jnp.int32), iterations=2, reduction="none")
    np.testing.assert_allclose(both[:, 1], due, rtol=1e-12)


@pytest.mark.parametrize("shape", [(7, 16), (7, 7, 16)])
def test_a_broken_vessel_costs_and_a_thick_one_does_not(shape):
    middle = (3,) * (len(shape) - 1)
    vessel = np.zeros((1, *shape))
    vessel[(0, *middle)] = 1
    thick = ndimage.maximum_filter(vessel, size=(1, *(3,) * (len(shape) - 1), 1))
    broken = vessel.copy()
    broken[(0, *middle, 8)] = 0
    truth = jnp.asarray(vessel, jnp.int32)
    loss = lambda p: binary_cl_dice(jnp.asarray(p), truth, smooth=1.0)
    assert loss(vessel) == 0
    assert loss(thick) == 0
    assert binary_dice(jnp.asarray(thick), truth) > 0.4
    b = (15 + 1) / (16 + 1)  # all of what is found is right, 15 of 16 are found
    np.testing.assert_allclose(loss(broken), 1 - 2 * b / (1 + b), rtol=1e-12)
    np.testing.assert_allclose(loss(np.zeros_like(vessel)), 1 - 2 / 17 / (1 + 1 / 17), rtol=1e-12)
    assert binary_cl_dice(jnp.zeros(vessel.shape), truth, smooth=0.0) == 1


@pytest.mark.parametrize("loss", [cl_dice, affinity])
def test_masked_pixels_at_the_border_are_cut_off(loss):
    p = RNG.dirichlet(np.ones(3), (2, 8, 9))
    ids = RNG.integers(0, 3, (2, 8, 9))
    where = np.zeros((2, 8, 9), bool)
    where[:, 1:7, 2:8] = True
    poisoned = jnp.asarray(np.where(where[..., None], p, np.nan)), jnp.asarray(np.where(where, ids, 255))
    cut = jnp.asarray(p[:, 1:7, 2:8]), jnp.asarray(ids[:, 1:7, 2:8])
    np.testing.assert_allclose(loss(*poisoned, where=where), loss(*cut), rtol=1e-12)
    slope = jax.grad(lambda p: loss(p, poisoned[1], ignore_index=255))(poisoned[0])
    np.testing.assert_allclose(slope[:, 1:7, 2:8], jax.grad(lambda p: loss(p, cut[1]))(cut[0]), rtol=1e-9, atol=1e-15)
    assert np.all(np.asarray(slope)[~where] == 0)


@pytest.mark.parametrize("loss", [cl_dice, affinity])
def test_a_masked_pixel_is_nobodys_neighbour(loss):
    p, ids = jnp.asarray(RNG.dirichlet(np.ones(2), (1, 5, 5))), jnp.asarray(RNG.integers(0, 2, (1, 5, 5)))
    where = jnp.ones((1, 5, 5), bool).at[0, 2, 2].set(False)
    seen = [loss(p.at[0, 2, 2].set(x), ids.at[0, 2, 2].set(y), where=where) for x, y in ((0.0, 0), (0.5, 1), (1.0, 7))]
    assert seen[0] == seen[1] == seen[2]
    assert loss(p, ids) != seen[0]


def test_errors_of_cl_dice():
    with pytest.raises(ValueError, match="cl_dice: iterations must be an integer that is not negative, got -1"):
        cl_dice(jnp.zeros((1, 4, 4, 2)), jnp.zeros((1, 4, 4), int), iterations=-1)


# ---- affinity --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 6), (3, 4, 3)])
def test_affinity_is_its_definition(shape):
    z, ids = 2 * RNG.normal(size=(2, *shape, 3)), RNG.integers(0, 3, (2, *shape))
    p = np.asarray(jax.nn.softmax(z, -1))
    due = []
    for n in range(2):
        edges, same = [], []
        for i in np.ndindex(shape):
            for step in itertools.product((-1, 0, 1), repeat=len(shape)):
                j = tuple(np.add(i, step))
                if not any(step) or not all(0 <= a < size for a, size in zip(j, shape, strict=True)):
                    continue
                q, r = p[n][j], p[n][i]
                d = q * np.log(q / r) + (1 - q) * np.log((1 - q) / (1 - r))
                edge = (np.arange(3) == ids[n][i]) != (np.arange(3) == ids[n][j])
                edges += list(np.maximum(0.3 - d, 0)[edge])
                same += list(d[~edge])
        due.append(2 * np.mean(edges) + 0.5 * np.mean(same))
    got = affinity(jnp.asarray(z), jnp.asarray(ids), margin=0.3, edge_weight=2.0, same_weight=0.5, reduction="none")
    np.testing.assert_allclose(got, due, rtol=1e-10)


def test_affinity_of_two_flat_halves():
    ids = jnp.asarray(np.repeat([[0, 1]], 3, 1).reshape(1, 1, 6).repeat(4, 1))
    flat = jnp.zeros((1, 4, 6, 2))
    np.testing.assert_allclose(affinity(flat, ids), 3.0, rtol=1e-12)  # the margin: nothing is apart
    np.testing.assert_allclose(affinity(flat, jnp.zeros_like(ids)), 0)
    sure = 50.0 * (2 * jax.nn.one_hot(ids, 2, dtype=jnp.float64) - 1)
    value, slope = jax.value_and_grad(affinity)(sure, ids)
    assert value == 0
    np.testing.assert_array_equal(slope, 0)


def test_affinity_of_extreme_logits_is_finite():
    for scale in (1e2, 1e4, 1e30):
        z = jnp.asarray(scale * RNG.normal(size=(1, 4, 4, 3)), jnp.float32)
        value, slope = jax.value_and_grad(affinity)(z, jnp.asarray(RNG.integers(0, 3, (1, 4, 4))))
        assert np.isfinite(value)
        assert np.isfinite(slope).all()
    z = jnp.asarray(RNG.normal(size=(1, 4, 4, 3))).at[..., 2].set(-jnp.inf)  # a class that is impossible everywhere
    ids = jnp.asarray(RNG.integers(0, 2, (1, 4, 4)))
    value, slope = jax.value_and_grad(affinity)(z, ids)
    assert np.isfinite(value)
    assert np.isfinite(slope).all()
    with pytest.raises(ValueError, match="affinity: logits must have two classes or more"):
        affinity(z[..., :1], ids)


# ---- unified focal ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symmetric", [False, True])
def test_unified_focal_is_that_of_the_authors_program(symmetric):
    z, ids = RNG.normal(size=(2, 5, 6, 2)), RNG.integers(0, 2, (2, 5, 6))
    p, t = np.asarray(jax.nn.softmax(z, -1)), np.eye(2)[ids]
    weight, delta, gamma = 0.3, 0.6, 0.5  # weight of the overlap
    entropy = -t * np.log(p)
    back = (1 - delta) * (1 - p[..., 0]) ** gamma * entropy[..., 0]
    fore = delta * entropy[..., 1] * ((1 - p[..., 1]) ** gamma if symmetric else 1)
    hit, missed, false = (t * p).sum((1, 2)), (t * (1 - p)).sum((1, 2)), ((1 - t) * p).sum((1, 2))
    apart = 1 - hit / (hit + delta * missed + (1 - delta) * false)
    enhanced = apart * apart**-gamma
    overlap = (enhanced[:, 0] if symmetric else apart[:, 0]) / 2 + enhanced[:, 1] / 2
    due = weight * overlap + (1 - weight) * (back + fore).mean((1, 2))
    got = unified_focal(
        jnp.asarray(z), jnp.asarray(ids), focal_weight=1 - weight, symmetric=symmetric, reduction="none"
    )
    np.testing.assert_allclose(got, due, rtol=1e-12)


def test_unified_focal_masks_and_spoils():
    z, ids = jnp.asarray(RNG.normal(size=(2, 5, 6, 3))), jnp.asarray(RNG.integers(0, 3, (2, 5, 6)))
    bad = ids.at[1, 2, 3].set(255)
    values = unified_focal(z, bad, reduction="none")
    assert np.isfinite(values[0])
    assert np.isnan(values[1])
    kept = unified_focal(z.at[1, 2, 3].set(jnp.nan), bad, ignore_index=255, reduction="none")
    flat = jnp.delete(z[1].reshape(30, 3), 15, 0)[None], jnp.delete(ids[1].reshape(30), 15, 0)[None]
    np.testing.assert_allclose(kept[1], unified_focal(*flat), rtol=1e-12)


@pytest.mark.parametrize("loss", [unified_focal, affinity])
def test_saturated_logits_are_finite(loss):
    ids = jnp.asarray(RNG.integers(0, 3, (1, 4, 4)))
    right = 1e4 * jax.nn.one_hot(ids, 3)
    for z in (right, -right):
        value, slope = jax.value_and_grad(loss)(z, ids)
        assert np.isfinite(value)
        assert np.isfinite(slope).all()
