"""What MONAI calls its losses. Classes are on axis 1 there and on the last axis here, as ``probabilities`` below are.

``probabilities`` are softmax or sigmoid of the input with its classes moved to the last axis, ``labels`` the one-hot
target likewise. Without ``sigmoid=True`` or ``softmax=True`` the input counts as probabilities there.
"""

from jaxloss.peers.alias import row

__all__ = ["LOSSES"]

LOSSES = (
    row(
        "DiceLoss Dice",
        "dice",
        "jaccard=True is jaccard, squared_pred=True is squared, batch=True is an axis with 0",
        exactly="jaxloss.dice(probabilities, labels, smooth=1e-5, classes='all')",
        smooth=1e-5,
        classes="all",
    ),
    row(
        "GeneralizedDiceLoss generalized_dice",
        "generalized_dice",
        "1e-5 is added to numerator and denominator there; w_type is weighting",
        classes="all",
    ),
    row(
        "TverskyLoss",
        "tversky",
        "alpha is alpha_fp, beta is beta_fn",
        exactly="jaxloss.tversky(probabilities, labels, alpha_fp=0.5, beta_fn=0.5, smooth=1e-5, classes='all')",
        alpha_fp=0.5,
        beta_fn=0.5,
        smooth=1e-5,
        classes="all",
    ),
    row(
        "DiceCELoss dice_ce",
        "dice",
        "a sum of two losses, see weighted_sum",
        exactly="jaxloss.dice(probabilities, labels, smooth=1e-5, classes='all') "
        "+ jaxloss.softmax_cross_entropy(logits, labels)",
        smooth=1e-5,
        classes="all",
    ),
    row(
        "DiceFocalLoss dice_focal",
        "dice",
        "a sum of two losses, see weighted_sum",
        exactly="jaxloss.dice(probabilities, labels, smooth=1e-5, classes='all') "
        "+ jaxloss.sigmoid_focal(logits, labels)",
        smooth=1e-5,
        classes="all",
    ),
    row(
        "FocalLoss sigmoid_focal_loss",
        "sigmoid_focal",
        "use_softmax=True is softmax_focal, with alpha as class_alpha (1 - alpha, alpha, alpha, ...)",
        exactly="jaxloss.sigmoid_focal(input, target)",
    ),
    row(
        "SoftclDiceLoss", "cl_dice", "iter_ is iterations; there one value for the batch and all classes but the first"
    ),
    row(
        "AsymmetricFocalTverskyLoss",
        "focal_tversky",
        "there only foreground classes have the power, 1 - gamma",
        alpha_fp=0.3,
        beta_fn=0.7,
    ),
    row(
        "AsymmetricUnifiedFocalLoss",
        "unified_focal",
        "logits instead of probabilities; weight is focal_weight; the cross-entropy is averaged over the classes too "
        "there, and defaults have changed between its versions",
    ),
    row(
        "BoxGIoULoss giou",
        "giou",
        "the rounding error of the dtype is added to both denominators there",
    ),
    row(
        "ContrastiveLoss",
        "nt_xent",
        "one batch with labels instead of two views",
        exactly="jaxloss.nt_xent(jnp.concatenate([input, target]), jnp.tile(jnp.arange(len(input)), 2), "
        "temperature=0.5)",
        temperature=0.5,
    ),
    row(
        "BarlowTwinsLoss",
        "barlow_twins",
        "views are divided by unbiased deviations there and the products by n, so that equal views do not have loss 0",
        redundancy=0.005,
    ),
)
