"""Reward models: which of two completions a person prefers."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.preference.tokens import learned_and_fixed
from jaxloss.reduce import Reduction

__all__ = ["bradley_terry"]


def bradley_terry(
    chosen_rewards: Float[ArrayLike, "*pairs"],
    rejected_rewards: Float[ArrayLike, "*pairs"],
    *,
    margin: float | Real[ArrayLike, "..."] = 0.0,
    centering: float | Real[ArrayLike, "..."] = 0.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative log-likelihood that the chosen one of a pair is preferred, of the rewards that a model gives to both.

    .. math::  \ell = -\log \sigma(r_w - r_l - m) + c\, (r_w + r_l)^2, \qquad
               \frac{\partial \ell}{\partial r_w} = -\sigma(m + r_l - r_w) + 2 c\, (r_w + r_l), \quad
               \frac{\partial \ell}{\partial r_l} = \sigma(m + r_l - r_w) + 2 c\, (r_w + r_l)

    Args:
      chosen_rewards: real array of any shape, of the preferred completions.
      rejected_rewards: array of exactly that shape, of the other completions.
      margin: m, how much better the chosen one should be: a number, or one for each pair, such as a rating.
      centering: c, at least 0, pulls the sum of the rewards of a pair to 0, which the likelihood leaves free.
      where, weights, reduction: of the pairs, see :doc:`/reductions`.
    Returns: a scalar, or one value per pair with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or a parameter out of its range, TypeError for integer rewards.
    Example:
      >>> bradley_terry(jnp.array([2.0, 0.0]), jnp.array([0.0, 0.0]), reduction="none")
      Array([0.126928 , 0.6931472], dtype=float32)
    References: Bradley and Terry (1952), Rank analysis of incomplete block designs, doi:10.2307/2334029; the margin:
      Touvron et al. (2023), Llama 2, arXiv:2307.09288, eq. 2; centering: Eisenstein et al. (2023), arXiv:2312.09244.
    """
    name = "bradley_terry"
    learned = {"chosen_rewards": chosen_rewards, "rejected_rewards": rejected_rewards}
    chosen, rejected = learned_and_fixed(name, where, learned, {})
    margin = checks.parameter(name, "margin", margin, chosen)
    if isinstance(margin, Array):
        margin = reduce.keep(name, where, jnp.broadcast_to(margin, chosen.shape))
    values = numerics.softplus(rejected - chosen + margin)
    centering = checks.parameter(name, "centering", centering, chosen, minimum=0)
    if isinstance(centering, Array) or centering:
        values = values + centering * (chosen + rejected) ** 2
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)
