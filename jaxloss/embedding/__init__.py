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
from jaxloss.embedding.self_distillation import (
    byol,
    dino,
    dino_center,
    simsiam,
)
from jaxloss.embedding.swav import (
    sinkhorn_codes,
    swav,
)
from jaxloss.embedding.two_views import (
    clip_softmax,
    info_nce,
    siglip,
    spectral_contrastive,
)

__all__ = [
    "barlow_twins",
    "byol",
    "clip_softmax",
    "decoupled_contrastive",
    "dino",
    "dino_center",
    "info_nce",
    "nt_xent",
    "siglip",
    "simsiam",
    "sinkhorn_codes",
    "spectral_contrastive",
    "supervised_contrastive",
    "swav",
    "vicreg",
]
