"""Listwise losses: by their definition, flat arrays of lists, and against rax."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ranking import list_mle, poly1_ranking, softmax_ranking, unique_softmax
from jaxloss.verify import check_gradients

RNG = np.random.default_rng(6)
each = pytest.mark.parametrize(
    "loss", [softmax_ranking, poly1_ranking, unique_softmax, list_mle], ids=lambda loss: loss.__name__
)
THEIRS = {
    softmax_ranking: "softmax_loss",
    poly1_ranking: "poly1_softmax_loss",
    unique_softmax: "unique_softmax_loss",
    list_mle: "listmle_loss",
}


def draw(*shape):
    return RNG.normal(size=shape), RNG.permuted(np.broadcast_to(np.arange(shape[-1]) // 2, shape), axis=-1).astype(
        float
    )


@each
def test_a_flat_array_of_lists(loss):
    """The items of three lists in any order give what the lists give, each at its first item, and their gradients."""
    scores, labels = draw(18)
    labels = RNG.permutation(18) / 6.0
    segments, where = RNG.integers(5, 8, 18), RNG.random(18) < 0.8
    with jax.enable_x64(True):
        s, y = jnp.asarray(scores), jnp.asarray(labels)
        options = {"segments": jnp.asarray(segments), "where": jnp.asarray(where)}
        got = loss(s, y, **options, reduction="none")
        slope = jax.grad(lambda s: jnp.sum(loss(s, y, **options, reduction="none")))(s)
        due, due_slope = np.zeros(18), np.zeros(18)
        for number in set(segments[where]):
            own = np.flatnonzero((segments == number) & where)
            due[own[0]], due_slope[own] = jax.value_and_grad(loss)(s[own], y[own])
        np.testing.assert_allclose(got, due, rtol=1e-12)
        np.testing.assert_allclose(slope, due_slope, rtol=1e-11, atol=1e-14)
        check_gradients(lambda s: loss(s, y, **options, reduction="none"), s, order=2)


@each
def test_the_same_as_rax(loss):
    rax = pytest.importorskip("rax", reason="compares with rax")
    scores, labels = draw(3, 12)
    labels = RNG.permuted(np.broadcast_to(np.arange(12) / 4, (3, 12)), axis=-1)
    where = jnp.asarray(RNG.random((3, 12)) < 0.7)
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        scores, labels = jnp.asarray(scores), jnp.asarray(labels)
        got = jax.value_and_grad(lambda s: loss(s, labels, where=where))(scores)
        due = jax.value_and_grad(lambda s: getattr(rax, THEIRS[loss])(s, labels, where=where))(scores)
    np.testing.assert_allclose(got[0], due[0], rtol=1e-12)
    np.testing.assert_allclose(got[1], due[1], rtol=1e-11, atol=1e-14)


def test_softmax_is_the_cross_entropy_of_the_labels():
    scores, labels = draw(4, 6)
    with jax.enable_x64(True):
        log_p = jax.nn.log_softmax(jnp.asarray(scores))
        got = softmax_ranking(jnp.asarray(scores), jnp.asarray(labels), reduction="none")
        np.testing.assert_allclose(got, -np.sum(labels * log_p, -1), rtol=1e-13)
        check_gradients(softmax_ranking, jnp.asarray(scores), jnp.asarray(labels), order=2)


def test_poly1_adds_the_probability_of_the_others():
    scores, labels = draw(4, 6)
    with jax.enable_x64(True):
        p = jax.nn.softmax(jnp.asarray(scores))
        missed = 1 - np.sum(p * labels, -1) / labels.sum(-1)
        got = poly1_ranking(jnp.asarray(scores), jnp.asarray(labels), epsilon=0.5, reduction="none")
        plain = softmax_ranking(jnp.asarray(scores), jnp.asarray(labels), reduction="none")
        np.testing.assert_allclose(got, plain + 0.5 * missed, rtol=1e-13)
        check_gradients(
            lambda s, y, e: poly1_ranking(s, y, epsilon=e, reduction="none"),
            jnp.asarray(scores),
            jnp.asarray(labels + 0.5),
            jnp.asarray([[0.5], [1.0], [2.0], [0.0]]),
            order=2,
        )


def test_unique_softmax_leaves_out_items_of_the_same_label():
    scores, labels = draw(9)
    due = 0.0
    for s, y in zip(scores, labels, strict=True):
        due += (2**y - 1) * np.log1p(np.sum(np.exp(scores[labels < y])) / np.exp(s))
    with jax.enable_x64(True):
        s, y = jnp.asarray(scores), jnp.asarray(labels)
        np.testing.assert_allclose(unique_softmax(s, y), due, rtol=1e-13)
        check_gradients(lambda s: unique_softmax(s, y), s, order=2)
        linear = unique_softmax(s, (y > 1).astype(y.dtype), gain="linear")
        np.testing.assert_allclose(linear, unique_softmax(s, (y > 1).astype(y.dtype)), rtol=1e-13)


def test_list_mle_is_the_likelihood_of_the_order():
    scores, labels = RNG.normal(size=7), RNG.permutation(7)
    ordered = np.exp(scores[np.argsort(-labels)])
    due = -sum(np.log(ordered[k] / ordered[k:].sum()) for k in range(7))
    with jax.enable_x64(True):
        np.testing.assert_allclose(list_mle(jnp.asarray(scores), jnp.asarray(labels)), due, rtol=1e-13)


def test_a_key_orders_equal_labels():
    """Over many keys, the mean over both orders of the two."""
    scores, labels = jnp.array([0.5, -1.0, 2.0]), jnp.array([1, 1, 0])
    found = {float(list_mle(scores, labels, key=jax.random.key(i))) for i in range(20)}
    due = [list_mle(scores, jnp.array(order)) for order in ([2, 1, 0], [1, 2, 0])]
    np.testing.assert_allclose(sorted(found), sorted(due), rtol=1e-6)


def test_a_list_in_order_keeps_its_digits():
    """The loss is about e^-30: as a difference of logarithms it would be 0."""
    value, slope = jax.value_and_grad(list_mle)(jnp.array([60.0, 30.0]), jnp.array([1, 0]))
    np.testing.assert_allclose(value, np.exp(-30), rtol=1e-6)
    np.testing.assert_allclose(slope, [-np.exp(-30), np.exp(-30)], rtol=1e-6)
    value, slope = jax.value_and_grad(softmax_ranking)(jnp.array([60.0, 30.0]), jnp.array([1, 0]))
    np.testing.assert_allclose(value, np.exp(-30), rtol=1e-6)
    np.testing.assert_allclose(slope, [-np.exp(-30), np.exp(-30)], rtol=1e-6)


@each
def test_without_a_relevant_item_nothing_is_lost(loss):
    value, slope = jax.value_and_grad(loss)(jnp.array([[1.0, -2.0, 0.0]]), jnp.zeros((1, 3)))
    assert value == 0
    assert np.all(slope == 0)
    assert loss(jnp.zeros((2, 0)), jnp.zeros((2, 0))) == 0


@each
def test_scores_of_minus_infinity_and_huge_scores(loss):
    labels = jnp.array([2, 0, 1, 0])
    value, slope = jax.value_and_grad(loss)(jnp.array([0.5, -jnp.inf, 1.0, -1.0]), labels)
    far = jax.value_and_grad(loss)(jnp.array([0.5, -200.0, 1.0, -1.0]), labels)
    if loss is not list_mle:  # the place of an item that is never chosen costs nothing only if it is the last
        np.testing.assert_allclose(value, far[0], rtol=1e-6)
        np.testing.assert_allclose(slope, far[1], rtol=1e-6, atol=1e-7)
    for scores in ([1e30, -1e30, 0.0, 1e30], [-jnp.inf] * 4):
        value, slope = jax.value_and_grad(loss)(jnp.array(scores), labels)
        assert not np.isnan(value)
        assert not np.isnan(slope).any()
