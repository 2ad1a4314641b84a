"""Losses of pairs and of triplets that come with the data."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxloss import contrastive_pair, cosine_embedding, margin_ranking, triplet_margin

RNG = np.random.default_rng(0)


def values_and_slopes(loss, *data):
    with jax.enable_x64(True):
        arrays = [jnp.asarray(a) for a in data]
        value, slopes = jax.value_and_grad(loss, tuple(range(sum(a.dtype.kind == "f" for a in data))))(*arrays)
    return float(value), [np.asarray(s) for s in slopes]


def torch_values_and_slopes(loss, *data):
    torch = pytest.importorskip("torch")
    tensors = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in data]
    value = loss(torch.nn.functional, *tensors)
    value.backward()
    return value.item(), [t.grad.numpy() for t in tensors if t.requires_grad]


def assert_equal_to_torch(ours, theirs, *data, rtol=1e-9):
    value, slopes = values_and_slopes(ours, *data)
    due, slopes_due = torch_values_and_slopes(theirs, *data)
    np.testing.assert_allclose(value, due, rtol=rtol)
    for got, slope_due in zip(slopes, slopes_due, strict=True):
        np.testing.assert_allclose(got, slope_due, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("p", [1, 2, 3, 2.5])
@pytest.mark.parametrize("swap", [False, True])
def test_triplets_are_those_of_torch_without_its_eps(p, swap):
    data = RNG.normal(size=(3, 16, 5))
    assert_equal_to_torch(
        lambda a, b, c: triplet_margin(a, b, c, p=p, swap=swap, margin=0.7),
        lambda f, a, b, c: f.triplet_margin_loss(a, b, c, p=p, swap=swap, margin=0.7, eps=0.0),
        *data,
    )


def test_triplets_are_those_of_optax_without_its_eps():
    with jax.enable_x64(True):
        data = [jnp.asarray(a) for a in RNG.normal(size=(3, 8, 4))]
        due = optax.losses.triplet_margin_loss(*data, eps=0.0)
        np.testing.assert_allclose(triplet_margin(*data, reduction="none"), due, rtol=1e-12)


@pytest.mark.parametrize("p", [1, 2, 3, math.inf])
def test_equal_vectors_have_distance_and_gradient_zero(p):
    a = jnp.ones((2, 3))
    value, slopes = jax.value_and_grad(lambda *d: triplet_margin(*d, p=p, margin=0.25), (0, 1, 2))(a, a, a)
    assert value == 0.25
    for slope in slopes:
        np.testing.assert_array_equal(slope, 0)


def test_the_largest_norm_is_the_largest_difference():
    a, p, n = jnp.zeros((1, 2)), jnp.array([[3.0, -4.0]]), jnp.array([[0.5, 2.0]])
    assert triplet_margin(a, p, n, p=math.inf) == 1 + 4 - 2


def test_vectors_of_any_length():
    a, p, n = jnp.zeros(2), jnp.array([3e30, 4e30]), jnp.array([0.0, 4e30])
    value, slope = jax.value_and_grad(triplet_margin, 1)(a, p, n)
    np.testing.assert_allclose(value, 1e30, rtol=1e-6)
    np.testing.assert_allclose(slope, [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("margin", [0.0, 0.4, -0.3])
def test_cosine_embedding_is_that_of_torch(margin):
    first, second, labels = RNG.normal(size=(12, 4)), RNG.normal(size=(12, 4)), RNG.choice([-1, 1], 12)
    assert_equal_to_torch(
        lambda a, b, y: cosine_embedding(a, b, y, margin=margin),
        lambda f, a, b, y: f.cosine_embedding_loss(a, b, y, margin=margin),
        first,
        second,
        labels,
        rtol=1e-7,  # of its eps
    )


@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_margin_ranking_is_that_of_torch_also_at_the_kink(margin):
    first, second, labels = RNG.normal(size=9), RNG.normal(size=9), RNG.choice([-1, 1], 9)
    second[:3] = first[:3] - margin * labels[:3]
    second[:3] = first[:3] if margin == 0 else second[:3]
    keep = slice(None) if margin == 0 else slice(3, None)  # a lead of 0.5 is not exactly 0.5
    assert_equal_to_torch(
        lambda a, b, y: margin_ranking(a, b, y, margin=margin),
        lambda f, a, b, y: f.margin_ranking_loss(a, b, y, margin=margin),
        first[keep],
        second[keep],
        labels[keep],
    )


def test_contrastive_pairs_are_those_of_the_paper():
    first, second, labels = RNG.normal(size=(20, 3)), RNG.normal(size=(20, 3)), RNG.integers(0, 2, 20)
    distance = np.linalg.norm(first - second, axis=1)
    due = 0.5 * np.where(labels == 1, distance**2, np.maximum(0, 1.5 - distance) ** 2)
    value, slopes = values_and_slopes(
        lambda a, b: contrastive_pair(a, b, jnp.asarray(labels), margin=1.5, reduction="sum"), first, second
    )
    np.testing.assert_allclose(value, due.sum(), rtol=1e-12)
    direction = (first - second) / distance[:, None]
    steep = np.where(labels == 1, distance, -np.maximum(0, 1.5 - distance))
    np.testing.assert_allclose(slopes[0], steep[:, None] * direction, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(slopes[1], -slopes[0], rtol=1e-9, atol=1e-12)


def test_a_pair_that_is_far_apart_and_should_be_costs_nothing():
    far = jnp.array([1e30, 0.0])
    value, slope = jax.value_and_grad(contrastive_pair)(far, -far, jnp.array(0))
    assert value == 0
    np.testing.assert_array_equal(slope, 0)


def test_the_axis_may_be_any():
    first, second = jnp.asarray(RNG.normal(size=(2, 4, 6)))
    labels = jnp.asarray(RNG.choice([-1, 1], 6))
    for loss in (contrastive_pair, cosine_embedding):
        got = loss(first, second, labels, axis=0, reduction="none")
        np.testing.assert_allclose(got, loss(first.T, second.T, labels, reduction="none"), rtol=1e-6)


@pytest.mark.parametrize("loss", [cosine_embedding, margin_ranking])
@pytest.mark.parametrize("dtype", [jnp.bool_, jnp.uint8])
def test_labels_that_cannot_be_minus_one_are_refused(loss, dtype):
    data = jnp.zeros((3, 2)), jnp.zeros((3, 2))
    with pytest.raises(TypeError, match=rf"{loss.__name__}: labels must be -1 and \+1, got {jnp.dtype(dtype)}"):
        loss(*data, jnp.ones((3, 2), dtype))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"contrastive_pair: labels must have shape \(3,\), .* got \(2,\)"):
        contrastive_pair(jnp.zeros((3, 2)), jnp.zeros((3, 2)), jnp.ones(2))
    with pytest.raises(ValueError, match=r"triplet_margin: p must be at least 1, got 0.5"):
        triplet_margin(*jnp.zeros((3, 4, 2)), p=0.5)
    with pytest.raises(ValueError, match=r"triplet_margin: margin must be >= 0, got -1"):
        triplet_margin(*jnp.zeros((3, 4, 2)), margin=-1)
    with pytest.raises(ValueError, match="cosine_embedding: margin must be"):
        cosine_embedding(jnp.zeros((3, 2)), jnp.zeros((3, 2)), jnp.ones(3), margin=1.5)
