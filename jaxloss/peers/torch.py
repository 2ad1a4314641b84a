"""What PyTorch calls its losses. A mean over nothing is NaN there and 0 here."""

from jaxloss.peers.alias import row

__all__ = ["LOSSES"]

LOSSES = (
    row("L1Loss l1_loss", "absolute_error"),
    row("MSELoss mse_loss", "squared_error"),
    row("HuberLoss huber_loss", "huber", "with weights, the mean divides by their sum, there by the elements"),
    row("SmoothL1Loss smooth_l1_loss", "smooth_l1"),
    row(
        "BCEWithLogitsLoss binary_cross_entropy_with_logits",
        "sigmoid_binary_cross_entropy",
        "with weights, the mean divides by their sum, there by the number of elements",
    ),
    row(
        "BCELoss binary_cross_entropy",
        "binary_cross_entropy",
        "probabilities are clipped at eps, there their logarithm at -100",
    ),
    row(
        "CrossEntropyLoss cross_entropy",
        "softmax_cross_entropy_with_integer_labels",
        "class ids only, probabilities go to softmax_cross_entropy; with class weights, smoothed labels are "
        "weighted by their true class",
        axis=1,
        ignore_index=-100,
    ),
    row("MultiLabelSoftMarginLoss multilabel_soft_margin_loss", "multilabel_soft_margin"),
    row(
        "MultiLabelMarginLoss multilabel_margin_loss",
        "multilabel_margin",
        "labels are 0 and 1 for each class, there the ids of the classes that are present",
    ),
    row("MultiMarginLoss multi_margin_loss", "weston_watkins", p=1, margin=1.0, normalize=True),
    row("SoftMarginLoss soft_margin_loss", "logistic"),
    row(
        "KLDivLoss kl_div",
        "kl_divergence",
        "summed over the last axis, there elementwise: the mean is their batchmean; log_target=True is "
        "kl_divergence_with_log_targets",
    ),
    row(
        "TripletMarginLoss triplet_margin_loss",
        "triplet_margin",
        "nothing is added to the differences, there 1e-6",
    ),
    row(
        "CTCLoss ctc_loss",
        "ctc",
        "logits with time second instead of log-probabilities with time first, lengths next to what they belong to; "
        "the mean there divides each value by the length of its labels; without an alignment the gradient is 0",
    ),
    row("MarginRankingLoss margin_ranking_loss", "margin_ranking"),
    row("CosineEmbeddingLoss cosine_embedding_loss", "cosine_embedding"),
    row(
        "GaussianNLLLoss gaussian_nll_loss",
        "gaussian_nll",
        "the variance is passed by name, and is not raised to 1e-6",
        full=False,
    ),
    row(
        "PoissonNLLLoss poisson_nll_loss",
        "poisson_nll",
        "nothing is added to the rate, there 1e-8; full=True is log y! itself, there Stirling's approximation of it",
        full=False,
    ),
)
