"""SwAV and the codes of Sinkhorn and Knopp."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.embedding import sinkhorn_codes, swav

RNG = np.random.default_rng(4)
FIRST, SECOND = RNG.uniform(-1, 1, size=(2, 6, 4))


def published(scores, epsilon=0.05, iterations=3):
    """Listing of the paper: Q is prototypes by examples, of sum 1; rows to 1/K, columns to 1/B, and at last times B."""
    q = np.exp(scores / epsilon).T
    q /= q.sum()
    for _ in range(iterations):
        q /= q.sum(axis=1, keepdims=True) * len(q)
        q /= q.sum(axis=0, keepdims=True) * q.shape[1]
    return (q * q.shape[1]).T


@pytest.mark.parametrize("iterations", [1, 3, 50])
def test_codes_are_the_published_iterations(iterations):
    with jax.enable_x64(True):
        got = sinkhorn_codes(np.stack([FIRST, SECOND]), iterations=iterations)
    for codes, scores in zip(got, (FIRST, SECOND), strict=True):
        np.testing.assert_allclose(codes, published(scores, iterations=iterations), rtol=1e-9)


def test_the_codes_of_an_example_sum_to_1_and_prototypes_share_the_batch():
    codes = sinkhorn_codes(jnp.asarray(FIRST, jnp.float32), iterations=500)
    np.testing.assert_allclose(codes.sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(codes.sum(0), 6 / 4, rtol=1e-3)


@pytest.mark.parametrize("epsilon", [1e-4, 1e-8])
def test_a_small_epsilon_does_not_overflow(epsilon):
    # exp(1 / 1e-4) is no number.
    codes = sinkhorn_codes(jnp.asarray(FIRST, jnp.float32), epsilon=epsilon)
    assert np.all(np.isfinite(codes))
    np.testing.assert_allclose(codes.sum(-1), 1, rtol=1e-5)


def test_a_masked_example_takes_no_share():
    kept = np.array([True, False, True, True, False, True])
    poisoned = np.where(kept[:, None], FIRST, np.nan).astype(np.float32)
    got = sinkhorn_codes(poisoned, where=kept)
    np.testing.assert_allclose(got[kept], sinkhorn_codes(FIRST[kept].astype(np.float32)), rtol=1e-4)
    assert not np.any(got[~kept])
    assert not np.any(sinkhorn_codes(poisoned, where=False))


def test_codes_have_no_gradient():
    x, y = jnp.asarray(FIRST, jnp.float32), jnp.asarray(SECOND, jnp.float32)
    assert not np.any(jax.grad(lambda x: jnp.sum(sinkhorn_codes(x) ** 2))(x))
    whole = jax.grad(lambda x: swav(x, y, sinkhorn_codes(x), sinkhorn_codes(y)))(x)
    codes = sinkhorn_codes(x), sinkhorn_codes(y)
    np.testing.assert_allclose(whole, jax.grad(lambda x: swav(x, y, *codes))(x), rtol=1e-6)
    assert np.any(whole)


def test_each_view_predicts_the_codes_of_the_other():
    torch = pytest.importorskip("torch")
    q1, q2 = published(FIRST), published(SECOND)
    x, y = torch.tensor(FIRST, requires_grad=True), torch.tensor(SECOND, requires_grad=True)
    ce = torch.nn.functional.cross_entropy
    due = 0.5 * (ce(x / 0.1, torch.tensor(q2)) + ce(y / 0.1, torch.tensor(q1)))
    slopes_due = torch.autograd.grad(due, (x, y))
    with jax.enable_x64(True):
        value, slopes = jax.value_and_grad(swav, argnums=(0, 1))(FIRST, SECOND, q1, q2)
        np.testing.assert_allclose(swav(FIRST.T, SECOND.T, q1.T, q2.T, axis=0), value, rtol=1e-12)
    np.testing.assert_allclose(value, due.item(), rtol=1e-12)
    for got, slope_due in zip(slopes, slopes_due, strict=True):
        np.testing.assert_allclose(got, slope_due.numpy(), rtol=1e-9, atol=1e-13)


def test_what_does_not_fit_is_refused():
    x = jnp.ones((4, 3))
    with pytest.raises(
        ValueError, match="swav: first_scores, second_scores, first_codes and second_codes must have the"
    ):
        swav(x, x, x, x[:3])
    with pytest.raises(TypeError, match="swav: second_scores must be floating point, got int32"):
        swav(x, x.astype(jnp.int32), x, x)
    with pytest.raises(ValueError, match="swav: temperature must be positive, got 0"):
        swav(x, x, x, x, temperature=0)
    with pytest.raises(ValueError, match=r"sinkhorn_codes: scores must have shape \[..., examples, prototypes\]"):
        sinkhorn_codes(x[0])
    with pytest.raises(ValueError, match="sinkhorn_codes: iterations must be an integer of at least 1, got 0"):
        sinkhorn_codes(x, iterations=0)
    with pytest.raises(ValueError, match="sinkhorn_codes: epsilon must be positive, got 0"):
        sinkhorn_codes(x, epsilon=0)
