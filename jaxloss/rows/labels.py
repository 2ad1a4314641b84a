"""Class labels: integer ids or dense distributions, told apart by dtype, checked, masked and picked."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from jaxloss import checks, reduce

__all__ = [
    "ClassRows",
    "IdRows",
    "along",
    "class_rows",
    "class_table",
    "id_rows",
    "of_label",
    "pick",
    "picked",
    "row_like",
]


class ClassRows(NamedTuple):
    """Rows of scores and of label distributions, masked, and what the loss needs to finish."""

    scores: Array
    labels: Array
    """Dense, of the shape of the scores; a row of an integer label outside the classes is all 0."""
    axis: int
    """The class axis, counted from the end."""
    where: ArrayLike | None
    """The mask, without the rows of ``ignore_index``."""
    valid: Array | float
    """1, or NaN for a row whose integer label is outside the classes: a factor of the row's loss, so that value and
    gradient both are NaN."""


class IdRows(NamedTuple):
    """Rows of scores and one class id for each, masked."""

    scores: Array
    ids: Array
    axis: int
    """The class axis, counted from the end."""
    where: ArrayLike | None
    """The mask, without the rows of ``ignore_index``."""


def id_rows(
    name: str,
    scores: ArrayLike,
    ids: ArrayLike,
    *,
    axis: int,
    where: ArrayLike | None,
    ignore_index: int | None = None,
    arguments: tuple[str, str] = ("logits", "labels"),
    fill: float = 0,
) -> IdRows:
    """Return checked and masked rows for a loss that takes class ids."""
    scores, ids, axis = checks.integer_rows(name, scores, ids, axis, arguments=arguments)
    where = reduce.except_label(where, ids, ignore_index)
    return IdRows(reduce.keep(name, where, scores, axis=axis, fill=fill), reduce.keep(name, where, ids), axis, where)


def class_rows(
    name: str,
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    axis: int,
    where: ArrayLike | None,
    ignore_index: int | None = None,
    arguments: tuple[str, str] = ("logits", "labels"),
    fill: float = 0,
) -> ClassRows:
    """Return checked and masked rows for a loss that takes class ids or label distributions."""
    if not checks.labels_are_integers(labels):
        if ignore_index is not None:
            raise ValueError(f"{name}: ignore_index applies to integer labels, got labels of {jnp.result_type(labels)}")
        dense, targets, axis = checks.dense_rows(name, scores, labels, axis, arguments=arguments)
        dense = reduce.keep(name, where, dense, axis=axis, fill=fill)
        return ClassRows(dense, reduce.keep(name, where, targets, axis=axis), axis, where, 1.0)
    dense, ids, axis, where = id_rows(
        name, scores, labels, axis=axis, where=where, ignore_index=ignore_index, arguments=arguments, fill=fill
    )
    own = picked(ids, dense.shape, axis)
    valid = (ids >= 0) & (ids < dense.shape[axis])
    return ClassRows(dense, own.astype(dense.dtype), axis, where, jnp.where(valid, 1.0, jnp.nan).astype(dense.dtype))


# The derivative of a gather is a scatter when transposed, which is serial on the CPU; that of a masked sum is a select.
@partial(jax.custom_jvp, nondiff_argnums=(2,))
def pick(rows: Array, ids: Array, axis: int) -> Array:
    """Return the entry of each row at its label, without the class axis; NaN outside the classes, gradient included."""
    inside = jnp.where(ids < 0, rows.shape[axis], ids)  # a negative index would wrap
    found = jnp.take_along_axis(rows, jnp.expand_dims(inside, axis), axis, mode="fill", fill_value=jnp.nan)
    return jnp.squeeze(found, axis)


@pick.defjvp
def _(axis, primals, tangents):
    (rows, ids), change = primals, tangents[0]
    outside = (ids < 0) | (ids >= rows.shape[axis])
    own = picked(ids, rows.shape, axis) | jnp.expand_dims(outside, axis)
    factor = jnp.where(outside, jnp.nan, 1).astype(change.dtype)
    return pick(rows, ids, axis), jnp.sum(jnp.where(own, change, 0), axis) * factor


def class_table(name: str, argument: str, table: ArrayLike, rows: Array | jax.ShapeDtypeStruct, axis: int) -> Array:
    """Return a table of one number per class, checked and in the dtype of the rows."""
    (table,) = checks.real(name, rows.dtype, **{argument: table})
    if table.shape != (rows.shape[axis],):
        raise ValueError(f"{name}: {argument} must have shape {(rows.shape[axis],)}, one per class, got {table.shape}")
    return table


def along(table: Array, axis: int, ndim: int) -> Array:
    """Return one number per class, shaped to multiply an array of that many axes with the classes on ``axis``."""
    return table.reshape([-1 if i == axis else 1 for i in range(-ndim, 0)])


def of_label(table: Array, ids: Array) -> Array:
    """Return the entry of each label in a table of one number per class; NaN for a label outside the classes."""
    return jnp.take(table, jnp.where(ids < 0, len(table), ids), mode="fill", fill_value=jnp.nan)


def picked(ids: Array, shape: tuple[int, ...], axis: int) -> Array:
    """Whether each entry is the label of its row."""
    # Comparing with an iota instead of gathering: an index that is out of range picks nothing (a gather would wrap),
    # and the transpose is no scatter.
    return lax.broadcasted_iota(ids.dtype, shape, len(shape) + axis) == jnp.expand_dims(ids, axis)


def besides(ids: Array, rows: Array, axis: int) -> Array:
    """Return 0 where an entry is the label of its row, and 1 elsewhere: a factor of what is summed over the others."""
    # XLA:CPU takes arithmetic along into a sum, and no comparison: that would be written and read. A float counts the
    # classes up to 1 / epsilon.
    if rows.shape[axis] * jnp.finfo(rows.dtype).eps > 1:
        return 1 - picked(ids, rows.shape, axis).astype(rows.dtype)
    classes = along(jnp.arange(rows.shape[axis], dtype=rows.dtype), axis, rows.ndim)
    return jnp.minimum(jnp.abs(classes - jnp.expand_dims(ids, axis).astype(rows.dtype)), 1)


def row_like(array: Array, axis: int) -> jax.ShapeDtypeStruct:
    """Return the shape of what has one number per row: that of the array, with size 1 on its class axis."""
    return jax.ShapeDtypeStruct([1 if i == axis else n for i, n in enumerate(array.shape, -array.ndim)], array.dtype)
