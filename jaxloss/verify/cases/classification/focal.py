"""Cases of `jaxloss.classification.focal`."""

from typing import Any

import numpy as np
from mpmath import exp, expm1, log1p, mpf

from jaxloss.classification.focal import detection_focal, sigmoid_focal, sigmoid_focal_exp
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.cases.classification.binary import integer_labels, soft_labels

__all__ = ["CASES", "anchors"]


def anchors() -> Inputs:
    """Rows of logits and of labels, the state of the anchor last: an object, background, now and then ignored."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, classes: int) -> tuple[np.ndarray, ...] | None:
        state = np.arange(n) % 2
        if regime == Regime.ORDINARY:
            logits = rng.normal(size=(n, classes))
        elif regime == Regime.TINY:
            logits = inputs.magnitudes(rng, (n, classes), 1e-30, 1e-2)
        elif regime == Regime.SATURATED:
            logits, state = rng.choice([-40.0, -15.0, 15.0, 40.0], (n, classes)), np.arange(n) % 3 - 1
        else:
            return None
        labels = (state[:, None] == 1) & (np.arange(classes) == rng.integers(0, classes, (n, 1)))
        return logits, np.concatenate([labels, state[:, None]], axis=1).astype(np.int32)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        return np.stack([x, np.full_like(x, -3.0)], axis=-1), np.tile(np.array([1, 0, 1], np.int32), (len(x), 1))

    return Inputs(
        ("logits", "labels"),
        draw,
        axis=-1,
        classes=4,
        curve=curve,
        span=(-6.0, 6.0),
        xlabel="logit of the class of the object",
    )


def _log_probabilities(x: Any) -> tuple[Any, Any]:
    log_yes = -log1p(exp(-x)) if x > 0 else x - log1p(exp(x))
    return log_yes, log_yes - x


def _reference(x: Any, y: Any, gamma: Any = 2, alpha: Any = None) -> Any:
    log_yes, log_no = _log_probabilities(x)
    missed = y * exp(log_no) + (1 - y) * exp(log_yes)
    balance = 1 if alpha is None else alpha * y + (1 - alpha) * (1 - y)
    return balance * missed**gamma * (-y * log_yes - (1 - y) * log_no)


def _exp_reference(x: Any, y: Any, gamma: Any = 2, alpha: Any = None) -> Any:
    log_yes, log_no = _log_probabilities(x)
    entropy = -y * log_yes - (1 - y) * log_no
    balance = 1 if alpha is None else alpha * y + (1 - alpha) * (1 - y)
    return balance * (-expm1(-entropy)) ** gamma * entropy


def _detection_reference(logits: Any, labels: Any, **_: Any) -> Any:
    *labels, state = labels
    if state == -1:
        return mpf(0)
    return sum(_reference(x, y, alpha=mpf("0.25")) for x, y in zip(logits, labels, strict=True))


_POSITIVE = {"properties": {Property.NON_NEGATIVE}}


def _focal(params: dict[str, Any], *, soft: bool = False, **more: Any) -> Case:
    return Case(
        loss=sigmoid_focal,
        inputs=soft_labels() if soft else integer_labels(),
        reference=_reference,
        formula="αₜ (1 − pₜ)^γ (−y log σ(x) − (1 − y) log σ(−x))",
        params=params,
        conditioned=soft,
        ulps=8,
        **_POSITIVE,
        **more,
    )


def _exp(params: dict[str, Any], *, soft: bool = False, **more: Any) -> Case:
    return Case(
        loss=sigmoid_focal_exp,
        inputs=soft_labels() if soft else integer_labels(),
        reference=_exp_reference,
        formula="αₜ (1 − e^−H)^γ H, H = −y log σ(x) − (1 − y) log σ(−x)",
        params=params,
        conditioned=soft,
        ulps=8,
        **_POSITIVE,
        **more,
    )


CASES = (
    _focal({}, peers={"optax": "losses.sigmoid_focal_loss"}),
    _focal({"gamma": 1.5, "alpha": 0.25}, soft=True, learnable=("gamma", "alpha")),
    _focal({"gamma": 0.5}),
    _focal({"gamma": np.float32(1.3) * np.ones(())}, learnable=("gamma",)),
    _exp({}),
    _exp({"gamma": 0.7, "alpha": 0.25}, soft=True, learnable=("gamma", "alpha")),
    Case(
        loss=detection_focal,
        inputs=anchors(),
        reference=_detection_reference,
        formula="Σ_c focal(x_c, y_c) of anchors whose state is not −1",
        params={"normalizer": "anchors"},
        ulps=8,
        **_POSITIVE,
    ),
)
