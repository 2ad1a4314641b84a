"""Group relative policy optimisation: advantages within a group of completions, in the variants of the literature."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.preference.clipped import clipped_surrogate
from jaxloss.preference.tokens import Denominator, learned_and_fixed, reduce_tokens, token_counts
from jaxloss.reduce import Reduction

__all__ = ["group_advantages", "grpo"]


class _Variant(NamedTuple):
    """What a paper's objective is made of."""

    surrogate: Literal["clip", "weight", "gate", "density"]
    denominator: Denominator
    ratio_per: Literal["token", "sequence"] = "token"
    length: float | None = None


VARIANTS = {
    "grpo": _Variant("clip", "per_sequence"),
    "bnpo": _Variant("clip", "per_token"),
    "dapo": _Variant("clip", "per_token"),
    "dr_grpo": _Variant("clip", "fixed"),
    "gspo": _Variant("clip", "per_sequence", "sequence"),
    "luspo": _Variant("clip", "fixed", "sequence", 1),
    "cispo": _Variant("weight", "per_token"),
    "sapo": _Variant("gate", "per_sequence"),
    "vespo": _Variant("density", "per_token"),
}


def grpo(
    log_probs: Float[ArrayLike, "*sequences tokens"],
    old_log_probs: Real[ArrayLike, "*sequences tokens"],
    advantages: Real[ArrayLike, "..."],
    *,
    variant: str = "grpo",
    epsilon: float | Real[ArrayLike, "..."] = 0.2,
    epsilon_high: float | Real[ArrayLike, "..."] | None = None,
    dual_clip: float | Real[ArrayLike, "..."] | None = None,
    gate_temperatures: tuple[float, float] = (1.0, 1.05),
    density_powers: tuple[float, float] = (2.0, 3.0),
    density_rates: tuple[float, float] = (3.0, 2.0),
    denominator: Denominator | None = None,
    length: float | Real[ArrayLike, ""] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Group relative policy optimisation: `ppo_clip` of tokens with one advantage for each completion.

    .. math::  \ell_t = -\min(\rho_t A, \operatorname{clip}(\rho_t, 1 - \epsilon, 1 + \epsilon') A), \qquad
               \rho_t = \frac{\pi(y_t)}{\pi_\text{old}(y_t)}, \qquad
               \frac{\partial \ell_t}{\partial \log \pi(y_t)} = -\rho_t A \ \text{or 0 where clipped}

    The variants differ in the value of a token and in what its mean divides by:

    ============ ================================================ =================== =======================
    variant      value of a token                                 denominator         source
    ============ ================================================ =================== =======================
    ``grpo``     as above                                         "per_sequence"      Shao et al. (2024)
    ``bnpo``     as above                                         "per_token"         TRL; a batch's tokens
    ``dapo``     as above, with epsilon_high = 0.28               "per_token"         Yu et al. (2025)
    ``dr_grpo``  as above, advantages without a scale             "fixed"             Liu et al. (2025)
    ``gspo``     with :math:`\rho = \exp \frac1n \sum_t           "per_sequence"      Zheng et al. (2025)
                 \log \rho_t`, one for all tokens
    ``luspo``    as gspo                                          "fixed", length 1   LUSPO (2026)
    ``cispo``    :math:`-\min(\rho_t, 1 + \epsilon')\, A \log     "per_token"         MiniMax (2025)
                 \pi(y_t)`, the first factor held fixed
    ``sapo``     :math:`-\frac4\tau \sigma(\tau (\rho_t - 1))     "per_sequence"      SAPO (2025)
                 A`, tau by the sign of A
    ``vespo``    :math:`-w^k e^{\lambda (1 - w)} A \log           "per_token"         VESPO (2026)
                 \pi(y_t)`, the first two factors held fixed,
                 :math:`w = \prod_t \rho_t`, k and lambda by
                 the sign of A
    ============ ================================================ =================== =======================

    Old policy and advantages are held fixed: their gradient is 0, and in the first step ``old_log_probs`` may be
    ``log_probs`` itself. The penalty on leaving a reference model is `kl_penalty` with the same denominator, added.

    Args:
      log_probs: real array ``[..., tokens]`` under the policy, see `token_log_probs`.
      old_log_probs: array of exactly that shape, under the policy that sampled the tokens. Its gradient is 0.
      advantages: one for each completion, ``[...]``, as `group_advantages` makes them, or one for each token. Its
        gradient is 0.
      variant: one of the above, by the names of TRL; "gspo" is its "grpo" with ratios per sequence.
      epsilon: how far a ratio may fall below 1, in (0, 1); not for "cispo", "sapo" and "vespo".
      epsilon_high: how far it may rise above 1, positive; None is ``epsilon``. For "cispo" large: TRL configures
        1 + epsilon_high, 5 for instance. Not for "sapo" and "vespo".
      dual_clip: above 1 + epsilon_high, bounds the ratio where the advantage is negative; None does not.
      gate_temperatures: tau of "sapo" for positive advantages and for the others.
      density_powers, density_rates: k and lambda of "vespo", positive, for advantages of at least 0 and for the others.
      denominator: what the mean divides by, see :doc:`/families/preference`; None is that of the variant.
      length: for "fixed", the length that divides the sum over a sequence, such as the longest completion allowed.
      where, weights, reduction: of the tokens, see :doc:`/reductions`; ``where`` says which belong to the completion.
    Returns: a scalar, or one value per token with ``reduction="none"``.
    Raises: ValueError for shapes that do not fit or a parameter out of its range, TypeError for integer
      log-probabilities.
    Example:
      >>> log_probs = jnp.log(jnp.array([[0.5, 0.9], [0.2, 0.1]]))
      >>> old = jnp.log(jnp.array([[0.4, 0.9], [0.2, 0.2]]))
      >>> grpo(log_probs, old, jnp.array([1.0, -1.0]), reduction="none")
      Array([[-0.6, -0.5],
             [ 0.5,  0.4]], dtype=float32)
    References: Shao et al. (2024), DeepSeekMath, arXiv:2402.03300, eq. 3; Yu et al. (2025), DAPO, arXiv:2503.14476; Liu
      et al. (2025), Dr. GRPO, arXiv:2503.20783; Zheng et al. (2025), GSPO, arXiv:2507.18071; length-unbiased
      sequence policy optimization (2026), arXiv:2602.05261; MiniMax (2025), MiniMax-M1, arXiv:2506.13585; soft adaptive
      policy optimization (2025), arXiv:2511.20347; variational sequence-level soft policy optimization (2026),
      arXiv:2602.10693.
    """
    name = "grpo"
    form = VARIANTS[checks.choice(name, "variant", variant, tuple(VARIANTS))]
    (shaped,) = checks.floating(name, log_probs=log_probs)
    fixed = {"old_log_probs": old_log_probs, "advantages": _for_tokens(name, advantages, shaped)}
    log_probs, old, advantages = learned_and_fixed(name, where, {"log_probs": log_probs}, fixed)
    log_ratios = log_probs - old
    if form.ratio_per == "sequence":
        mean = jnp.sum(log_ratios, -1, keepdims=True) / token_counts(log_ratios, where)
        log_ratios = jnp.broadcast_to(mean, log_ratios.shape)
    if form.surrogate == "clip":
        values = clipped_surrogate(name, log_ratios, advantages, epsilon, epsilon_high, dual_clip)
    elif dual_clip is not None:
        raise ValueError(f"{name}: dual_clip is for ratios that are clipped, got {dual_clip} with {variant!r}")
    elif form.surrogate == "weight":
        high = checks.parameter(
            name, "epsilon_high", epsilon if epsilon_high is None else epsilon_high, log_probs, above=0
        )
        ratios = jnp.minimum(jnp.exp(lax.stop_gradient(log_ratios)), 1 + high)
        values = _scaled(-ratios * advantages, log_probs)
    elif form.surrogate == "gate":
        values = _gated(name, log_ratios, advantages, gate_temperatures)
    else:
        factors = _densities(name, log_ratios, advantages, density_powers, density_rates)
        values = _scaled(-factors * advantages, log_probs)
    if denominator is None:
        denominator, length = form.denominator, form.length if length is None else length
    options = {"where": where, "weights": weights, "reduction": reduction}
    return reduce_tokens(name, values, denominator=denominator, length=length, **options)


def group_advantages(
    rewards: Real[ArrayLike, "*groups completions"],
    *,
    scale: Literal["std", "none"] = "std",
    baseline: Literal["mean", "leave_one_out"] = "mean",
    where: Bool[ArrayLike, "..."] | None = None,
) -> Array:
    r"""Return the advantage of each completion over the others of its group, without gradient.

    .. math::  A_i = \frac{r_i - \bar r}{s}, \qquad s^2 = \frac{1}{n - 1} \sum_i (r_i - \bar r)^2

    Nothing is added to the deviation: in a group of equal rewards every advantage is 0, and so in a group of one.

    Args:
      rewards: real array ``[..., completions]``, a group along the last axis.
      scale: "std" divides by s, "none" does not, as Dr. GRPO.
      baseline: "mean" is that of the group, "leave_one_out" that of the other completions, as RLOO.
      where: boolean, which completions exist; the advantage of the others is 0.
    Raises: ValueError for a scalar, an unknown option or a mask that does not fit.
    Example:
      >>> group_advantages(jnp.array([[1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]]), scale="none")
      Array([[ 0.5, -0.5, -0.5,  0.5],
             [ 0. ,  0. ,  0. ,  0. ]], dtype=float32)
      >>> group_advantages(jnp.array([1.0, 0.0, 0.5]))
      Array([ 1., -1.,  0.], dtype=float32)
    References: Shao et al. (2024), DeepSeekMath, arXiv:2402.03300; Liu et al. (2025), Dr. GRPO, arXiv:2503.20783;
      Ahmadian et al. (2024), Back to basics (RLOO), arXiv:2402.14740.
    """
    name = "group_advantages"
    (rewards,) = checks.real(name, checks.compute_dtype(jnp.asarray(rewards)), rewards=rewards)
    if not rewards.ndim:
        raise ValueError(f"{name}: rewards must have an axis of completions, got a scalar")
    checks.choice(name, "scale", scale, ("std", "none"))
    checks.choice(name, "baseline", baseline, ("mean", "leave_one_out"))
    rewards = lax.stop_gradient(reduce.keep(name, where, rewards))
    exists = jnp.broadcast_to(True if where is None else where, rewards.shape)
    count = token_counts(rewards, where)
    # From the reward of one completion: rewards that are equal, whatever their size, differ by exactly 0.
    first = jnp.take_along_axis(rewards, jnp.argmax(exists, -1, keepdims=True), -1)
    centred = jnp.where(exists, rewards - first, 0)
    centred = jnp.where(exists, centred - jnp.sum(centred, -1, keepdims=True) / count, 0)
    others = jnp.maximum(count - 1, 1)
    advantages = centred * (count / others) if baseline == "leave_one_out" else centred
    if scale == "none":
        return advantages
    norm = numerics.safe_norm(centred, -1, keepdims=True)
    return jnp.where(norm == 0, 0, advantages / jnp.where(norm == 0, 1, norm / jnp.sqrt(others)))


def _for_tokens(name: str, advantages: ArrayLike, log_probs: Array) -> Array:
    """One advantage for each token, from as many or from one for each sequence."""
    advantages = jnp.asarray(advantages)
    if advantages.shape == log_probs.shape[:-1] and log_probs.ndim:
        return jnp.broadcast_to(advantages[..., None], log_probs.shape)
    if advantages.shape != log_probs.shape or not log_probs.ndim:
        raise ValueError(
            f"{name}: advantages must have shape {log_probs.shape[:-1]} or {log_probs.shape}, that of log_probs "
            f"without or with the tokens; got {advantages.shape}"
        )
    return advantages


def _gated(name: str, log_ratios: Array, advantages: Array, temperatures: tuple[float, float]) -> Array:
    up, down = (checks.parameter(name, "gate_temperatures", t, log_ratios, above=0) for t in temperatures)
    tau = jnp.where(advantages > 0, up, down).astype(log_ratios.dtype)
    # Beyond, the gate is open to the last digit, and its slope no number times infinity.
    excess = numerics.expm1(jnp.minimum(log_ratios, 60))
    return -4 / tau * numerics.sigmoid(tau * excess) * advantages


def _scaled(factors: Array, log_probs: Array) -> Array:
    """Product with a logarithm, 0 where the factor is 0: an impossible token has a ratio of 0 too."""
    return jnp.where(factors == 0, 0, factors * jnp.where(factors == 0, 0, log_probs))


def _densities(
    name: str, log_ratios: Array, advantages: Array, powers: tuple[float, float], rates: tuple[float, float]
) -> Array:
    """w^k e^(lambda (1 - w)), a gamma density of the ratio w of the sequence that is 1 at w = 1; held fixed."""

    def by_sign(label: str, pair: tuple[float, float]) -> Array:
        rewarded, other = (checks.parameter(name, label, x, log_ratios, above=0) for x in pair)
        return jnp.where(advantages >= 0, rewarded, other)

    k, rate = by_sign("density_powers", powers), by_sign("density_rates", rates)
    # Beyond e^60 the density is 0 to the last digit, and infinity minus infinity no number.
    log_w = jnp.minimum(jnp.sum(lax.stop_gradient(log_ratios), -1, keepdims=True), 60)
    return jnp.exp(k * log_w - rate * numerics.expm1(log_w)).astype(log_ratios.dtype)
