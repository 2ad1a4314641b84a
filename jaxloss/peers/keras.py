"""What Keras calls its losses. The target comes first there.

With weights, the mean there divides by the number of elements.
"""

from jaxloss.peers.alias import row

__all__ = ["LOSSES"]

LOSSES = (
    row("mse MSE mean_squared_error MeanSquaredError", "squared_error"),
    row("mae MAE mean_absolute_error MeanAbsoluteError", "absolute_error"),
    row(
        "mape MAPE mean_absolute_percentage_error MeanAbsolutePercentageError",
        "mean_absolute_percentage_error",
        "a fraction, there percent",
        minimum=1e-7,
    ),
    row(
        "msle MSLE mean_squared_logarithmic_error MeanSquaredLogarithmicError",
        "squared_log_error",
        "negative predictions and targets are not raised to 1e-7",
    ),
    row("huber huber_loss Huber", "huber"),
    row("log_cosh logcosh LogCosh", "log_cosh"),
    row("cosine_similarity CosineSimilarity", "cosine_distance", "larger by 1, so that equal directions give 0"),
    row("hinge Hinge", "hinge", "labels are -1 and 1; a batch of 0 and 1 is not converted"),
    row(
        "squared_hinge SquaredHinge",
        "squared_hinge",
        "labels are -1 and 1; a batch of 0 and 1 is not converted",
    ),
    row(
        "categorical_hinge CategoricalHinge",
        "multiclass_hinge",
        "the true class does not put a 0 among the scores of the others",
    ),
    row(
        "bce BCE binary_crossentropy BinaryCrossentropy",
        "binary_cross_entropy",
        "1e-7 is not added to what is clipped already; from_logits=True is sigmoid_binary_cross_entropy",
        eps=1e-7,
    ),
    row(
        "categorical_crossentropy CategoricalCrossentropy",
        "categorical_cross_entropy",
        "from_logits=True is softmax_cross_entropy",
        normalize=True,
    ),
    row(
        "sparse_categorical_crossentropy SparseCategoricalCrossentropy",
        "categorical_cross_entropy_with_integer_labels",
        "from_logits=True is softmax_cross_entropy_with_integer_labels",
        normalize=True,
    ),
    row(
        "kld KLD kl_divergence KLDivergence kullback_leibler_divergence",
        "kl_divergence",
        "logarithms of the predictions instead of probabilities, and nothing is clipped at 1e-7",
    ),
    row(
        "poisson Poisson",
        "poisson_nll",
        "nothing is added to the rate, there 1e-7",
        log_input=False,
        full=False,
    ),
    row(
        "binary_focal_crossentropy BinaryFocalCrossentropy",
        "sigmoid_focal",
        "logits instead of probabilities",
        gamma=2.0,
        alpha=None,
    ),
    row(
        "categorical_focal_crossentropy CategoricalFocalCrossentropy",
        "softmax_focal",
        "logits instead of probabilities; alpha there multiplies every class by 0.25",
        gamma=2.0,
    ),
    row(
        "categorical_generalized_cross_entropy CategoricalGeneralizedCrossEntropy",
        "generalized_cross_entropy",
        "logits instead of probabilities",
        q=0.5,
    ),
    row(
        "dice Dice",
        "binary_dice",
        "one value for each image, there one for the batch and all classes, as with axis=(0, 1, ...); nothing "
        "labelled and nothing predicted costs 0, there 1",
        smooth=0.0,
    ),
    row(
        "tversky Tversky",
        "binary_tversky",
        "one value for each image, there one for the batch and all classes, as with axis=(0, 1, ...); alpha_fp "
        "is their alpha, which weighs false negatives up to Keras 3.15.1",
        alpha_fp=0.5,
        beta_fn=0.5,
        smooth=0.0,
    ),
)
