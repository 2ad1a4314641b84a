"""Contrastive losses of two views."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.embedding import clip_softmax, info_nce, siglip, spectral_contrastive

RNG = np.random.default_rng(1)
LOSSES = (info_nce, clip_softmax, siglip, spectral_contrastive)
FIRST, SECOND = RNG.normal(size=(2, 6, 4))


def _units(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def test_info_nce_and_clip_are_cross_entropies_in_torch():
    torch = pytest.importorskip("torch")
    ce, normalize = torch.nn.functional.cross_entropy, torch.nn.functional.normalize
    x, y, scale = (torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in (FIRST, SECOND, 7.0))
    z, own = scale * normalize(x) @ normalize(y).T, torch.arange(6)
    for loss, due in (
        (lambda x, y, s: info_nce(x, y, temperature=1 / s), ce(z, own)),
        (lambda x, y, s: clip_softmax(x, y, logit_scale=s), (ce(z, own) + ce(z.T, own)) / 2),
        (lambda x, y, s: clip_softmax(x, y, temperature=1 / s), (ce(z, own) + ce(z.T, own)) / 2),
    ):
        slopes_due = torch.autograd.grad(due, (x, y, scale), retain_graph=True)
        with jax.enable_x64(True):
            value, slopes = jax.value_and_grad(loss, argnums=(0, 1, 2))(FIRST, SECOND, 7.0)
        np.testing.assert_allclose(value, due.item(), rtol=1e-12)
        for got, slope_due in zip(slopes, slopes_due, strict=True):
            np.testing.assert_allclose(got, slope_due.numpy(), rtol=1e-10, atol=1e-14)


def test_siglip_is_algorithm_1_of_the_paper():
    # loss = -sum(log_sigmoid(labels * logits)) / n, labels 1 on the diagonal and -1 elsewhere
    t, b = 10.0, -10.0
    logits = _units(FIRST) @ _units(SECOND).T * t + b
    due = -np.log(1 / (1 + np.exp(-(2 * np.eye(6) - 1) * logits))).sum() / 6
    with jax.enable_x64(True):
        np.testing.assert_allclose(siglip(FIRST, SECOND), due, rtol=1e-12)
        slopes = jax.grad(lambda t, b: siglip(FIRST, SECOND, logit_scale=t, logit_bias=b), argnums=(0, 1))(t, b)
    p = 1 / (1 + np.exp(-logits)) - np.eye(6)
    np.testing.assert_allclose(slopes, [(p * (logits - b) / t).sum() / 6, p.sum() / 6], rtol=1e-10)


def test_spectral_contrastive_is_its_definition():
    due = [
        -2 * FIRST[i] @ SECOND[i] + np.mean([(FIRST[i] @ SECOND[k]) ** 2 for k in range(6) if k != i]) for i in range(6)
    ]
    with jax.enable_x64(True):
        np.testing.assert_allclose(spectral_contrastive(FIRST, SECOND, reduction="none"), due, rtol=1e-12)
        unit = spectral_contrastive(FIRST, SECOND, normalize=True)
        np.testing.assert_allclose(unit, spectral_contrastive(_units(FIRST), _units(SECOND)), rtol=1e-12)


def test_the_directions_of_clip_are_info_nce():
    x, y = FIRST.astype(np.float32), SECOND.astype(np.float32)
    both = 0.5 * (info_nce(x, y, reduction="none") + info_nce(y, x, reduction="none"))
    np.testing.assert_allclose(clip_softmax(x, y, reduction="none"), both, rtol=1e-6)
    np.testing.assert_allclose(clip_softmax(x, y, temperature=0.25), clip_softmax(x, y, logit_scale=4.0), rtol=1e-6)


@pytest.mark.parametrize("loss", [info_nce, clip_softmax])
def test_a_batch_of_one_has_no_negative(loss):
    x, y = jnp.asarray(FIRST[:1], jnp.float32), jnp.asarray(SECOND[:1], jnp.float32)
    value, slope = jax.value_and_grad(loss)(x, y)
    assert value == 0
    assert not np.any(slope)


def test_a_batch_of_one_keeps_its_positive_pair():
    x, y = jnp.asarray(FIRST[:1], jnp.float32), jnp.asarray(SECOND[:1], jnp.float32)
    np.testing.assert_allclose(spectral_contrastive(x, y), -2 * np.sum(x * y), rtol=1e-6)
    z = np.float64(10 * np.sum(_units(FIRST[:1]) * _units(SECOND[:1])) - 10)
    np.testing.assert_allclose(siglip(x, y), np.log1p(np.exp(-z)), rtol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_an_empty_batch_is_zero(loss):
    assert loss(jnp.zeros((0, 3)), jnp.zeros((0, 3))) == 0
    assert loss(jnp.zeros((2, 0, 3)), jnp.zeros((2, 0, 3)), reduction="none").shape == (2, 0)


def test_a_masked_example_is_nobodys_negative():
    # Multiplying by the mask would leave a similarity of 0 in every denominator.
    kept = np.array([True, True, False, True, False, True])
    x, y = FIRST.astype(np.float32), SECOND.astype(np.float32)
    for loss in LOSSES:
        np.testing.assert_allclose(loss(x, y, where=kept), loss(x[kept], y[kept]), rtol=1e-6)


@pytest.mark.parametrize("scale", [1e4, 1e20, 0.0])
def test_any_scale_is_finite_with_its_gradient(scale):
    x, y = jnp.asarray(FIRST, jnp.float32), jnp.asarray(SECOND, jnp.float32)
    for loss in (clip_softmax, siglip):
        run = jax.jit(jax.value_and_grad(lambda x, y, s, loss=loss: loss(x, y, logit_scale=s), argnums=(0, 1, 2)))
        assert all(np.all(np.isfinite(part)) for part in jax.tree.leaves(run(x, y, jnp.float32(scale))))
    slopes = jax.grad(lambda x, t: info_nce(x, 3 * x, temperature=t), argnums=(0, 1))(x, jnp.float32(1e-20))
    assert not any(np.any(slope) for slope in slopes)  # all found: 0 * 1e20 / 1e-20 is 0


def test_a_retrieval_that_is_nearly_certain_keeps_its_digits():
    x = jnp.eye(3)
    due = np.log1p(2 * np.exp(-30.0))
    np.testing.assert_allclose(info_nce(x, x, temperature=1 / 30), due, rtol=1e-5)
    np.testing.assert_allclose(clip_softmax(x, x, logit_scale=30.0), due, rtol=1e-5)
    by_scale = jax.grad(lambda s: clip_softmax(x, x, logit_scale=s))(30.0)
    np.testing.assert_allclose(by_scale, -2 * np.exp(-30.0), rtol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_what_does_not_fit_is_refused(loss):
    x, name = jnp.ones((4, 3)), loss.__name__
    with pytest.raises(ValueError, match=f"{name}: first and second must have the same shape"):
        loss(x, x[:3])
    with pytest.raises(TypeError, match=f"{name}: first must be floating point, got int32"):
        loss(x.astype(jnp.int32), x)
    with pytest.raises(ValueError, match=rf"{name}: first must have shape \[..., examples, features\], got \(4,\)"):
        loss(x[:, 0], x[:, 0])


def test_temperature_and_scale_are_one_thing():
    x = jnp.ones((4, 3))
    with pytest.raises(ValueError, match="clip_softmax: takes temperature or logit_scale"):
        clip_softmax(x, x, temperature=0.1, logit_scale=10.0)
    with pytest.raises(ValueError, match=r"siglip: logit_bias must be a scalar or have 1 axes"):
        siglip(x, x, logit_bias=jnp.ones(4))
