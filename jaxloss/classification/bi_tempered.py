r"""Bi-tempered logistic loss: a heavy-tailed softmax and a bounded cross-entropy.

The tempered logarithm and exponential :math:`\log_t x = (x^{1-t} - 1) / (1 - t)` and
:math:`\exp_t x = \max(0, 1 + (1 - t) x)^{1/(1-t)}` are the ordinary ones at t = 1.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.classification.labels import smooth_labels
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import class_rows
from jaxloss.rows.softmax import largest, score

__all__ = ["bi_tempered"]


def bi_tempered(
    logits: Float[ArrayLike, "*rows_and_classes"],
    labels: Real[ArrayLike, "..."],
    *,
    t1: float = 0.8,
    t2: float = 1.2,
    label_smoothing: float | Real[ArrayLike, ""] = 0,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Bregman divergence of the labels from a tempered softmax, robust against wrong labels near and far, per row.

    .. math::  \ell = \sum_c \left[y_c \, (\log_{t_1} y_c - \log_{t_1} p_c)
               - \frac{y_c^{2 - t_1} - p_c^{2 - t_1}}{2 - t_1}\right], \qquad
               p_c = \exp_{t_2}(z_c - \lambda), \quad \sum_c p_c = 1, \\
               \frac{\partial \ell}{\partial z_c} = u_c - q_c \sum_k u_k, \qquad
               u_c = (p_c - y_c) \, p_c^{t_2 - t_1}, \qquad q_c = \frac{p_c^{t_2}}{\sum_k p_k^{t_2}}

    For :math:`t_1 < 1` the loss of a row is bounded, so that labels far on the wrong side cannot dominate; for
    :math:`t_2 > 1` the tail of p is heavy, so that labels near the boundary do not bend it; for :math:`t_2 < 1` some p
    are exactly 0. Both 1: softmax cross-entropy less the entropy of the labels. Labels become
    :math:`(1 - s) \, y + s / C` first.

    Args:
      logits: real array with the classes on ``axis``; -inf is an impossible class.
      labels: integer array of the shape of the logits without that axis, NaN where outside [0, classes), or a
        distribution over the classes of exactly the shape of the logits.
      t1: temperature of the loss, in [0, 2); a Python number.
      t2: temperature of the softmax, positive; a Python number.
      label_smoothing: s, share of the label that is spread evenly over all classes, in [0, 1].
      axis: the class axis.
      ignore_index: label of rows that do not exist, such as -100 for padding.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``.
    Raises: ValueError for shapes that do not fit or a parameter out of its range, TypeError for integer logits.
    Example:
      >>> logits = jnp.array([[3.0, 0.0, 0.0], [0.0, 1e6, 0.0]])
      >>> bi_tempered(logits, jnp.array([0, 0]), t1=0.5, t2=2.0, reduction="none")
      Array([0.23565108, 1.9979981 ], dtype=float32)

    References: Amid et al. (2019), Robust bi-tempered logistic loss based on Bregman divergences, arXiv:1906.03361.
    """
    name = "bi_tempered"
    rows = class_rows(name, logits, labels, axis=axis, where=where, ignore_index=ignore_index)
    for argument, value, bounds in (("t1", t1, {"minimum": 0, "below": 2}), ("t2", t2, {"above": 0})):
        if isinstance(checks.parameter(name, argument, value, rows.scores, **bounds), Array):
            raise TypeError(f"{name}: {argument} must be a Python number, got an array")
    smoothing = checks.parameter(
        name, "label_smoothing", label_smoothing, jax.ShapeDtypeStruct((), rows.labels.dtype), minimum=0, maximum=1
    )
    smooth = isinstance(smoothing, Array) or smoothing
    targets = smooth_labels(rows.labels, smoothing, axis=rows.axis) if smooth else rows.labels
    scores = score(rows.scores, largest(name, None, rows.scores, rows.axis))
    values = rows.valid * _divergence(scores, targets, float(t1), float(t2), rows.axis)
    return reduce.apply(name, values, where=rows.where, weights=weights, reduction=reduction)


# Rules. d log p_c = p_c^(t2 - 1) (dz_c - d lambda), from the derivative exp_t^t of exp_t; sum_c p_c = 1 gives
# d lambda = sum_k q_k dz_k. The loss changes by sum_c (p_c - y_c) p_c^(-t1) dp_c and, with the labels, by
# sum_c (log_t1 y_c - log_t1 p_c) dy_c.
@partial(jax.custom_jvp, nondiff_argnums=(2, 3, 4))
def _divergence(scores: Array, labels: Array, t1: float, t2: float, axis: int) -> Array:
    log_p = _log_probabilities(scores, t2, axis)
    cross = jnp.where(labels == 0, 0, labels * _surprise(log_p, labels, t1))
    gained = _power_gap(labels, log_p, 2 - t1) / (2 - t1)
    return jnp.maximum(jnp.sum(cross - gained, axis), 0)


