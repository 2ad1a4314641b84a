"""Cases of `jaxloss.divergence.closed_forms`."""

import numpy as np
from mpmath import exp, log, mpf

from jaxloss.divergence.closed_forms import bernoulli_kl, categorical_kl, gaussian_kl
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.cases.divergence import of_many_digits
from jaxloss.verify.inputs import magnitudes


def _gaussians() -> Inputs:
    """Means of any size, log-variances as far as the quotient of variances is representable."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        shape = (n, c)
        mean, logvar = rng.normal(size=(2, *shape)), rng.normal(size=(2, *shape))
        if regime == Regime.TINY:
            mean, logvar = magnitudes(rng, (2, *shape), 1e-17, 1e-2), magnitudes(rng, (2, *shape), 1e-17, 1e-2)
        elif regime == Regime.HUGE:
            mean = magnitudes(rng, (2, *shape), 1e2, 1e17)
        elif regime == Regime.SATURATED:
            logvar = rng.choice([-100.0, 100.0], (1, *shape)) + 10 * rng.normal(size=(2, *shape))
            mean = mean * np.exp(logvar / 2)
        elif regime == Regime.EQUAL:
            mean, logvar = mean[:1] * (1 + 1e-3 * rng.normal(size=(2, *shape))), logvar[:1] + 1e-3 * logvar
        elif regime != Regime.ORDINARY:
            return None
        return mean[0], logvar[0], mean[1], logvar[1]

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        zeros = np.zeros((len(x), 1))
        return x[:, None], zeros, zeros, zeros

    names = ("mean_p", "logvar_p", "mean_q", "logvar_q")
    return Inputs(names, draw, axis=-1, classes=3, curve=curve, xlabel="mean of p, q is the unit Gaussian", compare=4)


def _logits(*, rows: bool) -> Inputs:
    """Two sets of logits: unrelated, nearly equal, saturated, of any size."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        shape = (2, n, c) if rows else (2, n)
        if regime == Regime.TINY:
            logits = magnitudes(rng, shape, 1e-15, 1e-2)
        elif regime == Regime.HUGE:
            logits = magnitudes(rng, shape, 1.0, 1e4)
        elif regime == Regime.SATURATED:
            logits = rng.choice([-1.0, 1.0], shape) * rng.uniform(15, 80, shape)
        elif regime == Regime.EQUAL:
            logits = 2 * rng.normal(size=shape[1:]) * (1 + rng.choice([1e-3, 1e-2], shape) * rng.normal(size=shape))
        elif regime == Regime.ORDINARY:
            logits = 2 * rng.normal(size=shape)
        else:
            return None
        return logits[0], logits[1]

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        if not rows:
            return x, np.ones_like(x)
        logits = np.stack([x, np.zeros_like(x), np.zeros_like(x)], axis=-1)
        return logits, np.broadcast_to([1.0, 0.0, 0.0], logits.shape).copy()

    return Inputs(
        ("logits_p", "logits_q"),
        draw,
        axis=-1 if rows else None,
        classes=4,
        labels="dense" if rows else None,
        curve=curve,
        span=(-6.0, 6.0),
        xlabel="logit of p, that of q is 1",
        compare=2,
    )


def _gaussian(mean_p, logvar_p, mean_q, logvar_q):
    return sum(
        (exp(s - r) - 1 - (s - r) + (m - n) ** 2 * exp(-r)) / 2
        for m, s, n, r in zip(mean_p, logvar_p, mean_q, logvar_q, strict=True)
    )


@of_many_digits
def _categorical(a, b, temperature=mpf(1)):
    a, b = ([x / temperature for x in logits] for logits in (a, b))
    mass = sum(map(exp, a))
    log_ratio = log(sum(map(exp, b)) / mass)
    return sum(exp(x) / mass * (x - y + log_ratio) for x, y in zip(a, b, strict=True))


KL = {Property.NON_NEGATIVE, Property.ZERO_AT_TARGET}

CASES = (
    Case(
        loss=gaussian_kl,
        inputs=_gaussians(),
        reference=_gaussian,
        formula="½ Σ (exp(d) − 1 − d + (μ_p − μ_q)² exp(−s_q)), d = s_p − s_q",
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        ulps=4,
        conditioned=True,
    ),
    Case(
        loss=bernoulli_kl,
        inputs=_logits(rows=False),
        reference=lambda a, b: _categorical([mpf(0), a], [mpf(0), b]),
        formula="p log(p/q) + (1 − p) log((1 − p)/(1 − q)), of logits",
        properties=KL,
        ulps=8,
        conditioned=True,
    ),
    *(
        Case(
            loss=categorical_kl,
            inputs=_logits(rows=True),
            reference=_categorical,
            formula=formula,
            params=params,
            learnable=tuple(params),
            properties={*KL, Property.CLASS_PERMUTABLE, Property.SHIFT_INVARIANT},
            ulps=8,
            conditioned=True,
        )
        for formula, params in (
            ("Σ p log(p/q), of logits", {}),
            ("Σ p log(p/q), of logits / τ", {"temperature": 2.0}),
        )
    ),
)
