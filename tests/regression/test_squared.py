"""Squared and absolute errors: the worked examples, scikit-learn, and the root where its square has no room."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics

from jaxloss import reduce
from jaxloss.regression.squared import absolute_error, half_squared_error, root_mean_squared_error, squared_error

RNG = np.random.default_rng(0)
W10 = jnp.array([0.020, 0.176, 0.313]), jnp.array([0.019, 0.234, 0.918])


def test_l1_and_l2_as_published():  # W1
    predictions = jnp.linspace(-1, 1, 100)
    targets = jnp.zeros(100)
    l1 = absolute_error(predictions, targets, reduction="none")
    l2 = squared_error(predictions, targets, reduction="none")
    np.testing.assert_allclose(l1[:4], [1.0, 0.97979796, 0.959596, 0.93939394], rtol=2e-6)
    np.testing.assert_allclose(l1[50:53], [0.01010096, 0.030303, 0.05050504], rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(l2[:4], [1.0, 0.960004032, 0.920824468, 0.882460952], rtol=2e-6)
    np.testing.assert_allclose(squared_error(predictions, targets), np.mean(np.linspace(-1, 1, 100) ** 2), rtol=1e-6)


def test_mean_and_root_as_published():  # W10
    np.testing.assert_allclose(squared_error(*W10), 0.12313, rtol=2e-6)
    np.testing.assert_allclose(root_mean_squared_error(*W10), 0.350898846, rtol=1e-6)
    np.testing.assert_allclose(absolute_error(*W10), 0.221333333, rtol=1e-6)


def test_mean_and_sum_as_published():  # W19
    data = jnp.array([2.0, 3, 4, 5]), jnp.array([4.0, 5, 6, 7])
    assert (absolute_error(*data), squared_error(*data)) == (2, 4)
    assert (absolute_error(*data, reduction="sum"), squared_error(*data, reduction="sum")) == (8, 16)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (squared_error, metrics.mean_squared_error),
        (absolute_error, metrics.mean_absolute_error),
        (root_mean_squared_error, metrics.root_mean_squared_error),
    ],
)
def test_weighted_means_are_those_of_scikit_learn(ours, theirs):
    predictions, targets, weights = RNG.normal(size=(3, 20))
    weights = weights**2
    with jax.enable_x64(True):
        got = ours(jnp.asarray(predictions), jnp.asarray(targets), weights=jnp.asarray(weights))
        np.testing.assert_allclose(got, theirs(targets, predictions, sample_weight=weights), rtol=1e-13)


def test_half_a_square_does_not_overflow_before_it_must():
    value, slope = jax.value_and_grad(half_squared_error)(2.5e19, 0.0)
    np.testing.assert_allclose((value, slope), (3.125e38, 2.5e19), rtol=1e-6)


def test_no_slope_at_the_kink():
    assert jax.grad(absolute_error)(1.5, 1.5) == 0


@pytest.mark.parametrize("axis", [None, -1, 0, (0, 1)])
def test_root_has_no_slope_at_a_perfect_fit(axis):
    x = jnp.ones((2, 3))
    value, slopes = jax.value_and_grad(root_mean_squared_error)(x, x, axis=axis)
    assert value == 0
    np.testing.assert_array_equal(slopes, 0)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30, 3e38])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("axis", [None, -1])
def test_root_at_any_size(size, reduction, axis):
    residuals = np.float32(size) * np.array([[1, -0.5, 0.25], [0.125, 0, 1]], np.float32)
    weights = {} if axis else {"weights": jnp.array([[2.0, 1, 1], [1, 1, 0.5]])}

    def loss(residuals, xp, weights=None):
        squares = residuals**2 if weights is None else weights * residuals**2
        if axis is not None:
            roots = xp.sqrt(xp.mean(residuals**2, axis))
            return {"mean": xp.mean, "sum": xp.sum, "none": lambda x: x}[reduction](roots)
        if reduction == "none":
            return xp.sqrt(squares)
        return xp.sqrt(xp.sum(squares) / (xp.sum(weights) if reduction == "mean" else 1))

    ours = lambda r: root_mean_squared_error(r, jnp.zeros((2, 3)), axis=axis, reduction=reduction, **weights)
    value, pull = jax.vjp(ours, jnp.asarray(residuals))
    (slopes,) = pull(jnp.ones_like(value))
    with jax.enable_x64(True):
        # A residual of 0 has no slope, here or there: |r| has none under "none".
        wide = jnp.asarray(residuals, jnp.float64)
        weights = {key: w.astype(jnp.float64) for key, w in weights.items()}
        due, pull = jax.vjp(lambda r: loss(r, jnp, **weights), wide)
        (due_slopes,) = pull(jnp.ones_like(due))
        due_slopes = jnp.where(wide == 0, 0, due_slopes)
    within = np.asarray(due) < 3e38
    np.testing.assert_allclose(np.asarray(value)[within], np.asarray(due)[within], rtol=1e-6)
    if within.all():
        np.testing.assert_allclose(slopes, due_slopes, rtol=2e-6)


def test_root_of_everything_forward_twice_and_with_learned_weights():
    p, t, w = jnp.asarray(RNG.normal(size=(3, 5)), jnp.float32)
    plain = lambda p, t, w: jnp.sqrt(jnp.sum(w**2 * (p - t) ** 2) / jnp.sum(w**2))
    ours = lambda p, t, w: root_mean_squared_error(p, t, weights=w**2)
    derivatives = lambda loss: jax.jit(lambda *x: (jax.grad(loss, (0, 1, 2))(*x), jax.hessian(loss, (0, 1, 2))(*x)))
    for got, due in zip(*(jax.tree.leaves(derivatives(loss)(p, t, w)) for loss in (ours, plain)), strict=True):
        np.testing.assert_allclose(got, due, rtol=2e-5, atol=2e-6)


def test_root_is_the_root_of_whatever_the_reduction_gives():
    p, t = jnp.array([1.0, 2, 3, jnp.nan]), jnp.array([0.0, 4, 3, jnp.inf])
    w, m = jnp.array([1.0, 3, 0, 5]), jnp.array([True, True, True, False])
    options = {"where": m, "weights": w}
    np.testing.assert_allclose(root_mean_squared_error(p, t, **options), np.sqrt(13 / 4), rtol=1e-6)
    np.testing.assert_allclose(root_mean_squared_error(p, t, **options, reduction="sum"), np.sqrt(13), rtol=1e-6)
    none = root_mean_squared_error(p, t, **options, reduction="none")
    np.testing.assert_allclose(none, [1, 2 * np.sqrt(3), 0, 0], rtol=1e-6)
    by_hand = root_mean_squared_error(p, t, **options, reduction=reduce.mean)
    np.testing.assert_allclose(by_hand, np.sqrt(13 / 4), rtol=1e-6)
    slopes = jax.grad(root_mean_squared_error, (0, 1))(p, t, **options)
    np.testing.assert_allclose(slopes[0], [1 / 4 / np.sqrt(13 / 4), -6 / 4 / np.sqrt(13 / 4), 0, 0], rtol=1e-6)
    np.testing.assert_allclose(slopes[1], -slopes[0])


def test_root_of_nothing_is_zero():
    nothing = jnp.zeros((0, 3))
    assert root_mean_squared_error(nothing, nothing) == 0
    assert root_mean_squared_error(nothing, nothing, axis=0) == 0
    value, slope = jax.value_and_grad(root_mean_squared_error)(jnp.ones(2), jnp.zeros(2), where=jnp.zeros(2, bool))
    assert value == 0
    np.testing.assert_array_equal(slope, 0)


def test_axes_and_their_masks():
    p, t = jnp.asarray(RNG.normal(size=(2, 4, 3, 5)), jnp.float32)
    due = np.sqrt(np.mean((np.asarray(p) - np.asarray(t)) ** 2, axis=(0, 2)))
    for axis in ((0, -1), (2, 0)):
        np.testing.assert_allclose(root_mean_squared_error(p, t, axis=axis, reduction="none"), due, rtol=1e-6)
    masked = root_mean_squared_error(p.at[:, 1].set(jnp.nan), t, axis=(0, 2), where=jnp.array([True, False, True]))
    np.testing.assert_allclose(masked, np.mean(due[[0, 2]]), rtol=1e-6)
    with pytest.raises(ValueError, match="root_mean_squared_error: axis 3"):
        root_mean_squared_error(p, t, axis=3)
