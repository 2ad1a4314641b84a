"""Focal and polynomial softmax losses."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxloss.classification.labels import one_hot
from jaxloss.classification.softmax import softmax_cross_entropy, softmax_cross_entropy_with_integer_labels
from jaxloss.classification.softmax_focal import poly_cross_entropy, softmax_focal
from jaxloss.verify import check_gradients

LOGITS = jax.random.normal(jax.random.key(0), (6, 5)) * 3
IDS = jnp.array([0, 4, 2, 2, 1, 3])
SOFT = jax.nn.softmax(jax.random.normal(jax.random.key(1), (6, 5)))


def test_gamma_0_and_epsilon_0_are_the_cross_entropy():
    for labels, due in ((IDS, softmax_cross_entropy_with_integer_labels), (SOFT, softmax_cross_entropy)):
        np.testing.assert_allclose(softmax_focal(LOGITS, labels, gamma=0), due(LOGITS, labels), rtol=1e-6)
        np.testing.assert_allclose(poly_cross_entropy(LOGITS, labels, epsilon=0), due(LOGITS, labels), rtol=1e-6)


@pytest.mark.parametrize("loss", [softmax_focal, poly_cross_entropy])
def test_class_ids_are_one_hot_labels(loss):
    value, slope = jax.jit(jax.value_and_grad(loss))(LOGITS, IDS)
    due, due_slope = jax.jit(jax.value_and_grad(loss))(LOGITS, one_hot(IDS, 5))
    np.testing.assert_allclose(value, due, rtol=1e-6)
    np.testing.assert_allclose(slope, due_slope, rtol=1e-5, atol=1e-8)


def test_optax_poly():
    with jax.enable_x64(True):
        x, y = LOGITS.astype(jnp.float64), SOFT.astype(jnp.float64)
        for epsilon in (2.0, -1.0):
            due = optax.losses.poly_loss_cross_entropy(x, y, epsilon=epsilon)
            np.testing.assert_allclose(poly_cross_entropy(x, y, epsilon=epsilon, reduction="none"), due, rtol=1e-12)


def test_the_modulating_factor():
    p = jnp.array([0.9, 0.5, 0.1])
    logits = jnp.stack([jnp.log(p), jnp.log1p(-p)], -1)
    values = softmax_focal(logits, jnp.zeros(3, int), class_alpha=jnp.array([0.25, 1.0]), reduction="none")
    np.testing.assert_allclose(values, -0.25 * (1 - p) ** 2 * jnp.log(p), rtol=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_saturated_rows_have_no_nan(gamma):
    logits = jnp.array([[200.0, 0.0, -jnp.inf], [0.0, 200.0, -jnp.inf]])
    for labels in (jnp.array([0, 0]), jnp.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])):
        values, slopes = jax.jit(jax.value_and_grad(lambda x, y=labels: softmax_focal(x, y, gamma=gamma)))(logits)
        assert np.isfinite(values)
        assert np.isfinite(slopes).all()
    value, slope = jax.jit(jax.value_and_grad(softmax_focal))(logits[:1], jnp.array([2]))
    assert value == jnp.inf
    np.testing.assert_array_equal(slope, [[1.0, 0.0, -1.0]])


def test_learned_parameters():
    check_gradients(lambda x, g: softmax_focal(x, IDS, gamma=g), LOGITS, 1.3)
    check_gradients(lambda x, y, a: softmax_focal(x, y, class_alpha=a), LOGITS, SOFT, jnp.linspace(0.5, 2, 5))
    check_gradients(lambda x, y, e: poly_cross_entropy(x, y, epsilon=e), LOGITS, SOFT, 0.3)


def test_class_alpha_has_one_entry_per_class():
    with pytest.raises(ValueError, match=r"softmax_focal: class_alpha must have shape \(5,\)"):
        softmax_focal(LOGITS, IDS, class_alpha=jnp.ones(4))
    with pytest.raises(ValueError, match="softmax_focal: ignore_index applies to integer labels"):
        softmax_focal(LOGITS, SOFT, ignore_index=-1)
