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
from jaxloss.divergence.discrepancy import (
    energy_distance,
    mmd,
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
from jaxloss.divergence.sinkhorn import (
    sinkhorn,
)
from jaxloss.divergence.transport import (
    sliced_wasserstein,
    wasserstein_1d,
)

__all__ = [
    "alpha_divergence",
    "bernoulli_kl",
    "categorical_kl",
    "chi_squared",
    "energy_distance",
    "gaussian_kl",
    "generalized_kl_divergence",
    "hellinger",
    "jeffreys",
    "jensen_shannon",
    "kl_divergence",
    "kl_divergence_with_log_targets",
    "mmd",
    "renyi",
    "sinkhorn",
    "sliced_wasserstein",
    "total_variation_distance",
    "wasserstein_1d",
]
