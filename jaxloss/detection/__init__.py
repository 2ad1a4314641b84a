"""Losses of object detectors: boxes, and how good a detection is."""

from jaxloss.detection.box_distances import (
    ciou,
    diou,
    eiou,
    siou,
)
from jaxloss.detection.boxes import (
    giou,
    iou,
)
from jaxloss.detection.quality import (
    distribution_focal,
    quality_focal,
    varifocal,
)

__all__ = [
    "ciou",
    "diou",
    "distribution_focal",
    "eiou",
    "giou",
    "iou",
    "quality_focal",
    "siou",
    "varifocal",
]
