"""Predicted distributions: likelihoods, scoring rules and survival."""

from jaxloss.probabilistic.circular import (
    von_mises_nll,
)
from jaxloss.probabilistic.competing_risks import (
    deep_hit,
)
from jaxloss.probabilistic.counts import (
    negative_binomial_nll,
    poisson_nll,
)
from jaxloss.probabilistic.crps import (
    crps_ensemble,
    crps_gaussian,
    crps_quantile,
)
from jaxloss.probabilistic.forecasts import (
    brier,
    energy_score,
    interval,
    ranked_probability,
    variogram_score,
)
from jaxloss.probabilistic.gaussian import (
    gaussian_nll,
)
from jaxloss.probabilistic.location_scale import (
    laplace_nll,
    student_t_nll,
)
from jaxloss.probabilistic.mixture import (
    mixture_density_nll,
)
from jaxloss.probabilistic.positive import (
    gamma_nll,
    tweedie,
)
from jaxloss.probabilistic.shares import (
    beta_distribution_nll,
    dirichlet_nll,
)
from jaxloss.probabilistic.survival import (
    cox_partial_likelihood,
    discrete_time_survival,
)
from jaxloss.probabilistic.zero_inflated import (
    zero_inflated_negative_binomial_nll,
    zero_inflated_poisson_nll,
)

__all__ = [
    "beta_distribution_nll",
    "brier",
    "cox_partial_likelihood",
    "crps_ensemble",
    "crps_gaussian",
    "crps_quantile",
    "deep_hit",
    "dirichlet_nll",
    "discrete_time_survival",
    "energy_score",
    "gamma_nll",
    "gaussian_nll",
    "interval",
    "laplace_nll",
    "mixture_density_nll",
    "negative_binomial_nll",
    "poisson_nll",
    "ranked_probability",
    "student_t_nll",
    "tweedie",
    "variogram_score",
    "von_mises_nll",
    "zero_inflated_negative_binomial_nll",
    "zero_inflated_poisson_nll",
]
