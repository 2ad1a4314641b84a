"""`optax.losses` of segmentations: Dice losses of logits `[batch, *pixels, classes]`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss import numerics
from jaxloss.compat.arrays import as_compute, axes_of, cast, promoted, together
from jaxloss.rows.softmax import largest, score, surprises
from jaxloss.segmentation.quotients import share
from jaxloss.segmentation.regions import pixel_sums

__all__ = ["binary_dice_loss", "dice_loss", "multiclass_generalized_dice_loss"]


def dice_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    class_weights: ArrayLike | None = None,
    smooth: ArrayLike = 1.0,
    alpha: ArrayLike = 0.5,
    beta: ArrayLike = 0.5,
    apply_softmax: bool = True,
    reduction: str = "mean",
    ignore_background: bool = False,
    axis: int | tuple[int, ...] | None = None,
) -> Array:
    """One minus the quotient of overlap and overlap plus errors, for each class of each image; see `jaxloss.tversky`.

    ``alpha`` weighs what is wrongly predicted, ``beta`` what is missed, ``smooth`` counts once (in `jaxloss.dice`,
    where it counts against twice the overlap, it is twice that). ``reduction`` is over the classes alone.
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"dice_loss: reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    given, labels = jnp.asarray(predictions), jnp.asarray(targets)
    if given.ndim == labels.ndim - 1:
        given = given[..., None]
    if labels.ndim == given.ndim - 1:
        labels = labels[..., None]
    if given.shape != labels.shape:
        raise ValueError(f"dice_loss: shape mismatch, got {given.shape} and {labels.shape}")
    dtype = promoted(given, labels, smooth, alpha, beta, *(() if class_weights is None else (class_weights,)))
    logits, labels = as_compute(given, labels)
    p, q = _both(logits) if apply_softmax else _checked(logits)
    axes = tuple(range(1, p.ndim - 1)) if axis is None else axis
    terms = (p * labels, p * (1 - labels), q * labels)
    last = tuple(sorted(a - p.ndim for a in axes_of(axes, p.ndim)))
    hit, false, missed = pixel_sums(terms, last) if last else terms
    hit, false, missed, alpha, beta, smooth = together(hit, false, missed, alpha, beta, smooth)
    values = share(alpha * false + beta * missed, hit + smooth)
    if class_weights is not None:
        if jnp.ndim(class_weights) != 1:
            raise ValueError(f"dice_loss: class_weights must have one axis, got shape {jnp.shape(class_weights)}")
        values = jnp.multiply(*together(values, class_weights))
    if ignore_background and p.shape[-1] > 1:
        values = values[..., 1:]
    if reduction != "none":
        values = jnp.mean(values, -1) if reduction == "mean" else jnp.sum(values, -1)
    return cast(values, dtype) if jnp.issubdtype(dtype, jnp.floating) else values


def multiclass_generalized_dice_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    smooth: ArrayLike = 1.0,
    apply_softmax: bool = True,
    ignore_background: bool = False,
) -> Array:
    """Mean of `dice_loss`, each class weighted by its inverse squared frequency in the batch.

    The paper's loss, with the weights of each image inside the quotient, is `jaxloss.generalized_dice`.
    """
    labels = jnp.asarray(targets)
    if jnp.shape(predictions) != labels.shape:
        came = f"{jnp.shape(predictions)} and {labels.shape}"
        raise ValueError(f"multiclass_generalized_dice_loss: shape mismatch, got {came}")
    (counted,) = as_compute(labels)
    frequencies = jnp.sum(counted, tuple(range(counted.ndim - 1)))
    weights = 1 / (frequencies**2 + 1e-7)
    values = dice_loss(
        predictions,
        targets,
        class_weights=weights / jnp.sum(weights) * weights.size,
        smooth=smooth,
        apply_softmax=apply_softmax,
        reduction="none",
        ignore_background=ignore_background,
    )
    return cast(jnp.mean(values), promoted(predictions, labels, smooth))


def binary_dice_loss(
    predictions: ArrayLike, targets: ArrayLike, *, smooth: ArrayLike = 1.0, apply_sigmoid: bool = True
) -> Array:
    """`dice_loss` of one class, of logits or, with ``apply_sigmoid=False``, of probabilities.

    A last axis that is not of size 1 holds pixels.
    """
    predictions, targets = jnp.asarray(predictions), jnp.asarray(targets)
    if predictions.ndim == targets.ndim and predictions.shape[-1] != 1:
        predictions, targets = predictions[..., None], targets[..., None]
    return dice_loss(predictions, targets, smooth=smooth, apply_softmax=apply_sigmoid)


def _both(logits: Array) -> tuple[Array, Array]:
    """The probabilities of the classes and one minus them; of a single class, sigmoids."""
    if logits.shape[-1] == 1:
        return numerics.sigmoid(logits), numerics.sigmoid(-logits)
    rows = surprises(score(logits, largest("dice_loss", None, logits, -1)), -1)
    return rows.probabilities, rows.complements


def _checked(probabilities: Array) -> tuple[Array, Array]:
    """Probabilities, which must sum to 1 where they are known and there are several classes, and one minus them."""
    total: Any = jnp.sum(probabilities, -1)
    if probabilities.shape[-1] > 1 and not isinstance(total, jax.core.Tracer) and not jnp.allclose(total, 1, rtol=1e-5):
        raise ValueError(
            "dice_loss: with apply_softmax=False the predictions must be valid probability distributions that sum to 1 "
            f"along the class axis, got sums from {jnp.min(total):.6f} to {jnp.max(total):.6f}"
        )
    return probabilities, 1 - probabilities
