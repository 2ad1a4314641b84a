"""Error of a loss and its gradient against a 50-digit reference, in units in the last place (ulp).

The gradient needs no second formula: one-sided differences of the reference, in 220-digit arithmetic with steps of
1e-45, give it to more than 40 digits. Where the two sides differ the loss has a kink, and anything between them is a
valid subgradient.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.verify.case import Case, Regime
from jaxloss.verify.trial import default_compilation

try:
    from mpmath import mp, mpf
except ImportError as error:
    raise ImportError("jaxloss.verify needs mpmath: pip install 'jaxloss[cli]'") from error

__all__ = ["Accuracy", "measure_accuracy"]

DIGITS = 220
STEP = mpf(10) ** -45
STEP_AT_ZERO = mpf(10) ** -80
# Every two of the first ten inputs change together in one pattern and against each other in another.
_SIGNS = (0b1111111111, 0b1010101010, 0b0011001100, 0b0011110000, 0b1100000000)


@dataclasses.dataclass(frozen=True)
class Accuracy:
    """Worst error of one case in one dtype, and where it happened."""

    dtype: str
    value_ulps: float
    gradient_ulps: float
    worst: str

    @property
    def ulps(self) -> float:
        """The larger of the two errors."""
        return max(self.value_ulps, self.gradient_ulps)


def measure_accuracy(case: Case, *, dtype: str = "float32", events: int = 8, seed: int = 0) -> Accuracy:
    """Return the worst error of value and gradient over all regimes, ``events`` of them drawn in each."""
    with jax.enable_x64(True):
        data = _draw(case, np.dtype(dtype), events, seed)
        values, gradients = _evaluate(case, data, dtype)
        due = _reference_from_itself(case, data) if case.reference is None else _reference_from_formula(case, data)
    return _worst(case, data, np.dtype(dtype), values, gradients, due)


def _draw(case: Case, dtype: np.dtype, events: int, seed: int) -> tuple[np.ndarray, ...]:
    """Draw events of every regime, always as many in all, so that compiled operations are shared between losses."""
    rng = np.random.default_rng(seed)
    drawn = [data for regime in Regime if (data := case.inputs(rng, events, regime)) is not None]
    missing = len(Regime) * events - sum(len(data[0]) for data in drawn)
    if missing and (more := case.inputs(rng, missing, Regime.ORDINARY)) is not None:
        drawn.append(more)
    with np.errstate(over="ignore"):
        joined = (np.concatenate(arrays) for arrays in zip(*drawn, strict=True))
        return tuple(a.astype(dtype) if np.issubdtype(a.dtype, np.floating) else a for a in joined)


def _evaluate(case: Case, data: Sequence[np.ndarray], dtype: str) -> tuple[np.ndarray, list[Any]]:
    """Unreduced values, and one gradient array for each floating point argument (None for the others)."""
    floats = tuple(i for i, a in enumerate(data) if np.issubdtype(a.dtype, np.floating))
    params = {key: _as_dtype(value, dtype) for key, value in case.params.items()}

    def run(*data: Any) -> Any:
        gradients = jax.grad(lambda *d: case(*d, **params, reduction="sum"), argnums=floats)(*data)
        return case(*data, **params, reduction="none"), gradients

    values, gradients = jax.jit(run, compiler_options=default_compilation())(*map(jnp.asarray, data))
    by_argument = dict(zip(floats, gradients, strict=True))
    return np.asarray(values), [np.asarray(by_argument[i]) if i in by_argument else None for i in range(len(data))]


def _as_dtype(value: Any, dtype: str) -> Any:
    if isinstance(value, np.ndarray | jax.Array) and jnp.issubdtype(value.dtype, jnp.floating):
        return jnp.asarray(value, dtype)
    return value


@dataclasses.dataclass
class _Due:
    """What is due for one event, with the sizes of the terms.

    Its values, several where the loss has one for each member or class, and an interval for each derivative of their
    sum.
    """

    values: list[Any]
    value_scales: list[Any]
    gradients: list[tuple[Any, Any]]
    gradient_scales: list[Any]


def _reference_from_formula(case: Case, data: Sequence[np.ndarray]) -> list[_Due]:
    assert case.reference is not None
    with mp.workdps(DIGITS):
        params = {key: _number(value, data[0].dtype) for key, value in case.params.items()}
        return [
            _due(lambda *event: case.reference(*event, **params), [_number(array[i], None) for array in data], case)
            for i in range(len(data[0]))
        ]


def _due(function: Callable[..., Any], event: list[Any], case: Case) -> _Due:
    flat, build = _flatten(event)

    def values_of(numbers: list[Any]) -> list[Any]:
        values = function(*build(numbers))
        return values if isinstance(values, list) else [values]

    def jacobian_of(numbers: list[Any], side: int) -> list[list[Any]]:
        """The derivative of every value, by number."""
        centre, rows = values_of(numbers), []
        for i, x in enumerate(numbers):
            step = side * (STEP * abs(x) if x else STEP_AT_ZERO)
            moved = values_of([*numbers[:i], x + step, *numbers[i + 1 :]])
            rows.append([(after - before) / step for after, before in zip(moved, centre, strict=True)])
        return rows

    def slopes_of(numbers: list[Any], side: int) -> list[Any]:
        return list(map(sum, jacobian_of(numbers, side)))

    values, jacobian, below = values_of(flat), jacobian_of(flat, 1), slopes_of(flat, -1)
    above = list(map(sum, jacobian))
    gradients = [(min(pair), max(pair)) for pair in zip(above, below, strict=True)]
    if any(map(mp.isnan, [*values, *(side for sides in gradients for side in sides)])):
        raise ValueError(f"the reference is NaN at {event}")
    value_scales, gradient_scales = [mpf(0)] * len(values), [mpf(0)] * len(flat)
    if case.conditioned:
        changes = [[abs(x * slope) for slope in row] for x, row in zip(flat, jacobian, strict=True)]
        value_scales = [max(change[j] for change in changes) for j in range(len(values))] if flat else value_scales
        # Across a kink the change is no sensitivity: a derivative is never excused by more than its own inputs' size.
        steepest = max((max(map(abs, g)) for g in gradients), default=mpf(0))
        largest = steepest * max(1, max(map(abs, flat), default=mpf(0)))
        sensitivities = _gradient_sensitivity(lambda numbers: slopes_of(numbers, 1), flat, above)
        gradient_scales = [min(scale, largest) for scale in sensitivities]
    # Due for what the loss holds fixed is exactly 0. The values depend on its last digits all the same.
    held = [i in case.inputs.held for i, item in enumerate(event) for _ in _flatten([item])[0]]
    gradients = [(mpf(0), mpf(0)) if fixed else sides for fixed, sides in zip(held, gradients, strict=True)]
    gradient_scales = [mpf(0) if fixed else scale for fixed, scale in zip(held, gradient_scales, strict=True)]
    return _Due(values, value_scales, gradients, gradient_scales)


def _gradient_sensitivity(slopes_of: Callable[[list[Any]], list[Any]], flat: list[Any], slopes: list[Any]) -> list[Any]:
    """Size of the change of each derivative when every input changes relatively, for some patterns of signs."""
    relative = mpf(10) ** -20
    scales = [mpf(0)] * len(flat)
    for pattern in _SIGNS:
        signs = [1 if pattern >> (i % 10) & 1 else -1 for i in range(len(flat))]
        moved = slopes_of([x * (1 + sign * relative) for x, sign in zip(flat, signs, strict=True)])
        for i, (before, after) in enumerate(zip(slopes, moved, strict=True)):
            scales[i] = max(scales[i], abs(after - before) / relative)
    return scales


def _reference_from_itself(case: Case, data: Sequence[np.ndarray]) -> list[_Due]:
    """Without a reference: what the loss gives in float64."""
    wide = [a.astype(np.float64) if np.issubdtype(a.dtype, np.floating) else a for a in data]
    values, gradients = _evaluate(case, wide, "float64")
    due = []
    for i in range(len(data[0])):
        flat = [mpf(float(g)) for array in gradients if array is not None for g in np.ravel(array[i])]
        event = [mpf(float(value)) for value in np.ravel(values[i])]
        due.append(_Due(event, [mpf(0)] * len(event), [(g, g) for g in flat], [mpf(0)] * len(flat)))
    return due


def _flatten(event: list[Any]) -> tuple[list[Any], Callable[[list[Any]], list[Any]]]:
    """Return the real numbers of an event (class ids stay where they are) and how to put others in their place."""
    flat = []

    def collect(item: Any) -> None:
        if isinstance(item, list):
            for x in item:
                collect(x)
        elif isinstance(item, mpf):
            flat.append(item)

    def place(item: Any, rest: Iterator[Any]) -> Any:
        if isinstance(item, list):
            return [place(x, rest) for x in item]
        return next(rest) if isinstance(item, mpf) else item

    collect(event)
    return flat, lambda numbers: place(event, iter(numbers))


def _number(value: Any, dtype: np.dtype | None) -> Any:
    """A float as the mpmath number it is in ``dtype``, an array as a list of them, anything else as it is."""
    if isinstance(value, np.ndarray | jax.Array) and np.ndim(value):
        return [_number(x, dtype) for x in np.asarray(value)]
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, float | np.floating | jax.Array):
        return mpf(float(value if dtype is None else np.asarray(value, dtype)))
    return value


def _worst(
    case: Case, data: Sequence[np.ndarray], dtype: np.dtype, values: np.ndarray, gradients: list[Any], due: list[_Due]
) -> Accuracy:
    worst_value, worst_gradient, where = 0.0, 0.0, ""
    for i, event in enumerate(due):
        got = np.ravel(values[i])
        value_errors = [
            _ulps(g, (v, v), max(scale, mpf(case.unit)), dtype)
            for g, v, scale in zip(got, event.values, event.value_scales, strict=True)
        ]
        error = max(value_errors, default=0.0)
        flat = [g for array in gradients if array is not None for g in np.ravel(array[i])]
        # No floating point result can tell the size of a derivative whose event overflows.
        errors = [
            _ulps(g, interval, max(scale, mpf(case.unit)), dtype)
            for g, interval, scale in zip(flat, event.gradients, event.gradient_scales, strict=True)
        ]
        slope = max(errors, default=0.0)
        if max(error, slope) > max(worst_value, worst_gradient):
            if error >= slope:
                k = int(np.argmax(value_errors))
                worst = f"value{f' {k}' if len(got) > 1 else ''}", got[k], event.values[k]
            else:
                k = int(np.argmax(errors))
                worst = f"gradient {k}", flat[k], event.gradients[k][0]
            where = _describe(case, [a[i] for a in data], *worst)
        worst_value, worst_gradient = max(worst_value, error), max(worst_gradient, slope)
    return Accuracy(dtype.name, worst_value, worst_gradient, where)


def _ulps(got: Any, interval: tuple[Any, Any], scale: Any, dtype: np.dtype) -> float:
    """Distance of ``got`` from the interval in units in the last place of the larger of the true result and scale."""
    low, high = interval
    limits = np.finfo(dtype)
    size = max(abs(low), abs(high))
    if size > mpf(float(limits.max)) * (1 - mpf(2) ** -20):
        return 0.0  # not representable: inf is right
    if not np.isfinite(got):
        return math.inf
    got = mpf(float(got))
    # Results below the smallest normal number may flush to zero, and so may the terms that they are made of.
    distance = max(low - got, got - high, mpf(0)) - 4 * mpf(float(limits.tiny))
    if distance <= 0:
        return 0.0
    _, exponent = mp.frexp(max(size, scale, mpf(float(limits.tiny))))  # with a mantissa in [1/2, 1)
    unit = mpf(2) ** (exponent - 1 - limits.nmant)
    return float(distance / unit)


def _describe(case: Case, event: Sequence[Any], what: str, got: Any, due: Any) -> str:
    inputs = ", ".join(f"{name}={_text(array)}" for name, array in zip(case.inputs.names, event, strict=True))
    return f"{what} at {inputs}: got {got:.9g}, due {mp.nstr(due, 12)}"


def _text(value: Any) -> str:
    return np.array2string(np.asarray(value), precision=9, separator=", ", floatmode="maxprec").replace("\n", "")
