"""Benchmarks: ``python -m bench`` measures the losses next to their peers on any backend."""
