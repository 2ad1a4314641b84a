"""Lovász losses against the algorithm of the paper and the definition of the extension."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.segmentation import jaccard, lovasz_hinge, lovasz_softmax

RNG = np.random.default_rng(1)


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def gradient_of_extension(sorted_labels):
    """Algorithm 1 of Berman et al. (2018)."""
    total = sorted_labels.sum()
    losses = 1 - (total - np.cumsum(sorted_labels)) / (total + np.cumsum(1 - sorted_labels))
    return np.diff(losses, prepend=0.0)


def by_the_algorithm(errors, labels):
    """Value, and its derivative along the errors."""
    order = np.argsort(-errors, kind="stable")
    weights = np.empty_like(errors)
    weights[order] = gradient_of_extension(labels[order].astype(float))
    return errors @ weights, weights


def test_softmax_is_the_algorithm_of_the_paper():
    p, ids = RNG.dirichlet(np.ones(4), (3, 6, 7)), RNG.integers(0, 4, (3, 6, 7))
    values = lovasz_softmax(jnp.asarray(p), jnp.asarray(ids), reduction="none")
    slopes = jax.grad(lambda p: lovasz_softmax(p, jnp.asarray(ids), reduction="sum"))(jnp.asarray(p))
    for n, c in itertools.product(range(3), range(4)):
        own = (ids[n] == c).ravel()
        due, weights = by_the_algorithm(np.abs(own - p[n, ..., c].ravel()), own)
        np.testing.assert_allclose(values[n, c], due, rtol=1e-12)
        np.testing.assert_allclose(np.ravel(slopes[n, ..., c]), np.where(own, -weights, weights), rtol=1e-9)


@pytest.mark.parametrize("axis", [None, (0, 1, 2)])  # per image, or the batch as one
def test_hinge_is_the_algorithm_of_the_paper(axis):
    z, labels = 2 * RNG.normal(size=(3, 6, 7)), RNG.integers(0, 2, (3, 6, 7))
    loss = lambda z: lovasz_hinge(z, jnp.asarray(labels), axis=axis)
    value, slopes = jax.value_and_grad(loss)(jnp.asarray(z))
    images = [(z, labels)] if axis else list(zip(z, labels, strict=True))
    signs = [(2 * t - 1).ravel() for _, t in images]
    parts = [
        by_the_algorithm(np.maximum(1 - s * x.ravel(), 0), t.ravel()) for s, (x, t) in zip(signs, images, strict=True)
    ]
    np.testing.assert_allclose(value, np.mean([v for v, _ in parts]), rtol=1e-12)
    due = [-s * w * (1 - s * x.ravel() > 0) for s, (x, _), (_, w) in zip(signs, images, parts, strict=True)]
    np.testing.assert_allclose(np.ravel(slopes), np.concatenate(due) / len(parts), rtol=1e-9, atol=1e-15)


def test_a_uniform_prediction_of_three_classes():
    ids = jnp.asarray(np.repeat([0, 1, 2], 4).reshape(1, 3, 4))
    np.testing.assert_allclose(lovasz_softmax(jnp.full((1, 3, 4, 3), 1 / 3), ids), 2 / 3, rtol=1e-12)


def test_at_hard_predictions_it_is_the_jaccard_loss():
    found, ids = RNG.integers(0, 3, (2, 5, 5)), RNG.integers(0, 3, (2, 5, 5))
    p = jnp.asarray(np.eye(3)[found])
    due = jaccard(p, jnp.asarray(ids), smooth=0.0, reduction="none")
    np.testing.assert_allclose(lovasz_softmax(p, jnp.asarray(ids), reduction="none"), due, rtol=1e-12)


def test_an_image_without_the_object_costs_its_largest_hinge():
    z = jnp.array([[0.5, -3.0, -0.2]])
    value, slope = jax.value_and_grad(lovasz_hinge)(z, jnp.zeros((1, 3), jnp.int32))
    assert value == 1.5
    np.testing.assert_array_equal(slope, [[1, 0, 0]])
    np.testing.assert_array_equal(jax.grad(lovasz_hinge)(jnp.full((1, 3), -9.0), jnp.zeros((1, 3), bool)), 0)


def test_equal_errors_have_one_value_and_a_subgradient_whatever_their_order():
    p, ids = jnp.full((1, 4, 1), 0.5), np.array([[0, 0, 0, 0]])
    p = jnp.concatenate([p, 1 - p], -1)
    for labels in set(itertools.permutations([0, 0, 1, 1])):
        ids = jnp.array([labels])
        np.testing.assert_allclose(lovasz_softmax(p, ids), 0.5, rtol=1e-12)
        slope = jax.grad(lambda p, ids=ids: lovasz_softmax(p, ids, reduction="sum"))(p)
        # weights of each class sum to the Jaccard loss of everything wrong, which is 1
        np.testing.assert_allclose(np.abs(slope).sum((0, 1)), 1, rtol=1e-12)


def test_weights_of_a_large_image_do_not_cancel():
    n = 1 << 16
    z = jnp.asarray(RNG.normal(size=(1, n)), jnp.float32)
    labels = jnp.asarray(RNG.random((1, n)) < 0.01)
    slope = jax.grad(lovasz_hinge)(z, labels)
    errors = np.maximum(1 - np.where(labels, 1, -1) * np.asarray(z, np.float64), 0)[0]
    _, weights = by_the_algorithm(errors, np.asarray(labels)[0])
    due = np.where(errors > 0, np.where(labels[0], -weights, weights), 0)
    np.testing.assert_allclose(slope[0], due, rtol=1e-5, atol=1e-14)


def test_memory_is_that_of_a_list():
    z, labels = jnp.zeros((1, 1 << 14), jnp.float32), jnp.zeros((1, 1 << 14), bool)
    used = jax.jit(jax.grad(lovasz_hinge)).lower(z, labels).compile().memory_analysis().temp_size_in_bytes
    assert used < 20 * z.nbytes


def test_real_labels_are_refused():
    with pytest.raises(TypeError, match="lovasz_hinge: labels must be integers or booleans, got float64"):
        lovasz_hinge(jnp.zeros((1, 4)), jnp.zeros((1, 4)))
