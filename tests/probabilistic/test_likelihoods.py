"""Likelihoods against scipy and torch; densities that sum or integrate to 1; parameters of extreme size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats as st

from jaxloss.probabilistic import (
    beta_distribution_nll,
    dirichlet_nll,
    gamma_nll,
    gaussian_nll,
    laplace_nll,
    mixture_density_nll,
    negative_binomial_nll,
    poisson_nll,
    student_t_nll,
    tweedie,
    von_mises_nll,
    zero_inflated_negative_binomial_nll,
    zero_inflated_poisson_nll,
)

RNG = np.random.default_rng(0)
M, S, Z = RNG.normal(size=40), np.exp(RNG.normal(size=40)), RNG.normal(size=40)
POSITIVE, COUNTS = np.exp(RNG.normal(size=40)), RNG.poisson(4.0, 40)
SHARES = RNG.uniform(0.05, 0.95, 40)

# Name, ours and scipy's, of a mean m, a positive parameter s and a target.
SCIPY = [
    ("gaussian", lambda m, s, y: gaussian_nll(m, y, stddev=s, reduction="none"), st.norm.logpdf, M, Z),
    ("laplace", lambda m, s, y: laplace_nll(m, y, scale=s, reduction="none"), st.laplace.logpdf, M, Z),
    (
        "student",
        lambda m, s, y: student_t_nll(m, y, scale=0.7, df=s, reduction="none"),
        lambda y, m, s: st.t.logpdf(y, s, m, 0.7),
        M,
        Z,
    ),
    (
        "gamma",
        lambda m, s, y: gamma_nll(m, y, concentration=s, reduction="none"),
        lambda y, m, s: st.gamma.logpdf(y, s, scale=m / s),
        S[::-1].copy(),
        POSITIVE,
    ),
    (
        "von Mises",
        lambda m, s, y: von_mises_nll(m, y, concentration=s, reduction="none"),
        lambda y, m, s: st.vonmises.logpdf(y, s, loc=m),
        M,
        Z,
    ),
    (
        "beta",
        lambda m, s, y: beta_distribution_nll(m, s, y, reduction="none"),
        lambda y, m, s: st.beta.logpdf(y, m, s),
        POSITIVE,
        SHARES,
    ),
    (
        "negative binomial",
        lambda m, s, y: negative_binomial_nll(m, y, concentration=s, reduction="none"),
        lambda y, m, s: st.nbinom.logpmf(y, s, s / (s + m)),
        POSITIVE,
        COUNTS,
    ),
    (
        "Poisson",
        lambda m, s, y: poisson_nll(m, y, log_input=False, reduction="none"),
        lambda y, m, s: st.poisson.logpmf(y, m),
        POSITIVE,
        COUNTS,
    ),
]


@pytest.mark.parametrize(("ours", "scipys", "m", "y"), [row[1:] for row in SCIPY], ids=[row[0] for row in SCIPY])
def test_scipy(ours, scipys, m, y):
    with jax.enable_x64(True):
        got = ours(jnp.asarray(m), jnp.asarray(S), jnp.asarray(y))
    np.testing.assert_allclose(got, -scipys(y, m, S), rtol=1e-11, atol=1e-12)


def test_dirichlet_is_scipys():
    alpha, y = np.exp(RNG.normal(size=(10, 3))), RNG.dirichlet(np.ones(3), 10)
    due = [-st.dirichlet.logpdf(row, a) for row, a in zip(y, alpha, strict=True)]
    with jax.enable_x64(True):
        got = dirichlet_nll(jnp.asarray(alpha), jnp.asarray(y), reduction="none")
    np.testing.assert_allclose(got, due, rtol=1e-9)


def test_two_shares_are_a_dirichlet():
    alpha, beta, y = jnp.asarray(POSITIVE), jnp.asarray(S), jnp.asarray(SHARES)
    pair = lambda a, b: jnp.stack([a, b], -1)
    due = dirichlet_nll(pair(alpha, beta), pair(y, 1 - y), reduction="none")
    np.testing.assert_allclose(beta_distribution_nll(alpha, beta, y, reduction="none"), due, rtol=1e-4, atol=1e-5)


DENSITIES = {
    "gaussian": (lambda y: gaussian_nll(jnp.full_like(y, 0.3), y, variance=2.0, reduction="none"), -np.inf, np.inf),
    "laplace": (lambda y: laplace_nll(jnp.full_like(y, 0.3), y, scale=2.0, reduction="none"), -np.inf, np.inf),
    "student": (lambda y: student_t_nll(jnp.full_like(y, 0.3), y, df=2.5, reduction="none"), -np.inf, np.inf),
    "gamma": (lambda y: gamma_nll(jnp.full_like(y, 2.0), y, concentration=1.7, reduction="none"), 0, np.inf),
    "von Mises": (lambda y: von_mises_nll(jnp.full_like(y, 0.3), y, concentration=3.0, reduction="none"), 0, 2 * np.pi),
    "beta": (lambda y: beta_distribution_nll(2.5 + 0 * y, 1.5 + 0 * y, y, reduction="none"), 0, 1),
    "mixture": (
        lambda y: mixture_density_nll(
            jnp.array([[0.0, 1.0]]), jnp.array([[-1.0, 2.0]]), jnp.array([[0.0, 1.0]]), y, reduction="none"
        ),
        -np.inf,
        np.inf,
    ),
}


@pytest.mark.parametrize("name", DENSITIES)
def test_densities_integrate_to_one(name):
    nll, low, high = DENSITIES[name]
    with jax.enable_x64(True):
        compiled = jax.jit(nll)
        integral, _ = scipy.integrate.quad(lambda y: np.exp(-compiled(jnp.array([float(y)]))[0]), low, high)
    np.testing.assert_allclose(integral, 1, rtol=1e-7)


@pytest.mark.parametrize("gate", [-3.0, 2.0])
def test_probabilities_sum_to_one(gate):
    with jax.enable_x64(True):
        counts = jnp.arange(2000)
        mean = jnp.full(2000, 7.0)
        several = [
            poisson_nll(jnp.log(mean), counts, reduction="none"),
            negative_binomial_nll(mean, counts, concentration=0.6, reduction="none"),
            zero_inflated_poisson_nll(jnp.log(mean), counts, gate_logits=gate, reduction="none"),
            zero_inflated_negative_binomial_nll(mean, counts, concentration=0.6, gate_logits=gate, reduction="none"),
        ]
        np.testing.assert_allclose([jnp.sum(jnp.exp(-nll)) for nll in several], 1, rtol=1e-12)


def test_torch():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    functional = torch.nn.functional
    tensors = lambda *arrays: [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]
    m, y, v = tensors(M, Z, S)
    due = functional.gaussian_nll_loss(m, y, v, full=True)
    due.backward()
    with jax.enable_x64(True):
        got, slopes = jax.value_and_grad(lambda m, y, v: gaussian_nll(m, y, variance=v), (0, 1, 2))(M, Z, S)
    np.testing.assert_allclose(got, due.item(), rtol=1e-12)
    for slope, tensor in zip(slopes, (m, y, v), strict=True):
        np.testing.assert_allclose(slope, tensor.grad.numpy(), rtol=1e-11)
    (eta,) = tensors(M)
    due = functional.poisson_nll_loss(eta, torch.tensor(COUNTS, dtype=torch.float64))
    due.backward()
    with jax.enable_x64(True):
        got, slope = jax.value_and_grad(lambda eta: poisson_nll(eta, jnp.asarray(COUNTS), full=False))(jnp.asarray(M))
    np.testing.assert_allclose(got, due.item(), rtol=1e-12)
    np.testing.assert_allclose(slope, eta.grad.numpy(), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("power", [0, 1, 1.5, 2, 3])
def test_tweedie_is_sklearns_deviance(power):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    with jax.enable_x64(True):
        got = tweedie(jnp.asarray(S), jnp.asarray(POSITIVE), power=power)
    np.testing.assert_allclose(got, metrics.mean_tweedie_deviance(POSITIVE, S, power=power), rtol=1e-11)


def test_tweedie_is_smooth_in_its_power():
    with jax.enable_x64(True):
        mu, y = jnp.asarray(S), jnp.asarray(POSITIVE)
        for power in (1.0, 2.0):
            at, near = (tweedie(mu, y, power=p, reduction="none") for p in (power, power + 1e-9))
            np.testing.assert_allclose(near, at, rtol=1e-7)
    with pytest.raises(ValueError, match=r"tweedie: power must be a number, 0 or at least 1, got 0\.5"):
        tweedie(jnp.ones(2), jnp.ones(2), power=0.5)


def test_large_parameters_lead_to_the_simpler_distribution():
    mean, counts = jnp.array([0.5, 3.0, 80.0]), jnp.array([0, 5, 70])
    due = poisson_nll(mean, counts, log_input=False, reduction="none")
    np.testing.assert_allclose(
        negative_binomial_nll(mean, counts, concentration=1e30, reduction="none"), due, rtol=1e-6
    )
    due = gaussian_nll(mean, jnp.zeros(3), stddev=2.0, reduction="none")
    np.testing.assert_allclose(student_t_nll(mean, jnp.zeros(3), scale=2.0, df=1e30, reduction="none"), due, rtol=1e-6)
    small = jnp.array([1e-9, 3e-9])
    due = gaussian_nll(small, jnp.zeros(2), variance=1e-18, reduction="none")
    got = von_mises_nll(small, jnp.zeros(2), concentration=1e18, reduction="none")
    np.testing.assert_allclose(got, due, rtol=1e-6)


def test_dispersion_of_1e10_has_a_gradient():
    """To first order in 1/r the likelihood is the Poisson one less ((y - mu)^2 - y) / (2r)."""
    slope = jax.grad(lambda r: negative_binomial_nll(jnp.array([5.0]), jnp.array([3]), concentration=r))
    np.testing.assert_allclose(slope(jnp.float32(1e10)), ((3 - 5) ** 2 - 3) / 2 * 1e-20, rtol=1e-5)


def test_beta_nll_weighs_by_the_variance_held_fixed():
    m, y, s = jnp.asarray(M, jnp.float32), jnp.asarray(Z, jnp.float32), jnp.asarray(np.log(S), jnp.float32)
    plain = jax.grad(lambda m, s: gaussian_nll(m, y, log_variance=s, reduction="sum"), (0, 1))(m, s)
    weighed = jax.grad(lambda m, s: gaussian_nll(m, y, log_variance=s, beta=0.5, reduction="sum"), (0, 1))(m, s)
    for got, due in zip(weighed, plain, strict=True):
        np.testing.assert_allclose(got, due * jnp.exp(0.5 * s), rtol=1e-5, atol=1e-6)
    mean = jax.grad(lambda m: gaussian_nll(m, y, log_variance=s, beta=1.0, reduction="sum"))(m)
    np.testing.assert_allclose(mean, m - y, rtol=1e-5, atol=1e-6)  # that of half the squared error


def test_three_spreads_are_one():
    m, y, v = jnp.asarray(M), jnp.asarray(Z), jnp.asarray(S)
    due = gaussian_nll(m, y, variance=v)
    np.testing.assert_allclose(gaussian_nll(m, y, log_variance=jnp.log(v)), due, rtol=1e-6)
    np.testing.assert_allclose(gaussian_nll(m, y, stddev=jnp.sqrt(v)), due, rtol=1e-6)
    with pytest.raises(ValueError, match="exactly one of variance, log_variance, stddev must be given, got none"):
        gaussian_nll(m, y)
    with pytest.raises(ValueError, match="must be given, got variance and stddev"):
        gaussian_nll(m, y, variance=v, stddev=v)
    with pytest.raises(ValueError, match="gaussian_nll: variance must be positive, got 0"):
        gaussian_nll(m, y, variance=0.0)


def test_a_masked_parameter_is_not_seen():
    m, y = jnp.array([1.0, 2.0]), jnp.array([0.5, 0.5])
    v = jnp.array([2.0, jnp.nan])
    where = jnp.array([True, False])
    value, slope = jax.value_and_grad(lambda v: gaussian_nll(m, y, variance=v, where=where))(v)
    np.testing.assert_allclose(value, gaussian_nll(m[:1], y[:1], variance=2.0), rtol=1e-6)
    assert slope[1] == 0


def test_a_gate_that_is_surely_open_or_closed():
    log_rate, counts = jnp.array([2.0, 2.0]), jnp.array([0, 4])
    opened = zero_inflated_poisson_nll(log_rate, counts, gate_logits=-100.0, reduction="none")
    np.testing.assert_allclose(opened, poisson_nll(log_rate, counts, reduction="none"), rtol=1e-6)
    shut = zero_inflated_poisson_nll(log_rate, counts, gate_logits=100.0, reduction="none")
    np.testing.assert_allclose(shut[0], 0, atol=1e-30)
    np.testing.assert_allclose(shut[1], 100 + poisson_nll(log_rate[1:], counts[1:]), rtol=1e-6)
