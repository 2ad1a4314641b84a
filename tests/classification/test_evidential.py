"""Evidential classification, against its definition by sampling and against the authors' own formula."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import gammaln, polygamma, psi

from jaxloss import evidential
from jaxloss.numerics.dirichlet import divergence_from_uniform

RNG = np.random.default_rng(0)
EVIDENCE = RNG.gamma(1.0, 4.0, (6, 4)).astype(np.float32)
IDS = RNG.integers(0, 4, 6).astype(np.int32)
ONE_HOT = np.eye(4, dtype=np.float32)[IDS]


def divergence(alpha):
    """Of Dirichlet distributions from the uniform one, as the paper's section 4 has it."""
    total = alpha.sum(-1, keepdims=True)
    normalizer = gammaln(total[..., 0]) - gammaln(alpha.shape[-1]) - gammaln(alpha).sum(-1)
    return normalizer + ((alpha - 1) * (psi(alpha) - psi(total))).sum(-1)


RISKS = {
    "squared_error": lambda p: ((ONE_HOT - p) ** 2).sum(-1),
    "cross_entropy": lambda p: -(ONE_HOT * np.log(p)).sum(-1),
}


@pytest.mark.parametrize("risk", RISKS)
def test_the_risk_is_a_mean_over_the_distribution(risk):
    draws = np.stack([np.random.default_rng(1).dirichlet(1.0 + row, 200_000) for row in EVIDENCE.astype(float)], 1)
    losses = RISKS[risk](draws)
    spread = 5 * losses.std(0) / np.sqrt(len(losses))
    got = evidential(EVIDENCE, IDS, risk=risk, kl_weight=0, reduction="none")
    assert np.all(np.abs(np.asarray(got) - losses.mean(0)) < spread)


def test_the_likelihood_is_that_of_the_mean():
    due = -np.log((1 + EVIDENCE) / (1 + EVIDENCE).sum(-1, keepdims=True))[np.arange(6), IDS]
    got = evidential(EVIDENCE, IDS, risk="likelihood", kl_weight=0, reduction="none")
    np.testing.assert_allclose(got, due, rtol=1e-5)


def test_the_divergence_is_of_evidence_for_wrong_classes():
    wrong = (1 + (1 - ONE_HOT) * EVIDENCE).astype(float)
    with_it, without = (evidential(EVIDENCE, IDS, kl_weight=k, reduction="none") for k in (2.0, 0))
    np.testing.assert_allclose(with_it - without, 2 * divergence(wrong), rtol=1e-5)
    slope = jax.grad(lambda e: evidential(e, IDS, reduction="sum") - evidential(e, IDS, kl_weight=0, reduction="sum"))
    assert np.all(np.abs(slope(EVIDENCE)[np.arange(6), IDS]) < 1e-6)


@pytest.mark.parametrize("size", [1e-15, 1e-6, 1e-4])
def test_a_little_wrong_evidence_costs_its_square(size):
    f = np.array([0.0, size, 2 * size], np.float32)
    value, slope = jax.value_and_grad(divergence_from_uniform)(jnp.asarray(f), -1)
    one, three = polygamma(1, 1), polygamma(1, 3)
    due = (one * (f.astype(float) ** 2).sum() - three * f.sum(dtype=float) ** 2) / 2
    np.testing.assert_allclose(value, due, rtol=4 * size + 1e-6)
    np.testing.assert_allclose(slope[1:], one * f[1:] - three * f.sum(), rtol=10 * size + 2e-6)


def test_no_evidence_is_the_uniform_distribution():
    none = jnp.zeros((1, 4))
    assert evidential(none, np.array([2]), risk="likelihood") == pytest.approx(np.log(4), rel=1e-6)
    assert evidential(none, np.array([2]), risk="cross_entropy") == pytest.approx(1 + 1 / 2 + 1 / 3, rel=1e-6)


@pytest.mark.parametrize("risk", ["squared_error", "cross_entropy", "likelihood"])
def test_evidence_beyond_counting(risk):
    loss = jax.value_and_grad(lambda e, label: evidential(e, label, risk=risk, reduction="sum"))
    for size in (1e10, 1e30):
        value, slope = loss(jnp.array([[size, 0.0, 1.0]]), np.array([0]))
        assert 0 <= value < 1
        assert np.all(np.isfinite(slope))
        value, slope = loss(jnp.array([[size, 0.0, 1.0]]), np.array([1]))
        assert 2 < value < np.inf
        assert np.all(np.isfinite(slope))


def test_an_unknown_risk_is_refused():
    with pytest.raises(ValueError, match=r"evidential: risk must be one of 'squared_error', .*, got 'mse'"):
        evidential(EVIDENCE, IDS, risk="mse")
