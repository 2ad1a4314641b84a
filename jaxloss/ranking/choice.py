r"""The softmax of a list of items: like `jaxloss.rows.softmax`, for lists that may stand one after the other.

The largest score of a list is left out of the sum :math:`r = \sum_{j \ne t} e^{s_j - s_t}`, so that
:math:`-\log p_t = \log(1 + r)` and :math:`1 - p_t = r / (1 + r)` keep their digits where the model is right.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxloss.numerics.elementary import one_dispatch
from jaxloss.ranking.lists import Lists

__all__ = ["Choices", "choices", "nll", "scores_below"]


class Choices(NamedTuple):
    """The probability of each item, and what it leaves to the others of its list."""

    log_total: Array
    """log sum_j exp(d_j), shaped like `Lists.total`."""
    probabilities: Array
    complements: Array


@one_dispatch
def scores_below(scores: Array, lists: Lists) -> Array:
    """Return the scores less the largest of their list, -inf for an item that does not exist."""
    top = lists.largest(scores)
    return lists.known(scores, -jnp.inf) - jnp.where(top == -jnp.inf, 0, top)


# dp_i = p_i (dd_i - sum_j p_j dd_j). Of an item with more than half the probability the terms in its own dd are joined
# to (1 - p_i) dd_i, so that the transposed map does not subtract nearly equal numbers.
@jax.custom_jvp
def choices(below: Array, lists: Lists) -> Choices:
    """Return the softmax of each list."""
    e = jnp.exp(below)
    top = below == 0
    count = lists.total(top.astype(e.dtype))
    rest = lists.total(jnp.where(top, 0, e)) + jnp.maximum(count - 1, 0)
    total = jnp.where(count == 0, 1, 1 + rest)
    p = e / total
    return Choices(jnp.log1p(rest), p, jnp.where(top, rest / total, 1 - p))


@choices.defjvp
def _(primals: tuple, tangents: tuple) -> tuple[Choices, Choices]:
    (below, lists), change = primals, tangents[0]
    found = choices(below, lists)
    p, likely = found.probabilities, found.probabilities > 0.5
    change = jnp.where(p == 0, 0, change)
    others = lists.total(jnp.where(likely, 0, p * change))
    own = lists.total(jnp.where(likely, p * change, 0))
    turn = p * (jnp.where(likely, found.complements * change, change - own) - others)
    return found, Choices(others + own, turn, -turn)


# With Y = sum y: nll = Y log_total - sum y d, positive terms. Its derivative Y p - y is p (Y - y) - y (1 - p), in which
# neither difference cancels when the list is right.
@jax.custom_jvp
def _nll(below: Array, labels: Array, lists: Lists) -> Array:
    along = lists.total(jnp.where(labels == 0, 0, labels * below))
    mass = lists.total(labels)
    return jnp.where(mass == 0, 0, mass * choices(below, lists).log_total) - along


@_nll.defjvp
def _(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    (below, labels, lists), (change, drift, _) = primals, tangents
    found, mass = choices(below, lists), lists.total(labels)
    slope = found.probabilities * (mass - labels) - labels * found.complements
    surprise = jnp.where(below == -jnp.inf, 0, found.log_total - jnp.where(below == -jnp.inf, 0, below))
    return _nll(*primals), lists.total(slope * change) + lists.total(surprise * drift)


@one_dispatch
def nll(below: Array, labels: Array, lists: Lists) -> Array:
    """Return sum_i y_i (-log p_i) of each list; a label of 0 on an item of -inf contributes 0."""
    return _nll(below, labels, lists)
