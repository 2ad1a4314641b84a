"""Cases of `jaxloss.generative.diffusion`."""

import dataclasses

import numpy as np
from mpmath import exp

from jaxloss.generative.diffusion import diffusion, flow_matching
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.cases.generative import numbers

PAIR = numbers(("predictions", "targets"), smallest=1e-12, largest=1e12)
WEIGHTS = {
    "snr": lambda s, **_: s,
    "truncated_snr": lambda s, **_: max(s, 1),
    "min_snr": lambda s, gamma=5, **_: min(s, gamma),
    "edm": lambda s, sigma_data=0.5, **_: s + 1 / sigma_data**2,
    "sigmoid": lambda s, bias=0, **_: s / (1 + s * exp(-bias)),
}
ERRORS = {"epsilon": lambda s: s, "x0": lambda s: 1, "v": lambda s: 1 + s}
FORMULAS = {
    "snr": "SNR ‖x₀ error‖²",
    "truncated_snr": "max(SNR, 1) ‖x₀ error‖²",
    "min_snr": "min(SNR, γ) ‖x₀ error‖²",
    "edm": "(SNR + 1/σ²) ‖x₀ error‖²",
    "sigmoid": "SNR σ(b − log SNR) ‖x₀ error‖²",
}


def _levels() -> Inputs:
    """Predictions, targets, and noise levels of every size."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        pair = PAIR.draw(rng, n, regime, c)
        if regime == Regime.SATURATED:
            return rng.normal(size=n), rng.normal(size=n), rng.choice([-60.0, -15.0, 15.0, 60.0], n)
        return None if pair is None else (*pair, 3 * rng.normal(size=n))

    curve = lambda x: (x, np.zeros_like(x), np.full_like(x, 0.7))
    return dataclasses.replace(PAIR, names=("predictions", "targets", "log_snr"), draw=draw, curve=curve, compare=2)


def _diffusion(p, t, log_snr, prediction_type="epsilon", weighting="simple", **options):
    snr = exp(log_snr)
    weight = 1 if weighting == "simple" else WEIGHTS[weighting](snr, **options) / ERRORS[prediction_type](snr)
    return weight * (p - t) ** 2


SQUARE = {Property.NON_NEGATIVE, Property.CONVEX, Property.ZERO_AT_TARGET}
OPTIONS = {"min_snr": {"gamma": 5.0}, "edm": {"sigma_data": 0.5}, "sigmoid": {"bias": 1.5}}

CASES = (
    Case(loss=diffusion, inputs=_levels(), reference=_diffusion, formula="r²", properties=SQUARE, ulps=4),
    *(
        Case(
            loss=diffusion,
            inputs=_levels(),
            reference=_diffusion,
            formula=FORMULAS[weighting],
            params={"prediction_type": kind, "weighting": weighting, **OPTIONS.get(weighting, {})},
            learnable=tuple(OPTIONS.get(weighting, {})),
            differentiable=0 if weighting in ("truncated_snr", "min_snr") else None,
            properties=SQUARE,
            ulps=8,
            conditioned=weighting == "sigmoid",
        )
        for weighting, kinds in (
            ("snr", ("x0",)),
            ("truncated_snr", ("v",)),
            ("min_snr", ("epsilon", "x0", "v")),
            ("edm", ("epsilon", "x0")),
            ("sigmoid", ("v",)),
        )
        for kind in kinds
    ),
    Case(
        loss=flow_matching,
        inputs=numbers(("velocities", "noise", "data"), smallest=1e-15, largest=1e15),
        reference=lambda v, a, b: (v - (b - a)) ** 2,
        formula="(v − (x₁ − x₀))²",
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        degree=2,
        ulps=4,
        conditioned=True,
    ),
    Case(
        loss=flow_matching,
        inputs=numbers(("velocities", "noise", "data"), smallest=1e-15, largest=1e15),
        reference=lambda v, a, b, sigma_min: (v - (b - (1 - sigma_min) * a)) ** 2,
        formula="(v − (x₁ − (1 − σ) x₀))²",
        params={"sigma_min": 0.125},
        learnable=("sigma_min",),
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        degree=2,
        ulps=4,
        conditioned=True,
    ),
)
