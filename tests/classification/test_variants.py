import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.classification.softmax import softmax_cross_entropy_with_integer_labels
from jaxloss.classification.variants import large_margin_softmax, pc_softmax, taylor_cross_entropy

LOGITS = np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)
LABELS = np.random.default_rng(1).integers(0, 5, 8).astype(np.int32)
PRIORS = jnp.array([0.4, 0.05, 0.25, 0.2, 0.1])


def pc(logits, labels, **options):
    return pc_softmax(logits, labels, class_priors=PRIORS[: np.shape(logits)[-1]], **options)


LOSSES = [taylor_cross_entropy, pc, large_margin_softmax]


def grad(loss, **options):
    """One compilation instead of one for each operation."""
    return jax.jit(jax.value_and_grad(loss, **options))


def cross_entropy_of(masses):
    """-log of the share of the label in rows of positive numbers, in float64."""
    return -np.log(masses[np.arange(len(LABELS)), LABELS] / masses.sum(-1))


@pytest.mark.parametrize("order", [2, 4, 10])
def test_taylor_is_cross_entropy_of_the_polynomial(order):
    z = 3 * LOGITS.astype(np.float64)
    due = cross_entropy_of(sum(z**i / math.factorial(i) for i in range(order + 1)))
    got = jax.jit(lambda z: taylor_cross_entropy(z, LABELS, order=order, reduction="none"))(3 * LOGITS)
    np.testing.assert_allclose(got, due, rtol=2e-6)


def test_taylor_of_a_high_order_is_softmax():
    got = grad(lambda z: taylor_cross_entropy(z, LABELS, order=20))(LOGITS)
    due = grad(softmax_cross_entropy_with_integer_labels)(LOGITS, LABELS)
    np.testing.assert_allclose(got[0], due[0], rtol=1e-6)
    np.testing.assert_allclose(got[1], due[1], atol=1e-7)


@pytest.mark.parametrize("labels", [np.array([0]), np.eye(3, dtype=np.float32)[:1]], ids=["id", "row"])
@pytest.mark.parametrize("order", [2, 6])
@pytest.mark.parametrize("size", [1e10, 1e30])
def test_taylor_of_huge_logits(labels, order, size):
    # The polynomials overflow, their quotients do not.
    loss = grad(lambda z: taylor_cross_entropy(z, labels, order=order))
    value, slope = loss(jnp.array([[1.0, size, 0.0]]))
    label, top = sum(1 / math.factorial(i) for i in range(order + 1)), -math.lgamma(order + 1)
    np.testing.assert_allclose(value, order * math.log(size) + top - math.log(label), rtol=1e-6)
    np.testing.assert_allclose(slope[0, 1], order / size, rtol=1e-5)
    value, slope = loss(jnp.array([[size, size, 0.0]]))
    np.testing.assert_allclose(value, math.log(2), rtol=1e-6)
    assert np.all(np.isfinite(slope))
    assert loss(jnp.array([[size, 1.0, 0.0]]))[0] < 1e-19


def test_taylor_keeps_the_digits_of_a_small_loss():
    value, slope = grad(taylor_cross_entropy)(jnp.array([[1e4, 0.0, 0.0]]), jnp.array([0]))
    mass = 1 + 1e4 + 5e7
    np.testing.assert_allclose(value, np.log1p(2 / mass), rtol=1e-6)
    np.testing.assert_allclose(slope[0, 0], -(1 + 1e4) * 2 / (mass * (mass + 2)), rtol=1e-6)


def test_pc_softmax_is_logit_adjustment_up_to_a_constant():
    due, due_slope = grad(
        lambda z: softmax_cross_entropy_with_integer_labels(z + jnp.log(PRIORS)[None], LABELS, reduction="sum")
    )(LOGITS)
    got, slope = grad(lambda z: pc(z, LABELS, reduction="sum"))(LOGITS)
    np.testing.assert_allclose(got, due + jnp.sum(jnp.log(PRIORS)[LABELS]), rtol=1e-6)
    np.testing.assert_allclose(slope, due_slope, atol=2e-7)


def test_pc_softmax_by_definition_with_counts_for_priors():
    counts = np.array([40, 5, 25, 20, 10])
    z = LOGITS.astype(np.float64)
    total = (counts / 100 * np.exp(z)).sum(-1)
    got = jax.jit(lambda z: pc_softmax(z, LABELS, class_priors=counts, reduction="none"))(LOGITS)
    np.testing.assert_allclose(got, np.log(total) - z[np.arange(8), LABELS], rtol=2e-6)


