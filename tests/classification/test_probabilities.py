"""Cross-entropy of probabilities: published numbers, Keras' rows, clipping."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics

from jaxloss.classification.labels import one_hot
from jaxloss.classification.probabilities import categorical_cross_entropy as dense
from jaxloss.classification.probabilities import categorical_cross_entropy_with_integer_labels as integer

P = jnp.array([[0.05, 0.95, 0.0], [0.1, 0.8, 0.1]])
IDS = jnp.array([1, 2])


def test_published_integer_labels():  # W8
    np.testing.assert_allclose(integer(P, IDS, reduction="none"), [0.05129329, 2.30258509], rtol=5e-7)
    np.testing.assert_allclose(integer(P, IDS), 1.17693919, rtol=3e-7)


def test_published_weights():  # W9
    labels, weights = one_hot(IDS, 3), jnp.array([0.3, 0.7])
    np.testing.assert_allclose(dense(P, labels, reduction="sum"), 2.35387838, rtol=3e-7)
    np.testing.assert_allclose(dense(P, labels, weights=weights), 1.62719755, rtol=3e-7)
    np.testing.assert_allclose(dense(P, labels, weights=weights, reduction="sum") / 2, 0.81359878, rtol=3e-7)


def test_published_rows_that_keras_normalizes():  # W14
    p = jnp.array([[0.92, 0.08], [0.02, 0.80]])
    values = dense(p, jnp.eye(2), normalize=True, reduction="none")
    np.testing.assert_allclose(values, [0.08338161, 0.02469261], rtol=3e-7)
    np.testing.assert_allclose(integer(p, jnp.arange(2), normalize=True, reduction="none"), values, rtol=1e-6)


def test_scikit_learn():
    p = np.random.default_rng(0).dirichlet(np.ones(4), 20)
    ids = np.arange(20) % 4
    got = integer(jnp.asarray(p, jnp.float32), jnp.asarray(ids))
    np.testing.assert_allclose(got, sklearn.metrics.log_loss(ids, p, labels=range(4)), rtol=1e-6)


@pytest.mark.parametrize("normalize", [False, True])
def test_a_clipped_probability_still_learns(normalize):
    p = jnp.array([[0.0, 1.0, 0.0]])
    for loss, labels in ((integer, jnp.array([0])), (dense, jnp.array([[1.0, 0.0, 0.0]]))):
        value, slope = jax.value_and_grad(lambda p, f=loss, y=labels: f(p, y, normalize=normalize))(p)
        np.testing.assert_allclose(value, -np.log(1e-7), rtol=1e-6)
        np.testing.assert_allclose(slope[0, 0], -1e7, rtol=1e-6)
    assert integer(p, jnp.array([1])) == 0


def test_normalized_rows_keep_their_digits():
    p, due = jnp.array([[3.0, 1e-9]]), np.log1p(1e-9 / 3)
    for loss, labels in ((integer, jnp.array([0])), (dense, jnp.array([[1.0, 0.0]]))):
        value, slope = jax.value_and_grad(lambda p, f=loss, y=labels: f(p, y, normalize=True))(p)
        np.testing.assert_allclose(value, due, rtol=3e-7)
        np.testing.assert_allclose(slope, [[-1e-9 / 9, 1 / 3]], rtol=3e-7)


def test_smoothing_is_that_of_the_labels():
    for normalize in (False, True):
        got = integer(P, IDS, label_smoothing=0.3, normalize=normalize)
        due = dense(P, 0.7 * one_hot(IDS, 3) + 0.1, normalize=normalize)
        np.testing.assert_allclose(got, due, rtol=1e-6)


def test_an_empty_row_is_finite():
    value, slope = jax.value_and_grad(lambda p: integer(p, jnp.array([0]), normalize=True))(jnp.zeros((1, 3)))
    np.testing.assert_allclose(value, -np.log(1e-7), rtol=1e-6)
    assert np.isfinite(slope).all()


def test_no_scatter_in_the_gradient():
    assert " scatter(" not in jax.jit(jax.grad(integer)).lower(P, IDS).compile().as_text()


def test_eps_is_a_probability():
    with pytest.raises(ValueError, match="categorical_cross_entropy: eps must be > 0 and < 1, got 0"):
        dense(P, P, eps=0)
