"""Binary cross-entropy on logits and on probabilities."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.metrics import log_loss

from jaxloss.classification.binary import binary_cross_entropy, sigmoid_binary_cross_entropy

RNG = np.random.default_rng(0)


def test_labels_outside_the_unit_interval_are_linear():  # W5: TensorFlow's 100 values lie on a line
    labels = jnp.linspace(-3, 5, 100)
    got = sigmoid_binary_cross_entropy(jnp.ones(100), labels, reduction="none")
    np.testing.assert_allclose(got, np.linspace(4.3132615, -3.6867383, 100), rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(got[jnp.array([37, 50])], [1.3233628, 0.27285787], rtol=2e-6)


def test_positive_labels_weigh_half():  # W6
    labels = jnp.linspace(-3, 5, 100)
    got = sigmoid_binary_cross_entropy(jnp.ones(100), labels, pos_weight=0.5, reduction="none")
    np.testing.assert_allclose(got, np.linspace(4.7831545, -4.4698925, 100), rtol=2e-6, atol=1e-6)
    # The labels are rounded to 1.2e-7 and the slope is 1.16: with another order of rounding 0.1099 moves by 3e-7.
    np.testing.assert_allclose(got[jnp.array([37, 50])], [1.324945, 0.10989852], rtol=2e-6, atol=3e-7)


def test_probabilities():  # W13
    got = binary_cross_entropy(jnp.array([0.92, 0.976, 0.003]), jnp.array([0, 0, 1]))
    np.testing.assert_allclose(got, 4.02152436, rtol=3e-7)


def test_probabilities_follow_the_formula():  # W4
    p = jnp.linspace(0.01, 0.99, 99)
    for label in (0.0, 0.3, 1.0):
        due = -label * np.log(np.float64(p)) - (1 - label) * np.log1p(-np.float64(p))
        got = binary_cross_entropy(p, jnp.full(99, label), reduction="none")
        np.testing.assert_allclose(got, due, rtol=1e-6)


def test_a_probability_of_zero_on_the_wrong_side_is_finite_and_learns():  # W4
    p, labels = jnp.array([0.0, 1.0, 1.0, 0.0]), jnp.array([1, 0, 1, 0])
    values = binary_cross_entropy(p, labels, reduction="none")
    np.testing.assert_allclose(values, [-math.log(1e-7), -math.log(1e-7), 0, 0], rtol=3e-7)
    slopes = jax.grad(lambda p: binary_cross_entropy(p, labels, reduction="sum"))(p)
    np.testing.assert_allclose(slopes, [-1e7, 1e7, -1, 1], rtol=3e-7)
    values = binary_cross_entropy(p, labels, eps=1e-3, reduction="none")
    np.testing.assert_allclose(values, [-math.log(1e-3), -math.log(1e-3), 0, 0], rtol=3e-7)
    along_labels = jax.grad(lambda y: binary_cross_entropy(p, y, reduction="sum"))(labels.astype(jnp.float32))
    np.testing.assert_allclose(along_labels, -math.log(1e-7) * np.array([1, -1, -1, 1]), rtol=3e-7)


def test_probabilities_a_rounding_error_outside_count_as_certain():
    values = binary_cross_entropy(jnp.array([-1e-7, 1.0000001]), jnp.array([0, 1]), reduction="none")
    np.testing.assert_array_equal(values, 0)
    assert jnp.isnan(binary_cross_entropy(jnp.array([jnp.nan]), jnp.array([0])))


def test_confident_probabilities_keep_their_digits():
    p = jnp.array([1e-20, 1e-6, 1 - 2**-20])
    labels = jnp.array([0, 0, 1])
    due = -np.log1p(-np.float64([1e-20, np.float32(1e-6), 2**-20]))
    np.testing.assert_allclose(binary_cross_entropy(p, labels, reduction="none"), due, rtol=3e-7)


def test_probabilities_in_bfloat16_are_not_clipped_to_one():
    p = jnp.array([0.0, 0.9961], jnp.bfloat16)
    values = binary_cross_entropy(p, jnp.array([1, 0]), reduction="none")
    np.testing.assert_allclose(values, [-math.log(1e-7), -math.log1p(-float(p[1]))], rtol=3e-7)


def test_binary_smoothing_moves_both_labels():  # W22
    logits, labels = jnp.array([1.5, -0.7]), jnp.array([0, 1])
    moved = jnp.array([0.1, 0.9])
    for loss, data in ((sigmoid_binary_cross_entropy, logits), (binary_cross_entropy, jax.nn.sigmoid(logits))):
        got = loss(data, labels, label_smoothing=0.2, reduction="none")
        np.testing.assert_allclose(got, loss(data, moved, reduction="none"), rtol=2e-7)
    slopes = jax.grad(lambda x: sigmoid_binary_cross_entropy(x, labels, label_smoothing=0.2, reduction="sum"))(logits)
    np.testing.assert_allclose(slopes, jax.nn.sigmoid(logits) - moved, rtol=1e-6)


def test_infinite_logits():
    logits = jnp.array([-jnp.inf, jnp.inf, -jnp.inf, jnp.inf])
    labels = jnp.array([0, 1, 1, 0])
    for options in ({}, {"pos_weight": 3.0}):
        values = sigmoid_binary_cross_entropy(logits, labels, **options, reduction="none")
        np.testing.assert_array_equal(values, [0, 0, jnp.inf, jnp.inf])
        slopes = jax.grad(lambda x, o=options: sigmoid_binary_cross_entropy(x, labels, **o, reduction="sum"))(logits)
        np.testing.assert_array_equal(slopes, [0, 0, -options.get("pos_weight", 1), 1])
    _, change = jax.jvp(lambda x: sigmoid_binary_cross_entropy(x, labels, reduction="none"), (logits,), (jnp.ones(4),))
    np.testing.assert_array_equal(change, [0, 0, -1, 1])


@pytest.mark.parametrize("weight", [None, 2.0])
@pytest.mark.parametrize("label", [0.0, 0.3, 4.0])
def test_derivatives_at_exactly_zero(label, weight):  # where maximum(x, 0) and abs(x) have kinks
    loss = lambda x, y: sigmoid_binary_cross_entropy(x, y, pos_weight=weight)
    x, y, w = jnp.array(0.0), jnp.array(label), weight or 1
    slope = 0.5 * (1 - label - w * label)
    np.testing.assert_allclose(jax.grad(loss, (0, 1))(x, y), [slope, np.log(2) * (w - 1)], rtol=2e-6, atol=1e-8)
    bend, mixed = 0.25 * (1 - label + w * label), -0.5 * (1 + w)
    np.testing.assert_allclose(jax.jit(jax.hessian(loss, (0, 1)))(x, y), [[bend, mixed], [mixed, 0]], rtol=2e-7)
    third = jax.jit(jax.grad(jax.grad(jax.grad(loss))))
    np.testing.assert_allclose(third(x, y), 0, atol=1e-7)
    np.testing.assert_allclose(third(x + 1, y), -0.09085775 * (1 - label + w * label), rtol=1e-6)


def test_labels_near_one_do_not_cancel():
    x, y = jnp.array(40.0), jnp.array(1 - 2.0**-20)
    np.testing.assert_allclose(sigmoid_binary_cross_entropy(x, y), 40 * 2.0**-20, rtol=2e-7)
    np.testing.assert_allclose(jax.grad(sigmoid_binary_cross_entropy)(x, y), 2.0**-20, rtol=2e-7)


def test_integer_and_boolean_labels():
    logits, labels = jnp.asarray(RNG.normal(size=6), jnp.float32), jnp.array([0, 1, 1, 0, 1, 0])
    due = sigmoid_binary_cross_entropy(logits, labels.astype(jnp.float32), reduction="none")
    for dtype in (jnp.int8, jnp.uint8, jnp.bool_):
        got = sigmoid_binary_cross_entropy(logits, labels.astype(dtype), reduction="none")
        np.testing.assert_array_equal(got, due)


def test_a_weight_for_each_class():
    logits, labels = jnp.asarray(RNG.normal(size=(5, 3)), jnp.float32), jnp.asarray(RNG.integers(0, 2, (5, 3)))
    weight = jnp.array([[0.5, 1.0, 4.0]])
    got = sigmoid_binary_cross_entropy(logits, labels, pos_weight=weight, reduction="none")
    for c in range(3):
        due = sigmoid_binary_cross_entropy(logits[:, c], labels[:, c], pos_weight=weight[0, c], reduction="none")
        np.testing.assert_allclose(got[:, c], due, rtol=2e-7)


def test_values_and_gradients_are_those_of_peers():
    logits, labels = 3 * RNG.normal(size=32), RNG.integers(0, 2, 32).astype(float)
    with jax.enable_x64(True):
        x, y = jnp.asarray(logits), jnp.asarray(labels)
        np.testing.assert_allclose(sigmoid_binary_cross_entropy(x, y), log_loss(labels, jax.nn.sigmoid(x)), rtol=1e-12)
        got = sigmoid_binary_cross_entropy(x, y, reduction="none")
        np.testing.assert_allclose(got, optax.sigmoid_binary_cross_entropy(x, y), rtol=1e-10)
        got = jax.grad(lambda x, y: sigmoid_binary_cross_entropy(x, y, reduction="sum"), (0, 1))(x, y)
        due = jax.grad(lambda x, y: jnp.sum(optax.sigmoid_binary_cross_entropy(x, y)), (0, 1))(x, y)
        np.testing.assert_allclose(got, due, rtol=1e-10)


def test_values_and_gradients_are_those_of_torch():
    torch = pytest.importorskip("torch")
    logits, labels, weight = 3 * RNG.normal(size=(8, 3)), RNG.uniform(size=(8, 3)), RNG.uniform(0.5, 2, (1, 3))
    x = torch.tensor(logits, requires_grad=True)
    due = torch.nn.functional.binary_cross_entropy_with_logits(x, torch.tensor(labels), pos_weight=torch.tensor(weight))
    due.backward()
    p = torch.tensor(1 / (1 + np.exp(-logits)), requires_grad=True)
    torch.nn.functional.binary_cross_entropy(p, torch.tensor(labels)).backward()
    with jax.enable_x64(True):
        loss = lambda x: sigmoid_binary_cross_entropy(x, jnp.asarray(labels), pos_weight=jnp.asarray(weight))
        value, slope = jax.value_and_grad(loss)(jnp.asarray(logits))
        np.testing.assert_allclose(value, due.item(), rtol=1e-12)
        np.testing.assert_allclose(slope, x.grad.numpy(), rtol=1e-10, atol=1e-15)
        slope = jax.grad(binary_cross_entropy)(jnp.asarray(p.detach().numpy()), jnp.asarray(labels))
        np.testing.assert_allclose(slope, p.grad.numpy(), rtol=1e-8, atol=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, y: sigmoid_binary_cross_entropy(x, y, pos_weight=-1.0), "pos_weight must be >= 0"),
        (lambda x, y: sigmoid_binary_cross_entropy(x, y, pos_weight=jnp.ones(3)), "pos_weight must be a scalar or"),
        (lambda x, y: sigmoid_binary_cross_entropy(x, y, label_smoothing=1.5), "label_smoothing must be >= 0 and <= 1"),
        (lambda x, y: binary_cross_entropy(x, y, eps=0.0), "eps must be > 0 and < 0.5"),
        (lambda x, y: binary_cross_entropy(x, y[:1]), r"probabilities and labels must have the same shape"),
    ],
)
def test_wrong_parameters_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(jnp.zeros((2, 3)), jnp.zeros((2, 3)))
