"""Soft-DTW and DILATE against every alignment one by one, and their limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import dilate, soft_dtw, soft_dtw_divergence


def _alignments(rows, columns):
    if rows == columns == 1:
        return [[(0, 0)]]
    ends = [(1, 0), (0, 1), (1, 1)]
    shorter = [p for i, j in ends if rows > i and columns > j for p in _alignments(rows - i, columns - j)]
    return [[*path, (rows - 1, columns - 1)] for path in shorter]


def _costs(x, y):
    return [sum(jnp.sum((x[i] - y[j]) ** 2) for i, j in path) for path in _alignments(len(x), len(y))]


def _series(seed=0, batch=2, n=4, m=3):
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.normal(size=(batch, n, 2))), jnp.asarray(rng.normal(size=(batch, m, 2)))


@pytest.mark.parametrize("gamma", [0.1, 1.0, 10.0])
def test_soft_dtw_equals_the_sum_over_alignments(gamma):
    with jax.enable_x64(True):
        x, y = _series()
        one = lambda x, y: -gamma * jax.nn.logsumexp(-jnp.stack(_costs(x, y)) / gamma)
        definition = lambda x, y: sum(one(*pair) for pair in zip(x, y, strict=True))
        loss = lambda x, y: soft_dtw(x, y, gamma=gamma, reduction="sum")
        got, slopes = jax.value_and_grad(loss, (0, 1))(x, y)
        due, slopes_due = jax.value_and_grad(definition, (0, 1))(x, y)
        np.testing.assert_allclose(got, due, rtol=1e-13)
        for mine, theirs in zip(slopes, slopes_due, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-13)


def test_dilate_equals_the_mean_over_alignments():
    with jax.enable_x64(True):
        x, y = _series(1)

        def definition(x, y):
            weights = jax.nn.softmax(-jnp.stack(_costs(x, y)) / 0.5)
            late = [sum((i / 4 - j / 3) ** 2 for i, j in path) for path in _alignments(4, 3)]
            return jnp.vdot(weights, jnp.asarray(late))

        time = lambda x: dilate(x, y, alpha=0.0, gamma=0.5, reduction="sum")
        got, slope = jax.value_and_grad(time)(x)
        due, slope_due = jax.value_and_grad(lambda x: sum(map(definition, x, y)))(x)
        np.testing.assert_allclose(got, due, rtol=1e-13)
        np.testing.assert_allclose(slope, slope_due, rtol=1e-11, atol=1e-13)
        shape = dilate(x, y, alpha=1.0, gamma=0.5)
        np.testing.assert_allclose(shape, soft_dtw(x, y, gamma=0.5), rtol=1e-13)


def test_a_small_gamma_is_dynamic_time_warping():
    x, y = _series(2, n=6, m=5)
    least = [min(map(float, _costs(*pair))) for pair in zip(x, y, strict=True)]
    np.testing.assert_allclose(soft_dtw(x, y, gamma=1e-4, reduction="none"), least, rtol=1e-3)


def test_divergence_is_zero_and_stationary_at_the_target():
    with jax.enable_x64(True):
        x, _ = _series(3)
        value, slope = jax.value_and_grad(soft_dtw_divergence)(x, x)
        assert value == 0
        np.testing.assert_allclose(slope, 0, atol=1e-14)
        for seed in range(5):
            assert soft_dtw_divergence(*_series(seed), gamma=0.5) > 0
        assert soft_dtw(x, x) < 0


def test_lengths_cut_the_series():
    x, y = _series(4)
    n, m = jnp.array([2, 4]), jnp.array([3, 1])
    for loss in (soft_dtw, soft_dtw_divergence, dilate):
        run = lambda x, y, loss=loss: loss(x, y, prediction_lengths=n, target_lengths=m, gamma=0.5, reduction="none")
        due = [loss(x[i : i + 1, : n[i]], y[i : i + 1, : m[i]], gamma=0.5) for i in range(2)]
        poisoned = x.at[0, 2:].set(jnp.nan), y.at[1, 1:].set(jnp.inf)
        np.testing.assert_allclose(run(*poisoned), due, rtol=1e-5)
        slope = jax.grad(lambda x, y, run=run: jnp.sum(run(x, y)))(*poisoned)
        assert jnp.all(jnp.isfinite(slope))
        assert not jnp.any(slope[0, 2:])


def test_an_empty_series_costs_nothing_and_a_length_that_does_not_fit_is_nan():
    x, y = _series(5)
    values = soft_dtw(x, y, prediction_lengths=jnp.array([0, 5]), reduction="none")
    assert values[0] == 0
    assert jnp.isnan(values[1])


def test_float32_keeps_its_digits_over_long_series():
    rng = np.random.default_rng(6)
    x, y = (np.cumsum(rng.normal(size=(2, 200, 1)), 1).astype(np.float32) for _ in range(2))
    run = jax.value_and_grad(lambda x, y: soft_dtw(x, y, gamma=10.0))
    value, slope = run(jnp.asarray(x), jnp.asarray(y))
    with jax.enable_x64(True):
        due, exact = run(jnp.asarray(x, jnp.float64), jnp.asarray(y, jnp.float64))
    assert abs(float(value) / float(due) - 1) < 1e-6
    scale = float(np.max(np.abs(np.asarray(exact))))
    # Costs of up to 20 gamma, rounded in each of 400 steps: sqrt(400) ulp of 20 is 4e-5.
    assert np.max(np.abs(slope - np.asarray(exact))) < 1e-4 * scale


def test_float32_keeps_the_digits_of_nearly_equal_series_and_of_displacements():
    rng = np.random.default_rng(7)
    x = np.cumsum(rng.normal(size=(1, 200, 2)), 1).astype(np.float32)
    y = (x[:, 1:] * (1 + 1e-2 * rng.normal(size=x[:, 1:].shape))).astype(np.float32)
    for loss, bound in (
        # Differences x - y keep their digits, and so do shares: 400 products of which each is rounded by an ulp.
        (lambda x, y: soft_dtw(x, y, gamma=10.0), 400**0.5 * 6e-8),
        # Differences of sums of about 400 displacements of up to 0.1 gamma.
        (lambda x, y: dilate(x, y, alpha=0.0, gamma=10.0), 1e-4),
    ):
        slopes = jax.grad(loss, (0, 1))(jnp.asarray(x), jnp.asarray(y))
        with jax.enable_x64(True):
            due = jax.grad(loss, (0, 1))(jnp.asarray(x, jnp.float64), jnp.asarray(y, jnp.float64))
            due = [np.asarray(slope) for slope in due]
        for got, exact in zip(slopes, due, strict=True):
            assert np.max(np.abs(got - exact)) < bound * np.max(np.abs(exact))


def test_memory_is_a_few_times_that_of_the_costs():
    x, y = (jax.ShapeDtypeStruct((2, steps, 8), jnp.float32) for steps in (300, 299))
    costs = 4 * 2 * 300 * 299
    for loss, times in ((soft_dtw, 8), (soft_dtw_divergence, 14), (dilate, 34)):
        compiled = jax.jit(jax.value_and_grad(loss)).lower(x, y).compile()
        assert compiled.memory_analysis().temp_size_in_bytes < times * costs


def test_what_does_not_fit_is_refused():
    x, y = _series()
    with pytest.raises(ValueError, match="soft_dtw: predictions and targets may differ in the axis of steps alone"):
        soft_dtw(x, y[..., :1])
    with pytest.raises(ValueError, match="dilate: gamma must be positive, got 0"):
        dilate(x, y, gamma=0)
    with pytest.raises(ValueError, match="soft_dtw: predictions and targets must have axes of steps and features"):
        soft_dtw(x[0, :, 0], y[0, :, 0])
