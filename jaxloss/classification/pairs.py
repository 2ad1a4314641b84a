"""The hinge of all pairs of a true and a false class of a row, by sorting instead of by pairs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero

from jaxloss.numerics.elementary import one_dispatch
from jaxloss.numerics.order import ascending_order, count_up_to, permute, put_back

__all__ = ["hinge_pairs"]


@jax.custom_jvp
def _hinge_pairs(x: Array, y: Array) -> Array:
    return _Sorted(x, y).total()


# Moving x_i crosses the gaps of the true classes below it, moving u_j those of the false ones above it. Along the
# labels, class c pays for the gaps above u_c as a true class and for those below x_c as a false one. Taken out is what
# a soft label would pay for the pair of a class with itself, whose distance is 1.
def _hinge_pairs_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (x, y), (dx, dy) = primals, tangents
    rows = _Sorted(x, y)
    change = jnp.zeros(x.shape[:-1], x.dtype)
    if not isinstance(dx, SymbolicZero):
        change += jnp.sum(put_back(rows.slopes(), rows.order) * dx, axis=-1)
    if not isinstance(dy, SymbolicZero):
        change += jnp.sum((put_back(rows.paid(), rows.order) - (1 - 2 * y)) * dy, axis=-1)
    return rows.total(), change


_hinge_pairs.defjvp(_hinge_pairs_jvp, symbolic_zeros=True)


@one_dispatch
def hinge_pairs(x: Array, y: Array) -> Array:
    """Return the sum over classes j != i of y_j (1 - y_i) max(0, 1 - x_j + x_i), for rows on the last axis.

    A pair costs the distance from u_j = x_j - 1 up to x_i. Sort all u and x: each gap between neighbours is counted by
    the true classes below it times the false ones above it. That is a sum of positive terms, in O(C log C).
    """
    return _hinge_pairs(x, y)


class _Sorted:
    """The keys x and u of each row, in two rows of the same order that are not merged, and the gaps above each key.

    A pair exactly 1 apart counts as apart, which gives it the slope 0: an x comes before an equal u.
    """

    def __init__(self, x: Array, y: Array) -> None:
        self.axis = x.ndim - 1
        self.order = ascending_order(x)
        x, y = permute(x, self.order), permute(y, self.order)
        u = x - 1
        self.y = y
        self.self_pairs = jnp.sum(y * (1 - y), axis=-1)
        self.x_below = count_up_to(x, u)  # of each u
        self.u_below = _from_counts(self.x_below)  # of each x
        true, false = _sums_before(y), _sums_after(1 - y)
        # Up to the next x or the next u. After the last x there is no false class, and the gap counts for nothing.
        last = x[..., -1:]
        next_x, next_u = (jnp.concatenate([keys, last], axis=-1) for keys in (x, u))
        self.x_gaps = jnp.minimum(next_x[..., 1:], permute(next_u, self.u_below)) - x
        self.u_gaps = jnp.minimum(permute(next_x, self.x_below), next_u[..., 1:]) - u
        self.true_below = permute(true, self.u_below)
        self.false_above = permute(false, self.x_below)
        self.true, self.false = true[..., 1:], false[..., 1:]

    def total(self) -> Array:
        paid = self.x_gaps * (self.true_below * self.false) + self.u_gaps * (self.true * self.false_above)
        return jnp.sum(paid, axis=-1) - self.self_pairs

    def slopes(self) -> Array:
        """In the order of the keys; each class has itself among the pairs, which its two keys move alike."""
        return (1 - self.y) * self.true_below - self.y * self.false_above

    def paid(self) -> Array:
        """The distance from each u up to the false classes above it, less that from x down to the true ones below."""
        up = permute(_sums_after(self.x_gaps * self.false), self.x_below)
        up += _sums_after(self.u_gaps * self.false_above)[..., :-1]
        down = permute(_sums_before(self.u_gaps * self.true), self.u_below)
        return up - (down + _sums_before(self.x_gaps * self.true_below)[..., :-1])


def _from_counts(x_below: Array) -> Array:
    """Return how many u are below each x, from how many x are up to each u: i comes before j unless x_below_j <= i."""
    size, axis = x_below.shape[-1], x_below.ndim - 1
    rows = jnp.zeros((*x_below.shape[:-1], size + 1), jnp.int32)
    ones = jnp.ones_like(x_below)
    add = lambda row, places, one: row.at[places].add(one, mode="promise_in_bounds")
    for _ in range(axis):
        add = jax.vmap(add)
    return lax.cumsum(add(rows, x_below, ones), axis=axis)[..., :-1]


def _sums_before(values: Array) -> Array:
    """Of each number the sum of those before it, and of all last."""
    sums = lax.cumsum(values, axis=values.ndim - 1)
    return jnp.concatenate([jnp.zeros_like(sums[..., :1]), sums], axis=-1)


def _sums_after(values: Array) -> Array:
    """The sum of all numbers, and of those after each."""
    sums = lax.cumsum(values, axis=values.ndim - 1, reverse=True)
    return jnp.concatenate([sums, jnp.zeros_like(sums[..., :1])], axis=-1)
