"""Losses of labelled batches against their definitions, written as loops over pairs and triplets."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import (
    angular,
    circle,
    lifted_structure,
    measure,
    multi_similarity,
    n_pairs,
    triplet_batch,
)

RNG = np.random.default_rng(0)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def anchors(x, labels, loss):
    """One value for each anchor that has a positive and a negative, 0 for the others."""
    values = np.zeros(len(x))
    for a in range(len(x)):
        positives = [p for p in range(len(x)) if p != a and labels[p] == labels[a]]
        negatives = [n for n in range(len(x)) if labels[n] != labels[a]]
        if positives and negatives:
            values[a] = loss(a, positives, negatives)
    return values


def naive_triplets(x, labels, *, mining, margin):
    distances = np.sqrt(((x[:, None] - x[None]) ** 2).sum(-1))

    def loss(a, positives, negatives):
        near, far = distances[a, positives], distances[a, negatives]
        if mining == "all":
            return np.mean([max(0, margin + p - n) for p in near for n in far])
        if mining == "hard":
            return max(0, margin + near.max() - far.min())
        chosen = [min([n for n in far if n > p], default=far.max()) for p in near]
        return np.mean([max(0, margin + p - n) for p, n in zip(near, chosen, strict=True)])

    return anchors(x, labels, loss)


def naive_n_pairs(x, labels):
    s = x @ x.T
    return anchors(
        x, labels, lambda a, ps, ns: np.mean([math.log1p(sum(math.exp(s[a, n] - s[a, p]) for n in ns)) for p in ps])
    )


def naive_lifted(x, labels, *, margin):
    d = np.sqrt(((x[:, None] - x[None]) ** 2).sum(-1))
    return anchors(
        x, labels, lambda a, ps, ns: max(0, np.log(np.exp(d[a, ps]).sum()) + np.log(np.exp(margin - d[a, ns]).sum()))
    )


def naive_angular(x, labels, *, angle):
    x, t = unit(x), math.tan(math.radians(angle)) ** 2

    def loss(a, positives, negatives):
        f = lambda p, n: 4 * t * (x[a] + x[p]) @ x[n] - 2 * (1 + t) * x[a] @ x[p]
        return np.mean([math.log1p(sum(math.exp(f(p, n)) for n in negatives)) for p in positives])

    return anchors(x, labels, loss)


def naive_circle(x, labels, *, margin, gamma, weights_of=None):
    """With ``weights_of`` the weights come from other embeddings: those that are held fixed in a derivative."""
    s, held = unit(x) @ unit(x).T, unit(x if weights_of is None else weights_of)
    held = held @ held.T
    apart = gamma * np.maximum(0, held + margin) * (s - margin)
    together = -gamma * np.maximum(0, 1 + margin - held) * (s - 1 + margin)
    return anchors(x, labels, lambda a, ps, ns: np.log1p(np.exp(apart[a, ns]).sum() * np.exp(together[a, ps]).sum()))


def naive_multi_similarity(x, labels, *, alpha, beta, threshold):
    s = unit(x) @ unit(x).T - threshold
    return anchors(
        x,
        labels,
        lambda a, ps, ns: (
            math.log1p(np.exp(-alpha * s[a, ps]).sum()) / alpha + math.log1p(np.exp(beta * s[a, ns]).sum()) / beta
        ),
    )


LOSSES = [
    *((triplet_batch, naive_triplets, {"mining": mining, "margin": 0.7}) for mining in ("all", "hard", "semi-hard")),
    (n_pairs, naive_n_pairs, {}),
    (lifted_structure, naive_lifted, {"margin": 0.4}),
    (angular, naive_angular, {"angle": 45.0}),
    (angular, naive_angular, {"angle": 60.0}),
    (circle, naive_circle, {"margin": 0.4, "gamma": 80.0}),
    (multi_similarity, naive_multi_similarity, {"alpha": 2.0, "beta": 50.0, "threshold": 0.5}),
]
IDS = [f"{loss.__name__}-{next(iter(params.values()), '')}" for loss, _, params in LOSSES]


@pytest.mark.parametrize(("loss", "naive", "params"), LOSSES, ids=IDS)
@pytest.mark.parametrize(("examples", "classes"), [(7, 3), (24, 2), (30, 14)])
def test_value_and_gradient_are_those_of_the_definition(loss, naive, params, examples, classes):
    x, labels = RNG.normal(size=(examples, 4)), RNG.integers(0, classes, examples)
    direction = RNG.normal(size=x.shape)
    step, cotangent = 1e-6, RNG.normal(size=examples)
    held = {"weights_of": x} if loss is circle else {}
    up, down = (naive(x + sign * step * direction, labels, **params, **held) for sign in (1, -1))
    with jax.enable_x64(True):
        run = jax.jit(lambda x: loss(x, jnp.asarray(labels), **params, reduction="none"))
        got, back = jax.vjp(run, jnp.asarray(x))
        slope = np.asarray(back(jnp.asarray(cotangent))[0])
    np.testing.assert_allclose(got, naive(x, labels, **params), rtol=1e-10, atol=1e-13)
    due = cotangent @ (up - down) / (2 * step)
    np.testing.assert_allclose(np.sum(slope * direction), due, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("loss", "naive", "params"), LOSSES, ids=IDS)
def test_several_batches_do_not_meet(loss, naive, params):
    x, labels = RNG.normal(size=(2, 3, 8, 4)), RNG.integers(-1, 2, (2, 3, 8))
    with jax.enable_x64(True):
        got = loss(jnp.asarray(x), jnp.asarray(labels), **params, reduction="none")
    for i in np.ndindex(2, 3):
        np.testing.assert_allclose(got[i], naive(x[i], labels[i], **params), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("loss", "naive", "params"), LOSSES, ids=IDS)
def test_labels_are_any_integers_and_masked_examples_were_never_there(loss, naive, params):
    x, labels = RNG.normal(size=(9, 3)), np.array([5, -100, 5, 2**31 - 1, 7, 7, -100, 5, 7])
    kept = np.array([True, True, True, True, False, True, True, False, True])
    x[4], x[7] = np.nan, np.inf
    with jax.enable_x64(True):
        run = lambda x: loss(x, jnp.asarray(labels), **params, where=jnp.asarray(kept), reduction="none")
        got, back = jax.vjp(run, jnp.asarray(x))
        (slope,) = back(jnp.ones(9))
    np.testing.assert_allclose(got[kept], naive(x[kept], labels[kept], **params), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(np.asarray(got)[~kept], 0)
    np.testing.assert_array_equal(np.asarray(slope)[~kept], 0)
    assert np.all(np.isfinite(slope))


@pytest.mark.parametrize(("loss", "naive", "params"), LOSSES, ids=IDS)
def test_an_anchor_without_a_positive_or_a_negative_does_not_exist(loss, naive, params):
    x = jnp.asarray(RNG.normal(size=(5, 3)), jnp.float32)
    for labels in (jnp.zeros(5, jnp.int32), jnp.arange(5)):
        value, slope = jax.value_and_grad(loss)(x, labels, **params)
        assert value == 0
        np.testing.assert_array_equal(slope, 0)
    labels = jnp.array([0, 0, 1, 1, 2])
    values = loss(x, labels, **params, reduction="none")
    assert values[4] == 0
    np.testing.assert_allclose(loss(x, labels, **params), jnp.sum(values) / 4, rtol=1e-6)


@pytest.mark.parametrize(("loss", "naive", "params"), LOSSES, ids=IDS)
def test_equal_embeddings_have_finite_gradients(loss, naive, params):
    x, labels = jnp.ones((6, 3)).at[4:].set(0.0), jnp.array([0, 0, 1, 1, 0, 1])
    value, slope = jax.value_and_grad(loss)(x, labels, **params)
    assert np.isfinite(value)
    assert np.all(np.isfinite(slope))


def test_the_worked_example_of_hard_mining():
    x, labels = jnp.array([[0.0], [1.0], [1.5], [4.0]]), jnp.array([0, 0, 1, 1])
    got = triplet_batch(x, labels, mining="hard", reduction="none")
    np.testing.assert_array_equal(got, [1 + 1 - 1.5, 1 + 1 - 0.5, 1 + 2.5 - 0.5, 1 + 2.5 - 3])


def test_mined_distances_keep_their_digits_where_a_gram_matrix_has_none():
    # Unit vectors 1e-4 apart: the squared distance is 1e-8, and |x|^2 + |y|^2 - 2 x.y is rounded to 6e-8.
    x = np.array([[1.0, 0.0], [1.0, 1e-4], [1.0, 3e-4], [1.0, 7e-4]], np.float32)
    labels = jnp.array([0, 0, 1, 1])
    for mining in ("all", "hard", "semi-hard"):
        got = triplet_batch(jnp.asarray(x), labels, mining=mining, margin=1e-3, reduction="none")
        due = naive_triplets(x.astype(np.float64), np.asarray(labels), mining=mining, margin=1e-3)
        np.testing.assert_allclose(got, due, rtol=1e-6)


def test_equally_near_negatives_share_the_gradient_of_semi_hard_mining():
    x, labels = jnp.array([[0.0], [1.0], [2.0], [-2.0]]), jnp.array([0, 0, 1, 1])
    only_first = jnp.array([1.0, 0, 0, 0])
    slope = jax.grad(lambda x: triplet_batch(x, labels, mining="semi-hard", margin=1.5, weights=only_first))(x)
    np.testing.assert_allclose(slope[:, 0], [-1.0, 1.0, -0.5, 0.5])


def test_the_mean_over_all_triplets_is_a_mean_with_weights():
    x, labels = RNG.normal(size=(9, 3)), np.array([0, 0, 0, 0, 1, 1, 1, 2, 2])
    size = (labels[:, None] == labels[None]).sum(1)
    got = triplet_batch(jnp.asarray(x), jnp.asarray(labels), weights=jnp.asarray((size - 1.0) * (9 - size)))
    distances = np.sqrt(((x[:, None] - x[None]) ** 2).sum(-1))
    triplets = [
        max(0, 1 + distances[a, p] - distances[a, n])
        for a, p, n in np.ndindex(9, 9, 9)
        if a != p and labels[a] == labels[p] != labels[n]
    ]
    np.testing.assert_allclose(got, np.mean(triplets), rtol=1e-5)


def test_a_margin_may_be_learned_and_differ_by_anchor():
    x, labels = jnp.asarray(RNG.normal(size=(6, 2)), jnp.float32), jnp.array([0, 0, 1, 1, 0, 1])
    for mining in ("all", "hard", "semi-hard"):
        margins = jnp.linspace(0.5, 3.0, 6)
        got = triplet_batch(x, labels, mining=mining, margin=margins, reduction="none")
        due = [triplet_batch(x, labels, mining=mining, margin=float(m), reduction="none")[i]
               for i, m in enumerate(margins)]  # fmt: skip
        np.testing.assert_allclose(got, due, rtol=1e-6)
        slope = jax.grad(lambda m, how=mining: triplet_batch(x, labels, mining=how, margin=m))(jnp.float32(100.0))
        np.testing.assert_allclose(slope, 1, rtol=1e-6)  # every triplet is active


def test_more_anchors_than_are_mined_at_a_time():
    x, labels = RNG.normal(size=(300, 3)), RNG.integers(0, 40, 300)
    for mining in ("all", "hard", "semi-hard"):
        with jax.enable_x64(True):
            got = triplet_batch(jnp.asarray(x), jnp.asarray(labels), mining=mining, margin=0.3, reduction="none")
        np.testing.assert_allclose(got, naive_triplets(x, labels, mining=mining, margin=0.3), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("mining", ["all", "hard", "semi-hard"])
def test_mining_stores_no_triplets(mining):
    x, labels = jax.ShapeDtypeStruct((4096, 256), jnp.float32), jax.ShapeDtypeStruct((4096,), jnp.int32)
    options = {"xla_backend_optimization_level": 3, "xla_llvm_disable_expensive_passes": False}
    step = jax.value_and_grad(lambda x, labels: triplet_batch(x, labels, mining=mining, margin=0.2))
    memory = jax.jit(step).lower(x, labels).compile(compiler_options=options).memory_analysis()
    assert memory.temp_size_in_bytes < 300e6


@pytest.mark.parametrize("loss", [n_pairs, lifted_structure, angular, circle, multi_similarity])
def test_no_loss_of_pairs_stores_more_than_pairs(loss):
    x, labels = jnp.zeros((512, 64)), jnp.zeros(512, jnp.int32)
    compiled = measure.compile(jax.value_and_grad(loss), x, labels)
    assert compiled.temp_bytes < 16 * 4 * 512 * 512


def test_circle_holds_its_weights_fixed_unless_told_otherwise():
    x, labels = RNG.normal(size=(6, 3)), np.array([0, 0, 1, 1, 0, 1])
    direction, step = RNG.normal(size=x.shape), 1e-6
    params = {"margin": 0.3, "gamma": 8.0}
    for detach, held in ((True, x), (False, None)):
        up, down = (naive_circle(x + s * step * direction, labels, **params, weights_of=held).sum() for s in (1, -1))
        with jax.enable_x64(True):
            run = lambda x, d=detach: circle(x, jnp.asarray(labels), **params, detach_weights=d, reduction="sum")
            slope = np.asarray(jax.grad(run)(jnp.asarray(x)))
        np.testing.assert_allclose(np.sum(slope * direction), (up - down) / (2 * step), rtol=1e-6)


def test_lengths_count_where_the_paper_says_so():
    x, labels = jnp.asarray(RNG.normal(size=(6, 3)), jnp.float32), jnp.array([0, 0, 1, 1, 0, 1])
    lengths = jnp.array([[1e-20], [1.0], [1e20], [3.0], [1e10], [0.1]])
    for loss in (angular, circle, multi_similarity):
        np.testing.assert_allclose(loss(x * lengths, labels), loss(x, labels), rtol=2e-5)
        assert np.all(np.isfinite(jax.grad(loss)(x * lengths, labels)))
    assert not np.allclose(n_pairs(2 * x, labels), n_pairs(x, labels))


def test_what_does_not_fit_is_refused():
    x, labels = jnp.zeros((4, 2)), jnp.zeros(4, jnp.int32)
    with pytest.raises(ValueError, match="triplet_batch: mining must be one of 'all', 'hard', 'semi-hard', got 'easy'"):
        triplet_batch(x, labels, mining="easy")
    with pytest.raises(ValueError, match=r"n_pairs: labels must have shape \(4,\)"):
        n_pairs(x, jnp.zeros((4, 2), jnp.int32))
    with pytest.raises(TypeError, match="circle: labels must be integer class ids, got float32"):
        circle(x, jnp.zeros(4))
    with pytest.raises(ValueError, match=r"lifted_structure: embeddings must have axes \(..., examples, features\)"):
        lifted_structure(jnp.zeros(4), jnp.array(0))
    with pytest.raises(ValueError, match="angular: angle must be > 0 and <= 60, got 75"):
        angular(x, labels, angle=75)
    with pytest.raises(ValueError, match="multi_similarity: beta must be positive, got 0"):
        multi_similarity(x, labels, beta=0)
