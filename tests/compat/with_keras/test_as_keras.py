"""Any loss in ``model.compile(loss=...)``: weights, masks, configs, and a model that learns the digits."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.compat import keras as ours

# Keras converts its variables the way NumPy 1 did.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(4, 3)), jnp.float32)
Y = jnp.asarray(RNG.normal(size=(4, 3)), jnp.float32)
WEIGHTS = jnp.array([1.0, 0.0, 2.0, 0.5])


def my_loss(predictions, targets, scale=1.0):
    return scale * jnp.abs(predictions - targets)


def test_predictions_and_targets_change_places(keras):
    over = ours.as_keras("quantile", q=0.9)(jnp.array([[0.0]]), jnp.array([[1.0]]))
    np.testing.assert_allclose(over, 0.1, rtol=1e-6)  # too high a prediction costs 1 - 0.9


def test_weights_follow_the_reduction(keras):
    values = jaxloss.huber(X, Y, delta=0.5, reduction="none")
    weighted = np.asarray(WEIGHTS)[:, None] * values
    due = {
        "sum_over_batch_size": weighted.sum() / 12,
        "mean": weighted.sum() / 12,
        "sum": weighted.sum(),
        "mean_with_sample_weight": jaxloss.huber(X, Y, delta=0.5, weights=WEIGHTS[:, None]),
        None: weighted,
    }
    for reduction, value in due.items():
        loss = ours.as_keras(jaxloss.huber, delta=0.5, reduction=reduction)
        np.testing.assert_allclose(loss(Y, X, sample_weight=WEIGHTS), value, rtol=1e-6)
    assert loss.name == "huber"


def test_masked_is_never_there(keras):
    bad = X.at[1].set(jnp.nan)
    keep = np.array([True, False, True, True])

    def loss(predictions):
        keras.src.backend.set_keras_mask(predictions, jnp.asarray(keep))
        return ours.as_keras("huber")(Y, predictions)

    value, gradient = jax.value_and_grad(loss)(bad)
    np.testing.assert_allclose(value, jaxloss.huber(X[keep], Y[keep]), rtol=1e-6)
    np.testing.assert_array_equal(gradient[1], 0)
    np.testing.assert_allclose(gradient[keep], jax.grad(jaxloss.huber)(X[keep], Y[keep]), rtol=1e-6)


def test_columns_of_class_ids_and_of_numbers(keras):
    ids = jnp.array([[0], [2], [1], [0]])
    loss = ours.as_keras("softmax_cross_entropy_with_integer_labels")
    np.testing.assert_allclose(loss(ids, X), jaxloss.softmax_cross_entropy_with_integer_labels(X, ids[:, 0]), rtol=1e-6)
    np.testing.assert_allclose(
        ours.as_keras("mse")(Y[:, 0], X[:, :1]), jaxloss.squared_error(X[:, 0], Y[:, 0]), rtol=1e-6
    )


def test_a_loss_of_ones_own_and_a_scalar_one(keras):
    np.testing.assert_allclose(ours.as_keras(my_loss, scale=2.0)(Y, X), 2 * jnp.mean(jnp.abs(X - Y)), rtol=1e-6)
    scalar = ours.as_keras(lambda predictions, targets: jnp.mean((predictions - targets) ** 2), name="scalar")
    np.testing.assert_allclose(scalar(Y, X), jaxloss.squared_error(X, Y), rtol=1e-6)
    with pytest.raises(ValueError, match="scalar: the loss is a scalar, so sample_weight cannot be applied"):
        scalar(Y, X, sample_weight=WEIGHTS)
    with pytest.raises(ValueError, match=r"sample_weight must have the first axes of the values \(4, 3\), got \(3,\)"):
        ours.as_keras("mse")(Y, X, sample_weight=WEIGHTS[:3])
    with pytest.raises(TypeError, match="huber: no parameter size"):
        ours.as_keras("huber", size=2.0)
    with pytest.raises(ValueError, match="reduction"):
        ours.as_keras("mse", reduction="average")


@pytest.mark.parametrize(
    "loss",
    [
        lambda: ours.as_keras(jaxloss.huber, delta=0.3, reduction="sum", name="mine"),
        lambda: ours.as_keras("BCEWithLogitsLoss"),
        lambda: ours.as_keras(my_loss, scale=3.0),
        lambda: ours.as_keras("softmax_cross_entropy", label_smoothing=0.1, axis=-1),
    ],
)
def test_configs_survive(keras, loss):
    keras.saving.register_keras_serializable(package="tests")(my_loss)
    loss = loss()
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    y_true = jnp.full((4, 3), 1 / 3)
    np.testing.assert_array_equal(again(y_true, X), loss(y_true, X))


@pytest.fixture(scope="module")
def digits():
    datasets = pytest.importorskip("sklearn.datasets", reason="the digits are bundled with scikit-learn")
    features, labels = datasets.load_digits(return_X_y=True)
    return (features / 16).astype("float32"), labels.astype("int32")


def small_model(keras):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)])


def test_a_model_learns_the_digits_and_is_saved_and_loaded(keras, digits, tmp_path):
    features, labels = digits
    model = small_model(keras)
    loss = ours.as_keras("softmax_cross_entropy_with_integer_labels", label_smoothing=0.05)
    model.compile(keras.optimizers.Adam(0.01), loss=loss, metrics=["accuracy"])
    model.fit(features[:1500], labels[:1500], batch_size=100, epochs=12, verbose=0)
    before = model.evaluate(features[1500:], labels[1500:], batch_size=297, verbose=0)
    assert before[1] > 0.9
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.loss.get_config() == loss.get_config()
    after = loaded.evaluate(features[1500:], labels[1500:], batch_size=297, verbose=0)
    np.testing.assert_allclose(after, before, rtol=1e-6)
    code = (  # where nothing was registered before
        "import sys, keras; from jaxloss.compat import keras as ours\n"
        "print(keras.saving.load_model(sys.argv[1]).loss.get_config())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "model.keras")]
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    assert out.strip() == str(loss.get_config())


def test_a_class_of_ours_gives_the_numbers_of_keras_in_fit(keras, digits):
    features, labels = digits
    losses = []
    for module in (ours, keras.losses):
        model = small_model(keras)
        model.compile("sgd", loss=module.SparseCategoricalCrossentropy(from_logits=True))
        history = model.fit(features[:500], labels[:500], batch_size=100, epochs=2, shuffle=False, verbose=0)
        losses.append(history.history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-6)


def test_the_mask_of_an_embedding_reaches_the_loss(keras):
    """Two sequences, one of length 1: the padding counts for nothing, in the loss and in what is learned from it."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Embedding(5, 4, mask_zero=True),
            keras.layers.TimeDistributed(keras.layers.Dense(2)),
        ]
    )
    tokens, targets = np.array([[1, 2, 3], [4, 0, 0]]), np.zeros((2, 3, 2), np.float32)
    targets[1, 1:] = 1e6  # behind the mask
    model.compile("sgd", loss=ours.as_keras("squared_error"))
    outputs = np.asarray(model(tokens))
    due = np.mean(np.concatenate([outputs[0], outputs[1, :1]]) ** 2)
    np.testing.assert_allclose(model.evaluate(tokens, targets, verbose=0), due, rtol=1e-5)


@pytest.mark.parametrize(
    ("setup", "message"),
    [
        ("sys.modules['keras'] = None", "need Keras 3 (pip install keras) with KERAS_BACKEND=jax"),
        (
            "sys.modules['keras'] = types.SimpleNamespace(backend=types.SimpleNamespace(backend=lambda: 'torch'))",
            "Keras runs on 'torch'; set KERAS_BACKEND=jax",
        ),
    ],
)
def test_without_keras_or_on_another_backend_the_error_says_what_to_do(setup, message):
    code = (
        f"import sys, types; {setup}\n"
        "from jaxloss.compat import keras\n"
        "print(keras.mean_squared_error([[1.0, 2.0]], [[2.0, 2.0]]))\n"
        "for use in (lambda: keras.MeanSquaredError(), lambda: keras.as_keras('mse')):\n"
        "    try: use()\n"
        "    except ImportError as error: print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert out[0] == "[0.5]"
    assert [message in line for line in out[1:]] == [True, True]
