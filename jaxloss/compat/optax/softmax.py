"""`optax.losses` of logits and class labels, over one or several class axes, with masks of single classes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss import checks, classification, numerics
from jaxloss.compat.arrays import Axis, as_compute, axes_of, cast, classes_last, promoted, stretched, together
from jaxloss.rows.labels import pick, picked
from jaxloss.rows.softmax import largest, score, surprises

__all__ = [
    "poly_loss_cross_entropy",
    "ranking_softmax_loss",
    "safe_softmax_cross_entropy",
    "smooth_labels",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_integer_labels",
]


def softmax_cross_entropy(
    logits: ArrayLike, labels: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None
) -> Array:
    """Cross-entropy of label distributions and the softmax of the logits; see `jaxloss.softmax_cross_entropy`.

    ``where`` says which classes exist, or which rows if it has the shape of the result.
    """
    rows, targets, exists = _dense_rows("softmax_cross_entropy", logits, labels, axis, where)
    values = classification.softmax_cross_entropy(rows, targets, where=exists, reduction="none")
    return cast(values, promoted(logits, labels))


def safe_softmax_cross_entropy(logits: ArrayLike, labels: ArrayLike) -> Array:
    """`softmax_cross_entropy` over the last axis: here both take logits of -inf."""
    return softmax_cross_entropy(logits, labels)


def poly_loss_cross_entropy(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    epsilon: ArrayLike = 2.0,
    axis: Axis = -1,
    where: ArrayLike | None = None,
) -> Array:
    """Cross-entropy plus ``epsilon`` times the probability that is missing; see `jaxloss.poly_cross_entropy`."""
    checks.floating("poly_loss_cross_entropy", labels=labels)
    rows, targets, _ = _dense_rows("poly_loss_cross_entropy", logits, labels, axis, where)
    classes = surprises(score(rows, largest("poly_loss_cross_entropy", None, rows, -1)), -1)
    nll = jnp.where((targets == 0) & (classes.nll == jnp.inf), 0, classes.nll)  # an impossible class costs 0
    (factor,) = as_compute(cast(jnp.asarray(epsilon), rows.dtype)[..., None])
    values = jnp.sum(jnp.multiply(*stretched(targets, nll + jnp.multiply(*stretched(factor, classes.complements)))), -1)
    return cast(values, promoted(logits, labels, epsilon))


def softmax_cross_entropy_with_integer_labels(
    logits: ArrayLike, labels: ArrayLike, axis: int | tuple[int, ...] = -1, where: ArrayLike | None = None
) -> Array:
    """Cross-entropy of class ids; see `jaxloss.softmax_cross_entropy_with_integer_labels`.

    With several axes, in their order, the classes are numbered as in the flattened array. ``where`` as in
    `softmax_cross_entropy`; a label that it masks is compared with the classes that exist.
    """
    name = "softmax_cross_entropy_with_integer_labels"
    if not isinstance(axis, int | tuple):
        raise ValueError(f"{name}: axis must be an integer or a tuple of integers, got {axis!r}")
    (rows,) = checks.floating(name, logits=logits)
    if not checks.labels_are_integers(labels):
        raise TypeError(f"{name}: labels must be integer class ids, got {jnp.result_type(labels)}")
    axes, mask = axes_of(axis, rows.ndim), _expanded(where, axis, rows.ndim)
    if mask is not None:
        rows, mask = stretched(rows, mask)
        (mask,) = classes_last(axes, mask)
    (rows,) = classes_last(axes, rows)
    if jnp.ndim(labels) != rows.ndim - 1:
        raise ValueError(f"{name}: labels must have {rows.ndim - 1} axes, one for each row, got {jnp.shape(labels)}")
    shape = jnp.broadcast_shapes(rows.shape[:-1], jnp.shape(labels))
    rows, ids = jnp.broadcast_to(rows, (*shape, rows.shape[-1])), jnp.broadcast_to(labels, shape)
    dtype = jnp.result_type(logits)
    if mask is None:
        values = classification.softmax_cross_entropy_with_integer_labels(rows, ids, reduction="none")
        return cast(values, dtype)
    mask = jnp.broadcast_to(mask, rows.shape)
    possible = jnp.where(mask, rows, -jnp.inf)
    own = jnp.any(mask & picked(ids, rows.shape, -1), -1)
    values = classification.softmax_cross_entropy_with_integer_labels(possible, ids, where=own, reduction="none")
    outside = numerics.logsumexp(possible, -1) - pick(jnp.where(mask, 0, rows), ids, -1)
    return cast(jnp.where(own, values, jnp.where(jnp.any(mask, -1), outside, 0)), dtype)


def ranking_softmax_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduce_fn: Callable[..., Any] | None = jnp.mean,
) -> Array:
    """Cross-entropy of the labels of the items of a list and the softmax of their scores, lists reduced.

    ``reduce_fn`` is called with the lists' losses and ``where=`` which lists have an item; None does not reduce.
    """
    checks.floating("ranking_softmax_loss", logits=logits)
    relevance = cast(jnp.asarray(labels), jnp.result_type(logits))
    dtype = jnp.result_type(logits) if weights is None else promoted(logits, weights)
    if weights is not None:
        relevance = jnp.multiply(*together(relevance, weights))
    rows, targets, exists = _dense_rows("ranking_softmax_loss", logits, relevance, -1, where)
    values = cast(classification.softmax_cross_entropy(rows, targets, where=exists, reduction="none"), dtype)
    if reduce_fn is None:
        return values
    result = reduce_fn(values, where=exists)
    if reduce_fn is not jnp.mean or exists is None:
        return result
    return jnp.where(jnp.any(exists), result, 0)


def smooth_labels(labels: ArrayLike, alpha: ArrayLike, *, axis: Axis = -1, where: ArrayLike | None = None) -> Array:
    """Mix of the labels and the uniform distribution over the classes, or over those that ``where`` says exist.

    Example:
      >>> smooth_labels(jnp.array([1.0, 0.0, 0.0, 0.0]), 0.2)
      Array([0.85, 0.05, 0.05, 0.05], dtype=float32)
    """
    checks.floating("smooth_labels", labels=labels)
    dtype = promoted(labels, alpha)
    if where is None:
        shape = jnp.shape(labels)
        classes: Any = math.prod(shape[a] for a in axes_of(axis, len(shape)))
    else:
        classes = jnp.maximum(jnp.sum(where, axis, keepdims=True, dtype=jnp.int32), 1)
    mixed, share, classes = together(labels, alpha, classes)
    return cast((1 - share) * mixed + share / classes, dtype)


def _dense_rows(
    name: str, logits: ArrayLike, labels: ArrayLike, axis: Axis, where: ArrayLike | None
) -> tuple[Array, Array, Array | None]:
    """Rows of logits and of labels with the classes last, and which rows have a class; None for all.

    What is masked is an impossible class without a label.
    """
    checks.floating(name, logits=logits)
    rows, targets = as_compute(logits, labels)
    mask = _expanded(where, axis, rows.ndim)
    if mask is not None:
        rows, mask = stretched(rows, mask)
        rows = jnp.where(mask, rows, -jnp.inf)
    ndim = max(rows.ndim, targets.ndim)
    if targets.ndim > rows.ndim and axis is not None and max(axes_of(axis, rows.ndim)) in _as_tuple(axis):
        raise ValueError(f"{name}: axis {axis} counts from the front, but labels have more axes than logits")
    axes = (
        axes_of(axis, ndim) if axis is None or targets.ndim <= rows.ndim else tuple(a % ndim for a in _as_tuple(axis))
    )
    rows = rows.reshape((1,) * (ndim - rows.ndim) + rows.shape)
    targets = targets.reshape((1,) * (ndim - targets.ndim) + targets.shape)
    if mask is not None:
        mask, targets = stretched(mask.reshape((1,) * (ndim - mask.ndim) + mask.shape), targets)
        targets = jnp.where(mask, targets, 0)
    # Where only the labels have several classes, all of them are those of the one logit.
    for a in axes:
        if rows.shape[a] == 1 != targets.shape[a]:
            targets = jnp.sum(targets, a, keepdims=True)
            mask = None if mask is None else jnp.any(mask, a, keepdims=True)
    rows, targets = classes_last(axes, *stretched(rows, targets))
    if mask is None:
        return rows, targets, None
    exists = jnp.any(mask, axes)
    return rows, targets, jnp.broadcast_to(exists, rows.shape[:-1])


def _expanded(where: ArrayLike | None, axis: Axis, ndim: int) -> Array | None:
    """The mask with the axes of the logits: one of rows gets the class axes."""
    if where is None or jnp.ndim(where) == ndim:
        return None if where is None else jnp.asarray(where)
    if axis is None:
        raise ValueError(f"where must have the {ndim} axes of the logits for axis=None, got shape {jnp.shape(where)}")
    return jnp.expand_dims(jnp.asarray(where), axis)


def _as_tuple(axis: int | tuple[int, ...]) -> tuple[int, ...]:
    return (axis,) if isinstance(axis, int) else tuple(axis)
