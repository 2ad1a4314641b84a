"""Losses of rows in which any number of classes may be true."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.classification.binary import sigmoid_binary_cross_entropy
from jaxloss.classification.focal import sigmoid_focal
from jaxloss.classification.multilabel import asymmetric, dual_focal, multilabel_margin, multilabel_soft_margin

RNG = np.random.default_rng(0)


def _rows(events=6, classes=5):
    logits = jnp.asarray(2 * RNG.normal(size=(events, classes)), jnp.float32)
    return logits, jnp.asarray(RNG.integers(0, 2, (events, classes)))


def test_asymmetric_without_a_clip_is_a_focal_loss():
    logits, labels = _rows()
    for gamma in (0, 2):
        got = asymmetric(logits, labels, gamma_pos=gamma, gamma_neg=gamma, clip=0, reduction="none")
        np.testing.assert_allclose(got, sigmoid_focal(logits, labels, gamma=gamma, reduction="none"), rtol=2e-6)


def test_asymmetric_follows_the_paper():
    logits, labels = _rows()
    p, y = np.asarray(jax.nn.sigmoid(logits.astype(jnp.float32)), np.float64), np.asarray(labels)
    shifted = np.maximum(p - 0.05, 0)
    due = np.where(y == 1, (1 - p) * -np.log(p), shifted**4 * -np.log1p(-shifted))
    np.testing.assert_allclose(asymmetric(logits, labels, gamma_pos=1, reduction="none"), due, rtol=2e-5, atol=1e-12)


def test_asymmetric_forgets_easy_negatives_and_stays_finite():
    logits = jnp.array([-4.0, -1e4, 1e4, 1e4, -1e4, -jnp.inf, jnp.inf])
    labels = jnp.array([0, 0, 0, 1, 1, 0, 1])
    for options in ({}, {"clip": 0}, {"gamma_pos": 0.5, "gamma_neg": 0.5}):
        loss = lambda x, y, o=options: asymmetric(x, y, **o)
        values, slopes = jax.jit(jax.vmap(jax.value_and_grad(loss)))(logits, labels)
        assert np.all(np.isfinite(values))
        assert np.all(np.isfinite(slopes))
        np.testing.assert_array_equal(values[jnp.array([1, 3, 5, 6])], 0)
        np.testing.assert_allclose(values[4], 1e4)
    values, slopes = jax.value_and_grad(lambda x: asymmetric(x, labels[:1], reduction="sum"))(logits[:1])
    assert values == 0
    assert slopes == 0
    # the most that a negative class can cost
    np.testing.assert_allclose(asymmetric(jnp.array([1e4]), jnp.array([0])), -(0.95**4) * np.log(0.05), rtol=1e-6)


def test_the_mean_over_classes_is_that_of_binary_cross_entropy():
    logits, labels = _rows()
    np.testing.assert_allclose(
        multilabel_soft_margin(logits, labels), sigmoid_binary_cross_entropy(logits, labels), rtol=1e-6
    )
    moved = multilabel_soft_margin(logits.T, labels.T, axis=0, reduction="none")
    np.testing.assert_allclose(moved, multilabel_soft_margin(logits, labels, reduction="none"), rtol=1e-6)


def test_an_impossible_class_is_no_nan():
    logits, labels = jnp.array([[-jnp.inf, 2.0, 1.0]]), jnp.array([[0, 1, 0]])
    for loss in (multilabel_soft_margin, multilabel_margin):
        value, slope = jax.jit(jax.value_and_grad(loss))(logits, labels)
        assert np.isfinite(value)
        assert np.all(np.isfinite(slope))
        assert slope[0, 0] == 0
    focal = jax.jit(jax.value_and_grad(dual_focal))
    value, slope = focal(logits, jnp.array([1]))
    due, due_slope = focal(logits[:, 1:], jnp.array([0]))
    np.testing.assert_allclose(value, due, rtol=1e-6)
    np.testing.assert_allclose(slope[:, 1:], due_slope, rtol=1e-6)


def _margin_by_pairs(scores, labels):
    classes = range(scores.shape[-1])
    pairs = [(j, i) for j in classes for i in classes if i != j]
    return sum(
        labels[:, j] * (1 - labels[:, i]) * jax.nn.relu(1 - scores[:, j] + scores[:, i]) for j, i in pairs
    ) / len(classes)


@pytest.mark.parametrize("soft", [False, True])
def test_sorting_gives_what_pairs_give(soft):
    with jax.enable_x64(True):
        scores = jnp.asarray(RNG.normal(size=(4, 6)))
        labels = jnp.asarray(RNG.uniform(size=(4, 6)) if soft else RNG.integers(0, 2, (4, 6)).astype(float))
        got = multilabel_margin(scores, labels, reduction="none")
        np.testing.assert_allclose(got, _margin_by_pairs(scores, labels), rtol=1e-13)
        ours, theirs = lambda *d: multilabel_margin(*d, reduction="sum"), lambda *d: _margin_by_pairs(*d).sum()
        for derivative in (jax.grad, jax.hessian):
            got, due = (jax.jit(derivative(f, (0, 1)))(scores, labels) for f in (ours, theirs))
            np.testing.assert_allclose(got[0], due[0], atol=1e-13)
            np.testing.assert_allclose(got[1], due[1], atol=1e-13)


def test_equal_scores_and_pairs_exactly_one_apart():
    scores, labels = jnp.array([[0.0, 0.0, 0.0]]), jnp.array([[1.0, 0.0, 0.0]])
    loss = jax.jit(jax.value_and_grad(multilabel_margin))
    value, slope = loss(scores, labels)
    np.testing.assert_allclose(value, 2 / 3, rtol=1e-7)
    np.testing.assert_allclose(slope, [[-2 / 3, 1 / 3, 1 / 3]], rtol=1e-7)
    value, slope = loss(jnp.array([[3.0, 2.0, 1.0]]), labels)
    assert value == 0
    np.testing.assert_array_equal(slope, 0)
    for one_kind in (jnp.zeros((1, 3)), jnp.ones((1, 3))):  # no pair at all
        assert loss(scores, one_kind)[0] == 0


def test_memory_of_the_margin_does_not_grow_with_the_pairs():
    data = jax.ShapeDtypeStruct((2, 4096), jnp.float32), jax.ShapeDtypeStruct((2, 4096), jnp.bool_)
    compiled = jax.jit(jax.value_and_grad(multilabel_margin)).lower(*data).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 40 * 2 * 4096 * 4  # the pairs are 4096 times 2 * 4096 * 4


def test_values_and_gradients_are_those_of_torch():
    torch = pytest.importorskip("torch")
    logits, labels = 2 * RNG.normal(size=(6, 5)), RNG.integers(0, 2, (6, 5))
    weights = RNG.uniform(0.5, 2, 5)
    ids = np.full((6, 5), -1)  # torch wants the true classes in front
    for row, truth in zip(ids, labels, strict=True):
        row[: truth.sum()] = np.flatnonzero(truth)
    functional = torch.nn.functional
    pairs = [
        (
            lambda x: multilabel_soft_margin(x, jnp.asarray(labels), class_weights=jnp.asarray(weights)),
            lambda x: functional.multilabel_soft_margin_loss(x, torch.tensor(labels), weight=torch.tensor(weights)),
        ),
        (
            lambda x: multilabel_margin(x, jnp.asarray(labels)),
            lambda x: functional.multilabel_margin_loss(x, torch.tensor(ids)),
        ),
    ]
    with jax.enable_x64(True):
        for ours, theirs in pairs:
            x = torch.tensor(logits, requires_grad=True)
            due = theirs(x)
            due.backward()
            value, slope = jax.jit(jax.value_and_grad(ours))(jnp.asarray(logits))
            np.testing.assert_allclose(value, due.item(), rtol=1e-12)
            np.testing.assert_allclose(slope, x.grad.numpy(), rtol=1e-10, atol=1e-14)


def test_dual_focal_follows_the_definition():
    logits, _ = _rows()
    ids = jnp.asarray(RNG.integers(0, 5, 6))
    p, y = np.asarray(jax.nn.softmax(logits), np.float64), np.eye(5)[ids]
    due = -np.log(1 - (p - y) ** 2).sum(-1)
    np.testing.assert_allclose(dual_focal(logits, ids, reduction="none"), due, rtol=1e-5)
    got = dual_focal(logits.T, jnp.asarray(y.T, jnp.float32), axis=0, reduction="none")
    np.testing.assert_allclose(got, due, rtol=1e-5)


def test_dual_focal_is_finite_where_probabilities_are_not():
    logits = jnp.array([[300.0, 0.0, -5.0], [1e4, 1e4, -1e4]])
    first = lambda x: dual_focal(x, jnp.array([1, 2]), reduction="none")[0]
    value, slope = jax.jit(jax.value_and_grad(first))(logits)
    # -log p_1 - log 2 for the true class and -log(1 - p_0) - log 2 for the one that took its place
    np.testing.assert_allclose(value, 300 + 300 - np.log1p(np.exp(-5)) - 2 * np.log(2), rtol=1e-6)
    np.testing.assert_allclose(slope[0, 0], 2, rtol=1e-6)
    values = dual_focal(logits, jnp.array([1, 2]), reduction="none")
    assert np.all(np.isfinite(values))
    sure = dual_focal(jnp.array([[40.0, 0.0, 0.0]]), jnp.array([0]))  # (1 - p)^2 + 2 p^2, with p = e^-40
    np.testing.assert_allclose(sure, 6 * np.exp(-80.0), rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: asymmetric(x, x, clip=1.0), "asymmetric: clip must be >= 0 and < 1"),
        (lambda x: asymmetric(x, x, gamma_neg=-1), "asymmetric: gamma_neg must be >= 0"),
        (lambda x: multilabel_soft_margin(x, x, axis=2), "multilabel_soft_margin: axis 2 is out of range"),
        (lambda x: multilabel_soft_margin(x, x, class_weights=jnp.ones(2)), r"class_weights must have shape \(3,\)"),
        (lambda x: multilabel_margin(x, x[:1]), "multilabel_margin: scores and labels must have the same shape"),
    ],
)
def test_wrong_parameters_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(jnp.zeros((2, 3)))
