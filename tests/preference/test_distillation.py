"""Distillation: directions against SciPy and each other, temperatures, and a teacher who learns nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import rel_entr, softmax

from jaxloss import categorical_kl, distillation

RNG = np.random.default_rng(4)
STUDENT, TEACHER = 2 * RNG.normal(size=(2, 3, 4, 6))
EXISTS = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 0, 0]], bool)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_values_by_definition(temperature):
    p, q = softmax(STUDENT / temperature, -1), softmax(TEACHER / temperature, -1)
    m = 0.3 * q + 0.7 * p
    due = {
        "forward": rel_entr(q, p).sum(-1),
        "reverse": rel_entr(p, q).sum(-1),
        "jsd": 0.3 * rel_entr(q, m).sum(-1) + 0.7 * rel_entr(p, m).sum(-1),
    }
    with jax.enable_x64(True):
        for direction, values in due.items():
            options = {"direction": direction, "beta": 0.3, "temperature": temperature, "reduction": "none"}
            np.testing.assert_allclose(distillation(STUDENT, TEACHER, **options), values, rtol=1e-11)
            rescaled = distillation(STUDENT, TEACHER, rescale=True, **options)
            np.testing.assert_allclose(rescaled, temperature**2 * values, rtol=1e-11)


@pytest.mark.parametrize("direction", ["forward", "reverse", "jsd"])
def test_gradients_are_those_of_torch(direction):
    torch = pytest.importorskip("torch", reason="torch differentiates the formula of TRL")
    kl_div = lambda log_q, log_p: torch.nn.functional.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)
    student = torch.tensor(STUDENT, requires_grad=True)
    log_p, log_q = (torch.log_softmax(z / 2, -1) for z in (student, torch.tensor(TEACHER)))
    log_m = torch.logsumexp(torch.stack([log_p + np.log(0.75), log_q + np.log(0.25)]), 0)
    values = {
        "forward": lambda: kl_div(log_p, log_q),
        "reverse": lambda: kl_div(log_q, log_p),
        "jsd": lambda: 0.25 * kl_div(log_m, log_q) + 0.75 * kl_div(log_m, log_p),
    }[direction]()
    exists = torch.tensor(EXISTS)
    due = ((values * exists).sum(-1) / exists.sum(-1)).mean()
    (slope_due,) = torch.autograd.grad(due, student)
    options = {"direction": direction, "beta": 0.25, "temperature": 2.0, "denominator": "per_sequence"}
    with jax.enable_x64(True):
        value, slopes = jax.value_and_grad(lambda s, t: distillation(s, t, where=EXISTS, **options), (0, 1))(
            jnp.asarray(STUDENT), jnp.asarray(TEACHER)
        )
    np.testing.assert_allclose(value, due.item(), rtol=1e-12)
    np.testing.assert_allclose(slopes[0], slope_due.numpy(), rtol=1e-9, atol=1e-15)
    assert not np.any(np.asarray(slopes[1]))


def test_the_forward_direction_is_the_divergence_of_the_student_from_the_teacher():
    student, teacher = jnp.asarray(STUDENT, jnp.float32), jnp.asarray(TEACHER, jnp.float32)
    assert distillation(student, teacher) == categorical_kl(teacher, student)
    assert distillation(student, teacher, direction="reverse") == categorical_kl(student, teacher)
    np.testing.assert_array_equal(
        jax.grad(distillation)(student, teacher), jax.grad(categorical_kl, 1)(teacher, student)
    )


@pytest.mark.parametrize("direction", ["forward", "reverse", "jsd"])
def test_saturated_and_impossible_classes(direction):
    student = jnp.array([[100.0, 0.0, -100.0], [1e4, -1e4, 0.0], [0.0, 0.0, -jnp.inf]])
    teacher = jnp.array([[-100.0, 0.0, 100.0], [-1e4, 1e4, 0.0], [0.0, 1.0, -jnp.inf]])
    value, slope = jax.value_and_grad(lambda s: distillation(s, teacher, direction=direction))(student)
    assert np.isfinite(value)
    assert np.isfinite(slope).all()
    assert slope[2, 2] == 0


def test_rescaling_keeps_the_size_of_the_gradient():
    """Hinton et al., section 2.1: for high temperatures the gradient tends to (s - t) / n of centred logits."""
    s, t = jnp.array([[1.0, -1.0, 0.0]]), jnp.array([[-2.0, 0.0, 2.0]])
    slope = jax.grad(lambda s: distillation(s, t, temperature=1e3, rescale=True))(s)
    np.testing.assert_allclose(slope, (s - t) / 3, rtol=2e-3)


def test_axis_and_errors():
    moved = tuple(np.moveaxis(z, -1, 1) for z in (STUDENT, TEACHER))
    np.testing.assert_array_equal(
        distillation(*moved, axis=1, where=EXISTS, denominator="per_sequence"),
        distillation(STUDENT, TEACHER, where=EXISTS, denominator="per_sequence"),
    )
    with pytest.raises(
        ValueError, match="distillation: direction must be one of 'forward', 'reverse', 'jsd', got 'kl'"
    ):
        distillation(STUDENT, TEACHER, direction="kl")
    with pytest.raises(ValueError, match="distillation: beta must be > 0 and < 1, got 0"):
        distillation(STUDENT, TEACHER, direction="jsd", beta=0)
    with pytest.raises(ValueError, match="distillation: student_logits and teacher_logits must have the same shape"):
        distillation(STUDENT, TEACHER[..., :-1])
