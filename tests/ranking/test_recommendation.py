"""Losses of recommenders, by their definitions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ranking import bpr, pairs, pairwise_logistic, warp
from jaxloss.verify import check_gradients

RNG = np.random.default_rng(9)


def test_bpr_over_all_pairs_is_the_pairwise_logistic_loss():
    positives, negatives = RNG.normal(size=3).astype(np.float32), RNG.normal(size=4).astype(np.float32)
    got = bpr(np.repeat(positives, 4), np.tile(negatives, 3))
    labels = np.repeat([1, 0], [3, 4])
    np.testing.assert_allclose(got, pairwise_logistic(np.concatenate([positives, negatives]), labels), rtol=1e-6)


def by_definition(scores, labels, margin):
    total, positives = 0.0, scores[labels > 0]
    for s in positives:
        short = margin - s + scores[labels <= 0]
        rank = np.sum(short > 0)
        if rank:
            total += np.sum(1 / np.arange(1, rank + 1)) / rank * np.sum(short[short > 0])
    return total / max(len(positives), 1)


@pytest.mark.parametrize("margin", [1.0, 0.3])
def test_warp_by_its_definition(margin, monkeypatch):
    monkeypatch.setattr(pairs, "BLOCK", 60)
    jax.clear_caches()
    scores, labels = RNG.normal(size=(2, 15)), RNG.integers(0, 2, (2, 15))
    with jax.enable_x64(True):
        s, y = jnp.asarray(scores), jnp.asarray(labels)
        got = warp(s, y, margin=margin, reduction="none")
        np.testing.assert_allclose(
            got, [by_definition(*row, margin) for row in zip(scores, labels, strict=True)], rtol=1e-13
        )
        check_gradients(lambda s: warp(s, y, margin=margin, reduction="none"), s)
    jax.clear_caches()


def test_the_pull_grows_as_the_logarithm_of_the_rank():
    """A positive with r negatives ahead, and none within the margin behind it, is pulled by 1 + 1/2 + ... + 1/r."""
    for r in (1, 10, 18):
        slope = jax.grad(warp)(-2 * jnp.arange(20.0), jnp.zeros(20).at[r].set(1))
        np.testing.assert_allclose(slope[r], -np.sum(1 / np.arange(1, r + 1)), rtol=1e-6)
        np.testing.assert_allclose(slope[:r], -slope[r] / r, rtol=1e-6)


def test_warp_of_a_flat_array_of_lists():
    scores, labels = RNG.normal(size=12), RNG.integers(0, 2, 12)
    segments = RNG.integers(0, 3, 12)
    with jax.enable_x64(True):
        got = warp(jnp.asarray(scores), labels, segments=jnp.asarray(segments))
    due = [by_definition(scores[segments == i], labels[segments == i], 1.0) for i in set(segments)]
    np.testing.assert_allclose(got, np.mean(due), rtol=1e-12)


def test_infinite_scores_and_nothing_to_rank():
    value, slope = jax.value_and_grad(warp)(jnp.array([1.0, -jnp.inf, 0.5]), jnp.array([1, 0, 0]))
    assert value == 0.5
    assert np.isfinite(slope).all()
    for labels in (jnp.zeros(3), jnp.ones(3)):
        value, slope = jax.value_and_grad(warp)(jnp.array([1.0, 0.0, 0.5]), labels)
        assert value == 0
        assert np.all(slope == 0)
    assert warp(jnp.zeros((2, 0)), jnp.zeros((2, 0))) == 0
    assert bpr(jnp.array([-jnp.inf]), jnp.array([-jnp.inf])) == jnp.log(2.0)
