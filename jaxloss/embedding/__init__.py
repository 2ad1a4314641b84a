"""Losses of embeddings: what is alike should be near, what is not should be far."""

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
from jaxloss.embedding.similarities import (
    circle,
    multi_similarity,
)
from jaxloss.embedding.triplet import (
    triplet_margin,
)
from jaxloss.embedding.tuplets import (
    angular,
    lifted_structure,
    n_pairs,
)

__all__ = [
    "angular",
    "arcface",
    "circle",
    "contrastive_pair",
    "cosface",
    "cosine_embedding",
    "lifted_structure",
    "margin_ranking",
    "multi_similarity",
    "n_pairs",
    "proxy_anchor",
    "proxy_nca",
    "soft_triplet",
    "sphereface",
    "sub_center_arcface",
    "triplet_batch",
    "triplet_margin",
]
