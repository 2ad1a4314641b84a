"""Sums over all monotonic paths through a grid: transducers and time warping."""

from jaxloss.kernels.lattice.scan import IMPOSSIBLE, Moves, log_paths

__all__ = ["IMPOSSIBLE", "Moves", "log_paths"]
