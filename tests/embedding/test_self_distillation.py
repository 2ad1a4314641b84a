"""BYOL, SimSiam and DINO: a teacher that receives no gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.embedding import byol, dino, dino_center, simsiam

RNG = np.random.default_rng(3)
STUDENT, TEACHER = RNG.normal(size=(2, 5, 4))


def _unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def test_byol_and_simsiam_are_their_definitions():
    u, v = _unit(STUDENT), _unit(TEACHER)
    with jax.enable_x64(True):
        np.testing.assert_allclose(byol(STUDENT, TEACHER, reduction="none"), ((u - v) ** 2).sum(-1), rtol=1e-12)
        np.testing.assert_allclose(simsiam(STUDENT, TEACHER, reduction="none"), -(u * v).sum(-1), rtol=1e-12)
        np.testing.assert_allclose(byol(STUDENT.T, TEACHER.T, axis=0), byol(STUDENT, TEACHER), rtol=1e-12)


@pytest.mark.parametrize("loss", [byol, simsiam, dino])
def test_the_teacher_receives_no_gradient_and_the_student_does(loss):
    x, y = jnp.asarray(STUDENT, jnp.float32), jnp.asarray(TEACHER, jnp.float32)
    by_student, by_teacher = jax.jit(jax.grad(loss, argnums=(0, 1)))(x, y)
    assert np.all(by_student != 0)
    assert not np.any(by_teacher)
    # The network is the same on both sides: what is stopped is the target, not the weights.
    same = jax.grad(lambda x: loss(x, x[::-1]))(x)
    np.testing.assert_array_equal(same, jax.grad(loss)(x, x[::-1]))


def test_center_and_sharpness_of_the_teacher_receive_no_gradient():
    x, y = jnp.asarray(STUDENT, jnp.float32), jnp.asarray(TEACHER, jnp.float32)
    loss = lambda c, t, s: dino(x, y, center=c, teacher_temperature=t, student_temperature=s)
    by_center, by_sharpness, by_warmth = jax.grad(loss, argnums=(0, 1, 2))(jnp.ones(4), 0.04, 0.1)
    assert not np.any(by_center)
    assert by_sharpness == 0
    assert by_warmth != 0


def test_a_zero_vector_has_no_direction():
    zero, y = jnp.zeros((5, 4)), jnp.asarray(TEACHER, jnp.float32)
    assert byol(zero, y) == 2
    assert simsiam(zero, y) == 0
    assert not np.any(jax.grad(byol)(zero, y))


def test_dino_is_the_program_of_its_authors():
    torch = pytest.importorskip("torch")
    softmax = torch.nn.functional.softmax
    center = RNG.normal(size=4)
    s, t = torch.tensor(STUDENT, requires_grad=True), torch.tensor(TEACHER)
    q = softmax((t - torch.tensor(center)) / 0.04, dim=-1).detach()
    due = torch.sum(-q * torch.nn.functional.log_softmax(s / 0.1, dim=-1), dim=-1).mean()
    due.backward()
    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(lambda s: dino(s, TEACHER, center=center))(STUDENT)
        moved = dino(STUDENT.T, TEACHER.T, center=center, axis=0)
    np.testing.assert_allclose(value, due.item(), rtol=1e-12)
    np.testing.assert_allclose(slope, s.grad.numpy(), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(moved, value, rtol=1e-12)


def test_a_student_and_a_teacher_who_are_both_sure_keep_their_digits():
    # p = 1 - 2e-9 and q = 1 - 8e-9 are both 1 in float32.
    slope = jax.grad(lambda s: dino(s, jnp.array([0.0, 18.6]), student_temperature=1.0, teacher_temperature=1.0))
    p, q = 1 / (1 + np.exp(20.0)), 1 / (1 + np.exp(np.float64(np.float32(18.6))))
    np.testing.assert_allclose(slope(jnp.array([0.0, 20.0])), [p - q, q - p], rtol=1e-5)


def test_logits_of_any_size_are_finite():
    x = jnp.array([[1e4, -1e4, 0.0], [1e30, 0.0, -1e30]])
    value, slope = jax.value_and_grad(lambda s: dino(s, -x, reduction="sum"))(x)
    assert np.isfinite(value)
    assert np.all(np.isfinite(slope))


def test_the_center_is_a_running_mean_of_what_exists():
    logits, kept = np.float32(RNG.normal(size=(2, 5, 4))), np.array([[True, False, True, True, False], [False] * 5])
    center = np.float32([1.0, 2.0, -1.0, 0.0])
    due = 0.9 * center + 0.1 * logits.mean((0, 1))
    np.testing.assert_allclose(dino_center(center, logits), due, rtol=1e-6)
    got = dino_center(center, np.moveaxis(logits, -1, 1), axis=1)
    np.testing.assert_allclose(got, due, rtol=1e-6)
    poisoned = np.where(kept[..., None], logits, np.nan)
    due = 0.5 * center + 0.5 * logits[kept].mean(0)
    np.testing.assert_allclose(dino_center(center, poisoned, momentum=0.5, where=kept), due, rtol=1e-6)
    np.testing.assert_array_equal(dino_center(center, logits, where=False), center)
    assert not np.any(jax.jacobian(dino_center, argnums=(0, 1))(center, logits)[1])


def test_what_does_not_fit_is_refused():
    x = jnp.ones((4, 3))
    with pytest.raises(ValueError, match=r"byol: axis 2 is out of range for predictions of shape \(4, 3\)"):
        byol(x, x, axis=2)
    with pytest.raises(ValueError, match="simsiam: predictions and targets must have the same shape"):
        simsiam(x, x[:3])
    with pytest.raises(ValueError, match="dino: student_logits and teacher_logits must have the same shape"):
        dino(x, x[:3])
    with pytest.raises(ValueError, match=r"dino: center must have shape \(3,\), one per class, got \(1, 3\)"):
        dino(x, x, center=jnp.ones((1, 3)))
    with pytest.raises(ValueError, match="dino: teacher_temperature must be positive, got 0"):
        dino(x, x, teacher_temperature=0)
    with pytest.raises(ValueError, match="dino_center: momentum must be >= 0 and <= 1, got 2"):
        dino_center(jnp.ones(3), x, momentum=2)
