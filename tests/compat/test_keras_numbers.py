"""What Keras computes, as published, and where it is not there to be asked."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.compat import keras as losses


@pytest.mark.parametrize(("added", "due"), [(1e-7, 11.522857), (0.0, 12.000716)])
def test_w21_saturated_probabilities(added, due):
    """tf.keras before Keras 3, and Keras 3. In float32 1 - 1e-7 is 1 - 2^-23: -log(2^-23) twice, -log(1e-7) once."""
    y_true, y_pred = jnp.array([0.0, 0.0, 1.0, 1.0]), jnp.array([1.0, 1.0, 1.0, 0.0])
    np.testing.assert_allclose(losses.binary_crossentropy(y_true, y_pred, added=added), due, rtol=5e-7)
    assert (2 * np.log(2**23) + np.log(1e7)) / 4 == pytest.approx(12.000716, abs=1e-6)


def test_w8_w9_w14_cross_entropies():
    p = jnp.array([[0.05, 0.95, 0.0], [0.1, 0.8, 0.1]])
    np.testing.assert_allclose(
        losses.sparse_categorical_crossentropy(jnp.array([1, 2]), p), [0.05129329, 2.30258509], rtol=1e-6
    )
    values = losses.categorical_crossentropy(jnp.eye(3)[1:], p)
    weights = jnp.array([0.3, 0.7])
    np.testing.assert_allclose(losses.reduce_weighted_values(values, weights), 0.81359878, rtol=1e-6)
    np.testing.assert_allclose(losses.reduce_weighted_values(values, weights, reduction="sum"), 1.62719755, rtol=1e-6)
    rows = jnp.array([[0.92, 0.08], [0.02, 0.80]])
    np.testing.assert_allclose(losses.categorical_crossentropy(jnp.eye(2), rows), [0.08338161, 0.02469261], rtol=2e-6)


def test_means_with_weights_and_masks():
    values, weights, mask = jnp.array([2.0, 4.0, 6.0, 8.0]), jnp.array([1.0, 0.5, 0.0, 1.0]), jnp.arange(4) < 3
    table = {  # nothing, weights, mask, both
        "sum_over_batch_size": (5, 3, 4, 4 / 3),
        "mean_with_sample_weight": (5, 12 / 2.5, 4, 4 / 1.5),
        "sum": (20, 12, 12, 4),
    }
    for reduction, due in table.items():
        arguments = ((None, None), (weights, None), (None, mask), (weights, mask))
        got = [losses.reduce_weighted_values(values, w, m, reduction) for w, m in arguments]
        np.testing.assert_allclose(got, due, rtol=3e-7)
    assert losses.reduce_weighted_values(values, mask=jnp.zeros(4, bool)) == 0
    assert losses.reduce_weighted_values(values.at[3].set(jnp.nan), mask=mask) == 4
    with pytest.raises(ValueError, match="reduction must be one of 'sum_over_batch_size'"):
        losses.reduce_weighted_values(values, reduction="average")


def test_weights_belong_to_the_first_axes():
    values, weights = jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([1.0, 0.0])
    for shape in ((2,), (2, 1), (2, 1, 1)):
        got = losses.reduce_weighted_values(values, weights.reshape(shape), reduction=None)
        np.testing.assert_array_equal(got, [[1.0, 2.0], [0.0, 0.0]])


def test_which_of_alpha_and_beta_weighs_what():
    y_true, y_pred = jnp.array([1.0, 1.0, 0.0, 0.0]), jnp.array([1.0, 0.0, 1.0, 1.0])  # 1 hit, 1 missed, 2 invented
    np.testing.assert_allclose(losses.tversky(y_true, y_pred, alpha=0.1, beta=0.9), 1 - 1 / (1 + 0.1 + 1.8), rtol=1e-6)


def test_equal_to_the_losses_of_this_library_where_the_table_says_so():
    rng = np.random.default_rng(0)
    x, y = jnp.asarray(rng.normal(size=(5, 4)), jnp.float32), jnp.asarray(rng.integers(0, 2, (5, 4)), jnp.float32)
    pairs = [
        (losses.mean_squared_error(y, x), jaxloss.squared_error(x, y)),
        (losses.huber(y, x, delta=0.5), jaxloss.huber(x, y, delta=0.5)),
        (losses.hinge(y, x), jaxloss.hinge(x, 2 * y - 1)),
        (losses.cosine_similarity(y, x) + 1, jaxloss.cosine_distance(x, y)),
        (losses.binary_crossentropy(y, x, from_logits=True), jaxloss.sigmoid_binary_cross_entropy(x, y)),
        (losses.binary_focal_crossentropy(y, x, from_logits=True), jaxloss.sigmoid_focal(x, y, gamma=2.0, alpha=None)),
    ]
    for theirs, mine in pairs:
        np.testing.assert_allclose(jnp.mean(theirs), mine, rtol=2e-6)


def test_gradients_stay_finite_where_they_may():
    cosine = jax.grad(lambda p: losses.cosine_similarity(jnp.ones(3), p))(jnp.zeros(3))
    np.testing.assert_array_equal(cosine, 0)
    alone = jax.grad(lambda p: jnp.sum(losses.circle(jnp.arange(3), p)))(jnp.eye(3))  # no positives
    np.testing.assert_array_equal(alone, 0)


def test_predictions_may_be_integers():
    np.testing.assert_allclose(losses.mean_squared_error(jnp.array([4, 8]), jnp.array([[3], [0]])), [1.0, 64.0])
    assert losses.mean_absolute_error(jnp.array([0.5]), jnp.array([2])) == 1.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: losses.binary_crossentropy(jnp.ones((2, 3)), jnp.ones((2, 4))),
            "binary_crossentropy: y_true and y_pred",
        ),
        (lambda: losses.ctc(jnp.ones(3, int), jnp.ones((1, 2, 3))), r"ctc: y_true must be \[batch, length\]"),
    ],
)
def test_errors_name_the_function(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
