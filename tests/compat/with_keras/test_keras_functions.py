"""Equal to Keras: every function and class, over arguments, shapes, reductions, weights and masks."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.compat import keras as ours

RNG = np.random.default_rng(0)
ROWS, CLASSES = 6, 5


def numbers(shape=(ROWS, CLASSES), scale=2.0):
    return (scale * RNG.normal(size=shape)).astype(np.float32)


def distributions(shape=(ROWS, CLASSES), axis=-1):
    x = np.exp(numbers(shape))
    return x / x.sum(axis, keepdims=True)


def labels(shape=(ROWS, CLASSES)):
    return RNG.integers(0, 2, shape).astype(np.float32)


def ids(shape=(ROWS,)):
    return RNG.integers(0, CLASSES, shape)


def units(shape=(ROWS, CLASSES)):
    x = numbers(shape)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def probabilities(shape=(ROWS, CLASSES)):
    """Some of them certain, also on the wrong side."""
    p = RNG.uniform(size=shape).astype(np.float32)
    p.flat[:4] = [0, 1, 0, 1]
    return p


IMAGE = (2, 4, 3, CLASSES)
# function, y_true, y_pred, arguments
CALLS = [
    ("mean_squared_error", numbers(), numbers(), {}),
    ("mean_squared_error", numbers((ROWS,)), numbers((ROWS, 1)), {}),
    ("mean_squared_error", numbers((ROWS, 1)), numbers((ROWS,)), {}),
    ("mean_squared_error", numbers((ROWS, 4, 1)), numbers((ROWS, 4)), {}),
    ("mean_squared_error", numbers((ROWS, 1)), numbers(), {}),  # broadcast
    ("mean_absolute_error", ids((ROWS, CLASSES)), numbers(), {}),
    ("mean_absolute_percentage_error", labels() * numbers(), numbers(), {}),  # targets of 0
    ("mean_squared_logarithmic_error", np.abs(numbers()), numbers(), {}),  # predictions below 0
    ("cosine_similarity", numbers(), numbers(), {}),
    ("cosine_similarity", numbers((2, 3, 4)), numbers((2, 3, 4)), {"axis": 1}),
    ("cosine_similarity", numbers(), 1e-9 * numbers(), {}),
    ("huber", numbers(), numbers(), {}),
    ("huber", numbers(), numbers(), {"delta": 0.3}),
    ("log_cosh", numbers(), 20 * numbers(), {}),
    ("kl_divergence", distributions(), distributions(), {}),
    ("kl_divergence", labels(), probabilities(), {}),
    ("poisson", np.abs(numbers()), np.abs(numbers()), {}),
    ("hinge", labels(), numbers(), {}),
    ("hinge", 2 * labels() - 1, numbers(), {}),
    ("squared_hinge", labels(), numbers(), {}),
    ("squared_hinge", 2 * labels() - 1, numbers(), {}),
    ("categorical_hinge", np.eye(CLASSES)[ids()], numbers(), {}),
    ("binary_crossentropy", labels(), probabilities(), {}),
    ("binary_crossentropy", labels(), probabilities(), {"label_smoothing": 0.2}),
    ("binary_crossentropy", labels(), 20 * numbers(), {"from_logits": True}),
    ("binary_crossentropy", labels(IMAGE), probabilities(IMAGE), {"axis": 1}),
    ("binary_focal_crossentropy", labels(), probabilities(), {}),
    ("binary_focal_crossentropy", labels(), numbers(), {"from_logits": True, "gamma": 1.5, "label_smoothing": 0.1}),
    ("binary_focal_crossentropy", labels(), probabilities(), {"apply_class_balancing": True, "alpha": 0.7}),
    ("categorical_crossentropy", distributions(), 3 * probabilities(), {}),
    ("categorical_crossentropy", distributions(), distributions(), {"label_smoothing": 0.1}),
    ("categorical_crossentropy", distributions(), 20 * numbers(), {"from_logits": True}),
    ("categorical_crossentropy", distributions(IMAGE, 1), distributions(IMAGE, 1), {"axis": 1}),
    ("categorical_focal_crossentropy", distributions(), distributions(), {}),
    ("categorical_focal_crossentropy", distributions(), numbers(), {"from_logits": True, "gamma": 1.0, "alpha": 0.5}),
    (
        "categorical_focal_crossentropy",
        np.eye(CLASSES)[ids()],
        distributions(),
        {"alpha": [0.1, 0.2, 0.3, 0.4, 0.5], "label_smoothing": 0.1},
    ),
    ("sparse_categorical_crossentropy", ids(), distributions(), {}),
    ("sparse_categorical_crossentropy", ids((ROWS, 1)).astype(np.float32), 3 * probabilities(), {}),
    ("sparse_categorical_crossentropy", ids((2, 4, 3)), numbers(IMAGE), {"from_logits": True, "ignore_class": 2}),
    ("sparse_categorical_crossentropy", np.array([0, 1, -1, 255, 4, 0]), distributions(), {"ignore_class": 255}),
    ("sparse_categorical_crossentropy", np.array([0, 1, -1, 7, 4, 0]), numbers(), {"from_logits": True}),
    ("categorical_generalized_cross_entropy", ids(), distributions(), {"q": 0.3}),
    ("dice", labels(IMAGE), probabilities(IMAGE), {}),
    ("dice", labels(IMAGE), probabilities(IMAGE), {"axis": (1, 2)}),
    ("tversky", labels(IMAGE), probabilities(IMAGE), {"alpha": 0.2, "beta": 0.9}),
    ("tversky", labels(IMAGE), probabilities(IMAGE), {"axis": (1, 2, 3)}),
    ("circle", np.array([0, 1, 0, 1, 2, 1]), units(), {}),
    ("circle", ids(), units(), {"gamma": 20, "margin": 0.2, "remove_diagonal": False}),
    (
        "circle",
        ids(),
        units(),
        {"ref_labels": ids((9,)), "ref_embeddings": units((9, CLASSES)), "remove_diagonal": False},
    ),
    ("ctc", np.array([[1, 2, 2, 0], [3, 0, 0, 0]]), numbers((2, 9, CLASSES)), {}),
]


def value_and_gradient(function, y_true, y_pred, **params):
    """Of the mean of squares, so that the gradient of every value differs."""

    @jax.jit
    def both(y_true, y_pred):
        values, pull = jax.vjp(lambda p: function(y_true, p, **params), y_pred)
        return values, pull(values)[0]

    return both(jnp.asarray(y_true), jnp.asarray(y_pred))


@pytest.mark.parametrize(
    ("name", "y_true", "y_pred", "params"), CALLS, ids=[f"{i}-{call[0]}" for i, call in enumerate(CALLS)]
)
def test_functions_equal_those_of_keras(keras, name, y_true, y_pred, params):
    got = value_and_gradient(getattr(ours, name), y_true, y_pred, **params)
    due = value_and_gradient(getattr(keras.losses, name), y_true, y_pred, **params)
    assert np.isfinite(due[0]).all()
    # Keras is float32 throughout and rounds 1 - p, sums and shares on the way; the gradient squares those errors.
    np.testing.assert_allclose(got[0], due[0], rtol=2e-6, atol=2e-7 * np.max(np.abs(due[0])))
    right = np.isfinite(due[1])
    assert right.any()
    scale = np.max(np.abs(due[1][right]))
    assert np.isfinite(got[1]).all()
    np.testing.assert_allclose(np.asarray(got[1])[right], due[1][right], rtol=2e-5, atol=2e-6 * scale)


def test_every_name_of_keras_is_here(keras):
    theirs = {name for name in dir(keras.losses) if not name.startswith("_")} - {
        "deserialize",
        "get",
        "serialize",
        "Loss",
    }
    assert theirs <= set(dir(ours))
    assert {name for name, *_ in CALLS} == {name for name in theirs if name.islower()}
    for name in theirs:
        mine, due = (inspect.signature(getattr(module, name)).parameters for module in (ours, keras.losses))
        shared = {key: p.default for key, p in mine.items() if key != "added"}
        assert shared == {key: p.default for key, p in due.items()}, name


@pytest.mark.parametrize(("added", "due"), [(0.0, 12.000716), (1e-7, 11.522857)])
def test_w21_saturated_probabilities(keras, added, due):
    """A published example of tf.keras 1 and 2 (11.522857), and what Keras 3 makes of it."""
    y_true, y_pred = jnp.array([0.0, 0.0, 1.0, 1.0]), jnp.array([1.0, 1.0, 1.0, 0.0])
    np.testing.assert_allclose(ours.binary_crossentropy(y_true, y_pred, added=added), due, rtol=5e-7)
    np.testing.assert_allclose(keras.losses.binary_crossentropy(y_true, y_pred), 12.000716, rtol=5e-7)


def test_w8_and_w9_sparse_and_weighted(keras):
    p, weights = np.array([[0.05, 0.95, 0], [0.1, 0.8, 0.1]]), np.array([0.3, 0.7])
    sparse = ours.SparseCategoricalCrossentropy()(np.array([1, 2]), p)
    np.testing.assert_allclose(sparse, 1.17693919, rtol=1e-6)
    loss = ours.CategoricalCrossentropy()
    np.testing.assert_allclose(loss(np.eye(3)[[1, 2]], p, sample_weight=weights), 0.81359878, rtol=1e-6)


def test_where_keras_loses_its_gradient_or_digits(keras):
    zero = jnp.zeros((1, 3))
    due, got = (value_and_gradient(m.cosine_similarity, jnp.ones((1, 3)), zero)[1] for m in (keras.losses, ours))
    assert np.isnan(due).all()
    np.testing.assert_array_equal(got, 0)
    small = jnp.array([[1e-4]])
    np.testing.assert_allclose(ours.log_cosh(0 * small, small), 5e-9, rtol=1e-6)
    assert abs(keras.losses.log_cosh(0 * small, small)[0] - 5e-9) > 1e-9


CLASSES_OF_KERAS = {
    "MeanSquaredError": {},
    "SparseCategoricalCrossentropy": {"from_logits": True, "ignore_class": 1},
    "Circle": {"gamma": 10.0},
}


def class_data(name):
    if name in ("SparseCategoricalCrossentropy", "Circle"):
        return ids(), units()
    return labels(), numbers()


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight", None])
@pytest.mark.parametrize("name", CLASSES_OF_KERAS)
def test_classes_reduce_weigh_and_mask_as_those_of_keras(keras, name, reduction):
    y_true, y_pred = class_data(name)
    weights = RNG.uniform(size=ROWS).astype(np.float32)
    mask = np.array([True, True, False, True, False, True])
    for sample_weight, use_mask in ((None, True), (weights, False), (weights[:, None], True)):
        results = []
        for module in (ours, keras.losses):
            loss = getattr(module, name)(**CLASSES_OF_KERAS[name], reduction=reduction)
            p = jnp.asarray(y_pred)
            if use_mask:
                keras.src.backend.set_keras_mask(p, jnp.asarray(mask))
            results.append(loss(y_true, p, sample_weight=sample_weight))
        np.testing.assert_allclose(*results, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", sorted(ours.classes.FUNCTIONS))
def test_classes_are_those_of_keras_and_survive_their_config(keras, name):
    loss = getattr(ours, name)(reduction="sum", name="mine")
    assert isinstance(loss, getattr(keras.losses, name))
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert again.fn is ours.classes.FUNCTIONS[name]


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight", None])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_reduce_weighted_values_is_keras_reduction(keras, reduction, weighted, masked):
    from keras.src.losses.loss import reduce_weighted_values

    values = numbers((4, 3))
    weights = np.abs(numbers((4, 3))) if weighted else None
    mask = labels((4, 3)).astype(bool) if masked else None
    got = ours.reduce_weighted_values(values, weights, mask, reduction)
    due = reduce_weighted_values(jnp.asarray(values), weights, mask, reduction)
    if masked and reduction is None:
        due = jnp.where(mask, due, 0)
    np.testing.assert_allclose(got, due, rtol=1e-6, atol=1e-7)
