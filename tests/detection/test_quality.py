"""Losses of a score that says how good a box is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit, log_expit, logsumexp

from jaxloss.classification.binary import sigmoid_binary_cross_entropy
from jaxloss.classification.focal import detection_focal, sigmoid_focal, sigmoid_focal_exp
from jaxloss.detection.quality import distribution_focal, quality_focal, varifocal

RNG = np.random.default_rng(0)


def entropy(x, y):
    return -y * log_expit(x) - (1 - y) * log_expit(-x)


@pytest.mark.parametrize("beta", [0, 0.5, 1, 2, 2.3])
def test_quality_focal_is_its_definition(beta):
    x, y = 3 * RNG.normal(size=64), RNG.random(64)
    with jax.enable_x64(True):
        got = quality_focal(jnp.asarray(x), jnp.asarray(y), beta=beta, reduction="none")
    np.testing.assert_allclose(got, np.abs(y - expit(x)) ** beta * entropy(x, y), rtol=1e-11)


def test_w17_the_focal_losses_are_one_on_hard_labels_and_three_on_soft_ones():
    x = jnp.asarray(np.concatenate([3 * RNG.normal(size=40), [-80, -30, 0, 30, 80]]), jnp.float32)
    hard = jnp.asarray(RNG.integers(0, 2, 45))
    losses = (quality_focal, sigmoid_focal, sigmoid_focal_exp)
    values = [jax.jit(jax.value_and_grad(lambda x, f=f: f(x, hard)))(x) for f in losses]
    for value, slope in values[1:]:
        np.testing.assert_allclose(value, values[0][0], rtol=2e-6)
        np.testing.assert_allclose(slope, values[0][1], rtol=3e-6)
    soft = jnp.full(45, 0.3)
    first, second, third = (f(x, soft) for f in losses)
    assert min(abs(first - second), abs(second - third), abs(first - third)) > 1e-2 * first


def test_only_quality_focal_is_zero_where_the_prediction_is_right():
    quality = jnp.array([0.2, 0.5, 0.9])
    logits = jnp.log(quality) - jnp.log1p(-quality)
    np.testing.assert_allclose(quality_focal(logits, quality, reduction="none"), 0, atol=1e-12)
    np.testing.assert_allclose(jax.grad(quality_focal)(logits, quality), 0, atol=1e-6)
    assert sigmoid_focal(logits, quality) > 0.05
    assert sigmoid_focal_exp(logits, quality) > 0.05


@pytest.mark.parametrize("beta", [0.5, 1, 2, 2.5])
def test_a_prediction_that_is_right_to_the_last_digit_has_a_finite_gradient(beta):
    np.testing.assert_allclose(quality_focal(jnp.array(0.0), jnp.array(0.5), beta=beta), 0, atol=1e-18)
    slopes = jax.grad(lambda x, y: quality_focal(x, y, beta=beta), (0, 1))(jnp.array(0.0), jnp.array(0.5))
    np.testing.assert_array_equal(slopes, [0, 0])


@pytest.mark.parametrize("loss", [quality_focal, varifocal])
def test_saturated_logits_keep_their_digits(loss):
    logits = jnp.array([1e4, -1e4, -1e4, 1e4, jnp.inf, -jnp.inf])
    labels = jnp.array([1, 0, 1, 0, 1, 0])
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(lambda x, y: loss(x, y))))(logits, labels)
    share = 0.75 if loss is varifocal else 1
    np.testing.assert_array_equal(values, np.array([0, 0, 1e4, share * 1e4, 0, 0]))
    np.testing.assert_array_equal(slopes, np.array([0, 0, -1, share, 0, 0]))
    sure = jnp.array([20.0, -20.0])
    due = np.exp(-60.0) * np.array([1, share])  # sigma(-20)^2 log(1 + e^-20)
    got = loss(sure, jnp.array([1, 0]), reduction="none")
    if loss is varifocal:
        due[0] = np.exp(-20.0)
    np.testing.assert_allclose(got, due, rtol=1e-6)


def test_varifocal_is_its_definition():
    x, q = 3 * RNG.normal(size=64), RNG.random(64) * (RNG.random(64) < 0.5)
    p = expit(x)
    for alpha, gamma in ((0.75, 2), (0.25, 1.5), (1, 0)):
        due = np.where(q > 0, q * entropy(x, q), -alpha * p**gamma * log_expit(-x))
        with jax.enable_x64(True):
            data = jnp.asarray(x), jnp.asarray(q)
            got = varifocal(*data, alpha=alpha, gamma=gamma, reduction="none")
            slope = jax.grad(lambda x, q, a=alpha, g=gamma: varifocal(x, q, alpha=a, gamma=g, reduction="sum"))(*data)
        np.testing.assert_allclose(got, due, rtol=1e-11)
        background = alpha * p**gamma * (p - gamma * (1 - p) * log_expit(-x))
        np.testing.assert_allclose(slope, np.where(q > 0, q * (p - q), background), rtol=1e-9)


def test_varifocal_jumps_where_a_box_becomes_background():
    logit = jnp.array(1.0)
    np.testing.assert_allclose(varifocal(logit, jnp.array(1e-30)), 0, atol=1e-29)
    assert varifocal(logit, jnp.array(0.0)) > 0.5
    assert jax.grad(varifocal, 1)(logit, jnp.array(0.0)) == 0
    value, slope = jax.jit(jax.value_and_grad(lambda a: varifocal(logit, jnp.array(0.0), alpha=a)))(0.5)
    np.testing.assert_allclose(slope, 2 * value, rtol=1e-6)


# ---- distributions ---------------------------------------------------------------------------------------------------


def brute_force(rows, targets):
    logp = rows - logsumexp(rows, axis=-1, keepdims=True)
    values = []
    for row, y in zip(logp, targets, strict=True):
        i = int(y)
        values.append(-row[i] if i == y else -(i + 1 - y) * row[i] - (y - i) * row[i + 1])
    return np.array(values)


def test_distribution_focal_shares_the_target_between_two_bins():
    rows = RNG.normal(size=(40, 8))
    targets = np.concatenate([RNG.uniform(0, 7, 32), np.arange(8)])
    with jax.enable_x64(True):
        got = distribution_focal(jnp.asarray(rows), jnp.asarray(targets), reduction="none")
        np.testing.assert_allclose(got, brute_force(rows, targets), rtol=1e-12)
        moved = distribution_focal(jnp.asarray(rows.T), jnp.asarray(targets), axis=0, reduction="none")
        np.testing.assert_allclose(moved, got, rtol=1e-14)
        slope = jax.grad(lambda x: distribution_focal(x, jnp.asarray(targets), reduction="sum"))(jnp.asarray(rows))
    shares = np.maximum(0, 1 - np.abs(targets[:, None] - np.arange(8)))
    p = np.exp(rows - logsumexp(rows, axis=-1, keepdims=True))
    np.testing.assert_allclose(slope, p - shares, rtol=1e-10, atol=1e-14)


def test_a_whole_number_is_the_class_of_a_softmax():
    rows, bins = jnp.asarray(RNG.normal(size=(8, 8)), jnp.float32), jnp.arange(8)
    due = -jax.nn.log_softmax(rows)[bins, bins]
    np.testing.assert_allclose(distribution_focal(rows, bins, reduction="none"), due, rtol=2e-6)


def test_a_target_beyond_the_bins_is_nan_and_never_clipped():
    rows = jnp.asarray(RNG.normal(size=(6, 5)), jnp.float32)
    targets = jnp.array([-1e-6, 0.0, 4.0, 4.000001, -100.0, jnp.nan])
    bad = np.array([True, False, False, True, True, True])
    for run in (lambda f: f, jax.jit):
        values = run(lambda x: distribution_focal(x, targets, reduction="none"))(rows)
        slopes = run(jax.grad(lambda x: distribution_focal(x, targets, reduction="sum")))(rows)
        np.testing.assert_array_equal(np.isnan(values), bad)
        np.testing.assert_array_equal(np.isnan(slopes), np.broadcast_to(bad[:, None], (6, 5)))
    kept = distribution_focal(rows, targets, where=jnp.asarray(~bad))
    np.testing.assert_allclose(kept, distribution_focal(rows[1:3], targets[1:3]), rtol=1e-6)
    masked = jax.grad(lambda x: distribution_focal(x, targets, where=jnp.asarray(~bad)))(rows)
    np.testing.assert_array_equal(masked[bad], 0)


def test_the_slope_along_the_target_is_the_difference_of_two_logits():
    rows = jnp.array([[1.0, 4.0, -2.0, 3.0]] * 5)
    slopes = jax.vmap(jax.grad(distribution_focal, 1))(rows, jnp.array([0.0, 0.5, 1.0, 2.5, 3.0]))
    np.testing.assert_array_equal(slopes, [-3, -3, 6, -5, -5])


def test_impossible_bins_and_saturated_logits():
    row = jnp.array([0.0, 0.0, -jnp.inf, -jnp.inf])
    np.testing.assert_allclose(distribution_focal(row, jnp.array(0.5)), np.log(2), rtol=1e-6)
    np.testing.assert_allclose(jax.grad(distribution_focal)(row, jnp.array(0.25)), [-0.25, 0.25, 0, 0], atol=1e-7)
    assert distribution_focal(row, jnp.array(1.5)) == jnp.inf
    value, slope = jax.value_and_grad(distribution_focal)(jnp.array([1e4, -1e4, 0.0]), jnp.array(0.5))
    np.testing.assert_allclose(value, 1e4, rtol=1e-6)
    np.testing.assert_allclose(slope, [0.5, -0.5, 0], atol=1e-7)


def test_the_least_loss_is_where_the_expected_bin_is_the_target():
    targets = jnp.array([0.3, 2.0, 3.75])
    step = lambda x, _: (x - 2 * jax.grad(lambda x: distribution_focal(x, targets, reduction="sum"))(x), None)
    rows, _ = jax.jit(lambda x: jax.lax.scan(step, x, length=2000))(jnp.zeros((3, 5)))
    np.testing.assert_allclose(jax.nn.softmax(rows) @ jnp.arange(5.0), targets, atol=5e-3)


# ---- errors ----------------------------------------------------------------------------------------------------------


def test_bad_input_is_refused():
    with pytest.raises(
        ValueError, match=r"distribution_focal: targets must have shape \(6,\), that of logits \(6, 5\)"
    ):
        distribution_focal(jnp.zeros((6, 5)), jnp.zeros((6, 1)))
    with pytest.raises(TypeError, match="distribution_focal: logits must be floating point"):
        distribution_focal(jnp.zeros((6, 5), jnp.int32), jnp.zeros(6))
    with pytest.raises(ValueError, match="quality_focal: beta must be >= 0, got -1"):
        quality_focal(jnp.zeros(3), jnp.zeros(3), beta=-1)
    for options in ({"alpha": -1}, {"gamma": -1}):
        with pytest.raises(ValueError, match=f"varifocal: {next(iter(options))} must be >= 0, got -1"):
            varifocal(jnp.zeros(3), jnp.zeros(3), **options)
    np.testing.assert_array_equal(
        quality_focal(jnp.ones(3), jnp.zeros(3), beta=0), sigmoid_binary_cross_entropy(jnp.ones(3), jnp.zeros(3))
    )


def test_w18_anchors_of_a_detector_are_counted_per_object():
    logits = jnp.array([[2.0, -3.0], [-4.0, -3.0], [0.0, 9.0]])
    labels = jnp.array([[1, 0, 1], [0, 0, 0], [0, 0, -1]])  # an object of the first class, background, ignored
    x, y = np.asarray(logits[:2], np.float64), np.asarray(labels[:2, :2], np.float64)
    due = np.where(y == 1, 0.25, 0.75) * np.abs(y - expit(x)) ** 2 * entropy(x, y)  # quality focal, alpha-balanced
    np.testing.assert_allclose(detection_focal(logits, labels), due.sum() / 1, rtol=2e-6)
    np.testing.assert_allclose(detection_focal(logits[1:], labels[1:]), due[1].sum(), rtol=2e-6)  # no object: by 1
    assert detection_focal(logits[2:], labels[2:]) == 0
