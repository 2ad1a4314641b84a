"""The losses of other frameworks by their names there: a table for each, a module for each table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from jaxloss.peers import (
    keras,
    monai,
    optax,
    pytorch_metric_learning,
    rax,
    segmentation_models_pytorch,
    tensorflow_addons,
    torch,
    torchvision,
    trl,
)
from jaxloss.peers.alias import Alias

__all__ = ["GENERAL", "PEERS", "Alias"]

PEERS: Mapping[str, tuple[Alias, ...]] = MappingProxyType(
    {
        "optax": optax.LOSSES,
        "rax": rax.LOSSES,
        "torchvision": torchvision.LOSSES,
        "torch": torch.LOSSES,
        "keras": keras.LOSSES,
        "trl": trl.LOSSES,
        "monai": monai.LOSSES,
        "pytorch_metric_learning": pytorch_metric_learning.LOSSES,
        "segmentation_models_pytorch": segmentation_models_pytorch.LOSSES,
        "tensorflow_addons": tensorflow_addons.LOSSES,
    }
)
"""Framework to its losses. The name picks the formula: the order of the arguments, the reduction and what is said of
whole frameworks above stay those of this library; `jaxloss.compat` has functions with theirs."""

GENERAL = ("optax", "torchvision", "torch", "keras")
"""Frameworks whose names are understood before those of the others: `TripletMarginLoss` alone is PyTorch's."""
