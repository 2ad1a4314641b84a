"""W15 and the measures beside a loss."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from jaxloss.classification.measures import accuracy, in_top_k

RNG = np.random.default_rng(0)
LOGITS, LABELS = RNG.normal(size=(50, 7)), RNG.integers(0, 7, 50)


@pytest.mark.parametrize("k", [1, 2, 5, 6])
def test_equals_scikit_learn(k):
    got = in_top_k(jnp.asarray(LOGITS, jnp.float32), jnp.asarray(LABELS), k=k)
    np.testing.assert_allclose(got, top_k_accuracy_score(LABELS, LOGITS, k=k), rtol=1e-6)


def test_all_classes_contain_the_label():
    assert in_top_k(jnp.asarray(LOGITS, jnp.float32), jnp.asarray(LABELS), k=7) == 1


def test_accuracy_is_the_share_of_right_guesses():
    got = accuracy(jnp.asarray(LOGITS, jnp.float32), jnp.asarray(LABELS))
    np.testing.assert_allclose(got, np.mean(LOGITS.argmax(-1) == LABELS), rtol=1e-6)


def test_a_constant_prediction_is_right_nowhere():
    assert accuracy(jnp.zeros((4, 3)), jnp.array([0, 1, 2, 0])) == 0
    assert in_top_k(jnp.zeros((1, 3)), jnp.array([0]), k=2) == 0
    assert in_top_k(jnp.array([[1.0, 1.0, 0.0]]), jnp.array([0]), k=2) == 1


def test_nan_scores_and_labels_outside_are_wrong():
    assert accuracy(jnp.array([[jnp.nan, 1.0], [5.0, jnp.nan]]), jnp.array([1, 0])) == 0
    assert accuracy(jnp.eye(3), jnp.array([0, -1, 3])) == jnp.float32(1 / 3)


def test_masks_weights_and_ignored_labels():
    labels = jnp.array([0, 0, -100])
    assert accuracy(jnp.eye(3), labels, ignore_index=-100) == 0.5
    assert accuracy(jnp.eye(3), labels, where=jnp.array([True, False, False])) == 1
    assert accuracy(jnp.eye(3), jnp.array([0, 0, 2]), weights=jnp.array([1.0, 3.0, 0.0])) == 0.25


def test_k_out_of_range_is_refused():
    with pytest.raises(ValueError, match="in_top_k: k must be from 1 to the 3 classes, got 4"):
        in_top_k(jnp.eye(3), jnp.array([0, 1, 2]), k=4)
