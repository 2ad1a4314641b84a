import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.metrics import hinge_loss

from jaxloss.classification.multiclass_margin import multiclass_hinge, multiclass_perceptron, weston_watkins

SCORES = jnp.asarray(np.random.default_rng(0).normal(size=(12, 5)), jnp.float32)
LABELS = jnp.asarray(np.random.default_rng(1).integers(0, 5, 12), jnp.int32)
ONE_HOT = jax.nn.one_hot(LABELS, 5)
LOSSES = [multiclass_hinge, weston_watkins, multiclass_perceptron]


def grad(loss, **options):
    """One compilation instead of one for each operation."""
    return jax.jit(jax.value_and_grad(loss, **options))


@pytest.mark.parametrize(
    ("loss", "peer"),
    [
        (multiclass_hinge, optax.losses.multiclass_hinge_loss),
        (multiclass_perceptron, optax.losses.multiclass_perceptron_loss),
    ],
)
def test_value_and_gradient_are_those_of_optax(loss, peer):
    due, due_slope = grad(lambda s: jnp.mean(jax.vmap(peer)(s, LABELS)))(SCORES)
    got, slope = grad(loss)(SCORES, LABELS)
    np.testing.assert_allclose(got, due, rtol=1e-6)
    np.testing.assert_allclose(slope, due_slope, rtol=1e-6, atol=1e-9)


def test_multiclass_hinge_is_that_of_scikit_learn():
    np.testing.assert_allclose(multiclass_hinge(SCORES, LABELS), hinge_loss(LABELS, SCORES), rtol=1e-6)


@pytest.mark.parametrize("p", [1, 2])
def test_weston_watkins_is_multi_margin_of_torch(p):
    torch = pytest.importorskip("torch")
    scores = torch.tensor(np.asarray(SCORES), requires_grad=True)
    labels = torch.tensor(np.asarray(LABELS), dtype=torch.long)
    due = torch.nn.functional.multi_margin_loss(scores, labels, p=p, margin=0.7)
    due.backward()
    got, slope = grad(lambda s: weston_watkins(s, LABELS, p=p, margin=0.7, normalize=True))(SCORES)
    np.testing.assert_allclose(got, due.item(), rtol=1e-6)
    np.testing.assert_allclose(slope, scores.grad.numpy(), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("p", [1, 2, 1.5])
def test_weston_watkins_is_the_sum_over_all_other_classes(p):
    scores, labels = np.asarray(SCORES, np.float64), np.asarray(LABELS)
    due = [
        sum(max(0, 1 + row[j] - row[label]) ** p for j in range(5) if j != label)
        for row, label in zip(scores, labels, strict=True)
    ]
    got = jax.jit(lambda s: weston_watkins(s, LABELS, p=p, reduction="none"))(SCORES)
    np.testing.assert_allclose(got, due, rtol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_one_hot_rows_are_class_ids(loss):
    by_id, by_row = grad(loss)(SCORES, LABELS), grad(loss)(SCORES, ONE_HOT)
    np.testing.assert_allclose(by_id[0], by_row[0], rtol=1e-6)
    np.testing.assert_allclose(by_id[1], by_row[1], atol=1e-7)


@pytest.mark.parametrize("loss", [multiclass_hinge, multiclass_perceptron])
def test_a_distribution_gives_the_expected_loss(loss):
    mixed = 0.3 * ONE_HOT + 0.7 * jnp.roll(ONE_HOT, 1, axis=1)
    losses = jax.jit(lambda y: loss(SCORES, y, reduction="none"))
    due = 0.3 * losses(ONE_HOT) + 0.7 * losses(jnp.roll(ONE_HOT, 1, axis=1))
    np.testing.assert_allclose(losses(mixed), due, rtol=1e-6)


def test_no_gradient_at_a_lead_of_exactly_the_margin():
    scores = jnp.array([[2.0, 1.0, 1.0]])
    for loss in (multiclass_hinge, weston_watkins):
        value, slope = grad(loss)(scores, jnp.array([0]))
        assert value == 0
        np.testing.assert_array_equal(slope, 0)


def test_ties_share_the_gradient():
    scores, label = jnp.array([[0.0, 1.0, 1.0]]), jnp.array([0])
    for loss in (multiclass_hinge, multiclass_perceptron):
        np.testing.assert_array_equal(grad(loss)(scores, label)[1], [[-1.0, 0.5, 0.5]])


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("labels", [jnp.array([1]), jnp.array([[0.0, 1.0, 0.0]])], ids=["id", "row"])
def test_impossible_classes(loss, labels):
    scores = jnp.array([[-jnp.inf, 1.0, 0.5]])
    value, slope = grad(loss)(scores, labels)
    np.testing.assert_allclose(value, jax.jit(loss)(scores[:, 1:], jnp.array([0])), rtol=1e-6)
    assert np.all(np.isfinite(slope))
    assert slope[0, 0] == 0
    assert not np.isnan(grad(loss)(jnp.full((1, 3), -jnp.inf), labels)[0])
    assert grad(loss)(jnp.array([[0.0, -jnp.inf, 0.0]]), labels)[0] == jnp.inf


@pytest.mark.parametrize("loss", LOSSES)
def test_a_single_class_costs_nothing(loss):
    value, slope = grad(loss)(jnp.array([[3.0]]), jnp.array([0]))
    assert value == 0
    np.testing.assert_array_equal(slope, 0)


@pytest.mark.parametrize("loss", LOSSES)
def test_an_invalid_label_is_nan_also_where_the_loss_is_flat(loss):
    scores = jnp.array([[-5.0, 1.0], [-5.0, -9.0]])  # flat, were the score of the missing class 0
    value, slope = grad(lambda s: loss(s, jnp.array([1, 2]), reduction="none")[1])(scores)
    assert np.isnan(value)
    assert np.all(np.isnan(slope[1]))


def test_margins_of_each_row_and_a_learned_margin():
    margins = jnp.linspace(0, 2, 12)[:, None]
    got = jax.jit(lambda m: multiclass_hinge(SCORES, LABELS, margin=m, reduction="none"))(margins)
    due = [multiclass_hinge(SCORES[i], LABELS[i], margin=float(margins[i, 0])) for i in (0, 5, 11)]
    np.testing.assert_allclose(got[jnp.array([0, 5, 11])], jnp.stack(due), rtol=1e-6)
    violated = jnp.mean((multiclass_hinge(SCORES, LABELS, reduction="none") > 0).astype(jnp.float32))
    np.testing.assert_allclose(
        jax.grad(lambda m: multiclass_hinge(SCORES, LABELS, margin=m))(jnp.array(1.0)), violated, rtol=1e-6
    )


def test_refused_parameters():
    with pytest.raises(ValueError, match="multiclass_hinge: margin must be >= 0"):
        multiclass_hinge(SCORES, LABELS, margin=-1)
    with pytest.raises(ValueError, match="weston_watkins: p must be >= 1"):
        weston_watkins(SCORES, LABELS, p=0.5)
    with pytest.raises(ValueError, match="multiclass_hinge: margin"):
        multiclass_hinge(SCORES, LABELS, margin=jnp.ones(5))
