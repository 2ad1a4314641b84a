"""Measures, against published numbers, scikit-learn and rax, and the losses that tend to them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ranking import (
    approx_mrr,
    approx_ndcg,
    average_precision,
    dcg,
    ndcg,
    neural_ndcg,
    pairs,
    precision_at_k,
    recall_at_k,
    reciprocal_rank,
)
from jaxloss.verify import check_gradients

RNG = np.random.default_rng(8)
MEASURES = {
    "dcg": (dcg, "dcg_metric"),
    "ndcg": (ndcg, "ndcg_metric"),
    "reciprocal_rank": (reciprocal_rank, "mrr_metric"),
    "average_precision": (average_precision, "ap_metric"),
    "precision_at_k": (precision_at_k, "precision_metric"),
    "recall_at_k": (recall_at_k, "recall_metric"),
}
SMOOTH = {"approx_ndcg": approx_ndcg, "approx_mrr": approx_mrr, "neural_ndcg": neural_ndcg}


def test_a_published_example_of_discounted_gain():
    """Grades 3 2 3 0 1 2 in this order: DCG 6.861, NDCG 0.961 of these six (Wikipedia, Discounted cumulative gain)."""
    scores, grades = -jnp.arange(6.0), jnp.array([3, 2, 3, 0, 1, 2])
    np.testing.assert_allclose(dcg(scores, grades, gain="linear"), 6.861, atol=5e-4)
    np.testing.assert_allclose(ndcg(scores, grades, gain="linear"), 0.961, atol=5e-4)


def test_a_published_example_of_reciprocal_ranks():
    """Ranks 3, 2, 1: MRR 11/18 (Wikipedia, Mean reciprocal rank)."""
    scores = jnp.broadcast_to(-jnp.arange(3.0), (3, 3))
    np.testing.assert_allclose(reciprocal_rank(scores, jnp.eye(3)[::-1]), 11 / 18, rtol=1e-6)


def test_a_published_example_of_average_precision():
    """Relevant at ranks 1, 3, 6, 9, 10: 0.62 (Manning, Stanford CS276, lecture 8)."""
    labels = jnp.zeros(10).at[jnp.array([0, 2, 5, 8, 9])].set(1)
    np.testing.assert_allclose(average_precision(-jnp.arange(10.0), labels), 0.62, atol=5e-3)


@pytest.mark.parametrize("k", [None, 4])
def test_the_same_as_scikit_learn(k):
    metrics = pytest.importorskip("sklearn.metrics", reason="compares with scikit-learn")
    scores, labels = RNG.normal(size=(5, 11)), RNG.integers(0, 4, (5, 11)).astype(float)
    with jax.enable_x64(True):
        for ours, theirs in ((dcg, metrics.dcg_score), (ndcg, metrics.ndcg_score)):
            got = ours(jnp.asarray(scores), jnp.asarray(labels), k=k, gain="linear")
            np.testing.assert_allclose(got, theirs(labels, scores, k=k), rtol=1e-12)
        got = average_precision(jnp.asarray(scores), jnp.asarray(labels), reduction="none")
        due = [metrics.average_precision_score(y > 0, s) for y, s in zip(labels, scores, strict=True)]
        np.testing.assert_allclose(got, due, rtol=1e-12)


@pytest.mark.parametrize("k", [None, 3])
@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("name", MEASURES)
def test_the_same_as_rax(name, flat, k):
    rax = pytest.importorskip("rax", reason="compares with rax")
    ours, theirs = MEASURES[name]
    scores, labels = np.round(RNG.normal(size=(4, 9)), 1), RNG.integers(0, 3, (4, 9)).astype(float)
    options = {"where": jnp.asarray(RNG.random((4, 9)) < 0.8)}
    if flat:
        options["segments"] = jnp.asarray(RNG.integers(0, 3, (4, 9)))
    if flat and name == "average_precision":
        options.pop("where")  # rax counts masked items there
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        got = ours(jnp.asarray(scores), jnp.asarray(labels), k=k or 9, **options)
        due = getattr(rax, theirs)(jnp.asarray(scores), jnp.asarray(labels), topn=k or 9, **options)
    np.testing.assert_allclose(got, due, rtol=1e-6)  # rax keeps what is within k in float32


def test_measures_have_no_gradient_and_nothing_relevant_gives_0():
    scores = jnp.array([[0.5, -1.0, 2.0], [0.0, 1.0, 2.0]])
    for measure, _ in MEASURES.values():
        np.testing.assert_array_equal(measure(scores, jnp.zeros((2, 3)), reduction="none"), 0)
        np.testing.assert_array_equal(jax.grad(lambda s, m=measure: m(s, jnp.ones((2, 3))))(scores), 0)
        assert measure(scores[:, :0], scores[:, :0]) == 0
        with pytest.raises(ValueError, match=f"{measure.__name__}: k must be at least 1, got 0"):
            measure(scores, scores, k=0)


def test_an_item_that_does_not_exist_has_no_rank():
    scores, labels = jnp.array([3.0, 2.0, 1.0]), jnp.array([0, 0, 1])
    where = jnp.array([False, True, True])
    assert reciprocal_rank(scores, labels, where=where) == 0.5
    assert precision_at_k(scores, labels, where=where, k=3) == 0.5
    assert ndcg(scores.at[0].set(jnp.nan), labels, where=where) == ndcg(scores[1:], labels[1:])


@pytest.mark.parametrize("name", SMOOTH)
def test_a_cold_loss_is_minus_the_measure(name):
    scores, labels = RNG.permutation(8)[None] + 0.1 * RNG.random((3, 8)), RNG.integers(0, 3, (3, 8))
    measure = reciprocal_rank if name == "approx_mrr" else ndcg
    got = SMOOTH[name](jnp.asarray(scores, jnp.float32), labels, temperature=1e-2, reduction="none")
    np.testing.assert_allclose(got, -measure(jnp.asarray(scores, jnp.float32), labels, reduction="none"), rtol=1e-5)


@pytest.mark.parametrize("name", ["approx_ndcg", "approx_mrr"])
@pytest.mark.parametrize("flat", [False, True])
def test_approximations_are_those_of_rax(name, flat):
    rax = pytest.importorskip("rax", reason="compares with rax")
    theirs = {"approx_ndcg": rax.ndcg_metric, "approx_mrr": rax.mrr_metric}[name]
    theirs = functools.partial(theirs, rank_fn=rax.utils.approx_ranks)
    scores, labels = RNG.normal(size=(4, 9)), RNG.integers(0, 3, (4, 9)).astype(float)
    options = {"where": jnp.asarray(RNG.random((4, 9)) < 0.8)}
    if flat:
        options["segments"] = jnp.asarray(RNG.integers(0, 3, (4, 9)))
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        scores, labels = jnp.asarray(scores), jnp.asarray(labels)
        got = jax.value_and_grad(lambda s: -SMOOTH[name](s, labels, **options))(scores)
        due = jax.value_and_grad(lambda s: theirs(s, labels, **options))(scores)
    np.testing.assert_allclose(got[0], due[0], rtol=1e-12)
    np.testing.assert_allclose(got[1], due[1], rtol=1e-11, atol=1e-15)


def test_a_soft_permutation_is_scaled_to_be_doubly_stochastic():
    """With equal gains in all places but one, and a cutoff of none, DCG of P sums what its rows and columns are."""
    scores = jnp.asarray(RNG.normal(size=6), jnp.float32)
    earned = [
        -neural_ndcg(scores, jnp.eye(6, dtype=jnp.float32)[i], k=1, scalings=200, gain="linear") for i in range(6)
    ]
    np.testing.assert_allclose(sum(earned), 1, rtol=1e-5)  # the first row, over the best gain of 1
    full = -neural_ndcg(scores, jnp.ones(6), scalings=200)
    np.testing.assert_allclose(full, 1, rtol=1e-5)  # every row sums to 1


@pytest.mark.parametrize("name", SMOOTH)
def test_a_flat_array_of_lists_and_blocks(name, monkeypatch):
    monkeypatch.setattr(pairs, "BLOCK", 18 * 5)
    jax.clear_caches()
    loss = functools.partial(SMOOTH[name], temperature=0.7)
    scores, labels = RNG.normal(size=18), RNG.integers(0, 3, 18).astype(float)
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
        np.testing.assert_allclose(slope, due_slope, rtol=1e-10, atol=1e-13)
        if name == "approx_ndcg":
            check_gradients(lambda s: loss(s, y, **options, reduction="none"), s, order=2)
    jax.clear_caches()


@pytest.mark.parametrize("name", SMOOTH)
def test_lists_of_nothing_relevant(name):
    value, slope = jax.value_and_grad(SMOOTH[name])(jnp.array([1.0, -2.0, 0.0]), jnp.zeros(3))
    assert value == 0
    assert np.all(slope == 0)
    assert SMOOTH[name](jnp.zeros((2, 0)), jnp.zeros((2, 0))) == 0


@pytest.mark.parametrize("name", ["approx_ndcg", "approx_mrr"])
def test_scores_of_minus_infinity_are_last(name):
    scores, labels = jnp.array([0.5, -jnp.inf, 1.0, -jnp.inf]), jnp.array([0, 0, 1, 2])
    got = jax.value_and_grad(SMOOTH[name])(scores, labels)
    far = jax.value_and_grad(SMOOTH[name])(jnp.where(scores == -jnp.inf, -1e4, scores), labels)
    np.testing.assert_allclose(got[0], far[0], rtol=1e-6)
    np.testing.assert_allclose(got[1][::2], far[1][::2], rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(got[1][1::2], 0)  # no finite change brings them up


def test_parameters_out_of_range_are_refused():
    scores = jnp.zeros(3)
    for call, message in (
        (lambda: approx_ndcg(scores, scores, temperature=0), "approx_ndcg: temperature must be positive, got 0"),
        (
            lambda: approx_ndcg(scores, scores, gain="square"),
            "approx_ndcg: gain must be one of 'exponential', 'linear'",
        ),
        (lambda: neural_ndcg(scores, scores, k=0), "neural_ndcg: k must be at least 1"),
        (lambda: neural_ndcg(scores, scores, scalings=-1), "neural_ndcg: scalings must not be negative"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
