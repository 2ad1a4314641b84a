"""Micro-batches: the gradient is that of the whole batch, whatever the masks leave in each of them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxloss import absolute_error, huber, softmax_cross_entropy_with_integer_labels, squared_error
from jaxloss.training import sums, train_step, value_and_grad


def whole_numbers(examples, key=0):
    """Data, weights and parameters small and whole, so that every sum is exact in float32 whatever its order."""
    rng = np.random.default_rng(key)
    features = jnp.asarray(rng.integers(-8, 9, (examples, 5)), jnp.float32)
    targets = jnp.asarray(rng.integers(-8, 9, examples), jnp.float32)
    exists = np.zeros(examples, bool)
    exists[rng.permutation(examples)[: examples // 2]] = True  # a power of two of them, unequally spread
    return jnp.arange(5.0), (features, targets, jnp.asarray(exists))


def linear(params, features, targets, exists):
    return squared_error(features @ params, targets, where=exists, reduction=sums)


@pytest.mark.parametrize("size", [1, 8, 5, 31, 32, 100])  # dividing the batch, with a rest, larger than it
def test_gradient_and_value_are_those_of_the_whole_batch_bit_for_bit(size):
    params, batch = whole_numbers(32)
    due = jax.jit(jax.value_and_grad(lambda *args: linear(*args).total / 16))(params, *batch)
    (total, _), gradient = jax.jit(value_and_grad(linear, micro_batch_size=size))(params, *batch)
    assert total == due[0]
    np.testing.assert_array_equal(gradient, due[1])


def test_a_mean_of_means_would_differ():
    params, batch = whole_numbers(32)
    halves = [jax.grad(lambda *args: linear(*args).mean())(params, *(a[i::2] for a in batch)) for i in (0, 1)]
    whole = value_and_grad(linear, micro_batch_size=16)(params, *batch)[1]
    assert np.max(np.abs((halves[0] + halves[1]) / 2 - whole)) > 1


def deep(params, features, labels, exists, weights):
    hidden = jnp.tanh(features @ params["in"])
    logits = hidden @ params["out"]
    classes = softmax_cross_entropy_with_integer_labels(logits, labels, where=exists, weights=weights, reduction=sums)
    sizes = huber(hidden, jnp.zeros_like(hidden), where=exists[:, None], reduction=sums)  # another denominator
    return {"classes": classes, "sizes": sizes}, {"error": absolute_error(logits[:, 0], weights, reduction=sums)}


def test_terms_with_denominators_of_their_own():
    keys = jax.random.split(jax.random.key(1), 3)
    params = {"in": jax.random.normal(keys[0], (7, 6)), "out": jax.random.normal(keys[1], (6, 3))}
    features = jax.random.normal(keys[2], (50, 7)).at[7].set(jnp.nan)  # behind the mask, but the model sees it
    features = jnp.where(jnp.isnan(features), 0, features)
    labels = jnp.arange(50) % 3
    exists = (jnp.arange(50) % 7 != 0) & (jnp.arange(50) < 40)  # the last micro-batches are empty
    labels = jnp.where(exists, labels, -100)
    batch = (features, labels, exists, jnp.linspace(0.1, 2, 50))
    (_, due), whole = jax.jit(value_and_grad(deep))(params, *batch)
    (_, report), parts = jax.jit(value_and_grad(deep, micro_batch_size=8))(params, *batch)
    for name, value in due.items():
        np.testing.assert_allclose(report[name], value, rtol=4e-7)
    for name, gradient in whole.items():  # sums of 40 float32 numbers in another order: ulps of the largest
        assert np.max(np.abs(parts[name] - gradient)) <= 8 * np.spacing(np.max(np.abs(gradient)))
    per_term = jax.jit(value_and_grad(deep, micro_batch_size=8, per_term=True))(params, *batch)[1]
    np.testing.assert_allclose(jnp.sum(per_term["in"], 0), whole["in"], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("size", [None, 8])
@pytest.mark.parametrize("per_term", [False, True])
def test_the_loss_scale_is_in_the_gradient_and_not_in_the_report(size, per_term):
    params, batch = whole_numbers(32)
    f = value_and_grad(linear, micro_batch_size=size, per_term=per_term)
    (due, _), plain = f(params, *batch)
    (total, report), scaled = f(params, *batch, loss_scale=jnp.float32(1024))
    assert total == report["total"] == due
    np.testing.assert_array_equal(scaled, 1024 * plain)


def test_nothing_left_gives_zero():
    params, (features, targets, _) = whole_numbers(8)
    (total, _), gradient = value_and_grad(linear, micro_batch_size=4)(params, features, targets, jnp.zeros(8, bool))
    assert total == 0
    np.testing.assert_array_equal(gradient, 0)


def test_a_step_in_micro_batches_is_the_step():
    params, batch = whole_numbers(32)
    optimizer = optax.sgd(2.0**-4)
    results = [
        train_step(linear, optimizer, micro_batch_size=size, donate=False)(params, optimizer.init(params), *batch)
        for size in (None, 8)
    ]
    np.testing.assert_array_equal(results[0][0], results[1][0])
    assert results[0][2] == results[1][2]


def test_what_has_no_examples_is_handed_over_by_name():
    def scaled(params, x, *, scale):
        return squared_error(scale * params * x, x, reduction=sums)

    x = jnp.arange(6.0)
    f = value_and_grad(scaled, micro_batch_size=2)
    np.testing.assert_allclose(f(jnp.float32(1), x, scale=jnp.float32(3))[0][0], 4 * 55 / 6, rtol=3e-7)
    with pytest.raises(ValueError, match=r"examples along the first axis, got shapes \(6,\), \(\)"):
        f(jnp.float32(1), x, jnp.float32(3), scale=jnp.float32(3))


def test_a_mean_is_refused_with_what_to_do():
    with pytest.raises(TypeError, match=r"'total' is a mean.*reduction=jaxloss\.training\.sums"):
        value_and_grad(lambda w, x: squared_error(w * x, x), micro_batch_size=2)(jnp.float32(1), jnp.ones(4))
    with pytest.raises(TypeError, match="the report holds Sums"):
        value_and_grad(lambda w, x: (squared_error(w * x, x, reduction=sums), {"mean": w}), micro_batch_size=2)(
            jnp.float32(1), jnp.ones(4)
        )
    with pytest.raises(ValueError, match="micro_batch_size must be positive, got 0"):
        value_and_grad(lambda w, x: squared_error(w * x, x, reduction=sums), micro_batch_size=0)(
            jnp.float32(1), jnp.ones(4)
        )


def test_batches_of_a_loader_one_at_a_time_with_optax_alone():
    """The recipe of the docs: divide by the number of tokens of all of them, and let optax.MultiSteps add."""
    params, batch = whole_numbers(32)
    parts = [tuple(a[start:stop] for a in batch) for start, stop in ((0, 5), (5, 20), (20, 32))]
    count = sum(int(part[2].sum()) for part in parts)
    optimizer = optax.MultiSteps(optax.sgd(2.0**-4), every_k_schedule=len(parts), use_grad_mean=False)
    step = train_step(lambda params, *part: linear(params, *part).total / count, optimizer, donate=False)
    found, state = params, optimizer.init(params)
    for part in parts:
        found, state, _ = step(found, state, *part)
    due = params - 2.0**-4 * value_and_grad(linear)(params, *batch)[1]
    np.testing.assert_array_equal(found, due)


def test_the_activations_of_one_micro_batch_are_held_at_a_time():
    from jaxloss.measure import compile as compile_

    def wide(params, x):
        return squared_error(jnp.sum(jnp.tanh(x @ params), -1), x[:, 0], reduction=sums)

    arguments = (jnp.ones((16, 512)), jnp.ones((1024, 16)))
    memory = {size: compile_(value_and_grad(wide, micro_batch_size=size), *arguments).temp_bytes for size in (None, 64)}
    assert memory[64] < memory[None] / 8
