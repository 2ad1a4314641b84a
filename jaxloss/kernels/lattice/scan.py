r"""All paths through a grid, anti-diagonal by anti-diagonal.

A path begins in the cell (0, 0) and enters a cell from above, from the left or from both, each move with a weight:

.. math::  e^{\alpha_{ij}} = e^{\alpha_{i-1,j} + a_{ij}} + e^{\alpha_{i,j-1} + b_{ij}} + e^{\alpha_{i-1,j-1} + c_{ij}}

The cells of an anti-diagonal do not depend on each other, so that a grid of I times J takes I + J - 1 steps. Where the
logarithms are stored, they tell the shares p of the paths to a cell that enter it by each move. Followed back from the
last cell, these give the share V of all paths that visit a cell, by multiplying and adding what is positive:

.. math::  V_{ij} = p^a_{i+1,j} V_{i+1,j} + p^b_{i,j+1} V_{i,j+1} + p^c_{i+1,j+1} V_{i+1,j+1}

The derivative with respect to a weight is the share of the paths that make its move, p V.

Logarithms that grow with the length of the paths would leave few digits for their differences. The largest of an
anti-diagonal is taken out of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

__all__ = ["IMPOSSIBLE", "Moves", "log_paths"]

IMPOSSIBLE = -1e36
"""Logarithm of 0 that can be subtracted from itself and, a few times, added to itself."""


class Moves(NamedTuple):
    """Log-weights of entering each cell, [batch, rows, columns]; or what else there is of each move."""

    down: Array
    """From the row above; the first row is not read."""
    right: Array
    """From the column to the left; the first column is not read."""
    diagonal: Array | None = None
    """From the row above and the column to the left; None: there is no such move."""


class _Sums(NamedTuple):
    """Logarithms of sums over paths as the step to an anti-diagonal finds them; anti-diagonals first."""

    last: Array
    """On the anti-diagonal before, without what is common to it, [i + j, batch, i]."""
    taken: Array
    """By how much more the step takes out, also of those before it, [i + j, batch, 1]."""


@jax.custom_jvp
def log_paths(weights: Moves | Array, row: Array, column: Array) -> Array:
    """Return the logarithm of the sum over all paths to the cell (row, column) of each grid, below -5e35 if none.

    An array of weights is one for each cell, [batch, rows, columns]: paths go down, right and both at once, and also
    pay for the cell that they begin in.
    """
    return _arrive(weights, row, column, stored=False)[0]


@log_paths.defjvp
def _(primals: tuple[Any, Array, Array], tangents: tuple[Any, Array, Array]) -> tuple[Array, Array]:
    weights, row, column = primals
    changes = jax.tree.map(_skew, tangents[0])
    if isinstance(weights, Moves):
        total, visits, entered = _shares(weights, row, column)
        changes = sum(share * change for share, change in zip(_of_moves(entered), _of_moves(changes), strict=True))
    else:
        total, visits = _cell_shares(weights, row, column)
    return total, jnp.sum(visits * changes, (0, 2))


# What follows has the anti-diagonals first: the cell (i, j) is [i + j, batch, i].


@jax.custom_jvp
def _cell_shares(weights: Array, row: Array, column: Array) -> tuple[Array, Array]:
    """The logarithm of the sum, and the share of the paths that visit each cell."""
    total, sums = _arrive(weights, row, column, stored=True)
    return total, _visits(weights, sums, total, row, column)


@_cell_shares.defjvp
def _(primals: tuple[Array, Array, Array], tangents: tuple[Array, Array, Array]) -> tuple[Any, Any]:
    (total, visits, _), changes = jax.jvp(_shares, primals, tangents)
    return (total, visits), changes[:2]


@jax.custom_jvp
def _shares(weights: Moves | Array, row: Array, column: Array) -> tuple[Array, Array, Moves]:
    """Like `_cell_shares`; also the shares of the paths to each cell that enter it by each move."""
    total, sums = _arrive(weights, row, column, stored=True)
    return total, _visits(weights, sums, total, row, column), _entered(weights, sums)


# With dw the change of a weight and A that of alpha, A_v = sum over the moves u -> v of p (A_u + dw), and p changes by
# p (A_u + dw - A_v). From the other end, with e = V B for the change B of the logarithm of all paths from a cell on,
#
#   e_u = sum over the moves u -> v of p (e_v + dw V_v).
#
# All paths through a cell change by A + B, so that V changes by V (A + B - M) with M the change of the logarithm of all
# there are. M is the mean over any set of cells and moves of which every path has one: over an anti-diagonal and the
# moves across it. Taken from there it has the same rounding errors as A + B. Both recursions are linear and have the
# same p, so that transposed they cost no more than they do here.
@_shares.defjvp
def _(primals: tuple[Any, Array, Array], tangents: tuple[Any, Array, Array]) -> tuple[Any, Any]:
    weights, row, column = primals
    total, visits, entered = _shares(weights, row, column)
    changes = _of_moves(jax.tree.map(_skew, tangents[0]))
    arrival = _change_of_arrival(entered, changes)
    departure = _change_of_departure(entered, changes, visits)
    last = _later(arrival)
    origins = _down(last, 0), last, _down(_later(last), 0)
    moved = [a + dw for a, dw in zip(origins, changes, strict=False)]
    through = departure + visits * arrival
    mean, mass = (jnp.sum(part, 2, keepdims=True) for part in (through, visits))
    if entered.diagonal is not None:
        mean += _across(entered.diagonal * (visits * moved[2] + departure))
        mass += _across(entered.diagonal * visits)
    mean /= jnp.where(mass > 0, mass, 1)  # which is 1 but for rounding: that would be multiplied by all of the mean
    entries = [p * (change - arrival) for p, change in zip(_of_moves(entered), moved, strict=True)]
    at_end = jnp.sum(jnp.where(_is_at(arrival.shape, row, column), arrival, 0), (0, 2))
    return (total, visits, entered), (at_end, through - visits * mean, Moves(*entries))


def _of_moves(weights: Moves | Array) -> tuple[Array, ...]:
    """The weights of all moves that there are."""
    if not isinstance(weights, Moves):
        return weights, weights, weights
    return tuple(jax.tree.leaves(weights))


def _enter(origins: tuple[Array, ...], weights: Moves | Array | None) -> tuple[Array, list[Array], Array]:
    """What enters by each move from cells with these logarithms: the largest, all relative to it, and their sum."""
    if weights is None:
        arrivals = list(origins)
    else:
        arrivals = [origin + weight for origin, weight in zip(origins, _of_moves(weights), strict=False)]
    top = arrivals[0]
    for arrival in arrivals[1:]:
        top = jnp.maximum(top, arrival)
    parts = [jnp.exp(arrival - top) for arrival in arrivals]
    return top, parts, sum(parts[1:], start=parts[0])


def _arrive(weights: Moves | Array, row: Array, column: Array, stored: bool) -> tuple[Array, Any]:
    """The logarithm of the sum over all paths to the cell (row, column), and of those to each cell if to be stored."""
    batch, rows, columns = _of_moves(weights)[0].shape
    own = lax.broadcasted_iota(row.dtype, (batch, rows), 1)
    diagonal = lambda k: jax.tree.map(lambda array: _diagonal(array, k), weights)

    def step(carry: tuple[Any, ...], k: Array) -> tuple[tuple[Any, ...], Any]:
        last, last_but_one, common, ends, entering = carry
        top, _, total = _enter((_down(last), last, _down(last_but_one)), entering)
        # Paths that pay for cells pay for the first one too.
        first = entering if isinstance(entering, Array) else 0
        cells = jnp.maximum(jnp.where((own == 0) & (k == 0), first, top + jnp.log(total)), IMPOSSIBLE)
        # Diagonal moves come from two anti-diagonals: both lack the same.
        taken = jnp.max(jnp.maximum(cells, last), 1, keepdims=True)
        taken = jnp.where(taken < 0.5 * IMPOSSIBLE, 0, taken)
        common += taken
        cells, before = _less(cells, taken), _less(last, taken)
        ends = jnp.where((k == row + column)[:, None], cells + common, ends)
        # Found a step ahead: XLA:CPU would find them anew for each use.
        return (cells, before, common, ends, diagonal(k + 1)), _Sums(last, taken) if stored else None

    nothing = jnp.zeros_like(_of_moves(weights)[0][:, :, 0]) + IMPOSSIBLE
    steps = lax.iota(row.dtype, rows + columns - 1)
    begin = nothing, nothing, jnp.zeros_like(nothing[:, :1]), nothing, diagonal(steps[0])
    (*_, ends, _), sums = lax.scan(step, begin, steps)
    return jnp.sum(jnp.where(own == row[:, None], ends, 0), 1), sums


def _visits(weights: Moves | Array, sums: _Sums, total: Array, row: Array, column: Array) -> Array:
    """The share of the paths to the cell (row, column) that visit each cell; none where there is no path."""
    possible = total > 0.5 * IMPOSSIBLE
    own = lax.broadcasted_iota(row.dtype, sums.last.shape[1:], 1) == row[:, None]
    one = jnp.ones((), sums.last.dtype)

    def step(carry: tuple[Array, Array, Array], now: tuple[Array, _Sums]) -> tuple[tuple[Array, Array, Array], Array]:
        visits, last, behind = carry
        k, sums = now
        # Whatever move enters a cell pays for it alike, which leaves the shares as they are.
        entering = jax.tree.map(lambda array: _diagonal(array, k + 1), weights) if isinstance(weights, Moves) else None
        _, parts, total = _enter((_down(last), last, _down(_less(sums.last, sums.taken))), entering)
        visits /= total
        down, right, *rest = (part * visits for part in parts)
        ends = own & (possible & (k == row + column))[:, None]
        cells = _up(down) + right + behind + jnp.where(ends, one, 0)
        # Of all paths, each visits a cell here or has a move across: what rounding adds to their number is taken out.
        mass = jnp.sum(cells + sum(rest), 1, keepdims=True)
        return (cells, sums.last, _up(rest[0]) if rest else behind), cells / jnp.where(mass > 0, mass, 1)

    nothing = jnp.zeros_like(sums.last[0])
    steps = lax.iota(row.dtype, len(sums.last))
    return lax.scan(step, (nothing, nothing, nothing), (steps, sums), reverse=True)[1]


def _entered(weights: Moves | Array, sums: _Sums) -> Moves:
    """The shares of the paths to each cell that enter it by each move; a path of cells enters the first one too."""
    origins = _down(sums.last), sums.last, _down(_later(_less(sums.last, sums.taken), IMPOSSIBLE))
    if not isinstance(weights, Moves):
        _, parts, total = _enter(origins, None)
        return Moves(*(part / total for part in parts))
    _, parts, total = _enter(origins, jax.tree.map(lambda array: _skew(array, IMPOSSIBLE), weights))
    begin = jnp.zeros(total.shape[1], jnp.int32)
    inverse = jnp.where(_is_at(total.shape, begin, begin), 0, 1 / total)
    return Moves(*(part * inverse for part in parts))


def _change_of_arrival(entered: Moves, changes: tuple[Array, ...]) -> Array:
    """By how much the logarithm of the sum over all paths to each cell changes: A."""

    def step(carry: tuple[Array, Array], now: tuple[Moves, tuple[Array, ...]]) -> tuple[tuple[Array, Array], Array]:
        last, last_but_one = carry
        origins = _down(last, 0), last, _down(last_but_one, 0)
        terms = [p * (a + dw) for p, a, dw in zip(_of_moves(now[0]), origins, now[1], strict=False)]
        cells = sum(terms[1:], start=terms[0])
        return (cells, last), cells

    nothing = jnp.zeros_like(entered.down[0] * changes[0][0])
    return lax.scan(step, (nothing, nothing), (entered, changes))[1]


def _change_of_departure(entered: Moves, changes: tuple[Array, ...], visits: Array) -> Array:
    """By how much the logarithm of the sum over all paths from each cell on changes, times its visits: e."""

    def step(carry: tuple[Array, Array, Array], now: tuple[Any, ...]) -> tuple[tuple[Array, Array, Array], Array]:
        beside, behind, next_behind = carry
        entered, changes, visits = now
        cells = beside + behind
        down, right, *rest = (p * (cells + dw * visits) for p, dw in zip(_of_moves(entered), changes, strict=True))
        return (_up(down) + right, next_behind, _up(rest[0]) if rest else next_behind), cells

    nothing = jnp.zeros_like(entered.down[0] * changes[0][0])
    return lax.scan(step, (nothing, nothing, nothing), (entered, changes, visits), reverse=True)[1]


def _is_at(shape: tuple[int, ...], row: Array, column: Array) -> Array:
    """Which is the cell (row, column) of each grid."""
    k = lax.broadcasted_iota(row.dtype, shape, 0) == (row + column)[None, :, None]
    return k & (lax.broadcasted_iota(row.dtype, shape, 2) == row[None, :, None])


def _less(logarithms: Array, taken: Array) -> Array:
    return jnp.maximum(logarithms - taken, IMPOSSIBLE)


def _down(cells: Array, fill: float = IMPOSSIBLE) -> Array:
    """Of each row the one above it; rows are the last axis."""
    return jnp.concatenate([jnp.full_like(cells[..., :1], fill), cells[..., :-1]], -1)


def _up(cells: Array) -> Array:
    """Of each row the one below it, 0 for the last."""
    return jnp.concatenate([cells[..., 1:], jnp.zeros_like(cells[..., :1])], -1)


def _later(diagonals: Array, fill: float = 0) -> Array:
    """Of each anti-diagonal the one before it."""
    return jnp.concatenate([jnp.full_like(diagonals[:1], fill), diagonals[:-1]])


def _across(ends: Array) -> Array:
    """Of each anti-diagonal the sum of the diagonal moves across it, from what each brings to its end."""
    sums = jnp.sum(ends[1:], 2, keepdims=True)
    return jnp.concatenate([sums, jnp.zeros_like(ends[:1, :, :1])])


def _diagonal(weights: Array, k: Array) -> Array:
    """Of each row the cell on the anti-diagonal k: from [batch, i, j] to [batch, i].

    Skewed once for all steps, as `_skew` does, the weights would take twice the memory, and XLA:CPU more time.
    """
    rows, columns = weights.shape[1:]
    row = lax.iota(jnp.int32, rows)
    column = k.astype(jnp.int32) - row
    cells = weights.at[:, row, jnp.clip(column, 0, columns - 1)].get(mode="promise_in_bounds")
    return jnp.where(((column >= 0) & (column < columns))[None], cells, IMPOSSIBLE)


def _skew(weights: Array, fill: float = 0) -> Array:
    """Anti-diagonals first: [batch, i, j] to [i + j, batch, i]."""
    batch, rows, columns = weights.shape
    padded = jnp.pad(weights, ((0, 0), (0, 0), (0, rows)), constant_values=fill)
    flat = padded.reshape(batch, rows * (rows + columns))[:, : rows * (rows + columns - 1)]
    return jnp.moveaxis(flat.reshape(batch, rows, rows + columns - 1), 2, 0)
