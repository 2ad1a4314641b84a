"""What optax calls its losses. Losses come back unreduced: reduction="none" here."""

from jaxloss.peers.alias import row

__all__ = ["LOSSES"]

LOSSES = (
    row("squared_error", "squared_error"),
    row("l2_loss", "half_squared_error"),
    row("huber_loss", "huber"),
    row("log_cosh", "log_cosh"),
    row("cosine_similarity", "cosine_similarity"),
    row("cosine_distance", "cosine_distance"),
    row("sigmoid_binary_cross_entropy", "sigmoid_binary_cross_entropy"),
    row("sigmoid_focal_loss", "sigmoid_focal"),
    row("softmax_cross_entropy safe_softmax_cross_entropy", "softmax_cross_entropy"),
    row(
        "softmax_cross_entropy_with_integer_labels",
        "softmax_cross_entropy_with_integer_labels",
        "a label outside the classes gives NaN instead of counting from the end",
    ),
    row("poly_loss_cross_entropy", "poly_cross_entropy", epsilon=2.0),
    row("hinge_loss", "hinge"),
    row("perceptron_loss", "perceptron"),
    row("sparsemax_loss", "binary_sparsemax"),
    row("multiclass_hinge_loss", "multiclass_hinge"),
    row("multiclass_perceptron_loss", "multiclass_perceptron"),
    row("multiclass_sparsemax_loss", "multiclass_sparsemax"),
    row(
        "dice_loss",
        "dice",
        "probabilities instead of logits; smooth counts once here and twice there; a class that is not in the "
        "image is left out unless classes='all'",
        smooth=2.0,
    ),
    row(
        "multiclass_generalized_dice_loss",
        "generalized_dice",
        "probabilities instead of logits; weights of each image in the quotient, there of the batch outside",
    ),
    row("binary_dice_loss", "binary_dice", "probabilities instead of logits", smooth=2.0),
    row(
        "ctc_loss",
        "ctc",
        "lengths instead of paddings; without an alignment the loss is inf with gradient 0, there about 1e5",
    ),
    row("ntxent", "nt_xent", "reduced there, to the mean over positive pairs, which is our mean"),
    row("kl_divergence", "kl_divergence"),
    row("kl_divergence_with_log_targets", "kl_divergence_with_log_targets"),
    row("generalized_kl_divergence", "generalized_kl_divergence"),
    row("convex_kl_divergence", "generalized_kl_divergence", "deprecated there"),
    row(
        "triplet_margin_loss",
        "triplet_margin",
        "p is norm_degree there; nothing is added under the root, there 1e-6; odd norms take absolute values",
    ),
)
