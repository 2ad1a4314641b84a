"""What TensorFlow Addons calls its losses. The target comes first there.

Most classes do not reduce. Embeddings are taken as they are.
"""

from jaxloss.peers.alias import row

__all__ = ["LOSSES"]

LOSSES = (
    row(
        "contrastive_loss ContrastiveLoss",
        "contrastive_pair",
        "vectors instead of their distances, and half of each square",
        exactly="2 * jaxloss.contrastive_pair(y_pred[:, None], 0 * y_pred[:, None], y_true, reduction='none')",
    ),
    row(
        "sigmoid_focal_crossentropy SigmoidFocalCrossEntropy",
        "sigmoid_focal",
        "logits, there probabilities unless from_logits=True; the last axis is summed there",
        exactly="jaxloss.sigmoid_focal(y_pred, y_true, alpha=0.25, reduction='none').sum(-1)",
        alpha=0.25,
    ),
    row(
        "giou_loss GIoULoss",
        "giou",
        "mode='iou' there is iou; the order of x and y in a box does not matter",
        exactly="jaxloss.giou(y_pred, y_true, reduction='none')",
    ),
    row(
        "lifted_struct_loss LiftedStructLoss",
        "lifted_structure",
        "the form of Hermans et al. with one value for each anchor, there that of Song et al. with one for each pair",
    ),
    row(
        "npairs_loss NpairsLoss",
        "n_pairs",
        "embeddings instead of the similarities of anchors and positives; other positives are not in the denominator",
        exactly="jaxloss.softmax_cross_entropy(y_pred, same / same.sum(-1, keepdims=True))",
    ),
    row(
        "pinball_loss PinballLoss",
        "quantile",
        "tau is q; the last axis is averaged there",
        exactly="jaxloss.quantile(y_pred, y_true, q=0.5, reduction='none').mean(-1)",
        q=0.5,
    ),
    row(
        "sparsemax_loss sparsemax_loss_from_logits SparsemaxLoss",
        "multiclass_sparsemax",
        exactly="jaxloss.multiclass_sparsemax(y_pred, y_true, reduction='none')",
    ),
    row(
        "triplet_semihard_loss TripletSemiHardLoss",
        "triplet_batch",
        "distances, there their squares unless distance_metric='L1'; a mean over anchors, there over positive pairs: "
        "equal where classes are of one size",
        exactly="jaxloss.triplet_batch(y_pred, y_true, mining='semi-hard')",
        mining="semi-hard",
    ),
    row(
        "triplet_hard_loss TripletHardLoss",
        "triplet_batch",
        "distances, there their squares unless distance_metric='L1'; soft=True there has no counterpart here",
        exactly="jaxloss.triplet_batch(y_pred, y_true, mining='hard')",
        mining="hard",
    ),
)
