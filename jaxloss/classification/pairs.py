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
def _hinge_pairs(x: Array, true: Array, false: Array) -> Array:
    return _Sorted(x, true, false).total()


# Moving x_i crosses the gaps of the true classes below it, moving u_j those of the false ones above it. A weight of a
# true class pays for the gaps above its u, one of a false class for those below its x. Taken out is what the pair of a
# class with itself would cost, whose distance is 1.
def _hinge_pairs_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    (x, true, false), (dx, dtrue, dfalse) = primals, tangents
    rows = _Sorted(x, true, false)
    change = jnp.zeros(x.shape[:-1], x.dtype)
    if not isinstance(dx, SymbolicZero):
        change += jnp.sum(put_back(rows.slopes(), rows.order) * dx, axis=-1)
    if not isinstance(dtrue, SymbolicZero):
        change += jnp.sum((put_back(rows.paid_above(), rows.order) - false) * dtrue, axis=-1)
    if not isinstance(dfalse, SymbolicZero):
        change += jnp.sum((put_back(rows.paid_below(), rows.order) - true) * dfalse, axis=-1)
    return rows.total(), change


_hinge_pairs.defjvp(_hinge_pairs_jvp, symbolic_zeros=True)


@one_dispatch
def hinge_pairs(x: Array, true: Array, false: Array) -> Array:
    """Return the sum over classes j != i of t_j f_i max(0, 1 - x_j + x_i), for rows on the last axis.

    The weights t of true and f of false classes are usually 0 and 1, or y and 1 - y. A pair costs the distance from
    u_j = x_j - 1 up to x_i. Sort all u and x: each gap between neighbours is counted by the true classes below it times
    the false ones above it. That is a sum of positive terms, in O(C log C).
    """
    return _hinge_pairs(x, true, false)


class _Sorted:
    """The keys x and u of each row, in two rows of the same order that are not merged, and the gaps above each key.

    A pair exactly 1 apart counts as apart, which gives it the slope 0: an x comes before an equal u.
    """

    def __init__(self, x: Array, true: Array, false: Array) -> None:
        self.axis = x.ndim - 1
        self.order = ascending_order(x)
        x, own_true, own_false = (permute(values, self.order) for values in (x, true, false))
        u = x - 1
        self.own_true, self.own_false = own_true, own_false
        self.self_pairs = jnp.sum(own_true * own_false, axis=-1)
        self.x_below = count_up_to(x, u)  # of each u
        self.u_below = _from_counts(self.x_below)  # of each x
        true, false = _sums_before(own_true), _sums_after(own_false)
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
        return self.own_false * self.true_below - self.own_true * self.false_above

    def paid_above(self) -> Array:
        """The distance from each u up to the false classes above it."""
        up = permute(_sums_after(self.x_gaps * self.false), self.x_below)
        return up + _sums_after(self.u_gaps * self.false_above)[..., :-1]

    def paid_below(self) -> Array:
        """The distance from each x down to the true classes below it."""
        down = permute(_sums_before(self.u_gaps * self.true), self.u_below)
        return down + _sums_before(self.x_gaps * self.true_below)[..., :-1]


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
