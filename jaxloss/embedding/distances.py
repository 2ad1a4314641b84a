"""Batches of labelled embeddings: who belongs to whom, distances and inner products of all pairs.

Nothing here is larger than [examples, examples].
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from jaxloss import checks, numerics, reduce
from jaxloss.numerics.elementary import one_dispatch, power_of_two
from jaxloss.numerics.pairs import reciprocal

__all__ = [
    "Batch",
    "Classes",
    "inner_products",
    "labelled_batch",
    "log1p_sum_exp",
    "matmul_transposed",
    "pair_cosines",
    "pair_distances",
    "positive_part",
    "unit_vectors",
]


class Classes(NamedTuple):
    """The examples that exist, in order of their labels: those of one label are neighbours."""

    order: Array
    """Positions of the examples in that order, what is masked last."""
    start: Array
    """For each example, where the examples of its label start in the order."""
    size: Array
    """For each example, how many examples have its label; 0 for one that is masked."""


class Batch(NamedTuple):
    """Embeddings [..., examples, features] and labels [..., examples], checked and masked."""

    embeddings: Array
    labels: Array
    kept: Array
    """Which examples exist, of the shape of the labels."""
    classes: Classes

    @property
    def positives(self) -> Array:
        """How many other examples have the label of each."""
        return jnp.maximum(self.classes.size - 1, 0)

    @property
    def negatives(self) -> Array:
        """How many examples have another label than each."""
        return jnp.where(self.kept, jnp.sum(self.kept, -1, keepdims=True, dtype=jnp.int32) - self.classes.size, 0)

    @property
    def anchors(self) -> Array:
        """Which examples have both a positive and a negative: what has a value."""
        return (self.positives > 0) & (self.negatives > 0)

    def positive_pairs(self) -> Array:
        """Which pairs [..., anchor, other] have equal labels; none with itself."""
        itself = jnp.eye(self.labels.shape[-1], dtype=bool).reshape(*(1,) * (self.labels.ndim - 1), *self._square())
        return self._both() & self._equal() & ~itself

    def negative_pairs(self) -> Array:
        """Which pairs [..., anchor, other] have different labels."""
        return self._both() & ~self._equal()

    def _square(self) -> tuple[int, int]:
        return (self.labels.shape[-1],) * 2

    def _equal(self) -> Array:
        return self.labels[..., :, None] == self.labels[..., None, :]

    def _both(self) -> Array:
        return self.kept[..., :, None] & self.kept[..., None, :]


def labelled_batch(name: str, embeddings: ArrayLike, labels: ArrayLike, where: ArrayLike | None) -> Batch:
    """Return embeddings [..., examples, features] and their labels, which are any integers, checked and masked."""
    embeddings, labels, _ = checks.integer_rows(name, embeddings, labels, -1, arguments=("embeddings", "labels"))
    if embeddings.ndim < 2:
        raise ValueError(f"{name}: embeddings must have axes (..., examples, features), got shape {embeddings.shape}")
    embeddings = reduce.keep(name, where, embeddings, axis=-1)
    kept = jnp.broadcast_to(True if where is None else jnp.asarray(where), labels.shape)
    return Batch(embeddings, labels, kept, _classes(labels, kept))


@one_dispatch
def _classes(labels: Array, kept: Array) -> Classes:
    n = labels.shape[-1]
    place = lax.broadcasted_iota(jnp.int32, labels.shape, labels.ndim - 1)
    masked, ordered, order = lax.sort((~kept, labels, place), dimension=-1, num_keys=2)
    changes = (ordered[..., 1:] != ordered[..., :-1]) | (masked[..., 1:] != masked[..., :-1])
    edge = jnp.ones((*labels.shape[:-1], min(n, 1)), bool)
    start = lax.cummax(jnp.where(jnp.concatenate([edge, changes], -1), place, 0), axis=labels.ndim - 1)
    last = jnp.where(jnp.concatenate([changes, edge], -1), place, n)
    size = lax.cummin(last, axis=labels.ndim - 1, reverse=True) - start + 1
    _, start, size = lax.sort((order, start, jnp.where(masked, 0, size)), dimension=-1, num_keys=1)
    return Classes(order, start, size)


def pair_distances(embeddings: Array) -> Array:
    """Return the Euclidean distances [..., examples, examples] of all pairs, of any magnitude.

    From differences, not from inner products, of which |x|^2 + |y|^2 - 2 x.y loses all digits where x and y are near:
    with normalized embeddings in float32, the distance of equal vectors would be up to 1e-3. The slope at distance 0
    is 0.
    """
    size = jnp.max(jnp.abs(embeddings), (-2, -1), keepdims=True, initial=0)
    return _distances(embeddings, lax.stop_gradient(power_of_two(size)))


# The sum of squares is one loop in which nothing is stored, at 4 times the price of a product of matrices on the CPU.
# Of its derivative (x_i - x_j).(dx_i - dx_j) / D, x and D are scaled: over the scale and then times it, the cotangent
# of a mean would underflow.
@jax.custom_jvp
def _distances(x: Array, scale: Array) -> Array:
    x = x * scale
    difference = x[..., :, None, :] - x[..., None, :, :]
    return jnp.sqrt(jnp.sum(difference * difference, -1)) * (1 / scale)


@_distances.defjvp
def _(primals, tangents):
    x, scale = primals
    distances = _distances(x, scale)
    return distances, _approach(x * scale, tangents[0]) * reciprocal(distances * scale)


_distances = one_dispatch(_distances)


# d(x_i . x_j) = dx_i . x_j + x_i . dx_j: the transposed map adds the cotangent to its transpose, then multiplies once.
@jax.custom_jvp
def inner_products(x: Array) -> Array:
    """Return the inner products [..., examples, examples] of all pairs."""
    return matmul_transposed(x, x)


@inner_products.defjvp
def _(primals, tangents):
    across = matmul_transposed(tangents[0], primals[0])
    return inner_products(*primals), across + across.swapaxes(-1, -2)


def pair_cosines(embeddings: Array) -> Array:
    """Return the cosines [..., examples, examples] of all pairs; 0 with a zero vector."""
    return _unit_products(unit_vectors(embeddings))


# For unit vectors u.v = 1 - |u - v|^2 / 2: the derivative is -(u - v).(du - dv), which keeps its digits where they are
# near; of du.v + u.dv, the part along the vectors would have to cancel.
@jax.custom_jvp
def _unit_products(u: Array) -> Array:
    return matmul_transposed(u, u)


@_unit_products.defjvp
def _(primals, tangents):
    return _unit_products(*primals), -_approach(*primals, *tangents)


def _approach(x: Array, dx: Array) -> Array:
    """(x_i - x_j).(dx_i - dx_j) by products of matrices, of x without what all of it has in common."""
    x = x - lax.stop_gradient(jnp.sum(x, -2, keepdims=True) / max(x.shape[-2], 1))
    along, across = jnp.sum(x * dx, -1), matmul_transposed(dx, x)
    return (along[..., :, None] + along[..., None, :]) - (across + across.swapaxes(-1, -2))


def unit_vectors(x: Array) -> Array:
    """Return the rows over their lengths, of any magnitude; a zero vector stays one, with zero gradient.

    Normalized twice: what the gradient has along a vector is taken out by a difference that leaves a rounding error
    along it, and the second takes that out.
    """
    return numerics.normalize(numerics.normalize(x, -1), -1)


def matmul_transposed(x: Array, y: Array) -> Array:
    """Return the products of the rows of x with those of y, in full precision on every device."""
    return jnp.matmul(x, y.swapaxes(-1, -2), precision="highest")


def positive_part(x: Array) -> Array:
    """Return max(0, x), with slope 0 at 0."""
    return jnp.where(x > 0, x, 0)


def log1p_sum_exp(x: Array, axis: int) -> Array:
    """Return log(1 + sum e^x), which keeps the digits of a small sum; -inf is no term."""
    return jnp.squeeze(_log1p_sum_exp(x, axis), axis)


def _terms(x: Array, axis: int) -> tuple[Array, Array, Array]:
    """The larger t of max x and 0, e^(x - t), and the sum of these."""
    top = jnp.max(x, axis, keepdims=True, initial=0)
    terms = jnp.exp(x - top)
    return top, terms, jnp.sum(terms, axis, keepdims=True)


# log(1 + sum e^x) = t + log(e^-t + sum e^(x - t)); either t is 0 or the sum is at least 1. The derivatives are the
# shares p = e^x / (1 + sum e^x), and dp = p (dx - sum(p dx)).
@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _log1p_sum_exp(x: Array, axis: int) -> Array:
    top, _, total = _terms(x, axis)
    return top + jnp.log1p(total + jnp.expm1(-top))


@_log1p_sum_exp.defjvp
def _(axis, primals, tangents):
    change = jnp.sum(_shares(primals[0], axis) * tangents[0], axis, keepdims=True)
    return _log1p_sum_exp(primals[0], axis), change


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _shares(x: Array, axis: int) -> Array:
    top, terms, total = _terms(x, axis)
    return terms / (jnp.exp(-top) + total)


@_shares.defjvp
def _(axis, primals, tangents):
    shares = _shares(primals[0], axis)
    return shares, shares * (tangents[0] - jnp.sum(shares * tangents[0], axis, keepdims=True))
