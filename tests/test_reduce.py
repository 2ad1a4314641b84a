"""Masks, weights and reductions: the seam of every loss."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jaxloss import reduce

VALUES = jnp.array([1.0, 2.0, 6.0])
small = st.floats(-8, 8, width=32)


def test_mean_divides_by_what_exists():
    assert reduce.apply("loss", VALUES) == 3
    assert reduce.apply("loss", VALUES, where=jnp.array([True, True, False])) == 1.5
    assert reduce.apply("loss", VALUES, weights=jnp.array([1.0, 0.0, 3.0])) == 4.75
    both = reduce.apply("loss", VALUES, where=jnp.array([True, True, False]), weights=jnp.array([1.0, 3.0, 5.0]))
    assert both == 1.75


@given(arrays(np.float32, 5, elements=small), arrays(np.bool_, 5), arrays(np.int32, 5, elements=st.integers(0, 3)))
def test_mean_is_the_mean_of_the_repeated_kept_values(values, where, counts):
    got = reduce.apply("loss", jnp.asarray(values), where=jnp.asarray(where), weights=jnp.asarray(counts))
    repeated = np.repeat(values[where], counts[where]).astype(np.float64)
    due = repeated.mean() if repeated.size else 0
    np.testing.assert_allclose(got, due, rtol=1e-6, atol=1e-6 * np.abs(values).max(initial=0))


def test_a_representable_mean_does_not_overflow_on_the_way():
    for where in (None, jnp.arange(5) > 1):
        np.testing.assert_allclose(reduce.apply("loss", jnp.full(5, 3e38), where=where), 3e38, rtol=2e-7)


def test_what_is_masked_is_zero_even_when_infinite():
    values = jnp.array([jnp.nan, 1.0, jnp.inf])
    where = jnp.array([False, True, False])
    weights = jnp.array([jnp.nan, 2.0, 1.0])
    np.testing.assert_array_equal(reduce.apply("loss", values, where=where, reduction="none"), [0, 1, 0])
    np.testing.assert_array_equal(
        reduce.apply("loss", values, where=where, weights=weights, reduction="none"), [0, 2, 0]
    )
    assert reduce.apply("loss", values, where=where, weights=weights) == 1


@pytest.mark.parametrize("options", [{"where": False}, {"weights": 0.0}, {"where": jnp.zeros((2, 1), bool)}])
def test_nothing_left_is_zero_with_zero_gradient(options):
    values = jnp.ones((2, 3))
    assert reduce.apply("loss", values, **options) == 0
    gradient = jax.grad(lambda v: reduce.apply("loss", v, **options))(values)
    np.testing.assert_array_equal(gradient, jnp.zeros((2, 3)))
    assert reduce.apply("loss", jnp.zeros((0, 3))) == 0


def test_a_function_receives_the_effective_weights():
    where = jnp.array([[True], [False]])
    values, weights = reduce.apply(
        "loss", jnp.ones((2, 3)), where=where, weights=jnp.array(2), reduction=lambda v, w: (v, w)
    )
    np.testing.assert_array_equal(values, [[1, 1, 1], [0, 0, 0]])
    np.testing.assert_array_equal(weights, [[2, 2, 2], [0, 0, 0]])


def test_accumulated_micro_batches_equal_the_whole_batch():
    values, where = jnp.arange(8.0), jnp.array([True, False, True, True, False, False, False, True])
    sums = [
        reduce.apply("loss", v, where=w, reduction=lambda v, w: jnp.stack([jnp.sum(v * w), jnp.sum(w)]))
        for v, w in ((values[:3], where[:3]), (values[3:], where[3:]))
    ]
    total, count = sum(sums)
    assert total / count == reduce.apply("loss", values, where=where)


def test_gradient_with_respect_to_the_weights():
    gradient = jax.grad(lambda w: reduce.apply("loss", VALUES, weights=w))(jnp.ones(3))
    np.testing.assert_allclose(gradient, (np.array([1, 2, 6]) - 3) / 3, rtol=1e-6)


def test_keep_stops_value_and_gradient():
    def loss(x):
        return jnp.sum(jnp.log(reduce.keep("loss", jnp.array([True, False]), x, fill=1)))

    x = jnp.array([2.0, jnp.nan])
    assert loss(x) == jnp.log(2.0)
    np.testing.assert_array_equal(jax.grad(loss)(x), [0.5, 0])


def test_keep_takes_rows_along_any_axis():
    rows = jnp.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(reduce.keep("loss", jnp.array([True, False]), rows, axis=-1), [[0, 1, 2], [0, 0, 0]])
    columns = jnp.array([True, False, True])
    np.testing.assert_array_equal(reduce.keep("loss", columns, rows, axis=-2), [[0, 0, 2], [3, 0, 5]])


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"where": jnp.ones(3)}, TypeError, "my_loss: where must be boolean, got float32"),
        ({"weights": jnp.ones(3, bool)}, TypeError, "a mask goes to where="),
        ({"where": jnp.ones((3, 1), bool)}, ValueError, r"match or stretch to \(3,\), .* got \(3, 1\)"),
        ({"weights": jnp.ones(2)}, ValueError, r"match or stretch to \(3,\), .* got \(2,\)"),
        ({"reduction": "avg"}, ValueError, "'mean', 'sum', 'none' or a function of .* got 'avg'"),
        ({"reduction": None}, ValueError, "got None"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(options, kind, message):
    with pytest.raises(kind, match=message):
        reduce.apply("my_loss", VALUES, **options)


def test_integer_weights_and_scalars_are_taken():
    assert reduce.apply("loss", VALUES, weights=jnp.array([0, 1, 0])) == 2
    assert reduce.apply("loss", VALUES, weights=3) == 3
    assert reduce.apply("loss", VALUES, weights=2.0, reduction="sum") == 18


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_coefficients_are_what_each_value_counts(reduction):
    values, where, weights = jnp.array([1.0, 2.0, 6.0]), jnp.array([True, True, False]), jnp.array([1.0, 3.0, 5.0])
    for options in ({}, {"where": where}, {"weights": weights}, {"where": where, "weights": weights}):
        counts = reduce.coefficients("loss", values, reduction=reduction, **options)
        due = reduce.apply("loss", values, reduction=reduction, **options)
        np.testing.assert_allclose(jnp.sum(counts * values), due, rtol=1e-6)
    none = reduce.coefficients("loss", values, where=jnp.zeros(3, bool), reduction=reduction)
    np.testing.assert_array_equal(none, 0)


def test_a_reduction_that_needs_the_values_has_no_coefficients():
    for reduction in ("none", lambda values, weights: values):
        assert reduce.coefficients("loss", jnp.ones(3), reduction=reduction) is None
    with pytest.raises(ValueError, match="reduction must be"):
        reduce.coefficients("loss", jnp.ones(3), reduction="avg")
