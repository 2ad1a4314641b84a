"""The likelihood of angles."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import numerics, reduce
from jaxloss.numerics.gamma import HALF_LOG_2PI
from jaxloss.probabilistic.parameters import predicted
from jaxloss.reduce import Reduction

__all__ = ["von_mises_nll"]


def von_mises_nll(
    mean: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    concentration: Real[ArrayLike, "..."],
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative log-likelihood of an angle: wind directions, headings, times of the day.

    .. math::  \ell = -\kappa \cos(\mu - y) + \log\left(2 \pi I_0(\kappa)\right), \qquad
               \frac{\partial \ell}{\partial \mu} = \kappa \sin(\mu - y), \quad
               \frac{\partial \ell}{\partial \kappa} = \frac{I_1(\kappa)}{I_0(\kappa)} - \cos(\mu - y)

    A full turn changes nothing. For large concentrations it is the Gaussian of variance 1 / concentration, and neither
    value nor gradient loses digits on the way there, where ``1 - cos`` and ``1 - I1 / I0`` would.

    Args:
      mean: real array of any shape, the predicted direction in radians.
      targets: array of exactly that shape, angles in radians.
      concentration: not negative (kappa); a number, or an array with as many axes that stretch to that shape; 0 is the
        uniform distribution.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a negative concentration, TypeError for integer means.
    Example:
      >>> von_mises_nll(jnp.array([6.2831855]), jnp.array([0.0]), concentration=0.0)
      Array(1.8378773, dtype=float32)
    References: Mardia and Jupp (2000), Directional statistics, chapter 3.
    """
    name, parameters = "von_mises_nll", {"concentration": (concentration, {"minimum": 0})}
    mean, targets, kappa = predicted(name, where, {"mean": mean, "targets": targets}, parameters)
    half = jnp.sin(0.5 * (mean - targets))
    values = (2 * kappa * half) * half + (numerics.log_i0e(kappa) + 2 * HALF_LOG_2PI)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)
