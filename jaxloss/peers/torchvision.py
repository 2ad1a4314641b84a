"""What torchvision calls its losses. Losses come back unreduced: reduction="none" here."""

from jaxloss.peers.alias import row

__all__ = ["LOSSES"]

LOSSES = (
    row("generalized_box_iou_loss", "giou", "1e-7 is added to both denominators there"),
    row("distance_box_iou_loss", "diou", "1e-7 is added to both denominators there"),
    row("complete_box_iou_loss", "ciou", "1e-7 is added to the denominators there"),
)
