"""Softmax cross-entropy: published numbers, peers, impossible classes, digits of confident rows, options."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special
import sklearn.metrics

from jaxloss.classification.labels import one_hot, smooth_labels
from jaxloss.classification.softmax import softmax_cross_entropy as dense
from jaxloss.classification.softmax import softmax_cross_entropy_with_integer_labels as integer
from jaxloss.verify import check_gradients

INF = jnp.inf
LOGITS = jax.random.normal(jax.random.key(0), (6, 5)) * 3
IDS = jnp.array([0, 4, 2, 2, 1, 3])
SOFT = jax.nn.softmax(jax.random.normal(jax.random.key(1), (6, 5)))


def total(loss, **options):
    return lambda *data: loss(*data, reduction="sum", **options)


def both(loss, logits, labels, **options):
    return jax.jit(jax.value_and_grad(lambda x: loss(x, labels, **options)))(logits)


def test_published_dense_labels():
    value = dense(jnp.array([[1.0, -3.0, 10.0]]), jnp.array([[0.1, 0.02, 0.88]]))
    np.testing.assert_allclose(value, 1.1601257, rtol=1e-7)


def test_log_softmax_and_negative_log_likelihood():
    logits = jnp.array([[1.0, 2.0, 3.0, 4.0]])
    each = integer(jnp.repeat(logits, 4, 0), jnp.arange(4), reduction="none")
    np.testing.assert_allclose(jnp.exp(-each), [0.0320586, 0.0871443, 0.2368828, 0.6439143], rtol=2e-6)
    np.testing.assert_allclose(each, -jax.nn.log_softmax(logits)[0], rtol=1e-6)


def test_label_smoothing_of_three_classes():
    targets = smooth_labels(one_hot(jnp.array([0]), 3), 0.1)
    np.testing.assert_allclose(targets, [[0.93333, 0.03333, 0.03333]], atol=1e-5)
    best = jnp.array([[3.3322, 0.0, 0.0]])
    slope = jax.grad(lambda z: integer(z, jnp.array([0]), label_smoothing=0.1))(best)
    np.testing.assert_allclose(slope, np.zeros((1, 3)), atol=1e-6)
    slope = jax.grad(lambda z: integer(z, jnp.array([0]), label_smoothing=0.1))(jnp.array([[1.0, 2.0, -1.0]]))
    np.testing.assert_allclose(slope, jax.nn.softmax(jnp.array([[1.0, 2.0, -1.0]])) - targets, atol=1e-7)


@pytest.mark.parametrize("lead", [10.0, 16.0, 18.0, 23.0, 60.0])
def test_confident_rows_keep_their_digits(lead):
    logits, due = jnp.array([[lead, 0.0, 0.0]]), np.log1p(2 * np.exp(-lead))
    for loss, labels in ((integer, jnp.array([0])), (dense, jnp.array([[1.0, 0.0, 0.0]]))):
        value, slope = both(loss, logits, labels)
        np.testing.assert_allclose(value, due, rtol=3e-7)
        np.testing.assert_allclose(slope[0], -np.expm1(-due) * np.array([-1, 0.5, 0.5]), rtol=5e-7)


def test_optax_loses_the_digits_of_confident_rows():
    theirs = optax.softmax_cross_entropy_with_integer_labels(jnp.array([[18.0, 0.0]]), jnp.array([0]))
    assert abs(theirs[0] / np.log1p(np.exp(-18.0)) - 1) > 0.05  # else the test above shows nothing


@pytest.mark.parametrize("offset", [1e4, -1e6])
def test_large_offsets_cost_no_digits(offset):
    logits = jnp.array([[0.0, 3.0, 1.0]])
    value, slope = both(integer, logits, jnp.array([0]))
    moved, moved_slope = both(integer, logits + jnp.float32(offset), jnp.array([0]))
    np.testing.assert_array_equal(moved, value)
    np.testing.assert_array_equal(moved_slope, slope)


def test_optax_and_scikit_learn():
    with jax.enable_x64(True):
        x, soft = LOGITS.astype(jnp.float64), SOFT.astype(jnp.float64)
        for ours, theirs, y in (
            (integer, optax.softmax_cross_entropy_with_integer_labels, IDS),
            (dense, optax.softmax_cross_entropy, soft),
        ):
            np.testing.assert_allclose(jax.jit(total(ours))(x, y), jnp.sum(theirs(x, y)), rtol=1e-12)
            due = jax.jit(jax.grad(lambda x, f=theirs, y=y: jnp.mean(f(x, y))))(x)
            np.testing.assert_allclose(both(ours, x, y)[1], due, rtol=1e-11, atol=1e-16)
        p = scipy.special.softmax(np.asarray(x), -1)
        due = sklearn.metrics.log_loss(np.asarray(IDS), p, labels=range(5), sample_weight=np.arange(1, 7))
        np.testing.assert_allclose(integer(x, IDS, weights=jnp.arange(1, 7)), due, rtol=1e-12)


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        ({"label_smoothing": 0.2}, {"label_smoothing": 0.2}),
        ({"class_weights": np.array([0.5, 1, 2, 3, 0.1], np.float32)}, {"weight": [0.5, 1, 2, 3, 0.1]}),
        ({"ignore_index": 2}, {"ignore_index": 2}),
    ],
)
def test_torch(ours, theirs):
    import torch

    x = torch.tensor(np.asarray(LOGITS), requires_grad=True)
    theirs = {key: torch.tensor(v) if isinstance(v, list) else v for key, v in theirs.items()}
    due = torch.nn.functional.cross_entropy(x, torch.tensor(np.asarray(IDS)).long(), **theirs)
    due.backward()
    value, slope = jax.value_and_grad(lambda x: integer(x, IDS, **ours))(LOGITS)
    np.testing.assert_allclose(value, due.item(), rtol=1e-6)
    np.testing.assert_allclose(slope, x.grad.numpy(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "options",
    [
        {"label_smoothing": 0.1},
        {"z_loss": 0.01, "temperature": 2.0},
        {"logit_cap": 5.0},
        {"class_weights": np.array([0.5, 1, 2, 3, 0.1], np.float32), "label_smoothing": 0.3},
    ],
)
def test_integer_labels_are_one_hot_labels(options):
    value, slope = both(integer, LOGITS, IDS, **options)
    due, due_slope = both(dense, LOGITS, one_hot(IDS, 5), **options)
    np.testing.assert_allclose(value, due, rtol=1e-6)
    np.testing.assert_allclose(slope, due_slope, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("loss", [integer, dense])
def test_options_do_what_their_formula_says(loss):
    labels = IDS if loss is integer else SOFT
    with jax.enable_x64(True):
        x = LOGITS.astype(jnp.float64)
        labels = labels if loss is integer else labels.astype(jnp.float64)

        def due(x, temperature):
            z = 4 * jnp.tanh(x / 4) / temperature
            norm = jax.nn.logsumexp(z, -1)
            y = one_hot(labels, 5, dtype=jnp.float64) if loss is integer else labels
            y = smooth_labels(y, 0.1)
            return jnp.sum(-jnp.sum(y * jax.nn.log_softmax(z), -1) + 0.1 * norm**2)

        def ours(x, temperature):
            return loss(
                x, labels, logit_cap=4.0, temperature=temperature, z_loss=0.1, label_smoothing=0.1, reduction="sum"
            )

        temperature = jnp.asarray(0.7)
        for got, want in zip(
            jax.value_and_grad(ours, (0, 1))(x, temperature),
            jax.value_and_grad(due, (0, 1))(x, temperature),
            strict=True,
        ):
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12), got, want)


def test_one_temperature_per_row():
    temperature = jnp.linspace(0.5, 2, 6)[:, None]
    values = integer(LOGITS, IDS, temperature=temperature, reduction="none")
    np.testing.assert_allclose(values, integer(LOGITS / temperature, IDS, reduction="none"), rtol=1e-6)


def test_class_weights_divide_the_mean_and_may_be_learned():
    table = jnp.array([0.5, 1.0, 2.0, 3.0, 0.1])
    each = integer(LOGITS, IDS, reduction="none")
    np.testing.assert_allclose(
        integer(LOGITS, IDS, class_weights=table), jnp.sum(each * table[IDS]) / table[IDS].sum(), rtol=1e-6
    )
    mass = SOFT @ table
    due = jnp.sum(dense(LOGITS, SOFT, reduction="none") * mass) / mass.sum()
    np.testing.assert_allclose(dense(LOGITS, SOFT, class_weights=table), due, rtol=1e-6)
    check_gradients(lambda x, w: integer(x, IDS, class_weights=w), LOGITS, table)
    check_gradients(lambda x, y, w: dense(x, y, class_weights=w), LOGITS, SOFT, table)


def test_an_impossible_class_is_as_if_it_were_not_there():
    with_it = jnp.array([[1.0, -INF, 2.0]])
    for loss, labels, fewer in (
        (integer, jnp.array([2]), jnp.array([1])),
        (dense, jnp.array([[0.25, 0.0, 0.75]]), jnp.array([[0.25, 0.75]])),
    ):
        for options in ({"temperature": jnp.float32(0.5), "z_loss": 0.1}, {"logit_cap": 3.0}):
            value, slope = both(loss, with_it, labels, **options)
            due, due_slope = both(loss, with_it[:, ::2], fewer, **options)
            np.testing.assert_allclose(value, due, rtol=1e-6)
            np.testing.assert_allclose(slope[:, ::2], due_slope, rtol=1e-6)
            assert slope[0, 1] == 0
    learned = jax.grad(lambda t: integer(with_it, jnp.array([2]), temperature=t))(jnp.float32(2))
    assert np.isfinite(learned)


def test_a_label_on_an_impossible_class():
    logits, p = jnp.array([[0.0, 1.0, -INF]]), jax.nn.softmax(jnp.array([[0.0, 1.0, -INF]]))
    value, slope = both(integer, logits, jnp.array([2]))
    assert value == INF
    np.testing.assert_allclose(slope, p - jnp.array([[0.0, 0.0, 1.0]]), rtol=1e-6)
    labels = jnp.array([[0.0, 0.5, 0.5]])
    value, slope = both(dense, logits, labels)
    assert value == INF
    np.testing.assert_allclose(slope, p - labels, rtol=1e-6)


def test_no_class_is_possible():
    for loss, labels in ((integer, jnp.array([1])), (dense, jnp.array([[0.0, 1.0, 0.0]]))):
        value, slope = both(loss, jnp.full((1, 3), -INF), labels)
        assert value == INF
        np.testing.assert_array_equal(slope, [[0.0, -1.0, 0.0]])


def test_gradient_of_the_labels_is_the_surprise():
    slope = jax.grad(total(dense), 1)(LOGITS, SOFT)
    np.testing.assert_allclose(slope, -scipy.special.log_softmax(np.float64(LOGITS), -1), rtol=1e-6)
    masked = jax.grad(total(dense), 1)(jnp.array([[0.0, 0.0, -INF]]), jnp.array([[0.5, 0.5, 0.0]]))
    np.testing.assert_allclose(masked, [[np.log(2), np.log(2), 0.0]], rtol=1e-6)


@pytest.mark.parametrize("row", [[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, -2.0], [5.0, 1.0, 0.0, 2.0]])
def test_hessian_is_right_where_logits_tie(row):
    logits = jnp.array([row])
    p = jax.nn.softmax(logits)[0]
    due = jnp.diag(p) - p[:, None] * p[None]
    for loss, labels in ((integer, jnp.array([1])), (dense, jnp.array([[0.1, 0.6, 0.2, 0.1]]))):
        for second in (jax.hessian(loss), jax.jacrev(jax.grad(loss))):
            np.testing.assert_allclose(jax.jit(second)(logits, labels)[0, :, 0], due, atol=1e-7)


def test_labels_outside_are_nan_also_with_class_weights():
    bad, outside = IDS.at[2].set(-1).at[4].set(5), np.array([2, 4])
    for options in ({"class_weights": jnp.ones(5), "label_smoothing": 0.1}, {"logit_cap": 3.0}):
        value, slope = both(integer, LOGITS, bad, reduction="sum", **options)
        assert np.isnan(value)
        assert np.isnan(slope[outside]).all()
        assert np.isfinite(np.delete(slope, outside, 0)).all()
    kept = integer(LOGITS, IDS.at[2].set(-1), class_weights=jnp.ones(5), ignore_index=-1)
    np.testing.assert_allclose(kept, integer(LOGITS[np.arange(6) != 2], IDS[np.arange(6) != 2]), rtol=1e-6)


def test_classes_on_another_axis():
    image = jnp.moveaxis(jnp.stack([LOGITS, -LOGITS]), -1, 1)
    ids = jnp.stack([IDS, IDS])
    np.testing.assert_allclose(integer(image, ids, axis=1), integer(jnp.stack([LOGITS, -LOGITS]), ids), rtol=1e-6)
    options = {"class_weights": jnp.arange(1.0, 6), "label_smoothing": 0.1}
    soft = jnp.stack([SOFT, SOFT])
    due = dense(jnp.stack([LOGITS, -LOGITS]), soft, **options)
    np.testing.assert_allclose(dense(image, jnp.moveaxis(soft, -1, 1), axis=1, **options), due, rtol=1e-6)


def test_no_scatter_in_value_and_gradient():
    step = jax.jit(jax.value_and_grad(lambda x: integer(x, IDS, where=IDS > 0, label_smoothing=0.1)))
    assert " scatter(" not in step.lower(LOGITS).compile().as_text()


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"class_weights": jnp.ones(4)}, ValueError, "class_weights must have shape"),
        ({"logit_cap": jnp.float32(3)}, TypeError, "logit_cap must be a Python number"),
        ({"logit_cap": 0}, ValueError, "logit_cap must be positive"),
        ({"temperature": jnp.ones((1, 5))}, ValueError, "temperature must be a scalar"),
        ({"label_smoothing": 1.5}, ValueError, "label_smoothing must be"),
        ({"z_loss": -1}, ValueError, "z_loss must be"),
        ({"weights": jnp.ones(5), "class_weights": jnp.ones(5)}, ValueError, "weights must be a scalar"),
    ],
)
def test_parameter_errors(options, kind, message):
    with pytest.raises(kind, match=message):
        integer(LOGITS, IDS, **options)


def test_second_derivatives_survive_a_scan():
    # Under reverse mode, jax drops custom derivatives inside the body of a scan, and differentiates the formula.
    batches, ids = jnp.stack([LOGITS, -LOGITS]), IDS
    scanned = lambda x: jax.lax.scan(lambda total, row: (total + integer(row, ids), None), jnp.float32(0), x)[0]
    each = lambda x: integer(x[0], ids) + integer(x[1], ids)
    np.testing.assert_allclose(jax.hessian(scanned)(batches), jax.hessian(each)(batches), rtol=1e-5, atol=1e-7)
