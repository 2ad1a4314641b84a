"""Losses of embeddings."""

from jaxloss.embedding.contrastive import (
    decoupled_contrastive,
    nt_xent,
    supervised_contrastive,
)
from jaxloss.embedding.margin_heads import (
    arcface,
    cosface,
    sphereface,
    sub_center_arcface,
)
from jaxloss.embedding.mining import (
    triplet_batch,
)
from jaxloss.embedding.pairs import (
    contrastive_pair,
    cosine_embedding,
    margin_ranking,
)
from jaxloss.embedding.proxies import (
    proxy_anchor,
    proxy_nca,
    soft_triplet,
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
from jaxloss.embedding.similarities import (
    circle,
    multi_similarity,
)
from jaxloss.embedding.swav import (
    sinkhorn_codes,
    swav,
)
from jaxloss.embedding.triplet import (
    triplet_margin,
)
from jaxloss.embedding.tuplets import (
    angular,
    lifted_structure,
    n_pairs,
)
from jaxloss.embedding.two_views import (
    clip_softmax,
    info_nce,
    siglip,
    spectral_contrastive,
)

__all__ = [
    "angular",
    "arcface",
    "barlow_twins",
    "byol",
    "circle",
    "clip_softmax",
    "contrastive_pair",
    "cosface",
    "cosine_embedding",
    "decoupled_contrastive",
    "dino",
    "dino_center",
    "info_nce",
    "lifted_structure",
    "margin_ranking",
    "multi_similarity",
    "n_pairs",
    "nt_xent",
    "proxy_anchor",
    "proxy_nca",
    "siglip",
    "simsiam",
    "sinkhorn_codes",
    "soft_triplet",
    "spectral_contrastive",
    "sphereface",
    "sub_center_arcface",
    "supervised_contrastive",
    "swav",
    "triplet_batch",
    "triplet_margin",
    "vicreg",
]
