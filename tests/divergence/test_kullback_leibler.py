"""Kullback-Leibler divergences of rows: peers, impossible classes, digits near equality."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special

from jaxloss.divergence.kullback_leibler import (
    generalized_kl_divergence,
    jeffreys,
    kl_divergence,
    kl_divergence_with_log_targets,
)

RNG = np.random.default_rng(0)
LOSSES = [generalized_kl_divergence, jeffreys, kl_divergence, kl_divergence_with_log_targets]


def rows(n=6, c=5):
    """Predictions and targets, a target of 0 in each row."""
    p, t = RNG.dirichlet(np.ones(c), n), RNG.dirichlet(np.ones(c), n)
    t[:, 0] = 0
    return p, t / t.sum(-1, keepdims=True)


def test_values_are_those_of_scipy():
    p, t = rows()
    with jax.enable_x64(True):
        log_p = jnp.log(jnp.asarray(p))
        kl = scipy.special.rel_entr(t, p).sum(-1)
        np.testing.assert_allclose(kl_divergence(log_p, jnp.asarray(t), reduction="none"), kl, rtol=1e-13)
        p = 3 * p
        due = scipy.special.kl_div(t, p).sum(-1)
        got = generalized_kl_divergence(jnp.log(jnp.asarray(p)), jnp.asarray(t), reduction="none")
        np.testing.assert_allclose(got, due, rtol=1e-13)
        t = np.where(t == 0, 0.01, t)
        due = (scipy.special.rel_entr(t, p) + scipy.special.rel_entr(p, t)).sum(-1)
        got = jeffreys(jnp.log(jnp.asarray(p)), jnp.asarray(t), reduction="none")
        np.testing.assert_allclose(got, due, rtol=1e-13)


@pytest.mark.parametrize("log_target", [False, True])
def test_torch(log_target):
    torch = pytest.importorskip("torch")
    p, t = rows()
    t = np.log(np.where(t == 0, 1e-3, t)) if log_target else t
    log_p = torch.tensor(np.log(p), requires_grad=True)
    due = torch.nn.functional.kl_div(log_p, torch.tensor(t), reduction="batchmean", log_target=log_target)
    due.backward()
    loss = kl_divergence_with_log_targets if log_target else kl_divergence
    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(loss)(jnp.log(jnp.asarray(p)), jnp.asarray(t))
    np.testing.assert_allclose(value, due.item(), rtol=1e-12)
    np.testing.assert_allclose(slope, log_p.grad.numpy(), rtol=1e-12)


def test_optax_with_zero_targets():
    p, t = rows()
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        log_p, t = jnp.log(jnp.asarray(p)), jnp.asarray(t)
        for ours, theirs in (
            (kl_divergence, optax.losses.kl_divergence),
            (generalized_kl_divergence, optax.losses.generalized_kl_divergence),
        ):
            np.testing.assert_allclose(ours(log_p, t, reduction="none"), theirs(log_p, t), rtol=1e-12)


@pytest.mark.parametrize("loss", [kl_divergence, generalized_kl_divergence, jeffreys])
def test_a_class_that_is_impossible_for_both_contributes_nothing(loss):
    log_p, t = jnp.log(jnp.array([[0.25, 0.75, 0.0]])), jnp.array([[0.5, 0.5, 0.0]])
    value, slopes = jax.jit(jax.value_and_grad(loss, (0, 1)))(log_p, t)
    due, due_slopes = jax.value_and_grad(loss, (0, 1))(log_p[:, :2], t[:, :2])
    np.testing.assert_allclose(value, due, rtol=1e-6)
    for slope, due_slope in zip(slopes, due_slopes, strict=True):
        np.testing.assert_allclose(slope[:, :2], due_slope, rtol=1e-6)
        assert slope[0, 2] == 0


def test_an_impossible_class_with_a_target_costs_inf_and_still_learns():
    log_p, t = jnp.array([[0.0, -jnp.inf]]), jnp.array([[0.5, 0.5]])
    for loss in (kl_divergence, generalized_kl_divergence, jeffreys):
        value, slope = jax.value_and_grad(loss)(log_p, t)
        assert value == np.inf
        assert slope[0, 1] == -0.5
        assert np.isfinite(slope).all()


def test_log_targets_may_be_impossible():
    log_p, log_t = jnp.array([[0.0, -jnp.inf, -1.0]]), jnp.array([[-1.0, -jnp.inf, -jnp.inf]])
    value, slopes = jax.value_and_grad(kl_divergence_with_log_targets, (0, 1))(log_p, log_t)
    np.testing.assert_allclose(value, -np.exp(-1), rtol=1e-6)
    np.testing.assert_allclose(slopes[0], [[-np.exp(-1), 0, 0]], rtol=1e-6)
    np.testing.assert_allclose(slopes[1], [[0, 0, 0]], atol=1e-7)
    assert kl_divergence_with_log_targets(log_t, log_p) == np.inf


def test_the_gradient_reaches_a_teacher_that_underflows():
    teacher = jnp.array([[0.0, -200.0, 1.0]])  # its second probability is 0 in float32
    log_p = jnp.log(jnp.array([[0.2, 0.3, 0.5]]))
    slope = jax.grad(lambda logits: kl_divergence(log_p, jax.nn.softmax(logits)))(teacher)
    with jax.enable_x64(True):
        due = jax.grad(lambda logits: kl_divergence(log_p.astype(jnp.float64), jax.nn.softmax(logits)))(
            teacher.astype(jnp.float64)
        )
    np.testing.assert_allclose(slope, due, rtol=1e-5, atol=1e-30)


def test_no_digits_are_lost_near_equality():
    t = np.float32([0.2, 0.3, 0.5])
    log_p = np.float32(np.log(t.astype(float)) + np.array([1e-3, -2e-3, 1.5e-3]))
    d = log_p.astype(float) - np.log(t.astype(float))
    np.testing.assert_allclose(generalized_kl_divergence(log_p, t), np.sum(t * (np.expm1(d) - d)), rtol=1e-5)
    np.testing.assert_allclose(jeffreys(log_p, t), np.sum(t * np.expm1(d) * d), rtol=1e-5)
    naive = jnp.sum((jnp.exp(log_p) - t) * (log_p - jnp.log(t)))
    assert abs(naive / np.sum(t * np.expm1(d) * d) - 1) > 1e-5


@pytest.mark.parametrize("loss", LOSSES)
def test_any_axis(loss):
    a, b = (jnp.asarray(z, jnp.float32) for z in np.log(RNG.dirichlet(np.ones(3), (2, 2, 4))))
    b = b if loss is kl_divergence_with_log_targets else jnp.exp(b)
    due = loss(a, b, reduction="none")
    got = loss(a.swapaxes(1, 2), b.swapaxes(1, 2), axis=1, reduction="none")
    np.testing.assert_allclose(got, due, rtol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_class_ids_and_axes_that_are_not_there_are_refused(loss):
    rows = jnp.zeros((2, 3))
    with pytest.raises(TypeError, match=f"{loss.__name__}: .*targets must be a dense distribution"):
        loss(rows, jnp.zeros((2, 3), jnp.int32))
    with pytest.raises(ValueError, match=f"{loss.__name__}: axis 2 is out of range"):
        loss(rows, rows, axis=2)
