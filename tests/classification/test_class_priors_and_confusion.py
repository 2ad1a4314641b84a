"""Losses that know how frequent classes are, or which are confused; labels as arrays."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics

from jaxloss.classification.confusion import matrix_cross_entropy, update_confusions
from jaxloss.classification.labels import one_hot, smooth_labels
from jaxloss.classification.logit_adjusted import logit_adjusted
from jaxloss.classification.softmax import softmax_cross_entropy_with_integer_labels
from jaxloss.rows.labels import pick
from jaxloss.verify import check_gradients

LOGITS = jax.random.normal(jax.random.key(0), (6, 3)) * 3
IDS = jnp.array([0, 2, 2, 1, 1, 0])


def test_equal_priors_change_nothing():
    due = softmax_cross_entropy_with_integer_labels(LOGITS, IDS)
    np.testing.assert_allclose(logit_adjusted(LOGITS, IDS, class_priors=jnp.array([7, 7, 7])), due, rtol=1e-6)


def test_balanced_softmax():
    priors = jnp.array([0.6, 0.3, 0.1])
    p = np.float64(priors) * np.exp(np.float64(LOGITS))
    due = -np.log((p / p.sum(-1, keepdims=True))[np.arange(6), IDS])
    np.testing.assert_allclose(logit_adjusted(LOGITS, IDS, class_priors=priors, reduction="none"), due, rtol=2e-6)


def test_a_class_that_never_occurs_is_impossible():
    priors = jnp.array([0.5, 0.5, 0.0])
    for tau in (1.0, jnp.float32(1)):
        loss = lambda x, p, t=tau: logit_adjusted(x, jnp.array([0]), class_priors=p, tau=t)
        value, slopes = jax.value_and_grad(loss, (0, 1))(LOGITS[:1], priors)
        np.testing.assert_allclose(
            value, softmax_cross_entropy_with_integer_labels(LOGITS[:1, :2], jnp.array([0])), rtol=1e-6
        )
        assert all(np.isfinite(s).all() for s in slopes)
        assert slopes[0][0, 2] == 0


def test_without_confusions_it_is_cross_entropy_in_bits():
    due = softmax_cross_entropy_with_integer_labels(LOGITS, IDS) / np.log(2)
    for labels in (IDS, one_hot(IDS, 3)):
        np.testing.assert_allclose(matrix_cross_entropy(LOGITS, labels, confusions=jnp.eye(3)), due, rtol=1e-6)


def test_repeated_confusions_cost_more():  # W27
    wrong, right = jnp.array([[0.0, 2.0, 0.0]]), jnp.array([0])
    confusions, costs = jnp.eye(3), []
    for _ in range(3):
        costs.append(float(matrix_cross_entropy(wrong, right, confusions=confusions)))
        confusions = update_confusions(confusions, wrong, right)
    assert costs[0] < costs[1] < costs[2]
    p = np.exp(np.array([0, 2.0, 0])) / (2 + np.exp(2))
    seen = np.array([0.81, 0.19, 0.0])  # 0.9 squared of the column is still its own
    due = -np.log2(p[0]) + seen @ np.exp(p) - np.exp(p[0])
    np.testing.assert_allclose(costs[2], due, rtol=1e-6)


def test_the_matrix_may_be_differentiated():
    matrix = jnp.eye(3) * 0.7 + 0.1
    check_gradients(lambda x, a: matrix_cross_entropy(x, IDS, confusions=a), LOGITS, matrix)
    check_gradients(lambda x, y, a: matrix_cross_entropy(x, y, confusions=a), LOGITS, jax.nn.softmax(-LOGITS), matrix)


def test_classes_on_another_axis():
    matrix = jnp.eye(3) * 0.7 + 0.1
    for labels, moved in ((IDS, IDS), (one_hot(IDS, 3), one_hot(IDS, 3, axis=0))):
        got = matrix_cross_entropy(LOGITS.T, moved, confusions=matrix, axis=0, reduction="none")
        np.testing.assert_allclose(
            got, matrix_cross_entropy(LOGITS, labels, confusions=matrix, reduction="none"), rtol=1e-6
        )
    got = update_confusions(matrix, LOGITS.T, IDS, axis=0)
    np.testing.assert_allclose(got, update_confusions(matrix, LOGITS, IDS), rtol=1e-6)


def test_the_update_is_scikit_learns_confusion_matrix():
    got = update_confusions(jnp.eye(3), LOGITS, IDS, momentum=0)
    due = sklearn.metrics.confusion_matrix(np.asarray(IDS), np.asarray(LOGITS.argmax(-1)), normalize="true").T
    np.testing.assert_allclose(got, due, rtol=1e-6)
    np.testing.assert_allclose(update_confusions(jnp.eye(3), LOGITS, IDS).sum(0), np.ones(3), rtol=1e-6)


def test_rows_that_do_not_exist_do_not_count():
    got = update_confusions(jnp.eye(3), LOGITS, IDS.at[3:].set(-1), momentum=0.5)
    np.testing.assert_allclose(got, update_confusions(jnp.eye(3), LOGITS, IDS, where=jnp.arange(6) < 3, momentum=0.5))
    np.testing.assert_array_equal(got[:, 1], [0.0, 1.0, 0.0])  # no row of class 1 is left


def test_one_hot_never_wraps():
    np.testing.assert_array_equal(one_hot(jnp.array([2, -1, 3], jnp.int8), 3), [[0, 0, 1], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(one_hot(jnp.array([1, 0]), 2, axis=0, dtype=jnp.int32), [[0, 1], [1, 0]])
    assert one_hot(jnp.array([299], jnp.uint16), 300).sum() == 1
    with pytest.raises(TypeError, match="one_hot: labels must be integer class ids"):
        one_hot(jnp.array([1.0]), 2)


def test_smooth_labels_on_another_axis():
    labels = one_hot(IDS, 3)
    np.testing.assert_allclose(smooth_labels(labels.T, 0.3, axis=0).T, smooth_labels(labels, 0.3))
    np.testing.assert_allclose(smooth_labels(labels, 0.3), 0.7 * labels + 0.1, rtol=1e-6)


def test_pick_is_a_gather_without_a_scatter():
    np.testing.assert_array_equal(pick(LOGITS, IDS, -1), LOGITS[jnp.arange(6), IDS])
    step = jax.grad(lambda x: jnp.sum(pick(x, IDS, -1) ** 2))
    np.testing.assert_array_equal(step(LOGITS), 2 * LOGITS * one_hot(IDS, 3))
    assert " scatter(" not in jax.jit(step).lower(LOGITS).compile().as_text()
    slope = jax.grad(lambda x: jnp.sum(pick(x, IDS.at[1].set(-1), -1)))(LOGITS)
    assert np.isnan(slope[1]).all()
    assert np.isfinite(slope[jnp.array([0, 2, 3, 4, 5])]).all()


def test_shape_errors():
    with pytest.raises(ValueError, match=r"matrix_cross_entropy: confusions must have shape \(3, 3\)"):
        matrix_cross_entropy(LOGITS, IDS, confusions=jnp.eye(2))
    with pytest.raises(ValueError, match=r"logit_adjusted: class_priors must have shape \(3,\)"):
        logit_adjusted(LOGITS, IDS, class_priors=jnp.ones(2))
