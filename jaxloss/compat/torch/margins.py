"""`torch.nn.functional` losses of scores and margins."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss import checks, classification, numerics
from jaxloss.classification.pairs import hinge_pairs
from jaxloss.compat.arrays import as_compute, cast, promoted, together
from jaxloss.compat.torch.reductions import check_reduction, clamp_min, pair, reduced
from jaxloss.rows.labels import class_table, of_label

__all__ = [
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
]


def hinge_embedding_loss(
    input: ArrayLike,
    target: ArrayLike,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """A distance for the target 1, and what it lacks to the margin for the target -1."""
    name = "hinge_embedding_loss"
    how = check_reduction(name, reduction, size_average, reduce)
    x, y, dtype = pair(name, input, target)
    values = jnp.where(y == 1, 0, clamp_min(margin - x)) + jnp.where(y == -1, 0, x)
    return reduced(name, values, how, dtype)


def soft_margin_loss(
    input: ArrayLike,
    target: ArrayLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """Cross-entropy of labels -1 and +1; see `jaxloss.logistic`."""
    how = check_reduction("soft_margin_loss", reduction, size_average, reduce)
    x, y, dtype = pair("soft_margin_loss", input, target)
    return reduced("soft_margin_loss", numerics.softplus(-(x * y)), how, dtype)


def margin_ranking_loss(
    input1: ArrayLike,
    input2: ArrayLike,
    target: ArrayLike,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """What the lead of the first score, for the target 1, or the second, for -1, lacks to the margin."""
    name = "margin_ranking_loss"
    how = check_reduction(name, reduction, size_average, reduce)
    checks.floating(name, input1=input1, input2=input2)
    dtype = promoted(input1, input2, target)
    first, second, y = together(input1, input2, target)
    return reduced(name, clamp_min(margin - y * (first - second)), how, dtype)


def multi_margin_loss(
    input: ArrayLike,
    target: ArrayLike,
    p: int = 1,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """What the score of the class lacks to lead each of the others by the margin; see `jaxloss.weston_watkins`.

    The mean over the classes counts the true one; that over the rows divides by their number, also with ``weight``.
    """
    name = "multi_margin_loss"
    how = check_reduction(name, reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError(f"{name}: p must be 1 or 2, got {p}")
    checks.floating(name, input=input)
    (x,), ids = as_compute(input), jnp.asarray(target)
    x = jnp.atleast_1d(x)  # a number is a row of one class
    if ids.size != x.size // max(x.shape[-1], 1) or not checks.labels_are_integers(ids):
        raise ValueError(f"{name}: target must be class ids of shape {x.shape[:-1]}, got {ids.dtype} of {ids.shape}")
    ids = ids.reshape(x.shape[:-1])
    margin_ = jnp.asarray(margin, x.dtype)
    values = classification.weston_watkins(x, ids, p=p, margin=margin_, normalize=True, reduction="none")
    if weight is not None:
        values = values * of_label(class_table(name, "weight", weight, x, -1), ids)
    return reduced(name, values, how, jnp.result_type(input))


def multilabel_margin_loss(
    input: ArrayLike,
    target: ArrayLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """What each class that is present lacks to lead each absent one by 1; see `jaxloss.multilabel_margin`.

    ``target`` has the shape of ``input`` and lists the ids of the classes that are present, up to a negative one. A
    class that is listed twice counts twice.
    """
    name = "multilabel_margin_loss"
    how = check_reduction(name, reduction, size_average, reduce)
    checks.floating(name, input=input)
    (x,), ids = as_compute(input), jnp.asarray(target)
    x, ids = jnp.atleast_1d(x), jnp.atleast_1d(ids)  # a number is a row of one class
    if ids.shape != x.shape or not checks.labels_are_integers(ids):
        raise ValueError(f"{name}: target must be class ids of shape {x.shape}, got {ids.dtype} of {ids.shape}")
    listed = jnp.cumprod(ids >= 0, -1, dtype=jnp.int32) == 1
    ids = jnp.where(listed, ids, x.shape[-1])
    count = lambda row: jnp.zeros_like(row, x.dtype).at[row].add(1, mode="drop")
    times = jnp.vectorize(count, signature="(c)->(c)")(ids)
    values = hinge_pairs(x, times, (times == 0).astype(x.dtype)) / max(x.shape[-1], 1)
    bad = jnp.any(listed & (ids >= x.shape[-1]), -1)
    return reduced(name, values * jnp.where(bad, jnp.nan, 1).astype(x.dtype), how, jnp.result_type(input))


def multilabel_soft_margin_loss(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """Mean over the classes of weighted yes-or-no cross-entropies; see `jaxloss.multilabel_soft_margin`."""
    name = "multilabel_soft_margin_loss"
    how = check_reduction(name, reduction, size_average, reduce)
    x, y, dtype = pair(name, input, target)
    values = classification.sigmoid_binary_cross_entropy(x, y, reduction="none")
    if weight is not None:
        dtype = promoted(input, target, weight)
        values = jnp.multiply(*together(values, weight))
    return cast(reduced(name, jnp.sum(values, -1) / max(x.shape[-1], 1), how, dtype), dtype)
