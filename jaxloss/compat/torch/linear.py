"""`torch.nn.functional.linear_cross_entropy`, of which only some examples' logits are in memory at a time."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss import checks
from jaxloss import reduce as reductions
from jaxloss.classification import linear_softmax_cross_entropy
from jaxloss.compat.arrays import cast, promoted
from jaxloss.compat.torch.reductions import check_reduction
from jaxloss.kernels.linear_rows import Projection
from jaxloss.rows import projected
from jaxloss.rows.labels import class_table, of_label, picked
from jaxloss.rows.softmax import largest, of_distributions, score

__all__ = ["linear_cross_entropy"]


def linear_cross_entropy(
    input: ArrayLike,
    linear_weight: ArrayLike,
    target: ArrayLike,
    *,
    linear_bias: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Array:
    """`cross_entropy` of the logits ``input @ linear_weight.T + linear_bias``, of a part of the batch at a time.

    See `jaxloss.linear_softmax_cross_entropy`.

    Args:
      input: ``[in]`` or ``[batch, in]``.
      linear_weight: ``[classes, *positions, in]``; positions only with a batch.
      target: class ids ``[batch, *positions]``, or probabilities ``[batch, classes, *positions]``.
      linear_bias: ``[classes, *positions]``.
      weight, reduction, ignore_index, label_smoothing: as in `cross_entropy`.
      options: how PyTorch computes it; not looked at.
    """
    del options
    name = "linear_cross_entropy"
    how = check_reduction(name, reduction)
    tokens = _tokens(name, input, linear_weight, linear_bias)
    target, ignore_index = _target(name, target, tokens, ignore_index)
    like = jax.ShapeDtypeStruct(projected.token_shape(tokens), checks.compute_dtype(*tokens[:2]))
    smoothing = checks.parameter(name, "label_smoothing", label_smoothing, like, minimum=0, maximum=1)
    if weight is not None:
        classes = jax.ShapeDtypeStruct((projected.classes_of(tokens, tied=True),), like.dtype)
        weight = class_table(name, "weight", weight, classes, -1)
    dtype = promoted(input, linear_weight)
    # The derivative of values that are not summed has twice as many arrays of logits in memory.
    parts = 16 if how == "none" else 8
    chunk = min(max(like.shape[-1] // parts, 64), 1024) if like.shape else 1
    unsmoothed = not isinstance(smoothing, Array) and smoothing == 0
    if checks.labels_are_integers(target) and (weight is None or unsmoothed):
        options = {"bias": tokens.bias, "class_weights": weight, "label_smoothing": smoothing, "chunk_size": chunk}
        values = linear_softmax_cross_entropy(
            *tokens[:2], target, tied=True, ignore_index=ignore_index, reduction=how, **options
        )
    else:
        dtype = dtype if checks.labels_are_integers(target) else promoted(jnp.zeros((), dtype), target)
        values = _weighted(name, tokens, target, weight, smoothing, ignore_index, how, like, chunk)
    return cast(jnp.moveaxis(values, -1, 0) if values.ndim else values, dtype)


def _tokens(name: str, x: ArrayLike, table: ArrayLike, bias: ArrayLike | None) -> Projection:
    """Return the parts of the logits; a batch for each position, if there are positions."""
    checks.floating(name, input=x, linear_weight=table)
    x, table = jnp.asarray(x), jnp.asarray(table)
    if x.ndim not in (1, 2) or table.ndim < 2 or x.shape[-1] != table.shape[-1] or (x.ndim == 1 and table.ndim > 2):
        raise ValueError(
            f"{name}: input must be [in] or [batch, in] and linear_weight [classes, in], or [classes, ..., in] with a "
            f"batch, got {x.shape} and {table.shape}"
        )
    positions = table.shape[1:-1]
    if bias is not None:
        if jnp.shape(bias) != table.shape[:-1]:
            raise ValueError(f"{name}: linear_bias must have shape {table.shape[:-1]}, got {jnp.shape(bias)}")
        bias = jnp.moveaxis(jnp.asarray(bias), 0, -1)
    x, table = jnp.broadcast_to(x, (*positions, *x.shape)), jnp.moveaxis(table, 0, -2)
    return projected.projection(name, x, table, bias, tied=True, words=("input", "linear_weight", "linear_bias"))


def _target(name: str, target: ArrayLike, tokens: Projection, ignore_index: int | None) -> tuple[Array, int | None]:
    """Return ids or probabilities with the axes of the tokens first, and the id that is ignored."""
    target, rows = jnp.asarray(target), projected.token_shape(tokens)
    ids = (*rows[-1:], *rows[:-1])
    dense = (*rows[-1:], projected.classes_of(tokens, tied=True), *rows[:-1])
    if target.shape == dense:
        checks.floating(name, target=target)
        if ignore_index is not None:
            raise ValueError(f"{name}: ignore_index applies to class ids, got probabilities")
        return jnp.moveaxis(target, range(len(rows[-1:]) + 1), range(-len(rows[-1:]) - 1, 0)), None
    if not checks.labels_are_integers(target):
        raise TypeError(f"{name}: target must be integer class ids, or of shape {dense}, got {target.dtype}")
    if target.shape != ids:
        raise ValueError(f"{name}: target must be ids of shape {ids} or probabilities of {dense}, got {target.shape}")
    return jnp.moveaxis(target, 0, -1) if rows else target, -100 if ignore_index is None else ignore_index


@dataclasses.dataclass(frozen=True)
class _Rows:
    """Cross-entropies of rows of logits with smoothed labels, each class times its weight if there are weights.

    The weights of the classes come as a second array of logits: those of a projection without features, whose bias they
    are. So they need not be written out for each row, and have a gradient.
    """

    label_smoothing: float | None
    """None where it is an operand."""

    def __call__(self, logits: tuple[Array, ...], operands: dict[str, Array]) -> tuple[Array, tuple[()]]:
        (x, *weight), labels = logits, operands["target"]
        if checks.labels_are_integers(labels):
            labels = picked(labels, x.shape, -1)
        labels = labels.astype(x.dtype)
        given = self.label_smoothing
        share = operands["label_smoothing"][..., None] if given is None else given
        labels = (1 - share) * labels + share / x.shape[-1]
        if weight:
            labels = labels * weight[0]
        scores = score(x, largest("linear_cross_entropy", None, x, -1))
        values = of_distributions(scores, labels, jnp.sum(labels, -1, keepdims=True), -1).nll
        return values * operands["factors"], ()


def _weighted(
    name: str,
    tokens: Projection,
    target: Array,
    weight: Array | None,
    smoothing: Any,
    ignore_index: int | None,
    reduction: Any,
    like: jax.ShapeDtypeStruct,
    chunk: int,
) -> Array:
    """Reduced cross-entropy of probabilities, or of ids of which each class of the smoothed label has its weight."""
    where = reductions.except_label(None, target, ignore_index)
    factors, mass = jnp.ones(like.shape, like.dtype), jnp.asarray(float(like.size), like.dtype)
    if where is not None and weight is not None:  # class ids
        target = reductions.keep(name, where, target)
        tokens = tokens._replace(hidden=reductions.keep(name, where, tokens.hidden, axis=-1))
        own = of_label(weight, target)
        factors = jnp.where(jnp.isnan(own), jnp.nan, 1).astype(like.dtype)  # a label that is no class
        mass = jnp.sum(jnp.where(where, own, 0))  # The values have their weights, the mean divides by the labels'.
    if reduction == "mean":
        factors = jnp.where(mass == 0, 0, factors / jnp.where(mass == 0, 1, mass))
    parts, operands = [tokens], {"target": target, "factors": factors}
    if weight is not None:
        batch, (*lead, classes, _) = tokens.hidden.shape[:-1], tokens.kernel.shape
        empty = jnp.zeros((*batch, 0), tokens.hidden.dtype), jnp.zeros((*lead, classes, 0), tokens.kernel.dtype)
        parts.append(Projection(*empty, jnp.broadcast_to(weight, (*lead, classes))))
    if isinstance(smoothing, Array):
        operands["label_smoothing"] = jnp.broadcast_to(smoothing, like.shape)
    rows = _Rows(None if isinstance(smoothing, Array) else smoothing)
    values, _ = projected.run(
        name,
        rows,
        parts,
        operands,
        where,
        dtype=like.dtype,
        tied=True,
        summed=reduction != "none",
        chunk_size=chunk,
    )
    return values
