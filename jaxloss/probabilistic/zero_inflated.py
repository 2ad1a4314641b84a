"""Likelihoods of counts with more zeros than their distribution has: a gate that is closed gives 0."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import numerics, reduce
from jaxloss.numerics.slopes import with_slopes
from jaxloss.probabilistic.counts import negative_binomial, poisson
from jaxloss.probabilistic.parameters import predicted
from jaxloss.reduce import Reduction

__all__ = ["zero_inflated_negative_binomial_nll", "zero_inflated_poisson_nll"]


def zero_inflated_poisson_nll(
    predictions: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    gate_logits: Real[ArrayLike, "..."],
    log_input: bool = True,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative log-likelihood of counts that are 0 with a predicted probability, else Poisson.

    .. math::  \ell = -\log\left(\pi [y = 0] + (1 - \pi) e^{-n(y)}\right), \qquad \pi = \sigma(g), \qquad
               \frac{\partial \ell}{\partial n} = \begin{cases} \sigma(-g - n) & y = 0 \\ 1 & y > 0 \end{cases}

    where n is `poisson_nll`. A gate that is surely open, or surely closed, costs no digits.

    Args:
      predictions: real array of any shape: the logarithm of the rate, or with ``log_input=False`` the positive rate.
      targets: array of exactly that shape, the counts.
      gate_logits: g, the log-odds of a certain 0; a number, or an array with as many axes that stretch to that shape.
      log_input: whether the predictions are logarithms.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit, TypeError for integer predictions.
    Example:
      >>> zero_inflated_poisson_nll(jnp.array([0.0]), jnp.array([2]), gate_logits=0.0)
      Array(2.3862944, dtype=float32)
    References: Lambert (1992), Zero-inflated Poisson regression, doi:10.2307/1269547.
    """
    name, data = "zero_inflated_poisson_nll", {"predictions": predictions, "targets": targets}
    predictions, targets, gate = predicted(name, where, data, {"gate_logits": (gate_logits, {})})
    values = _gated(poisson(predictions, targets, log_input=log_input), gate, targets)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def zero_inflated_negative_binomial_nll(
    mean: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"],
    *,
    concentration: Real[ArrayLike, "..."],
    gate_logits: Real[ArrayLike, "..."],
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Negative log-likelihood of counts that are 0 with a predicted probability, else negative binomial.

    .. math::  \ell = -\log\left(\pi [y = 0] + (1 - \pi) e^{-n(y)}\right), \qquad \pi = \sigma(g), \qquad
               \frac{\partial \ell}{\partial n} = \begin{cases} \sigma(-g - n) & y = 0 \\ 1 & y > 0 \end{cases}

    where n is `negative_binomial_nll`: the model of counts of molecules in single cells.

    Args:
      mean: positive real array of any shape, the mean count behind an open gate.
      targets: array of exactly that shape, the counts.
      concentration: positive; a number, or an array with as many axes that stretch to that shape.
      gate_logits: g, the log-odds of a certain 0, likewise.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a concentration that is not positive, TypeError for integer means.
    Example:
      >>> zero_inflated_negative_binomial_nll(jnp.array([2.0]), jnp.array([0]), concentration=1.0, gate_logits=0.0)
      Array(0.4054651, dtype=float32)
    References: Lopez et al. (2018), Deep generative modeling for single-cell transcriptomics,
      doi:10.1038/s41592-018-0229-2.
    """
    name, data = "zero_inflated_negative_binomial_nll", {"mean": mean, "targets": targets}
    parameters = {"concentration": (concentration, {"above": 0}), "gate_logits": (gate_logits, {})}
    mean, targets, concentration, gate = predicted(name, where, data, parameters)
    values = _gated(negative_binomial(mean, targets, concentration), gate, targets)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def _gated(values: Array, gate: Array, targets: Array) -> Array:
    nothing = targets == 0
    # Behind an open gate; the branch not taken stays finite.
    return jnp.where(nothing, _zero(jnp.where(nothing, values, 1), gate), values + numerics.softplus(gate))


# With w = sigma(-g) (1 - e^-n): -log(pi + (1 - pi) e^-n) = -log(1 - w), for w near 1 that is
# softplus(-g) - softplus(-g - n). In n it has the slope sigma(-g - n), in g -w sigma(n + g).
def _blocked(n: Array, g: Array) -> Array:
    return -numerics.sigmoid(-g) * numerics.expm1(-n)


@with_slopes(lambda n, g: numerics.sigmoid(-g - n), lambda n, g: -_blocked(n, g) * numerics.sigmoid(n + g))
def _zero(n: Array, g: Array) -> Array:
    w = _blocked(n, g)
    near = w < 0.5
    small = jnp.where(near, w, 0)
    far = numerics.softplus(-g) - numerics.softplus(-g - n)
    return jnp.where(near, small + numerics.log1p_excess(-small), far)
