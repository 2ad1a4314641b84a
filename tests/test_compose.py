"""Objectives of several terms (W25, W26, W28)."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxloss
from jaxloss.compose import regularized, weighted_sum

PREDICTIONS, TARGETS = jnp.array([2.0, 3.0, 4.0, 5.0]), jnp.array([4.0, 5.0, 6.0, 7.0])


def test_the_total_is_the_weighted_sum_and_the_report_is_before_the_weights():
    objective = weighted_sum({"l2": jaxloss.squared_error, "l1": (0.25, jaxloss.absolute_error)})
    total, report = objective(PREDICTIONS, TARGETS)
    assert total == 4 + 0.25 * 2
    assert report == {"l2": 4, "l1": 2}
    assert list(report) == ["l2", "l1"]


def test_gradients_are_weighted_too():
    objective = weighted_sum({"l2": jaxloss.squared_error, "l1": (0.25, jaxloss.absolute_error)})
    (_, report), slope = jax.jit(jax.value_and_grad(objective, has_aux=True))(PREDICTIONS, TARGETS)
    np.testing.assert_allclose(slope, np.full(4, (2 * -2 + 0.25 * -1) / 4), rtol=1e-6)
    assert set(report) == {"l2", "l1"}


def test_keywords_reach_every_term():
    objective = weighted_sum({"l2": jaxloss.squared_error, "l1": jaxloss.absolute_error})
    total, _ = objective(PREDICTIONS, TARGETS, where=jnp.array([True, False, False, False]), reduction="sum")
    assert total == 4 + 2


def test_a_learned_weight_has_its_term_as_gradient():
    def loss(log_weight, predictions, targets):
        terms = {"l2": jaxloss.squared_error, "l1": (jnp.exp(log_weight), jaxloss.absolute_error)}
        return weighted_sum(terms)(predictions, targets)

    slope, report = jax.jit(jax.grad(loss, has_aux=True))(jnp.log(3.0), PREDICTIONS, TARGETS)
    np.testing.assert_allclose(slope, 3 * report["l1"], rtol=1e-6)


def test_a_weight_of_zero_only_reports():
    objective = weighted_sum({"l2": jaxloss.squared_error, "watched": (0, lambda p, _: jnp.inf * jnp.sum(p))})
    (total, report), slope = jax.value_and_grad(objective, has_aux=True)(PREDICTIONS, TARGETS)
    assert total == 4
    assert report["watched"] == jnp.inf
    assert np.isfinite(slope).all()


def test_an_objective_can_be_a_term_and_reports_its_own():
    inner = weighted_sum({"l2": jaxloss.squared_error, "l1": jaxloss.absolute_error})
    total, report = weighted_sum({"fit": (0.5, inner)})(PREDICTIONS, TARGETS)
    assert total == 3
    assert report == {"fit": 6, "fit/l2": 4, "fit/l1": 2}


def test_terms_of_two_precisions_are_summed_in_the_larger():
    with jax.enable_x64(True):
        objective = weighted_sum({"narrow": lambda: jnp.float32(1), "wide": (jnp.float32(0.5), lambda: jnp.float64(3))})
        total, report = objective()
        assert total.dtype == jnp.float64
        assert total == 2.5
        assert report["narrow"].dtype == jnp.float32


@pytest.mark.parametrize(
    ("terms", "error", "message"),
    [
        ({"kl": lambda x: x}, ValueError, r"term 'kl' must be a scalar, got shape \(3,\)"),
        ({"kl": lambda _: jnp.int32(1)}, TypeError, "term 'kl' must be floating point, got int32"),
        ({"kl": lambda x: (jnp.sum(x), 3)}, TypeError, "term 'kl' must return a scalar or"),
        ({"kl": (jnp.ones(2), jnp.sum)}, ValueError, r"the weight of 'kl' must be a scalar, got shape \(2,\)"),
        ({"kl": (1.0, 2.0)}, TypeError, "term 'kl' must be a function or"),
        ({}, ValueError, "no terms"),
    ],
)
def test_an_error_names_the_term(terms, error, message):
    with pytest.raises(error, match=message):
        weighted_sum(terms)(jnp.ones(3))


# --- W25: empirical plus structural risk ----------------------------------------------------------------------------

PARAMS = {"weights": jnp.array([[1.0, -2.0], [3.0, 0.5]]), "bias": jnp.array([0.5, -1.0])}


def _fit(params, x, y):
    return jaxloss.squared_error(x @ params["weights"] + params["bias"].reshape(1, 2), y)


@pytest.mark.parametrize(
    ("penalty", "due"),
    [
        (lambda params: jaxloss.l1(params), 1 + 2 + 3 + 0.5 + 0.5 + 1),
        (lambda params: jaxloss.l1(params["weights"]), 1 + 2 + 3 + 0.5),
        (lambda params: sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(params)), 1 + 4 + 9 + 0.25 + 0.25 + 1),
    ],
)
def test_w25_mean_loss_plus_lambda_times_the_penalty_of_a_pytree(penalty, due):
    x, y = jnp.eye(2), jnp.zeros((2, 2))
    total, report = regularized(_fit, penalty, 0.1)(PARAMS, x, y)
    np.testing.assert_allclose(report["penalty"], due, rtol=1e-6)
    np.testing.assert_allclose(report["loss"], _fit(PARAMS, x, y), rtol=1e-6)
    np.testing.assert_allclose(total, _fit(PARAMS, x, y) + 0.1 * due, rtol=1e-6)


def test_w25_ridge_regression_reaches_its_closed_form():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)).astype(np.float32), rng.normal(size=40).astype(np.float32)
    fit = lambda w, x, y: jaxloss.squared_error(x @ w, y)
    objective = regularized(fit, lambda w: jnp.sum(w**2), 0.3)
    optimizer = optax.sgd(0.2)

    @jax.jit
    def step(w, state):
        grads, report = jax.grad(objective, has_aux=True)(w, x, y)
        updates, state = optimizer.update(grads, state)
        return optax.apply_updates(w, updates), state, report

    w = jnp.zeros(3)
    state = optimizer.init(w)
    for _ in range(80):
        w, state, _ = step(w, state)
    np.testing.assert_allclose(w, np.linalg.solve(x.T @ x / 40 + 0.3 * np.eye(3), x.T @ y / 40), rtol=1e-4)


def test_w25_a_sum_can_be_regularized_and_keeps_its_report():
    terms = weighted_sum({"fit": _fit, "bias": (2.0, lambda params, *_: jnp.sum(params["bias"] ** 2))})
    _, report = regularized(terms, lambda params: jnp.sum(params["weights"] ** 2), 0.5)(
        PARAMS, jnp.eye(2), jnp.ones((2, 2))
    )
    assert set(report) == {"loss", "loss/fit", "loss/bias", "penalty"}


# --- W28: guided image generation -----------------------------------------------------------------------------------


def _spherical(a, b):
    """The squared angle on the sphere, as the prompts of a guided generator are scored."""
    unit = lambda x: x / jnp.linalg.norm(x)
    return 2 * jnp.arcsin(jnp.linalg.norm(unit(a) - unit(b)) / 2) ** 2


def test_w28_a_list_of_weighted_terms_is_summed_and_reported():
    image, start = jnp.array([1.0, 2.0, 2.0]), jnp.array([1.0, 0.0, 0.0])
    prompts = [(1.0, jnp.array([0.0, 1.0, 0.0])), (-0.5, jnp.array([0.0, 0.0, 1.0]))]
    init_weight = 0.2
    objective = weighted_sum(
        {
            "start": (init_weight / 2, lambda z: jaxloss.squared_error(z, start)),
            **{f"prompt {i}": (w, lambda z, t=target: _spherical(z, t)) for i, (w, target) in enumerate(prompts)},
        }
    )
    (total, report), slope = jax.value_and_grad(objective, has_aux=True)(image)
    assert set(report) == {"start", "prompt 0", "prompt 1"}
    angle = np.arccos(2 / 3)  # of the image to both prompts
    np.testing.assert_allclose(report["start"], 8 / 3, rtol=1e-6)
    np.testing.assert_allclose(report["prompt 0"], angle**2 / 2, rtol=1e-5)
    np.testing.assert_allclose(total, 0.2 / 2 * 8 / 3 + (1 - 0.5) * angle**2 / 2, rtol=1e-5)
    assert np.isfinite(slope).all()
