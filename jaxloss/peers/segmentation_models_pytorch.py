"""What segmentation_models.pytorch calls its losses. Classes are on axis 1 there, and on the last axis here.

``probabilities`` are the softmax of ``y_pred`` with its classes moved to the last axis, ``y_true`` class ids. Overlaps
are summed over the batch there, ``axis=(0, 1, 2)`` here, and a class that is not in it costs 0 but counts.
"""

from jaxloss.peers.alias import row

__all__ = ["LOSSES"]

LOSSES = (
    row(
        "DiceLoss",
        "dice",
        "mode='binary' is binary_dice",
        exactly="jaxloss.dice(probabilities, y_true, smooth=0.0, axis=(0, 1, 2), reduction='sum') / classes",
        smooth=0.0,
        axis=(0, 1, 2),
    ),
    row(
        "JaccardLoss",
        "jaccard",
        "mode='binary' is binary_jaccard",
        exactly="jaxloss.jaccard(probabilities, y_true, smooth=0.0, axis=(0, 1, 2), reduction='sum') / classes",
        smooth=0.0,
        axis=(0, 1, 2),
    ),
    row(
        "TverskyLoss",
        "tversky",
        "alpha is alpha_fp, beta is beta_fn; gamma there is a power of the mean over the classes",
        exactly="jaxloss.tversky(probabilities, y_true, alpha_fp=0.5, beta_fn=0.5, smooth=0.0, axis=(0, 1, 2), "
        "reduction='sum') / classes",
        alpha_fp=0.5,
        beta_fn=0.5,
        smooth=0.0,
        axis=(0, 1, 2),
    ),
    row(
        "FocalLoss focal_loss_with_logits",
        "sigmoid_focal_exp",
        "the function has alpha 0.25 unless told otherwise; mode='multiclass' there is one sigmoid for each class",
        exactly="jaxloss.sigmoid_focal_exp(logits, one_hot)",
        gamma=2.0,
    ),
    row(
        "LovaszLoss",
        "lovasz_softmax",
        "mode='binary' is lovasz_hinge; per_image=True is the default here",
        exactly="jaxloss.lovasz_softmax(probabilities, y_true, axis=(0, 1, 2))",
        axis=(0, 1, 2),
    ),
    row("MCCLoss", "matthews", "1e-5 is added to numerator and denominator there; one object, not classes"),
    row(
        "SoftBCEWithLogitsLoss",
        "sigmoid_binary_cross_entropy",
        "smooth_factor is half the label_smoothing here; ignored elements count in the mean there",
        exactly="jaxloss.sigmoid_binary_cross_entropy(logits, one_hot, label_smoothing=2 * smooth_factor)",
    ),
    row(
        "SoftCrossEntropyLoss",
        "softmax_cross_entropy_with_integer_labels",
        "smooth_factor is label_smoothing; ignored pixels count in the mean there",
        exactly="jaxloss.softmax_cross_entropy_with_integer_labels(y_pred, y_true, axis=1, "
        "label_smoothing=smooth_factor)",
        axis=1,
        ignore_index=-100,
    ),
    row(
        "wing_loss", "wing", exactly="jaxloss.wing(y_pred, target, width=5.0, curvature=0.5)", width=5.0, curvature=0.5
    ),
)
