"""DeepHit: when something will happen, and which of several things, learned with the order of the subjects."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Integer, Real

from jaxloss import checks, numerics, reduce
from jaxloss.reduce import Reduction
from jaxloss.rows.softmax import surprises

__all__ = ["deep_hit"]


def deep_hit(
    logits: Float[ArrayLike, "*cohorts subjects risks times"],
    times: Integer[ArrayLike, "*cohorts subjects"],
    events: Integer[ArrayLike, "*cohorts subjects"],
    *,
    alpha: Real[ArrayLike, ""] = 1.0,
    sigma: Real[ArrayLike, ""] = 0.1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""DeepHit: likelihood of a time and a cause in discrete time, and a penalty for subjects in the wrong order.

    .. math::  \ell = \frac1n \Bigl(-\sum_{k_i > 0} \log p_{i,k_i,t_i} -
               \sum_{k_i = 0} \log\bigl(1 - \sum_k F_{i,k}(t_i)\bigr)\Bigr) +
               \frac{\alpha}{|P|} \sum_{(i,j) \in P} \exp\frac{F_{j,k_i}(t_i) - F_{i,k_i}(t_i)}{\sigma}, \qquad
               F_{i,k}(t) = \sum_{u \le t} p_{i,k,u}

    over the pairs P of a subject i with an event and a subject j who is there for longer, :math:`t_i < t_j`: at the
    time of the event, its cause should have been likelier for i. p is the softmax over all causes and times and one
    more outcome, no event within these times, whose logit is 0. So every censored time has a probability.

    The exponential of a difference is a product, of which one factor is summed over j for every cause and time before
    the other is summed over i: time and memory are those of the logits, O(subjects risks times), whatever the number
    of pairs.

    Args:
      logits: real array; a cohort has subjects, causes of an event and times on its last three axes.
      times: integer array of that shape without the last two axes: when the event was, or the last time survived.
      events: likewise, the cause from 1 on, 0 for a censored time; boolean for a single cause.
      alpha: the weight of the order, not negative; a number or an array without axes.
      sigma: how far the F of two subjects should be apart, positive; likewise.
      where: boolean, which subjects exist, of the shape of the times.
      weights, reduction: of the cohorts, see :doc:`/reductions`.
    Returns: a scalar, or one value per cohort with ``reduction="none"``. Without pairs the second term is 0, without
      subjects both are. A time or a cause that there is not gives NaN.
    Raises: ValueError for shapes that do not fit or a parameter out of range, TypeError for integer logits, or times
      or events that are no integers.
    Example:
      >>> deep_hit(jnp.zeros((2, 1, 3)), jnp.array([0, 2]), jnp.array([1, 0]))
      Array(2.3862944, dtype=float32)
    References: Lee, Zame, Yoon and van der Schaar (2018), DeepHit: a deep learning approach to survival analysis with
      competing risks, AAAI.
    """
    name = "deep_hit"
    (logits,) = checks.floating(name, logits=logits)
    times, events = _integers(name, times=times, events=events)
    if logits.ndim < 3 or logits.shape[:-2] != times.shape or times.shape != events.shape:
        raise ValueError(
            f"{name}: logits must have axes of subjects, risks and times, and times and events the same without the "
            f"last two, got {logits.shape}, {times.shape} and {events.shape}"
        )
    one = jnp.zeros((), logits.dtype)
    alpha = checks.parameter(name, "alpha", alpha, one, minimum=0)
    sigma = checks.parameter(name, "sigma", sigma, one, above=0)
    times, events = reduce.keep(name, where, times, events)
    exists = jnp.broadcast_to(jnp.asarray(True if where is None else where), times.shape)
    logits = jnp.where(exists[..., None, None], logits, 0)
    valid = (times >= 0) & (times < logits.shape[-1]) & (events >= 0) & (events <= logits.shape[-2])
    nll = _mean(jnp.where(valid, _nll(logits, times, events), jnp.nan), exists)
    values = nll + alpha * _order(logits, times, events, exists, sigma)
    cohorts = None if where is None else jnp.any(exists, -1)
    return reduce.apply(name, values, where=cohorts, weights=weights, reduction=reduction)


