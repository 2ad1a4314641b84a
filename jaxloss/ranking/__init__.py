"""Losses of lists of items, and the measures that they stand for: items on the last axis, one value per list."""

from jaxloss.ranking.lambda_weights import (
    dcg2_lambda,
    dcg_lambda,
    label_lambda,
    precision_lambda,
)
from jaxloss.ranking.listwise import (
    list_mle,
    poly1_ranking,
    softmax_ranking,
    unique_softmax,
)
from jaxloss.ranking.measures import (
    average_precision,
    dcg,
    ndcg,
    precision_at_k,
    recall_at_k,
    reciprocal_rank,
)
from jaxloss.ranking.neural_sort import (
    neural_ndcg,
)
from jaxloss.ranking.pairwise import (
    pairwise_hinge,
    pairwise_logistic,
    pairwise_soft_zero_one,
    pairwise_squared,
    ranking_pairs,
)
from jaxloss.ranking.recommendation import (
    bpr,
    warp,
)
from jaxloss.ranking.smooth import (
    approx_mrr,
    approx_ndcg,
)

__all__ = [
    "approx_mrr",
    "approx_ndcg",
    "average_precision",
    "bpr",
    "dcg",
    "dcg2_lambda",
    "dcg_lambda",
    "label_lambda",
    "list_mle",
    "ndcg",
    "neural_ndcg",
    "pairwise_hinge",
    "pairwise_logistic",
    "pairwise_soft_zero_one",
    "pairwise_squared",
    "poly1_ranking",
    "precision_at_k",
    "precision_lambda",
    "ranking_pairs",
    "recall_at_k",
    "reciprocal_rank",
    "softmax_ranking",
    "unique_softmax",
    "warp",
]
