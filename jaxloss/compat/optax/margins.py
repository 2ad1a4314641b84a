"""`optax.losses` of scores and margins: hinge, perceptron, sparsemax, and any Fenchel-Young loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss import checks, classification
from jaxloss.compat.arrays import cast, default_float, promoted, stretched, together

__all__ = [
    "hinge_loss",
    "make_fenchel_young_loss",
    "multiclass_hinge_loss",
    "multiclass_perceptron_loss",
    "multiclass_sparsemax_loss",
    "perceptron_loss",
    "sparsemax_loss",
]


def hinge_loss(predictor_outputs: ArrayLike, targets: ArrayLike) -> Array:
    """Distance of the margin from 1 for targets -1 and +1; see `jaxloss.hinge`. At a margin of 1 its slope is half."""
    scores, labels = together(predictor_outputs, targets)
    return cast(jnp.maximum(0, 1 - scores * labels), promoted(predictor_outputs, targets))


def perceptron_loss(predictor_outputs: ArrayLike, targets: ArrayLike) -> Array:
    """What the margin lacks to 0; see `jaxloss.perceptron`. At a margin of 0 its slope is half."""
    if jnp.shape(predictor_outputs) != jnp.shape(targets):
        came = f"{jnp.shape(predictor_outputs)} and {jnp.shape(targets)}"
        raise ValueError(f"perceptron_loss: shape mismatch, got {came}")
    scores, labels = together(predictor_outputs, targets)
    return cast(jnp.maximum(0, -scores * labels), promoted(predictor_outputs, targets))


def sparsemax_loss(logits: ArrayLike, labels: ArrayLike) -> Array:
    """Sparsemax loss of two classes; see `jaxloss.binary_sparsemax`. Any label but 0 is a yes."""
    scores, labels = together(logits, jnp.asarray(labels).astype(bool))
    values = classification.binary_sparsemax(scores, labels, reduction="none")
    return cast(values, jnp.result_type(logits)) if jnp.issubdtype(jnp.result_type(logits), jnp.floating) else values


def multiclass_hinge_loss(scores: ArrayLike, labels: ArrayLike) -> Array:
    """What the true class lacks to lead all others by 1; see `jaxloss.multiclass_hinge`."""
    rows, ids, dtype = _rows("multiclass_hinge_loss", scores, labels)
    return cast(classification.multiclass_hinge(rows, ids, reduction="none"), dtype)


def multiclass_perceptron_loss(scores: ArrayLike, labels: ArrayLike) -> Array:
    """What the true class lacks to the best; see `jaxloss.multiclass_perceptron`."""
    rows, ids, dtype = _rows("multiclass_perceptron_loss", scores, labels)
    return cast(classification.multiclass_perceptron(rows, ids, reduction="none"), dtype)


def multiclass_sparsemax_loss(scores: ArrayLike, labels: ArrayLike) -> Array:
    """Sparsemax loss of class ids; see `jaxloss.multiclass_sparsemax`."""
    rows, ids, dtype = _rows("multiclass_sparsemax_loss", scores, labels)
    return cast(classification.multiclass_sparsemax(rows, ids, reduction="none"), dtype)


def make_fenchel_young_loss(max_fun: Callable[..., Any]) -> Callable[..., Array]:
    """Make the Fenchel-Young loss of a function of a vector of scores; see `jaxloss.fenchel_young`.

    Example:
      >>> make_fenchel_young_loss(jnp.max)(jnp.array([[1.0, 3.0]]), jnp.array([[1.0, 0.0]]))
      Array([2.], dtype=float32)
    """

    def fenchel_young_loss(scores: ArrayLike, targets: ArrayLike, *args: Any, **kwargs: Any) -> Array:
        dtype = promoted(scores, targets)
        scores, targets = together(scores, targets)
        best = jnp.vectorize(max_fun, signature="(n)->()")(scores, *args, **kwargs)
        impossible = (targets == 0) & (scores == -jnp.inf)  # costs 0, not 0 * inf
        return cast(best - jnp.sum(targets * jnp.where(impossible, 0, scores), -1), dtype)

    return fenchel_young_loss


def _rows(name: str, scores: ArrayLike, labels: ArrayLike) -> tuple[Array, Array, Any]:
    """Rows of scores, their class ids, and the dtype of scores and one-hot labels together."""
    (rows,) = together(scores)
    ids = jnp.asarray(labels)
    if not checks.labels_are_integers(ids):
        raise TypeError(f"{name}: labels must be integer class ids, got {ids.dtype}")
    shape = jnp.broadcast_shapes(rows.shape[:-1], ids.shape)
    rows, ids = jnp.broadcast_to(rows, (*shape, rows.shape[-1])), stretched(ids, jnp.zeros(shape))[0]
    return rows, ids, promoted(scores, jnp.zeros((), default_float()))
