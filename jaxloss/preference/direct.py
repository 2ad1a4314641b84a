"""Direct preference optimisation: pairs of completions against a reference model, in the variants of the literature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.divergence.closed_forms import bernoulli_kl
from jaxloss.numerics.slopes import with_slopes
from jaxloss.preference.tokens import learned_and_fixed
from jaxloss.reduce import Reduction
from jaxloss.rows.yes_no import cross_entropy

__all__ = ["classified", "dpo", "hinged"]


def dpo(
    chosen_log_probs: Float[ArrayLike, "*pairs"],
    rejected_log_probs: Float[ArrayLike, "*pairs"],
    reference_chosen_log_probs: Real[ArrayLike, "*pairs"],
    reference_rejected_log_probs: Real[ArrayLike, "*pairs"],
    *,
    beta: float | Real[ArrayLike, "..."] = 0.1,
    variant: str = "sigmoid",
    label_smoothing: float | Real[ArrayLike, "..."] = 0.0,
    tau: float | Real[ArrayLike, "..."] = 0.05,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Direct preference optimisation: of two completions the chosen one should gain more on the reference model.

    .. math::  \ell = -\log \sigma(\beta (u - v)), \qquad
               \frac{\partial \ell}{\partial u} = -\beta\, \sigma(-\beta (u - v)) = -\frac{\partial \ell}{\partial v}

    with the log-ratios :math:`u = \log \pi(y_w) - \log \pi_\text{ref}(y_w)` of the chosen completion and v of the
    rejected one. The reference is held fixed: its gradient is 0. With :math:`z = \beta (u - v)` the variants are

    ============== ===================================================================== ============================
    variant        loss                                                                  source
    ============== ===================================================================== ============================
    ``sigmoid``    :math:`-(1 - s) \log \sigma(z) - s \log \sigma(-z)`                   Rafailov et al. (2023)
    ``robust``     :math:`(-(1 - s) \log \sigma(z) + s \log \sigma(-z)) / (1 - 2 s)`     Chowdhury et al. (2024)
    ``exo_pair``   :math:`\mathrm{KL}(\sigma(z) \| 1 - s)` of two coins                  Ji et al. (2024)
    ``hinge``      :math:`\max(0, 1 - z)`                                                Zhao et al. (2023)
    ``ipo``        :math:`(u - v - 1 / (2 \beta))^2`                                     Azar et al. (2024)
    ``nca_pair``   :math:`-\log \sigma(\beta u) - \frac12 (\log \sigma(-\beta u) +       Chen et al. (2024)
                   \log \sigma(-\beta v))`
    ``bco_pair``   :math:`-\log \sigma(\beta u) - \log \sigma(-\beta v)`                 Jung et al. (2024)
    ``sppo_hard``  :math:`(u - 1 / (2 \beta))^2 + (v + 1 / (2 \beta))^2`                 Wu et al. (2024)
    ``apo_zero``   :math:`\sigma(-\beta u) + \sigma(\beta v)`                            D'Oosterlinck et al. (2024)
    ``apo_down``   :math:`\sigma(\beta u) + \sigma(-z)`                                  D'Oosterlinck et al. (2024)
    ``discopop``   :math:`-\sigma(-z / \tau) \log \sigma(z) + \sigma(z / \tau)\, e^{-z}` Lu et al. (2024)
    ============== ===================================================================== ============================

    Args:
      chosen_log_probs: real array of any shape, of the preferred completions under the policy: sums over their tokens,
        see `sequence_log_probs`. TRL averages over the tokens for "ipo".
      rejected_log_probs: array of exactly that shape, of the other completions.
      reference_chosen_log_probs, reference_rejected_log_probs: the same under the reference model. Their gradient is 0.
      beta: positive price of leaving the reference, per nat.
      variant: one of the above, by the names of TRL.
      label_smoothing: s, the share of pairs that are labelled the wrong way round, in [0, 1/2), for "sigmoid"
        (conservative DPO), "robust" and "exo_pair", which needs it above 0.
      tau: positive temperature of "discopop", which needs it below 1.
      where, weights, reduction: of the pairs, see :doc:`/reductions`.
    Returns: a scalar, or one value per pair with ``reduction="none"``; in nats, squared nats or none, by the variant.
    Raises: ValueError for unequal shapes or a parameter out of its range, TypeError for integer log-probabilities.
    Example:
      >>> dpo(jnp.array([-12.0]), jnp.array([-15.0]), jnp.array([-13.0]), jnp.array([-14.0]))
      Array(0.59813887, dtype=float32)
    References: Rafailov et al. (2023), arXiv:2305.18290; Mitchell (2023), A note on DPO with noisy preferences;
      Chowdhury et al. (2024), arXiv:2403.00409; Ji et al. (2024), arXiv:2402.00856, eq. 16; Zhao et al. (2023),
      arXiv:2305.10425; Azar et al. (2024), arXiv:2310.12036, eq. 17; Chen et al. (2024), arXiv:2402.05369; Jung et al.
      (2024), arXiv:2404.04656; Wu et al. (2024), arXiv:2405.00675; D'Oosterlinck et al. (2024), arXiv:2408.06266, eqs.
      7 and 8; Lu et al. (2024), arXiv:2406.08414, eq. 5.
    """
    name = "dpo"
    checks.choice(name, "variant", variant, tuple(VARIANTS))
    learned = {"chosen_log_probs": chosen_log_probs, "rejected_log_probs": rejected_log_probs}
    fixed = {
        "reference_chosen_log_probs": reference_chosen_log_probs,
        "reference_rejected_log_probs": reference_rejected_log_probs,
    }
    chosen, rejected, reference_chosen, reference_rejected = learned_and_fixed(name, where, learned, fixed)
    u, v = chosen - reference_chosen, rejected - reference_rejected
    ratios = _Ratios(
        u,
        v,
        checks.parameter(name, "beta", beta, u, above=0),
        _smoothing(name, variant, label_smoothing, u),
        checks.parameter(name, "tau", tau, u, above=0, below=1),
    )
    return reduce.apply(name, VARIANTS[variant](ratios), where=where, weights=weights, reduction=reduction)


