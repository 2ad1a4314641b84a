"""Losses of sequences: alignments of frames and labels, tags along a chain, time series, packed tokens."""

from jaxloss.sequence.alignment import (
    ctc,
)

__all__ = [
    "ctc",
]
