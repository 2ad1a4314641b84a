"""What rax calls its losses. Its pairwise means are over the pairs of all lists: weights=ranking_pairs(labels) here.

Weights there belong to items, here to lists; its label_fn, gain_fn and lambdaweight_fn take arrays of all pairs.
"""

from jaxloss.peers.alias import row

__all__ = ["LOSSES"]

LOSSES = (
    row("softmax_loss", "softmax_ranking"),
    row("poly1_softmax_loss", "poly1_ranking", "a list without a relevant item costs 0"),
    row("unique_softmax_loss", "unique_softmax"),
    row("listmle_loss", "list_mle", "a list whose labels are all equal costs 0"),
    row("pairwise_hinge_loss", "pairwise_hinge", "a mean of lists, each of its pairs"),
    row("pairwise_logistic_loss", "pairwise_logistic", "a mean of lists, each of its pairs"),
    row("pairwise_soft_zero_one_loss", "pairwise_soft_zero_one", "a mean of lists, each of its pairs"),
    row("pairwise_mse_loss", "pairwise_squared", "a mean of lists, each of its pairs"),
    row(
        "pointwise_sigmoid_loss",
        "sigmoid_binary_cross_entropy",
        "labels are not clipped to [0, 1]; the gradient at a score of exactly 0 is right, there it is off by 1",
    ),
    row("pointwise_mse_loss", "squared_error"),
    row("ndcg_metric", "ndcg"),
    row("dcg_metric", "dcg"),
    row("mrr_metric", "reciprocal_rank", "relevant is a label above 0, there of at least 1"),
    row("ap_metric", "average_precision", "relevant is a label above 0, there of at least 1"),
    row("precision_metric", "precision_at_k", "relevant is a label above 0, there of at least 1; k is topn there"),
    row("recall_metric", "recall_at_k", "relevant is a label above 0, there of at least 1; k is topn there"),
)
