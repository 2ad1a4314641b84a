"""Survival losses: the numbers of a survival package, and brute force."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.probabilistic import cox_partial_likelihood, discrete_time_survival

RNG = np.random.default_rng(0)


def brute_force(h, times, events, ties):
    total = 0.0
    for t in np.unique(times[events > 0]):
        same, at_risk = h[(times == t) & (events > 0)], np.exp(h[times >= t]).sum()
        tied = np.exp(same).sum() if ties == "efron" else 0.0
        total += np.log(at_risk - np.arange(len(same)) / len(same) * tied).sum() - same.sum()
    return total / max(events.sum(), 1)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_brute_force(ties):
    h, times, events = RNG.normal(size=60), RNG.integers(1, 15, 60).astype(float), (RNG.random(60) < 0.6).astype(float)
    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(lambda h: cox_partial_likelihood(h, times, events, ties=ties))(jnp.asarray(h))
    np.testing.assert_allclose(value, brute_force(h, times, events, ties), rtol=1e-12)
    for i in range(0, 60, 7):
        moved = [brute_force(h + sign * 1e-6 * np.eye(60)[i], times, events, ties) for sign in (1, -1)]
        np.testing.assert_allclose(slope[i], (moved[0] - moved[1]) / 2e-6, atol=1e-8)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_the_maximum_of_the_likelihood_that_lifelines_finds(ties):
    """Of real data with ties and censoring, which ``make_cox_numbers.py`` describes."""
    numbers = json.loads(Path(__file__).with_name("cox_numbers.json").read_text(encoding="utf-8"))
    times, events = np.array(numbers["week"], float), np.array(numbers["arrest"], float)
    with jax.enable_x64(True):
        x, best = jnp.asarray(np.array(numbers["covariates"], float)), jnp.asarray(numbers[ties]["coefficients"])
        loss = lambda beta: cox_partial_likelihood(x @ beta, times, events, ties=ties)
        value, slope = jax.jit(jax.value_and_grad(loss))(best)
    np.testing.assert_allclose(float(value) * events.sum(), -numbers[ties]["log_likelihood"], rtol=1e-12)
    np.testing.assert_allclose(slope, 0, atol=1e-6)  # of an age, in years


def test_no_digits_are_lost_where_one_has_nearly_all_of_the_hazard():
    """The slope is a share less 1, and the value is as small as what is left of it."""
    for ties in ("efron", "breslow"):
        loss = lambda h, ties=ties: cox_partial_likelihood(h, jnp.array([1.0, 2.0]), jnp.array([1, 0]), ties=ties)
        value, slope = jax.value_and_grad(loss)(jnp.array([40.0, 0.0]))
        np.testing.assert_allclose(value, np.exp(-40), rtol=1e-5)
        np.testing.assert_allclose(slope, [-np.exp(-40), np.exp(-40)], rtol=1e-5)


def test_one_value_a_cohort_and_nobody_at_minus_infinity_is_at_risk():
    h, times, events = jnp.array([[0.0, 0.0, 0.0]]), jnp.array([[1.0, 2.0, 3.0]]), jnp.array([[1, 1, 0]])
    np.testing.assert_allclose(cox_partial_likelihood(h, times, events), (np.log(3) + np.log(2)) / 2, rtol=1e-6)
    assert cox_partial_likelihood(h, times, jnp.zeros((1, 3))) == 0
    value, slope = jax.value_and_grad(cox_partial_likelihood)(h.at[0, 2].set(-jnp.inf), times, events)
    np.testing.assert_allclose(value, np.log(2) / 2, rtol=1e-6)
    np.testing.assert_allclose(slope, [[-0.25, 0.25 - 0.0, 0.0]], atol=1e-6)


def test_log_hazards_of_any_size():
    times, events = jnp.arange(4.0)[None], jnp.ones((1, 4))
    value, slope = jax.value_and_grad(cox_partial_likelihood)(jnp.array([[1e4, -1e4, 1e4, 0.0]]), times, events)
    assert np.isfinite(value)
    assert np.isfinite(slope).all()


def test_a_large_cohort_takes_memory_of_its_size():
    h, times, events = jnp.zeros((1, 1024)), jnp.arange(1024.0)[None], jnp.ones((1, 1024))
    compiled = jax.jit(jax.grad(lambda h: cox_partial_likelihood(h, times, events))).lower(h).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 100 * h.nbytes  # its pairs take 1024


def test_hazards_make_a_distribution():
    """Event in one of the intervals, or survival of all: together 1."""
    logits = jnp.tile(jnp.asarray(RNG.normal(size=4), jnp.float32), (5, 1))
    where, events = jnp.array([0, 1, 2, 3, 3]), jnp.array([1, 1, 1, 1, 0])
    nll = discrete_time_survival(logits, where, events, reduction="none")
    np.testing.assert_allclose(jnp.sum(jnp.exp(-nll)), 1, rtol=1e-6)
