"""Several tasks: learned weights, and gradients that do not pull against each other."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxloss import half_squared_error, squared_error
from jaxloss.training import pcgrad, train_step, uncertainty_weighted_sum


def test_uncertainty_weighting_is_the_gaussian_likelihood():
    residual, log_variance = 3.0, 0.7
    objective = uncertainty_weighted_sum({"a": half_squared_error})
    total, _ = objective({"a": jnp.float32(log_variance)}, jnp.array([residual]), jnp.zeros(1))
    density = np.exp(-(residual**2) / (2 * np.exp(log_variance))) / np.sqrt(2 * np.pi * np.exp(log_variance))
    np.testing.assert_allclose(total + np.log(2 * np.pi) / 2, -np.log(density), rtol=1e-6)


def test_learned_weights_forget_the_units_of_the_tasks():
    """Two tasks, one in units a hundred times smaller: at the best log-variance every weight is 1 / (2 loss)."""
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=256), jnp.float32)
    y = 2 * x + jnp.asarray(rng.normal(size=256), jnp.float32)
    objective = uncertainty_weighted_sum(
        {
            "metres": lambda slopes: half_squared_error(slopes[0] * x, y),
            "centimetres": lambda slopes: half_squared_error(slopes[1] * 100 * x, 100 * y),
        }
    )
    params = {"slopes": jnp.zeros(2), "log_variances": {"metres": jnp.zeros(()), "centimetres": jnp.zeros(())}}
    optimizer = optax.lbfgs()
    step = train_step(lambda params: objective(params["log_variances"], params["slopes"]), optimizer)
    state = optimizer.init(params)
    for _ in range(30):
        params, state, report = step(params, state)
    np.testing.assert_allclose(params["slopes"][0], params["slopes"][1], rtol=1e-4)
    spread = params["log_variances"]["centimetres"] - params["log_variances"]["metres"]
    np.testing.assert_allclose(spread, np.log(100**2), rtol=1e-4)
    for name in ("metres", "centimetres"):
        np.testing.assert_allclose(report[f"{name}/weight"] * report[name], 0.5, rtol=1e-3)


def test_names_of_terms_and_log_variances_agree():
    objective = uncertainty_weighted_sum({"a": squared_error})
    with pytest.raises(ValueError, match=r"one log-variance for each of \['a'\], got \['b'\]"):
        objective({"b": jnp.zeros(())}, jnp.ones(1), jnp.ones(1))


def by_definition(gradients, order):
    """Algorithm 1 of the paper, on vectors."""
    projected = []
    for i, gradient in enumerate(gradients):
        for j in order[i]:
            if j != i and gradient @ gradients[j] < 0:
                gradient = gradient - gradient @ gradients[j] / (gradients[j] @ gradients[j]) * gradients[j]
        projected.append(gradient)
    return np.sum(projected, 0)


def test_pcgrad_is_the_algorithm_of_the_paper():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(4, 6))
    tree = {"a": jnp.asarray(rows[:, :2]), "b": jnp.asarray(rows[:, 2:].reshape(4, 2, 2))}
    transformation = pcgrad(seed=3)
    state = transformation.init(tree)
    key, now = jax.random.split(state.key)
    order = [np.asarray(jax.random.permutation(k, 4)) for k in jax.random.split(now, 4)]
    found, after = transformation.update(tree, state)
    flat = np.concatenate([found["a"], np.ravel(found["b"])])
    due = by_definition(np.asarray(jnp.concatenate([tree["a"], tree["b"].reshape(4, 4)], 1), np.float64), order)
    assert np.max(np.abs(flat - due)) < 1e-5
    assert np.max(np.abs(flat - rows.sum(0))) > 0.1  # there were conflicts
    assert jnp.array_equal(jax.random.key_data(after.key), jax.random.key_data(key))


def test_pcgrad_adds_up_what_does_not_conflict_and_takes_a_zero_gradient():
    transformation = pcgrad()
    state = transformation.init(jnp.zeros(2))
    agreeing = jnp.array([[1.0, 0.0], [0.5, 2.0], [0.0, 0.0]])
    np.testing.assert_array_equal(transformation.update(agreeing, state)[0], [1.5, 2.0])


def test_pcgrad_no_task_gets_worse():
    """What is left of each gradient has no part against any other one (two tasks)."""
    gradients = jnp.array([[3.0, 1.0, 0.0], [-2.0, 1.0, 1.0]])
    transformation = pcgrad()
    found, _ = transformation.update(gradients, transformation.init(gradients[0]))
    assert jnp.min(gradients @ found) > 0
    assert jnp.min(gradients @ jnp.sum(gradients, 0)) > 0  # as it happens for the sum here,
    gradients = jnp.array([[10.0, 1.0, 0.0], [-2.0, 1.0, 1.0]])
    found, _ = transformation.update(gradients, transformation.init(gradients[0]))
    assert jnp.min(gradients @ found) > 0
    assert jnp.min(gradients @ jnp.sum(gradients, 0)) < 0  # and not here
