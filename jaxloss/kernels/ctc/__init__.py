"""Connectionist temporal classification: negative log-likelihood of labels under all their alignments."""

from jaxloss.kernels.ctc.scan import forward_variables, negative_log_likelihood

__all__ = ["forward_variables", "negative_log_likelihood"]
