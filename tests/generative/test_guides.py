"""Guided image generation: a weighted list of terms, summed and reported."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss import half_squared_error, spherical_distance, weighted_sum

RNG = np.random.default_rng(0)
START, PROMPTS = RNG.normal(size=8).astype(np.float32), RNG.normal(size=(2, 8)).astype(np.float32)


def published(z, init_weight, weights):
    """The objective as VQGAN-CLIP writes it, for the embedding itself."""
    unit = lambda x: x / np.linalg.norm(x)
    terms = [init_weight * np.mean((z - START) ** 2) / 2]
    for prompt, weight in zip(PROMPTS, weights, strict=True):
        terms.append(weight * 2 * np.arcsin(np.linalg.norm(unit(z) - unit(prompt)) / 2) ** 2)
    return terms


def test_terms_of_a_guided_image():
    objective = weighted_sum(
        {
            "start": (0.5, lambda z: half_squared_error(z, START)),
            "prompt 1": (1.0, lambda z: spherical_distance(z, PROMPTS[0])),
            "prompt 2": (0.2, lambda z: spherical_distance(z, PROMPTS[1])),
        }
    )
    z = jnp.asarray(START + 1)
    (total, report), slope = jax.value_and_grad(objective, has_aux=True)(z)
    due = published(np.asarray(z, float), 0.5, (1.0, 0.2))
    np.testing.assert_allclose(total, sum(due), rtol=1e-5)
    reported = [report["start"] * 0.5, report["prompt 1"], report["prompt 2"] * 0.2]
    np.testing.assert_allclose(reported, due, rtol=1e-5)
    for i in range(8):
        step = 1e-5 * np.eye(8)[i]
        ends = [sum(published(np.asarray(z, float) + side * step, 0.5, (1.0, 0.2))) for side in (1, -1)]
        np.testing.assert_allclose(slope[i], (ends[0] - ends[1]) / 2e-5, rtol=1e-4, atol=1e-6)
    for _ in range(200):
        z -= 0.2 * jax.grad(lambda z: objective(z)[0])(z)
    assert objective(z)[0] < 0.8 * total
