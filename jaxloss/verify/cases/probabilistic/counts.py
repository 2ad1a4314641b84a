"""Cases of the likelihoods of counts."""

import numpy as np
from mpmath import exp, log, loggamma, mpf

from jaxloss.probabilistic.counts import negative_binomial_nll, poisson_nll
from jaxloss.probabilistic.zero_inflated import zero_inflated_negative_binomial_nll, zero_inflated_poisson_nll
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.probabilistic import (
    counts,
    log_factorial,
    logarithms,
    positive,
    predictions,
    times,
)


def _poisson(predictions, y, log_input=True, full=True):
    log_rate = predictions if log_input else log(predictions)
    return exp(log_rate) - y * log_rate + (log_factorial(y) if full else 0)


def _negative_binomial(mu, y, r):
    return loggamma(r) + log_factorial(y) - loggamma(y + r) + (r + y) * log(r + mu) - r * log(r) - y * log(mu)


def _gated(value, y, gate):
    open_gate = 1 / (1 + exp(gate))
    return -log((1 - open_gate) + open_gate * exp(-value)) if _is_zero(y) else value - log(open_gate)


def _is_zero(y):
    """The reference is differentiated by steps of 1e-80 from 0, which are not another event."""
    return abs(y) < mpf(10) ** -60


def _zip(predictions, y, gate, log_input=True):
    return _gated(_poisson(predictions, y, log_input), y, gate)


def _zinb(mu, y, r, gate):
    return _gated(_negative_binomial(mu, y, r), y, gate)


def _curve(*parameters: float, log_input: bool = False):
    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        return (x, np.full_like(x, 3.0), *(np.full_like(x, value) for value in parameters))

    return {"curve": curve, "span": (-2.0, 3.0) if log_input else (0.3, 8.0)}


def _log_near(y: np.ndarray, factor: np.ndarray) -> np.ndarray:
    return np.log(times(y, factor))


LOG = {"xlabel": "log of the predicted rate, target 3"}
RATE = {"xlabel": "predicted mean, target 3"}

CASES = (
    *(
        Case(
            loss=poisson_nll,
            inputs=predictions(
                predictions=logarithms(40.0) if log_input else positive(),
                targets=counts(),
                near=_log_near if log_input else times,
                **_curve(log_input=log_input),
                **(LOG if log_input else RATE),
            ),
            reference=_poisson,
            formula="exp(η) − yη + log y!" if log_input else "λ − y log λ + log y!",
            params={} if (log_input, full) == (True, True) else {"log_input": log_input, "full": full},
            properties={Property.CONVEX},
            ulps=8,
            conditioned=True,
            peers={} if full else {"torch": "nn.functional.poisson_nll_loss"},
        )
        for log_input, full in ((True, True), (False, True), (True, False), (False, False))
    ),
    Case(
        loss=negative_binomial_nll,
        inputs=predictions(
            mean=positive(),
            targets=counts(),
            concentration=positive(),
            named=1,
            near=times,
            **_curve(2.0),
            **RATE,
        ),
        reference=_negative_binomial,
        formula="log(Γ(r) y!/Γ(y + r)) + (r + y) log(r + μ) − r log r − y log μ",
        ulps=16,
        conditioned=True,
    ),
    Case(
        loss=zero_inflated_poisson_nll,
        inputs=predictions(
            predictions=logarithms(40.0),
            targets=counts(),
            gate_logits=logarithms(40.0),
            named=1,
            near=_log_near,
            **_curve(0.0, log_input=True),
            **LOG,
        ),
        reference=_zip,
        formula="−log(π [y = 0] + (1 − π) Poisson(y))",
        ulps=16,
        conditioned=True,
    ),
    Case(
        loss=zero_inflated_negative_binomial_nll,
        inputs=predictions(
            mean=positive(),
            targets=counts(),
            concentration=positive(),
            gate_logits=logarithms(40.0),
            named=2,
            near=times,
            **_curve(2.0, 0.0),
            **RATE,
        ),
        reference=_zinb,
        formula="−log(π [y = 0] + (1 − π) NB(y))",
        ulps=16,
        conditioned=True,
    ),
)
