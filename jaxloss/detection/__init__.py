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

__all__ = [
    "ciou",
    "diou",
    "eiou",
    "giou",
    "iou",
    "siou",
]
