"""Losses for ordered classes: ratings, ages, severities."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, numerics, reduce
from jaxloss.classification.normal import normal_interval
from jaxloss.classification.ordinal_rows import cumulative_distance, entries
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import along, class_rows
from jaxloss.rows.yes_no import cross_entropy

__all__ = ["coral", "cumulative_link", "squared_earth_mover"]


def coral(
    logits: Float[ArrayLike, "..."],
    labels: Real[ArrayLike, "..."],
    *,
    importance_weights: Real[ArrayLike, "levels"] | None = None,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Consistent rank logits: is the rank above 0, above 1, ...? One yes-or-no cross-entropy each, summed.

    .. math::  \ell(z, y) = -\sum_{k=0}^{K-2} w_k \big([y > k] \log \sigma(z_k) + [y \le k] \log \sigma(-z_k)\big),
               \qquad \frac{\partial \ell}{\partial z_k} = w_k \big(\sigma(z_k) - [y > k]\big)

    The K - 1 logits of a row are one score plus K - 1 biases; the predicted rank is the number of positive logits.

    Args:
      logits: real array whose ``axis`` has one entry for each of K - 1 levels.
      labels: integer ranks from 0 to K - 1, of the shape of the logits without that axis (NaN for any other), or the
        levels themselves, of the shape of the logits: the probabilities that the rank is above k.
      importance_weights: one weight :math:`w_k` per level; None weighs all by 1.
      axis: the axis of the levels.
      ignore_index: a rank whose rows are masked.
      where, weights, reduction: one value per row; see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit, TypeError for integer logits.
    Example:
      >>> coral(jnp.array([[2.1, 1.8, -2.1, -1.8], [1.9, -1.0, -1.5, -1.3]]), jnp.array([2, 1]), reduction="none")
      Array([0.5369943, 0.8950702], dtype=float32)
    References: Cao, Mirjalili and Raschka (2020), Rank consistent ordinal regression, arXiv:1901.07884.
    """
    if checks.labels_are_integers(labels):
        logits, labels, axis = checks.integer_rows("coral", logits, labels, axis)
        where = reduce.except_label(where, labels, ignore_index)
        logits = reduce.keep("coral", where, logits, axis=axis)
        ranks = jnp.expand_dims(reduce.keep("coral", where, labels), axis)
        above = lax.broadcasted_iota(ranks.dtype, logits.shape, logits.ndim + axis) < ranks
        invalid = (ranks < 0) | (ranks > logits.shape[axis])
        values = numerics.softplus(jnp.where(above, -logits, logits)) * jnp.where(invalid, jnp.nan, 1)
    else:
        rows = class_rows("coral", logits, labels, axis=axis, where=where, ignore_index=ignore_index)
        logits, levels, axis, where, _ = rows
        values = cross_entropy(logits, levels)
    if importance_weights is not None:
        table = _table("coral", "importance_weights", importance_weights, logits.shape[axis], logits)
        values = values * along(table, axis, logits.ndim)
    return reduce.apply("coral", jnp.sum(values, axis), where=where, weights=weights, reduction=reduction)


