"""Cases of `jaxloss.classification.multilabel`."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from mpmath import exp, log, log1p, mpf

from jaxloss.classification.multilabel import asymmetric, dual_focal, multilabel_margin, multilabel_soft_margin
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.cases.classification.binary import integer_labels, logit_reference, soft_labels

__all__ = ["CASES", "label_sets"]


def label_sets(argument: str = "logits", *, largest: float = 1e4) -> Inputs:
    """Rows of scores and of labels in {0, 1} of an integer dtype, along which there is no derivative."""
    base = inputs.multilabel_rows(argument=argument, largest=largest)

    def draw(rng: np.random.Generator, n: int, regime: Regime, classes: int) -> tuple[np.ndarray, ...] | None:
        drawn = base.draw(rng, n, regime, classes)
        return None if drawn is None else (drawn[0], drawn[1].astype(np.int32))

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        return np.stack([x, np.zeros_like(x)], axis=-1), np.tile(np.array([1, 0], np.int32), (len(x), 1))

    return Inputs(
        (argument, "labels"),
        draw,
        axis=-1,
        curve=curve,
        span=(-6.0, 6.0),
        xlabel="logit of a true class, the false one 0",
        compare=2,
    )


def _asymmetric(x: Any, y: Any, gamma_pos: Any = 0, gamma_neg: Any = 4, clip: Any = None) -> Any:
    clip = mpf("0.05") if clip is None else clip
    yes, no = 1 / (1 + exp(-x)), 1 / (1 + exp(x))
    log_no = -log1p(exp(-x)) - x if x > 0 else -log1p(exp(x))
    chance = max(yes - clip, mpf(0))
    log_clipped = log_no if clip == 0 else log1p(-chance)
    return -y * no**gamma_pos * (log_no + x) - (1 - y) * chance**gamma_neg * log_clipped


def _soft_margin(x: Sequence[Any], y: Sequence[Any]) -> Any:
    return sum(logit_reference(a, b) for a, b in zip(x, y, strict=True)) / len(x)


def _margin(x: Sequence[Any], y: Sequence[Any]) -> Any:
    pairs = [(i, j) for i in range(len(x)) for j in range(len(x)) if i != j]
    return sum((y[j] * (1 - y[i]) * max(1 - x[j] + x[i], mpf(0)) for i, j in pairs), mpf(0)) / len(x)


def _dual_focal(x: Sequence[Any], label: int) -> Any:
    total = sum(exp(a) for a in x)
    return -sum(log(1 - (exp(a) / total - (1 if c == label else 0)) ** 2) for c, a in enumerate(x))


def _told_apart(base: Inputs, *left_out: Regime) -> Inputs:
    """Rows whose probabilities the reference can still tell from 0 and 1, and from the labels."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, classes: int) -> tuple[np.ndarray, ...] | None:
        drawn = base.draw(rng, n, Regime.ORDINARY if regime == Regime.SATURATED else regime, classes)
        if drawn is None or regime in left_out:
            return None
        return (15 * rng.uniform(-1, 1, (n, classes)) if regime == Regime.SATURATED else drawn[0], drawn[1])

    return dataclasses.replace(base, draw=draw)


_POSITIVE = {"properties": {Property.NON_NEGATIVE}}
# The fourth power of a probability has four times its error: 16 ulp.
_ASYMMETRIC = "−y q^γ₊ log p − (1 − y) p_m^γ₋ log(1 − p_m), p_m = max(p − m, 0)"

CASES = (
    Case(
        loss=asymmetric,
        inputs=integer_labels(),
        reference=_asymmetric,
        formula=_ASYMMETRIC,
        conditioned=True,
        ulps=16,
        **_POSITIVE,
    ),
    Case(
        loss=asymmetric,
        inputs=soft_labels(largest=100.0),
        params={"gamma_pos": 1.0, "gamma_neg": 2.5, "clip": 0.1},
        learnable=("gamma_pos", "gamma_neg", "clip"),
        reference=_asymmetric,
        formula=_ASYMMETRIC,
        conditioned=True,
        ulps=16,
        **_POSITIVE,
    ),
    Case(
        loss=asymmetric,
        inputs=integer_labels(),
        params={"clip": 0},
        reference=_asymmetric,
        formula=_ASYMMETRIC,
        ulps=16,
        **_POSITIVE,
    ),
    Case(
        loss=multilabel_soft_margin,
        inputs=inputs.multilabel_rows(largest=100.0),
        reference=_soft_margin,
        formula="−mean_c (y log σ(x) + (1 − y) log σ(−x))",
        properties={Property.NON_NEGATIVE, Property.CONVEX, Property.CLASS_PERMUTABLE},
        lipschitz=1,
        ulps=8,
        peers={"torch": "nn.functional.multilabel_soft_margin_loss"},
    ),
    Case(
        loss=multilabel_margin,
        inputs=label_sets("scores"),
        reference=_margin,
        formula="Σ_{j≠i} y_j (1 − y_i) max(0, 1 − x_j + x_i) / C",
        differentiable=0,
        properties={Property.NON_NEGATIVE, Property.CONVEX, Property.SHIFT_INVARIANT, Property.CLASS_PERMUTABLE},
        lipschitz=1,
        conditioned=True,
        ulps=8,
    ),
    Case(
        loss=dual_focal,
        inputs=_told_apart(inputs.integer_rows(), Regime.HUGE),
        conditioned=True,
        reference=_dual_focal,
        formula="−Σ log(1 − (p − y)²)",
        properties={Property.NON_NEGATIVE, Property.SHIFT_INVARIANT, Property.CLASS_PERMUTABLE},
        ulps=16,
    ),
    Case(
        loss=dual_focal,
        inputs=_told_apart(inputs.dense_rows(), Regime.HUGE, Regime.EQUAL, Regime.TINY),
        reference=lambda x, y: -sum(log(1 - (exp(a) / sum(map(exp, x)) - b) ** 2) for a, b in zip(x, y, strict=True)),
        formula="−Σ log(1 − (p − y)²)",
        properties={Property.NON_NEGATIVE, Property.SHIFT_INVARIANT, Property.CLASS_PERMUTABLE},
        conditioned=True,
        ulps=16,
    ),
)
