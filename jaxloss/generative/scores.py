"""Score matching: learning the gradient of a log-density that nobody can normalise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.reduce import Reduction

__all__ = ["denoising_score_matching", "sliced_score_matching"]


def denoising_score_matching(
    scores: Float[ArrayLike, "*shape"],
    noise: Float[ArrayLike, "*shape"],
    sigma: Real[ArrayLike, "..."],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Squared error of the score at noisy points, weighted by the variance of the noise.

    .. math::  \ell = \tfrac12 \sigma^2 \left(s + \frac{\epsilon}{\sigma}\right)^2
               = \tfrac12 \left(\sigma s + \epsilon\right)^2, \qquad
               \frac{\partial \ell}{\partial s} = \sigma (\sigma s + \epsilon)

    The network is given x + sigma epsilon; the score of that Gaussian is -epsilon / sigma. The weight sigma^2 makes the
    terms of all noise levels alike, and there is no division by a small one.

    Args:
      scores: real array of any shape, what the network gives at the noisy points.
      noise: array of exactly that shape, the standard normal numbers that were added (epsilon).
      sigma: positive; a scalar or with as many axes as the scores: of examples, ``sigma[:, None, None, None]``.
      where, weights, reduction: see :doc:`/reductions`; ``weights=1 / sigma**2`` takes the weight away.
    Returns: a scalar, or one value per element with ``reduction="none"``. The papers' norm is the mean times the number
      of elements of an example.
    Raises: ValueError for shapes that do not fit, TypeError for integer arrays.
    Example:
      >>> denoising_score_matching(jnp.array([-2.0, 0.0]), jnp.array([1.0, 2.0]), 0.5)
      Array(1., dtype=float32)
    References: Vincent (2011), doi:10.1162/NECO_a_00142; the weight: Song and Ermon (2019), arXiv:1907.05600.
    """
    name = "denoising_score_matching"
    scores, noise = checks.floating(name, scores=scores, noise=noise)
    checks.same_shape(name, scores=scores, noise=noise)
    sigma = checks.parameter(name, "sigma", sigma, scores, above=0)
    sigma = jnp.broadcast_to(jnp.asarray(sigma, scores.dtype), scores.shape)
    scores, noise, sigma = reduce.keep(name, where, scores, noise, sigma)
    values = 0.5 * (sigma * scores + noise) ** 2
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def sliced_score_matching(
    score_function: Callable[[Array], Array],
    samples: Float[ArrayLike, "*shape"],
    directions: Real[ArrayLike, "*shape"],
    *,
    axis: int | tuple[int, ...] = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Score matching without noise: the divergence of the score along random directions, and its size.

    .. math::  \ell = v^\top \frac{\partial s(x)}{\partial x}\, v + \tfrac12 \|s(x)\|^2

    Its expectation over x and v is half the squared distance to the score of the data, up to a constant. The derivative
    along v is one forward pass; the gradient of the loss differentiates it once more. This is the form with reduced
    variance; v has mean 0 and covariance 1.

    Args:
      score_function: s, takes an array of samples and gives one of that shape, without one sample seeing another.
      samples: real array, samples of the data along ``axis``.
      directions: array of exactly that shape, such as ``jax.random.rademacher(key, samples.shape)``.
      axis: the axis or axes of a sample.
      where, weights, reduction: of the samples, see :doc:`/reductions`. What is masked is 0 when the function sees it.
    Returns: a scalar, or one value per sample with ``reduction="none"``; it may be negative.
    Raises: ValueError for shapes that do not fit or an axis that is not there, TypeError for integer samples.
    Example:
      >>> sliced_score_matching(lambda x: -x, jnp.array([[1.0, 2.0]]), jnp.array([[1.0, -1.0]]))
      Array(0.5, dtype=float32)
    References: Song et al. (2019), Sliced score matching, arXiv:1905.07088; Hyvärinen (2005), JMLR 6.
    """
    name = "sliced_score_matching"
    samples, directions = checks.real_pair(name, samples, directions, arguments=("samples", "directions"))
    axes = tuple(checks.row_axis(name, samples, a, "samples") for a in ((axis,) if isinstance(axis, int) else axis))
    moved = tuple(jnp.moveaxis(x, axes, range(-len(axes), 0)) for x in (samples, directions))
    events = moved[0].shape[: samples.ndim - len(axes)]
    size = math.prod(moved[0].shape[len(events) :])
    rows = reduce.keep(name, where, *(x.reshape(*events, size) for x in moved), axis=-1)
    kept, along = (
        jnp.moveaxis(r.reshape(m.shape), range(-len(axes), 0), axes) for r, m in zip(rows, moved, strict=True)
    )
    scores, turns = jax.jvp(score_function, (kept,), (along,))
    if scores.shape != samples.shape:
        raise ValueError(f"{name}: score_function must keep the shape {samples.shape} of samples, gave {scores.shape}")
    values = jnp.sum(along * turns, axes) + 0.5 * jnp.sum(scores**2, axes)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)
