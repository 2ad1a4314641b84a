"""Scores of forecasts of classes, ordered classes, intervals and vectors: each is least, on average, for the truth."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.divergence.samples import distances
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import class_rows

__all__ = ["brier", "energy_score", "interval", "ranked_probability", "variogram_score"]


def brier(
    probabilities: Float[ArrayLike, "..."],
    labels: Real[ArrayLike, "..."],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Brier score of a forecast of classes: the squared distance of the probabilities from what happened.

    .. math::  \ell = \sum_c (p_c - y_c)^2, \qquad \frac{\partial \ell}{\partial p_c} = 2 (p_c - y_c)

    For two classes it is twice the squared error of the probability of one, which some call the Brier score. A class
    that was thought impossible costs at most 2, where the likelihood is inf.

    Args:
      probabilities: real array of any shape, the classes along ``axis``.
      labels: integer class ids, of that shape without ``axis``, or distributions of exactly that shape.
      axis: the axis of the classes.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; a class id outside the classes gives NaN.
    Raises: ValueError for shapes that do not fit, TypeError for integer probabilities.
    Example:
      >>> brier(jnp.array([[0.7, 0.2, 0.1]]), jnp.array([0]))
      Array(0.14, dtype=float32)
    References: Brier (1950), doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
    """
    arguments = ("probabilities", "labels")
    rows = class_rows("brier", probabilities, labels, axis=axis, where=where, arguments=arguments)
    values = jnp.sum((rows.scores - rows.labels) ** 2, rows.axis) * rows.valid
    return reduce.apply("brier", values, where=rows.where, weights=weights, reduction=reduction)


def ranked_probability(
    probabilities: Float[ArrayLike, "..."],
    labels: Real[ArrayLike, "..."],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Ranked probability score: the Brier score of every "at most this class", for classes that have an order.

    .. math::  \ell = \sum_c \left(\sum_{j \le c} p_j - y_j\right)^2

    A forecast next to what happened costs less than one far away. It is the square of the Cramér distance.

    Args:
      probabilities: real array of any shape, the classes in their order along ``axis``.
      labels: integer class ids, of that shape without ``axis``, or distributions of exactly that shape.
      axis: the axis of the classes.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``: between 0 and the number of classes less 1, by
      which some divide. A class id outside the classes gives NaN.
    Raises: ValueError for shapes that do not fit, TypeError for integer probabilities.
    Example:
      >>> ranked_probability(jnp.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), jnp.array([0, 0]), reduction="none")
      Array([1., 2.], dtype=float32)
    References: Epstein (1969), doi:10.1175/1520-0450(1969)008<0985:ASSFPF>2.0.CO;2.
    """
    name, arguments = "ranked_probability", ("probabilities", "labels")
    rows = class_rows(name, probabilities, labels, axis=axis, where=where, arguments=arguments)
    values = jnp.sum(jnp.cumsum(rows.scores - rows.labels, rows.axis) ** 2, rows.axis) * rows.valid
    return reduce.apply(name, values, where=rows.where, weights=weights, reduction=reduction)


def interval(
    lower: Float[ArrayLike, "*shape"],
    upper: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    alpha: Real[ArrayLike, "..."] = 0.1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Winkler's score of an interval that should hold a share 1 - alpha of the targets: its width, and what it misses.

    .. math::  \ell = (u - l) + \frac2\alpha \max(l - y, 0) + \frac2\alpha \max(y - u, 0), \qquad
               \frac{\partial \ell}{\partial l} = -1 + \frac2\alpha [y < l], \quad
               \frac{\partial \ell}{\partial u} = 1 - \frac2\alpha [y > u]

    It is least, on average, for the quantiles alpha / 2 and 1 - alpha / 2.

    Args:
      lower: real array of any shape, the lower ends.
      upper: array of exactly that shape.
      targets: likewise.
      alpha: in (0, 1), the share of targets outside; a number, or an array with as many axes that stretch.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in units of the target.
    Raises: ValueError for unequal shapes or alpha outside (0, 1), TypeError for integer ends.
    Example:
      >>> interval(jnp.array([0.0, 0.0]), jnp.array([1.0, 1.0]), jnp.array([0.5, 1.5]), alpha=0.5, reduction="none")
      Array([1., 3.], dtype=float32)
    References: Winkler (1972), A decision-theoretic approach to interval estimation,
      doi:10.1080/01621459.1972.10481224.
    """
    dtype = checks.compute_dtype(lower, upper, targets)
    lower, upper = (array.astype(dtype) for array in checks.floating("interval", lower=lower, upper=upper))
    (targets,) = checks.real("interval", dtype, targets=targets)
    checks.same_shape("interval", lower=lower, upper=upper, targets=targets)
    alpha = checks.parameter("interval", "alpha", alpha, lower, above=0, below=1)
    lower, upper, targets = reduce.keep("interval", where, lower, upper, targets)
    missed = jnp.where(targets < lower, lower - targets, jnp.where(targets > upper, targets - upper, 0))
    values = (upper - lower) + (2 / alpha) * missed
    return reduce.apply("interval", values, where=where, weights=weights, reduction=reduction)


