"""Divergences of samples: pairwise definitions, SciPy, samples that do not exist, memory."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.spatial
import scipy.stats

from jaxloss.divergence.discrepancy import energy_distance, mmd
from jaxloss.divergence.samples import distances, squared_distances
from jaxloss.divergence.sinkhorn import sinkhorn
from jaxloss.divergence.transport import sliced_wasserstein, wasserstein_1d

RNG = np.random.default_rng(0)
KEY = jax.random.key(3)
IN_SPACE = {
    "mmd": partial(mmd, bandwidths=(0.5, 2.0)),
    "unbiased mmd": partial(mmd, unbiased=True, kernel="laplace"),
    "energy_distance": energy_distance,
    "sliced_wasserstein": partial(sliced_wasserstein, key=KEY, projections=4, p=1.5),
    "sinkhorn": partial(sinkhorn, epsilon=0.5, iterations=4),
}
ALL = {**IN_SPACE, "wasserstein_1d": partial(wasserstein_1d, p=2)}
every = pytest.mark.parametrize("name", ALL)


def sets(name, n=7, m=5, pairs=()):
    shape = () if name == "wasserstein_1d" else (3,)
    draw = lambda k: jnp.asarray(RNG.normal(size=(*pairs, k, *shape)), jnp.float32)
    return draw(n), 0.5 + draw(m)


def test_distances_are_those_of_scipy():
    for features in (1, 3, 9):
        x, y = RNG.normal(size=(6, features)), RNG.normal(size=(4, features))
        due = scipy.spatial.distance.cdist(x, y)
        with jax.enable_x64(True):
            np.testing.assert_allclose(distances(jnp.asarray(x), jnp.asarray(y)), due, rtol=1e-14)
            np.testing.assert_allclose(squared_distances(jnp.asarray(x), jnp.asarray(y)), due**2, rtol=1e-14)
    assert squared_distances(jnp.zeros((2, 0)), jnp.zeros((3, 0))).shape == (2, 3)


def test_distances_of_close_points_far_from_the_origin():
    x = jnp.array([[1000.0, 1000.0]])
    np.testing.assert_allclose(distances(x, x + jnp.array([[2.0**-10, 0.0]])), [[2.0**-10]], rtol=1e-6)


def test_energy_distance_by_its_definition():
    x, y = RNG.normal(size=(7, 3)), 1 + RNG.normal(size=(5, 3))
    within = lambda z: scipy.spatial.distance.cdist(z, z)
    between = scipy.spatial.distance.cdist(x, y).mean()
    with jax.enable_x64(True):
        got = energy_distance(jnp.asarray(x), jnp.asarray(y))
        np.testing.assert_allclose(got, 2 * between - within(x).mean() - within(y).mean(), rtol=1e-12)
        got = energy_distance(jnp.asarray(x), jnp.asarray(y), unbiased=True)
        np.testing.assert_allclose(got, 2 * between - within(x).sum() / 42 - within(y).sum() / 20, rtol=1e-12)
        on_a_line = energy_distance(jnp.asarray(x[:, :1]), jnp.asarray(y[:, :1]))
        np.testing.assert_allclose(on_a_line, scipy.stats.energy_distance(x[:, 0], y[:, 0]) ** 2, rtol=1e-12)


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("kernel", ["gaussian", "laplace"])
def test_mmd_by_its_definition(kernel, unbiased):
    x, y, widths = RNG.normal(size=(7, 3)), 1 + RNG.normal(size=(5, 3)), (0.5, 2.0)

    def gram(a, b):
        d = scipy.spatial.distance.cdist(a, b)
        return np.mean([np.exp(-(d**2) / (2 * h * h)) if kernel == "gaussian" else np.exp(-d / h) for h in widths], 0)

    mean = lambda k: (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) if unbiased else k.mean()
    due = mean(gram(x, x)) + mean(gram(y, y)) - 2 * gram(x, y).mean()
    with jax.enable_x64(True):
        got = mmd(jnp.asarray(x), jnp.asarray(y), bandwidths=widths, kernel=kernel, unbiased=unbiased)
    np.testing.assert_allclose(got, due, rtol=1e-11)


def test_a_wide_kernel_costs_mmd_no_digits():
    """For a bandwidth far above the distances, mmd is the squared distance of the means over its square."""
    x, y = sets("mmd")
    due = np.sum((np.mean(x, 0, dtype=float) - np.mean(y, 0, dtype=float)) ** 2) * 1e-8
    np.testing.assert_allclose(mmd(x, y, bandwidths=1e4), due, rtol=1e-5)


@pytest.mark.parametrize(("n", "m"), [(7, 5), (6, 6), (1, 4), (12, 8)])
def test_wasserstein_is_that_of_scipy(n, m):
    x, y = RNG.normal(size=n), RNG.normal(size=m)
    with jax.enable_x64(True):
        got = wasserstein_1d(jnp.asarray(x), jnp.asarray(y))
        np.testing.assert_allclose(got, scipy.stats.wasserstein_distance(x, y), rtol=1e-12)
        masked = wasserstein_1d(jnp.asarray(x), jnp.asarray(y), where_x=jnp.ones(n, bool))
        np.testing.assert_allclose(masked, got, rtol=1e-12)


@pytest.mark.parametrize("p", [1, 2, 3.5])
def test_wasserstein_is_the_cheapest_plan(p):
    x, y = RNG.normal(size=4), RNG.normal(size=6)
    costs = np.abs(np.repeat(x, 6)[:, None] - np.repeat(y, 4)[None]) ** p  # 24 samples each of the same weight
    due = costs[scipy.optimize.linear_sum_assignment(costs)].mean()
    with jax.enable_x64(True):
        np.testing.assert_allclose(wasserstein_1d(jnp.asarray(x), jnp.asarray(y), p=p), due, rtol=1e-11)


def test_slices_of_a_line_are_the_line():
    x, y = sets("wasserstein_1d")
    got = sliced_wasserstein(x[:, None], y[:, None], key=KEY, p=1)
    np.testing.assert_allclose(got, wasserstein_1d(x, y), rtol=1e-5)


def test_many_slices_tend_to_their_mean():
    """Two points a distance s apart: the mean of cos^2 over all directions in d dimensions is 1 / d."""
    x, y = jnp.zeros((1, 4)), jnp.full((1, 4), 1.5)
    got = sliced_wasserstein(x, y, key=KEY, projections=20000)
    np.testing.assert_allclose(got, 9 / 4, rtol=0.02)


def converged(x, y, epsilon):
    """The entropic cost of the plan that plain matrix scaling finds."""
    costs = scipy.spatial.distance.cdist(x, y) ** 2
    kernel, u = np.exp(-costs / epsilon), np.ones(len(x))
    for _ in range(5000):
        v = 1 / len(y) / (kernel.T @ u)
        u = 1 / len(x) / (kernel @ v)
    plan = u[:, None] * kernel * v
    return np.sum(plan * costs) + epsilon * np.sum(plan * np.log(plan * len(x) * len(y)))


def test_sinkhorn_is_the_debiased_cost_of_the_optimal_plan():
    x, y = RNG.normal(size=(5, 2)), 1 + RNG.normal(size=(4, 2))
    due = converged(x, y, 1.0) - converged(x, x, 1.0) / 2 - converged(y, y, 1.0) / 2
    with jax.enable_x64(True):
        got = sinkhorn(jnp.asarray(x), jnp.asarray(y), epsilon=1.0, iterations=500)
    np.testing.assert_allclose(got, due, rtol=1e-9)


def test_sinkhorn_between_its_limits():
    x, y = RNG.normal(size=(6, 2)), 1 + RNG.normal(size=(6, 2))
    costs = scipy.spatial.distance.cdist(x, y) ** 2
    cheapest = costs[scipy.optimize.linear_sum_assignment(costs)].mean()
    of_means = np.sum((x.mean(0) - y.mean(0)) ** 2)
    with jax.enable_x64(True):
        x, y = jnp.asarray(x), jnp.asarray(y)
        np.testing.assert_allclose(sinkhorn(x, y, epsilon=0.02, iterations=3000), cheapest, rtol=3e-2)
        np.testing.assert_allclose(sinkhorn(x, y, epsilon=1e5), of_means, rtol=1e-4)


@every
def test_equal_sets_are_no_distance_apart(name):
    x, _ = sets(name)
    if name == "unbiased mmd":
        return
    value, slope = jax.value_and_grad(ALL[name])(x, x)
    np.testing.assert_allclose(value, 0, atol=1e-6)
    np.testing.assert_allclose(slope, 0, atol=1e-6)


@every
def test_masked_samples_are_as_if_they_were_not_there(name):
    x, y = sets(name, pairs=(2,))
    has_x, has_y = (
        jnp.array([[True, False, True, True, False, True, True]]),
        jnp.array([[False, True, True, True, True]]),
    )
    poisoned = x.at[:, 1].set(jnp.nan).at[:, 4].set(jnp.inf), y.at[:, 0].set(jnp.nan)
    loss = lambda x, y, **options: ALL[name](x, y, reduction="sum", **options)
    got, slopes = jax.value_and_grad(loss, (0, 1))(*poisoned, where_x=has_x, where_y=has_y)
    kept = x[:, np.array(has_x[0])], y[:, np.array(has_y[0])]
    due, due_slopes = jax.value_and_grad(loss, (0, 1))(*kept)
    np.testing.assert_allclose(got, due, rtol=2e-5)
    for slope, due_slope, has in zip(slopes, due_slopes, (has_x, has_y), strict=True):
        np.testing.assert_allclose(slope[:, np.array(has[0])], due_slope, rtol=1e-4, atol=1e-6)
        assert np.all(np.asarray(slope)[:, ~np.array(has[0])] == 0)


@every
def test_a_different_number_in_each_pair(name):
    x, y = sets(name, pairs=(3,))
    has_y = jnp.arange(5)[None] < jnp.array([[2], [5], [3]])
    got = ALL[name](x, y, where_y=has_y, reduction="none")
    due = [ALL[name](x[i], y[i, :k], reduction="none") for i, k in enumerate((2, 5, 3))]
    np.testing.assert_allclose(got, due, rtol=2e-5, atol=1e-7)


@every
def test_an_empty_set_is_no_distance_away(name):
    x, y = sets(name, pairs=(2,))
    nothing = jnp.array([[False], [True]])
    got = ALL[name](x, y, where_x=nothing, reduction="none")
    assert got[0] == 0
    assert got[1] != 0
    slopes = jax.grad(lambda *d: ALL[name](*d, where_x=nothing, reduction="sum"), (0, 1))(x, y)
    assert all(np.all(slope[0] == 0) and np.isfinite(slope).all() for slope in slopes)
    assert np.all(ALL[name](x[:, :0], y, reduction="none") == 0)


@every
def test_what_does_not_fit_is_named(name):
    x, y = sets(name, pairs=(2,))
    loss = ALL[name]
    called = loss.func.__name__ if isinstance(loss, partial) else loss.__name__
    with pytest.raises(ValueError, match=f"{called}: x and y may differ in the axis of samples alone, got"):
        loss(x, y[:1])
    with pytest.raises(ValueError, match=f"{called} .where_y.: where must be a scalar or have 2 axes"):
        loss(x, y, where_y=jnp.ones(5, bool))
    with pytest.raises(TypeError, match=f"{called}: y must be floating point"):
        loss(x, y.astype(jnp.int32))
    with pytest.raises(ValueError, match=f"{called}: x and y must have axes of samples"):
        loss(jnp.float32(0), jnp.float32(0))


def test_parameters_out_of_range_are_refused():
    x, y = sets("mmd")
    for call, message in (
        (lambda: mmd(x, y, bandwidths=()), "mmd: bandwidths must not be empty"),
        (lambda: mmd(x, y, bandwidths=(1.0, 0.0)), "mmd: bandwidths must be positive, got 0.0"),
        (lambda: mmd(x, y, kernel="cosine"), "mmd: kernel must be one of 'gaussian', 'laplace'"),
        (lambda: wasserstein_1d(x[:, 0], y[:, 0], p=0.5), "wasserstein_1d: p must be >= 1, got 0.5"),
        (lambda: sliced_wasserstein(x, y, key=KEY, projections=0), "projections must be at least 1"),
        (lambda: sinkhorn(x, y, epsilon=0), "sinkhorn: epsilon must be positive"),
        (lambda: sinkhorn(x, y, iterations=0), "sinkhorn: iterations must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_bandwidths_can_be_learned():
    x, y = sets("mmd")
    widths = jnp.array([0.5, 2.0])
    np.testing.assert_allclose(mmd(x, y, bandwidths=widths), mmd(x, y, bandwidths=(0.5, 2.0)), rtol=1e-5)
    slope = jax.grad(lambda w: mmd(x, y, bandwidths=w))(widths)
    step = jnp.array([1e-2, 0.0])
    due = (mmd(x, y, bandwidths=widths + step) - mmd(x, y, bandwidths=widths - step)) / 2e-2
    np.testing.assert_allclose(slope[0], due, rtol=1e-2)


@pytest.mark.parametrize("name", ["mmd", "energy_distance", "sinkhorn"])
def test_memory_is_that_of_the_pairs(name):
    """Not of their features, nor of the pairs for each iteration."""
    x = jax.ShapeDtypeStruct((256, 64), jnp.float32)
    loss = {**IN_SPACE, "sinkhorn": partial(sinkhorn, epsilon=0.5, iterations=50)}[name]
    memory = jax.jit(jax.grad(loss, (0, 1))).lower(x, x).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 32 * 4 * 256 * 256


def test_a_second_call_outside_jit_compiles_nothing():
    x, y = RNG.normal(size=(2, 8, 6)).astype(np.float32)
    losses = [IN_SPACE[name] for name in ("mmd", "energy_distance", "sinkhorn")]
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: compiled.append(event))
    try:
        for loss in losses:
            loss(x, y)
        assert any("compile" in event for event in compiled)
        compiled.clear()
        for loss in losses:
            loss(x, y)
        assert not any("compile" in event for event in compiled)
    finally:
        jax.monitoring.clear_event_listeners()
