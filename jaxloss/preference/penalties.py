"""The price of leaving a reference policy: estimates of the divergence from sampled tokens."""

from __future__ import annotations

from typing import Any, Literal

from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics
from jaxloss.preference.tokens import Denominator, learned_and_fixed, reduce_tokens
from jaxloss.reduce import Reduction

__all__ = ["kl_penalty"]


def kl_penalty(
    log_probs: Float[ArrayLike, "*tokens"],
    reference_log_probs: Real[ArrayLike, "*tokens"],
    *,
    estimator: Literal["k1", "k2", "k3"] = "k3",
    denominator: Denominator = "per_token",
    length: float | Real[ArrayLike, ""] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Estimate of the divergence KL(policy || reference) from tokens that the policy has sampled.

    .. math::  k_1 = -d, \qquad k_2 = \tfrac12 d^2, \qquad k_3 = e^d - 1 - d, \qquad
               d = \log \pi_\text{ref}(y_t) - \log \pi(y_t)

    .. math::  \frac{\partial k_1}{\partial \log \pi} = 1, \qquad \frac{\partial k_2}{\partial \log \pi} = -d, \qquad
               \frac{\partial k_3}{\partial \log \pi} = 1 - e^d

    As values, k1 and k3 are unbiased and k3 is never negative. As losses of on-policy tokens they differ: the expected
    gradient of k2 is that of the divergence, that of k3 belongs to the opposite divergence KL(reference || policy), and
    that of k1 is 0. The reference is held fixed: its gradient is 0. Where policy and reference nearly agree k3 loses no
    digits; it overflows where the reference is e^88 times likelier.

    Args:
      log_probs: real array of any shape, of the sampled tokens under the policy, see `token_log_probs`.
      reference_log_probs: array of exactly that shape, the same under the reference model. Its gradient is 0.
      estimator: "k1", "k2" or "k3", which GRPO adds to its loss.
      denominator: what the mean divides by, see :doc:`/families/preference`: "per_token", or with tokens on the last
        axis "per_sequence" or "fixed".
      length: for "fixed", the length that divides the sum over a sequence.
      where, weights, reduction: of the tokens, see :doc:`/reductions`.
    Returns: a scalar, or one value per token with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or an unknown estimator, TypeError for integer log-probabilities.
    Example:
      >>> kl_penalty(jnp.array([-1.0, -2.0]), jnp.array([-2.0, -2.0]), reduction="none")
      Array([0.36787945, 0.        ], dtype=float32)
    References: Schulman (2020), Approximating KL divergence; Shao et al. (2024), DeepSeekMath, arXiv:2402.03300, eq. 4;
      their gradients: Tang and Munos (2025), arXiv:2506.09477.
    """
    name = "kl_penalty"
    checks.choice(name, "estimator", estimator, ("k1", "k2", "k3"))
    fixed = {"reference_log_probs": reference_log_probs}
    log_probs, reference = learned_and_fixed(name, where, {"log_probs": log_probs}, fixed)
    d = reference - log_probs
    values = {"k1": lambda: -d, "k2": lambda: 0.5 * d**2, "k3": lambda: numerics.exp_excess(d)}[estimator]()
    options = {"where": where, "weights": weights, "reduction": reduction}
    return reduce_tokens(name, values, denominator=denominator, length=length, **options)
