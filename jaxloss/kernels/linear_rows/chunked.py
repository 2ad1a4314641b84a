"""The op in chunks of tokens: a ``scan``, of which one chunk's logits are in memory at a time.

`total` makes the gradient together with the value, while it has the logits of a chunk: three products in all, as with
all logits in memory. `values` cannot, for it does not know what will be made of its values; its gradient computes the
logits again, which is a fourth product.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero
from jax.typing import DTypeLike

from jaxloss.kernels.linear_rows import reference
from jaxloss.kernels.linear_rows.shapes import Plan, Projection, logits_of
from jaxloss.numerics.elementary import one_dispatch

__all__ = ["total", "values"]


def values(
    plan: Plan, projections: Sequence[Projection], operands: Any, exists: Array | None, dtype: DTypeLike
) -> tuple[Array, Any]:
    """Return the value of each token, 0 for one that does not exist, and what else the rows give."""
    # In the compute dtype, so that the gradients of the kernel's chunks are summed in it.
    wide = [p.kernel.astype(dtype) for p in projections]
    chunks, tokens = _chunks(plan, projections, operands, exists)

    @partial(jax.checkpoint, prevent_cse=False)
    def body(wide: Any, chunk: Any) -> Any:
        hidden, operands, exists = chunk
        parts = [Projection(h, w.astype(h.dtype), p.bias) for h, w, p in zip(hidden, wide, projections, strict=True)]
        logits = tuple(_narrowed(logits_of(p, exists, dtype, tied=plan.tied), p.hidden.dtype) for p in parts)
        found, others = plan.rows(logits, operands)
        return found if exists is None else jnp.where(exists, found, 0), others

    _, found = lax.scan(lambda _, chunk: (None, body(wide, chunk)), None, chunks)
    return _joined(found, tokens)


values = one_dispatch(values, static_argnums=(0, 4))


# The derivative of the sum along (dh, dW, db) is <g W^T, dh> + <h^T g, dW> + <1 g, db>, with g the derivative in the
# logits: numbers that are known when the tangents are not. So reverse mode multiplies them by the cotangent, and keeps
# nothing else.
@partial(jax.custom_jvp, nondiff_argnums=(0, 4))
def total(
    plan: Plan, projections: Sequence[Projection], operands: Any, exists: Array | None, dtype: DTypeLike
) -> tuple[Array, Any]:
    """Return the sum of the values, and what else the rows give; the gradient is made in the forward pass."""
    chunks, tokens = _chunks(plan, projections, operands, exists)

    def body(total: Array, chunk: Any) -> tuple[Array, Any]:
        hidden, operands, exists = chunk
        parts = [p._replace(hidden=h) for p, h in zip(projections, hidden, strict=True)]
        value, others = reference.total(plan, parts, operands, exists, dtype)
        return total + value, others

    value, others = lax.scan(body, _zero(chunks, projections, dtype), chunks)
    return value, _joined(others, tokens)


def _total_jvp(plan: Plan, dtype: DTypeLike, primals: Any, tangents: Any) -> Any:
    projections, operands, exists = primals
    moving = jax.tree.map(lambda t: not isinstance(t, SymbolicZero), tangents[:2], is_leaf=_is_zero)
    wanted, structure = jax.tree.flatten(moving)
    value, others, slopes = _with_gradient(plan, projections, operands, exists, dtype, tuple(wanted))
    changes = [c for c, w in zip(structure.flatten_up_to(tangents[:2]), wanted, strict=True) if w]
    change = sum((_inner(s, c, dtype) for s, c in zip(slopes, changes, strict=True)), start=jnp.zeros((), dtype))
    return (value, others), (change, jax.tree.map(_no_tangent, others))


total.defjvp(_total_jvp, symbolic_zeros=True)
total = one_dispatch(total, static_argnums=(0, 4))


def _gradient_scan(
    plan: Plan, projections: Any, operands: Any, exists: Array | None, dtype: DTypeLike, wanted: tuple[bool, ...]
) -> tuple[Array, Any, list[Array]]:
    """Return the total, the rest, and the gradients of those leaves of projections and operands that are wanted."""
    chunks, tokens = _chunks(plan, projections, operands, exists)
    of_projections, of_operands = jax.tree.structure((projections, operands)).unflatten(wanted)

    # Checkpointed for the second derivative: else the reverse of this scan keeps all logits.
    @partial(jax.checkpoint, prevent_cse=False)
    def gradient(projections: Any, chunk: Any) -> Any:
        hidden, operands, exists = chunk
        parts = [p._replace(hidden=h) for p, h in zip(projections, hidden, strict=True)]
        logits = tuple(logits_of(p, exists, dtype, tied=plan.tied) for p in parts)
        free, rebuilt = _split(operands, of_operands)

        def summed(logits: Any, free: Any) -> Any:
            found, others = plan.rows(logits, rebuilt(free))
            return jnp.sum(found if exists is None else jnp.where(exists, found, 0)), others

        (value, others), (slopes, rest) = jax.value_and_grad(summed, (0, 1), has_aux=True)(logits, free)
        of_parts = [
            _of_part(*each, exists, dtype, plan.tied) for each in zip(parts, slopes, of_projections, strict=True)
        ]
        return value, others, of_parts, rest

    def body(sums: Any, chunk: Any) -> Any:
        value, others, of_parts, rest = gradient(projections, chunk)
        shared = [p._replace(hidden=None) for p in of_parts]
        return jax.tree.map(jnp.add, sums, (value, shared)), (others, [p.hidden for p in of_parts], rest)

    zero = _zero(chunks, projections, dtype)
    zeros = jax.tree.map(
        lambda leaf, want: jnp.broadcast_to(zero, leaf.shape) if want else None,
        [p._replace(hidden=None) for p in projections],
        [want._replace(hidden=None) for want in of_projections],
    )
    (value, shared), stacked = lax.scan(body, (zero, zeros), chunks)
    others, hidden, rest = _joined(stacked, tokens)
    slopes = [p._replace(hidden=h) for p, h in zip(shared, hidden, strict=True)]
    return value, others, jax.tree.leaves((slopes, rest))


# A scan in the rule of a custom derivative loses, under reverse mode, the custom derivatives of what its body calls:
# jax looks for what does not change from step to step, and forgets them. Only what is a custom derivative itself is
# left alone. This one is what jax would take anyway, for the second derivative of the op.
_with_gradient = jax.custom_jvp(_gradient_scan, nondiff_argnums=(0, 4, 5))


@_with_gradient.defjvp
def _(plan, dtype, wanted, primals, tangents):
    scan = lambda projections, operands, exists: _gradient_scan(plan, projections, operands, exists, dtype, wanted)
    return jax.jvp(scan, primals, tangents)


def _of_part(
    part: Projection, slope: Array, want: Projection, exists: Array | None, dtype: DTypeLike, tied: bool
) -> Projection:
    """Return the gradients of what makes the logits, None for what is not wanted."""
    factor = _within_float16(slope) if part.hidden.dtype == jnp.float16 else 1
    narrow = (slope * factor).astype(part.hidden.dtype)
    kept = slope if exists is None else jnp.where(exists[:, None], slope, 0)
    slopes: Any = (
        _product(narrow, part.kernel, 1, 0 if tied else 1, dtype) / factor if want.hidden else None,
        _of_kernel(part.hidden, narrow, dtype, tied) / factor if want.kernel else None,
        jnp.sum(kept, 0) if want.bias else None,
    )
    return Projection(*slopes)


def _of_kernel(hidden: Array, slope: Array, dtype: DTypeLike, tied: bool) -> Array:
    """Return the gradient of the kernel."""
    if tied:
        return _product(slope, hidden, 0, 0, dtype)
    # XLA:CPU makes a product over the rows of both in a slower routine than one of a row and a column: of 1024 tokens,
    # 512 features and 32768 classes in 1.3 times the time. To turn the hidden states first is nothing to that; the
    # barrier keeps XLA from turning them back.
    return _product(lax.optimization_barrier(hidden.T), slope, 1, 0, dtype)


def _within_float16(slope: Array) -> Array:
    """Return a power of two that brings the largest slope just below 2^15.

    Probabilities over the number of tokens are below the smallest normal float16, 2^-14, and no scaling of the loss
    helps: these slopes are made before its cotangent is known.
    """
    size = lax.stop_gradient(jnp.max(jnp.where(jnp.isfinite(slope), jnp.abs(slope), 0)))
    _, exponent = jnp.frexp(size)  # 0 for 0
    return jnp.ldexp(jnp.ones((), slope.dtype), jnp.clip(15 - exponent, -100, 100))


def _split(operands: Any, wanted: Any) -> tuple[list[Array], Any]:
    """Return the wanted leaves, and how to put others in their place."""
    leaves, structure = jax.tree.flatten(operands)
    flags = jax.tree.leaves(wanted)

    def rebuilt(free: list[Array]) -> Any:
        moved = iter(free)
        return structure.unflatten([next(moved) if w else leaf for leaf, w in zip(leaves, flags, strict=True)])

    return [leaf for leaf, w in zip(leaves, flags, strict=True) if w], rebuilt


def _chunks(
    plan: Plan, projections: Sequence[Projection], operands: Any, exists: Array | None
) -> tuple[tuple[Any, Any, Any], int]:
    """Return hidden states, operands and mask with a leading axis of chunks, and the number of tokens."""
    tokens = projections[0].hidden.shape[0]
    chunks = -(-tokens // plan.chunk) if tokens else 0
    missing = chunks * plan.chunk - tokens
    if missing and exists is None:
        exists = jnp.ones(tokens, bool)

    def cut(array: Array, mode: Any = "edge") -> Array:
        if missing:
            array = jnp.pad(array, [(0, missing)] + [(0, 0)] * (array.ndim - 1), mode=mode)
        return array.reshape(chunks, plan.chunk, *array.shape[1:])

    # What does not exist has hidden states of 0 and operands that are valid: its slope is 0 times a finite number.
    hidden = [cut(p.hidden, "constant") for p in projections]
    exists = None if exists is None else cut(exists, "constant")
    return (hidden, jax.tree.map(cut, operands), exists), tokens


def _zero(chunks: Any, projections: Any, dtype: DTypeLike) -> Array:
    """Return 0, as a sum of no entries of all these arrays: under ``shard_map`` it varies over devices as they do."""
    leaves = jax.tree.leaves((chunks, projections))
    return sum((jnp.sum(leaf.ravel()[:0].astype(dtype)) for leaf in leaves), start=jnp.zeros((), dtype))


def _joined(stacked: Any, tokens: int) -> Any:
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:])[:tokens], stacked)


def _product(first: Array, second: Array, i: int, j: int, dtype: DTypeLike) -> Array:
    contracted = (((i,), (j,)), ((), ()))
    return lax.dot_general(first, second, contracted, precision="highest", preferred_element_type=dtype)


def _inner(slope: Array, change: Array, dtype: DTypeLike) -> Array:
    return jnp.sum(slope * change.astype(dtype))


def _is_zero(leaf: Any) -> bool:
    return isinstance(leaf, SymbolicZero)


def _no_tangent(array: Array) -> Any:
    floating = jnp.issubdtype(array.dtype, jnp.floating)
    return jnp.zeros_like(array) if floating else np.zeros(array.shape, jax.dtypes.float0)


# The products of the gradient are of the hidden states' dtype: what goes back through the logits is rounded to it.
@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _narrowed(logits: Array, dtype: DTypeLike) -> Array:
    del dtype
    return logits


@_narrowed.defjvp
def _(dtype, primals, tangents):
    (change,) = tangents
    # A probability over the number of tokens is below the range of float16.
    narrows = dtype not in (change.dtype, jnp.float16)
    return primals[0], change.astype(dtype).astype(change.dtype) if narrows else change
