"""Directions on a sphere: how far an embedding is from what guides it."""

from __future__ import annotations

import itertools
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.numerics.elementary import horner
from jaxloss.numerics.slopes import with_slopes
from jaxloss.reduce import Reduction
from jaxloss.regression.cosine import cosine_distance

__all__ = ["spherical_distance"]

NEAR = 0.5
SERIES = list(itertools.accumulate(range(1, 30), lambda c, k: c * k / (2 * k + 1), initial=1.0))


def spherical_distance(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Half the squared angle between two vectors: what guides images towards the embedding of a prompt.

    .. math::  \ell = 2 \arcsin^2 \frac{\|u - v\|}{2} = \frac{\theta^2}{2}, \qquad
               \frac{\partial \ell}{\partial \hat y} = -\frac{\theta}{\|\hat y\|}\, \frac{v - u \cos\theta}{\sin\theta},
               \qquad u = \frac{\hat y}{\|\hat y\|}, \quad v = \frac{y}{\|y\|}

    No digits are lost for nearly equal directions. For opposite ones the gradient has no direction and is 0. A zero
    vector is at a right angle to every other, with zero gradient.

    Args:
      predictions: real array of any shape, vectors of any length along ``axis``.
      targets: array of exactly that shape.
      axis: the axis that holds a vector.
      where, weights, reduction: see :doc:`/reductions`; the unreduced loss has the shape without ``axis``.
    Returns: a scalar, or one value per vector with ``reduction="none"``; from 0 to half of pi squared.
    Raises: ValueError for unequal shapes or an axis that is not there, TypeError for integer predictions.
    Example:
      >>> spherical_distance(jnp.array([[2.0, 0.0]]), jnp.array([[0.0, 5.0]]))
      Array(1.2337006, dtype=float32)
    References: Crowson et al. (2022), VQGAN-CLIP, arXiv:2204.08583.
    """
    name = "spherical_distance"
    predictions, targets = checks.real_pair(name, predictions, targets)
    axis = checks.row_axis(name, predictions, axis, "predictions")
    predictions, targets = reduce.keep(name, where, predictions, targets, axis=axis)
    values = _half_squared_angle(cosine_distance(predictions, targets, axis=axis, reduction="none"))
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


# With d = 1 - cos theta the slope is g = theta / sin theta. Near d = 0 it is a series in d, which does without the root
# of a small number: d (2 - d) g' = 1 - (1 - d) g gives the coefficients c_k = c_(k-1) k / (2k + 1).
@with_slopes(lambda d: _angle_over_sine(d))
def _half_squared_angle(d: Array) -> Array:
    near = d < NEAR
    small = jnp.where(near, d, 0)
    return jnp.where(near, small * horner(small, [c / (k + 1) for k, c in enumerate(SERIES)]), 0.5 * _angle(d) ** 2)


def _angle_over_sine(d: Array) -> Array:
    near = d < NEAR
    inside = ~near & (d < 2)  # opposite directions have no way to each other that is shorter than the others
    middle = jnp.where(inside, d, 1)
    far = jnp.where(inside, _angle(middle) / jnp.sqrt(middle * (2 - middle)), 0)
    return jnp.where(near, horner(jnp.where(near, d, 0), SERIES), far)


def _angle(d: Array) -> Array:
    return 2 * jnp.arctan2(jnp.sqrt(d), jnp.sqrt(jnp.maximum(2 - d, 0)))
