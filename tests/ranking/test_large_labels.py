"""Labels whose exponential gain is no float: what is normalized by the best gain is representable still."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import ranking

LABELS = jnp.array([0.0, 200.0, 199.0, 10.0, 150.0])
SCORES = jnp.array([0.3, -0.2, 0.5, 1.0, -1.0])


def test_ndcg_of_labels_beyond_the_largest_float():
    discounts = 1 / np.log2(np.arange(2.0, 7))
    order, best = np.argsort(-np.asarray(SCORES)), np.argsort(-np.asarray(LABELS))
    gains = 2.0 ** (np.asarray(LABELS, np.float64)) - 1
    due = np.sum(gains[order] * discounts) / np.sum(gains[best] * discounts)
    np.testing.assert_allclose(ranking.ndcg(SCORES, LABELS), due, rtol=1e-6)


@pytest.mark.parametrize("options", [{}, {"segments": jnp.array([0, 0, 1, 1, 1])}, {"where": jnp.arange(5) != 1}])
@pytest.mark.parametrize("loss", [jaxloss.approx_ndcg, jaxloss.neural_ndcg])
def test_smooth_ndcg_of_labels_beyond_the_largest_float(loss, options):
    value, slope = jax.value_and_grad(loss)(SCORES, LABELS, **options)
    with jax.enable_x64(True):
        due = jax.value_and_grad(loss)(np.asarray(SCORES, np.float64), np.asarray(LABELS, np.float64), **options)
    np.testing.assert_allclose(value, due[0], rtol=1e-5)
    np.testing.assert_allclose(slope, due[1], rtol=1e-4, atol=1e-6)


def test_lambda_weights_of_labels_beyond_the_largest_float():
    weigh = partial(ranking.dcg_lambda, normalize=True)
    weights = lambda labels: jax.grad(jaxloss.pairwise_logistic)(SCORES, labels, lambda_weights=weigh)
    moderate = jnp.array([0.0, 100.0, 99.0, 10.0, 50.0])  # the same to within 2^-40
    np.testing.assert_allclose(weights(LABELS), weights(moderate), rtol=1e-5)


def test_blocks_that_do_not_divide_the_list(monkeypatch):
    scores = 20 * jnp.cos(jnp.arange(37.0))  # a rank that is none would have infinite entries in its row
    step = jax.value_and_grad(lambda s: jaxloss.neural_ndcg(s, jnp.arange(37.0) % 5, scalings=2))
    due = step(scores)
    monkeypatch.setattr(ranking.pairs, "BLOCK", 37 * 5)
    jax.clear_caches()
    got = step(scores)
    jax.clear_caches()
    jax.tree.map(lambda g, d: np.testing.assert_allclose(g, d, rtol=1e-4, atol=1e-6), got, due)


@pytest.mark.parametrize("options", [{}, {"segments": jnp.arange(100) % 2}, {"where": jnp.arange(100) % 7 != 1}])
def test_scores_far_from_0_keep_the_digits_of_their_differences(options):
    rng = np.random.default_rng(0)
    scores = np.float32(1000 + rng.normal(size=100))
    labels = np.float32(rng.integers(0, 4, 100))
    step = jax.jit(jax.value_and_grad(lambda s: jaxloss.neural_ndcg(s, labels, scalings=2, **options)))
    value, slope = step(scores)
    with jax.enable_x64(True):
        due, slope_due = step(np.float64(scores))
    # An exponent is up to the number of items times a score: of 3 and not of 1000.
    limit = 4 * 100 * 3 * np.finfo(np.float32).eps
    np.testing.assert_allclose(value, due, rtol=limit)
    np.testing.assert_allclose(slope, slope_due, rtol=0, atol=limit * np.max(np.abs(slope_due)))
