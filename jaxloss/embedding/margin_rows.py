"""Rows of cosines of which the label's own is replaced: the core of the margin heads and of SoftTriple."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss import checks, reduce
from jaxloss.rows.labels import pick, picked, row_like
from jaxloss.rows.softmax import largest, of_ids

__all__ = ["Head", "added", "cross_entropy", "head_rows", "multiplied"]


class Head(NamedTuple):
    """Rows of cosines and their labels, checked and masked."""

    cosines: Array
    labels: Array
    own: Array
    """The cosine of each label, with the class axis kept; NaN for a label outside the classes."""
    scale: Any
    axis: int
    where: ArrayLike | None
    """The mask, without the rows of ``ignore_index``."""


# Only differences of cosines are scaled: a scale of 64 enlarges whatever is rounded off before. The others are compared
# with the best of them, and that with the label; the larger of the two is what `of_ids` counts from. The best cosine
# cancels from every difference of scores, so that it has no gradient.
def cross_entropy(name: str, head: Head, handicap: Any) -> Array:
    """Return the cross-entropy of each row in which the handicap is taken off the cosine of the label."""
    axis, label = head.axis, picked(head.labels, head.cosines.shape, head.axis)
    best = largest(name, head.where, jnp.where(label, -jnp.inf, head.cosines), axis)
    lead = (best - head.own) + handicap if head.cosines.shape[axis] > 1 else jnp.zeros_like(head.own)
    others = head.scale * ((head.cosines - best) + jnp.where(lead > 0, 0, lead))
    own = head.scale * jnp.where(lead > 0, -lead, jnp.where(jnp.isnan(lead), lead, 0))
    scores = jnp.where(label, own, others)
    return of_ids(scores, head.labels, jnp.squeeze(own, axis), axis).nll


def head_rows(
    name: str,
    cosines: ArrayLike,
    labels: ArrayLike,
    scale: Any,
    axis: int,
    ignore_index: int | None,
    where: ArrayLike | None,
) -> Head:
    """Return the checked and masked rows of a margin head."""
    cosines, labels, axis = checks.integer_rows(name, cosines, labels, axis, arguments=("cosines", "labels"))
    scale = checks.parameter(name, "scale", scale, row_like(cosines, axis), above=0)
    where = reduce.except_label(where, labels, ignore_index)
    cosines, labels = reduce.keep(name, where, cosines, axis=axis), reduce.keep(name, where, labels)
    return Head(cosines, labels, jnp.expand_dims(pick(cosines, labels, axis), axis), scale, axis, where)


def added(cosine: Array, margin: Any) -> Array:
    """Return by how much a margin added to the angle lowers the cosine, which beyond pi falls on."""
    lib: Any = jnp if isinstance(margin, Array) else math
    turns = lib.floor(margin / math.pi)  # each takes off 2
    rest = margin - turns * math.pi
    sine = _sine(cosine) * lib.sin(rest)
    near, far = cosine * (2 * lib.sin(rest / 2) ** 2) + sine, cosine * (2 * lib.cos(rest / 2) ** 2) - sine + 2
    return jnp.where(cosine >= -lib.cos(rest), near, far) + 2 * turns


def multiplied(cosine: Array, m: int) -> Array:
    """Return by how much a factor m of the angle lowers the cosine: psi = (-1)^k cos(m theta) - 2k, k-th part of m."""
    # k counts the angles i pi / m that the angle is beyond; the cosine of pi / 2 is 0, not 6e-17.
    ends = (0.0 if 2 * i == m else math.cos(i * math.pi / m) for i in range(1, m))
    k: Any = sum(((cosine < end).astype(cosine.dtype) for end in ends), start=jnp.zeros_like(cosine))
    value = _chebyshev(cosine, m)
    return cosine - (jnp.where(k % 2 == 1, -value, value) - 2 * k)


# sin = sqrt(1 - c^2), d sin = -c / sin dc. At c = +-1 and beyond, where that is infinite, it is taken at the nearest
# cosine inside: with the slope 0 a margin could reward a larger angle there.
@jax.custom_jvp
def _sine(cosine: Array) -> Array:
    return jnp.sqrt(jnp.maximum((1 - cosine) * (1 + cosine), 0))


@_sine.defjvp
def _(primals, tangents):
    (cosine,), (change,) = primals, tangents
    sine = _sine(cosine)
    return sine, -cosine / jnp.where(sine == 0, math.sqrt(jnp.finfo(sine.dtype).eps), sine) * change


# T_m(cos t) = cos m t, U_m(cos t) = sin (m + 1) t / sin t, both by f_{m+1} = 2 c f_m - f_{m-1}, and T_m' = m U_{m-1}.
def _recurrence(cosine: Array, first: Array, m: int) -> Array:
    before, now = jnp.ones_like(cosine), first
    for _ in range(m - 1):
        before, now = now, 2 * cosine * now - before
    return now if m else before


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _chebyshev(cosine: Array, m: int) -> Array:
    return _recurrence(cosine, cosine, m)


@_chebyshev.defjvp
def _(m, primals, tangents):
    (cosine,), (change,) = primals, tangents
    return _chebyshev(cosine, m), m * _recurrence(cosine, 2 * cosine, m - 1) * change
