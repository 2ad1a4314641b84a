"""Dynamic loss scaling: the arithmetic of the scale, and float16 runs that only train with it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxloss import softmax_cross_entropy_with_integer_labels
from jaxloss.training import dynamic_loss_scale, loss_scale, train_step


def run(optimizer, gradients, params=0.0):
    params = jnp.float32(params)
    state, history = optimizer.init(params), []
    for gradient in gradients:
        update, state = optimizer.update(jnp.float32(gradient), state, params)
        history.append((float(update), float(loss_scale(state))))
    return history, state


def test_halves_on_inf_skips_the_step_and_grows_back():
    optimizer = dynamic_loss_scale(optax.sgd(1.0), initial=8.0, period=2)
    history, state = run(optimizer, [8.0, jnp.inf, 4.0, jnp.nan, 2.0, 2.0, 4.0, 4.0, 8.0])
    assert history == [
        (-1.0, 8.0),
        (0.0, 4.0),
        (-1.0, 4.0),
        (0.0, 2.0),
        (-1.0, 2.0),
        (-1.0, 4.0),  # two good steps after each other
        (-1.0, 4.0),
        (-1.0, 8.0),
        (-1.0, 8.0),
    ]
    assert state.inner_state.total_notfinite == 2


def test_stays_within_its_bounds():
    optimizer = dynamic_loss_scale(optax.sgd(1.0), initial=4.0, period=1, minimum=2.0, maximum=8.0)
    assert [scale for _, scale in run(optimizer, [jnp.inf] * 3 + [1.0] * 4)[0]] == [2, 2, 2, 4, 8, 8, 8]


def test_a_skipped_step_leaves_momentum_and_parameters_alone():
    optimizer = dynamic_loss_scale(optax.sgd(1.0, momentum=0.5), initial=1.0)
    with_skip, _ = run(optimizer, [1.0, jnp.inf, 1.0])
    assert [update for update, _ in with_skip] == [-1.0, 0.0, -2.5]  # 1/2 of 1, and 1 / (1/2)


def test_what_is_inside_sees_true_gradients():
    seen = []

    def look(updates, state, params=None, *, grad, **extra):
        seen.append((float(updates), float(grad)))
        return updates, state

    spy = optax.GradientTransformationExtraArgs(lambda params: (), look)
    optimizer = dynamic_loss_scale(spy, initial=8.0)
    with jax.disable_jit():
        optimizer.update(jnp.float32(16), optimizer.init(jnp.float32(0)), jnp.float32(0), grad=jnp.float32(16))
    assert seen == [(2.0, 2.0)]


@pytest.mark.parametrize("params", [{"factor": 1.0}, {"period": 0}, {"minimum": 0.0}, {"initial": 1e9}])
def test_bad_parameters(params):
    with pytest.raises(ValueError, match="dynamic_loss_scale: factor must be > 1"):
        dynamic_loss_scale(optax.sgd(1.0), **params)


def test_state_without_a_scale():
    assert loss_scale(optax.adam(1.0).init(jnp.ones(2))) is None


@pytest.fixture(scope="module")
def data():
    datasets = pytest.importorskip("sklearn.datasets", reason="the digits are bundled with scikit-learn")
    features, labels = datasets.load_digits(return_X_y=True)
    return jnp.asarray(features[:1024] / 16, jnp.float32), jnp.asarray(labels[:1024])


def train_in_float16(data, units, scaled):
    """The mean cross-entropy per digit after 60 steps of SGD, of a loss in other ``units``; all but the loss in
    float16. In exact arithmetic the units change nothing: the learning rate undoes them."""

    def loss(params, features, labels):
        hidden = features.astype(jnp.float16)
        for weight in params[:-1]:
            hidden = jnp.tanh(hidden @ weight.astype(jnp.float16))
        logits = hidden @ params[-1].astype(jnp.float16)
        return units * softmax_cross_entropy_with_integer_labels(logits, labels)

    keys = jax.random.split(jax.random.key(0), 3)
    shapes = [(64, 32), (32, 32), (32, 10)]
    params = [jax.random.normal(key, s) / s[0] ** 0.5 for key, s in zip(keys, shapes, strict=True)]
    optimizer = optax.sgd(1 / units, momentum=0.9)
    optimizer = dynamic_loss_scale(optimizer, period=20) if scaled else optimizer
    step, state = train_step(loss, optimizer), optimizer.init(params)
    for _ in range(60):
        params, state, report = step(params, state, *data)
    return float(report["total"]) / units


def test_gradients_that_overflow_diverge_without_loss_scaling_and_train_with_it(data):
    assert np.isnan(train_in_float16(data, 2.0**20, scaled=False))
    assert train_in_float16(data, 2.0**20, scaled=True) < 0.01


def test_gradients_that_underflow_teach_nothing_without_loss_scaling_and_train_with_it(data):
    assert train_in_float16(data, 2.0**-20, scaled=False) > 2.29  # log 10 is 2.30
    assert train_in_float16(data, 2.0**-20, scaled=True) < 0.01
