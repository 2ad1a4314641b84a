"""Losses that tolerate wrong labels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.classification.bi_tempered import bi_tempered
from jaxloss.classification.labels import one_hot, smooth_labels
from jaxloss.classification.noise import generalized_cross_entropy, symmetric_cross_entropy
from jaxloss.classification.softmax import softmax_cross_entropy, softmax_cross_entropy_with_integer_labels
from jaxloss.verify import check_gradients

LOGITS = jax.random.normal(jax.random.key(0), (6, 5)) * 3
IDS = jnp.array([0, 4, 2, 2, 1, 3])
SOFT = jax.nn.softmax(jax.random.normal(jax.random.key(1), (6, 5)))
P = jax.nn.softmax(LOGITS)[jnp.arange(6), IDS]


def test_limits_of_the_generalized_cross_entropy():
    values = generalized_cross_entropy(LOGITS, IDS, q=1, reduction="none")
    np.testing.assert_allclose(values, 1 - P, rtol=1e-5)
    due = softmax_cross_entropy_with_integer_labels(LOGITS, IDS)
    np.testing.assert_allclose(generalized_cross_entropy(LOGITS, IDS, q=0), due, rtol=1e-6)
    np.testing.assert_allclose(generalized_cross_entropy(LOGITS, IDS, q=1e-6), due, rtol=1e-5)


@pytest.mark.parametrize("loss", [generalized_cross_entropy, symmetric_cross_entropy, bi_tempered])
def test_class_ids_are_one_hot_labels(loss):
    value, slope = jax.jit(jax.value_and_grad(loss))(LOGITS, IDS)
    due, due_slope = jax.jit(jax.value_and_grad(loss))(LOGITS, one_hot(IDS, 5))
    np.testing.assert_allclose(value, due, rtol=1e-6)
    np.testing.assert_allclose(slope, due_slope, rtol=1e-5, atol=1e-8)


def test_an_impossible_label_costs_no_more_than_the_bound_and_teaches_nothing():
    logits = jnp.array([[0.0, 1.0, -jnp.inf]])
    value, slope = jax.jit(jax.value_and_grad(generalized_cross_entropy))(logits, jnp.array([2]))
    np.testing.assert_allclose(value, 1 / 0.7, rtol=1e-6)
    np.testing.assert_array_equal(slope, np.zeros((1, 3)))
    assert np.isfinite(jax.grad(lambda q: generalized_cross_entropy(logits, jnp.array([2]), q=q))(0.5))


def test_symmetric_cross_entropy_of_soft_labels():
    values = symmetric_cross_entropy(LOGITS, SOFT, alpha=0.5, beta=2.0, log_zero=-3.0, reduction="none")
    forward = softmax_cross_entropy(LOGITS, SOFT, reduction="none")
    reverse = -jnp.sum(jax.nn.softmax(LOGITS) * jnp.maximum(jnp.log(SOFT), -3.0), -1)
    np.testing.assert_allclose(values, 0.5 * forward + 2 * reverse, rtol=1e-5)


def test_learned_parameters():
    check_gradients(lambda x, q: generalized_cross_entropy(x, IDS, q=q), LOGITS, 0.6, order=2)
    check_gradients(
        lambda x, y, a, b, c: symmetric_cross_entropy(x, y, alpha=a, beta=b, log_zero=c), LOGITS, SOFT, 0.2, 1.5, -1.2
    )


def test_temperatures_of_1_are_the_cross_entropy():
    due = softmax_cross_entropy_with_integer_labels(LOGITS, IDS, reduction="none")
    np.testing.assert_allclose(bi_tempered(LOGITS, IDS, t1=1, t2=1, reduction="none"), due, rtol=1e-5, atol=1e-7)
    entropy = -jnp.sum(SOFT * jnp.log(SOFT), -1)
    due = softmax_cross_entropy(LOGITS, SOFT, reduction="none") - entropy
    np.testing.assert_allclose(bi_tempered(LOGITS, SOFT, t1=1, t2=1, reduction="none"), due, rtol=1e-5)
    near = bi_tempered(LOGITS, SOFT, t1=1 - 1e-4, t2=1 + 1e-4, reduction="none")
    np.testing.assert_allclose(near, due, rtol=1e-2)


@pytest.mark.parametrize(("t1", "t2"), [(0.8, 1.2), (0.2, 4.0), (0.5, 0.5), (1.0, 1.3), (0.3, 0.2)])
def test_bi_tempered_by_its_definition(t1, t2):
    with jax.enable_x64(True):
        logits, labels = LOGITS.astype(jnp.float64), SOFT.astype(jnp.float64)
        low, high = jnp.max(logits, -1, keepdims=True), jnp.max(logits, -1, keepdims=True) + 1e6
        exp = lambda x: jnp.maximum(1 + (1 - t2) * x, 0) ** (1 / (1 - t2))
        for _ in range(200):  # halve the interval of the normaliser
            middle = (low + high) / 2
            large = jnp.sum(exp(logits - middle), -1, keepdims=True) > 1
            low, high = jnp.where(large, middle, low), jnp.where(large, high, middle)
        p = exp(logits - low)
        log = jnp.log if t1 == 1 else lambda x: (x ** (1 - t1) - 1) / (1 - t1)
        due = labels * (log(labels) - log(p)) - (labels ** (2 - t1) - p ** (2 - t1)) / (2 - t1)
        values = bi_tempered(logits, labels, t1=t1, t2=t2, reduction="none")
        np.testing.assert_allclose(values, jnp.sum(due, -1), rtol=1e-9)


def test_bi_tempered_is_bounded_and_finite():
    logits = jnp.array([[0.0, 1e6, 0.0], [1e6, 0.0, -jnp.inf], [-jnp.inf] * 3])
    values = bi_tempered(logits, jnp.array([0, 0, 0]), t1=0.5, t2=2.0, reduction="none")
    np.testing.assert_allclose(values[:2], [1 / 0.5, 0], atol=3e-3)
    assert np.isfinite(values).all()
    assert np.isfinite(jax.jit(jax.grad(bi_tempered))(logits, jnp.array([0, 0, 0]))).all()
    smoothed = bi_tempered(LOGITS, IDS, label_smoothing=0.2)
    np.testing.assert_allclose(smoothed, bi_tempered(LOGITS, smooth_labels(one_hot(IDS, 5), 0.2)), rtol=1e-6)


def test_bi_tempered_of_many_classes():
    logits = jax.random.normal(jax.random.key(2), (3, 5000)) * 5
    for t2 in (0.3, 1.01, 1.5):
        slope = jax.jit(jax.grad(lambda x, t2=t2: bi_tempered(x, jnp.array([0, 1, 2]), t2=t2)))(logits)
        np.testing.assert_allclose(jnp.sum(slope, -1), np.zeros(3), atol=1e-6)


def test_parameter_errors():
    with pytest.raises(ValueError, match="generalized_cross_entropy: q must be >= 0 and <= 1, got 2"):
        generalized_cross_entropy(LOGITS, IDS, q=2)
    with pytest.raises(ValueError, match="symmetric_cross_entropy: log_zero must be < 0, got 0"):
        symmetric_cross_entropy(LOGITS, IDS, log_zero=0)
    with pytest.raises(ValueError, match="bi_tempered: t2 must be positive, got 0"):
        bi_tempered(LOGITS, IDS, t2=0)
    with pytest.raises(TypeError, match="bi_tempered: t1 must be a Python number"):
        bi_tempered(LOGITS, IDS, t1=jnp.float32(0.5))
