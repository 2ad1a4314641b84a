"""Scores against their definitions, and their means against those of forecasts that are wrong."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats as st

from jaxloss.probabilistic import (
    brier,
    crps_ensemble,
    crps_gaussian,
    crps_quantile,
    energy_score,
    interval,
    ranked_probability,
    variogram_score,
)

RNG = np.random.default_rng(0)


def pairwise(x, y, fair):
    """The definition, over all pairs of members."""
    n = x.shape[-1]
    apart = np.abs(x[..., :, None] - x[..., None, :]).sum((-2, -1))
    return np.abs(x - y[..., None]).mean(-1) - apart / (2 * n * (n - 1 if fair else n))


@pytest.mark.parametrize("fair", [False, True])
@pytest.mark.parametrize("members", [2, 3, 50])
def test_an_ensemble_is_scored_by_its_pairs(members, fair):
    x, y = RNG.normal(size=(20, members)), 2 * RNG.normal(size=20)
    x[:5] = np.round(x[:5])  # ties
    with jax.enable_x64(True):
        got, slopes = jax.value_and_grad(lambda x, y: crps_ensemble(x, y, fair=fair, reduction="sum"), (0, 1))(x, y)
    np.testing.assert_allclose(got, pairwise(x, y, fair).sum(), rtol=1e-12)
    step = 1e-6
    for i in range(members):
        moved = [x + sign * step * np.eye(members)[i] for sign in (1, -1)]
        due = (pairwise(moved[0], y, fair) - pairwise(moved[1], y, fair)) / (2 * step)
        np.testing.assert_allclose(slopes[0][5:, i], due[5:], atol=1e-8)
    np.testing.assert_allclose(slopes[1][5:], np.mean(np.sign(y[5:, None] - x[5:]), -1), atol=1e-12)


def test_one_member_is_the_absolute_error():
    x, y = jnp.array([[1.0], [5.0]]), jnp.array([3.0, 3.0])
    np.testing.assert_array_equal(crps_ensemble(x, y, reduction="none"), [2, 2])
    with pytest.raises(ValueError, match="crps_ensemble: needs at least 2 members, got 1"):
        crps_ensemble(x, y, fair=True)


def test_the_axis_of_members_is_free():
    x, y = jnp.asarray(RNG.normal(size=(4, 7)), jnp.float32), jnp.asarray(RNG.normal(size=7), jnp.float32)
    np.testing.assert_array_equal(crps_ensemble(x, y, axis=0), crps_ensemble(x.T, y))


def test_memory_of_a_large_ensemble_is_not_that_of_its_pairs():
    x, y = jnp.zeros((8, 4096)), jnp.zeros(8)
    compiled = jax.jit(jax.grad(lambda x: crps_ensemble(x, y))).lower(x).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 40 * x.nbytes  # its pairs take 4096


@pytest.mark.parametrize(("mean", "stddev", "y"), [(0.0, 1.0, 0.0), (1.0, 0.5, 3.0), (-2.0, 4.0, 1.0)])
def test_a_gaussian_is_scored_by_its_integral(mean, stddev, y):
    below = scipy.integrate.quad(lambda x: st.norm.cdf(x, mean, stddev) ** 2, -60, y)[0]
    above = scipy.integrate.quad(lambda x: st.norm.sf(x, mean, stddev) ** 2, y, 60)[0]
    got = crps_gaussian(jnp.array([mean]), jnp.array([y]), stddev=stddev)
    np.testing.assert_allclose(got, below + above, rtol=1e-6)


def test_many_members_and_many_quantiles_are_the_gaussian():
    levels = (np.arange(2000) + 0.5) / 2000
    quantiles = jnp.asarray(st.norm.ppf(levels), jnp.float32)[None]
    y = jnp.array([0.7])
    due = crps_gaussian(jnp.zeros(1), y, stddev=1.0)
    np.testing.assert_allclose(crps_ensemble(quantiles, y), due, rtol=1e-3)
    np.testing.assert_allclose(crps_quantile(quantiles, y, q=levels), due, rtol=1e-3)


def test_a_sure_forecast_is_the_absolute_error():
    got, slope = jax.value_and_grad(lambda m: crps_gaussian(m, jnp.array([1.0]), stddev=1e-30))(jnp.array([3.0]))
    np.testing.assert_allclose([got, slope[0]], [2, 1])


def test_energy_score_in_one_dimension_is_that_of_the_ensemble():
    x, y = RNG.normal(size=(6, 5)), RNG.normal(size=6)
    for fair in (False, True):
        got = energy_score(jnp.asarray(x)[..., None], jnp.asarray(y)[..., None], fair=fair, reduction="none")
        np.testing.assert_allclose(got, pairwise(x, y, fair), rtol=1e-5, atol=1e-6)


def variogram(x, y, p, w):
    total = 0.0
    for a in range(len(y)):
        for b in range(len(y)):
            total += w[a, b] * (abs(y[a] - y[b]) ** p - np.mean(np.abs(x[:, a] - x[:, b]) ** p)) ** 2
    return total


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0])
def test_variograms_are_compared_pair_by_pair(p):
    x, y, w = RNG.normal(size=(4, 6, 5)), RNG.normal(size=(4, 5)), RNG.random((5, 5))
    with jax.enable_x64(True):
        score = lambda x: variogram_score(x, jnp.asarray(y), p=p, pair_weights=w, reduction="none")
        got, slope = score(jnp.asarray(x)), jax.grad(lambda x: jnp.sum(score(x)))(jnp.asarray(x))
    np.testing.assert_allclose(got, [variogram(*row, p, w) for row in zip(x, y, strict=True)], rtol=1e-12)
    step = 1e-6
    for a in range(5):
        shift = np.zeros((6, 5))
        shift[2, a] = step
        due = (variogram(x[0] + shift, y[0], p, w) - variogram(x[0] - shift, y[0], p, w)) / (2 * step)
        np.testing.assert_allclose(slope[0, 2, a], due, rtol=1e-6, atol=1e-7)


def test_a_variogram_sees_a_correlation_and_no_common_shift():
    common, own = RNG.normal(size=(2, 400, 2, 1)), RNG.normal(size=(2, 400, 2, 3))
    tied = lambda part, rho: np.sqrt(rho) * common[part] + np.sqrt(1 - rho) * own[part]
    y = jnp.asarray(tied(0, 0.8)[:, 0], jnp.float32)
    score = lambda x: variogram_score(jnp.asarray(np.broadcast_to(x.reshape(1, 800, 3), (400, 800, 3)), jnp.float32), y)
    truth, apart = score(tied(1, 0.8)), score(tied(1, 0.0))
    assert apart > 1.1 * truth
    np.testing.assert_allclose(score(tied(1, 0.8) + 3), truth, rtol=1e-4)


def test_features_that_coincide_have_a_variogram_of_0_and_no_slope():
    value, slope = jax.value_and_grad(variogram_score)(jnp.zeros((1, 3, 2)), jnp.array([[0.0, 4.0]]))
    assert value == 2 * 4  # sqrt(4) squared, in both orders
    np.testing.assert_array_equal(slope, 0)
    with pytest.raises(ValueError, match=r"variogram_score: pair_weights must have shape \(2, 2\), got \(3,\)"):
        variogram_score(jnp.zeros((1, 3, 2)), jnp.zeros((1, 2)), pair_weights=jnp.ones(3))


def test_memory_of_a_variogram_is_that_of_the_pairs_of_features():
    x, y = jnp.zeros((4, 64, 32)), jnp.zeros((4, 32))
    compiled = jax.jit(jax.grad(lambda x: variogram_score(x, y))).lower(x).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 2 * x.nbytes + 6 * 4 * 32 * 32 * 4  # of all samples: 64


# ---- proper: no forecast is better, on average over the truth, than the truth ----------------------------------------


def test_gaussian_scores_are_least_for_the_truth():
    y = jnp.asarray(1.0 + 2.0 * st.norm.ppf((np.arange(4000) + 0.5) / 4000), jnp.float32)
    score = jax.jit(lambda m, s: crps_gaussian(jnp.full_like(y, m), y, stddev=s))
    truth = score(1.0, 2.0)
    for m, s in ((1.2, 2.0), (0.8, 2.0), (1.0, 1.7), (1.0, 2.3)):
        assert score(m, s) > truth + 1e-3
    slopes = jax.grad(score, (0, 1))(1.0, 2.0)
    np.testing.assert_allclose(slopes, 0, atol=1e-3)


@pytest.mark.parametrize("score", [brier, ranked_probability])
def test_scores_of_classes_are_least_for_the_truth(score):
    truth = np.array([0.5, 0.3, 0.2])
    mean = lambda p: np.dot(
        truth, score(jnp.tile(jnp.asarray(p, jnp.float32), (3, 1)), jnp.arange(3), reduction="none")
    )
    for wrong in RNG.dirichlet(np.ones(3), 50):
        assert mean(wrong) >= mean(truth) + 0.1 * np.sum(np.cumsum(wrong - truth) ** 2)


def test_fair_scores_are_least_for_members_of_the_truth():
    y = jnp.asarray(RNG.normal(size=20000), jnp.float32)
    mean = lambda spread, fair: crps_ensemble(jnp.asarray(spread * drawn, jnp.float32), y, fair=fair)
    drawn = RNG.normal(size=(20000, 3))
    assert mean(1.0, True) < min(mean(0.6, True), mean(1.5, True))
    assert mean(0.7, False) < mean(1.0, False)  # not fair: three members had better be too close


def test_the_interval_score_is_least_for_the_quantiles():
    y = jnp.asarray(st.norm.ppf((np.arange(4000) + 0.5) / 4000), jnp.float32)
    mean = lambda width: interval(jnp.full_like(y, -width), jnp.full_like(y, width), y, alpha=0.2)
    best = st.norm.ppf(0.9)
    assert mean(best) < min(mean(best - 0.1), mean(best + 0.1))
    slope = jax.grad(mean)(jnp.float32(best))
    np.testing.assert_allclose(slope, 0, atol=0.02)


# ---- published definitions -------------------------------------------------------------------------------------------


def test_brier_of_two_classes_is_twice_sklearns():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    p, labels = RNG.random(30), RNG.integers(0, 2, 30)
    got = brier(jnp.stack([jnp.asarray(1 - p), jnp.asarray(p)], -1), jnp.asarray(labels))
    np.testing.assert_allclose(got, 2 * metrics.brier_score_loss(labels, p), rtol=1e-6)


def test_ranked_probability_counts_how_far():
    rows = jnp.eye(4)
    got = ranked_probability(rows, jnp.zeros(4, jnp.int32), reduction="none")
    np.testing.assert_array_equal(got, [0, 1, 2, 3])