def _divergence_jvp(t1, t2, axis, primals, tangents):
    (scores, labels), (change, drift) = primals, tangents
    value = _divergence(scores, labels, t1, t2, axis)
    log_p = _log_probabilities(scores, t2, axis)
    slope = jnp.zeros_like(value)
    if not isinstance(change, SymbolicZero):
        slope += jnp.sum(_slopes(log_p, labels, t1, t2, axis) * change, axis)
    if not isinstance(drift, SymbolicZero):
        hopeless = (labels == 0) & (log_p == -jnp.inf)
        slope += jnp.sum(jnp.where(hopeless, 0, _surprise(log_p, labels, t1)) * drift, axis)
    return value, slope


_divergence.defjvp(_divergence_jvp, symbolic_zeros=True)


def _surprise(log_p: Array, labels: Array, t1: float) -> Array:
    """Return log_t1(labels) - log_t1(p)."""
    if t1 == 1:
        return jnp.log(labels) - log_p
    order = 1 - t1
    return _power_gap(labels, log_p, order) / order


def _power_gap(labels: Array, log_p: Array, order: float) -> Array:
    """Return labels^order - p^order, from the difference of the logarithms, which keeps its digits where y = p."""
    some = labels > 0
    y = jnp.where(some, labels, 1)
    gap = jnp.where(some, jnp.log(y) - log_p, -jnp.inf)
    more = gap > 0
    above = -numerics.power(y, order) * jnp.expm1(-order * jnp.where(more, gap, 0))
    below = jnp.exp(order * log_p) * jnp.expm1(order * jnp.where(more, 0, gap))
    return jnp.where(more, above, below)


def _slopes(log_p: Array, labels: Array, t1: float, t2: float, axis: int) -> Array:
    excess = jnp.where(labels > 0.5, jnp.expm1(log_p) + (1 - labels), jnp.exp(log_p) - labels)
    dead = log_p == -jnp.inf
    u = jnp.where(dead, 0, excess * jnp.exp((t2 - t1) * jnp.where(dead, 0, log_p)))
    q = _escort(log_p, t2, axis)
    # u_c - q_c sum_k u_k, without a difference of equal numbers for the class of most weight.
    likely = q > 0.5
    own, others = (jnp.sum(jnp.where(kept, u, 0), axis, keepdims=True) for kept in (likely, ~likely))
    rest = jnp.sum(jnp.where(likely, 0, q), axis, keepdims=True)
    return jnp.where(likely, u * rest - q * others, u - q * (own + others))


def _escort(log_p: Array, t2: float, axis: int) -> Array:
    dead = log_p == -jnp.inf
    weight = jnp.where(dead, 0, jnp.exp(t2 * jnp.where(dead, 0, log_p)))
    total = jnp.sum(weight, axis, keepdims=True)
    return weight / jnp.where(total == 0, 1, total)


def _log_probabilities(scores: Array, t2: float, axis: int) -> Array:
    return _log_exp(scores - _normalizer(scores, t2, axis), t2)


def _log_exp(x: Array, t: float) -> Array:
    """Return log exp_t(x), -inf where exp_t is 0."""
    if t == 1:
        return x
    steps = (1 - t) * x
    alive = steps > -1
    steps = jnp.where(alive, steps, 0)
    if t < 1 and x.dtype == jnp.float64:  # XLA's log1p is wrong by up to 128 ulp around -0.4, in float64 alone
        log = jnp.where(steps < -0.3, jnp.log(1 + steps), jnp.log1p(steps))
    else:
        log = jnp.log1p(steps)
    return jnp.where(alive, log / (1 - t), -jnp.inf)


# With Z = sum_c exp_t(d_c - lambda) - 1 + 1, Newton's method for log_t Z = 0 is exact for one class and for t = 1, and
# approaches from lambda = 0 monotonically, since log_t Z is convex for every t: 3 to 12 steps for 3 to 30000 classes.
# Z - 1 is summed without the 1 of the largest class, so that a lambda of 1e-20 has all its digits.
@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _normalizer(scores: Array, t: float, axis: int) -> Array:
    top = scores == 0
    ties = jnp.maximum(jnp.sum(jnp.where(top, 1, 0).astype(scores.dtype), axis, keepdims=True), 1)

    def step(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        lam, _, count = state
        log_top, log_e = _log_exp(-lam, t), _log_exp(scores - lam, t)
        e = jnp.where(top, 0, jnp.exp(log_e))
        log_total = jnp.log1p(jnp.sum(e, axis, keepdims=True) + (jnp.expm1(log_top) + (ties - 1) * jnp.exp(log_top)))
        slope = jnp.sum(jnp.where(e > 0, jnp.exp(t * log_e), 0), axis, keepdims=True) + ties * jnp.exp(t * log_top)
        tempered = log_total if t == 1 else jnp.expm1((1 - t) * log_total) / (1 - t)
        change = tempered * jnp.exp(t * log_total) / slope
        return lam + change, change, count + 1

    start = jnp.where(ties > 0, 0, ties)  # zeros that vary over a mesh as the scores do
    precision = 4 * jnp.finfo(scores.dtype).eps
    unfinished = lambda s: (s[2] < 30) & jnp.any(jnp.abs(s[1]) > precision * s[0])
    return lax.while_loop(unfinished, step, (start, start + 1, 0))[0]


@_normalizer.defjvp
def _(t, axis, primals, tangents):
    lam = _normalizer(*primals, t, axis)
    q = _escort(_log_exp(primals[0] - lam, t), t, axis)
    return lam, jnp.sum(q * tangents[0], axis, keepdims=True)
