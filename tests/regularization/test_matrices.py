"""Penalties on matrices, in pytrees."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.regularization import orthogonality, spectral_norm

RNG = np.random.default_rng(0)
TREE = {"layers": RNG.normal(size=(3, 4, 2)).astype(np.float32), "head": RNG.normal(size=(2, 5)).astype(np.float32)}


def test_orthogonality_of_tall_and_of_wide_matrices():
    frame = np.linalg.qr(RNG.normal(size=(5, 3)))[0].astype(np.float32)
    for matrix in (frame, frame.T):
        assert orthogonality(matrix) < 1e-12
        np.testing.assert_allclose(orthogonality(2 * matrix), 3 * 9, rtol=1e-5)
    w = TREE["layers"][0]
    slope = jax.grad(orthogonality)(w)
    np.testing.assert_allclose(slope, 4 * w @ (w.T @ w - np.eye(2)), rtol=1e-4)


def test_spectral_norm_is_that_of_numpy():
    got = spectral_norm(TREE, reduction="none")
    np.testing.assert_allclose(got["layers"], np.linalg.norm(TREE["layers"], 2, axis=(1, 2)), rtol=1e-5)
    np.testing.assert_allclose(got["head"], np.linalg.norm(TREE["head"], 2), rtol=1e-5)
    u, _, v = np.linalg.svd(TREE["head"], full_matrices=False)
    np.testing.assert_allclose(jax.grad(spectral_norm)(TREE["head"]), np.outer(u[:, 0], v[0]), atol=1e-5)


def test_matrices_of_zeros_and_of_any_size():
    value, slope = jax.value_and_grad(spectral_norm)(jnp.zeros((3, 2)))
    assert value == 0
    assert not slope.any()
    for size in (1e-30, 1e30):
        value, slope = jax.value_and_grad(spectral_norm)(size * TREE["head"])
        np.testing.assert_allclose(value, size * np.linalg.norm(TREE["head"], 2), rtol=1e-5)
        np.testing.assert_allclose(jnp.linalg.norm(slope), 1, rtol=1e-5)
    assert spectral_norm(jnp.zeros((0, 3, 2))) == 0


@pytest.mark.parametrize("penalty", [orthogonality, spectral_norm])
def test_masks_of_leaves_and_of_single_matrices(penalty):
    each = penalty(TREE, reduction="none")
    got = penalty({**TREE, "head": TREE["head"] * np.nan}, where={"layers": True, "head": False})
    np.testing.assert_allclose(got, np.sum(each["layers"]), rtol=1e-6)
    got = penalty(TREE, where={"layers": jnp.array([True, False, True]), "head": None}, reduction="mean")
    np.testing.assert_allclose(got, (each["layers"][0] + each["layers"][2] + each["head"]) / 3, rtol=1e-6)
    weights = {"layers": jnp.array([1.0, 0.0, 2.0]), "head": 0.0}
    np.testing.assert_allclose(penalty(TREE, weights=weights), each["layers"][0] + 2 * each["layers"][2], rtol=1e-6)
    with pytest.raises(ValueError, match=rf"{penalty.__name__}: parameters\['bias'\] must be matrices on the last two"):
        penalty({"kernel": TREE["head"], "bias": jnp.zeros(5)})
