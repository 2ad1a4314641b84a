"""What TRL calls its losses: the ``loss_type`` of a trainer, with the trainer before it where several have it.

TRL takes the mean over the pairs or tokens of a device and then over devices and steps; here the sums add up. Its masks
are ``where``, its log-probabilities those of `jaxloss.sequence_log_probs`.
"""

from jaxloss.peers.alias import row

__all__ = ["LOSSES"]

AVERAGES = "log-probabilities are averages over tokens there"
SORTED = "sort the log-ratios of the batch first, see the page of the family"

LOSSES = (
    row("dpo_sigmoid", "dpo", "label_smoothing is not used by it there"),
    row("dpo_hinge", "dpo", variant="hinge"),
    row("dpo_ipo", "dpo", AVERAGES, variant="ipo"),
    row("exo_pair", "dpo", variant="exo_pair", label_smoothing=1e-3),
    row("nca_pair", "dpo", variant="nca_pair"),
    row("dpo_robust", "dpo", variant="robust"),
    row("bco_pair", "dpo", variant="bco_pair"),
    row("sppo_hard", "dpo", variant="sppo_hard"),
    row("aot aot_unpaired", "dpo", SORTED),
    row("apo_zero", "dpo", variant="apo_zero"),
    row("apo_down", "dpo", variant="apo_down"),
    row("discopop", "dpo", variant="discopop"),
    row("sigmoid_norm", "dpo", AVERAGES),
    row("kto", "kto", "kl is the batch's there: kto_baseline"),
    row("apo_zero_unpaired", "kto", kl=0.0),
    row(
        "cpo_sigmoid", "cpo", "the likelihood is averaged over the tokens of the batch there: nll_weight=0, and add it"
    ),
    row("cpo_hinge", "cpo", "as cpo_sigmoid", variant="hinge"),
    row("cpo_ipo", "cpo", "as cpo_sigmoid", variant="ipo"),
    row("simpo", "simpo", "gamma is simpo_gamma there; cpo_alpha is 0", beta=0.1, gamma=0.5),
    row("odds_ratio_loss", "orpo", "the likelihood is averaged over the tokens of the batch there"),
    row("RewardTrainer", "bradley_terry", "centering is center_rewards_coefficient there"),
    row("grpo", "grpo", "beta times kl_penalty(denominator='per_sequence') is added there; delta is dual_clip"),
    row("bnpo", "grpo", "as grpo, with denominator='per_token'", variant="bnpo"),
    row("dapo", "grpo", "as bnpo; the tokens of all devices and steps are counted there", variant="dapo"),
    row("dr_grpo", "grpo", "as grpo; length is max_completion_length there", variant="dr_grpo"),
    row("cispo", "grpo", "epsilon_high is 1 + epsilon_high there", variant="cispo"),
    row("sapo", "grpo", "as grpo", variant="sapo"),
    row("vespo", "grpo", "log-ratios and ratios are clamped there", variant="vespo"),
    row("luspo", "grpo", "as grpo, with importance_sampling_level='sequence'", variant="luspo"),
    row("PPOTrainer", "ppo_clip", "vf_coef times ppo_value is added there, whose epsilon is cliprange_value"),
    row(
        "generalized_jsd_loss",
        "distillation",
        "beta 0 and 1 are direction='forward' and 'reverse'; 'batchmean' is our mean",
        direction="jsd",
    ),
)
