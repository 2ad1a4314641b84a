"""Divergences between distributions: of rows of probabilities, in closed form, and of samples."""

from jaxloss.divergence.bounded import (
    hellinger,
    jensen_shannon,
    total_variation_distance,
)
from jaxloss.divergence.kullback_leibler import (
    generalized_kl_divergence,
    jeffreys,
    kl_divergence,
    kl_divergence_with_log_targets,
)

__all__ = [
    "generalized_kl_divergence",
    "hellinger",
    "jeffreys",
    "jensen_shannon",
    "kl_divergence",
    "kl_divergence_with_log_targets",
    "total_variation_distance",
]
