"""Cases of `jaxloss.detection.quality`."""

import dataclasses
from typing import Any

import numpy as np
from mpmath import exp, floor, log, log1p

from jaxloss.detection.quality import distribution_focal, quality_focal, varifocal
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.cases.classification.binary import integer_labels, soft_labels

__all__ = ["CASES", "positions"]


def positions() -> Inputs:
    """Rows of logits, and positions between the bins."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, bins: int) -> tuple[np.ndarray, ...] | None:
        drawn = inputs.dense_rows(largest=150).draw(rng, n, regime, bins)
        return None if drawn is None else (drawn[0], rng.uniform(0.01, bins - 1.01, n))

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        rows = np.stack([np.zeros_like(x), x, np.zeros_like(x), np.zeros_like(x)], axis=-1)
        return rows, np.full_like(x, 1.25)

    xlabel = "logit of bin 1, target 1.25"
    return Inputs(("logits", "targets"), draw, axis=-1, curve=curve, span=(-6.0, 6.0), xlabel=xlabel)


def _qualities(base: Inputs) -> Inputs:
    """Logits and qualities that are not what is predicted already: how far they are is not known to the last digits."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, classes: int) -> tuple[np.ndarray, ...] | None:
        drawn = base.draw(rng, n, regime, classes)
        if drawn is None:
            return None
        logits, targets = drawn
        close = np.abs(1 / (1 + np.exp(-np.clip(logits, -40, 40))) - targets) < 0.1
        return logits, np.where(close, targets + np.where(targets < 0.5, 0.3, -0.3), targets).astype(targets.dtype)

    return Inputs(("logits", "targets"), draw, curve=base.curve, span=base.span, xlabel="logit, target 1", compare=2)


def _log_probabilities(x: Any) -> tuple[Any, Any]:
    log_yes = -log1p(exp(-x)) if x > 0 else x - log1p(exp(x))
    return log_yes, log_yes - x


def _quality(x: Any, y: Any, beta: Any = 2) -> Any:
    log_yes, log_no = _log_probabilities(x)
    distance = (1 - y) - exp(log_no) if x > 0 else y - exp(log_yes)
    return abs(distance) ** beta * (-y * log_yes - (1 - y) * log_no)


def _vari(x: Any, y: Any, alpha: Any = 0.75, gamma: Any = 2) -> Any:
    log_yes, log_no = _log_probabilities(x)
    return y * (-y * log_yes - (1 - y) * log_no) if y else -alpha * exp(log_yes) ** gamma * log_no


def _distribution(row: Any, y: Any) -> Any:
    top, i = max(row), int(floor(y))
    total = top + log(sum(exp(x - top) for x in row))
    return (i + 1 - y) * (total - row[i]) + (y - i) * (total - row[i + 1])


_HARD = dataclasses.replace(integer_labels(), names=("logits", "targets"), xlabel="logit, target 1")
_SOFT = _qualities(soft_labels())
_POSITIVE = {"properties": {Property.NON_NEGATIVE}}
_QUALITY = {"loss": quality_focal, "reference": _quality, "formula": "|y − σ(x)|^β (−y log σ(x) − (1 − y) log σ(−x))"}
_VARI = {"loss": varifocal, "reference": _vari, "formula": "y H if y > 0 else −α σ(x)^γ log σ(−x)"}

CASES = (
    Case(**_QUALITY, inputs=_HARD, ulps=8, **_POSITIVE),
    Case(**_QUALITY, inputs=_SOFT, params={"beta": 2.5}, conditioned=True, ulps=8, **_POSITIVE),
    Case(**_QUALITY, inputs=_HARD, params={"beta": 0.5}, ulps=8, **_POSITIVE),
    Case(
        **_QUALITY,
        inputs=_SOFT,
        params={"beta": np.float32(1.7) * np.ones(())},
        learnable=("beta",),
        conditioned=True,
        ulps=8,
        **_POSITIVE,
    ),
    Case(**_VARI, inputs=_HARD, ulps=8, **_POSITIVE),
    Case(
        **_VARI,
        inputs=_SOFT,
        params={"alpha": 0.5, "gamma": 1.5},
        learnable=("alpha", "gamma"),
        conditioned=True,
        ulps=8,
        **_POSITIVE,
    ),
    Case(
        loss=distribution_focal,
        inputs=positions(),
        reference=_distribution,
        formula="−(i + 1 − y) log pᵢ − (y − i) log pᵢ₊₁, i = ⌊y⌋",
        differentiable=0,
        conditioned=True,
        ulps=16,
        **_POSITIVE,
    ),
)
