"""DeepHit against its definition over all pairs, and what it is without any."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.probabilistic import deep_hit

RNG = np.random.default_rng(0)


def pairwise(logits, times, events, alpha, sigma):
    """The formulas of Lee et al. (2018), of one cohort, over all pairs of its subjects."""
    n, risks, steps = logits.shape
    e = np.exp(np.concatenate([logits.reshape(n, -1), np.zeros((n, 1))], 1))
    chance = np.cumsum((e / e.sum(1, keepdims=True))[:, :-1].reshape(n, risks, steps), -1)
    nll, order = [], []
    for i in range(n):
        if events[i]:
            k, t = events[i] - 1, times[i]
            nll.append(-np.log(chance[i, k, t] - (chance[i, k, t - 1] if t else 0)))
            order += [np.exp((chance[j, k, t] - chance[i, k, t]) / sigma) for j in range(n) if times[j] > t]
        else:
            nll.append(-np.log(1 - chance[i, :, times[i]].sum()))
    return np.mean(nll) + alpha * (np.mean(order) if order else 0)


def cohort(n, risks=2, steps=5):
    return RNG.normal(size=(n, risks, steps)), RNG.integers(0, steps, n), RNG.integers(0, risks + 1, n)


@pytest.mark.parametrize("risks", [1, 3])
@pytest.mark.parametrize(("alpha", "sigma"), [(1.0, 0.1), (0.3, 0.5), (0.0, 0.1)])
def test_pairs(risks, alpha, sigma):
    logits, times, events = cohort(30, risks)
    with jax.enable_x64(True):
        loss = lambda logits: deep_hit(logits, times, events, alpha=alpha, sigma=sigma)
        value, slope = jax.value_and_grad(loss)(jnp.asarray(logits))
    np.testing.assert_allclose(value, pairwise(logits, times, events, alpha, sigma), rtol=1e-12)
    for _ in range(12):
        step = np.zeros_like(logits)
        at = tuple(RNG.integers(0, size) for size in logits.shape)
        step[at] = 1e-6
        moved = [pairwise(logits + sign * step, times, events, alpha, sigma) for sign in (1, -1)]
        np.testing.assert_allclose(slope[at], (moved[0] - moved[1]) / 2e-6, atol=1e-8)


def test_cohorts_have_their_own_subjects_and_pairs():
    logits, times, events = (np.stack(arrays) for arrays in zip(cohort(8), cohort(8), strict=True))
    where = np.ones((2, 8), bool)
    where[0, 5:], where[1, :2] = False, False
    spoiled = np.where(where[..., None, None], logits, np.nan)
    got = deep_hit(jnp.asarray(spoiled, jnp.float32), times, events, where=jnp.asarray(where), reduction="none")
    due = [pairwise(*(a[kept] for a in row), 1.0, 0.1) for *row, kept in zip(logits, times, events, where, strict=True)]
    np.testing.assert_allclose(got, due, rtol=1e-5)


def test_without_pairs_and_without_subjects():
    logits = jnp.zeros((3, 1, 2))
    same, late = jnp.zeros(3, jnp.int32), jnp.array([0, 1, 1])
    np.testing.assert_allclose(deep_hit(logits, same, jnp.ones(3, jnp.int32)), np.log(3), rtol=1e-6)
    # Nobody with an event: three are alone in having survived everything, or the first of two times.
    np.testing.assert_allclose(
        deep_hit(logits, late, jnp.zeros(3, jnp.int32)), (np.log(3 / 2) + 2 * np.log(3)) / 3, rtol=1e-6
    )
    value, slope = jax.value_and_grad(deep_hit)(logits, late, jnp.ones(3, jnp.int32), where=jnp.zeros(3, bool))
    assert value == 0
    np.testing.assert_array_equal(slope, 0)


def test_a_small_sigma_overflows_only_with_the_result():
    logits, times, events = jnp.zeros((2, 1, 2)).at[0, 0, 0].set(20.0), jnp.array([0, 1]), jnp.array([1, 0])
    value, slope = jax.value_and_grad(deep_hit)(logits, times, events, sigma=1e-4)
    np.testing.assert_allclose(value, np.log(3) / 2, rtol=1e-6)  # in the right order: exp(-6666)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize(("time", "event"), [(2, 1), (-1, 1), (0, 2), (0, -1)])
def test_a_time_or_a_cause_that_there_is_not_gives_nan(time, event):
    assert np.isnan(deep_hit(jnp.zeros((1, 1, 2)), jnp.array([time]), jnp.array([event])))


def test_times_and_events_are_integers():
    with pytest.raises(TypeError, match="deep_hit: times must be integers, got float32"):
        deep_hit(jnp.zeros((1, 1, 2)), jnp.zeros(1), jnp.zeros(1, jnp.int32))
    with pytest.raises(ValueError, match="deep_hit: logits must have axes of subjects, risks and times"):
        deep_hit(jnp.zeros((1, 2)), jnp.zeros(1, jnp.int32), jnp.zeros(1, jnp.int32))


def test_a_large_cohort_takes_memory_of_its_logits():
    logits, times, events = jnp.zeros((4096, 2, 4)), jnp.zeros(4096, jnp.int32), jnp.ones(4096, jnp.int32)
    compiled = jax.jit(jax.grad(lambda logits: deep_hit(logits, times, events))).lower(logits).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 20 * logits.nbytes  # its pairs take 512
