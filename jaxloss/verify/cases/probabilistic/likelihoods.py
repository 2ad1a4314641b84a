"""Cases of the likelihoods of `jaxloss.probabilistic`."""

import numpy as np
from mpmath import besseli, exp, inf, log, loggamma, mpf, pi, sin, sqrt

from jaxloss.probabilistic.circular import von_mises_nll
from jaxloss.probabilistic.gaussian import gaussian_nll
from jaxloss.probabilistic.location_scale import laplace_nll, student_t_nll
from jaxloss.probabilistic.mixture import mixture_density_nll
from jaxloss.probabilistic.positive import gamma_nll, tweedie
from jaxloss.probabilistic.shares import beta_distribution_nll, dirichlet_nll
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.cases.probabilistic import logarithms, numbers, positive, predictions, times
from jaxloss.verify.inputs import magnitudes


def _around_zero(*parameters: float):
    return lambda x: (x, np.zeros_like(x), *(np.full_like(x, value) for value in parameters))


def _around_one(*parameters: float):
    return lambda x: (x, np.ones_like(x), *(np.full_like(x, value) for value in parameters))


def _gaussian(kind):
    def nll(mean, targets, spread, beta=0, full=True):
        variance = {"variance": spread, "log_variance": exp(spread), "stddev": spread**2}[kind]
        values = ((mean - targets) ** 2 / variance + log(variance) + (log(2 * pi) if full else 0)) / 2
        return values if beta == 0 else values * variance ** mpf(beta)

    return nll


def _laplace(location, targets, scale):
    return abs(location - targets) / scale + log(2 * scale)


def _student_t(location, targets, scale, df):
    z = (location - targets) / scale
    gammas = loggamma(df / 2) - loggamma((df + 1) / 2)
    return (df + 1) / 2 * log(1 + z * z / df) + log(scale * sqrt(df * pi)) + gammas


def _gamma(mean, targets, alpha):
    return loggamma(alpha) - alpha * log(alpha / mean) - (alpha - 1) * log(targets) + alpha * targets / mean


def _tweedie(mu, y, power):
    if power == 1:
        return 2 * ((y * log(y / mu) if y > 0 else 0) - y + mu)
    if power == 2:
        return 2 * (log(mu / y) + y / mu - 1)
    a, b = 1 - mpf(power), 2 - mpf(power)
    return 2 * ((y**b / (a * b) if y > 0 else 0) - y * mu**a / a + mu**b / b)


def _von_mises(mean, targets, kappa):
    # Its asymptotic series, of which 12 terms are right to 25 digits beyond 1e4.
    if kappa < 1e4:
        normalizer = log(2 * pi * besseli(0, kappa)) - kappa
    else:
        term, total = mpf(1), mpf(1)
        for k in range(1, 30):
            term *= (2 * k - 1) ** 2 / (8 * k * kappa)
            total += term
        normalizer = log(2 * pi * total) - log(2 * pi * kappa) / 2
    return 2 * kappa * sin((mean - targets) / 2) ** 2 + normalizer


def _beta(alpha, beta, y):
    return loggamma(alpha) + loggamma(beta) - loggamma(alpha + beta) - (alpha - 1) * log(y) - (beta - 1) * log(1 - y)


def _dirichlet(alpha, y):
    terms = sum(loggamma(a) - (a - 1) * log(x) for a, x in zip(alpha, y, strict=True))
    return terms - loggamma(sum(alpha))


def _mixture(logits, means, log_variances, target):
    weights = [exp(g) for g in logits]
    density = sum(
        w * exp(-((m - target) ** 2) * exp(-s) / 2) / sqrt(2 * pi * exp(s))
        for w, m, s in zip(weights, means, log_variances, strict=True)
    )
    return -log(density / sum(weights)) if density else inf


def _shares() -> Inputs:
    def draw(rng: np.random.Generator, n: int, regime: Regime, _: int) -> tuple[np.ndarray, ...] | None:
        if regime == Regime.TINY:  # a share of nearly nothing
            return *np.exp(rng.uniform(-20, 0, (2, n))), np.exp(rng.uniform(-60, -1, n))
        if regime == Regime.HUGE:  # known precisely
            alpha, beta = np.exp(rng.uniform(3, 20, (2, n)))
            mean = alpha / (alpha + beta)
            return alpha, beta, mean + rng.normal(size=n) * np.minimum(mean, 1 - mean) * 1e-3
        if regime == Regime.ORDINARY:
            return *np.exp(0.7 * rng.normal(size=(2, n))), rng.uniform(0.02, 0.98, n)
        return None

    return Inputs(
        ("alpha", "beta", "targets"),
        draw,
        curve=lambda x: (x, np.full_like(x, 2.0), np.full_like(x, 0.5)),
        span=(0.1, 8.0),
        xlabel="alpha, beta 2, target 0.5",
        compare=3,
    )


def _compositions() -> Inputs:
    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        rows = 0.9 * rng.dirichlet(np.ones(c), n) + 0.1 / c
        if regime == Regime.TINY:
            return np.exp(rng.uniform(-20, 0, (n, c))), np.exp(rng.uniform(-40, -1, (n, c)))
        if regime == Regime.HUGE:
            return np.exp(rng.uniform(8, 12, (n, 1))) * rows * (1 + 1e-3 * rng.normal(size=(n, c))), rows
        return (np.exp(0.7 * rng.normal(size=(n, c))), rows) if regime == Regime.ORDINARY else None

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        two = np.full_like(x, 2.0)
        return np.stack([x, two, two], -1), np.broadcast_to([0.4, 0.3, 0.3], (len(x), 3)).copy()

    return Inputs(
        ("concentrations", "targets"),
        draw,
        axis=-1,
        classes=3,
        labels="dense",
        curve=curve,
        span=(0.1, 8.0),
        xlabel="concentration of a share of 0.4, others 2",
        compare=2,
    )


