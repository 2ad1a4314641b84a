"""Tokens whose logits are a product of hidden states and a kernel: their checks, and the way to `jaxloss.kernels`.

A kernel of two axes serves all tokens. One with more is a kernel for each batch: its leading axes are those of the
hidden states.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike, DTypeLike

from jaxloss import checks
from jaxloss.kernels.linear_rows import Plan, Projection, chunk_rows, chunked, reference

__all__ = ["check_rows", "classes_of", "projection", "run", "token_shape"]

IMPLEMENTATIONS = {"xla": chunked, "reference": reference}


def projection(
    name: str,
    hidden: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None,
    *,
    tied: bool,
    words: tuple[str, str, str] = ("hidden", "kernel", "bias"),
) -> Projection:
    """Return hidden states and kernel, checked and of one dtype, and the bias in the compute dtype."""
    given = {words[0]: hidden, words[1]: kernel} | ({} if bias is None else {words[2]: bias})
    wide = checks.floating(name, **given)
    hidden, kernel = jnp.asarray(hidden), jnp.asarray(kernel)
    if hidden.dtype != kernel.dtype or (bias is not None and wide[0].dtype != checks.compute_dtype(hidden)):
        hidden, kernel = wide[:2]  # else a 16-bit product stays one: its sums are in the compute dtype
    _check_shapes(name, words, hidden, kernel, wide[2] if bias is not None else None, tied)
    return Projection(hidden, kernel, wide[2] if bias is not None else None)


def _check_shapes(
    name: str, words: tuple[str, str, str], hidden: Array, kernel: Array, bias: Array | None, tied: bool
) -> None:
    layout = "[..., classes, features]" if tied else "[..., features, classes]"
    if hidden.ndim < 1 or kernel.ndim < 2:
        raise ValueError(
            f"{name}: {words[0]} must have shape [..., features] and {words[1]} {layout}, "
            f"got {hidden.shape} and {kernel.shape}"
        )
    batch, features = kernel.shape[:-2], kernel.shape[-1 if tied else -2]
    if hidden.shape[-1] != features or hidden.shape[: len(batch)] != batch or hidden.ndim <= len(batch):
        raise ValueError(
            f"{name}: {words[1]} of shape {kernel.shape} is {layout}, "
            f"which does not fit {words[0]} of shape {hidden.shape}"
        )
    classes = kernel.shape[-2 if tied else -1]
    if bias is not None and bias.shape != (*batch, classes):
        raise ValueError(f"{name}: {words[2]} must have shape {(*batch, classes)}, got {bias.shape}")


def classes_of(projection: Projection, *, tied: bool) -> int:
    """Return the number of classes."""
    return projection.kernel.shape[-2 if tied else -1]


def token_shape(projection: Projection) -> tuple[int, ...]:
    """Return the shape of what has one number per token."""
    return projection.hidden.shape[:-1]


def check_rows(name: str, argument: str, array: Array, projection: Projection, word: str = "hidden") -> None:
    """Raise ValueError unless the array has one entry per token."""
    if array.shape != token_shape(projection):
        raise ValueError(
            f"{name}: {argument} must have shape {token_shape(projection)}, that of {word} "
            f"{projection.hidden.shape} without its last axis, got {array.shape}"
        )


def run(
    name: str,
    rows: Any,
    projections: Sequence[Projection],
    operands: Any,
    exists: ArrayLike | None,
    *,
    dtype: DTypeLike,
    tied: bool = False,
    summed: bool,
    chunk_size: int | None = None,
    implementation: str | None = None,
) -> tuple[Array, Any]:
    """Return the sum of the rows' values, or each, and what else they give, of tokens with their leading axes.

    Args:
      name: the loss that calls, for its errors.
      rows: as in `jaxloss.kernels.linear_rows.Plan`.
      projections: those of the logits that the rows take; their kernels have the same batch axes.
      operands: pytree of arrays that start with the axes of the tokens.
      exists: which tokens exist, of a shape that stretches to theirs; None if all do.
      dtype: that of the values.
      tied: whether the kernels are embedding tables.
      summed: whether the result is the sum, of which the gradient is made together with the value.
      chunk_size: tokens of a chunk; None for as many as the memory target allows.
      implementation: "xla", "reference" or None for what is best here.
    """
    module: Any = _implementation(name, implementation)
    tokens, batch = token_shape(projections[0]), projections[0].kernel.shape[:-2]
    alone = math.prod(batch) == 1  # one batch is not worth a batch axis of the products
    inner = math.prod(tokens[len(batch) :])
    # The derivative of values that are not summed keeps twice as many arrays: the logits and what comes back to them.
    arrays = (1 if summed else 2) * sum(classes_of(p, tied=tied) for p in projections)
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"{name}: chunk_size must be positive, got {chunk_size}")
    plan = Plan(rows, tied, chunk_rows(inner, arrays * jnp.dtype(dtype).itemsize, chunk_size))
    if exists is not None:
        exists = jnp.broadcast_to(exists, tokens)

    lead = (inner,) if alone else (math.prod(batch), inner)
    flat = lambda array: array.reshape(*lead, *array.shape[len(tokens) :])
    shared = lambda array: array.reshape(*lead[:-1], *array.shape[len(batch) :])
    parts = tuple(
        Projection(flat(p.hidden), shared(p.kernel), None if p.bias is None else shared(p.bias)) for p in projections
    )
    operands, exists = jax.tree.map(flat, (operands, exists))
    op = module.total if summed else module.values
    call = lambda *args: op(plan, *args, dtype)
    found, others = (call if alone else jax.vmap(call))(parts, operands, exists)
    others = jax.tree.map(lambda array: array.reshape(tokens), others)
    return (jnp.sum(found) if summed else found.reshape(tokens)), others


def _implementation(name: str, implementation: str | None) -> Any:
    if implementation == "pallas_gpu":
        raise ValueError(
            f"{name}: there is no 'pallas_gpu' implementation for this device in this version; "
            "implementation=None or 'xla' runs on every device"
        )
    if implementation is None:
        return chunked
    return IMPLEMENTATIONS[checks.choice(name, "implementation", implementation, tuple(IMPLEMENTATIONS))]
