"""Contrastive losses of labelled batches."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxloss.embedding import decoupled_contrastive, nt_xent, supervised_contrastive

RNG = np.random.default_rng(0)
LOSSES = (nt_xent, supervised_contrastive, decoupled_contrastive)
UNEVEN = np.array([0, 1, 0, 2, 1, 0, 3], np.int32)  # 3, 2, 1 and 1 examples


def _units(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def _by_definition(terms):
    """Loop over anchors and their positives; ``terms(positive, negatives, positives)`` are exponentials."""

    def values(x, labels, temperature):
        u, found = _units(x), {}
        for i in range(len(x)):
            e = np.exp(u @ u[i] / temperature)
            positives = [j for j in range(len(x)) if j != i and labels[j] == labels[i]]
            negatives = [j for j in range(len(x)) if labels[j] != labels[i]]
            found[i] = [-np.log(terms(e[j], e[negatives].sum(), e[positives].sum())) for j in positives]
        return found

    return values


DEFINITIONS = {
    nt_xent: _by_definition(lambda p, negatives, _: p / (p + negatives)),
    decoupled_contrastive: _by_definition(lambda p, negatives, _: p / negatives),
    supervised_contrastive: _by_definition(lambda p, negatives, positives: p / (positives + negatives)),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_values_are_the_definition(loss):
    x = RNG.normal(size=(7, 4))
    due = DEFINITIONS[loss](x, UNEVEN, 0.2)
    with jax.enable_x64(True):
        got = loss(x, UNEVEN, temperature=0.2, reduction="none")
        mean = loss(x, UNEVEN, temperature=0.2)
    per_pair = loss is not supervised_contrastive
    anchors = [sum(terms) / (1 if per_pair else max(len(terms), 1)) for terms in due.values()]
    np.testing.assert_allclose(got, anchors, rtol=1e-12)
    pairs = [term for terms in due.values() for term in terms]
    with_positives = [np.mean(terms) for terms in due.values() if terms]
    np.testing.assert_allclose(mean, np.mean(pairs if per_pair else with_positives), rtol=1e-12)


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_nt_xent_is_that_of_optax_with_groups_of_any_size(temperature):
    x = RNG.normal(size=(7, 4))
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        ours = jax.value_and_grad(lambda x: nt_xent(x, UNEVEN, temperature=temperature))(x)
        theirs = jax.value_and_grad(lambda x: optax.losses.ntxent(x, jnp.asarray(UNEVEN), temperature))(jnp.asarray(x))
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-12)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-10, atol=1e-13)


def test_two_views_give_the_loss_of_simclr():
    # Algorithm 1 of the paper: 2N examples, l(i, j) with the sum over all k != i, the mean over both orders of a pair.
    views, temperature = RNG.normal(size=(2, 5, 4)), 0.5
    u = _units(views.reshape(10, 4))
    s = np.exp(u @ u.T / temperature)
    l = lambda i, j: -np.log(s[i, j] / (s[i].sum() - s[i, i]))
    due = sum(l(k, k + 5) + l(k + 5, k) for k in range(5)) / 10
    labels = np.tile(np.arange(5, dtype=np.int32), 2)
    with jax.enable_x64(True):
        np.testing.assert_allclose(nt_xent(views.reshape(10, 4), labels, temperature=temperature), due, rtol=1e-12)
        # With one positive each, all others are its negatives.
        got = supervised_contrastive(views.reshape(10, 4), labels, temperature=temperature)
        np.testing.assert_allclose(got, due, rtol=1e-12)


def test_value_and_gradient_of_two_views_are_those_of_a_cross_entropy_in_torch():
    torch = pytest.importorskip("torch")
    x, labels = RNG.normal(size=(8, 4)), np.tile(np.arange(4, dtype=np.int32), 2)
    leaf = torch.tensor(x, requires_grad=True)
    u = torch.nn.functional.normalize(leaf)
    z = (u @ u.T / 0.1).masked_fill(torch.eye(8, dtype=torch.bool), -torch.inf)
    due = torch.nn.functional.cross_entropy(z, (torch.arange(8) + 4) % 8)
    due.backward()
    with jax.enable_x64(True):
        for loss in (nt_xent, supervised_contrastive):
            value, slope = jax.value_and_grad(lambda x, loss=loss: loss(x, labels, temperature=0.1))(x)
            np.testing.assert_allclose(value, due.item(), rtol=1e-12)
            np.testing.assert_allclose(slope, leaf.grad.numpy(), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [0], []], ids=["no pair", "one example", "nothing"])
def test_nothing_to_attract_is_zero_with_zero_gradient(loss, labels):
    x = jnp.asarray(RNG.normal(size=(len(labels), 3)), jnp.float32)
    value, slope = jax.value_and_grad(lambda x: loss(x, np.array(labels, np.int32)))(x)
    assert value == 0
    assert not np.any(slope)


@pytest.mark.parametrize(
    ("loss", "due"), [(nt_xent, 0), (supervised_contrastive, np.log(3)), (decoupled_contrastive, 0)]
)
def test_one_group_has_nothing_to_repel(loss, due):
    x, labels = jnp.ones((4, 3)), np.zeros(4, np.int32)
    value, slope = jax.value_and_grad(lambda x: loss(x, labels))(x)
    np.testing.assert_allclose(value, due, rtol=1e-6)
    np.testing.assert_allclose(slope, 0, atol=1e-5)


def test_an_anchor_without_a_positive_is_no_term_of_the_mean_but_a_negative_of_the_others():
    x = RNG.normal(size=(5, 3)).astype(np.float32)
    labels = np.array([0, 0, 1, 1, 2], np.int32)
    for loss in LOSSES:
        values = loss(x, labels, temperature=0.5, reduction="none")
        assert values[4] == 0
        np.testing.assert_allclose(loss(x, labels, temperature=0.5), np.mean(values[:4]), rtol=1e-6)
        assert not np.isclose(loss(x, labels, temperature=0.5), loss(x[:4], labels[:4], temperature=0.5))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("temperature", [1e-4, 1e-20, 1e4])
def test_any_temperature_is_finite_with_its_gradient(loss, temperature):
    x = jnp.asarray(RNG.normal(size=(7, 4)), jnp.float32)
    run = jax.jit(jax.value_and_grad(lambda x, t: loss(x, UNEVEN, temperature=t), argnums=(0, 1)))
    value, (slope, by_temperature) = run(x, jnp.float32(temperature))
    assert np.isfinite(value)
    assert np.all(np.isfinite(slope))
    if temperature > 1e-10:  # d/dt is the value over t: 1e40 is no float32
        assert np.isfinite(by_temperature)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_collapsed_batch_is_a_stationary_point(loss):
    x = jnp.tile(jnp.array([0.3, -1.7, 2.2]), (7, 1))
    value, slope = jax.value_and_grad(lambda x: loss(x, UNEVEN, temperature=0.1))(x)
    exp_values = {nt_xent: lambda n, p: np.log1p(n), decoupled_contrastive: lambda n, p: np.log(n)}
    counts = [(7 - k, k - 1) for k in (3, 3, 3, 2, 2) for _ in range(k - 1)]
    if loss in exp_values:
        np.testing.assert_allclose(value, np.mean([exp_values[loss](*c) for c in counts]), rtol=1e-6)
    else:
        np.testing.assert_allclose(value, np.log(6), rtol=1e-6)
    np.testing.assert_allclose(slope, 0, atol=1e-6 / 0.1)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_length_of_an_embedding_does_not_matter_and_zero_has_no_gradient(loss):
    x = jnp.asarray(RNG.normal(size=(7, 4)), jnp.float32)
    scales = jnp.array([[1e-30], [1.0], [1e30], [1e-3], [3e37], [1.0], [1.0]])
    np.testing.assert_allclose(loss(x * scales, UNEVEN), loss(x, UNEVEN), rtol=1e-5)
    slope = jax.grad(lambda x: loss(x, UNEVEN))(x.at[2].set(0))
    assert np.all(np.isfinite(slope))
    assert not np.any(slope[2])


def test_batches_do_not_meet_and_each_may_have_its_temperature():
    x = jnp.asarray(RNG.normal(size=(2, 3, 7, 4)), jnp.float32)
    labels = jnp.tile(UNEVEN, (2, 3, 1))
    temperature = jnp.array([[0.1, 0.2, 0.5], [1.0, 2.0, 0.7]])[..., None]
    for loss in LOSSES:
        got = loss(x, labels, temperature=temperature, reduction="none")
        due = [
            [loss(x[i, j], UNEVEN, temperature=temperature[i, j, 0], reduction="none") for j in range(3)]
            for i in (0, 1)
        ]
        np.testing.assert_allclose(got, np.array(due), rtol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_memory_is_that_of_a_few_similarity_matrices(loss):
    n = 512
    data = jax.ShapeDtypeStruct((n, 32), jnp.float32), jax.ShapeDtypeStruct((n,), jnp.int32)
    compiled = jax.jit(jax.value_and_grad(lambda x, labels: loss(x, labels))).lower(*data).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 8 * 4 * n * n


@pytest.mark.parametrize("loss", LOSSES)
def test_what_does_not_fit_is_refused(loss):
    x, labels, name = jnp.ones((4, 3)), jnp.zeros(4, jnp.int32), loss.__name__
    with pytest.raises(ValueError, match=rf"{name}: labels must have shape \(4,\)"):
        loss(x, labels[:3])
    with pytest.raises(TypeError, match=f"{name}: labels must be integer class ids, got float32"):
        loss(x, jnp.zeros(4))
    with pytest.raises(
        ValueError, match=rf"{name}: embeddings must have shape \[..., examples, features\], got \(4,\)"
    ):
        loss(x[:, 0], jnp.int32(0))
    with pytest.raises(ValueError, match=f"{name}: temperature must be positive, got 0"):
        loss(x, labels, temperature=0)
    with pytest.raises(ValueError, match=rf"{name}: temperature must be a scalar or have 1 axes .* \(1,\), got \(4,\)"):
        loss(x, labels, temperature=jnp.ones(4))
    with pytest.raises(ValueError, match=rf"{name}: weights must be a scalar or have 1 axes"):
        loss(x, labels, weights=jnp.ones((4, 1)))
