"""Losses of embeddings."""

from jaxloss.embedding.contrastive import (
    decoupled_contrastive,
    nt_xent,
    supervised_contrastive,
)
from jaxloss.embedding.redundancy import (
    barlow_twins,
    vicreg,
)
from jaxloss.embedding.two_views import (
    clip_softmax,
    info_nce,
    siglip,
    spectral_contrastive,
)

__all__ = [
    "barlow_twins",
    "clip_softmax",
    "decoupled_contrastive",
    "info_nce",
    "nt_xent",
    "siglip",
    "spectral_contrastive",
    "supervised_contrastive",
    "vicreg",
]
