"""Connectionist temporal classification: negative log-likelihood of labels under all their alignments."""

from jaxloss.kernels.ctc.scan import negative_log_likelihood

__all__ = ["negative_log_likelihood"]
