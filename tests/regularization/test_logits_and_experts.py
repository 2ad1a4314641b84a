"""Penalties on logits and routers."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from jaxloss.classification import softmax_cross_entropy_with_integer_labels
from jaxloss.regularization import entropy, load_balancing, router_z, z_loss

LOGITS = np.random.default_rng(0).normal(size=(6, 5))


def test_entropy_is_that_of_scipy():
    with jax.enable_x64(True):
        got, slope = jax.value_and_grad(entropy)(jnp.asarray(LOGITS))
    p = scipy.special.softmax(LOGITS, -1)
    size = scipy.stats.entropy(p, axis=-1)
    np.testing.assert_allclose(got, size.mean(), rtol=1e-13)
    np.testing.assert_allclose(slope, -p * (np.log(p) + size[:, None]) / 6, rtol=1e-11)


def test_entropy_between_certainty_and_none():
    value, slope = jax.value_and_grad(entropy)(jnp.array([[0.0, 0.0, -jnp.inf]]))
    np.testing.assert_allclose(value, math.log(2), rtol=1e-6)
    np.testing.assert_array_equal(slope, 0)
    sure = jnp.array([[0.0, 60.0]])
    np.testing.assert_allclose(entropy(sure), 61 * math.exp(-60), rtol=1e-5)
    np.testing.assert_allclose(jax.grad(entropy)(sure), [[60 * math.exp(-60), -60 * math.exp(-60)]], rtol=1e-5)


def test_nearly_uniform_logits_keep_the_digits_of_their_gradient():
    logits = jnp.array([[1e-12, -1e-12]])
    np.testing.assert_allclose(jax.grad(entropy)(logits), [[-5e-13, 5e-13]], rtol=1e-6)


def test_z_loss_is_that_of_the_cross_entropy():
    labels = jnp.array([0, 1, 2, 3, 4, 0])
    logits = jnp.asarray(10 * LOGITS, jnp.float32)
    plain = softmax_cross_entropy_with_integer_labels(logits, labels)
    both = softmax_cross_entropy_with_integer_labels(logits, labels, z_loss=0.1)
    np.testing.assert_allclose(both - plain, 0.1 * z_loss(logits), rtol=1e-4)
    np.testing.assert_allclose(z_loss(logits), np.mean(scipy.special.logsumexp(10 * LOGITS, -1) ** 2), rtol=1e-6)
    assert router_z(logits) == z_loss(logits)


def by_definition(logits, k):
    """Equation 4 of Fedus et al., with loads divided by k."""
    p, experts = scipy.special.softmax(logits, -1), logits.shape[-1]
    chosen = np.argsort(-logits, -1, kind="stable")[:, :k]
    load = np.bincount(chosen.ravel(), minlength=experts) / (k * len(logits))
    return experts * np.sum(load * p.mean(0)), experts * load


@pytest.mark.parametrize("k", [1, 2, 5])
def test_load_balancing_by_definition(k):
    due, load = by_definition(LOGITS, k)
    p = scipy.special.softmax(LOGITS, -1)
    with jax.enable_x64(True):
        got, slope = jax.value_and_grad(lambda z: load_balancing(z, top_k=k))(jnp.asarray(LOGITS))
    np.testing.assert_allclose(got, due, rtol=1e-12)
    np.testing.assert_allclose(slope, p * (load - np.sum(p * load, -1, keepdims=True)) / 6, rtol=1e-9, atol=1e-16)


def test_balance_is_1_and_collapse_costs_every_expert():
    for experts in (2, 8):
        np.testing.assert_allclose(load_balancing(20 * jnp.eye(experts)), 1, rtol=1e-6)
        one = jnp.zeros((6, experts)).at[:, 1].set(40.0)
        np.testing.assert_allclose(load_balancing(one), experts, rtol=1e-6)
    np.testing.assert_allclose(load_balancing(jnp.zeros((4, 8)), top_k=8), 1, rtol=1e-6)


def test_padding_is_no_token_and_batches_balance_apart():
    logits = np.stack([LOGITS, -LOGITS]).astype(np.float32)
    exists = np.array([[True] * 4 + [False] * 2, [True] * 6])
    broken = np.where(exists[..., None], logits, np.nan)
    got, slope = jax.value_and_grad(lambda z: jnp.sum(load_balancing(z, where=exists, reduction="none")))(broken)
    due = by_definition(logits[0, :4], 1)[0] + by_definition(logits[1], 1)[0]
    np.testing.assert_allclose(got, due, rtol=1e-5)
    assert not slope[~exists].any()
    assert load_balancing(logits, where=jnp.zeros((2, 6), bool)) == 0


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"load_balancing: router_logits must be \[..., tokens, experts\]"):
        load_balancing(jnp.zeros(3))
    with pytest.raises(ValueError, match="top_k must be from 1 to the number of experts 3, got 4"):
        load_balancing(jnp.zeros((2, 3)), top_k=4)
    with pytest.raises(ValueError, match="z_loss: axis 2 is out of range for logits"):
        z_loss(jnp.zeros((2, 3)), axis=2)
