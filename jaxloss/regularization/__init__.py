"""Penalties on parameters."""

from jaxloss.regularization.penalties import (
    elastic_net,
    group_lasso,
    l1,
    l2,
)

__all__ = [
    "elastic_net",
    "group_lasso",
    "l1",
    "l2",
]
