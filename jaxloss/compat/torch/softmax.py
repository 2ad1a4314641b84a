"""`torch.nn.functional` losses of classes, which are on axis 1, or on axis 0 of a single example."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss import checks, classification
from jaxloss import reduce as reductions
from jaxloss.compat.arrays import as_compute, cast, promoted
from jaxloss.compat.torch.reductions import check_reduction
from jaxloss.rows.labels import along, class_table, of_label, pick, picked

__all__ = ["cross_entropy", "nll_loss"]


def cross_entropy(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """Cross-entropy of class ids, or of probabilities of the shape of ``input``, and the softmax of the logits.

    Of class ids the mean divides by the sum of the weights of their classes, of probabilities by the number of rows;
    with ``weight``, smoothed labels are weighted class by class. See `jaxloss.softmax_cross_entropy` and
    `jaxloss.softmax_cross_entropy_with_integer_labels`.

    Example:
      >>> logits, labels = jnp.array([[2.0, 0.0], [0.0, 0.0], [1.0, 1.0]]), jnp.array([0, 1, -100])
      >>> cross_entropy(logits, labels, weight=jnp.array([1.0, 3.0]))
      Array(0.5515924, dtype=float32)
    """
    name = "cross_entropy"
    how = check_reduction(name, reduction, size_average, reduce)
    checks.floating(name, input=input)
    (x,), axis, dtype = as_compute(input), _class_axis(name, input), jnp.result_type(input)
    if jnp.shape(target) == x.shape:
        checks.floating(name, target=target)
        dtype, (x, y) = promoted(input, target), as_compute(input, target)
        factors = _smoothed(name, y, weight, label_smoothing, axis)
        values = classification.softmax_cross_entropy(x, factors, axis=axis, reduction="none")
        return cast(reductions.apply(name, values, reduction=how), dtype)
    checks.parameter(name, "label_smoothing", label_smoothing, x, minimum=0, maximum=1)
    x, ids, where, factors = _id_rows(name, x, target, weight, ignore_index, axis)
    if weight is None or label_smoothing == 0:
        kernel = classification.softmax_cross_entropy_with_integer_labels
        share = {"label_smoothing": label_smoothing, "weights": None if weight is None else factors}
        return cast(kernel(x, ids, axis=axis, where=where, reduction=how, **share), dtype)
    one_hot = picked(ids, x.shape, axis).astype(x.dtype)
    labels = _smoothed(name, one_hot, weight, label_smoothing, axis)
    values = classification.softmax_cross_entropy(x, labels, axis=axis, reduction="none")
    values = values * jnp.where(jnp.isnan(factors), jnp.nan, 1).astype(values.dtype)  # a label that is no class
    if how != "mean":
        return cast(reductions.apply(name, values, where=where, reduction=how), dtype)
    # The values have their weights already, the mean divides by those of the labels.
    total = reductions.apply(name, values, where=where, reduction="sum")
    mass = jnp.sum(jnp.where(where, factors, 0))
    return cast(jnp.where(mass == 0, 0, total / jnp.where(mass == 0, 1, mass)), dtype)


def nll_loss(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """Negative log-probability of class ids, of log-probabilities; the mean divides by the sum of the weights."""
    name = "nll_loss"
    how = check_reduction(name, reduction, size_average, reduce)
    checks.floating(name, input=input)
    axis = _class_axis(name, input)
    x, ids, where, factors = _id_rows(name, as_compute(input)[0], target, weight, ignore_index, axis)
    values = reductions.apply(name, -pick(x, ids, axis), where=where, weights=factors, reduction=how)
    return cast(values, jnp.result_type(input))


def _class_axis(name: str, logits: ArrayLike) -> int:
    """Axis 1, or 0 of a single example, counted from the end."""
    ndim = jnp.ndim(logits)
    if ndim == 0:
        raise ValueError(f"{name}: input must have a class axis, got a scalar")
    return 1 - ndim if ndim > 1 else -1


def _id_rows(
    name: str, x: Array, target: ArrayLike, weight: ArrayLike | None, ignore_index: int, axis: int
) -> tuple[Array, Array, Array, Array]:
    """Rows and class ids, 0 where ignored, which rows are not, and the weights of the labels."""
    x, ids, axis = checks.integer_rows(name, x, target, axis, arguments=("input", "target"))
    where = ids != ignore_index
    ids = jnp.where(where, ids, 0)
    table = jnp.ones(x.shape[axis], x.dtype) if weight is None else class_table(name, "weight", weight, x, axis)
    return reductions.keep(name, where, x, axis=axis), ids, where, of_label(table, ids)


def _smoothed(name: str, labels: Array, weight: ArrayLike | None, smoothing: float, axis: int) -> Array:
    """The labels, mixed with the uniform distribution, each class times its weight."""
    share: Any = checks.parameter(name, "label_smoothing", smoothing, labels, minimum=0, maximum=1)
    labels = (1 - share) * labels + share / labels.shape[axis]
    if weight is None:
        return labels
    return labels * along(class_table(name, "weight", weight, labels, axis), axis, labels.ndim)
