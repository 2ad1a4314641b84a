"""The hinge of all pairs of a true and a false class of a row, by sorting instead of by pairs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero

__all__ = ["hinge_pairs"]


@jax.custom_jvp
def hinge_pairs(x: Array, y: Array) -> Array:
    """Return the sum over classes j != i of y_j (1 - y_i) max(0, 1 - x_j + x_i), for rows on the last axis.

    A pair costs the distance from u_j = x_j - 1 up to x_i. Sort all u and x: each gap between neighbours is counted by
    the true classes below it times the false ones above it. That is a sum of positive terms, in O(C log C).
    """
    return _Sorted(x, y).total()


# Moving x_i crosses the gaps of the true classes below it, moving u_j those of the false ones above it. Along the
# labels, class c pays for the gaps above u_c as a true class and for those below x_c as a false one. Taken out is what
# a soft label would pay for the pair of a class with itself, whose distance is 1.
def _hinge_pairs_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (x, y), (dx, dy) = primals, tangents
    rows = _Sorted(x, y)
    change = jnp.zeros(x.shape[:-1], x.dtype)
    if not isinstance(dx, SymbolicZero):
        below, above = rows.unsort(rows.true_below, rows.false_above)
        # Each class has itself among the pairs, which its two keys move alike.
        change += jnp.sum(((1 - y) * below - y * above) * dx, axis=-1)
    if not isinstance(dy, SymbolicZero):
        as_false, as_true = rows.unsort(rows.paid_below(), rows.paid_above())
        change += jnp.sum((as_true - as_false - (1 - 2 * y)) * dy, axis=-1)
    return rows.total(), change


hinge_pairs.defjvp(_hinge_pairs_jvp, symbolic_zeros=True)


class _Sorted:
    """The 2C keys of each row in order, and the weight of the true ones up to and the false ones from each."""

    def __init__(self, x: Array, y: Array) -> None:
        axis, shape = x.ndim - 1, (*x.shape[:-1], 2 * x.shape[-1])
        # x first: in a stable sort a pair exactly 1 apart then counts as apart, which gives it the slope 0.
        keys = jnp.concatenate([x, x - 1], axis=-1)
        true = jnp.concatenate([jnp.zeros_like(y), y], axis=-1)
        false = jnp.concatenate([1 - y, jnp.zeros_like(y)], axis=-1)
        index = lax.broadcasted_iota(jnp.int32, shape, axis)
        keys, true, false, self.index = lax.sort((keys, true, false, index), dimension=axis, num_keys=1)
        self.self_pairs = jnp.sum(y * (1 - y), axis=-1)
        self.gaps = keys[..., 1:] - keys[..., :-1]
        self.true_below = lax.cumsum(true, axis=axis)
        self.false_above = lax.cumsum(false, axis=axis, reverse=True)

    def total(self) -> Array:
        pairs = self.true_below[..., :-1] * self.false_above[..., 1:]
        return jnp.sum(self.gaps * pairs, axis=-1) - self.self_pairs

    def paid_below(self) -> Array:
        """The distance from each key down to the true classes below it."""
        paid = lax.cumsum(self.gaps * self.true_below[..., :-1], axis=self.gaps.ndim - 1)
        return jnp.concatenate([jnp.zeros_like(paid[..., :1]), paid], axis=-1)

    def paid_above(self) -> Array:
        """The distance from each key up to the false classes above it."""
        paid = lax.cumsum(self.gaps * self.false_above[..., 1:], axis=self.gaps.ndim - 1, reverse=True)
        return jnp.concatenate([paid, jnp.zeros_like(paid[..., :1])], axis=-1)

    def unsort(self, at_false: Array, at_true: Array) -> tuple[Array, Array]:
        """Return the first at the keys x and the second at the keys x - 1, class by class."""
        classes = self.index.shape[-1] // 2
        chosen = jnp.where(self.index < classes, at_false, at_true)
        _, chosen = lax.sort((self.index, chosen), dimension=self.index.ndim - 1, num_keys=1)
        return chosen[..., :classes], chosen[..., classes:]
