"""Preferences of single completions, liked or not, against a reference model."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, numerics, reduce
from jaxloss.preference.tokens import learned_and_fixed
from jaxloss.reduce import Reduction

__all__ = ["kto", "kto_baseline"]


def kto(
    log_probs: Float[ArrayLike, "*completions"],
    reference_log_probs: Real[ArrayLike, "*completions"],
    desirable: Bool[ArrayLike, "*completions"] | Int[ArrayLike, "*completions"],
    *,
    kl: float | Real[ArrayLike, "..."],
    beta: float | Real[ArrayLike, "..."] = 0.1,
    desirable_weight: float | Real[ArrayLike, "..."] = 1.0,
    undesirable_weight: float | Real[ArrayLike, "..."] = 1.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Kahneman-Tversky optimisation: completions that are liked should gain on the reference, the others lose.

    .. math::  \ell = \begin{cases}
               \lambda_d\, \sigma(-\beta (u - k)) & \text{desirable} \\
               \lambda_u\, \sigma(\beta (u - k)) & \text{undesirable} \end{cases}, \qquad
               \frac{\partial \ell}{\partial u} = \mp \lambda \beta\, \sigma(\beta (u - k))\, \sigma(-\beta (u - k))

    with the log-ratio :math:`u = \log \pi(y) - \log \pi_\text{ref}(y)` and the baseline k, an estimate of the
    divergence of the policy from the reference: `kto_baseline`. Both are held fixed: their gradient is 0.

    Args:
      log_probs: real array of any shape, of the completions under the policy: sums over their tokens, see
        `sequence_log_probs`.
      reference_log_probs: array of exactly that shape, the same under the reference model. Its gradient is 0.
      desirable: boolean, or integers 0 and 1, of that shape: whether the completion is liked.
      kl: the baseline k, a number or an array that stretches; 0 is the variant "apo_zero_unpaired" of TRL.
      beta: positive price of leaving the reference, per nat.
      desirable_weight, undesirable_weight: the lambdas, at least 0; the paper balances unequal shares with them. They
        scale the values, where ``weights`` would enter the denominator too.
      where, weights, reduction: of the completions, see :doc:`/reductions`.
    Returns: a scalar, or one value per completion with ``reduction="none"``; between 0 and the lambdas.
    Raises: ValueError for unequal shapes or a parameter out of its range, TypeError for integer log-probabilities or
      for ``desirable`` of another kind.
    Example:
      >>> kto(jnp.array([-12.0, -9.0]), jnp.array([-14.0, -9.0]), jnp.array([True, False]), kl=0.5, reduction="none")
      Array([0.46257016, 0.48750263], dtype=float32)
    References: Ethayarajh et al. (2024), KTO, arXiv:2402.01306, eqs. 7 and 8.
    """
    name = "kto"
    liked = jnp.asarray(desirable)
    if not (liked.dtype == jnp.bool_ or jnp.issubdtype(liked.dtype, jnp.integer)):
        raise TypeError(f"{name}: desirable must be boolean or integer, got {liked.dtype}")
    fixed = {"reference_log_probs": reference_log_probs}
    log_probs, reference = learned_and_fixed(name, where, {"log_probs": log_probs}, fixed)
    checks.same_shape(name, log_probs=log_probs, desirable=liked)
    kl = checks.parameter(name, "kl", kl, log_probs)
    beta = checks.parameter(name, "beta", beta, log_probs, above=0)
    yes = checks.parameter(name, "desirable_weight", desirable_weight, log_probs, minimum=0)
    no = checks.parameter(name, "undesirable_weight", undesirable_weight, log_probs, minimum=0)
    gain = beta * (log_probs - reference - (lax.stop_gradient(kl) if isinstance(kl, Array) else kl))
    liked = liked.astype(jnp.bool_)
    values = jnp.where(liked, yes, no) * numerics.sigmoid(jnp.where(liked, -gain, gain))
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def kto_baseline(
    log_probs: Float[ArrayLike, "*completions"],
    reference_log_probs: Real[ArrayLike, "*completions"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
) -> Array:
    r"""Return the baseline of `kto`: the mean log-ratio of mismatched completions, at least 0, without gradient.

    .. math::  k = \max\left(0, \frac1n \sum_i \log \pi(y_i \mid x_j) - \log \pi_\text{ref}(y_i \mid x_j)\right),
               \qquad j \ne i

    Args:
      log_probs: real array of any shape, of completions given the prompt of another example, as shifting the batch by
        one makes them: sums over their tokens.
      reference_log_probs: array of exactly that shape, the same under the reference model.
      where: boolean, which completions exist; without any, the baseline is 0.
    Raises: ValueError for unequal shapes, TypeError for integer log-probabilities.
    Example:
      >>> kto_baseline(jnp.array([-20.0, -31.0]), jnp.array([-22.0, -30.0]))
      Array(0.5, dtype=float32)
    References: Ethayarajh et al. (2024), KTO, arXiv:2402.01306, section 4.1.
    """
    name, fixed = "kto_baseline", {"reference_log_probs": reference_log_probs}
    log_probs, reference = learned_and_fixed(name, where, {"log_probs": log_probs}, fixed)
    mean = reduce.apply(name, lax.stop_gradient(log_probs) - reference, where=where)
    return jnp.maximum(mean, 0)