def _integers(name: str, **arrays: ArrayLike) -> tuple[Array, ...]:
    converted = {argument: jnp.asarray(array) for argument, array in arrays.items()}
    for argument, array in converted.items():
        if not (jnp.issubdtype(array.dtype, jnp.integer) or array.dtype == jnp.bool_):
            raise TypeError(f"{name}: {argument} must be integers, got {array.dtype}")
    return tuple(array.astype(jnp.int32) for array in converted.values())


def _mean(values: Array, exists: Array) -> Array:
    """The mean over the subjects of a cohort, 0 without any."""
    count = jnp.sum(exists.astype(values.dtype), -1)
    return jnp.sum(jnp.where(exists, values, 0), -1) / jnp.maximum(count, 1)


def _at(array: Array, places: Array, axis: int) -> Array:
    """How the entries of ``array`` along ``axis`` lie to the places, one for each subject: negative before it."""
    return lax.broadcasted_iota(jnp.int32, array.shape, array.ndim + axis) - places[..., None, None]


def _outcomes(grid: Array, none: Array) -> Array:
    """The outcomes of a subject in a row: every cause at every time, and none at any."""
    rows = grid.shape[:-2]
    return jnp.concatenate(
        [jnp.reshape(grid, (*rows, grid.shape[-2] * grid.shape[-1])), jnp.broadcast_to(none, (*rows, 1))], -1
    )


# -log P(S) = log(1 + e^(a - b)) with a and b the logsumexp of the outcomes that did not and that may have happened. Its
# slope, sigma(a - b) times the probabilities within either, is no difference.
def _nll(logits: Array, times: Array, events: Array) -> Array:
    later, cause = _at(logits, times, -1), _at(logits, events - 1, -2)
    censored = events[..., None, None] == 0
    possible = jnp.where(censored, later > 0, (later == 0) & (cause == 0))
    scores, possible = _outcomes(logits, jnp.zeros((), logits.dtype)), _outcomes(possible, events[..., None] == 0)
    logsumexp = lambda chosen: numerics.logsumexp(jnp.where(chosen, scores, -jnp.inf), -1)
    return numerics.softplus(logsumexp(~possible) - logsumexp(possible))


def _order(logits: Array, times: Array, events: Array, exists: Array, sigma: Any) -> Array:
    """The mean over the pairs of exp((F_j - F_i) / sigma), 0 without any."""
    later, cause = _at(logits, times, -1), _at(logits, events - 1, -2)
    exists = exists[..., None, None]
    first, second = exists & (later == 0) & (cause == 0), exists & (later < 0)
    scores = _outcomes(logits, jnp.zeros((), logits.dtype))
    p = surprises(scores - lax.stop_gradient(jnp.max(scores, -1, keepdims=True)), -1).probabilities[..., :-1]
    chance = jnp.cumsum(jnp.reshape(p, logits.shape), -1)
    # By the largest of the second factors, which then has no term above 1: the first is large only if a pair is.
    top = lax.stop_gradient(jnp.max(jnp.where(second, chance, -jnp.inf), -3, keepdims=True, initial=-jnp.inf))
    top = jnp.where(top == -jnp.inf, 0, top)
    paired = first & jnp.any(second, -3, keepdims=True)
    exponential = lambda chosen, x: jnp.where(chosen, jnp.exp(jnp.where(chosen, x / sigma, 0)), 0)
    total = jnp.sum(exponential(paired, top - chance), -3) * jnp.sum(exponential(second, chance - top), -3)
    count = lambda chosen: jnp.sum(chosen.astype(logits.dtype), -3)
    pairs = jnp.sum(count(first) * count(second), (-2, -1))
    return jnp.sum(total, (-2, -1)) / jnp.maximum(pairs, 1)
