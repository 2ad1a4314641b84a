"""`optax.losses` of vectors: cosines, triplets, and the contrastive loss of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from jaxloss import checks, numerics, regression
from jaxloss.compat.arrays import Axis, as_compute, axes_of, cast, classes_last, promoted, stretched, together
from jaxloss.embedding import nt_xent
from jaxloss.embedding.distances import unit_vectors

__all__ = ["cosine_distance", "cosine_similarity", "ntxent", "triplet_margin_loss"]


def cosine_similarity(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    epsilon: ArrayLike = 0.0,
    axis: Axis = -1,
    where: ArrayLike | None = None,
) -> Array:
    """Cosine of the angle between two vectors; see `jaxloss.cosine_similarity`.

    A vector whose squared length is below ``epsilon`` is divided by the root of that instead of its length.
    """
    name, kernel = "cosine_similarity", regression.cosine_similarity
    return _cosine(name, kernel, lambda cosine: cosine, predictions, targets, epsilon, axis, where)


def cosine_distance(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    epsilon: ArrayLike = 0.0,
    axis: Axis = -1,
    where: ArrayLike | None = None,
) -> Array:
    """One minus `cosine_similarity`; see `jaxloss.cosine_distance`."""
    name, kernel = "cosine_distance", regression.cosine_distance
    return _cosine(name, kernel, lambda cosine: 1 - cosine, predictions, targets, epsilon, axis, where)


def ntxent(embeddings: ArrayLike, labels: ArrayLike, temperature: ArrayLike = 0.07) -> Array:
    """Normalized temperature-scaled cross-entropy, the mean over positive pairs; see `jaxloss.nt_xent`.

    An embedding whose squared length is below the rounding error of its dtype is divided by the root of that.
    """
    checks.floating("ntxent", embeddings=embeddings)
    given, groups = jnp.asarray(embeddings), jnp.asarray(labels)
    if groups.shape[0] != given.shape[0]:
        raise ValueError(f"ntxent: {groups.shape[0]} labels for {given.shape[0]} embeddings")
    # Labels of any dtype become the number of the first example that has the same.
    ids = jnp.argmax(groups[:, None] == groups[None, :], 1)
    (x,) = as_compute(given)
    least = float(jnp.finfo(given.dtype).eps) ** 0.5
    short = numerics.safe_norm(x, -1, keepdims=True) < least
    unit = jnp.where(short, x / least, unit_vectors(jnp.where(short, 0, x)))
    temperature_ = cast(jnp.asarray(temperature), x.dtype)
    return cast(nt_xent(unit, ids, temperature=temperature_, normalize=False), promoted(given, temperature))


def triplet_margin_loss(
    anchors: ArrayLike,
    positives: ArrayLike,
    negatives: ArrayLike,
    axis: int = -1,
    norm_degree: ArrayLike = 2,
    margin: ArrayLike = 1.0,
    eps: ArrayLike = 1e-6,
) -> Array:
    """By how much the positive fails to be nearer than the negative by the margin; see `jaxloss.triplet_margin`.

    The p-th power of a distance is the sum of the p-th powers of the absolute differences, plus ``eps``.
    """
    checks.floating("triplet_margin_loss", anchors=anchors, positives=positives, negatives=negatives)
    dtype = promoted(anchors, positives, negatives, norm_degree, margin, eps)
    a, p, n = as_compute(anchors, positives, negatives)
    near, far = (_distance(a, other, axis, norm_degree, eps) for other in (p, n))
    near, far, margin = together(near, far, margin)
    return cast(jnp.maximum(margin + (near - far), 0), dtype)


def _distance(x: Array, y: Array, axis: Axis, p: Any, eps: ArrayLike) -> Array:
    """(sum |x - y|^p + eps)^(1/p): the norm of the difference and one entry more, which is eps^(1/p)."""
    x, y = stretched(x, y)
    (difference,) = classes_last(axes_of(axis, x.ndim), x - y)
    fixed = isinstance(p, int | float)
    if fixed and p == 2:
        return numerics.hypot(numerics.safe_norm(difference, -1), jnp.sqrt(cast(jnp.asarray(eps), x.dtype)))
    order: Any = p if fixed else cast(jnp.asarray(p), x.dtype)
    extra = numerics.power(cast(jnp.asarray(eps), x.dtype), 1 / order)
    entries = jnp.concatenate([difference, jnp.broadcast_to(extra, (*difference.shape[:-1], 1))], -1)
    if fixed:
        return numerics.safe_norm(entries, -1, ord=order)
    size = lax.stop_gradient(jnp.max(jnp.abs(entries), -1, keepdims=True))
    size = jnp.where(size == 0, 1, size)
    powers = jnp.sum(numerics.power(jnp.abs(entries) / size, order), -1)
    return size[..., 0] * numerics.power(powers, 1 / order)


def _cosine(
    name: str,
    kernel: Callable[..., Array],
    of_cosine: Callable[[Array], Array],
    predictions: ArrayLike,
    targets: ArrayLike,
    epsilon: ArrayLike,
    axis: Axis,
    where: ArrayLike | None,
) -> Array:
    """The kernel of two vectors, or the function of their cosine where one is shorter than the root of epsilon."""
    checks.floating(name, predictions=predictions, targets=targets)
    dtype = promoted(predictions, targets, epsilon)
    x, y, least = as_compute(predictions, targets, epsilon)
    x, y = stretched(x, y)
    if where is not None:
        mask, x, y = stretched(jnp.asarray(where), x, y)
        x, y = jnp.where(mask, x, 0), jnp.where(mask, y, 0)
    axes = axes_of(axis, x.ndim)
    if isinstance(epsilon, int | float) and epsilon == 0:
        return cast(kernel(*classes_last(axes, x, y), reduction="none"), dtype)
    root = jnp.sqrt(least)
    short_x, short_y = (numerics.safe_norm(z, axes, keepdims=True) < root for z in (x, y))
    short = short_x | short_y
    scaled = lambda z, short: jnp.where(short, z / root, numerics.normalize(jnp.where(short, 0, z), axes))

    def with_short(x: Array, y: Array) -> Array:
        of_short = of_cosine(jnp.sum(scaled(x, short_x) * scaled(y, short_y), axes))
        of_long = all_long(*(jnp.where(short, 0, z) for z in (x, y)))
        return jnp.where(jnp.squeeze(short, axes), of_short, of_long)

    all_long = lambda x, y: kernel(*classes_last(axes, x, y), reduction="none")
    return cast(lax.cond(jnp.any(short), with_short, all_long, x, y), dtype)
