"""Gradients of any function against central differences, forward against reverse mode, and the second order.

The tolerance is per entry and does not grow with the size of the arrays: a check that compares norms lets a
derivative pass that is half wrong in a few entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

__all__ = ["GradientError", "check_gradients", "check_orders"]

_STEP = 1e-4  # of the five-point formula: truncation 1e-16, rounding 1e-11, and few kinks this close by
_STENCIL = ((-2.0, 1 / 12), (-1.0, -8 / 12), (1.0, 8 / 12), (2.0, -1 / 12))


class GradientError(AssertionError):
    """A derivative that is not the derivative."""


def check_gradients(
    function: Callable[..., Any],
    *args: Any,
    order: int = 1,
    rtol: float = 1e-6,
    entries: int = 32,
    seed: int = 0,
) -> None:
    """Raise `GradientError` unless the derivatives of ``function`` at ``args`` are right.

    Everything runs in float64. The gradient with respect to every floating point leaf of ``args`` is compared with
    five-point central differences entry by entry (for more than ``entries`` of them, a random choice and some dense
    directions), and forward with reverse mode. ``order=2`` also compares Hessian-vector products with differences of
    the gradient. Points on a kink have no derivative to compare with: keep them out.

        >>> import jax.numpy as jnp
        >>> check_gradients(lambda x: jnp.sum(jnp.sin(x) ** 2), jnp.array([0.3, 2.0]), order=2)

    Args:
      function: of arrays or pytrees, jax-traceable; an output that is not a scalar is contracted with random numbers.
      *args: where to check. Integer and boolean leaves are held fixed.
      order: 1, or 2 for the second derivatives too.
      rtol: allowed error of an entry, relative to the larger of itself and 1e-3 of the largest entry.
      entries: how many entries are checked one by one.
      seed: of the random choices.
    """
    if order not in (1, 2):
        raise ValueError(f"check_gradients: order must be 1 or 2, got {order!r}")
    check_orders(range(1, order + 1), jax.jit, function, *args, rtol=rtol, entries=entries, seed=seed)


def check_orders(
    orders: Iterable[int],
    compiled: Callable[..., Any],
    function: Callable[..., Any],
    *args: Any,
    rtol: float = 1e-6,
    entries: int = 32,
    seed: int = 0,
) -> None:
    """Check the derivatives of these orders alone, with something in the place of ``jax.jit``."""
    with jax.enable_x64(True):
        rng = np.random.default_rng(seed)
        args = jax.tree.map(lambda x: _widen(jnp.asarray(x)), args)
        scalar, x = _as_scalar_function(function, args, rng)
        labels, directions = _directions(rng, x, entries)
        steps = _STEP * np.array([max(1e-3, np.max(np.abs(np.asarray(x)[v != 0]), initial=0)) for v in directions])
        for order in orders:
            check = {1: _check_first, 2: _check_second}[order]
            check(compiled, scalar, x, labels, directions, steps, rtol)


def _check_first(
    compiled: Callable[..., Any],
    scalar: Any,
    x: Any,
    labels: Any,
    directions: np.ndarray,
    steps: np.ndarray,
    rtol: float,
) -> None:
    @compiled
    def probe(x: Any, directions: Any) -> Any:
        gradient = jax.grad(scalar)(x)
        forward = jax.vmap(lambda v: jax.jvp(scalar, (x,), (v,))[1])(directions)
        return gradient, directions @ gradient, forward, _differences(scalar, x, directions, steps)[0]

    gradient, reverse, forward, due = map(np.asarray, probe(x, jnp.asarray(directions)))
    floor = 1e-3 * max(float(np.max(np.abs(gradient), initial=0)), 1e-6)
    for mode, got in (("reverse", reverse), ("forward", forward)):
        bad = ~(np.abs(got - due) <= rtol * np.maximum(np.abs(due), floor))
        if bad.any():
            i = int(np.argmax(bad))
            raise GradientError(
                f"first derivative ({mode} mode, {labels[i]}) at x = {_text(x)}: "
                f"got {got[i]:.12g}, due {due[i]:.12g} by central differences"
            )


def _check_second(
    compiled: Callable[..., Any],
    scalar: Any,
    x: Any,
    labels: Any,
    directions: np.ndarray,
    steps: np.ndarray,
    rtol: float,
) -> None:
    gradient = jax.grad(scalar)

    @compiled
    def probe(x: Any, directions: Any) -> Any:
        over_reverse = jax.vmap(lambda v: jax.jvp(gradient, (x,), (v,))[1])(directions)
        twice = jax.vmap(lambda v: jax.grad(lambda x: jnp.vdot(gradient(x), v))(x))(directions)
        return over_reverse, twice, *_differences(gradient, x, directions, steps)

    over_reverse, twice, due, slope = map(np.asarray, probe(x, jnp.asarray(directions)))
    noise = 8 * np.finfo(np.float64).eps * float(slope) / steps[:, None]  # of the differences themselves
    largest = np.max(np.abs(due), axis=1, initial=0, keepdims=True)
    for mode, got in (("forward over reverse", over_reverse), ("reverse over reverse", twice)):
        allowed = noise + 10 * rtol * np.maximum(np.abs(due), 1e-3 * np.maximum(largest, 1e-6))
        bad = ~(np.abs(got - due) <= allowed)
        if bad.any():
            d, i = np.unravel_index(int(np.argmax(bad)), bad.shape)
            raise GradientError(
                f"second derivative ({mode}, {labels[d]}, entry {i} of the gradient) at x = {_text(x)}: "
                f"got {got[d, i]:.12g}, due {due[d, i]:.12g} by central differences"
            )


def _differences(function: Any, x: Any, directions: Any, steps: np.ndarray) -> tuple[Any, Any]:
    """Five-point central differences of ``function`` along each direction, and its largest absolute value there."""
    offsets, coefficients = (jnp.array(column) for column in zip(*_STENCIL, strict=True))

    def along(v: Any, step: Any) -> Any:
        values = jax.vmap(lambda k: function(x + k * step * v))(offsets)  # one compiled function, not four
        return coefficients @ values / step, jnp.max(jnp.abs(values))

    derivatives, sizes = jax.vmap(along)(directions, jnp.asarray(steps))
    return derivatives, jnp.max(sizes)


def _as_scalar_function(
    function: Callable[..., Any], args: Any, rng: np.random.Generator
) -> tuple[Callable[[Any], Any], Any]:
    leaves, structure = jax.tree.flatten(args)
    floats = [i for i, leaf in enumerate(leaves) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    if not floats:
        raise TypeError("check_gradients: no floating point argument to differentiate")
    x, unravel = ravel_pytree([leaves[i] for i in floats])

    def output(x: Any) -> Any:
        moved = dict(zip(floats, unravel(x), strict=True))
        return ravel_pytree(function(*structure.unflatten([moved.get(i, leaf) for i, leaf in enumerate(leaves)])))[0]

    size = jax.eval_shape(output, x).size
    contraction = jnp.asarray(rng.uniform(0.5, 1.5, size) if size > 1 else np.ones(size))
    return lambda x: jnp.vdot(contraction, output(x)), x


def _directions(rng: np.random.Generator, x: Any, entries: int) -> tuple[list[str], np.ndarray]:
    chosen = np.arange(x.size) if x.size <= entries else np.sort(rng.choice(x.size, entries, replace=False))
    labels = [f"entry {i}" for i in chosen]
    directions = np.zeros((len(chosen), x.size))
    directions[np.arange(len(chosen)), chosen] = 1
    if x.size > entries:
        labels += ["a random direction"] * 4
        directions = np.concatenate([directions, rng.choice([-1.0, 1.0], (4, x.size))])
    return labels, directions


def _widen(leaf: Any) -> Any:
    return leaf.astype(jnp.float64) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf


def _text(x: Sequence[float] | Any) -> str:
    return np.array2string(np.asarray(x), precision=6, threshold=8, separator=", ").replace("\n", "")
