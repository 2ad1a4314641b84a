"""Paths through a grid by their definition: one by one. For tests, and for reading."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jax import Array

from jaxloss.kernels.lattice.scan import Moves

__all__ = ["log_paths", "paths"]


def paths(rows: int, columns: int, diagonal: bool) -> Iterator[list[tuple[int, int, int]]]:
    """Yield every path from (0, 0) to (rows, columns) as a list of (move, row, column) of the cells that it enters."""
    if rows == columns == 0:
        yield []
    for move, (down, right) in enumerate(((1, 0), (0, 1), (1, 1))[: 3 if diagonal else 2]):
        if rows >= down and columns >= right:
            for path in paths(rows - down, columns - right, diagonal):
                yield [*path, (move, rows, columns)]


def log_paths(moves: Moves, row: int, column: int) -> Array:
    """Return the logarithm of the sum over all paths of one grid to the cell (row, column)."""
    total = lambda path: sum((moves[move][i, j] for move, i, j in path), start=jnp.zeros((), moves.down.dtype))
    return jax.nn.logsumexp(jnp.stack([total(path) for path in paths(row, column, moves.diagonal is not None)]))
