"""Losses of logits that are a product of hidden states and a kernel, without all logits in memory at once."""

from jaxloss.kernels.linear_rows.chunked import total, values
from jaxloss.kernels.linear_rows.shapes import Plan, Projection, chunk_rows

__all__ = ["Plan", "Projection", "chunk_rows", "total", "values"]
