"""`optax.losses` of a logit and a yes-or-no label, element by element."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss import checks, classification
from jaxloss.compat.arrays import cast, promoted, stretched, together

__all__ = ["sigmoid_binary_cross_entropy", "sigmoid_focal_loss"]


def sigmoid_binary_cross_entropy(logits: ArrayLike, labels: ArrayLike) -> Array:
    """Cross-entropy of labels and the sigmoid of the logits; see `jaxloss.sigmoid_binary_cross_entropy`."""
    logits, labels, dtype = _pair("sigmoid_binary_cross_entropy", logits, labels)
    return cast(classification.sigmoid_binary_cross_entropy(logits, labels, reduction="none"), dtype)


def sigmoid_focal_loss(
    logits: ArrayLike, labels: ArrayLike, *, alpha: ArrayLike | None = None, gamma: ArrayLike = 2.0
) -> Array:
    """Cross-entropy times the ``gamma``-th power of the probability of the wrong label; see `jaxloss.sigmoid_focal`."""
    logits, labels, dtype = _pair("sigmoid_focal_loss", logits, labels)
    # A number stays one where our own loss takes it: a power of 2 is a product.
    gamma = gamma if isinstance(gamma, int | float) and gamma >= 0 else jnp.asarray(gamma)
    alpha = alpha if alpha is None or (isinstance(alpha, int | float) and 0 <= alpha <= 1) else jnp.asarray(alpha)
    extra = [parameter for parameter in (alpha, gamma) if isinstance(parameter, Array)]
    dtype = promoted(jnp.zeros((), dtype), *extra)
    logits, labels, *_ = stretched(logits, labels, *extra)
    alpha, gamma = (_with_axes(parameter, logits.ndim) for parameter in (alpha, gamma))
    return cast(classification.sigmoid_focal(logits, labels, alpha=alpha, gamma=gamma, reduction="none"), dtype)


def _pair(name: str, logits: ArrayLike, labels: ArrayLike) -> tuple[Array, Array, Any]:
    """Logits and labels of one shape, and the dtype of the result: that of the logits, whatever the labels are."""
    checks.floating(name, logits=logits)
    dtype = jnp.result_type(logits)
    logits, labels = together(logits, cast(jnp.asarray(labels), dtype))
    return logits, labels, dtype


def _with_axes(parameter: Any, ndim: int) -> Any:
    if not isinstance(parameter, Array) or not parameter.ndim:
        return parameter
    return parameter.reshape((1,) * (ndim - parameter.ndim) + parameter.shape)
