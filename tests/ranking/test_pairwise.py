"""Pairwise losses: by their definition over pairs, in blocks and sorted, flat and long lists, and against rax."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import measure
from jaxloss.ranking import (
    dcg2_lambda,
    dcg_lambda,
    label_lambda,
    pairs,
    pairwise,
    pairwise_hinge,
    pairwise_logistic,
    pairwise_soft_zero_one,
    pairwise_squared,
    precision_at_k,
    precision_lambda,
    ranking_pairs,
)
from jaxloss.ranking.lists import list_items
from jaxloss.ranking.sorted_hinge import hinge_totals
from jaxloss.verify import check_gradients

RNG = np.random.default_rng(5)
MARGINS = {
    pairwise_hinge: lambda t: np.maximum(1 - t, 0),
    pairwise_logistic: lambda t: np.logaddexp(0, -t),
    pairwise_soft_zero_one: lambda t: 1 / (1 + np.exp(t)),
}
each = pytest.mark.parametrize("loss", MARGINS, ids=lambda loss: loss.__name__)


def by_definition(loss, scores, labels, weight=lambda i, j: 1):
    found = [
        weight(i, j) * MARGINS[loss](scores[i] - scores[j])
        for i in range(len(scores))
        for j in range(len(scores))
        if labels[i] > labels[j]
    ]
    return np.mean(found) if found else 0.0


def draw(*shape, levels=4, ties=True):
    scores = RNG.normal(size=shape)
    return np.round(2 * scores) / 2 if ties else scores, RNG.integers(0, levels, shape).astype(float)


@each
def test_the_mean_over_the_pairs_of_each_list(loss):
    scores, labels = draw(3, 9)
    with jax.enable_x64(True):
        got = loss(jnp.asarray(scores), jnp.asarray(labels), reduction="none")
        np.testing.assert_allclose(
            got, [by_definition(loss, *row) for row in zip(scores, labels, strict=True)], rtol=1e-13
        )
        np.testing.assert_allclose(loss(jnp.asarray(scores), jnp.asarray(labels)), np.mean(got), rtol=1e-13)


@each
def test_blocks_of_rows_change_nothing(loss, monkeypatch):
    scores, labels = draw(2, 37)
    where = RNG.random((2, 37)) < 0.8
    with jax.enable_x64(True):
        run = jax.value_and_grad(
            lambda s: jnp.sum(jnp.sin(loss(s, jnp.asarray(labels), where=where, reduction="none")))
        )
        due = run(jnp.asarray(scores))
        monkeypatch.setattr(pairs, "BLOCK", 2 * 37 * 5)  # five rows at a time, the last block cut
        jax.clear_caches()
        got = run(jnp.asarray(scores))
        jax.clear_caches()
    np.testing.assert_allclose(got[0], due[0], rtol=1e-14)
    np.testing.assert_allclose(got[1], due[1], rtol=1e-12, atol=1e-16)


def test_second_derivatives_in_blocks(monkeypatch):
    monkeypatch.setattr(pairs, "BLOCK", 12)
    jax.clear_caches()
    scores, labels = draw(6, ties=False)
    for loss in (pairwise_logistic, pairwise_soft_zero_one):
        check_gradients(lambda s, f=loss: f(s, jnp.asarray(labels)), jnp.asarray(scores), order=2)
    jax.clear_caches()


@each
def test_a_flat_array_of_lists(loss):
    """The items of three lists in any order give what the lists give, each at its first item."""
    scores, labels = draw(20)
    segments, where = RNG.integers(5, 8, 20), RNG.random(20) < 0.8
    with jax.enable_x64(True):
        s, y = jnp.asarray(scores), jnp.asarray(labels)
        options = {"segments": jnp.asarray(segments), "where": jnp.asarray(where)}
        got = loss(s, y, **options, reduction="none")
        due = np.zeros(20)
        for number in set(segments[where]):
            own = np.flatnonzero((segments == number) & where)
            due[own[0]] = by_definition(loss, scores[own], labels[own])
        np.testing.assert_allclose(got, due, rtol=1e-13)
        np.testing.assert_allclose(loss(s, y, **options), due.sum() / len(set(segments[where])), rtol=1e-13)
        check_gradients(lambda s: loss(s, y, **options, reduction="none"), s + 1e-2 * jnp.asarray(RNG.normal(size=20)))


@pytest.mark.parametrize("levels", [1, 2, 5, 40])
@pytest.mark.parametrize("flat", [False, True])
def test_the_hinge_by_sorting_is_that_of_pairs(levels, flat):
    scores, labels = draw(2, 40, levels=levels)
    where, segments = RNG.random((2, 40)) < 0.8, RNG.integers(0, 3, (2, 40)) if flat else None
    with jax.enable_x64(True):
        s, y, lists = list_items("test", scores, labels, jnp.asarray(where), segments)
        first = lists.firsts(s.shape) if flat else jnp.ones((2, 1), bool)
        cotangent = jnp.where(first, jnp.asarray(RNG.normal(size=first.shape)), 0)
        value, pull = jax.vjp(lambda s: hinge_totals(s, y, lists), s)
        ones = jnp.ones(s.shape, jnp.int32)
        due, due_pull = jax.vjp(
            lambda s: pairs.pair_totals(pairwise.HINGE, None, s, pairs.Items(y, ones, ones, lists)), s
        )
        np.testing.assert_allclose(value, due, rtol=1e-13)
        np.testing.assert_allclose(pull(cotangent)[0], due_pull(cotangent)[0], rtol=1e-12, atol=1e-14)


def test_a_long_list_is_sorted(monkeypatch):
    monkeypatch.setattr(pairwise, "LONG", 8)
    scores, labels = draw(30, ties=False)
    called = []
    monkeypatch.setattr(pairwise, "hinge_totals", lambda *a: called.append(1) or hinge_totals(*a))
    with jax.enable_x64(True):
        got = pairwise_hinge(jnp.asarray(scores), jnp.asarray(labels))
        np.testing.assert_allclose(got, by_definition(pairwise_hinge, scores, labels), rtol=1e-13)
        check_gradients(lambda s: pairwise_hinge(s, jnp.asarray(labels)), jnp.asarray(scores))
    assert called


def test_sorted_keys_compare_as_exact_numbers():
    """Where s - 1 rounds to s, equal items are 0 apart and not 1; one ulp decides the slope of a pair 1 apart."""
    for s, y, due, slope in (
        ([1e30, 1e30], [1, 0], 1.0, -1.0),
        ([1 + 2.0**-23, 0.0], [1, 0], 0.0, 0.0),
        ([1 - 2.0**-24, 0.0], [1, 0], 2.0**-24, -1.0),
        ([3e-30, 1e-30], [1, 0], 1.0, -1.0),
    ):
        s, y, lists = list_items("test", jnp.array(s, jnp.float32), jnp.array(y), None, None)
        value, slopes = jax.value_and_grad(lambda s, y=y, lists=lists: jnp.sum(hinge_totals(s, y, lists)))(s)
        assert (value, slopes[0], slopes[1]) == (due, slope, -slope)


@each
def test_scores_of_minus_infinity_are_last(loss):
    worst = jnp.array([0.5, -jnp.inf, 1.0, -jnp.inf])
    value, slope = jax.value_and_grad(loss)(worst, jnp.array([2, 0, 1, 0]))
    far = jax.value_and_grad(loss)(jnp.where(worst == -jnp.inf, -1e4, worst), jnp.array([2, 0, 1, 0]))
    np.testing.assert_allclose(value, far[0], rtol=1e-6)
    np.testing.assert_allclose(slope, far[1], rtol=1e-6)
    tied = loss(jnp.array([-jnp.inf, -jnp.inf]), jnp.array([1, 0]))
    np.testing.assert_allclose(tied, loss(jnp.zeros(2), jnp.array([1, 0])), rtol=1e-6)
    value, slope = jax.value_and_grad(loss)(jnp.array([-jnp.inf, 0.0]), jnp.array([1, 0]))
    assert not np.isnan(value)
    assert np.isfinite(slope).all()


@each
def test_without_a_pair_nothing_is_lost(loss):
    value, slope = jax.value_and_grad(loss)(jnp.array([[1.0, 2.0, 0.0]]), jnp.zeros((1, 3)))
    assert value == 0
    assert np.all(slope == 0)
    assert loss(jnp.zeros((2, 0)), jnp.zeros((2, 0))) == 0
    assert loss(jnp.zeros((0, 3)), jnp.zeros((0, 3))) == 0


def test_at_equal_scores_the_slope_is_a_half():
    """Where rax's pointwise loss has a wrong gradient, at a score of exactly 0."""
    for loss, due in ((pairwise_logistic, 0.5), (pairwise_soft_zero_one, 0.25), (pairwise_hinge, 1.0)):
        np.testing.assert_array_equal(jax.grad(loss)(jnp.zeros(2), jnp.array([1, 0])), [-due, due])


