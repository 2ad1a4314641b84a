"""Policy gradients: plain and with clipped ratios, and the clipped loss of values; one value per token or step."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks
from jaxloss.divergence.rows import scaled_exp
from jaxloss.numerics.slopes import with_slopes
from jaxloss.preference.tokens import Denominator, learned_and_fixed, reduce_tokens
from jaxloss.reduce import Reduction

__all__ = ["clipped_surrogate", "policy_gradient", "ppo_clip", "ppo_value"]


def policy_gradient(
    log_probs: Float[ArrayLike, "*tokens"],
    advantages: Real[ArrayLike, "*tokens"],
    *,
    denominator: Denominator = "per_token",
    length: float | Real[ArrayLike, ""] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Score-function estimate (REINFORCE): actions with an advantage become likelier.

    .. math::  \ell = -A \log \pi(a), \qquad \frac{\partial \ell}{\partial \log \pi(a)} = -A

    Only the gradient means anything: the value is no measure of progress. Advantages are held fixed, their gradient
    is 0.

    Args:
      log_probs: real array of any shape, of the actions or tokens that were sampled, see `token_log_probs`.
      advantages: array of exactly that shape, what the action brought beyond what was expected. Its gradient is 0.
      denominator: what the mean divides by, see :doc:`/families/preference`: "per_token", or with tokens on the last
        axis "per_sequence" or "fixed".
      length: for "fixed", the length that divides the sum over a sequence.
      where, weights, reduction: of the tokens, see :doc:`/reductions`.
    Returns: a scalar, or one value per token with ``reduction="none"``.
    Raises: ValueError for unequal shapes or a denominator without its length, TypeError for integer log-probabilities.
    Example:
      >>> policy_gradient(jnp.array([-0.5, -2.0]), jnp.array([1.0, -1.0]), reduction="none")
      Array([ 0.5, -2. ], dtype=float32)
    References: Williams (1992), Simple statistical gradient-following algorithms, doi:10.1007/BF00992696.
    """
    name = "policy_gradient"
    log_probs, advantages = learned_and_fixed(name, where, {"log_probs": log_probs}, {"advantages": advantages})
    values = jnp.where(advantages == 0, 0, -advantages * jnp.where(advantages == 0, 0, log_probs))
    options = {"where": where, "weights": weights, "reduction": reduction}
    return reduce_tokens(name, values, denominator=denominator, length=length, **options)


