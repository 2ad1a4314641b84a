"""What is held fixed is held exactly."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss import squared_error, vq_codebook, vq_commitment, weighted_sum
from jaxloss.generative import straight_through

Z, E = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)


def test_each_term_moves_one_side():
    for loss, moving, sign in ((vq_commitment, 0, 1), (vq_codebook, 1, -1)):
        value, slopes = jax.value_and_grad(loss, (0, 1))(Z, E)
        np.testing.assert_allclose(value, np.mean((Z - E) ** 2), rtol=1e-6)
        np.testing.assert_allclose(slopes[moving], sign * 2 * (Z - E) / Z.size, rtol=1e-6)
        np.testing.assert_array_equal(slopes[1 - moving], 0)


def test_held_means_held_also_in_second_derivatives():
    curvature = jax.hessian(lambda e: vq_commitment(jnp.asarray(Z), e))(jnp.asarray(E))
    np.testing.assert_array_equal(curvature, 0)


def test_the_decoder_sees_codes_and_the_encoder_its_gradient():
    wide = np.array([[1e8, 1.0]], np.float32), np.array([[1.0, 1e-8]], np.float32)
    np.testing.assert_array_equal(straight_through(*wide), wide[1])  # z + (e - z) would round
    through = lambda z, e: jnp.sum(straight_through(z, e) ** 2)
    slopes = jax.grad(through, (0, 1))(Z, E)
    np.testing.assert_array_equal(slopes[0], 2 * E)
    np.testing.assert_array_equal(slopes[1], 0)


def test_the_objective_of_a_vq_vae():
    objective = weighted_sum(
        {
            "reconstruction": lambda z, e: squared_error(straight_through(z, e), jnp.ones_like(z)),
            "codebook": vq_codebook,
            "commitment": (0.25, vq_commitment),
        }
    )
    (total, report), slopes = jax.value_and_grad(objective, (0, 1), has_aux=True)(Z, E)
    np.testing.assert_allclose(total, report["reconstruction"] + 1.25 * report["codebook"], rtol=1e-6)
    assert report["codebook"] == report["commitment"]
    np.testing.assert_allclose(slopes[0], (2 * (E - 1) + 0.5 * (Z - E)) / Z.size, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(slopes[1], 2 * (E - Z) / Z.size, rtol=1e-5, atol=1e-7)  # not of the reconstruction


def test_vectors_that_are_padding():
    exists = np.array([True, True, False, True, False])[:, None]
    broken = np.where(exists, Z, np.nan)
    value, slope = jax.value_and_grad(lambda z: vq_commitment(z, E, where=exists))(broken)
    np.testing.assert_allclose(value, np.mean((Z - E)[exists[:, 0]] ** 2), rtol=1e-6)
    np.testing.assert_array_equal(slope[~exists[:, 0]], 0)
