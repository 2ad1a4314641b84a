"""Penalties on parameters, and on what a network gives."""

from jaxloss.regularization.experts import (
    load_balancing,
)
from jaxloss.regularization.logits import (
    entropy,
    router_z,
    z_loss,
)
from jaxloss.regularization.matrices import (
    orthogonality,
    spectral_norm,
)
from jaxloss.regularization.penalties import (
    elastic_net,
    group_lasso,
    l1,
    l2,
)

__all__ = [
    "elastic_net",
    "entropy",
    "group_lasso",
    "l1",
    "l2",
    "load_balancing",
    "orthogonality",
    "router_z",
    "spectral_norm",
    "z_loss",
]