def ppo_clip(
    log_probs: Float[ArrayLike, "*tokens"],
    old_log_probs: Real[ArrayLike, "*tokens"],
    advantages: Real[ArrayLike, "*tokens"],
    *,
    epsilon: float | Real[ArrayLike, "..."] = 0.2,
    epsilon_high: float | Real[ArrayLike, "..."] | None = None,
    dual_clip: float | Real[ArrayLike, "..."] | None = None,
    denominator: Denominator = "per_token",
    length: float | Real[ArrayLike, ""] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Clipped surrogate of proximal policy optimisation: no reward for a ratio beyond 1 - epsilon and 1 + epsilon.

    .. math::  \ell = -\min(\rho A, \operatorname{clip}(\rho, 1 - \epsilon, 1 + \epsilon') A) = \begin{cases}
               -A \min(\rho, 1 + \epsilon') & A > 0 \\
               -A \min(\max(\rho, 1 - \epsilon), c) & A < 0 \end{cases}, \qquad
               \rho = \frac{\pi(a)}{\pi_\text{old}(a)}

    .. math::  \frac{\partial \ell}{\partial \log \pi(a)} = -\rho A \quad \text{or 0 where clipped}

    Branches are chosen by the logarithm of the ratio, so that a ratio which overflows is harmless where it is clipped.
    Where it is not (A < 0 without a dual clip) the loss is as large as the ratio. The old policy and the advantages are
    held fixed: their gradient is 0, and in the first step ``old_log_probs`` may be ``log_probs`` itself.

    Args:
      log_probs: real array of any shape, of the actions or tokens under the policy, see `token_log_probs`.
      old_log_probs: array of exactly that shape, under the policy that sampled them. Its gradient is 0.
      advantages: array of exactly that shape. Its gradient is 0.
      epsilon: how far the ratio may fall below 1, in (0, 1).
      epsilon_high: how far it may rise above 1, positive; None is ``epsilon``. DAPO clips higher, at 0.28.
      dual_clip: c, above 1 + epsilon_high, bounds the ratio where the advantage is negative; None does not. It is
        ``delta`` in TRL.
      denominator: what the mean divides by, see :doc:`/families/preference`: "per_token", or with tokens on the last
        axis "per_sequence" or "fixed".
      length: for "fixed", the length that divides the sum over a sequence.
      where, weights, reduction: of the tokens, see :doc:`/reductions`.
    Returns: a scalar, or one value per token with ``reduction="none"``.
    Raises: ValueError for unequal shapes or a parameter out of its range, TypeError for integer log-probabilities.
    Example:
      >>> ppo_clip(jnp.log(jnp.array([1.5, 1.5])), jnp.zeros(2), jnp.array([1.0, -1.0]), reduction="none")
      Array([-1.2,  1.5], dtype=float32)
    References: Schulman et al. (2017), Proximal policy optimization, arXiv:1707.06347, eq. 7; the dual clip: Ye et al.
      (2020), arXiv:1912.09729, eq. 5; clipping higher: Yu et al. (2025), DAPO, arXiv:2503.14476.
    """
    name, fixed = "ppo_clip", {"old_log_probs": old_log_probs, "advantages": advantages}
    log_probs, old, advantages = learned_and_fixed(name, where, {"log_probs": log_probs}, fixed)
    values = clipped_surrogate(name, log_probs - old, advantages, epsilon, epsilon_high, dual_clip)
    options = {"where": where, "weights": weights, "reduction": reduction}
    return reduce_tokens(name, values, denominator=denominator, length=length, **options)


def ppo_value(
    values: Float[ArrayLike, "*tokens"],
    old_values: Real[ArrayLike, "*tokens"],
    returns: Real[ArrayLike, "*tokens"],
    *,
    epsilon: float | Real[ArrayLike, "..."] = 0.2,
    denominator: Denominator = "per_token",
    length: float | Real[ArrayLike, ""] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Squared error of predicted returns, without reward for moving far from the previous prediction.

    .. math::  \ell = \tfrac12 \max\left((v - R)^2, (\tilde v - R)^2\right), \qquad
               \tilde v = \operatorname{clip}(v, v_\text{old} - \epsilon, v_\text{old} + \epsilon)

    .. math::  \frac{\partial \ell}{\partial v} = v - R \quad \text{or 0 where the clipped error is the larger}

    Args:
      values: real array of any shape, the returns that the value function predicts.
      old_values: array of exactly that shape, what it predicted when the data were collected. Its gradient is 0.
      returns: array of exactly that shape. Its gradient is 0.
      epsilon: positive, how far a prediction may move, in the units of the returns: it depends on their scale.
      denominator: what the mean divides by, see :doc:`/families/preference`: "per_token", or with tokens on the last
        axis "per_sequence" or "fixed".
      length: for "fixed", the length that divides the sum over a sequence.
      where, weights, reduction: of the tokens, see :doc:`/reductions`.
    Returns: a scalar, or one value per token with ``reduction="none"``; in half squared units of the returns.
    Raises: ValueError for unequal shapes or a parameter out of its range, TypeError for integer values.
    Example:
      >>> ppo_value(jnp.array([1.0, 1.0]), jnp.array([0.0, 2.0]), jnp.array([1.0, 0.0]), reduction="none")
      Array([0.31999996, 1.62      ], dtype=float32)
    References: Dhariwal et al. (2017), OpenAI Baselines (ppo2); studied by Engstrom et al. (2020), Implementation
      matters in deep policy gradients, arXiv:2005.12729.
    """
    name, fixed = "ppo_value", {"old_values": old_values, "returns": returns}
    new, old, returns = learned_and_fixed(name, where, {"values": values}, fixed)
    epsilon = checks.parameter(name, "epsilon", epsilon, new, above=0)
    losses = _clipped_squares(new, old, returns, epsilon)
    options = {"where": where, "weights": weights, "reduction": reduction}
    return reduce_tokens(name, losses, denominator=denominator, length=length, **options)


def clipped_surrogate(
    name: str, log_ratios: Array, advantages: Array, epsilon: Any, epsilon_high: Any, dual_clip: Any
) -> Array:
    """Return -min(r A, clip(r) A), bounded by ``dual_clip``, of log r; the advantages have no gradient."""
    epsilon = checks.parameter(name, "epsilon", epsilon, log_ratios, above=0, below=1)
    high = checks.parameter(
        name, "epsilon_high", epsilon if epsilon_high is None else epsilon_high, log_ratios, above=0
    )
    positive = advantages > 0
    bound = jnp.where(positive, 1 + high, 1 - epsilon)
    active = jnp.where(positive, log_ratios < _log(1 + high), log_ratios > _log(1 - epsilon))
    if dual_clip is not None:
        least = 1 if isinstance(high, Array) else 1 + high
        most = checks.parameter(name, "dual_clip", dual_clip, log_ratios, above=least)
        beyond = ~positive & (log_ratios >= _log(most))
        bound, active = jnp.where(beyond, most, bound), active & ~beyond
    active &= advantages != 0
    ratio = scaled_exp(-advantages, jnp.where(active, log_ratios, 0))  # what is clipped must not overflow
    return jnp.where(active, ratio, -advantages * bound)


def _log(x: Any) -> Any:
    return jnp.log(x) if isinstance(x, Array) else math.log(x)


def _errors(new: Array, old: Array, returns: Array, epsilon: Array) -> tuple[Array, Array]:
    """Errors of the prediction and of the clipped one; equal within the clip."""
    moved = new - old
    clipped = old + jnp.clip(moved, -epsilon, epsilon) - returns
    error = new - returns
    return error, jnp.where(jnp.abs(moved) <= epsilon, error, clipped)


def _counts(new: Array, old: Array, epsilon: Array, total: Array) -> Array:
    """Whether the error of the prediction is the larger one: by the sum of both, as they may round to one number."""
    moved = new - old
    return (jnp.abs(moved) <= epsilon) | (jnp.where(moved > 0, total, -total) >= 0)


def _in_values(new: Array, old: Array, returns: Array, epsilon: Array) -> Array:
    error, clipped = _errors(new, old, returns, epsilon)
    return jnp.where(_counts(new, old, epsilon, error + clipped), error, 0)


def _in_epsilon(new: Array, old: Array, returns: Array, epsilon: Array) -> Array:
    error, clipped = _errors(new, old, returns, epsilon)
    return jnp.where(_counts(new, old, epsilon, error + clipped), 0, clipped * jnp.sign(new - old))


@with_slopes(_in_values, None, None, _in_epsilon)
def _clipped_squares(new: Array, old: Array, returns: Array, epsilon: Array) -> Array:
    error, clipped = _errors(new, old, returns, epsilon)
    return 0.5 * jnp.maximum(jnp.abs(error), jnp.abs(clipped)) ** 2
