"""Survival: times to an event, of which some are censored, known only to be longer than what was observed."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Integer, Real

from jaxloss import checks, numerics, reduce
from jaxloss.numerics.log_sums import log_add
from jaxloss.numerics.running import accumulate
from jaxloss.reduce import Reduction
from jaxloss.rows.yes_no import log1m

__all__ = ["cox_partial_likelihood", "discrete_time_survival"]


def cox_partial_likelihood(
    log_hazards: Float[ArrayLike, "*cohorts subjects"],
    times: Real[ArrayLike, "*cohorts subjects"],
    events: Real[ArrayLike, "*cohorts subjects"],
    *,
    ties: Literal["breslow", "efron"] = "efron",
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative log partial likelihood of Cox, the mean over the events of a cohort.

    .. math::  \ell = \frac1d \sum_{i:\, \text{event}} \Bigl(\log \sum_{j:\, t_j \ge t_i} e^{h_j} - h_i\Bigr), \qquad
               \frac{\partial \ell}{\partial h_k} = \frac1d \Bigl(\sum_{i:\, \text{event}, t_i \le t_k}
               \frac{e^{h_k}}{\sum_{j:\, t_j \ge t_i} e^{h_j}} - [k\ \text{event}]\Bigr)

    with d events. It depends on the order of the times alone, and on differences of the log-hazards. Where m events
    share a time, Breslow's way is the formula; Efron's takes the share l / m of the tied events, l = 0 ... m - 1, away
    from the sum of the l-th, and is closer to the likelihood of the unknown order. It takes one sort: O(n log n) time
    and O(n) memory. The times and events have no gradient.

    Args:
      log_hazards: real array, the subjects of a cohort on the last axis: what multiplies their hazard, as a logarithm.
      times: array of exactly that shape, of the event or of the censoring.
      events: likewise, 1 (or True) for an event, 0 for a censored time.
      ties: "efron" or "breslow".
      where: boolean, which subjects exist, of the shape of the log-hazards.
      weights, reduction: of the cohorts, see :doc:`/reductions`.
    Returns: a scalar, or one value per cohort with ``reduction="none"``: 0 for one without events. Times the number of
      events it is minus the log-likelihood that statistical packages print.
    Raises: ValueError for unequal shapes or an unknown way with ties, TypeError for integer log-hazards.
    Example:
      >>> cox_partial_likelihood(jnp.array([[0.0, 0.0, 0.0]]), jnp.array([[1.0, 2.0, 3.0]]), jnp.array([[1, 0, 1]]))
      Array(0.5493061, dtype=float32)
    References: Cox (1975), Partial likelihood, doi:10.1093/biomet/62.2.269; Efron (1977),
      doi:10.1080/01621459.1977.10480613.
    """
    name = "cox_partial_likelihood"
    checks.choice(name, "ties", ties, ("breslow", "efron"))
    (log_hazards,) = checks.floating(name, log_hazards=log_hazards)
    dtype = checks.compute_dtype(log_hazards, times)
    times, events = checks.real(name, dtype, times=times, events=events)
    log_hazards = log_hazards.astype(dtype)
    checks.same_shape(name, log_hazards=log_hazards, times=times, events=events)
    if log_hazards.ndim < 1:
        raise ValueError(f"{name}: log_hazards must have an axis of subjects, got shape {log_hazards.shape}")
    log_hazards, times, events = reduce.keep(name, where, log_hazards, times, events)
    exists = jnp.broadcast_to(jnp.asarray(True if where is None else where), log_hazards.shape)
    happened = exists & (events > 0)
    # Who does not exist comes last, and has no hazard.
    hazards = jnp.where(exists, log_hazards, -jnp.inf)
    values = _cox(hazards, lax.stop_gradient(jnp.where(exists, times, -jnp.inf)), happened, ties)
    cohorts = None if where is None else jnp.any(exists, -1)
    return reduce.apply(name, values, where=cohorts, weights=weights, reduction=reduction)


