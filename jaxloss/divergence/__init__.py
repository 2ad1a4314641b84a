"""Divergences between distributions: of rows of probabilities, in closed form, and of samples."""

from jaxloss.divergence.bounded import (
    hellinger,
    jensen_shannon,
    total_variation_distance,
)
from jaxloss.divergence.closed_forms import (
    bernoulli_kl,
    categorical_kl,
    gaussian_kl,
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
    "bernoulli_kl",
    "categorical_kl",
    "chi_squared",
    "gaussian_kl",
    "generalized_kl_divergence",
    "hellinger",
    "jeffreys",
    "jensen_shannon",
    "kl_divergence",
    "kl_divergence_with_log_targets",
    "renyi",
    "total_variation_distance",
]
