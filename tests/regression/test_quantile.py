"""Quantiles, expectiles and the losses of support vector regression."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from jaxloss.regression.quantile import epsilon_insensitive, expectile, quantile, squared_epsilon_insensitive
from jaxloss.regression.squared import squared_error

RNG = np.random.default_rng(0)
QS = (0.05, 0.5, 0.99)


@pytest.mark.parametrize("q", QS)
def test_quantile_is_sklearns_pinball_loss(q):
    predictions, targets = RNG.normal(size=(2, 50)).astype(np.float32)
    due = mean_pinball_loss(targets.astype(float), predictions.astype(float), alpha=q)
    np.testing.assert_allclose(quantile(predictions, targets, q=q), due, rtol=1e-6)


@pytest.mark.parametrize("q", QS)
def test_the_best_constant_is_the_quantile(q):
    targets = jnp.asarray(RNG.normal(size=101), jnp.float32)
    losses = jax.vmap(lambda constant: quantile(jnp.full(101, constant), targets, q=q))(jnp.sort(targets))
    assert abs(int(jnp.argmin(losses)) - q * 100) <= 1


@pytest.mark.parametrize("kind", [tuple, list, np.array, jnp.array])
def test_several_quantiles_are_so_many_losses(kind):
    predictions = jnp.asarray(RNG.normal(size=(4, 2, 3)), jnp.float32)
    targets = jnp.asarray(RNG.normal(size=(4, 2)), jnp.float32)

    def both(predictions, targets):
        apart = [quantile(predictions[..., i], targets, q=q, reduction="none") for i, q in enumerate(QS)]
        return quantile(predictions, targets, q=kind(QS), reduction="none"), jnp.stack(apart, -1)

    got, due = both(predictions, targets)
    np.testing.assert_allclose(got, due, rtol=1e-5 if kind is jnp.array else 1e-7)
    for argument in (0, 1):
        slopes = [jax.grad(lambda p, t, i=i: jnp.sum(both(p, t)[i]), argument)(predictions, targets) for i in (0, 1)]
        np.testing.assert_allclose(*slopes, rtol=1e-5)
    where = jnp.asarray(RNG.random((4, 2, 3)) < 0.5)
    poisoned = jnp.where(where, predictions, jnp.nan)
    got = quantile(poisoned, targets, q=kind(QS), where=where)
    np.testing.assert_allclose(got, np.mean(due, where=where), rtol=1e-5)
    slope = jax.grad(lambda p: quantile(p, targets, q=kind(QS), where=where))(poisoned)
    assert bool(jnp.all(jnp.isfinite(slope)))


def test_a_quantile_near_one_keeps_its_digits_in_float32():
    slope = jax.grad(lambda p: quantile(p, jnp.zeros(1), q=0.999, reduction="sum"))(jnp.ones(1))
    np.testing.assert_allclose(slope, 0.001, rtol=6e-8)
    slope = jax.grad(lambda p: quantile(p, jnp.zeros(1), q=[0.999], reduction="sum"))(jnp.ones((1, 1)))
    np.testing.assert_allclose(slope, 0.001, rtol=6e-8)


def test_shapes_that_do_not_fit_several_quantiles_are_refused():
    for predictions, targets in (((4, 2), (4,)), ((4, 3), (4, 3)), ((4, 3), (4, 1)), ((), ())):
        with pytest.raises(ValueError, match=r"quantile: with q of shape \(3,\)"):
            quantile(jnp.zeros(predictions), jnp.zeros(targets), q=QS)
    with pytest.raises(TypeError, match="quantile: predictions must be floating point"):
        quantile(jnp.zeros((4, 3), jnp.int32), jnp.zeros(4), q=QS)


def test_parameters_out_of_range_are_refused():
    x = jnp.zeros(3)
    for q in (0, 1, -0.1, float("nan"), (0.5, 1.5)):
        with pytest.raises(ValueError, match="quantile: q must be > 0 and < 1"):
            quantile(x, x if np.ndim(q) == 0 else jnp.zeros(()), q=q)
    with pytest.raises(ValueError, match="expectile: tau must be > 0 and < 1"):
        expectile(x, x, tau=1)
    for loss in (epsilon_insensitive, squared_epsilon_insensitive):
        with pytest.raises(ValueError, match=f"{loss.__name__}: epsilon must be >= 0"):
            loss(x, x, epsilon=-1)


def test_the_gradient_at_a_kink_is_zero():
    at = jnp.array([1.0, -1.0, 0.5, 0.0])
    kinks = (
        partial(quantile, q=0.9),
        partial(expectile, tau=0.9),
        partial(epsilon_insensitive, epsilon=0),
        partial(squared_epsilon_insensitive, epsilon=0),
    )
    for loss in kinks:
        assert not jax.grad(loss)(at, at).any()
    for loss in (epsilon_insensitive, squared_epsilon_insensitive):
        assert not jax.grad(lambda p, loss=loss: loss(p, jnp.zeros(4), epsilon=1.0))(at).any()


def test_the_middle_expectile_is_half_the_squared_error():
    predictions, targets = RNG.normal(size=(2, 20)).astype(np.float32)
    np.testing.assert_allclose(
        expectile(predictions, targets, tau=0.5), 0.5 * squared_error(predictions, targets), rtol=1e-6
    )


def test_the_best_expectile_balances_the_residuals():
    targets = RNG.exponential(size=200).astype(np.float32)
    constant = jnp.mean(targets)
    slope = jax.jit(jax.grad(lambda c, tau: expectile(jnp.broadcast_to(c, 200), targets, tau=tau)))
    for _ in range(100):
        constant -= slope(constant, 0.8)
    above, below = np.maximum(targets - constant, 0).sum(), np.maximum(constant - targets, 0).sum()
    np.testing.assert_allclose(0.8 * above, 0.2 * below, rtol=1e-4)
