"""The step: any pytree of parameters, any optimizer of optax, a report of every term."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxloss import absolute_error, softmax_cross_entropy_with_integer_labels, squared_error, weighted_sum
from jaxloss.training import Sums, pcgrad, sums, train_step, value_and_grad, value_fn


def line(params, x, y):
    return squared_error(params["slope"] * x + params["offset"], y)


PARAMS = {"slope": jnp.zeros(4), "offset": jnp.zeros(4)}
X = jnp.array([0.0, 1.0, 2.0, 3.0])


def test_a_step_is_value_gradient_update():
    optimizer = optax.sgd(0.25)
    step = train_step(line, optimizer, donate=False)
    new, _, report = step(PARAMS, optimizer.init(PARAMS), X, 2 * X)
    value, gradients = jax.value_and_grad(line)(PARAMS, X, 2 * X)
    assert report["total"] == value == 14
    for name, start in PARAMS.items():
        np.testing.assert_array_equal(new[name], start - 0.25 * gradients[name])


def test_the_old_parameters_are_given_away_and_only_they():
    optimizer = optax.sgd(0.25)
    params = jax.tree.map(jnp.copy, PARAMS)
    train_step(line, optimizer)(params, optimizer.init(params), X, X)
    assert params["slope"].is_deleted()
    assert not X.is_deleted()
    params = jax.tree.map(jnp.copy, PARAMS)
    train_step(line, optimizer, donate=False)(params, optimizer.init(params), X, X)
    assert not params["slope"].is_deleted()


@pytest.mark.parametrize(
    "optimizer",
    [
        optax.polyak_sgd(max_learning_rate=0.5),  # asks for value
        optax.chain(optax.sgd(0.1), optax.contrib.reduce_on_plateau()),  # value
        optax.lbfgs(),  # value, grad and value_fn; its first state holds one array twice
        optax.contrib.schedule_free_sgd(0.1),  # its first state holds the parameters
        optax.MultiSteps(optax.sgd(0.2), 2),
    ],
    ids=["polyak", "plateau", "lbfgs", "schedule free", "multi steps"],
)
def test_optimizers_get_what_they_ask_for(optimizer):
    params = jax.tree.map(jnp.copy, PARAMS)
    state = optimizer.init(params)
    step, totals = train_step(line, optimizer), []
    for _ in range(8):
        params, state, report = step(params, state, X, 2 * X)
        totals.append(float(report["total"]))
    assert totals[0] == 14
    assert totals[-1] < 6


def test_a_teacher_may_start_as_the_student_itself():
    def distil(student, teacher):
        return squared_error(student, teacher)

    params, optimizer = jnp.ones(3), optax.sgd(0.1)
    new, _, report = train_step(distil, optimizer)(params, optimizer.init(params), params)
    assert report["total"] == 0
    np.testing.assert_array_equal(new, params)  # which is still there


def test_the_report_names_terms_and_parts():
    objective = weighted_sum({"fit": squared_error, "robust": (0.5, absolute_error)})
    step = train_step(lambda w, x: objective(w * x, x), optax.sgd(0.0), donate=False)
    report = step(jnp.float32(0), optax.sgd(0.0).init(jnp.float32(0)), X)[2]
    assert {name: float(value) for name, value in report.items()} == {"total": 4.25, "fit": 3.5, "robust": 1.5}

    def named(w, x):
        fit = squared_error(w * x, x, reduction=sums)
        return {"fit": fit, "size": w**2}, {"error": absolute_error(w * x, x, reduction=sums)}

    (total, report), gradient = value_and_grad(named)(jnp.float32(0), X)
    assert total == 3.5
    assert gradient == -7
    assert {name: float(value) for name, value in report.items()} == {
        "total": 3.5,
        "fit": 3.5,
        "size": 0.0,
        "error": 1.5,
    }


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda w: w * jnp.ones(2), r"'total' must be a floating point scalar or Sums, got float32 of shape \(2,\)"),
        (lambda w: jnp.int32(w), "got int32 of shape"),
        (lambda w: (w, w), "second result of a loss function is a report by name, got"),
        (lambda w: {"fit": w, "bad": jnp.ones(3)}, "'bad' must be a floating point scalar"),
    ],
)
def test_a_loss_function_that_returns_something_else(result, message):
    with pytest.raises(TypeError, match=message):
        value_and_grad(result)(jnp.float32(1))


def test_a_report_may_not_hide_a_term():
    with pytest.raises(ValueError, match="the report may not have fit"):
        value_and_grad(lambda w: ({"fit": w}, {"fit": w}))(jnp.float32(1))


def test_value_fn_is_the_objective_of_the_step():
    def fit(w, x, *, scale):
        return {"a": squared_error(w * x, x, reduction=sums), "b": scale * w}, {"unused": x}

    total = value_and_grad(fit)(jnp.float32(3), X, **{"scale": jnp.float32(2)})[0][0]
    assert value_fn(fit, X, scale=jnp.float32(2))(jnp.float32(3)) == total == 14 + 6


def test_per_term_gradients_feed_pcgrad():
    def two(w):
        return {"right": (w[0] - 1) ** 2, "up and left": (w[1] - 1) ** 2 + (w[0] + 1) ** 2}

    gradients = value_and_grad(two, per_term=True)(jnp.zeros(2))[1]
    np.testing.assert_array_equal(gradients, [[-2.0, 0.0], [2.0, -2.0]])
    optimizer = optax.chain(pcgrad(), optax.sgd(1.0))
    step = train_step(two, optimizer, per_term=True, donate=False)
    # against each other: [-2, 0] - (-4/8) [2, -2] = [-1, -1]; [2, -2] - (-4/4) [-2, 0] = [0, -2]
    new = step(jnp.zeros(2), optimizer.init(jnp.zeros(2)))[0]
    np.testing.assert_allclose(new, [1.0, 3.0], rtol=1e-6)


def test_a_step_compiles_once():
    traces = []

    def counted(params, x, y):
        traces.append(None)
        return line(params, x, y)

    optimizer = optax.sgd(0.1)
    step = train_step(counted, optimizer)
    params = jax.tree.map(jnp.copy, PARAMS)
    state = optimizer.init(params)
    for _ in range(3):
        params, state, _ = step(params, state, X, X)
    assert len(traces) == 1


def test_sums_are_the_mean_apart():
    logits = jax.random.normal(jax.random.key(0), (6, 3))
    labels = jnp.array([0, 1, 2, 0, 1, -100])
    weights = jnp.array([1.0, 2.0, 0.5, 0.0, 3.0, 7.0])
    call = lambda reduction: softmax_cross_entropy_with_integer_labels(
        logits, labels, where=labels >= 0, weights=weights, reduction=reduction
    )
    found = call(sums)
    assert isinstance(found, Sums)
    assert found.weight == 6.5
    np.testing.assert_allclose(found.mean(), call("mean"), rtol=3e-7)
    nothing = squared_error(X, X + 1, where=jnp.zeros(4, bool), reduction=sums)
    value, gradient = jax.value_and_grad(
        lambda x: squared_error(x, X + 1, where=jnp.zeros(4, bool), reduction=sums).mean()
    )(X)
    assert nothing.mean() == value == 0
    np.testing.assert_array_equal(gradient, 0)
