r"""All paths through a grid, anti-diagonal by anti-diagonal, from both ends in one scan.

A path begins in the cell (0, 0) and enters a cell from above, from the left or from both, each move with a weight:

.. math::  e^{\alpha_{ij}} = e^{\alpha_{i-1,j} + a_{ij}} + e^{\alpha_{i,j-1} + b_{ij}} + e^{\alpha_{i-1,j-1} + c_{ij}}

The cells of an anti-diagonal do not depend on each other, so that a grid of I times J takes I + J - 1 steps. The paths
from a cell to the end are those of the grid turned round, and become more rows of the same arrays. The derivative with
respect to a weight is the share of the paths that make its move, :math:`e^{\alpha + a + \beta} / P`.

The largest of an anti-diagonal is taken out of it, and added up with the digits that rounding would lose: shares are
differences of logarithms that grow with the length of the paths.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

__all__ = ["IMPOSSIBLE", "Moves", "log_paths"]

IMPOSSIBLE = -1e36
"""Logarithm of 0 that can be subtracted from itself and, a few times, added to itself."""


class Moves(NamedTuple):
    """Log-weights of entering each cell, [batch, rows, columns]."""

    down: Array
    """From the row above; the first row is not read."""
    right: Array
    """From the column to the left; the first column is not read."""
    diagonal: Array | None = None
    """From the row above and the column to the left; None: there is no such move."""


class _Sums(NamedTuple):
    """Logarithms for each cell, the sum of the two last."""

    cells: Array
    """[batch, rows, columns]"""
    high: Array
    """What was taken out of the anti-diagonal of the cell."""
    low: Array
    """The digits that the sum has lost."""


@jax.custom_jvp
def log_paths(moves: Moves, row: Array, column: Array) -> Array:
    """Return the logarithm of the sum over all paths to the cell (row, column) of each grid, below -5e35 if none."""
    at = lambda cells: _at(cells, row, column)
    sums = _sums(moves, jnp.zeros_like(row), jnp.zeros_like(column))
    return at(sums.high) + (at(sums.low) + at(sums.cells))


# Forward mode and higher orders follow: the rule is plain code. As in the value, digits of the size of the whole are
# subtracted first.
@log_paths.defjvp
def _(primals: tuple[Moves, Array, Array], tangents: tuple[Moves, Array, Array]) -> tuple[Array, Array]:
    moves, row, column = primals
    batch, rows, columns = moves.down.shape
    turned = Moves(*(None if weights is None else _turn(weights, i) for i, weights in enumerate(moves)))
    both = jax.tree.map(lambda there, back: jnp.concatenate([there, back]), moves, turned)
    begin = [jnp.concatenate([jnp.zeros_like(end), n - 1 - end]) for n, end in ((rows, row), (columns, column))]
    sums = _sums(both, *begin)
    there = _Sums(*(part[:batch] for part in sums))
    back = _Sums(*(part[batch:, ::-1, ::-1] for part in sums))
    high, low, rest = (_at(part, row, column) for part in (there.high, there.low, there.cells))
    value = high + (low + rest)
    whole = lambda part: part[:, None, None]
    change = jnp.zeros_like(value)
    for i, (weights, change_of_weights) in enumerate(zip(moves, tangents[0], strict=True)):
        if weights is not None:
            before = _Sums(*(_shift(part, i, fill) for part, fill in zip(there, (IMPOSSIBLE, 0, 0), strict=True)))
            taken, lost = _two_sum(before.high, back.high)
            taken = (taken - whole(high)) + (lost + ((before.low + back.low) - whole(low)))
            log_share = taken + ((before.cells + back.cells) + (weights - whole(rest)))
            possible = (log_share > 0.5 * IMPOSSIBLE) & whole(value > 0.5 * IMPOSSIBLE)
            share = jnp.where(possible, jnp.exp(jnp.minimum(jnp.where(possible, log_share, 0), 0)), 0)
            change += jnp.sum(share * change_of_weights, (1, 2))
    return value, change


def _sums(moves: Moves, row: Array, column: Array) -> _Sums:
    """Logarithms of the sum over all paths from the cell (row, column) of each grid to each of its cells."""
    batch, rows, columns = moves.down.shape
    own = lax.broadcasted_iota(row.dtype, (batch, rows), 1)

    def above(cells: Array) -> Array:
        return jnp.concatenate([jnp.full_like(cells[:, :1], IMPOSSIBLE), cells[:, :-1]], 1)

    def step(carry: tuple[Array, ...], now: tuple[Array, Moves]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        last, last_but_one, high, low = carry
        k, weights = now
        arrivals = [above(last) + weights.down, last + weights.right]
        if weights.diagonal is not None:
            arrivals.append(above(last_but_one) + weights.diagonal)
        top = lax.stop_gradient(jnp.maximum(arrivals[0], arrivals[1]))
        top = top if len(arrivals) == 2 else jnp.maximum(top, lax.stop_gradient(arrivals[2]))
        cells = top + jnp.log(sum(jnp.exp(arrival - top) for arrival in arrivals))
        begins = (own == row[:, None]) & (k == row + column)[:, None]
        cells = jnp.where(begins, 0, jnp.maximum(cells, IMPOSSIBLE))
        # Diagonal moves come from two anti-diagonals: both lack the same.
        taken = lax.stop_gradient(jnp.max(jnp.maximum(cells, last), 1, keepdims=True))
        taken = jnp.where(taken < 0.5 * IMPOSSIBLE, 0, taken)
        cells, last = (jnp.maximum(part - taken, IMPOSSIBLE) for part in (cells, last))
        high, lost = _two_sum(high, taken)
        low += lost
        return (cells, last, high, low), (cells, high, low)

    nothing = jnp.full((batch, rows), IMPOSSIBLE, moves.down.dtype)
    zero = jnp.zeros_like(nothing[:, :1])
    steps = lax.iota(row.dtype, rows + columns - 1)
    _, (cells, high, low) = lax.scan(step, (nothing, nothing, zero, zero), (steps, jax.tree.map(_skew, moves)))
    spread = lambda part: jnp.broadcast_to(part, cells.shape)
    return _Sums(*(_unskew(part, columns) for part in (cells, spread(high), spread(low))))


def _skew(weights: Array) -> Array:
    """Anti-diagonals first: [batch, i, j] to [i + j, batch, i]."""
    batch, rows, columns = weights.shape
    padded = jnp.pad(weights, ((0, 0), (0, 0), (0, rows)), constant_values=IMPOSSIBLE)
    flat = padded.reshape(batch, rows * (rows + columns))[:, : rows * (rows + columns - 1)]
    return jnp.moveaxis(flat.reshape(batch, rows, rows + columns - 1), 2, 0)


def _unskew(diagonals: Array, columns: int) -> Array:
    """Back again: [i + j, batch, i] to [batch, i, j]."""
    steps, batch, rows = diagonals.shape
    flat = jnp.moveaxis(diagonals, 0, 2).reshape(batch, rows * steps)
    return jnp.pad(flat, ((0, 0), (0, rows))).reshape(batch, rows, rows + columns)[:, :, :columns]


def _shift(cells: Array, move: int, fill: float) -> Array:
    """For each cell what is in the cell that a move comes from: 0 down, 1 right, 2 diagonal."""
    down, right = ((1, 0), (0, 1), (1, 1))[move]
    padded = jnp.pad(cells, ((0, 0), (down, 0), (right, 0)), constant_values=fill)
    return padded[:, : cells.shape[1], : cells.shape[2]]


def _turn(weights: Array, move: int) -> Array:
    """Weights of the grid turned round, in which a move enters the cell that it leaves here."""
    return _shift(weights[:, ::-1, ::-1], move, IMPOSSIBLE)


def _two_sum(x: Array, y: Array) -> tuple[Array, Array]:
    """The rounded sum and what rounding has left out (Knuth)."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


def _at(cells: Array, row: Array, column: Array) -> Array:
    """The cell (row, column) of each grid."""
    i = lax.broadcasted_iota(row.dtype, cells.shape, 1) == row[:, None, None]
    j = lax.broadcasted_iota(column.dtype, cells.shape, 2) == column[:, None, None]
    return jnp.sum(jnp.where(i & j, cells, 0), (1, 2))
