"""Penalties on the slope of a critic: double backward."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.generative import gradient_penalty, interpolate, r1, r2
from jaxloss.verify import check_gradients

RNG = np.random.default_rng(0)
PARAMS = {"in": RNG.normal(size=(4, 5)), "bias": RNG.normal(size=(1, 5)), "out": RNG.normal(size=5)}
SAMPLES = RNG.normal(size=(6, 4))


def critic(params, x):
    return jnp.tanh(x @ params["in"] + params["bias"]) @ params["out"]


def penalties():
    return {"gradient_penalty": gradient_penalty, "r1": r1, "r2": r2}.items()


@pytest.mark.parametrize(("name", "penalty"), penalties())
def test_value_and_gradient_of_the_critic_are_torchs_double_backward(name, penalty):
    torch = pytest.importorskip("torch", reason="the same by PyTorch")
    params = {key: torch.tensor(value, requires_grad=True) for key, value in PARAMS.items()}
    x = torch.tensor(SAMPLES, requires_grad=True)
    scores = torch.tanh(x @ params["in"] + params["bias"]) @ params["out"]
    (slope,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    squares = slope.square().sum(-1)
    value = (squares.sqrt() - 1).square().mean() if name == "gradient_penalty" else 0.5 * squares.mean()
    due = torch.autograd.grad(value, list(params.values()), allow_unused=True)
    with jax.enable_x64(True):
        loss = lambda params: penalty(lambda x: critic(params, x), jnp.asarray(SAMPLES))
        got, slopes = jax.value_and_grad(loss)(jax.tree.map(jnp.asarray, PARAMS))
    np.testing.assert_allclose(got, value.item(), rtol=1e-12)
    for key, theirs in zip(PARAMS, due, strict=True):
        np.testing.assert_allclose(slopes[key], theirs.numpy(), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(("name", "penalty"), penalties())
def test_derivatives_of_parameters_and_samples(name, penalty):
    check_gradients(lambda params, x: penalty(lambda x: critic(params, x), x), PARAMS, SAMPLES, order=2)


def test_a_flat_critic_has_a_penalty_and_no_direction():
    loss = lambda slope: gradient_penalty(lambda x: x @ slope, jnp.ones((3, 2)))
    value, slopes = jax.value_and_grad(loss)(jnp.zeros(2))
    assert value == 1
    np.testing.assert_array_equal(slopes, 0)


def test_slopes_below_the_target_are_free_on_one_side():
    loss = lambda slope, **options: gradient_penalty(lambda x: slope * x[:, 0], jnp.ones((3, 2)), **options)
    np.testing.assert_allclose(loss(0.5), 0.25)
    assert loss(0.5, one_sided=True) == 0
    assert loss(3.0, one_sided=True) == loss(3.0) == 4
    assert loss(3.0, target=0.0) == 9


@pytest.mark.parametrize(("name", "penalty"), penalties())
def test_images_and_patches(name, penalty):
    """A patch critic gives many scores for an image: then the leading axes of a sample are those of the patches."""
    x = jnp.asarray(RNG.normal(size=(2, 4, 4, 3)), jnp.float32)
    kernel = jnp.asarray(RNG.normal(size=(4, 4, 3)), jnp.float32)
    whole = penalty(lambda x: jnp.einsum("nhwc,hwc->n", x, kernel), x, reduction="none")
    size = jnp.linalg.norm(kernel)
    due = (size - 1) ** 2 if name == "gradient_penalty" else size**2 / 2
    np.testing.assert_allclose(whole, [due, due], rtol=1e-5)
    each = penalty(lambda x: x @ kernel[0, 0], x, reduction="none")
    assert each.shape == (2, 4, 4)


@pytest.mark.parametrize(("name", "penalty"), penalties())
def test_masked_samples_teach_the_critic_nothing(name, penalty):
    params = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), PARAMS)
    x = jnp.asarray(SAMPLES, jnp.float32)
    exists = jnp.array([True, True, False, True, False, True])
    broken = jnp.where(exists[:, None], x, jnp.nan)
    loss = lambda params, x, where=None: penalty(lambda x: critic(params, x), x, where=where)
    got, due = jax.value_and_grad(loss)(params, broken, exists), jax.value_and_grad(loss)(params, x[exists])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6), got, due)


def test_points_between_are_on_the_way():
    real, fake = jnp.asarray(RNG.normal(size=(2, 5, 2, 3)), jnp.float32)
    x = interpolate(real, fake, key=jax.random.key(3))
    share = (x - real) / (fake - real)
    np.testing.assert_allclose(share, jnp.broadcast_to(share[:, :1, :1], share.shape), rtol=1e-3)
    share = np.asarray(share[:, 0, 0])
    assert ((share >= 0) & (share <= 1)).all()
    assert len(set(share.round(3))) == 5
    with pytest.raises(ValueError, match="interpolate: real and fake must have the same shape"):
        interpolate(real, fake[:3], key=jax.random.key(3))


@pytest.mark.parametrize(("name", "penalty"), penalties())
def test_scores_that_do_not_fit_are_refused(name, penalty):
    for wrong in (lambda x: x.sum(), lambda x: x @ jnp.ones((4, 1)), lambda x: x):
        if name and wrong(jnp.ones((6, 4))).shape == ():
            continue  # one score for everything: the whole array is one sample
        with pytest.raises(ValueError, match=f"{name}: critic must give one score for each sample"):
            penalty(wrong, jnp.ones((6, 4)))
    with pytest.raises(TypeError, match=f"{name}: samples must be floating point"):
        penalty(lambda x: x.sum(-1), jnp.ones((6, 4), jnp.int32))
