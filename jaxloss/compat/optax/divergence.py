"""`optax.losses` that compare two distributions: Kullback-Leibler divergences over one or several axes."""

from __future__ import annotations

import warnings
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss import checks, divergence
from jaxloss.compat.arrays import Axis, axes_of, cast, classes_last, promoted, stretched, together

__all__ = [
    "convex_kl_divergence",
    "generalized_kl_divergence",
    "kl_divergence",
    "kl_divergence_with_log_targets",
]


def kl_divergence(
    log_predictions: ArrayLike, targets: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None
) -> Array:
    """Sum of t (log t - log p); see `jaxloss.kl_divergence`. ``where`` says which terms are summed."""
    log_p, t, dtype = _rows("kl_divergence", axis, where, (0, 1), log_predictions=log_predictions, targets=targets)
    return cast(divergence.kl_divergence(log_p, t, reduction="none"), dtype)


def kl_divergence_with_log_targets(
    log_predictions: ArrayLike, log_targets: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None
) -> Array:
    """Sum of t (log t - log p), both given as logarithms; see `jaxloss.kl_divergence_with_log_targets`."""
    data = {"log_predictions": log_predictions, "log_targets": log_targets}
    log_p, log_t, dtype = _rows("kl_divergence_with_log_targets", axis, where, (0, 0), **data)
    return cast(divergence.kl_divergence_with_log_targets(log_p, log_t, reduction="none"), dtype)


def generalized_kl_divergence(
    log_predictions: ArrayLike, targets: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None
) -> Array:
    """Sum of t (log t - log p) - t + p; see `jaxloss.generalized_kl_divergence`."""
    data = {"log_predictions": log_predictions, "targets": targets}
    log_p, t, dtype = _rows("generalized_kl_divergence", axis, where, (0, 1), **data)
    return cast(divergence.generalized_kl_divergence(log_p, t, reduction="none"), dtype)


def convex_kl_divergence(
    log_predictions: ArrayLike, targets: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None
) -> Array:
    """`generalized_kl_divergence` under the name that optax deprecates, with its warning."""
    message = "convex_kl_divergence is deprecated: use generalized_kl_divergence instead."
    warnings.warn(message, category=DeprecationWarning, stacklevel=2)
    return generalized_kl_divergence(log_predictions, targets, axis, where)


def _rows(name: str, axis: Axis, where: ArrayLike | None, fill: tuple[float, float], **data: ArrayLike) -> Any:
    """Two arrays of one shape with the summed axes last, and the dtype of the result.

    What is masked is replaced by ``fill``, of which a term is 0.
    """
    checks.floating(name, **data)
    log_p, t = together(*data.values())
    if where is not None:
        where, log_p, t = stretched(jnp.asarray(where), log_p, t)
        log_p, t = jnp.where(where, log_p, fill[0]), jnp.where(where, t, fill[1])
    return *classes_last(axes_of(axis, log_p.ndim), log_p, t), promoted(*data.values())
