"""Losses of sequences: alignments of frames and labels, tags along a chain, time series, packed tokens."""

from jaxloss.sequence.alignment import (
    ctc,
    pruned_rnnt,
    rnnt,
)
from jaxloss.sequence.chain import (
    linear_chain_crf,
    viterbi,
)
from jaxloss.sequence.packed import (
    sequence_cross_entropy,
)
from jaxloss.sequence.warping import (
    dilate,
    soft_dtw,
    soft_dtw_divergence,
)

__all__ = [
    "ctc",
    "dilate",
    "linear_chain_crf",
    "pruned_rnnt",
    "rnnt",
    "sequence_cross_entropy",
    "soft_dtw",
    "soft_dtw_divergence",
    "viterbi",
]
