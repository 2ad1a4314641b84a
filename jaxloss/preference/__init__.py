"""Losses of language models and policies: preferences, policy gradients, distillation."""

from jaxloss.preference.clipped import (
    policy_gradient,
    ppo_clip,
    ppo_value,
)
from jaxloss.preference.direct import (
    dpo,
)
from jaxloss.preference.distillation import (
    distillation,
)
from jaxloss.preference.group import (
    group_advantages,
    grpo,
)
from jaxloss.preference.linear import linear_distillation, linear_dpo
from jaxloss.preference.penalties import (
    kl_penalty,
)
from jaxloss.preference.reference_free import (
    cpo,
    orpo,
    simpo,
)
from jaxloss.preference.rewards import (
    bradley_terry,
)
from jaxloss.preference.tokens import (
    sequence_log_probs,
    token_log_probs,
)
from jaxloss.preference.unpaired import (
    kto,
    kto_baseline,
)

__all__ = [
    "bradley_terry",
    "cpo",
    "distillation",
    "dpo",
    "group_advantages",
    "grpo",
    "kl_penalty",
    "kto",
    "kto_baseline",
    "linear_distillation",
    "linear_dpo",
    "orpo",
    "policy_gradient",
    "ppo_clip",
    "ppo_value",
    "sequence_log_probs",
    "simpo",
    "token_log_probs",
]
