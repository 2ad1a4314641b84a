"""Preferences without a reference model: pairs of completions, and the likelihood of the chosen one beside them."""

from __future__ import annotations

from typing import Any, Literal

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.numerics.slopes import with_slopes
from jaxloss.preference.direct import classified, hinged
from jaxloss.preference.tokens import learned_and_fixed
from jaxloss.reduce import Reduction

__all__ = ["cpo", "orpo", "simpo"]


def simpo(
    chosen_log_probs: Float[ArrayLike, "*pairs"],
    rejected_log_probs: Float[ArrayLike, "*pairs"],
    *,
    beta: float | Real[ArrayLike, "..."] = 2.0,
    gamma: float | Real[ArrayLike, "..."] = 1.0,
    label_smoothing: float | Real[ArrayLike, "..."] = 0.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Simple preference optimisation: the chosen completion should be likelier per token, by a margin.

    .. math::  \ell = -(1 - s) \log \sigma(z) - s \log \sigma(-z), \qquad
               \frac{\partial \ell}{\partial \log \pi(y_w)} = \beta (s - \sigma(-z)) =
               -\frac{\partial \ell}{\partial \log \pi(y_l)}, \qquad
               z = \beta (\overline{\log \pi}(y_w) - \overline{\log \pi}(y_l)) - \gamma

    Args:
      chosen_log_probs: real array of any shape, of the preferred completions: averages over their tokens, see
        `sequence_log_probs`.
      rejected_log_probs: array of exactly that shape, of the other completions.
      beta: positive factor of the log-probabilities; the paper takes 2 to 10.
      gamma: margin of z, at least 0; the paper takes 0.3 to 1.6. Some configure the quotient gamma / beta instead.
      label_smoothing: s, the share of pairs that are labelled the wrong way round, in [0, 1/2).
      where, weights, reduction: of the pairs, see :doc:`/reductions`.
    Returns: a scalar, or one value per pair with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or a parameter out of its range, TypeError for integer log-probabilities.
    Example:
      >>> simpo(jnp.array([-0.5]), jnp.array([-1.5]))
      Array(0.31326166, dtype=float32)
    References: Meng et al. (2024), SimPO, arXiv:2405.14734, eq. 6.
    """
    name = "simpo"
    chosen, rejected = _pair(name, where, chosen_log_probs, rejected_log_probs)
    factor: Any = checks.parameter(name, "beta", beta, chosen, above=0)
    margin: Any = checks.parameter(name, "gamma", gamma, chosen, minimum=0)
    smoothing = checks.parameter(name, "label_smoothing", label_smoothing, chosen, minimum=0, below=0.5)
    values = classified(factor * (chosen - rejected) - margin, smoothing)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def cpo(
    chosen_log_probs: Float[ArrayLike, "*pairs"],
    rejected_log_probs: Float[ArrayLike, "*pairs"],
    *,
    beta: float | Real[ArrayLike, "..."] = 0.1,
    nll_weight: float | Real[ArrayLike, "..."] = 1.0,
    variant: Literal["sigmoid", "hinge", "ipo"] = "sigmoid",
    label_smoothing: float | Real[ArrayLike, "..."] = 0.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Contrastive preference optimisation: the chosen completion likelier than the other, and likely by itself.

    .. math::  \ell = -\log \sigma(z) - \alpha \log \pi(y_w), \qquad
               \frac{\partial \ell}{\partial \log \pi(y_w)} = -\beta \sigma(-z) - \alpha, \quad
               \frac{\partial \ell}{\partial \log \pi(y_l)} = \beta \sigma(-z), \qquad
               z = \beta (\log \pi(y_w) - \log \pi(y_l))

    It is `dpo` with a uniform reference. The first term is :math:`-(1 - s) \log \sigma(z) - s \log \sigma(-z)` with
    label smoothing s, :math:`\max(0, 1 - z)` for "hinge" and :math:`(z / \beta - 1 / (2 \beta))^2` for "ipo".

    Args:
      chosen_log_probs: real array of any shape, of the preferred completions: sums over their tokens, see
        `sequence_log_probs`.
      rejected_log_probs: array of exactly that shape, of the other completions.
      beta: positive factor of the log-probabilities.
      nll_weight: alpha, of the negative log-likelihood of the chosen completion, at least 0. TRL averages that over the
        tokens of the batch: here 0, and a cross-entropy added.
      variant: "sigmoid", "hinge" or "ipo".
      label_smoothing: s, in [0, 1/2), for "sigmoid".
      where, weights, reduction: of the pairs, see :doc:`/reductions`.
    Returns: a scalar, or one value per pair with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or a parameter out of its range, TypeError for integer log-probabilities.
    Example:
      >>> cpo(jnp.array([-12.0]), jnp.array([-14.0]))
      Array(12.598139, dtype=float32)
    References: Xu et al. (2024), Contrastive preference optimization, arXiv:2401.08417, eqs. 3 to 5.
    """
    name = "cpo"
    checks.choice(name, "variant", variant, ("sigmoid", "hinge", "ipo"))
    chosen, rejected = _pair(name, where, chosen_log_probs, rejected_log_probs)
    factor: Any = checks.parameter(name, "beta", beta, chosen, above=0)
    nll_weight = checks.parameter(name, "nll_weight", nll_weight, chosen, minimum=0)
    smoothing = checks.parameter(name, "label_smoothing", label_smoothing, chosen, minimum=0, below=0.5)
    if variant != "sigmoid" and (isinstance(smoothing, Array) or smoothing):
        raise ValueError(f"{name}: label_smoothing is for 'sigmoid', got {smoothing} with {variant!r}")
    gap = chosen - rejected
    if variant == "ipo":
        values = (gap - 0.5 / factor) ** 2
    else:
        values = classified(factor * gap, smoothing) if variant == "sigmoid" else hinged(factor * gap)
    values = values + _nll(chosen, nll_weight)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def orpo(
    chosen_log_probs: Float[ArrayLike, "*pairs"],
    rejected_log_probs: Float[ArrayLike, "*pairs"],
    *,
    beta: float | Real[ArrayLike, "..."] = 0.1,
    nll_weight: float | Real[ArrayLike, "..."] = 1.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Odds ratio preference optimisation: a supervised loss, and larger odds for the chosen completion.

    .. math::  \ell = -\alpha \log p_w + \beta \log\left(1 + \frac{o_l}{o_w}\right), \qquad o = \frac{p}{1 - p}

    .. math::  \frac{\partial \ell}{\partial \log p_w} = -\alpha - \frac{\beta}{1 - p_w} \frac{o_l}{o_l + o_w}, \qquad
               \frac{\partial \ell}{\partial \log p_l} = \frac{\beta}{1 - p_l} \frac{o_l}{o_l + o_w}

    with :math:`\log p` the average log-probability of the tokens. The digits of 1 - p are those of log p, also where p
    rounds to 1. A rejected completion of log p = 0 has infinite odds and infinite loss, unless the chosen one has too.

    Args:
      chosen_log_probs: real array of any shape, of the preferred completions: averages over their tokens, at most 0,
        see `sequence_log_probs`.
      rejected_log_probs: array of exactly that shape, of the other completions.
      beta: factor of the odds ratio, at least 0; lambda in the paper.
      nll_weight: alpha, of the likelihood of the chosen completion, at least 0; 0 leaves the odds ratio alone.
      where, weights, reduction: of the pairs, see :doc:`/reductions`.
    Returns: a scalar, or one value per pair with ``reduction="none"``; in nats. NaN for a log-probability above 0.
    Raises: ValueError for unequal shapes or a parameter out of its range, TypeError for integer log-probabilities.
    Example:
      >>> orpo(jnp.log(jnp.array([0.5])), jnp.log(jnp.array([0.25])), nll_weight=0, beta=1)
      Array(0.2876821, dtype=float32)
    References: Hong et al. (2024), ORPO, arXiv:2403.07691, eqs. 4 to 7.
    """
    name = "orpo"
    chosen, rejected = _pair(name, where, chosen_log_probs, rejected_log_probs, fill=-1)
    factor: Any = checks.parameter(name, "beta", beta, chosen, minimum=0)
    nll_weight = checks.parameter(name, "nll_weight", nll_weight, chosen, minimum=0)
    values = factor * _odds_ratio_loss(chosen, rejected) + _nll(chosen, nll_weight)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def _pair(name: str, where: Any, chosen: ArrayLike, rejected: ArrayLike, fill: float = 0) -> tuple[Array, Array]:
    pair = {"chosen_log_probs": chosen, "rejected_log_probs": rejected}
    chosen, rejected = learned_and_fixed(name, where, pair, {}, fill)
    return chosen, rejected


def _nll(log_probs: Array, weight: Any) -> Array:
    """The weighted negative log-likelihood; nothing for the number 0, also of an impossible completion."""
    return -weight * log_probs if isinstance(weight, Array) or weight else jnp.zeros_like(log_probs)


# With e = (1 - p_w) / (1 - p_l) the odds ratio is o_l / o_w = (p_l / p_w) e, of which both factors are below 1 or both
# above: their logarithms add up without cancelling, and below 1 the ratio itself has more digits than its logarithm.
def _complements(chosen: Array, rejected: Array) -> Array:
    """(1 - p_w) / (1 - p_l), 1 where both are equal."""
    below, above = numerics.expm1(chosen), numerics.expm1(rejected)
    quotient = jnp.where(above == 0, jnp.inf, below / jnp.where(above == 0, 1, above))
    possible = (chosen <= 0) & (rejected <= 0)
    return jnp.where(possible, jnp.where(chosen == rejected, 1, quotient), jnp.nan)


def _odds_ratio(chosen: Array, rejected: Array) -> tuple[Array, Array]:
    """The ratio of the odds, 1 where it is more, and its logarithm, 0 where that is negative."""
    e = _complements(chosen, rejected)
    gap = rejected - chosen
    likelier = gap > 0
    ratio = jnp.exp(jnp.where(likelier, 0, gap)) * jnp.where(likelier, 1, e)
    return ratio, jnp.where(likelier, gap, 0) + jnp.log(jnp.where(likelier, e, 1))


def _share(chosen: Array, rejected: Array) -> Array:
    """o_l / (o_l + o_w)."""
    ratio, log_ratio = _odds_ratio(chosen, rejected)
    return jnp.where(rejected > chosen, numerics.sigmoid(log_ratio), ratio / (1 + ratio))


# Where p_w is 1 the share is 0 and divided by 1 - p_w: by the factors of the share it is (p_l / p_w) / (1 - p_l).
def _in_chosen(chosen: Array, rejected: Array) -> Array:
    ratio, log_ratio = _odds_ratio(chosen, rejected)
    likelier = rejected > chosen
    far = numerics.sigmoid(log_ratio) / numerics.expm1(jnp.where(likelier, chosen, -1))
    near = jnp.exp(jnp.where(likelier, 0, rejected - chosen)) / (1 + ratio) / numerics.expm1(rejected)
    return jnp.where(likelier, far, near)


@with_slopes(_in_chosen, lambda chosen, rejected: -_share(chosen, rejected) / numerics.expm1(rejected))
def _odds_ratio_loss(chosen: Array, rejected: Array) -> Array:
    ratio, log_ratio = _odds_ratio(chosen, rejected)
    return jnp.where(rejected > chosen, numerics.softplus(log_ratio), jnp.log1p(ratio))
