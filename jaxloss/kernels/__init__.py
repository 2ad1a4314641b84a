"""Fused operations that the losses of the families are built on, a folder for each: rows in, rows out."""
