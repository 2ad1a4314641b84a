"""Margin heads: cross-entropies of cosines."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import (
    arcface,
    cosface,
    softmax_cross_entropy_with_integer_labels,
    sphereface,
    sub_center_arcface,
)

RNG = np.random.default_rng(0)
COSINES, LABELS = RNG.uniform(-1, 1, (40, 6)), RNG.integers(0, 6, 40)


def continued(angle):
    k = np.floor(angle / np.pi)
    return np.where(k % 2 == 1, -1, 1) * np.cos(angle) - 2 * k


def cross_entropy(cosines, labels, target, scale):
    logits = scale * cosines
    rows = np.arange(len(labels))
    logits[rows, labels] = scale * target(cosines[rows, labels])
    top = logits.max(1)
    return np.log(np.exp(logits - top[:, None]).sum(1)) + top - logits[rows, labels]


HEADS = [
    *((arcface, {"margin": m, "scale": s}, lambda c, m=m: continued(np.arccos(c) + m), s)
      for m, s in ((0.5, 64.0), (0.0, 8.0), (1.3, 5.0), (math.pi, 2.0), (4.0, 2.0), (9.0, 1.0))),
    *((cosface, {"margin": m, "scale": s}, lambda c, m=m: c - m, s) for m, s in ((0.35, 64.0), (0.0, 4.0))),
    *((sphereface, {"margin": m, "scale": s}, lambda c, m=m: continued(m * np.arccos(c)), s)
      for m, s in ((1, 8.0), (2, 8.0), (4, 64.0), (5, 2.0), (12, 1.0))),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "params", "target", "scale"), HEADS)
def test_heads_are_their_definition_by_angles(loss, params, target, scale):
    due = cross_entropy(COSINES, LABELS, target, scale)
    step = 1e-6 * RNG.normal(size=COSINES.shape)
    change = cross_entropy(COSINES + step, LABELS, target, scale) - cross_entropy(COSINES - step, LABELS, target, scale)
    with jax.enable_x64(True):
        run = lambda c: loss(c, jnp.asarray(LABELS), **params, reduction="none")
        got, slope = jax.jvp(run, (jnp.asarray(COSINES),), (jnp.asarray(step),))
        back = jax.grad(lambda c: jnp.sum(run(c)))(jnp.asarray(COSINES))
    np.testing.assert_allclose(got, due, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(2 * np.asarray(slope), change, rtol=1e-4, atol=1e-10)
    np.testing.assert_allclose(np.sum(np.asarray(back) * step, 1), slope, rtol=1e-9, atol=1e-13)


def test_without_a_margin_they_are_the_cross_entropy():
    data = jnp.asarray(COSINES, jnp.float32), jnp.asarray(LABELS)
    due = softmax_cross_entropy_with_integer_labels(8 * data[0], data[1])
    for loss, margin in ((arcface, 0.0), (cosface, 0.0), (sphereface, 1)):
        np.testing.assert_allclose(loss(*data, margin=margin, scale=8.0), due, rtol=1e-6)


@pytest.mark.parametrize(
    "loss", [lambda c, y, m=m: arcface(c, y, margin=m, scale=4.0) for m in (0.5, 2.0, 3.5, 7.0)]
    + [lambda c, y, m=m: sphereface(c, y, margin=m, scale=4.0) for m in (2, 4, 7)]
)  # fmt: skip
def test_a_larger_angle_never_pays(loss):
    cosine = np.sort(np.concatenate([np.linspace(-1, 1, 4001), np.cos(np.linspace(0, np.pi, 500))]))
    rows = jnp.stack([jnp.asarray(cosine, jnp.float32), jnp.zeros(len(cosine))], -1)
    values = jax.vmap(loss)(rows, jnp.zeros(len(cosine), jnp.int32))
    assert np.all(np.diff(values) <= 1e-5)
    assert np.max(-np.diff(values)) < 0.5  # nor does it jump


@pytest.mark.parametrize("end", [1.0, -1.0, 1 + 2e-7, -1 - 2e-7])
@pytest.mark.parametrize("margin", [0.5, 2.0])
def test_cosines_at_the_ends_and_beyond_by_rounding(end, margin):
    slope_of_sine = 1 / math.sqrt(2**-23)  # at cos = 1 - 2^-24
    turned = math.cos(margin) + slope_of_sine * math.sin(margin), -math.cos(margin) + slope_of_sine * math.sin(margin)
    arc = lambda c, y: arcface(c, y, margin=margin)
    for loss, due in ((arc, turned[end < 0]), (cosface, 1.0), (sphereface, 16.0)):
        value, slope = jax.value_and_grad(lambda c, f=loss: f(c, jnp.array(0)))(jnp.array([end, 0.9, 0.9]))
        assert np.isfinite(value)
        assert np.all(np.isfinite(slope))
        if end < 0:  # p_y = 0
            np.testing.assert_allclose(-slope[0] / 64, due, rtol=1e-4)
        assert slope[0] <= 0  # a smaller angle always pays


def test_angles_within_half_an_ulp_of_the_end_keep_their_sine():
    # cos = 1 - 2^-24, sin = 3.45e-4: 1 - c^2 has no digit left of it
    cosine, other = np.float32(1 - 2**-24), np.float32(0.9)
    slope = jax.grad(lambda c: arcface(c, jnp.array(0), scale=4.0))(jnp.array([cosine, other]))
    theta, s = math.acos(float(cosine)), 4.0
    share = 1 / (1 + math.exp(s * (math.cos(theta + 0.5) - float(other))))
    np.testing.assert_allclose(slope[0], -s * share * math.sin(theta + 0.5) / math.sin(theta), rtol=2e-6)


def test_sub_centers_are_the_nearest_of_each_class():
    cosines = jnp.asarray(RNG.uniform(-1, 1, (8, 4, 3)), jnp.float32)
    labels = jnp.asarray(RNG.integers(0, 4, 8))
    value, slope = jax.value_and_grad(sub_center_arcface)(cosines, labels)
    due, slope_due = jax.value_and_grad(arcface)(jnp.max(cosines, -1), labels)
    assert value == due
    np.testing.assert_array_equal(jnp.sum(slope, -1), slope_due)
    assert np.all(np.sum(np.asarray(slope) != 0, -1) <= 1)


def test_margins_and_scales_may_differ_by_row_and_be_learned():
    data = jnp.asarray(COSINES[:3], jnp.float32), jnp.asarray(LABELS[:3])
    margins, scales = jnp.array([[0.1], [0.5], [4.0]]), jnp.array([[2.0], [8.0], [1.0]])
    for loss in (arcface, cosface):
        got = loss(*data, margin=margins, scale=scales, reduction="none")
        each = [loss(data[0][i], data[1][i], margin=float(margins[i, 0]), scale=float(scales[i, 0])) for i in range(3)]
        np.testing.assert_allclose(got, jnp.stack(each), rtol=2e-6)
    norms = jnp.array([[3.0], [0.5], [20.0]])  # the paper's SphereFace
    slope = jax.grad(lambda s: sphereface(*data, scale=s))(norms)
    assert slope.shape == (3, 1)
    assert np.all(np.isfinite(slope))


def test_ignored_rows_and_labels_outside():
    cosines = jnp.asarray(COSINES[:4], jnp.float32).at[1].set(jnp.nan)
    labels = jnp.asarray(LABELS[:4]).at[1].set(-100)
    for loss in (arcface, cosface, sphereface):
        value, slope = jax.value_and_grad(loss)(cosines, labels, ignore_index=-100)
        np.testing.assert_allclose(value, loss(cosines[jnp.array([0, 2, 3])], labels[jnp.array([0, 2, 3])]), rtol=1e-6)
        np.testing.assert_array_equal(slope[1], 0)
        values = loss(jnp.asarray(COSINES[:4]), labels.at[1].set(6), reduction="none")
        np.testing.assert_array_equal(np.isnan(values), [False, True, False, False])
    many = jnp.asarray(RNG.uniform(-1, 1, (4, 6, 2)), jnp.float32).at[1].set(jnp.nan)
    slope = jax.grad(sub_center_arcface)(many, labels, ignore_index=-100)
    assert np.all(np.isfinite(slope))


def test_one_class_alone_costs_nothing():
    for loss in (arcface, cosface, sphereface):
        value, slope = jax.value_and_grad(loss)(jnp.array([[0.3]]), jnp.array([0]))
        assert value == 0
        np.testing.assert_array_equal(slope, 0)


def test_parameters_out_of_range_are_refused():
    data = jnp.zeros((2, 3)), jnp.zeros(2, jnp.int32)
    with pytest.raises(ValueError, match=r"sphereface: margin must be a positive integer, got 2\.5"):
        sphereface(*data, margin=2.5)
    with pytest.raises(ValueError, match=r"arcface: margin must be >= 0, got -0\.5"):
        arcface(*data, margin=-0.5)
    with pytest.raises(ValueError, match="cosface: scale must be positive"):
        cosface(*data, scale=0.0)
    with pytest.raises(ValueError, match=r"sub_center_arcface: labels must have shape \(2,\)"):
        sub_center_arcface(jnp.zeros((2, 3, 4)), jnp.zeros((2, 3), jnp.int32))
    with pytest.raises(ValueError, match=r"sub_center_arcface: cosines must have axes \(..., classes, centers\)"):
        sub_center_arcface(jnp.zeros(3), jnp.zeros((), jnp.int32))