def test_labels_have_no_gradient():
    scores, labels = map(jnp.asarray, draw(2, 6))
    for loss in MARGINS:
        slope = jax.grad(lambda y, f=loss: f(scores, y, lambda_weights=dcg_lambda))(labels)
        np.testing.assert_array_equal(slope, 0)


def discount(rank):
    return 1 / np.log2(1 + rank)


WEIGHTS = {
    "label": (label_lambda, lambda y, z, r, q: abs(y - z)),
    "dcg": (dcg_lambda, lambda y, z, r, q: abs(2**y - 2**z) * abs(discount(r) - discount(q))),
    "dcg2": (
        dcg2_lambda,
        lambda y, z, r, q: abs(2**y - 2**z) * (discount(abs(r - q)) - discount(abs(r - q) + 1)),
    ),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_lambda_weights_by_their_definition(name):
    given, weight = WEIGHTS[name]
    scores, labels = draw(11, ties=False)
    rank = 1 + np.argsort(np.argsort(-scores))
    due = by_definition(pairwise_logistic, scores, labels, lambda i, j: weight(labels[i], labels[j], rank[i], rank[j]))
    with jax.enable_x64(True):
        got = pairwise_logistic(jnp.asarray(scores), jnp.asarray(labels), lambda_weights=given)
        np.testing.assert_allclose(got, due, rtol=1e-13)
        check_gradients(
            lambda s: pairwise_logistic(s, jnp.asarray(labels), lambda_weights=given), jnp.asarray(scores), order=2
        )


def test_the_precision_weight_is_what_a_swap_changes():
    scores, labels = draw(7, levels=2, ties=False)
    changes = 0.0
    precision = lambda s: float(precision_at_k(jnp.asarray(s), labels, k=3))
    for i in range(7):
        for j in range(7):
            if labels[i] > labels[j]:
                swapped = scores.copy()
                swapped[[i, j]] = scores[[j, i]]
                changes += abs(precision(swapped) - precision(scores)) * np.logaddexp(0, scores[j] - scores[i])
    got = pairwise_logistic(
        jnp.asarray(scores), labels, lambda_weights=functools.partial(precision_lambda, k=3), reduction="none"
    )
    np.testing.assert_allclose(got * ranking_pairs(labels), changes, rtol=1e-5)


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("k", [None, 3])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("ours", [dcg_lambda, dcg2_lambda], ids=lambda f: f.__name__)
def test_lambda_weights_are_those_of_rax(ours, normalize, k, flat):
    rax = pytest.importorskip("rax", reason="compares with rax")
    theirs = {dcg_lambda: rax.dcg_lambdaweight, dcg2_lambda: rax.dcg2_lambdaweight}[ours]
    scores, labels = draw(1, 12, ties=False)
    if flat and normalize:
        pytest.skip("rax normalizes the first item of each segment alone")
    segments = RNG.integers(0, 2, (1, 12)) if flat else None
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        scores, labels = jnp.asarray(scores), jnp.asarray(labels)
        options = {"segments": None if segments is None else jnp.asarray(segments)}
        got, due = (
            jax.value_and_grad(lambda s, f=f, o=o: f(s, labels, **options, **o))(scores)
            for f, o in (
                (
                    pairwise_logistic,
                    {
                        "lambda_weights": functools.partial(ours, normalize=normalize, k=k),
                        "weights": ranking_pairs(labels, **options),
                    },
                ),
                (
                    rax.pairwise_logistic_loss,
                    {"lambdaweight_fn": functools.partial(theirs, normalize=normalize, topn=k)},
                ),
            )
        )
        np.testing.assert_allclose(12 * got[0], due[0], rtol=1e-12)  # rax multiplies by the length of the array
        np.testing.assert_allclose(12 * got[1], due[1], rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("flat", [False, True])
@each
def test_rax_has_the_mean_over_the_pairs_of_all_lists(loss, flat):
    rax = pytest.importorskip("rax", reason="compares with rax")
    scores, labels = draw(3, 14, ties=False)
    options = {"where": RNG.random((3, 14)) < 0.7, "segments": RNG.integers(0, 3, (3, 14)) if flat else None}
    theirs = getattr(rax, f"{loss.__name__}_loss")
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        options = {key: None if value is None else jnp.asarray(value) for key, value in options.items()}
        scores, labels = jnp.asarray(scores), jnp.asarray(labels)
        counts = ranking_pairs(labels, **options)
        got = jax.value_and_grad(lambda s: loss(s, labels, weights=counts, **options))(scores)
        due = jax.value_and_grad(lambda s: theirs(s, labels, **options))(scores)
    np.testing.assert_allclose(got[0], due[0], rtol=1e-12)
    np.testing.assert_allclose(got[1], due[1], rtol=1e-11, atol=1e-15)


def test_squared_is_the_mean_over_all_pairs():
    scores, labels = draw(3, 9)
    errors = scores - labels
    due = np.mean((errors[:, :, None] - errors[:, None]) ** 2, axis=(1, 2))
    with jax.enable_x64(True):
        got = pairwise_squared(jnp.asarray(scores), jnp.asarray(labels), reduction="none")
    np.testing.assert_allclose(got, due, rtol=1e-13)


def test_pairs_are_counted():
    labels = np.array([[3, 1, 1, 0, 2], [1, 1, 1, 1, 1]])
    np.testing.assert_array_equal(ranking_pairs(labels), [9, 0])
    where = jnp.array([[True, True, False, True, True], [True] * 5])
    np.testing.assert_array_equal(ranking_pairs(labels, where=where), [6, 0])
    np.testing.assert_array_equal(
        ranking_pairs(jnp.array([0, 1, 1, 2, 0]), segments=jnp.array([4, 4, 9, 9, 9])), [1, 0, 3, 0, 0]
    )


@pytest.mark.parametrize(("loss", "bound"), [(pairwise_hinge, 36e6), (pairwise_logistic, 64e6)])
def test_memory_is_that_of_the_items(loss, bound):
    """An eighth of what rax takes for eight lists of two thousand (288 and 512 MB); no array of all pairs."""
    lists = jax.ShapeDtypeStruct((8, 2000), jnp.float32)
    assert measure.compile(jax.value_and_grad(loss), lists, lists).temp_bytes < bound / 4
    long = jax.ShapeDtypeStruct((30000,), jnp.float32)
    assert measure.compile(jax.value_and_grad(loss), long, long).temp_bytes < 30000 * 4 * 300


def test_a_second_call_outside_jit_compiles_nothing():
    scores, labels = map(jnp.asarray, draw(2, 6))
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: compiled.append(event))
    try:
        run = lambda: [loss(scores, labels, lambda_weights=dcg_lambda) for loss in MARGINS]
        run()
        compiled.clear()
        run()
        assert not any("backend_compile" in event for event in compiled)
    finally:
        jax.monitoring.clear_event_listeners()


def test_what_does_not_fit_is_named():
    scores = jnp.zeros((2, 3))
    for call, error, message in (
        (
            lambda: pairwise_hinge(scores, jnp.zeros(3)),
            ValueError,
            "pairwise_hinge: scores and labels must have the same",
        ),
        (lambda: pairwise_hinge(jnp.float32(0), jnp.float32(0)), ValueError, "must have an axis of items"),
        (lambda: pairwise_hinge(scores, scores, segments=scores), TypeError, "segments must be integers, got float32"),
        (
            lambda: pairwise_hinge(scores, scores, segments=jnp.zeros(3, int)),
            ValueError,
            "scores and segments must have",
        ),
        (
            lambda: pairwise_hinge(scores, scores, where=jnp.ones(3, bool)),
            ValueError,
            "where must be a scalar or have 2",
        ),
        (
            lambda: pairwise_hinge(scores, scores, weights=jnp.ones((2, 3))),
            ValueError,
            "weights must be a scalar or have",
        ),
    ):
        with pytest.raises(error, match=message):
            call()
