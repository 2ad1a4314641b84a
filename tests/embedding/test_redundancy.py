"""Barlow Twins and VICReg."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.embedding import barlow_twins, vicreg

RNG = np.random.default_rng(2)
LOSSES = (barlow_twins, vicreg)
FIRST, SECOND = RNG.normal(size=(2, 8, 3))


def test_barlow_twins_is_the_correlation_of_numpy():
    c = np.corrcoef(FIRST.T, SECOND.T)[:3, 3:]
    due = np.sum((1 - np.diag(c)) ** 2) + 0.005 * (np.sum(c**2) - np.sum(np.diag(c) ** 2))
    with jax.enable_x64(True):
        np.testing.assert_allclose(barlow_twins(FIRST, SECOND), due, rtol=1e-12)


def test_views_that_agree_leave_only_the_redundancy():
    # A program that divides by the unbiased deviation and by n has (n - 1) / n on the diagonal, and is never 0.
    orthogonal = np.linalg.qr(FIRST - FIRST.mean(0))[0]
    with jax.enable_x64(True):
        np.testing.assert_allclose(barlow_twins(orthogonal, orthogonal), 0, atol=1e-25)
        np.testing.assert_allclose(
            barlow_twins(FIRST, FIRST * [2.0, 0.1, 30.0] - [5.0, 0.0, 1.0], redundancy=0), 0, atol=1e-25
        )
        due = barlow_twins(FIRST, SECOND)
        np.testing.assert_allclose(barlow_twins(1e-3 * FIRST + 7, SECOND), due, rtol=1e-9)
        np.testing.assert_allclose(barlow_twins(-FIRST, FIRST, redundancy=0), 3 * 2**2, rtol=1e-12)


def test_correlations_near_1_keep_their_digits():
    near = FIRST + 1e-4 * SECOND
    with jax.enable_x64(True):
        x, y = FIRST.astype(np.float32), near.astype(np.float32)
        due = jax.value_and_grad(lambda y: barlow_twins(x.astype(float), y, redundancy=0))(y.astype(float))
        due = [np.asarray(part) for part in due]
    value, slope = jax.value_and_grad(lambda y: barlow_twins(x, y, redundancy=0))(y)
    assert due[0] < 1e-15
    np.testing.assert_allclose(
        value, due[0], rtol=1e-2
    )  # 1 - C is of order 1e-8; as a difference it would be 0 or 1e-7
    np.testing.assert_allclose(slope, due[1], rtol=1e-2, atol=1e-2 * float(np.abs(due[1]).max()))


def test_vicreg_is_the_program_of_its_authors():
    torch = pytest.importorskip("torch")
    x, y = (torch.tensor(a, requires_grad=True) for a in (0.7 * FIRST, 1.2 * SECOND))

    def off_diagonal(z):
        cov = (z - z.mean(0)).T @ (z - z.mean(0)) / (len(z) - 1)
        return (cov - torch.diag(torch.diag(cov))).pow(2).sum() / z.shape[1]

    short = lambda z: torch.relu(1 - torch.sqrt(z.var(dim=0) + 0.0001)).mean() / 2
    due = 25 * torch.nn.functional.mse_loss(x, y) + 25 * (short(x) + short(y)) + off_diagonal(x) + off_diagonal(y)
    slopes_due = torch.autograd.grad(due, (x, y))
    with jax.enable_x64(True):
        value, slopes = jax.value_and_grad(vicreg, argnums=(0, 1))(0.7 * FIRST, 1.2 * SECOND)
    np.testing.assert_allclose(value, due.item(), rtol=1e-12)
    for got, slope_due in zip(slopes, slopes_due, strict=True):
        np.testing.assert_allclose(got, slope_due.numpy(), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e30, -3.3e-7])
def test_a_feature_that_never_changes_is_dead_not_noise(loss, constant):
    # The mean of eight times 0.1 may be rounded; what is left of the feature then is noise of correlation 1.
    x = jnp.asarray(FIRST, jnp.float32).at[:, 1].set(constant)
    options = {"epsilon": 0.0, "invariance": 0.0} if loss is vicreg else {}
    value, (slope, _) = jax.value_and_grad(lambda x, y: loss(x, y, **options), argnums=(0, 1))(x, x)
    assert np.isfinite(value)
    assert np.all(np.isfinite(slope))
    assert not np.any(slope[:, 1])
    if loss is barlow_twins:
        np.testing.assert_allclose(barlow_twins(x, x, redundancy=0), 1, rtol=1e-6)
    else:
        short = jnp.maximum(0, 1 - jnp.std(x[:, 0::2], axis=0, ddof=1))
        due = 25 * (1 + float(short.sum())) / 3
        np.testing.assert_allclose(vicreg(x, x, covariance=0.0, epsilon=0.0), due, rtol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("examples", [0, 1])
def test_fewer_than_two_examples_are_no_batch(loss, examples):
    x, y = (jnp.asarray(a[:examples], jnp.float32) for a in (FIRST, SECOND))
    value, slope = jax.value_and_grad(loss)(x, y)
    assert value == 0
    assert not np.any(slope)
    kept = jnp.arange(8) < examples
    value, slope = jax.value_and_grad(lambda x: loss(x, jnp.asarray(SECOND, jnp.float32), where=kept))(jnp.ones((8, 3)))
    assert value == 0
    assert not np.any(slope)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_batch_that_is_none_is_no_term_of_the_mean(loss):
    x, y = (jnp.asarray(np.stack([a, 2 * a]), jnp.float32) for a in (FIRST, SECOND))
    where = jnp.stack([jnp.ones(8, bool), jnp.arange(8) < 1])
    np.testing.assert_allclose(loss(x, y, where=where), loss(x[0], y[0]), rtol=1e-6)
    assert loss(x, y, where=where, reduction="none").shape == (2,)


def test_the_statistics_of_a_masked_batch_leave_out_what_is_masked():
    kept = np.array([True] * 5 + [False] * 3)
    x, y = (jnp.asarray(a, jnp.float32) for a in (FIRST, SECOND))
    for loss in LOSSES:
        got = loss(x.at[6].set(jnp.nan), y.at[7].set(1e30), where=kept)
        np.testing.assert_allclose(got, loss(x[:5], y[:5]), rtol=1e-5)


def test_correlations_have_no_scale():
    x, y = (jnp.asarray(a, jnp.float32) for a in (FIRST, SECOND))
    for scale in (1e-30, 1e30, 1e38):
        np.testing.assert_allclose(barlow_twins(x * scale, y), barlow_twins(x, y), rtol=1e-5)
        assert np.all(np.isfinite(jax.grad(barlow_twins)(x * scale, y)))


def test_what_does_not_fit_is_refused():
    x = jnp.ones((4, 3))
    for loss in LOSSES:
        name = loss.__name__
        with pytest.raises(ValueError, match=f"{name}: first and second must have the same shape"):
            loss(x, x[:3])
        with pytest.raises(ValueError, match=rf"{name}: first must have shape \[..., examples, features\]"):
            loss(x[0], x[0])
        with pytest.raises(ValueError, match=rf"{name}: weights must be a scalar or have 0 axes"):
            loss(x, x, weights=jnp.ones(4))
    with pytest.raises(ValueError, match="vicreg: epsilon must be >= 0, got -1"):
        vicreg(x, x, epsilon=-1)
    with pytest.raises(ValueError, match="barlow_twins: redundancy must be a scalar or have 0 axes"):
        barlow_twins(x, x, redundancy=jnp.ones(3))