class _Ratios(NamedTuple):
    """Log-ratios of the completions and the parameters of the variants."""

    u: Array
    v: Array
    beta: Any
    smoothing: Any
    tau: Any

    @property
    def z(self) -> Array:
        """The logit of the chosen completion."""
        return self.beta * (self.u - self.v)

    @property
    def target(self) -> Any:
        """Where the squared losses want the log-ratios."""
        return 0.5 / self.beta


def classified(z: Array, smoothing: Any) -> Array:
    """-(1 - s) log sigma(z) - s log sigma(-z): the cross-entropy with the label 1 - s."""
    if isinstance(smoothing, Array):
        return cross_entropy(z, jnp.broadcast_to(1 - smoothing, z.shape))
    return cross_entropy(z, jnp.full_like(z, 1 - smoothing)) if smoothing else numerics.softplus(-z)


def hinged(z: Array) -> Array:
    """max(0, 1 - z), of slope 0 at the kink."""
    return jnp.where(z < 1, 1 - z, 0)


# log sigma(-z) = log sigma(z) - z, so that the loss is -log sigma(z) - s z / (1 - 2s): no quotient of a difference.
def _robust(r: _Ratios) -> Array:
    return numerics.softplus(-r.z) - r.smoothing / (1 - 2 * r.smoothing) * r.z


def _exo_pair(r: _Ratios) -> Array:
    s = jnp.asarray(r.smoothing, r.z.dtype)
    return bernoulli_kl(r.z, jnp.broadcast_to(jnp.log1p(-s) - jnp.log(s), r.z.shape), reduction="none")


def _nca_pair(r: _Ratios) -> Array:
    doubts = numerics.softplus(r.beta * r.u) + numerics.softplus(r.beta * r.v)
    return numerics.softplus(-r.beta * r.u) + 0.5 * doubts


# sigma(z / tau) e^-z = e^(-z - log(1 + e^(-z / tau))): neither factor overflows, as tau < 1.
def _discopop(r: _Ratios) -> Array:
    gate = r.z / r.tau
    return numerics.sigmoid(-gate) * numerics.softplus(-r.z) + jnp.exp(-r.z - numerics.softplus(-gate))


def _bell(x: Array) -> Array:
    return numerics.sigmoid(x) * numerics.sigmoid(-x)


# sigma'(a) - sigma'(z) = (tanh^2(z/2) - tanh^2(a/2)) / 4 with z = a - b, of which the factors are sums and differences
# of tanh: sinh of the sum or difference over both cosh. Nothing cancels where completions are as likely as before.
def _down_in_a(a: Array, b: Array) -> Array:
    z = a - b
    tails = _bell(z) + numerics.tanh(0.5 * z) ** 2 * _bell(a)
    return -numerics.tanh(0.5 * b) * numerics.tanh(a - 0.5 * b) * tails


@with_slopes(_down_in_a, lambda a, b: _bell(a - b))
def _down(a: Array, b: Array) -> Array:
    return numerics.sigmoid(a) + numerics.sigmoid(b - a)


VARIANTS: dict[str, Callable[[_Ratios], Array]] = {
    "sigmoid": lambda r: classified(r.z, r.smoothing),
    "robust": _robust,
    "exo_pair": _exo_pair,
    "hinge": lambda r: hinged(r.z),
    "ipo": lambda r: (r.u - r.v - r.target) ** 2,
    "nca_pair": _nca_pair,
    "bco_pair": lambda r: numerics.softplus(-r.beta * r.u) + numerics.softplus(r.beta * r.v),
    "sppo_hard": lambda r: (r.u - r.target) ** 2 + (r.v + r.target) ** 2,
    "apo_zero": lambda r: numerics.sigmoid(-r.beta * r.u) + numerics.sigmoid(r.beta * r.v),
    "apo_down": lambda r: _down(r.beta * r.u, r.beta * r.v),
    "discopop": _discopop,
}
SMOOTHED = ("sigmoid", "robust", "exo_pair")


def _smoothing(name: str, variant: str, value: Any, like: Array) -> Any:
    """Check the share of wrong labels, which most variants have no use for and one cannot do without."""
    value = checks.parameter(name, "label_smoothing", value, like, minimum=0, below=0.5)
    given = isinstance(value, Array) or value != 0
    if given and variant not in SMOOTHED:
        raise ValueError(
            f"{name}: label_smoothing is for {', '.join(map(repr, SMOOTHED))}, got {value} with {variant!r}"
        )
    if variant == "exo_pair" and not given:
        raise ValueError(f"{name}: 'exo_pair' needs a label_smoothing above 0, such as 1e-3")
    return value
