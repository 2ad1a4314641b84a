"""Weights of several tasks that are learned with them, from how uncertain each task is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from jaxloss.compose import Objective, Term, weighted_sum

__all__ = ["uncertainty_weighted_sum"]


def uncertainty_weighted_sum(terms: Mapping[str, Term]) -> Objective:
    r"""Sum of the terms, each weighted by the inverse of a learned variance.

    .. math::  L = \sum_k e^{-s_k} \ell_k + \tfrac12 s_k, \qquad s_k = \log \sigma_k^2, \qquad
               \partial L / \partial s_k = \tfrac12 - e^{-s_k} \ell_k

    It is the negative log-likelihood of a Gaussian of variance :math:`\sigma_k^2` where the term is
    `jaxloss.half_squared_error`, and the approximation of the paper for cross-entropies. At the best :math:`s_k` the
    weight is :math:`1 / (2 \ell_k)`: every task counts alike, whatever its units. Terms must be positive.

    Args:
      terms: name to a function that returns a scalar, as for `jaxloss.weighted_sum`.
    Returns: ``objective(log_variances, *args) -> (total, report)``; ``log_variances`` has a scalar for each name and is
      trained like any parameter, from 0. The report has each term and its weight, ``"term/weight"``.
    Raises: ValueError when names of terms and of log-variances differ.
    Example:
      >>> from jaxloss import half_squared_error
      >>> objective = uncertainty_weighted_sum({"metres": half_squared_error})
      >>> total, report = objective({"metres": jnp.log(9.0)}, jnp.array([3.0]), jnp.array([0.0]))
      >>> total, report["metres"]
      (Array(1.5986123, dtype=float32), Array(4.5, dtype=float32))
    References: Kendall, Gal & Cipolla (2018), Multi-task learning using uncertainty, arXiv:1705.07115.
    """

    def objective(log_variances: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        if set(log_variances) != set(terms):
            raise ValueError(
                f"uncertainty_weighted_sum: one log-variance for each of {sorted(terms)}, got {sorted(log_variances)}"
            )
        weights = {name: jnp.exp(-log_variances[name]) for name in terms}
        total, report = weighted_sum({name: (weights[name], term) for name, term in terms.items()})(*args, **kwargs)
        # In the order of the terms, so that the sum does not depend on how the mapping came to be.
        penalty = sum((log_variances[name] for name in terms), start=jnp.zeros((), total.dtype)) / 2
        return total + penalty, {**report, **{f"{name}/weight": weight for name, weight in weights.items()}}

    return objective