def cumulative_link(
    scores: Float[ArrayLike, "*shape"],
    labels: Int[ArrayLike, "*shape"],
    *,
    thresholds: Float[ArrayLike, "thresholds"],
    link: str = "logit",
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Ordered logit or probit: the score and the thresholds between K classes give their probabilities, elementwise.

    .. math::  \ell(s, y) = -\log\big(F(\theta_y - s) - F(\theta_{y-1} - s)\big), \qquad
               \theta_{-1} = -\infty, \quad \theta_{K-1} = \infty, \\
               \frac{\partial \ell}{\partial s} = \frac{F'(\theta_y - s) - F'(\theta_{y-1} - s)}
               {F(\theta_y - s) - F(\theta_{y-1} - s)}

    with F the logistic function (proportional odds) or the normal distribution function. Never computed as that
    difference, so that thresholds may be as close and scores as extreme as they like.

    Args:
      scores: real array of any shape: the latent variable.
      labels: integer classes from 0 to K - 1, an array of exactly that shape; NaN for any other class.
      thresholds: K - 1 increasing numbers, in units of the scores. They may be learned: let a softplus make their
        differences positive.
      link: "logit" or "probit".
      ignore_index: a class whose elements are masked.
      where, weights, reduction: one value per element; see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or an unknown link, TypeError for integer scores or real labels.
    Example:
      >>> thresholds = jnp.array([-1.0, 1.0])
      >>> cumulative_link(jnp.array([-30.0, 0.0, 0.0]), jnp.array([0, 1, 2]), thresholds=thresholds, reduction="none")
      Array([2.5436657e-13, 7.7193689e-01, 1.3132617e+00], dtype=float32)
    References: McCullagh (1980), Regression models for ordinal data, doi:10.1111/j.2517-6161.1980.tb01109.x.
    """
    name = "cumulative_link"
    checks.choice(name, "link", link, ("logit", "probit"))
    (scores,) = checks.floating(name, scores=scores)
    if not checks.labels_are_integers(labels):
        raise TypeError(f"{name}: labels must be integer classes, got {jnp.result_type(labels)}")
    labels = jnp.asarray(labels)
    checks.same_shape(name, scores=scores, labels=labels)
    where = reduce.except_label(where, labels, ignore_index)
    scores, labels = reduce.keep(name, where, scores), reduce.keep(name, where, labels)
    thresholds = _table(name, "thresholds", thresholds, None, scores)
    lower = jnp.pad(thresholds, (1, 0), constant_values=-jnp.inf)
    upper = jnp.pad(thresholds, (0, 1), constant_values=jnp.inf)
    below, above = entries(lower, labels) - scores, entries(upper, labels) - scores
    if link == "logit":
        # sigma(b) - sigma(a) = (e^b - e^a) / ((1 + e^a) (1 + e^b)) = sigma(b) sigma(-a) (1 - e^(a - b)).
        width = entries(numerics.log1mexp(upper - lower), labels)
        values = numerics.softplus(-above) + numerics.softplus(below) - width
    else:
        values = normal_interval(below, above, entries((upper - lower) / 2, labels))
    values = values * jnp.where((labels >= 0) & (labels < len(lower)), 1, jnp.nan)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def squared_earth_mover(
    logits: Float[ArrayLike, "..."],
    labels: Real[ArrayLike, "..."],
    *,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Squared distance of the cumulative distributions of ordered classes, of the softmax of logits and of the labels.

    .. math::  \ell(z, y) = \sum_{k=0}^{K-2} (P_k - Y_k)^2, \qquad P_k = \sum_{j \le k} p_j, \quad
               Y_k = \sum_{j \le k} y_j, \quad p = \operatorname{softmax}(z), \\
               \frac{\partial \ell}{\partial z_j} = p_j \Big(g_j - \sum_i p_i g_i\Big), \qquad
               g_j = 2 \sum_{k \ge j} (P_k - Y_k)

    To put probability on a class far from the true one costs more than on its neighbour. With one-hot labels it is the
    ranked probability score.

    Args:
      logits: real array with an axis of K ordered classes; a logit of :math:`-\infty` is an impossible class.
      labels: integer class ids, of the shape of the logits without the class axis, or distributions over the classes,
        of the shape of the logits.
      axis: the class axis.
      ignore_index: a class id whose rows are masked.
      where, weights, reduction: one value per row; see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``, between 0 and K - 1.
    Raises: ValueError for shapes that do not fit, TypeError for integer logits.
    Example:
      >>> squared_earth_mover(jnp.log(jnp.array([[0.5, 0.25, 0.25]])), jnp.array([0]))
      Array(0.3125, dtype=float32)
    References: Hou, Yu and Samaras (2016), Squared earth mover's distance-based loss, arXiv:1611.05916; Epstein
      (1969), A scoring system for probability forecasts of ranked categories.
    """
    name = "squared_earth_mover"
    rows = class_rows(name, logits, labels, axis=axis, where=where, ignore_index=ignore_index)
    axis = rows.axis + rows.scores.ndim
    if checks.labels_are_integers(labels):
        ids = jnp.expand_dims(jnp.asarray(labels), axis)
        passed = lax.broadcasted_iota(ids.dtype, rows.scores.shape, axis) >= ids
    else:
        passed = lax.cumsum(rows.labels, axis) == 1
    values = cumulative_distance(rows.scores, rows.labels, passed, axis) * rows.valid
    return reduce.apply(name, values, where=rows.where, weights=weights, reduction=reduction)


def _table(name: str, argument: str, values: ArrayLike, size: int | None, like: Array) -> Array:
    (table,) = checks.real(name, like.dtype, **{argument: values})
    if table.ndim != 1 or (size is not None and len(table) != size):
        due = "one axis" if size is None else f"shape {(size,)}, one per level"
        raise ValueError(f"{name}: {argument} must have {due}, got {table.shape}")
    return table
