r"""All paths through a grid, anti-diagonal by anti-diagonal, from both ends in one scan.

A path begins in the cell (0, 0) and enters a cell from above, from the left or from both, each move with a weight:

.. math::  e^{\alpha_{ij}} = e^{\alpha_{i-1,j} + a_{ij}} + e^{\alpha_{i,j-1} + b_{ij}} + e^{\alpha_{i-1,j-1} + c_{ij}}

The cells of an anti-diagonal do not depend on each other, so that a grid of I times J takes I + J - 1 steps. The paths
from a cell to the end are those of the grid turned round, and become more rows of the same arrays. The derivative with
respect to a weight is the share of the paths that make its move, :math:`e^{\alpha + a + \beta} / P`.

Logarithms that grow with the length of the paths would leave few digits for their differences. The largest of an
anti-diagonal is taken out of it, and the shares are normalised by what they sum to.
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
    """Logarithms of sums over paths, anti-diagonals first: cell (i, j) is [i + j, batch, i]."""

    cells: Array
    """Without what all cells of the anti-diagonal have in common."""
    taken: Array
    """By how much more that is than on the anti-diagonal before, [i + j, batch, 1]."""
    common: Array
    """That itself."""


@jax.custom_jvp
def log_paths(moves: Moves, row: Array, column: Array) -> Array:
    """Return the logarithm of the sum over all paths to the cell (row, column) of each grid, below -5e35 if none."""
    sums = _sums(jax.tree.map(_skew, moves), jnp.zeros_like(row), jnp.zeros_like(column))
    return _at(sums, row, column)


# Forward mode and higher orders follow: the rule is plain code.
@log_paths.defjvp
def _(primals: tuple[Moves, Array, Array], tangents: tuple[Moves, Array, Array]) -> tuple[Array, Array]:
    moves, row, column = primals
    batch, rows, columns = moves.down.shape
    diagonal = None if moves.diagonal is None else _turn(moves.diagonal, 2)
    turned = Moves(_turn(moves.down, 0), _turn(moves.right, 1), diagonal)
    both = jax.tree.map(lambda there, back: _skew(jnp.concatenate([there, back])), moves, turned)
    begin = [jnp.concatenate([jnp.zeros_like(end), n - 1 - end]) for n, end in ((rows, row), (columns, column))]
    sums = _sums(both, *begin)
    there = _Sums(*(part[:, :batch] for part in sums))
    back = _Sums(*(part[::-1, batch:, ::-1] for part in sums))
    shares = _shares(there, back, jax.tree.map(lambda weights: weights[:, :batch], both))
    change = jnp.zeros_like(there.common[0, :, 0])
    for share, change_of_weights in zip(shares, tangents[0], strict=True):
        if share is not None and change_of_weights is not None:
            change += jnp.sum(share * _skew(change_of_weights, 0), (0, 2))
    return _at(there, row, column), change


def _shares(there: _Sums, back: _Sums, weights: Moves) -> Moves:
    """The share of the paths that make each move.

    Every path crosses from an anti-diagonal to the next with exactly one move, if need be with a diagonal one that goes
    on to the one behind it: by these sums the shares are normalised. Only what is taken between neighbours enters.
    """
    before = _later(there.cells)
    logs = [_down(before) + weights.down + back.cells, before + weights.right + back.cells]
    if weights.diagonal is not None:
        ends = _down(_later(before)) + weights.diagonal + back.cells
        logs.append(ends - _later(there.taken, 0))
        crossing = [*logs, _sooner(ends) - back.taken]
    else:
        crossing = logs
    top = lax.stop_gradient(jnp.max(jnp.stack([jnp.max(part, 2, keepdims=True) for part in crossing]), 0))
    possible = top > 0.5 * IMPOSSIBLE
    top = jnp.where(possible, top, 0)
    total = sum(jnp.sum(jnp.exp(part - top), 2, keepdims=True) for part in crossing)
    inverse = 1 / jnp.where(possible, total, 1)
    return Moves(*(jnp.where(possible, jnp.exp(part - top) * inverse, 0) for part in logs))


def _sums(weights: Moves, row: Array, column: Array) -> _Sums:
    """Sums over all paths from the cell (row, column) of each grid to each of its cells; anti-diagonals first."""
    batch, rows = weights.down.shape[1:]
    own = lax.broadcasted_iota(row.dtype, (batch, rows), 1)

    def step(carry: tuple[Array, ...], now: tuple[Array, Moves]) -> tuple[tuple[Array, ...], _Sums]:
        last, last_but_one, common = carry
        k, weights = now
        arrivals = [_down(last) + weights.down, last + weights.right]
        if weights.diagonal is not None:
            arrivals.append(_down(last_but_one) + weights.diagonal)
        top = jnp.maximum(arrivals[0], arrivals[1])
        top = lax.stop_gradient(top if len(arrivals) == 2 else jnp.maximum(top, arrivals[2]))
        cells = top + jnp.log(sum(jnp.exp(arrival - top) for arrival in arrivals))
        begins = (own == row[:, None]) & (k == row + column)[:, None]
        cells = jnp.where(begins, 0, jnp.maximum(cells, IMPOSSIBLE))
        # Diagonal moves come from two anti-diagonals: both lack the same.
        taken = lax.stop_gradient(jnp.max(jnp.maximum(cells, last), 1, keepdims=True))
        taken = jnp.where(taken < 0.5 * IMPOSSIBLE, 0, taken)
        cells, last = (jnp.maximum(part - taken, IMPOSSIBLE) for part in (cells, last))
        common += taken
        return (cells, last, common), _Sums(cells, taken, common)

    nothing = jnp.zeros_like(weights.down[0]) + IMPOSSIBLE
    steps = lax.iota(row.dtype, len(weights.down))
    return lax.scan(step, (nothing, nothing, jnp.zeros_like(nothing[:, :1])), (steps, weights))[1]


def _down(cells: Array) -> Array:
    """Of each row the one above it; rows are the last axis."""
    return jnp.concatenate([jnp.full_like(cells[..., :1], IMPOSSIBLE), cells[..., :-1]], -1)


def _later(diagonals: Array, fill: float = IMPOSSIBLE) -> Array:
    """Of each anti-diagonal the one before it."""
    return jnp.concatenate([jnp.full_like(diagonals[:1], fill), diagonals[:-1]])


def _sooner(diagonals: Array) -> Array:
    """Of each anti-diagonal the one behind it."""
    return jnp.concatenate([diagonals[1:], jnp.full_like(diagonals[:1], IMPOSSIBLE)])


def _skew(weights: Array, fill: float = IMPOSSIBLE) -> Array:
    """Anti-diagonals first: [batch, i, j] to [i + j, batch, i]."""
    batch, rows, columns = weights.shape
    padded = jnp.pad(weights, ((0, 0), (0, 0), (0, rows)), constant_values=fill)
    flat = padded.reshape(batch, rows * (rows + columns))[:, : rows * (rows + columns - 1)]
    return jnp.moveaxis(flat.reshape(batch, rows, rows + columns - 1), 2, 0)


def _turn(weights: Array, move: int) -> Array:
    """Weights of the grid turned round: a move (0 down, 1 right, 2 diagonal) enters there the cell it leaves here."""
    down, right = ((1, 0), (0, 1), (1, 1))[move]
    padded = jnp.pad(weights[:, ::-1, ::-1], ((0, 0), (down, 0), (right, 0)), constant_values=IMPOSSIBLE)
    return padded[:, : weights.shape[1], : weights.shape[2]]


def _at(sums: _Sums, row: Array, column: Array) -> Array:
    """The cell (row, column) of each grid."""
    k = lax.broadcasted_iota(row.dtype, sums.cells.shape, 0) == (row + column)[None, :, None]
    i = lax.broadcasted_iota(row.dtype, sums.cells.shape, 2) == row[None, :, None]
    return jnp.sum(jnp.where(k & i, sums.cells + sums.common, 0), (0, 2))