def _mixtures() -> Inputs:
    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        shape = (n, c)
        if regime == Regime.ORDINARY:
            return (*rng.normal(size=(3, *shape)), rng.normal(size=n))
        if regime == Regime.SATURATED:  # one has nearly all of the weight
            return 20 * rng.normal(size=shape), rng.normal(size=shape), rng.normal(size=shape), rng.normal(size=n)
        if regime == Regime.HUGE:  # far from every Gaussian
            return 2 * rng.normal(size=shape), magnitudes(rng, shape, 1.0, 1e4), rng.normal(size=shape), np.zeros(n)
        return None

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        pair = lambda a, b: np.stack([np.full_like(x, a), np.full_like(x, b)], -1)
        return pair(0, 0), np.stack([x, np.full_like(x, 2.0)], -1), pair(-1, -1), np.zeros_like(x)

    names = ("logits", "means", "log_variances", "targets")
    xlabel = "mean of one Gaussian, target 0, the other at 2"
    return Inputs(names, draw, axis=-1, classes=3, curve=curve, xlabel=xlabel, compare=3)


SPREADS = {"variance": positive(), "log_variance": logarithms(40.0), "stddev": positive()}

CASES = (
    *(
        Case(
            loss=gaussian_nll,
            inputs=predictions(
                mean=numbers(),
                targets=numbers(),
                **{kind: draw},
                named=1,
                near=times,
                curve=_around_zero(0.5 if kind != "log_variance" else -1.0),
            ),
            reference=_gaussian(kind),
            formula="½ (r²/σ² + log σ² + log 2π)",
            params=params,
            properties={Property.CONVEX},
            ulps=8,
            conditioned=True,
            peers={"torch": "nn.functional.gaussian_nll_loss"} if kind == "variance" else {},
        )
        for kind, draw in SPREADS.items()
        for params in ({"full": kind != "variance"},)
    ),
    Case(
        loss=laplace_nll,
        inputs=predictions(
            location=numbers(),
            targets=numbers(),
            scale=positive(),
            named=1,
            near=times,
            curve=_around_zero(1.0),
            xlabel="predicted median",
        ),
        reference=_laplace,
        formula="|r|/b + log 2b",
        differentiable=0,
        properties={Property.CONVEX},
        ulps=4,
        conditioned=True,
    ),
    Case(
        loss=student_t_nll,
        inputs=predictions(
            location=numbers(),
            targets=numbers(),
            scale=positive(),
            df=positive(),
            named=2,
            near=times,
            curve=_around_zero(1.0, 3.0),
            xlabel="predicted location",
        ),
        reference=_student_t,
        formula="(ν + 1)/2 log(1 + z²/ν) + log σ + log(Γ(ν/2) √(νπ) / Γ((ν + 1)/2))",
        ulps=16,
        conditioned=True,
    ),
    Case(
        loss=gamma_nll,
        inputs=predictions(
            mean=positive(),
            targets=positive(),
            concentration=positive(),
            named=1,
            near=times,
            curve=_around_one(2.0),
            span=(0.2, 4.0),
        ),
        reference=_gamma,
        formula="log Γ(α) − α log(α/μ) − (α − 1) log y + αy/μ",
        ulps=8,
        conditioned=True,
    ),
    *(
        Case(
            loss=tweedie,
            inputs=predictions(
                predictions=positive(1e-5, 1e5),
                targets=positive(1e-5, 1e5),
                near=times,
                curve=_around_one(),
                span=(0.2, 4.0),
            ),
            reference=_tweedie,
            formula="2 (y^(2−p)/((1−p)(2−p)) − yμ^(1−p)/(1−p) + μ^(2−p)/(2−p))",
            params={"power": power},
            # Between 1 and 2 it is convex in the mean up to p / (p - 1) times the target only.
            properties={Property.NON_NEGATIVE, Property.ZERO_AT_TARGET} | ({Property.CONVEX} if power == 1 else set()),
            ulps=16,
            conditioned=True,
        )
        for power in (1.5, 1.0, 2.0, 3.0)
    ),
    Case(
        loss=von_mises_nll,
        inputs=predictions(
            mean=numbers(1e-6, 1e3),
            targets=numbers(1e-6, 1e3),
            concentration=positive(),
            named=1,
            near=times,
            curve=_around_zero(2.0),
            xlabel="predicted angle",
        ),
        reference=_von_mises,
        formula="−κ cos(μ − y) + log 2π I₀(κ)",
        ulps=32,
        conditioned=True,
    ),
    Case(
        loss=beta_distribution_nll,
        inputs=_shares(),
        reference=_beta,
        formula="log B(α, β) − (α − 1) log y − (β − 1) log(1 − y)",
        properties={Property.CONVEX},
        ulps=512,  # 171 seen where alpha is a millionth of beta: a difference of digammas next to each other
        conditioned=True,
    ),
    Case(
        loss=dirichlet_nll,
        inputs=_compositions(),
        reference=_dirichlet,
        formula="Σ log Γ(α) − log Γ(Σ α) − Σ (α − 1) log y",
        properties={Property.CONVEX, Property.CLASS_PERMUTABLE},
        ulps=16,
        conditioned=True,
    ),
    Case(
        loss=mixture_density_nll,
        inputs=_mixtures(),
        reference=_mixture,
        formula="−log Σ softmax(g) N(y; μ, exp(s))",
        ulps=16,
        conditioned=True,
    ),
)
