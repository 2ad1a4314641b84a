"""The losses of other frameworks by their names there: a table for each, a module for each table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from jaxloss.peers import keras, optax, torch, torchvision, trl
from jaxloss.peers.alias import Alias

__all__ = ["PEERS", "Alias"]

PEERS: Mapping[str, tuple[Alias, ...]] = MappingProxyType(
    {
        "optax": optax.LOSSES,
        "torchvision": torchvision.LOSSES,
        "torch": torch.LOSSES,
        "keras": keras.LOSSES,
        "trl": trl.LOSSES,
    }
)
"""Framework to its losses. The name picks the formula: the order of the arguments, the reduction and what is said of
whole frameworks above stay those of this library; `jaxloss.compat` has functions with theirs."""
