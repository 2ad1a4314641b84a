"""Cases of `jaxloss.detection.boxes` and `jaxloss.detection.box_distances`."""

from typing import Any, NamedTuple

import numpy as np
from mpmath import asin, atan2, exp, mpf, pi, sin, sqrt

from jaxloss.detection.box_distances import ciou, diou, eiou, siou
from jaxloss.detection.boxes import giou, iou
from jaxloss.verify.case import Case, Inputs, Property, Regime

__all__ = ["CASES", "boxes"]


def boxes(format: str = "xyxy") -> Inputs:
    """Predicted and target boxes: close, apart, nested, with common edges, without area, in the wrong order."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, _: int) -> tuple[np.ndarray, ...] | None:
        targets = _corners(rng.normal(size=(n, 2)), np.exp(0.5 * rng.normal(size=(n, 2))))
        close = targets + 0.3 * rng.normal(size=(n, 4))
        apart = _corners(rng.normal(size=(n, 2)), np.exp(rng.normal(size=(n, 2))))
        predictions = np.where(np.arange(n)[:, None] % 2 == 0, close, apart)
        if regime == Regime.EQUAL:
            predictions = targets * (1 + rng.choice([0.0, 1e-6, -1e-6, 1e-3, -1e-3], (n, 1)) * rng.normal(size=(n, 4)))
        elif regime == Regime.KINKS:
            targets = np.sort(rng.permuted(np.tile(np.arange(4.0), (n, 2, 1)), axis=-1)[..., :2]).swapaxes(1, 2)
            predictions, targets = rng.integers(0, 4, (n, 4)).astype(float), targets.reshape(n, 4)
            # A side of no length on an edge of the target is a kink in several numbers at once.
            predictions += 0.5 * np.tile(predictions[:, :2] == predictions[:, 2:], 2)
        elif regime in (Regime.TINY, Regime.HUGE):
            scale = 10.0 ** rng.uniform(*((-30, -2) if regime == Regime.TINY else (2, 30)), (n, 1))
            predictions, targets = predictions * scale, targets * scale
        elif regime != Regime.ORDINARY:
            return None
        return _as(format, predictions), _as(format, targets)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        middle, size = np.stack([x, np.full_like(x, 0.5)], axis=-1), np.tile([1.6, 1.2], (len(x), 1))
        return _as(format, _corners(middle, size)), _as(format, np.tile([-1.0, -1.0, 1.0, 1.0], (len(x), 1)))

    return Inputs(
        ("predictions", "targets"),
        draw,
        axis=-1,
        classes=4,
        fixed=True,
        curve=curve,
        span=(-4.0, 4.0),
        xlabel="centre of the predicted box",
        scene="boxes",
        compare=2,
    )


def _corners(middle: np.ndarray, size: np.ndarray) -> np.ndarray:
    return np.concatenate([middle - size / 2, middle + size / 2], axis=-1)


def _as(format: str, corners: np.ndarray) -> np.ndarray:
    """Corners in another format. The size of a box in the wrong order is negative."""
    first, last = corners[..., :2], corners[..., 2:]
    start = {"xyxy": first, "xywh": first, "cxcywh": (first + last) / 2}[format]
    return np.concatenate([start, last if format == "xyxy" else last - first], axis=-1)


class _Pair(NamedTuple):
    """Lengths of two intervals: of each, of what they share, of the hull, and between the middles."""

    size: Any
    target: Any
    shared: Any
    hull: Any
    shift: Any


def _pair(p: Any, t: Any, format: str, axis: int) -> _Pair:
    (low, high), (target_low, target_high) = (
        sorted(
            {
                "xyxy": (box[axis], box[axis + 2]),
                "xywh": (box[axis], box[axis] + box[axis + 2]),
                "cxcywh": (box[axis] - box[axis + 2] / 2, box[axis] + box[axis + 2] / 2),
            }[format]
        )
        for box in (p, t)
    )
    return _Pair(
        high - low,
        target_high - target_low,
        max(mpf(0), min(high, target_high) - max(low, target_low)),
        max(high, target_high) - min(low, target_low),
        (low + high - target_low - target_high) / 2,
    )


def _pairs(p: Any, t: Any, format: str) -> tuple[_Pair, _Pair]:
    return _pair(p, t, format, 0), _pair(p, t, format, 1)


def _union(x: _Pair, y: _Pair) -> Any:
    return x.size * y.size + x.target * y.target - x.shared * y.shared


def _iou(p: Any, t: Any, format: str = "xyxy") -> Any:
    x, y = _pairs(p, t, format)
    return 1 - x.shared * y.shared / _union(x, y)


def _giou(p: Any, t: Any, format: str = "xyxy") -> Any:
    x, y = _pairs(p, t, format)
    hull = x.hull * y.hull
    return _iou(p, t, format) + (hull - _union(x, y)) / hull


def _diou(p: Any, t: Any, format: str = "xyxy") -> Any:
    x, y = _pairs(p, t, format)
    return _iou(p, t, format) + (x.shift**2 + y.shift**2) / (x.hull**2 + y.hull**2)


def _ciou(p: Any, t: Any, alpha: Any, format: str = "xyxy") -> Any:
    x, y = _pairs(p, t, format)
    turn = 0 if x.size == y.size == 0 else atan2(x.size, y.size) - atan2(x.target, y.target)
    return _diou(p, t, format) + alpha * 4 / pi**2 * turn**2


def _eiou(p: Any, t: Any, format: str = "xyxy") -> Any:
    return _diou(p, t, format) + sum(((axis.size - axis.target) / axis.hull) ** 2 for axis in _pairs(p, t, format))


def _siou(p: Any, t: Any, theta: Any = 4, format: str = "xyxy") -> Any:
    x, y = _pairs(p, t, format)
    sigma = sqrt(x.shift**2 + y.shift**2)
    angle = 1 - 2 * sin(asin(abs(y.shift) / sigma) - pi / 4) ** 2 if sigma else 0
    distance = sum(1 - exp(-(2 - angle) * (axis.shift / axis.hull) ** 2) for axis in (x, y))
    omega = (abs(axis.size - axis.target) / max(axis.size, axis.target) for axis in (x, y))
    return _iou(p, t, format) + (distance + sum((1 - exp(-o)) ** theta for o in omega)) / 2


_FACTS = {
    "differentiable": 0,
    "properties": {Property.NON_NEGATIVE, Property.SYMMETRIC, Property.ZERO_AT_TARGET},
    "degree": 0,
}


def _rows(loss: Any, reference: Any, formula: str, ulps: float, formats: str, **params: Any) -> tuple[Case, ...]:
    """A case for each format. Only the index itself, of boxes given by their corners, is no difference of terms."""
    return tuple(
        Case(
            loss=loss,
            inputs=boxes(format),
            reference=reference,
            formula=formula,
            params=params if format == "xyxy" else {**params, "format": format},
            learnable=tuple(params),
            ulps=ulps,
            conditioned=loss is not iou or format != "xyxy",
            **_FACTS,
        )
        for format in formats.split()
    )


CASES = (
    *_rows(iou, _iou, "1 − I / U", 8, "xyxy xywh cxcywh"),
    *_rows(giou, _giou, "1 − I / U + (C − U) / C", 8, "xyxy xywh cxcywh"),
    *_rows(diou, _diou, "1 − I / U + d² / c²", 16, "xyxy cxcywh"),
    *_rows(ciou, _ciou, "1 − I / U + d² / c² + α (2 Δθ / π)²", 16, "xyxy cxcywh", alpha=0.5),
    *_rows(eiou, _eiou, "1 − I / U + d² / c² + Δw² / cₓ² + Δh² / c_y²", 16, "xyxy cxcywh"),
    *_rows(siou, _siou, "1 − I / U + (Σ (1 − e^(−γ d² / c²)) + Σ (1 − e^−ω)^θ) / 2", 16, "xyxy cxcywh"),
    *_rows(siou, _siou, "1 − I / U + (Σ (1 − e^(−γ d² / c²)) + Σ (1 − e^−ω)^θ) / 2", 16, "xyxy", theta=2.5),
)
