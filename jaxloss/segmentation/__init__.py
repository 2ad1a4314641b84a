"""Losses of regions in images: overlap, shape and boundary of what was segmented."""

from jaxloss.segmentation.affinity import affinity
from jaxloss.segmentation.boundary import boundary, distance_map
from jaxloss.segmentation.cl_dice import binary_cl_dice, cl_dice
from jaxloss.segmentation.dice import binary_dice, dice, generalized_dice
from jaxloss.segmentation.jaccard import binary_jaccard, jaccard
from jaxloss.segmentation.lovasz import lovasz_hinge, lovasz_softmax
from jaxloss.segmentation.matthews import binary_matthews, matthews
from jaxloss.segmentation.tversky import binary_focal_tversky, binary_tversky, focal_tversky, tversky
from jaxloss.segmentation.unified_focal import unified_focal

__all__ = [
    "affinity",
    "binary_cl_dice",
    "binary_dice",
    "binary_focal_tversky",
    "binary_jaccard",
    "binary_matthews",
    "binary_tversky",
    "boundary",
    "cl_dice",
    "dice",
    "distance_map",
    "focal_tversky",
    "generalized_dice",
    "jaccard",
    "lovasz_hinge",
    "lovasz_softmax",
    "matthews",
    "tversky",
    "unified_focal",
]
