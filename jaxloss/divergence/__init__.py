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
from jaxloss.divergence.powers import (
    alpha_divergence,
    chi_squared,
    renyi,
)

__all__ = [
    "alpha_divergence",
    "chi_squared",
    "generalized_kl_divergence",
    "hellinger",
    "jeffreys",
    "jensen_shannon",
    "kl_divergence",
    "kl_divergence_with_log_targets",
    "renyi",
    "total_variation_distance",
]
