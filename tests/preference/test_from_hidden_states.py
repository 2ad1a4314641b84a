"""Distillation and preferences from hidden states: equal to the formulas on all logits, in less memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import linear_distillation, linear_dpo, measure
from jaxloss.divergence import categorical_kl, jensen_shannon

KEYS = jax.random.split(jax.random.key(0), 8)
HIDDEN, KERNEL = jax.random.normal(KEYS[0], (7, 4)), jax.random.normal(KEYS[1], (4, 9))
TEACHER_HIDDEN, TEACHER_KERNEL = jax.random.normal(KEYS[2], (7, 6)), jax.random.normal(KEYS[3], (6, 9))


def materialised(direction, temperature):
    def loss(hidden, kernel):
        student, teacher = hidden @ kernel / temperature, TEACHER_HIDDEN @ TEACHER_KERNEL / temperature
        if direction == "jsd":
            return jensen_shannon(jax.nn.log_softmax(student), jax.nn.softmax(teacher), beta=0.25)
        return categorical_kl(*((teacher, student) if direction == "forward" else (student, teacher)))

    return loss


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "jsd"])
def test_distillation_is_the_divergence_of_the_logits(direction, reduction):
    def ours(hidden, kernel, temperature):
        return jnp.mean(
            linear_distillation(
                hidden,
                kernel,
                TEACHER_HIDDEN,
                TEACHER_KERNEL,
                direction=direction,
                beta=0.25,
                temperature=temperature,
                reduction=reduction,
                chunk_size=3,
            )
        )

    due = jax.value_and_grad(materialised(direction, 2.0), (0, 1))(HIDDEN, KERNEL)
    for temperature in (2.0, jnp.float32(2)):
        got = jax.jit(jax.value_and_grad(ours, (0, 1)))(HIDDEN, KERNEL, temperature)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6), got, due)


def test_rescaling_multiplies_by_the_square_of_the_temperature():
    call = lambda **options: linear_distillation(HIDDEN, KERNEL, TEACHER_HIDDEN, TEACHER_KERNEL, **options)
    np.testing.assert_allclose(call(temperature=3.0, rescale=True), 9 * call(temperature=3.0), rtol=1e-6)


def test_the_teacher_is_held_fixed():
    slopes = jax.grad(linear_distillation, (2, 3))(HIDDEN, KERNEL, TEACHER_HIDDEN, TEACHER_KERNEL)
    assert not any(np.any(slope) for slope in slopes)


def test_dpo_by_definition_with_prompts_and_padding():
    hidden, reference = jax.random.normal(KEYS[4], (2, 3, 2, 5, 4))
    labels = jax.random.randint(KEYS[5], (3, 2, 5), 0, 9).at[:, :, 0].set(-100).at[1, 0, 3:].set(-100)

    def due(hidden, kernel):
        def completion(hidden):
            log_p = jax.nn.log_softmax(hidden @ kernel)
            own = jnp.take_along_axis(log_p, jnp.maximum(labels, 0)[..., None], -1)[..., 0]
            return jnp.sum(jnp.where(labels == -100, 0, own), -1)

        u = completion(hidden) - jax.lax.stop_gradient(completion(reference))
        return jnp.mean(jax.nn.softplus(-0.5 * (u[:, 0] - u[:, 1])))

    ours = lambda h, w: linear_dpo(
        h, w, reference, jax.lax.stop_gradient(w), labels, beta=0.5, ignore_index=-100, chunk_size=4
    )
    due = lambda h, w, f=due: f(h, w)
    got = jax.jit(jax.value_and_grad(ours, 0))(hidden, KERNEL)
    want = jax.value_and_grad(due, 0)(hidden, KERNEL)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6), got, want)


def test_a_policy_that_is_its_reference_has_log_2():
    hidden = jax.random.normal(KEYS[4], (3, 2, 5, 4))
    labels = jax.random.randint(KEYS[5], (3, 2, 5), 0, 9)
    np.testing.assert_allclose(linear_dpo(hidden, KERNEL, hidden, KERNEL, labels), np.log(2), rtol=1e-6)


@pytest.mark.parametrize("loss", [linear_distillation, linear_dpo])
def test_memory_is_less_than_a_quarter(loss):
    hidden, kernel = (
        jax.ShapeDtypeStruct((8, 2, 512, 256), jnp.float32),
        jax.ShapeDtypeStruct((256, 65536), jnp.float32),
    )
    labels = [] if loss is linear_distillation else [jax.ShapeDtypeStruct((8, 2, 512), jnp.int32)]

    def temporaries(implementation):
        call = lambda *data: loss(*data, implementation=implementation)
        return measure.compile(jax.value_and_grad(call, (0, 1)), hidden, kernel, hidden, kernel, *labels).temp_bytes

    assert temporaries(None) < temporaries("reference") / 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linear_distillation(HIDDEN, KERNEL, TEACHER_HIDDEN[:3], TEACHER_KERNEL), "the same tokens"),
        (lambda: linear_distillation(HIDDEN, KERNEL, TEACHER_HIDDEN, TEACHER_KERNEL[:, :5]), "the same classes"),
        (lambda: linear_distillation(HIDDEN, KERNEL, TEACHER_HIDDEN, KERNEL), "teacher_kernel of shape"),
        (
            lambda: linear_distillation(HIDDEN, KERNEL, TEACHER_HIDDEN, TEACHER_KERNEL, direction="sideways"),
            "direction must be one of",
        ),
        (lambda: linear_dpo(HIDDEN, KERNEL, HIDDEN, KERNEL, jnp.zeros(7, jnp.int32)), r"\[..., 2, tokens, features\]"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
