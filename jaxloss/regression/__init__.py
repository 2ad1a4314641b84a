"""Losses of real predictions and real targets."""

from jaxloss.regression.barron import (
    barron,
    barron_nll,
)
from jaxloss.regression.cosine import (
    cosine_distance,
    cosine_similarity,
    periodic,
)
from jaxloss.regression.huber import (
    charbonnier,
    huber,
    log_cosh,
    pseudo_huber,
    smooth_l1,
)
from jaxloss.regression.landmarks import (
    adaptive_wing,
    wing,
)
from jaxloss.regression.quantile import (
    epsilon_insensitive,
    expectile,
    quantile,
    squared_epsilon_insensitive,
)
from jaxloss.regression.relative import (
    mean_absolute_percentage_error,
    squared_log_error,
    symmetric_mean_absolute_percentage_error,
)
from jaxloss.regression.robust import (
    cauchy,
    geman_mcclure,
    tukey_biweight,
    welsch,
)
from jaxloss.regression.squared import (
    absolute_error,
    half_squared_error,
    root_mean_squared_error,
    squared_error,
)

__all__ = [
    "absolute_error",
    "adaptive_wing",
    "barron",
    "barron_nll",
    "cauchy",
    "charbonnier",
    "cosine_distance",
    "cosine_similarity",
    "epsilon_insensitive",
    "expectile",
    "geman_mcclure",
    "half_squared_error",
    "huber",
    "log_cosh",
    "mean_absolute_percentage_error",
    "periodic",
    "pseudo_huber",
    "quantile",
    "root_mean_squared_error",
    "smooth_l1",
    "squared_epsilon_insensitive",
    "squared_error",
    "squared_log_error",
    "symmetric_mean_absolute_percentage_error",
    "tukey_biweight",
    "welsch",
    "wing",
]
