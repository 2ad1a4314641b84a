"""`optax.losses` name by name: the same signatures, shapes, broadcasting and dtypes, with our values and gradients.

Change the import and nothing else::

    from jaxloss.compat import optax as losses

    losses.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

Wherever optax's value and gradient are finite and right, these are equal to them up to rounding. Where they differ is
listed in the guide, :doc:`/migration/optax`. Nothing here imports optax.
"""

from jaxloss.compat.optax.ctc import ctc_loss, ctc_loss_with_forward_probs
from jaxloss.compat.optax.divergence import (
    convex_kl_divergence,
    generalized_kl_divergence,
    kl_divergence,
    kl_divergence_with_log_targets,
)
from jaxloss.compat.optax.embedding import cosine_distance, cosine_similarity, ntxent, triplet_margin_loss
from jaxloss.compat.optax.margins import (
    hinge_loss,
    make_fenchel_young_loss,
    multiclass_hinge_loss,
    multiclass_perceptron_loss,
    multiclass_sparsemax_loss,
    perceptron_loss,
    sparsemax_loss,
)
from jaxloss.compat.optax.regression import huber_loss, l2_loss, log_cosh, squared_error
from jaxloss.compat.optax.segmentation import binary_dice_loss, dice_loss, multiclass_generalized_dice_loss
from jaxloss.compat.optax.softmax import (
    poly_loss_cross_entropy,
    ranking_softmax_loss,
    safe_softmax_cross_entropy,
    smooth_labels,
    softmax_cross_entropy,
    softmax_cross_entropy_with_integer_labels,
)
from jaxloss.compat.optax.yes_no import sigmoid_binary_cross_entropy, sigmoid_focal_loss

__all__ = [
    "binary_dice_loss",
    "convex_kl_divergence",
    "cosine_distance",
    "cosine_similarity",
    "ctc_loss",
    "ctc_loss_with_forward_probs",
    "dice_loss",
    "generalized_kl_divergence",
    "hinge_loss",
    "huber_loss",
    "kl_divergence",
    "kl_divergence_with_log_targets",
    "l2_loss",
    "log_cosh",
    "make_fenchel_young_loss",
    "multiclass_generalized_dice_loss",
    "multiclass_hinge_loss",
    "multiclass_perceptron_loss",
    "multiclass_sparsemax_loss",
    "ntxent",
    "perceptron_loss",
    "poly_loss_cross_entropy",
    "ranking_softmax_loss",
    "safe_softmax_cross_entropy",
    "sigmoid_binary_cross_entropy",
    "sigmoid_focal_loss",
    "smooth_labels",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_integer_labels",
    "sparsemax_loss",
    "squared_error",
    "triplet_margin_loss",
]
