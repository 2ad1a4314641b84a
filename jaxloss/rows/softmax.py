r"""Rows of softmax: negative log-probabilities and their exact derivatives, the core of the softmax family.

Everything here works on *scores* :math:`d_c = z_c - \max z \le 0`, the logits without their maximum (`largest`,
`score`): the softmax does not change, nothing overflows, and rows of any offset keep their digits. Three functions take
it from there: `of_ids` for class ids, `of_distributions` for dense labels, and `surprises` for every class. A loss of
the form :math:`\sum_c y_c \phi(-\log p_c)` is `labelled_rows` and its ``expected``.

No digits are lost where the model is right. With t the class of the largest logit and
:math:`r = \sum_{c \ne t} e^{d_c}`, :math:`-\log p_t = \log(1 + r)` and :math:`1 - p_t = r / (1 + r)`: r is summed
without the 1, which would absorb it.

A score of -inf is an impossible class, of probability 0. A row in which no class is possible has infinite loss, and
the gradient of a prediction that is 0 for every class.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike

from jaxloss import checks, numerics, reduce
from jaxloss.numerics.elementary import one_dispatch
from jaxloss.rows.labels import along, besides, of_label, pick, picked

__all__ = [
    "LabelledRows",
    "Rows",
    "Surprises",
    "labelled_rows",
    "largest",
    "miss",
    "of_distributions",
    "of_ids",
    "score",
    "surprises",
]


class Rows(NamedTuple):
    """What a loss on softmax rows is made of; rows have no class axis, the last two fields have one."""

    nll: Array
    """sum_c y_c (-log p_c)."""
    log_total: Array
    """log sum_c exp(d_c)."""
    probabilities: Array
    slope: Array
    """Derivative of nll with respect to the scores."""


class Surprises(NamedTuple):
    """For every class c."""

    nll: Array
    """-log p_c."""
    probabilities: Array
    complements: Array
    """1 - p_c."""


def largest(name: str, where: ArrayLike | None, logits: Array, axis: int) -> Array:
    """Return the largest logit of each row, with the class axis kept; 0 for a row that is masked or all -inf.

    The logits come as they are: to mask them first would write all of them once more. There is no gradient, which
    nothing that depends on differences of logits needs.
    """
    return reduce.keep(name, where, _possible_largest(logits, axis), axis=axis)


@partial(one_dispatch, static_argnums=1)
def _possible_largest(logits: Array, axis: int) -> Array:
    top = lax.stop_gradient(jnp.max(logits, axis, keepdims=True))
    return jnp.where(top == -jnp.inf, 0, top)


def score(logits: Array, top: Array, temperature: Array | float = 1, cap: float | None = None) -> Array:
    """Return z - max z for the capped and tempered logits z = cap tanh(logits / cap) / temperature."""
    scores = logits - top
    if cap is not None:  # It is monotonic: the largest logit stays the largest. An impossible class stays impossible.
        scores = jnp.where(logits == -jnp.inf, -jnp.inf, _capped_gap(logits, top, cap))
    if isinstance(temperature, Array):  # Its derivative must not see 0 * inf.
        possible = scores != -jnp.inf
        return jnp.where(possible, jnp.where(possible, scores, 0) / temperature, -jnp.inf)
    return scores if temperature == 1 else scores / temperature


# cap tanh(a) - cap tanh(b), a = x / cap, as a product: as a difference it loses all digits once both saturate.
# tanh a - tanh b = 2 (e^2a - e^2b) / ((1 + e^2a) (1 + e^2b)) = 2 (e^(2a - 2b) - 1) sigma(2b) sigma(-2a).
@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _capped_gap(x: Array, top: Array, cap: float) -> Array:
    gap = jnp.expm1((x - top) * (2 / cap))
    return gap * numerics.sigmoid(-2 / cap * x) * (2 * cap * numerics.sigmoid(2 / cap * top))


@_capped_gap.defjvp
def _(cap, primals, tangents):
    plain = lambda x, top: cap * (numerics.tanh(x / cap) - numerics.tanh(top / cap))
    return _capped_gap(*primals, cap), jax.jvp(plain, primals, tangents)[1]


# Without a gradient the exponentials are only summed, and XLA:CPU writes none of them.
@partial(jax.custom_jvp, nondiff_argnums=(3,))
def of_ids(scores: Array, ids: Array, own: Array, axis: int) -> Rows:
    """Return the rows for integer labels, whose ``own`` scores come from `pick`; NaN where these are."""
    return _of_ids(jnp.exp(scores) * besides(ids, scores, axis), ids, own, axis)


# With one, an array of the size of the scores is written, the exponentials without the label's, and summed; the same
# array makes the gradient. That is faster on the CPU than to compute the exponentials twice.
@partial(jax.custom_jvp, nondiff_argnums=(3,))
def _of_ids_stored(scores: Array, ids: Array, own: Array, axis: int) -> Rows:
    return _of_ids(jnp.where(picked(ids, scores.shape, axis), 0, jnp.exp(scores)), ids, own, axis)


# d nll = sum_c (p_c - [c = id]) dd_c. At the label p - 1 is computed as -rest / total, where rest leaves the label out.
@of_ids.defjvp
@_of_ids_stored.defjvp
def _of_ids_jvp(axis, primals, tangents):
    rows, change = _of_ids_stored(*primals, axis), tangents[0]
    mean = jnp.sum(rows.probabilities * change, axis, keepdims=True)
    turn = rows.probabilities * (change - mean)
    return rows, Rows(jnp.sum(rows.slope * change, axis), jnp.squeeze(mean, axis), turn, turn)


def _of_ids(others: Array, ids: Array, own: Array, axis: int) -> Rows:
    """Rows of the exponentials of scores, with 0 for the label's, and the label's scores."""
    own = jnp.expand_dims(own, axis)
    label = picked(ids, others.shape, axis)
    rest = jnp.sum(others, axis, keepdims=True)
    e = jnp.exp(own)
    total = rest + e
    inverse = 1 / jnp.where(total == 0, 1, total)
    # Where the label has the largest score, e - 1 is 0; elsewhere rest is at least 1.
    log_total = jnp.log1p(rest + (e - 1))
    nll = jnp.where(total == 0, jnp.inf, log_total - own)
    rest = jnp.where(total == 0, 1, rest * inverse)
    return Rows(
        nll=jnp.squeeze(nll, axis),
        log_total=jnp.squeeze(log_total, axis),
        probabilities=jnp.where(label, e, others) * inverse,
        slope=jnp.where(label, -rest, others * inverse),
    )


def _softmax(scores: Array, axis: int) -> tuple[Array, Array, Array, Array]:
    """Return p, 1 - p, log sum exp(d) and whether any class is possible; the derivatives are the caller's.

    In a scan of which the second derivative is taken jax forgets the caller's rule and differentiates this: the scores
    of the largest, which are 0 and change no value, are there for their derivative of 1, which is that of exp.
    """
    limits = jnp.finfo(scores.dtype)
    # The largest is left out of the sum. Several may be equal, and then count: they are marked by the smallest negative
    # number, which no sum notices and which the floor turns into -1. A second sum of one array costs a third of
    # writing and summing an array that tells them.
    rounded = jnp.minimum(jnp.exp(scores), 1 - limits.epsneg)
    marked = jnp.where(scores == 0, scores - limits.tiny, rounded)
    largest = -jnp.sum(jnp.floor(marked), axis, keepdims=True)
    rest = jnp.maximum(jnp.sum(marked, axis, keepdims=True), 0) + (largest - 1)
    inverse = 1 / jnp.where(largest == 0, 1, 1 + rest)
    p = jnp.where(marked < 0, (1 + scores) * inverse, marked * inverse)
    return p, jnp.where(marked < 0, (rest - scores) * inverse, 1 - p), jnp.log1p(rest), largest != 0


# With Y = sum_c y_c: nll = Y log_total - sum_c y_c d_c, a sum of positive terms. Its derivative Y p_c - y_c is computed
# as p_c (Y - y_c) - y_c (1 - p_c), of which neither difference cancels when the row is right.
# d(Y p - y) = Y dp + p dY - dy.
@partial(jax.custom_jvp, nondiff_argnums=(3,))
def of_distributions(scores: Array, labels: Array, mass: Array, axis: int) -> Rows:
    """Return the rows for dense labels, whose sums are ``mass``; a label of 0 on an impossible class contributes 0."""
    p, complement, log_total, possible = _softmax(scores, axis)
    along = jnp.sum(jnp.where(labels == 0, 0, labels * scores), axis, keepdims=True)
    nll = jnp.where(possible, mass * log_total - along, jnp.inf)
    return Rows(
        nll=jnp.squeeze(nll, axis),
        log_total=jnp.squeeze(log_total, axis),
        probabilities=p,
        slope=p * (mass - labels) - labels * complement,
    )


def _of_distributions_jvp(axis, primals, tangents):
    rows, (scores, labels, mass), (change, drift, _) = of_distributions(*primals, axis), primals, tangents
    p = rows.probabilities
    nll, log_total, dp, slope = map(jnp.zeros_like, rows)
    if not isinstance(change, SymbolicZero):
        mean = jnp.sum(p * change, axis, keepdims=True)
        nll += jnp.sum(rows.slope * change, axis)
        log_total += jnp.squeeze(mean, axis)
        dp += p * (change - mean)
        slope += mass * p * (change - mean)
    if not isinstance(drift, SymbolicZero):
        # -log p, but 0 where the label is 0 and the class impossible: there the loss is 0 only while the label is.
        surprise = jnp.expand_dims(rows.log_total, axis) - scores
        surprise = jnp.where((labels == 0) & (scores == -jnp.inf), 0, surprise)
        nll += jnp.sum(surprise * drift, axis)
        slope += p * jnp.sum(drift, axis, keepdims=True) - drift
    return rows, Rows(nll, log_total, dp, slope)


of_distributions.defjvp(_of_distributions_jvp, symbolic_zeros=True)
of_ids, of_distributions = (one_dispatch(rows, static_argnums=3) for rows in (of_ids, of_distributions))


# d(-log p_c) = sum_k p_k dd_k - dd_c. For the class of more than half the probability, of which there is at most one,
# the terms in dd_c are combined to -(1 - p_c) dd_c, so that the transposed map does not subtract p_c v from v.
# dp = -p d(-log p).
@partial(jax.custom_jvp, nondiff_argnums=(1,))
def surprises(scores: Array, axis: int) -> Surprises:
    """Return -log p, p and 1 - p of every class."""
    p, complement, log_total, possible = _softmax(scores, axis)
    return Surprises(jnp.where(possible, log_total - scores, jnp.inf), p, complement)


@surprises.defjvp
def _(axis, primals, tangents):
    classes, (change,) = surprises(*primals, axis), tangents
    likely = classes.probabilities > 0.5
    moved = classes.probabilities * change
    others = jnp.sum(jnp.where(likely, 0, moved), axis, keepdims=True)
    own = jnp.sum(jnp.where(likely, moved, 0), axis, keepdims=True)
    nll = others + jnp.where(likely, -classes.complements * change, own - change)
    return classes, Surprises(nll, -classes.probabilities * nll, classes.probabilities * nll)


surprises = one_dispatch(surprises, static_argnums=1)


class LabelledRows(NamedTuple):
    """Scores and labels of a loss that is an expectation over the labels, checked and masked."""

    scores: Array
    labels: Array
    axis: int
    where: ArrayLike | None
    """The mask, without the rows of ``ignore_index``."""

    def expected(self, function: Callable[[Array], Array], factors: Array | None = None) -> Array:
        """Return sum_c y_c function(-log p_c) of each row, each class times its factor if there are any."""
        scores, labels, axis = self.scores, self.labels, self.axis
        if checks.labels_are_integers(labels):
            values = function(of_ids(scores, labels, pick(scores, labels, axis), axis).nll)
            return values if factors is None else values * of_label(factors, labels)
        # A label of 0 on an impossible class contributes 0.
        nll = surprises(scores, axis).nll
        values = labels * function(jnp.where((labels == 0) & (nll == jnp.inf), 0, nll))
        return jnp.sum(values if factors is None else values * along(factors, axis, scores.ndim), axis)


# d(1 - e^-x) = e^-x dx; as 1 + expm1(-x), which JAX takes, it has no digits left for large x.
@jax.custom_jvp
def miss(nll: Array) -> Array:
    """Return 1 - p for -log p."""
    return -jnp.expm1(-nll)


@miss.defjvp
def _(primals, tangents):
    return miss(*primals), jnp.exp(-primals[0]) * tangents[0]


def labelled_rows(
    name: str,
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    axis: int,
    where: ArrayLike | None,
    ignore_index: int | None,
) -> LabelledRows:
    """Return checked and masked rows for labels that are class ids or distributions, told apart by dtype."""
    if checks.labels_are_integers(labels):
        logits, labels, axis = checks.integer_rows(name, logits, labels, axis)
        where = reduce.except_label(where, labels, ignore_index)
        labels = reduce.keep(name, where, labels)
    else:
        if ignore_index is not None:
            raise ValueError(f"{name}: ignore_index applies to integer labels, got labels of {jnp.result_type(labels)}")
        logits, labels, axis = checks.dense_rows(name, logits, labels, axis)
        labels = reduce.keep(name, where, labels, axis=axis)
    top = largest(name, where, logits, axis)
    scores = score(reduce.keep(name, where, logits, axis=axis), top)
    return LabelledRows(scores, labels, axis, where)
