"""Focal losses of yes-or-no labels and of the anchors of a detector."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxloss.classification.binary import sigmoid_binary_cross_entropy
from jaxloss.classification.focal import detection_focal, sigmoid_focal, sigmoid_focal_exp

RNG = np.random.default_rng(0)
FORMS = [sigmoid_focal, sigmoid_focal_exp]


@pytest.mark.parametrize("loss", FORMS)
def test_weights_of_the_four_examples(loss):  # W16
    p, labels = jnp.array([0.95, 0.05, 0.5, 0.5]), jnp.array([1, 0, 1, 0])
    logits = jnp.log(p) - jnp.log1p(-p)
    entropy = sigmoid_binary_cross_entropy(logits, labels, reduction="none")
    balanced = loss(logits, labels, gamma=0, alpha=0.25, reduction="none")
    np.testing.assert_allclose(balanced / entropy, [0.25, 0.75, 0.25, 0.75], rtol=3e-7)
    focal = loss(logits, labels, gamma=2, alpha=0.25, reduction="none")
    np.testing.assert_allclose(focal / entropy, [0.000625, 0.001875, 0.0625, 0.1875], rtol=3e-6)
    np.testing.assert_array_equal(loss(logits, labels, gamma=0, reduction="none"), entropy)


def test_the_two_forms_agree_on_hard_labels_only():  # W17
    logits = jnp.asarray(np.concatenate([3 * RNG.normal(size=40), [-80, -30, 0, 30, 80]]), jnp.float32)
    labels = jnp.asarray(RNG.integers(0, 2, 45))
    for gamma in (0.5, 1.5, 2):
        both = [
            jax.jit(jax.value_and_grad(lambda x, f=form, g=gamma: f(x, labels, gamma=g, alpha=0.25)))(logits)
            for form in FORMS
        ]
        np.testing.assert_allclose(both[0][0], both[1][0], rtol=2e-6)
        np.testing.assert_allclose(both[0][1], both[1][1], rtol=2e-6)
    soft = [form(jnp.array([1.0]), jnp.array([0.3]), reduction="none") for form in FORMS]
    p = 1 / (1 + np.exp(-1))
    entropy = -0.3 * np.log(p) - 0.7 * np.log(1 - p)
    np.testing.assert_allclose(soft[0], (0.3 * (1 - p) + 0.7 * p) ** 2 * entropy, rtol=5e-7)
    np.testing.assert_allclose(soft[1], (1 - np.exp(-entropy)) ** 2 * entropy, rtol=5e-7)


@pytest.mark.parametrize("gamma", [0.5, 1.5, 2.0, 3.7])
def test_values_and_gradients_are_those_of_optax(gamma):
    with jax.enable_x64(True):
        x, y = jnp.asarray(3 * RNG.normal(size=32)), jnp.asarray(RNG.uniform(0.05, 0.95, 32))
        ours = lambda x, y: sigmoid_focal(x, y, gamma=gamma, alpha=0.25, reduction="none")
        theirs = lambda x, y: optax.sigmoid_focal_loss(x, y, gamma=gamma, alpha=0.25)
        np.testing.assert_allclose(ours(x, y), theirs(x, y), rtol=1e-10)
        got, due = (jax.jit(jax.grad(lambda *d, f=f: jnp.sum(f(*d)), (0, 1)))(x, y) for f in (ours, theirs))
        np.testing.assert_allclose(got, due, rtol=1e-8, atol=1e-13)


@pytest.mark.parametrize("loss", FORMS)
@pytest.mark.parametrize("gamma", [0.25, 0.5, 2])
def test_saturated_logits_are_finite(loss, gamma):  # 0 to the power of gamma - 1 is infinite
    logits = jnp.array([100.0, 1e4, -100.0, -1e4, 1e30, jnp.inf, -1e4, 1e4])
    labels = jnp.array([1, 1, 0, 0, 1, 1, 1, 0])
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(lambda x, y: loss(x, y, gamma=gamma))))(logits, labels)
    np.testing.assert_array_equal(values, [0, 0, 0, 0, 0, 0, 1e4, 1e4])
    np.testing.assert_array_equal(slopes, [0, 0, 0, 0, 0, 0, -1, 1])


@pytest.mark.parametrize("loss", FORMS)
def test_rows_the_model_is_sure_of_keep_their_digits(loss):
    x = np.float64(20)
    due = np.exp(-3 * x)  # (1 - p)^2 (-log p) to first order in e^-20
    np.testing.assert_allclose(loss(jnp.array([20.0, -20.0]), jnp.array([1, 0]), reduction="none"), due, rtol=1e-6)
    slopes = jax.jit(jax.vmap(jax.grad(loss)))(jnp.array([20.0, -20.0]), jnp.array([1, 0]))
    np.testing.assert_allclose(slopes, [-3 * due, 3 * due], rtol=1e-6)


@pytest.mark.parametrize("loss", FORMS)
def test_derivatives_at_exactly_zero(loss):
    with jax.enable_x64(True):
        at = jax.jit(lambda x: jax.hessian(loss, (0, 1))(x, jnp.asarray(0.3)))
        near = jax.tree.map(lambda a, b: (a + b) / 2, at(jnp.asarray(1e-5)), at(jnp.asarray(-1e-5)))
        np.testing.assert_allclose(at(jnp.asarray(0.0)), near, rtol=1e-8, atol=1e-8)


def test_a_learned_gamma_has_the_value_and_gradient_of_a_fixed_one():
    logits, labels = jnp.asarray(3 * RNG.normal(size=8), jnp.float32), jnp.asarray(RNG.integers(0, 2, 8))
    for form in FORMS:
        slope = jax.grad(lambda x, g, f=form: f(x, labels, gamma=g))
        fixed, learned = slope(logits, 2), jax.jit(slope)(logits, 2.0)
        np.testing.assert_allclose(learned, fixed, rtol=2e-6)
        per_class = form(logits, labels, gamma=jnp.full(8, 2.0), alpha=jnp.full(8, 0.25), reduction="none")
        np.testing.assert_allclose(per_class, form(logits, labels, alpha=0.25, reduction="none"), rtol=2e-6)


@pytest.mark.parametrize(
    ("options", "message"), [({"gamma": -1.0}, "gamma must be >= 0"), ({"alpha": 2.0}, "alpha must be >= 0 and <= 1")]
)
@pytest.mark.parametrize("loss", FORMS)
def test_parameters_out_of_range_are_refused(loss, options, message):
    with pytest.raises(ValueError, match=f"{loss.__name__}: {message}"):
        loss(jnp.zeros(3), jnp.zeros(3), **options)


def _anchors():
    logits = jnp.asarray(RNG.normal(size=(2, 5, 3)), jnp.float32)
    state = jnp.array([[1, 0, -1, 0, 1], [0, -1, 0, 0, 0]])
    classes = jnp.where(state[..., None] == 1, jax.nn.one_hot(jnp.asarray(RNG.integers(0, 3, (2, 5))), 3), 0)
    return logits, jnp.concatenate([classes, state[..., None].astype(jnp.float32)], axis=-1), state


def test_anchors_count_per_object():  # W18
    logits, labels, state = _anchors()
    p, y = np.asarray(jax.nn.sigmoid(logits), np.float64), np.asarray(labels[..., :-1], np.float64)
    missed = np.where(y == 1, 1 - p, p)
    cells = np.where(y == 1, 0.25, 0.75) * missed**2 * -np.log1p(-missed)
    cells = np.where(np.asarray(state)[..., None] == -1, 0, cells)
    np.testing.assert_allclose(detection_focal(logits, labels), cells.sum() / 2, rtol=2e-6)
    np.testing.assert_allclose(detection_focal(logits[1], labels[1]), cells[1].sum(), rtol=2e-6)  # no object: by 1
    np.testing.assert_allclose(detection_focal(logits, labels, reduction="none"), cells.sum(-1), rtol=2e-6)
    np.testing.assert_allclose(detection_focal(logits, labels, normalizer="anchors"), cells.sum() / 8, rtol=2e-6)
    for number in (7.5, jnp.array(7.5)):
        np.testing.assert_allclose(detection_focal(logits, labels, normalizer=number), cells.sum() / 7.5, rtol=2e-6)
    np.testing.assert_allclose(detection_focal(logits, labels, reduction="sum"), cells.sum(), rtol=2e-6)


def test_ignored_anchors_were_never_there():
    logits, labels, state = _anchors()
    poisoned = jnp.where(state[..., None] == -1, jnp.nan, logits)
    value, slopes = jax.value_and_grad(detection_focal)(poisoned, labels)
    np.testing.assert_allclose(value, detection_focal(logits, labels), rtol=1e-7)
    np.testing.assert_array_equal(slopes == 0, jnp.broadcast_to(state[..., None] == -1, slopes.shape))


def test_masked_and_weighted_objects_do_not_count_as_objects():
    logits, labels, state = _anchors()
    kept = jnp.arange(5)[None, :] != 0
    got = detection_focal(logits, labels, where=jnp.broadcast_to(kept, (2, 5)))
    np.testing.assert_allclose(got, detection_focal(logits[:, 1:], labels[:, 1:]), rtol=1e-6)
    got = detection_focal(logits, labels, weights=jnp.where(kept, 2.0, 0.0))
    np.testing.assert_allclose(got, detection_focal(logits[:, 1:], labels[:, 1:]), rtol=1e-6)
    assert detection_focal(logits, labels, where=False) == 0
    assert np.count_nonzero(state == 1) == 2


def test_anchors_without_a_state_are_refused():
    with pytest.raises(ValueError, match=r"detection_focal: labels must have shape \(5, 4\): those of logits \(5, 3\)"):
        detection_focal(jnp.zeros((5, 3)), jnp.zeros((5, 3)))
    with pytest.raises(ValueError, match="normalizer must be one of 'objects', 'anchors'"):
        detection_focal(jnp.zeros((5, 3)), jnp.zeros((5, 4)), normalizer="images")
    with pytest.raises(ValueError, match="normalizer must be positive"):
        detection_focal(jnp.zeros((5, 3)), jnp.zeros((5, 4)), normalizer=0)