def discrete_time_survival(
    logits: Float[ArrayLike, "..."],
    intervals: Integer[ArrayLike, "..."],
    events: Real[ArrayLike, "..."],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative log-likelihood of a time in intervals, by the logits of the hazards in each.

    .. math::  \ell = \sum_{k < \kappa} \log(1 + e^{g_k}) + \log\left(1 + e^{\mp g_\kappa}\right), \qquad
               \frac{\partial \ell}{\partial g_k} = \sigma(g_k) - [k = \kappa,\ \text{event}] \quad (k \le \kappa)

    with - for an event in interval :math:`\kappa`, + for one censored there, who has survived it. The hazard
    :math:`\sigma(g_k)` is the probability of an event in interval k for who has come that far: a binary cross-entropy
    for every interval at risk. Unlike Cox's it gives survival curves, and needs no other subjects.

    Args:
      logits: real array of any shape, the intervals along ``axis``.
      intervals: integer array of that shape without ``axis``: where the event was, or the last interval survived.
      events: likewise, 1 (or True) for an event, 0 for a censored time.
      axis: the axis of the intervals.
      where, weights, reduction: of the subjects, see :doc:`/reductions`.
    Returns: a scalar, or one value per subject with ``reduction="none"``; in nats. An interval that there is not gives
      NaN.
    Raises: ValueError for shapes that do not fit, TypeError for integer logits or intervals that are no integers.
    Example:
      >>> discrete_time_survival(jnp.zeros((2, 3)), jnp.array([0, 2]), jnp.array([1, 0]), reduction="none")
      Array([0.6931472, 2.0794415], dtype=float32)
    References: Gensheimer and Narasimhan (2019), A scalable discrete-time survival model, doi:10.7717/peerj.6257.
    """
    name = "discrete_time_survival"
    logits, intervals, axis = checks.integer_rows(name, logits, intervals, axis, arguments=("logits", "intervals"))
    (events,) = checks.real(name, logits.dtype, events=events)
    checks.same_shape(name, intervals=intervals, events=events)
    logits = reduce.keep(name, where, logits, axis=axis)
    intervals, events = reduce.keep(name, where, intervals, events)
    place = lax.broadcasted_iota(jnp.int32, logits.shape, logits.ndim + axis)
    last = jnp.expand_dims(intervals, axis)
    event = (place == last) & jnp.expand_dims(events > 0, axis)
    terms = jnp.where(place <= last, numerics.softplus(jnp.where(event, -logits, logits)), 0)
    valid = (intervals >= 0) & (intervals < logits.shape[axis])
    values = jnp.sum(terms, axis) * jnp.where(valid, 1.0, jnp.nan).astype(logits.dtype)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


# ---- Cox, sorted by falling time: at risk with the i-th are all before it, and those that share its time -------------


# With m tied events that have the hazards T together, O for the others at risk and the share f = 1 - l / m (1 for
# Breslow's way), the term of the l-th event k is log(O + f T) - h = log(1 + R / (f e^h)) + log f, where
# R = O + f (T - e^h) is what leaves k out. Summed like that no digit is lost where k has nearly all of the hazard, and
# autodiff gives -R / (O + f T) for 1 less than its share.
def _sum_of_events(h: Array, times: Array, happened: Array, ties: str) -> Array:
    """The sum over the events of one cohort or several, in falling order of the times, with the censored ones first."""
    last, dead = h.ndim - 1, happened.astype(h.dtype)
    edge = jnp.ones((*h.shape[:-1], 1), bool)
    change = (times[..., 1:] != times[..., :-1]) | (happened[..., 1:] != happened[..., :-1])
    starts, ends = jnp.concatenate([edge, change], -1), jnp.concatenate([change, edge], -1)
    none = jnp.full((*h.shape[:-1], 1), -jnp.inf, h.dtype)
    later = lambda values: jnp.concatenate([none, values[..., :-1]], -1)
    sooner = lambda values: jnp.concatenate([values[..., 1:], none], -1)
    running = partial(accumulate, log_add, -jnp.inf, h)
    others = accumulate(lambda first, _: first, 0, later(running()), starts)  # of the group: that at its start
    before = jnp.where(starts, -jnp.inf, later(running(starts)))
    after = jnp.where(ends, -jnp.inf, sooner(running(starts, reverse=True)))
    log_share = jnp.zeros_like(h)
    if ties == "efron":
        count = jnp.cumsum(dead, -1)
        start = lax.cummax(jnp.where(starts, count - dead, 0), axis=last)
        end = lax.cummin(jnp.where(ends, count, jnp.inf), axis=last, reverse=True)
        log_share = log1m(jnp.where(happened, (count - 1 - start) / jnp.maximum(end - start, 1), 0))
    tied = log_add(before, after)
    rest = log_add(others, jnp.where(tied == -jnp.inf, -jnp.inf, tied + log_share))
    alone = rest == -jnp.inf
    ratio = jnp.where(happened & ~alone, rest, 0) - jnp.where(happened & ~alone, log_share + h, 0)
    terms = jnp.where(alone, 0, numerics.softplus(ratio)) + log_share
    return jnp.sum(jnp.where(happened, terms, 0), -1) / jnp.maximum(jnp.sum(dead, -1), 1)


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def _cox(h: Array, times: Array, happened: Array, ties: str) -> Array:
    times, _, h, happened = _sorted(h, times, happened)
    return _sum_of_events(h, times, happened, ties)


# The slopes are those in the order of the times, brought back by another sort: jax would scatter them.
@_cox.defjvp
def _(ties: str, primals: Any, tangents: Any) -> tuple[Array, Array]:
    times, order, h, happened = _sorted(*primals)
    values, pull = jax.vjp(lambda h: _sum_of_events(h, times, happened, ties), h)
    (slopes,) = pull(jnp.ones_like(values))
    slopes = lax.sort((order, slopes), dimension=h.ndim - 1, num_keys=1)[1]
    moved = jnp.where(slopes == 0, 0, slopes * tangents[0])  # nobody at -inf moves
    return values, jnp.sum(moved, -1)


def _sorted(h: Array, times: Array, happened: Array) -> tuple[Array, Array, Array, Array]:
    """Times that fall, censored ones first, whose they are, and log-hazards and events in that order."""
    place = lax.broadcasted_iota(jnp.int32, h.shape, h.ndim - 1)
    fall, happened, order, h = lax.sort((-times, happened, place, h), dimension=h.ndim - 1, num_keys=2)
    return -fall, order, h, happened
