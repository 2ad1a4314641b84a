"""Losses of language models and policies: preferences, distillation."""

from jaxloss.preference.linear import (
    linear_distillation,
    linear_dpo,
)

__all__ = ["linear_distillation", "linear_dpo"]