def energy_score(
    samples: Float[ArrayLike, "..."],
    targets: Real[ArrayLike, "..."],
    *,
    fair: bool = False,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Energy score of samples of a predicted vector: `crps_ensemble` in more than one dimension.

    .. math::  \ell = \frac1M \sum_i \|x_i - y\| - \frac{1}{2 M^2} \sum_{i,j} \|x_i - x_j\|

    With ``fair``, :math:`M (M - 1)` takes the place of :math:`M^2`. Points that coincide have the subgradient 0.

    Args:
      samples: real array, the samples on the second to last axis, their features on the last.
      targets: array of that shape without the axis of the samples.
      fair: whether to score the distribution that the samples are drawn from; needs two of them.
      where, weights, reduction: of the targets, see :doc:`/reductions`.
    Returns: a scalar, or one value per vector with ``reduction="none"``; in units of the features. Memory is M^2.
    Raises: ValueError for shapes that do not fit or too few samples, TypeError for integer samples.
    Example:
      >>> energy_score(jnp.array([[[0.0, 0.0], [6.0, 8.0]]]), jnp.array([[0.0, 0.0]]))
      Array(2.5, dtype=float32)
    References: Gneiting and Raftery (2007), Strictly proper scoring rules, doi:10.1198/016214506000001437.
    """
    name = "energy_score"
    samples, targets = _vectors(name, samples, targets, where, 1 + fair)
    count = samples.shape[-2]
    values = _energy(samples, targets, count * (count - int(fair)))
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def variogram_score(
    samples: Float[ArrayLike, "..."],
    targets: Real[ArrayLike, "..."],
    *,
    p: float = 0.5,
    pair_weights: Real[ArrayLike, "features features"] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Variogram score of samples of a predicted vector: whether its features differ from each other as they should.

    .. math::  \ell = \sum_{a,b} w_{ab} \left(|y_a - y_b|^p - \frac1M \sum_i |x_{ia} - x_{ib}|^p\right)^2, \qquad
               \frac{\partial \ell}{\partial x_{ia}} = -\frac{2p}{M} \sum_b (w_{ab} + w_{ba})\,
               \Delta_{ab}\, |x_{ia} - x_{ib}|^{p-1} \operatorname{sign}(x_{ia} - x_{ib})

    with :math:`\Delta_{ab}` the difference in brackets. It sees wrong correlations, which `energy_score` hardly does,
    and sees no error that all features share: add it to a score of the single features. Every pair counts in both
    orders. Features that coincide have the subgradient 0.

    Args:
      samples: real array, the samples on the second to last axis, their features on the last.
      targets: array of that shape without the axis of the samples.
      p: the order of the variogram, positive; a number. A small one is steadier for heavy tails.
      pair_weights: not negative, for every pair of features; None is 1 for all. Closeness in space or time is usual:
        far pairs tell little and are many.
      where, weights, reduction: of the targets, see :doc:`/reductions`.
    Returns: a scalar, or one value per vector with ``reduction="none"``; in units of the features to the power 2 p.
      Memory is that of the pairs of features, times the number of targets.
    Raises: ValueError for shapes that do not fit or an order that is not positive, TypeError for integer samples.
    Example:
      >>> variogram_score(jnp.array([[[0.0, 0.0], [0.0, 4.0]]]), jnp.array([[1.0, 5.0]]), p=1.0)
      Array(8., dtype=float32)
    References: Scheuerer and Hamill (2015), Variogram-based proper scoring rules, doi:10.1175/MWR-D-14-00269.1.
    """
    name = "variogram_score"
    samples, targets = _vectors(name, samples, targets, where, 1)
    p = checks.parameter(name, "p", p, samples, above=0)
    if not isinstance(p, int | float):
        raise ValueError(f"{name}: p must be a number, got an array of shape {p.shape}")
    pairs = (samples.shape[-1],) * 2
    if pair_weights is not None:
        (pair_weights,) = checks.real(name, samples.dtype, pair_weights=pair_weights)
        if pair_weights.shape != pairs:
            raise ValueError(f"{name}: pair_weights must have shape {pairs}, got {pair_weights.shape}")
    squares = (_variogram(targets[..., None, :], p) - _variogram(samples, p)) ** 2
    values = jnp.sum(squares if pair_weights is None else _for_pairs(pair_weights, squares) * squares, (-2, -1))
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def _vectors(
    name: str, samples: ArrayLike, targets: ArrayLike, where: ArrayLike | None, least: int
) -> tuple[Array, Array]:
    """Return samples of vectors and their targets, checked and masked."""
    dtype = checks.compute_dtype(samples, targets)
    (samples,) = checks.floating(name, samples=samples)
    (targets,) = checks.real(name, dtype, targets=targets)
    samples = samples.astype(dtype)
    if samples.ndim < 2 or targets.shape != (*samples.shape[:-2], samples.shape[-1]):
        raise ValueError(
            f"{name}: samples must have axes of samples and features, and targets the same without the first of the "
            f"two, got {samples.shape} and {targets.shape}"
        )
    count = samples.shape[-2]
    if count < least:
        raise ValueError(f"{name}: needs at least {least} samples, got {count}")
    flat = jnp.reshape(samples, (*samples.shape[:-2], count * samples.shape[-1]))
    samples = jnp.reshape(reduce.keep(name, where, flat, axis=-1), samples.shape)
    return samples, reduce.keep(name, where, targets, axis=-1)


def _energy(samples: Array, targets: Array, pairs: int) -> Array:
    to_target = jnp.mean(distances(samples, targets[..., None, :])[..., 0], -1)
    return to_target - jnp.sum(distances(samples, samples) / (2 * pairs), (-2, -1))


def _variogram(samples: Array, p: float) -> Array:
    """The mean over the samples of |x_a - x_b|^p."""

    # One sample after the other: their powers, for every pair, are neither stored nor needed by the gradient.
    @jax.checkpoint
    def powers(x: Array) -> Array:
        gaps = x[..., :, None] - x[..., None, :]
        apart = gaps != 0
        return jnp.where(apart, numerics.power(jnp.abs(jnp.where(apart, gaps, 1)), p), 0)

    rows = jnp.moveaxis(samples, -2, 0)
    total = lax.scan(lambda total, x: (total + powers(x), None), powers(rows[0]), rows[1:])[0]
    return total / len(rows)


def _for_pairs(pair_weights: Array, squares: Array) -> Array:
    return jnp.reshape(pair_weights, (1,) * (squares.ndim - 2) + pair_weights.shape)
