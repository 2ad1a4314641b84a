"""The law of declared properties: what a case says of its loss beyond the contract must hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.verify.case import Property, Regime
from jaxloss.verify.findings import close, require
from jaxloss.verify.trial import Trial

__all__ = ["declared_properties_hold"]


def declared_properties_hold(trial: Trial) -> None:
    """Non-negative, convex, symmetric, zero at the target, shift-invariant, Lipschitz, homogeneous: as declared."""
    case, rng = trial.case, np.random.default_rng(2)
    unreduced = trial.compiled(lambda *data: case(*data, reduction="none"))
    with jax.enable_x64(True):
        for regime in (Regime.ORDINARY, Regime.EQUAL, Regime.TINY):
            drawn = case.inputs(rng, 16, regime)
            if drawn is None:
                continue
            data = tuple(jnp.asarray(a) for a in drawn)
            values = np.asarray(unreduced(*data))
            noise = 1e-12 * np.maximum(np.abs(values), 1e-300)
            if Property.NON_NEGATIVE in case.properties:
                i = _index(np.argmin(values), values)
                require(bool(values[i] >= -noise[i]), f"declared non-negative, got {values[i]} at {_event(data, i[0])}")
            if Property.SYMMETRIC in case.properties:
                close(unreduced(data[1], data[0], *data[2:]), values, "declared symmetric", 1e-12)
            if Property.ZERO_AT_TARGET in case.properties:
                at = np.asarray(unreduced(data[1], *data[1:]))
                require(bool(np.all(np.abs(at) <= 1e-12)), f"declared zero at the target, got {at}")
            if Property.SHIFT_INVARIANT in case.properties:
                moved = unreduced(data[0] + jnp.asarray(3.0), *data[1:])
                close(moved, values, "declared shift-invariant", 1e-10, floor=1e-10)
            if Property.CONVEX in case.properties:
                _convex(trial, unreduced, data, rng)
            if case.lipschitz is not None:
                slopes = trial.compiled(jax.grad(lambda *d: case(*d, reduction="sum")))(*data)
                steepest = float(jnp.max(jnp.abs(slopes)))
                require(
                    steepest <= case.lipschitz * (1 + 1e-12), f"declared {case.lipschitz}-Lipschitz, slope {steepest}"
                )
            if case.degree is not None:
                scaled = tuple(3 * a if jnp.issubdtype(a.dtype, jnp.floating) else a for a in data)
                close(unreduced(*scaled), 3.0**case.degree * values, f"degree {case.degree}", 1e-11)


def _convex(trial: Trial, unreduced: Callable[..., Any], data: tuple[Any, ...], rng: np.random.Generator) -> None:
    other = trial.case.inputs(rng, len(data[0]), Regime.ORDINARY)
    assert other is not None
    first, second = data[0], jnp.asarray(other[0])
    at = lambda x: np.asarray(unreduced(x, *data[1:]))
    for share in (0.5, 0.1):
        chord = share * at(first) + (1 - share) * at(second)
        middle = at(share * first + (1 - share) * second)
        excess = middle - chord - 1e-12 * (1 + np.abs(chord))
        i = _index(np.argmax(excess), excess)
        way = f"at {share} of the way from {second[i[0]]} to {first[i[0]]}"
        require(bool(excess[i] <= 0), f"declared convex: {middle[i]} {way}, chord {chord[i]}")


def _index(flat: Any, array: np.ndarray) -> tuple[int, ...]:
    return tuple(map(int, np.unravel_index(int(flat), array.shape)))


def _event(data: tuple[Any, ...], i: int) -> str:
    return str([np.asarray(a)[i].tolist() for a in data])
