"""The losses of `torch.nn.functional` on JAX arrays: the same arguments in the same order, classes on axis 1.

A function of PyTorch's becomes one of ours by its import::

    from jaxloss.compat import torch as F

    F.cross_entropy(logits, labels, weight=weights, ignore_index=-1, label_smoothing=0.1)

Reductions, denominators, `weight` and `ignore_index` are PyTorch's. Where the numbers differ, because PyTorch's are
NaN or not its own definition, is listed in the guide, :doc:`/migration/torch`. Nothing here imports torch.
"""

from jaxloss.compat.torch.ctc import ctc_loss
from jaxloss.compat.torch.embedding import (
    cosine_embedding_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from jaxloss.compat.torch.linear import linear_cross_entropy
from jaxloss.compat.torch.margins import (
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    soft_margin_loss,
)
from jaxloss.compat.torch.probabilities import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    gaussian_nll_loss,
    kl_div,
    poisson_nll_loss,
)
from jaxloss.compat.torch.regression import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from jaxloss.compat.torch.softmax import cross_entropy, nll_loss

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cross_entropy",
    "ctc_loss",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "linear_cross_entropy",
    "margin_ranking_loss",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]