def test_pc_softmax_of_equal_logits_is_zero():
    for size in (0.0, 0.3, -7.0, 1e4):
        assert abs(jax.jit(pc)(jnp.full((1, 5), size), jnp.array([1]))) < 1e-7


def test_large_margin_by_definition():
    z = LOGITS.astype(np.float64)
    others = np.exp(z) * (np.arange(5) != LABELS[:, None])
    q = others / others.sum(-1, keepdims=True)
    spread = ((q - 1 / 4) * np.log(np.where(q > 0, q, 1))).sum(-1)
    for options, lam in (({}, 0.3), ({"lam": 2.0}, 2.0), ({"lam": 0}, 0)):
        got = jax.jit(lambda z, o=options: large_margin_softmax(z, LABELS, **o, reduction="none"))(LOGITS)
        np.testing.assert_allclose(got, cross_entropy_of(np.exp(z)) + lam / 2 * spread, rtol=1e-6)


def test_large_margin_of_equal_others_is_cross_entropy():
    logits, labels = jnp.array([[50.0, 0.0, 0.0, 0.0]]), jnp.array([0])
    value, slope = grad(large_margin_softmax)(logits, labels)
    np.testing.assert_allclose(value, 3 * np.exp(-50.0), rtol=1e-5)
    np.testing.assert_allclose(slope[0, 1:], np.exp(-50.0), rtol=1e-5)


def test_large_margin_of_two_classes_is_cross_entropy():
    got = grad(large_margin_softmax)(LOGITS[:, :2], LABELS % 2)
    due = grad(softmax_cross_entropy_with_integer_labels)(LOGITS[:, :2], LABELS % 2)
    np.testing.assert_allclose(got[0], due[0], rtol=1e-6)
    np.testing.assert_allclose(got[1], due[1], atol=1e-7)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_distribution_gives_the_expected_loss(loss):
    one_hot = jax.nn.one_hot(LABELS, 5)
    mixed = 0.3 * one_hot + 0.7 * jnp.roll(one_hot, 1, axis=1)
    by_id = jax.jit(lambda y: loss(LOGITS, y, reduction="none"))
    due = 0.3 * by_id(LABELS) + 0.7 * by_id((LABELS + 1) % 5)
    got = jax.jit(lambda y: loss(LOGITS, y, reduction="none"))(mixed)
    np.testing.assert_allclose(got, due, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("labels", [np.array([2]), np.eye(3, dtype=np.float32)[2:]], ids=["id", "row"])
def test_impossible_classes(loss, labels):
    logits = jnp.array([[0.5, -jnp.inf, 0.2]])
    value, slope = grad(loss)(logits, labels)
    if loss is not pc:  # whose priors are those of all classes
        np.testing.assert_allclose(value, jax.jit(loss)(logits[:, [0, 2]], np.array([1])), rtol=1e-6)
    assert np.isfinite(value)
    assert np.all(np.isfinite(slope))
    assert slope[0, 1] == 0
    assert jax.jit(loss)(jnp.array([[0.5, 0.2, -jnp.inf]]), labels) == jnp.inf
    assert np.isfinite(jax.jit(lambda z: jax.jvp(lambda z: loss(z, labels), (z,), (jnp.ones_like(z),))[1])(logits))


@pytest.mark.parametrize("loss", [taylor_cross_entropy, large_margin_softmax])
def test_a_single_class_costs_nothing(loss):
    value, slope = grad(loss)(jnp.array([[3.0]]), jnp.array([0]))
    assert value == 0
    np.testing.assert_array_equal(slope, 0)


@pytest.mark.parametrize("loss", LOSSES)
def test_an_invalid_label_is_nan_also_when_compiled(loss):
    value, slope = grad(lambda z: loss(z, jnp.array([5, 0, -1]), reduction="none")[0])(LOGITS[:3])
    assert np.isnan(value)
    assert np.all(np.isnan(slope[0]))


def test_refused_parameters():
    for order in (3, 0, 2.0):
        with pytest.raises(ValueError, match="taylor_cross_entropy: order must be an even integer"):
            taylor_cross_entropy(LOGITS, LABELS, order=order)
    with pytest.raises(ValueError, match=r"pc_softmax: class_priors must have shape \(5,\)"):
        pc_softmax(LOGITS, LABELS, class_priors=jnp.ones(4))
    with pytest.raises(ValueError, match="large_margin_softmax: lam must be >= 0"):
        large_margin_softmax(LOGITS, LABELS, lam=-1)
