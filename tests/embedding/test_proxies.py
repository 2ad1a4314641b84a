"""Losses beside proxies against their definitions."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import cosface, proxy_anchor, proxy_nca, soft_triplet

RNG = np.random.default_rng(0)
X, PROXIES, CENTERS = RNG.normal(size=(7, 4)), RNG.normal(size=(5, 4)), RNG.normal(size=(5, 3, 4))
LABELS = np.array([0, 3, 3, 1, 0, 0, 1])


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def naive_nca(x, proxies, *, temperature, include_positive=False):
    d = ((unit(x)[:, None] - unit(proxies)[None]) ** 2).sum(-1) / temperature
    others = [[c for c in range(len(proxies)) if include_positive or c != y] for y in LABELS]
    return np.array([d[i, y] + math.log(np.exp(-d[i, others[i]]).sum()) for i, y in enumerate(LABELS)])


def naive_anchor(x, proxies, *, alpha, margin):
    """The loss as the paper writes it: a mean over the proxies with examples plus a mean over all."""
    s, present = unit(x) @ unit(proxies).T, sorted(set(LABELS))
    near = [
        math.log1p(sum(math.exp(-alpha * (s[i, c] - margin)) for i in np.flatnonzero(c == LABELS))) for c in present
    ]
    far = [math.log1p(sum(math.exp(alpha * (s[i, c] + margin)) for i in np.flatnonzero(c != LABELS)))
           for c in range(len(proxies))]  # fmt: skip
    return np.array([np.mean(near) + np.mean(far)])


def naive_soft_triplet(x, centers, *, scale, gamma, margin):
    s = np.einsum("id,ckd->ick", unit(x), unit(centers))
    q = np.exp(s / gamma)
    z = scale * (s * q).sum(-1) / q.sum(-1)
    z[np.arange(7), LABELS] -= scale * margin
    return np.log(np.exp(z).sum(1)) - z[np.arange(7), LABELS]


LOSSES = [
    (proxy_nca, naive_nca, PROXIES, {"temperature": 1.0}),
    (proxy_nca, naive_nca, PROXIES, {"temperature": 0.1, "include_positive": True}),
    (proxy_anchor, naive_anchor, PROXIES, {"alpha": 32.0, "margin": 0.1}),
    (soft_triplet, naive_soft_triplet, CENTERS, {"scale": 20.0, "gamma": 0.1, "margin": 0.01}),
]


@pytest.mark.parametrize(("loss", "naive", "proxies", "params"), LOSSES)
def test_value_and_gradients_are_those_of_the_definition(loss, naive, proxies, params):
    moves = RNG.normal(size=X.shape), RNG.normal(size=proxies.shape)
    step = 1e-6
    up, down = (naive(X + s * step * moves[0], proxies + s * step * moves[1], **params).mean() for s in (1, -1))
    with jax.enable_x64(True):
        run = lambda x, p: loss(x, p, jnp.asarray(LABELS), **params)
        got, slopes = jax.value_and_grad(run, (0, 1))(jnp.asarray(X), jnp.asarray(proxies))
        slopes = [np.asarray(s) for s in slopes]
    np.testing.assert_allclose(got, naive(X, proxies, **params).mean(), rtol=1e-11)
    moved = sum(np.sum(slope * move) for slope, move in zip(slopes, moves, strict=True))
    np.testing.assert_allclose(moved, (up - down) / (2 * step), rtol=1e-6)


@pytest.mark.parametrize(("loss", "naive", "proxies", "params"), LOSSES)
def test_masked_examples_and_labels_outside(loss, naive, proxies, params):
    x, proxies = jnp.asarray(X, jnp.float32), jnp.asarray(proxies, jnp.float32)
    kept = np.array([True, True, False, True, True, False, True])
    where = {"where": jnp.asarray(kept)}
    labels = jnp.asarray(LABELS)
    due, slopes_due = jax.value_and_grad(loss, (0, 1))(x[kept], proxies, labels[kept], **params)
    bad = x.at[2].set(jnp.nan).at[5].set(jnp.inf), proxies, labels.at[2].set(-100).at[5].set(99)
    got, slopes = jax.value_and_grad(loss, (0, 1))(*bad, **params, **where)
    np.testing.assert_allclose(got, due, rtol=1e-6)
    np.testing.assert_allclose(slopes[1], slopes_due[1], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(slopes[0][~kept], 0)
    for wrong in (-1, len(proxies)):
        run = jax.jit(jax.value_and_grad(lambda x, y: loss(x, proxies, y, **params, reduction="sum")))
        value, slope = run(x, labels.at[3].set(wrong))
        assert np.isnan(value)
        assert np.all(np.isnan(slope[3]))
        if loss is not proxy_anchor:
            values = loss(x, proxies, labels.at[3].set(wrong), **params, reduction="none")
            np.testing.assert_array_equal(np.isnan(values), np.arange(7) == 3)


def test_a_batch_without_examples_costs_nothing():
    for loss, _, proxies, params in LOSSES:
        run = lambda x, p, f=loss, o=params: f(x, p, jnp.asarray(LABELS), **o, where=jnp.zeros(7, bool))
        value, slopes = jax.value_and_grad(run, (0, 1))(jnp.asarray(X), jnp.asarray(proxies))
        assert value == 0
        assert all(np.all(np.asarray(s) == 0) for s in slopes)


def test_with_one_center_a_class_soft_triplet_is_cosface():
    x, centers, labels = jnp.asarray(X), jnp.asarray(CENTERS[:, :1]), jnp.asarray(LABELS)
    cosines = jnp.asarray(unit(X) @ unit(CENTERS[:, 0]).T)
    got = soft_triplet(x, centers, labels, scale=8.0, margin=0.2)
    np.testing.assert_allclose(got, cosface(cosines, labels, scale=8.0, margin=0.2), rtol=1e-5)


def test_what_does_not_fit_is_refused():
    x, labels = jnp.zeros((3, 4)), jnp.zeros(3, jnp.int32)
    for proxies in (jnp.zeros((5, 3)), jnp.zeros((2, 5, 4)), jnp.zeros((0, 4)), jnp.zeros(4)):
        with pytest.raises(ValueError, match=r"proxy_nca: embeddings and proxies must have shapes .* got \(3, 4\) and"):
            proxy_nca(x, proxies, labels)
    with pytest.raises(ValueError, match=r"soft_triplet: .*classes, centers, features"):
        soft_triplet(x, jnp.zeros((5, 4)), labels)
    with pytest.raises(ValueError, match="proxy_anchor: alpha must be positive"):
        proxy_anchor(x, jnp.zeros((5, 4)), labels, alpha=0.0)
