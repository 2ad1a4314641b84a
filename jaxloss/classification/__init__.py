"""Losses of scores or probabilities and class labels: binary, multilabel, multiclass, ordinal."""

from jaxloss.classification.bi_tempered import (
    bi_tempered,
)
from jaxloss.classification.binary import (
    binary_cross_entropy,
    sigmoid_binary_cross_entropy,
)
from jaxloss.classification.confusion import (
    matrix_cross_entropy,
    update_confusions,
)
from jaxloss.classification.evidential import evidential
from jaxloss.classification.focal import (
    detection_focal,
    sigmoid_focal,
    sigmoid_focal_exp,
)
from jaxloss.classification.hard_examples import (
    ohem,
)
from jaxloss.classification.labels import (
    one_hot,
    smooth_labels,
)
from jaxloss.classification.linear import (
    TokenStatistics,
    linear_softmax_cross_entropy,
)
from jaxloss.classification.logit_adjusted import (
    logit_adjusted,
)
from jaxloss.classification.margin import (
    dwd,
    exponential,
    hinge,
    logistic,
    modified_huber,
    perceptron,
    smoothed_hinge,
    squared_hinge,
)
from jaxloss.classification.measures import (
    accuracy,
    in_top_k,
)
from jaxloss.classification.multiclass_margin import (
    multiclass_hinge,
    multiclass_perceptron,
    weston_watkins,
)
from jaxloss.classification.multilabel import (
    asymmetric,
    dual_focal,
    multilabel_margin,
    multilabel_soft_margin,
)
from jaxloss.classification.noise import (
    generalized_cross_entropy,
    symmetric_cross_entropy,
)
from jaxloss.classification.ordinal import (
    coral,
    cumulative_link,
    squared_earth_mover,
)
from jaxloss.classification.probabilities import (
    categorical_cross_entropy,
    categorical_cross_entropy_with_integer_labels,
)
from jaxloss.classification.softmax import (
    softmax_cross_entropy,
    softmax_cross_entropy_with_integer_labels,
)
from jaxloss.classification.softmax_focal import (
    poly_cross_entropy,
    softmax_focal,
)
from jaxloss.classification.sparsemax import (
    binary_sparsemax,
    entmax15,
    entmax15_mapping,
    fenchel_young,
    multiclass_sparsemax,
    sparsemax,
)
from jaxloss.classification.variants import (
    large_margin_softmax,
    pc_softmax,
    taylor_cross_entropy,
)

__all__ = [
    "TokenStatistics",
    "accuracy",
    "asymmetric",
    "bi_tempered",
    "binary_cross_entropy",
    "binary_sparsemax",
    "categorical_cross_entropy",
    "categorical_cross_entropy_with_integer_labels",
    "coral",
    "cumulative_link",
    "detection_focal",
    "dual_focal",
    "dwd",
    "entmax15",
    "entmax15_mapping",
    "evidential",
    "exponential",
    "fenchel_young",
    "generalized_cross_entropy",
    "hinge",
    "in_top_k",
    "large_margin_softmax",
    "linear_softmax_cross_entropy",
    "logistic",
    "logit_adjusted",
    "matrix_cross_entropy",
    "modified_huber",
    "multiclass_hinge",
    "multiclass_perceptron",
    "multiclass_sparsemax",
    "multilabel_margin",
    "multilabel_soft_margin",
    "ohem",
    "one_hot",
    "pc_softmax",
    "perceptron",
    "poly_cross_entropy",
    "sigmoid_binary_cross_entropy",
    "sigmoid_focal",
    "sigmoid_focal_exp",
    "smooth_labels",
    "smoothed_hinge",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_integer_labels",
    "softmax_focal",
    "sparsemax",
    "squared_earth_mover",
    "squared_hinge",
    "symmetric_cross_entropy",
    "taylor_cross_entropy",
    "update_confusions",
    "weston_watkins",
]
