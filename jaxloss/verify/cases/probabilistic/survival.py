"""Cases of `jaxloss.probabilistic.survival`."""

import numpy as np
from mpmath import exp, log, mpf

from jaxloss.probabilistic.competing_risks import deep_hit
from jaxloss.probabilistic.survival import cox_partial_likelihood, discrete_time_survival
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.inputs import magnitudes


def _cohorts() -> Inputs:
    """Cohorts with ties among events, and between events and censored times."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, _: int, m: int) -> tuple[np.ndarray, ...] | None:
        if regime == Regime.TINY:
            hazards = magnitudes(rng, (n, m), 1e-30, 1e-2)
        elif regime == Regime.ORDINARY:
            hazards = np.clip(rng.normal(size=(n, m)), -2, 2)
        elif regime == Regime.SATURATED:  # one has nearly all of the hazard
            hazards = rng.uniform(-30, 30, (n, m))
        else:
            return None
        return hazards, rng.integers(1, 4, (n, m)).astype(float), (rng.random((n, m)) < 0.7).astype(float)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        zeros = np.zeros_like(x)
        whole = lambda *row: np.broadcast_to(np.array(row, float), (len(x), len(row))).copy()
        return np.stack([x, zeros, zeros], -1), whole(1, 1, 2), whole(1, 1, 1)

    return Inputs(
        ("log_hazards", "times", "events"),
        draw,
        classes=1,
        members=5,
        curve=curve,
        xlabel="log-hazard of one of two who die first, of three",
        compare=3,
        held=(1, 2),
    )


def _intervals() -> Inputs:
    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        if regime == Regime.TINY:
            logits = magnitudes(rng, (n, c), 1e-30, 1e-2)
        elif regime == Regime.SATURATED:
            logits = rng.choice([-1.0, 1.0], (n, c)) * rng.uniform(10, 80, (n, c))
        elif regime == Regime.HUGE:
            logits = magnitudes(rng, (n, c), 1e2, 1e30)
        elif regime == Regime.ORDINARY:
            logits = 2 * rng.normal(size=(n, c))
        else:
            return None
        return logits, rng.integers(0, c, n).astype(np.int32), (rng.random(n) < 0.6).astype(float)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        logits = np.stack([np.full_like(x, -1.0), x], -1)
        return logits, np.ones(len(x), np.int32), np.ones_like(x)

    return Inputs(
        ("logits", "intervals", "events"),
        draw,
        axis=-1,
        classes=4,
        curve=curve,
        span=(-6.0, 6.0),
        xlabel="logit of the hazard where the event is",
        held=(2,),
    )


def _causes() -> Inputs:
    """Cohorts of subjects with two causes of an event in three intervals, some censored."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int, m: int) -> tuple[np.ndarray, ...] | None:
        shape = (n, m, 2, c)
        if regime == Regime.TINY:
            logits = magnitudes(rng, shape, 1e-30, 1e-2)
        elif regime == Regime.SATURATED:  # the likelihood; no two subjects with all of one outcome
            logits = rng.uniform(-20, 4, shape)
        elif regime == Regime.ORDINARY:
            logits = rng.normal(size=shape)
        else:
            return None
        return logits, rng.integers(0, c, (n, m)).astype(np.int32), rng.integers(0, 3, (n, m)).astype(np.int32)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        logits = np.zeros((len(x), 2, 1, 2))
        logits[:, 0, 0, 0] = x
        whole = lambda *row: np.broadcast_to(np.array(row, np.int32), (len(x), len(row))).copy()
        return logits, whole(0, 1), whole(1, 0)

    return Inputs(
        ("logits", "times", "events"),
        draw,
        axis=-1,
        classes=3,
        members=4,
        curve=curve,
        xlabel="logit of what happened to the first of two",
    )


def _cox(hazards, times, events, ties="efron"):
    total, many = mpf(0), sum(1 for e in events if e > 0)
    for time in {float(t) for t, e in zip(times, events, strict=True) if e > 0}:
        same = [h for h, t, e in zip(hazards, times, events, strict=True) if abs(t - time) < 0.5 and e > 0]
        at_risk = sum(exp(h) for h, t in zip(hazards, times, strict=True) if t > time - 0.5)
        tied = sum(map(exp, same)) if ties == "efron" else 0
        total += sum(log(at_risk - mpf(i) / len(same) * tied) for i in range(len(same))) - sum(same)
    return total / max(many, 1)


def _discrete(logits, interval, event):
    sign = -1 if event > 0 else 1
    survived = sum(log(1 + exp(g)) for g in logits[:interval])
    return survived + log(1 + exp(sign * logits[interval]))


def _deep_hit(logits, times, events, alpha=1, sigma=mpf("0.1")):
    p = [[[exp(g) for g in row] for row in rows] for rows in logits]
    p = [[[e / (1 + sum(map(sum, rows))) for e in row] for row in rows] for rows in p]
    chance = lambda i, k, t: sum(p[i][k][: t + 1])
    n, nll, pairs = len(p), mpf(0), []
    for i, (t, k) in enumerate(zip(times, events, strict=True)):
        nll -= log(p[i][k - 1][t] if k else 1 - sum(chance(i, cause, t) for cause in range(len(p[i]))))
        if k:
            later = [j for j in range(n) if times[j] > t]
            pairs += [exp((chance(j, k - 1, t) - chance(i, k - 1, t)) / mpf(sigma)) for j in later]
    return nll / n + mpf(alpha) * sum(pairs) / max(len(pairs), 1)


CASES = (
    *(
        Case(
            loss=cox_partial_likelihood,
            inputs=_cohorts(),
            reference=_cox,
            formula="mean over events of log Σ(t′ ≥ t) exp(h′) − h",
            params={} if ties == "efron" else {"ties": ties},
            properties={Property.NON_NEGATIVE, Property.SHIFT_INVARIANT}
            | ({Property.CONVEX} if ties == "breslow" else set()),
            ulps=32,
            conditioned=True,
        )
        for ties in ("efron", "breslow")
    ),
    Case(
        loss=discrete_time_survival,
        inputs=_intervals(),
        reference=_discrete,
        formula="Σ(k < κ) log(1 + exp(g)) + log(1 + exp(∓g_κ))",
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        ulps=8,
    ),
    *(
        Case(
            loss=deep_hit,
            inputs=_causes(),
            reference=_deep_hit,
            formula="mean −log P(time, cause) + α mean over pairs of exp((F′ − F)/σ)",
            params=params,
            learnable=("alpha", "sigma") if "sigma" in params else (),
            properties={Property.NON_NEGATIVE},
            ulps=32 if "sigma" in params else 64,
            conditioned=True,
        )
        for params in ({}, {"alpha": 0.5, "sigma": 0.5})
    ),
)
