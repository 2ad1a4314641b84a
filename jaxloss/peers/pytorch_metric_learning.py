"""What PyTorch Metric Learning calls its losses.

Embeddings are normalized there: the cosine losses here do so, the others take ``unit``, the embeddings over their
lengths. The mean of losses of pairs and triplets there is over the values that are not 0. ``cosines`` are those of
embeddings and class weights.
"""

import math

from jaxloss.peers.alias import row

__all__ = ["LOSSES"]

LOSSES = (
    row("NTXentLoss", "nt_xent", exactly="jaxloss.nt_xent(embeddings, labels, temperature=0.07)", temperature=0.07),
    row(
        "SupConLoss",
        "supervised_contrastive",
        exactly="jaxloss.supervised_contrastive(embeddings, labels, temperature=0.1)",
        temperature=0.1,
    ),
    row(
        "MultiSimilarityLoss",
        "multi_similarity",
        "base is threshold; every pair takes part, there those of the miner if there is one",
        exactly="jaxloss.multi_similarity(embeddings, labels, alpha=2.0, beta=50.0, threshold=0.5)",
    ),
    row("CircleLoss", "circle", "m is margin", exactly="jaxloss.circle(embeddings, labels, margin=0.4, gamma=80.0)"),
    row(
        "TripletMarginLoss",
        "triplet_batch",
        "triplets of loss 0 count in the mean here; the mean there is over triplets, here over anchors",
        margin=0.05,
    ),
    row(
        "LiftedStructureLoss",
        "lifted_structure",
        "there the form of Song et al., with one value for each pair of positives",
    ),
    row(
        "GeneralizedLiftedStructureLoss",
        "lifted_structure",
        exactly="jaxloss.lifted_structure(unit, labels, margin=1.0)",
    ),
    row("NPairsLoss", "n_pairs", "all positives of an anchor, there one pair of each label and its own negatives"),
    row(
        "AngularLoss",
        "angular",
        "alpha is angle; a mean over the positives of an anchor and then over anchors, there over pairs",
        angle=40.0,
    ),
    row(
        "ArcFaceLoss",
        "arcface",
        "cosines instead of embeddings and weights; margin in radians; beyond 180 degrees the loss goes on rising",
        exactly="jaxloss.arcface(cosines, labels, margin=jnp.deg2rad(28.6), scale=64.0)",
        margin=math.radians(28.6),
    ),
    row(
        "CosFaceLoss",
        "cosface",
        "cosines instead of embeddings and weights",
        exactly="jaxloss.cosface(cosines, labels, margin=0.35, scale=64.0)",
    ),
    row(
        "SphereFaceLoss",
        "sphereface",
        "cosines instead of embeddings and weights; the scale there is the length of each embedding",
        exactly="jaxloss.sphereface(cosines, labels, margin=4, scale=lengths)",
    ),
    row(
        "SubCenterArcFaceLoss",
        "sub_center_arcface",
        "cosines [..., classes, centers] instead of embeddings and weights; margin in radians",
        margin=math.radians(28.6),
    ),
    row(
        "NormalizedSoftmaxLoss",
        "softmax_cross_entropy_with_integer_labels",
        "cosines instead of embeddings and weights",
        exactly="jaxloss.softmax_cross_entropy_with_integer_labels(cosines, labels, temperature=0.05)",
        temperature=0.05,
    ),
    row(
        "ProxyNCALoss",
        "proxy_nca",
        "the own class is in the sum there, as with include_positive",
        exactly="jaxloss.proxy_nca(embeddings, proxies, labels, include_positive=True)",
        include_positive=True,
    ),
    row(
        "ProxyAnchorLoss",
        "proxy_anchor",
        exactly="jaxloss.proxy_anchor(embeddings, proxies, labels, alpha=32.0, margin=0.1)",
    ),
    row("SoftTripleLoss", "soft_triplet", "la is scale; the proxies are an argument"),
    row(
        "VICRegLoss",
        "vicreg",
        "two views instead of embeddings and ref_emb",
        exactly="jaxloss.vicreg(embeddings, ref_emb)",
    ),
)
