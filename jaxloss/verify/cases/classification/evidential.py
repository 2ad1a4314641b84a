"""Cases of `jaxloss.classification.evidential`."""

import numpy as np
from mpmath import log, loggamma, mpf, psi

from jaxloss.classification.evidential import evidential
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.inputs import magnitudes


def _evidence(labels: str) -> Inputs:
    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        if regime == Regime.ORDINARY:
            rows = rng.gamma(1.0, 3.0, (n, c))
        elif regime == Regime.TINY:
            rows = np.abs(magnitudes(rng, (n, c), 1e-30, 1e-2))
        elif regime == Regime.HUGE:
            rows = np.abs(magnitudes(rng, (n, c), 1e-2, 1e8))
        elif regime == Regime.KINKS:  # where a class has evidence of 1, and all wrong ones as much as there are classes
            rows = (1 + magnitudes(rng, (n, c), 1e-7, 1e-1)) * rng.choice([1.0, c / (c - 1)], (n, 1))
        elif regime == Regime.EQUAL:
            rows = np.broadcast_to(rng.choice([0.0, 1e-3, 1.0, 10.0, 1e4], (n, 1)), (n, c)).copy()
        else:
            return None
        if labels == "integer":
            return rows, rng.integers(0, c, n).astype(np.int32)
        kind = np.arange(n)[:, None] % 2
        return rows, np.where(kind, np.eye(c)[rng.integers(0, c, n)], rng.dirichlet(np.ones(c), n))

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        rows = np.stack([x, np.ones_like(x), np.ones_like(x)], axis=-1)
        first = np.zeros(len(x), np.int32)
        return rows, first if labels == "integer" else np.eye(3)[first]

    return Inputs(
        ("evidence", "labels"),
        draw,
        axis=-1,
        labels=labels,
        curve=curve,
        span=(0.0, 20.0),
        xlabel="evidence for the true class, 1 for others",
        compare=2 if labels == "dense" else 1,
    )


def _squared_error(alpha, y):
    total = sum(alpha)
    p = [a / total for a in alpha]
    return sum((y_c - p_c) ** 2 + p_c * (1 - p_c) / (total + 1) for y_c, p_c in zip(y, p, strict=True))


def _cross_entropy(alpha, y):
    whole = psi(0, sum(alpha))
    return sum(y_c * (whole - psi(0, a)) for y_c, a in zip(y, alpha, strict=True) if y_c)


def _likelihood(alpha, y):
    return sum(y_c * log(sum(alpha) / a) for y_c, a in zip(y, alpha, strict=True))


RISKS = {"squared_error": _squared_error, "cross_entropy": _cross_entropy, "likelihood": _likelihood}


def _divergence(alpha):
    """Of a Dirichlet distribution from the uniform one."""
    total = sum(alpha)
    whole = psi(0, total)
    terms = sum((a - 1) * (psi(0, a) - whole) - loggamma(a) for a in alpha if a != 1)
    return loggamma(total) - loggamma(len(alpha)) + terms


def _reference(e, y, risk="squared_error", kl_weight=1):
    y = y if isinstance(y, list) else [mpf(c == y) for c in range(len(e))]
    value = RISKS[risk]([1 + e_c for e_c in e], y)
    return value + kl_weight * _divergence([1 + (1 - y_c) * e_c for e_c, y_c in zip(e, y, strict=True)])


CASES = tuple(
    Case(
        loss=evidential,
        inputs=_evidence(labels),
        reference=_reference,
        formula=f"{formula} + λ KL(Dir(1 + (1 − y) e) ‖ Dir(1)), α = 1 + e",
        params=params,
        learnable=("kl_weight",) if "kl_weight" in params else (),
        properties={Property.NON_NEGATIVE, Property.CLASS_PERMUTABLE},
        ulps=16,
        conditioned=True,
    )
    for labels, formula, params in (
        ("integer", "E Σ (y_c − p_c)²", {}),
        ("dense", "E Σ (y_c − p_c)²", {"kl_weight": 0.25}),
        ("integer", "ψ(Σ α) − ψ(α_y)", {"risk": "cross_entropy"}),
        ("dense", "Σ y_c log(Σ α / α_c)", {"risk": "likelihood", "kl_weight": 0.5}),
    )
)
