"""Margin losses."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import hinge_loss

from jaxloss.classification import margin
from jaxloss.classification.margin import (
    dwd,
    exponential,
    hinge,
    logistic,
    modified_huber,
    perceptron,
    smoothed_hinge,
    squared_hinge,
)

RNG = np.random.default_rng(0)
LOSSES = [getattr(margin, name) for name in margin.__all__]


def test_hinge_and_its_square_along_a_line():  # W3
    predictions, ones = jnp.linspace(-3, 5, 100), jnp.ones(100)
    due = np.maximum(0, 1 - np.asarray(predictions, np.float64))
    np.testing.assert_allclose(hinge(predictions, ones, reduction="none"), due, rtol=1e-7)
    np.testing.assert_allclose(squared_hinge(predictions, ones, reduction="none"), due**2, rtol=2e-7)


def test_values_and_gradients_are_those_of_peers():
    with jax.enable_x64(True):
        scores, labels = jnp.asarray(2 * RNG.normal(size=32)), jnp.asarray(RNG.choice([-1.0, 1.0], 32))
        np.testing.assert_allclose(hinge(scores, labels), hinge_loss(labels, scores), rtol=1e-12)
        for ours, theirs in ((hinge, optax.losses.hinge_loss), (perceptron, optax.losses.perceptron_loss)):
            np.testing.assert_allclose(ours(scores, labels, reduction="none"), theirs(scores, labels), rtol=1e-12)
            got = jax.grad(lambda *d, f=ours: f(*d, reduction="sum"), (0, 1))(scores, labels)
            due = jax.grad(lambda *d, f=theirs: jnp.sum(f(*d)), (0, 1))(scores, labels)
            np.testing.assert_allclose(got, due, rtol=1e-12)


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        (hinge, "hinge"),
        (squared_hinge, "squared_hinge"),
        (modified_huber, "modified_huber"),
        (logistic, "log_loss"),
        (perceptron, "perceptron"),
    ],
)
def test_one_step_of_stochastic_gradient_descent_is_that_of_scikit_learn(loss, name):
    x = RNG.normal(size=(6, 3))
    y = np.array([1, -1, 1, -1, 1, -1])
    start = RNG.normal(size=3)
    sgd = SGDClassifier(
        loss=name, alpha=0.0, penalty=None, learning_rate="constant", eta0=0.1, shuffle=False, fit_intercept=False
    )
    sgd.partial_fit(x[:1], y[:1], classes=[-1, 1])
    sgd.coef_ = start[None].copy()
    sgd.partial_fit(x, y)
    weights = jnp.asarray(start)
    with jax.enable_x64(True):
        slope = jax.jit(jax.grad(lambda w, x, y: loss(x @ w, y)))
        weights = jnp.asarray(start)
        for row, label in zip(jnp.asarray(x), jnp.asarray(y, jnp.float64), strict=True):
            weights -= 0.1 * slope(weights, row, label)
    np.testing.assert_allclose(weights, sgd.coef_[0], rtol=1e-9)


def test_soft_margin_is_that_of_torch():
    torch = pytest.importorskip("torch")
    scores, labels = 3 * RNG.normal(size=16), RNG.choice([-1.0, 1.0], 16)
    x = torch.tensor(scores, requires_grad=True)
    due = torch.nn.functional.soft_margin_loss(x, torch.tensor(labels))
    due.backward()
    with jax.enable_x64(True):
        value, slopes = jax.value_and_grad(logistic)(jnp.asarray(scores), jnp.asarray(labels))
    np.testing.assert_allclose(value, due.item(), rtol=1e-12)
    np.testing.assert_allclose(slopes, x.grad.numpy(), rtol=1e-10)


@pytest.mark.parametrize("loss", [f for f in LOSSES if f is not exponential])
def test_saturated_scores_are_finite(loss):
    scores, labels = jnp.array([1e4, -1e4, 1e4, -1e4]), jnp.array([1, -1, -1, 1])
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(loss)))(scores, labels)
    assert np.all(np.isfinite(values))
    assert np.all(np.isfinite(slopes))
    np.testing.assert_allclose(values[:2], 0, atol=1e-4)
    np.testing.assert_allclose(slopes[:2], 0, atol=1e-8)
    assert np.all(values[2:] >= 1e4)


@pytest.mark.parametrize(
    ("loss", "margin", "slope"), [(hinge, 1.0, 0), (squared_hinge, 1.0, 0), (perceptron, 0.0, -1), (dwd, 0.5, -1)]
)
def test_slope_where_the_formula_changes(loss, margin, slope):
    assert jax.grad(loss)(jnp.array(margin), jnp.array(1.0)) == slope
    assert jax.grad(loss)(jnp.array(-margin), jnp.array(-1.0)) == -slope


def test_a_perceptron_learns_from_zero_weights():
    x = jnp.array([[1.0, 2.0], [-1.0, 1.0]])
    slope = jax.grad(lambda w: perceptron(x @ w, jnp.array([1, -1]), reduction="sum"))(jnp.zeros(2))
    np.testing.assert_array_equal(slope, [-2, -1])


def test_a_smoothed_hinge_tends_to_the_hinge():
    scores, labels = jnp.linspace(-2, 3, 11), jnp.ones(11)
    got = smoothed_hinge(scores, labels, gamma=1e-30, reduction="none")
    np.testing.assert_array_equal(got, hinge(scores, labels, reduction="none"))
    slope = jax.grad(lambda s: smoothed_hinge(s, labels, gamma=1e-30, reduction="sum"))(scores + 0.1)
    np.testing.assert_array_equal(slope, jnp.where(scores + 0.1 < 1, -1.0, 0.0))


def test_distance_weighting_follows_the_paper_at_every_power():
    scores = jnp.array([0.2, 0.9, 4.0])
    for q in (0.5, 1, 3, 2.3):
        bend = q / (q + 1)
        due = [1 - m if m <= bend else bend**q / (q + 1) / m**q for m in np.asarray(scores, np.float64)]
        np.testing.assert_allclose(dwd(scores, jnp.ones(3), q=q, reduction="none"), due, rtol=1e-6)
    # the slope along the label of a large margin, where its square overflows
    slope = jax.grad(dwd, 1)(jnp.array(1e22), jnp.array(1.0))
    np.testing.assert_allclose(slope, -0.25e-22, rtol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [jnp.bool_, jnp.uint8])
def test_labels_that_cannot_be_minus_one_are_refused(loss, dtype):
    with pytest.raises(TypeError, match=rf"{loss.__name__}: labels must be -1 and \+1, got {jnp.dtype(dtype)}"):
        loss(jnp.zeros(3), jnp.ones(3, dtype))


def test_parameters_out_of_range_are_refused():
    with pytest.raises(ValueError, match="smoothed_hinge: gamma must be positive"):
        smoothed_hinge(jnp.zeros(3), jnp.ones(3), gamma=0.0)
    with pytest.raises(ValueError, match="dwd: q must be positive"):
        dwd(jnp.zeros(3), jnp.ones(3), q=-1.0)
