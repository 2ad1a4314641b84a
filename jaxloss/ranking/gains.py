"""What discounted cumulative gain is made of: gains of labels, discounts of ranks, the best that a list can have."""

from __future__ import annotations

import math
from typing import Literal

import jax.numpy as jnp
from jax import Array

from jaxloss import numerics
from jaxloss.ranking.lists import Lists, ranks

__all__ = ["GAINS", "Gain", "cut", "discount", "gain_of", "ideal", "relative_gain", "shifted_gain"]

Gain = Literal["exponential", "linear"]
GAINS = ("exponential", "linear")


def gain_of(labels: Array, gain: str) -> Array:
    """Return 2^y - 1, or y itself."""
    return numerics.expm1(math.log(2) * labels) if gain == "exponential" else labels


def relative_gain(labels: Array, gain: str, lists: Lists) -> Array:
    """Return the gain over a power of two of each list, for what is divided by the best gain: it never overflows."""
    return shifted_gain(labels, gain, lists.largest(labels))


def shifted_gain(labels: Array, gain: str, shift: Array) -> Array:
    """Return 2^-shift of the exponential gain; a linear one stays as it is."""
    if gain == "linear":
        return labels
    # As a product: 2^y alone overflows, and 2^(y - m) - 2^-m has no digits at small labels.
    finite = jnp.where(jnp.isfinite(shift), shift, 0)
    return jnp.exp2(labels - finite) * -numerics.expm1(-math.log(2) * labels)


def discount(rank: Array) -> Array:
    """Return 1 / log2(1 + rank)."""
    return math.log(2) / jnp.log1p(rank)


def cut(discounts: Array, rank: Array, k: int | None) -> Array:
    """Return the discounts without those of ranks beyond k."""
    return discounts if k is None else jnp.where(rank <= k, discounts, 0)


def ideal(gains: Array, labels: Array, lists: Lists, k: int | None = None) -> Array:
    """Return the gain of each list in the order of its labels, shaped like `Lists.total`."""
    rank = ranks(labels, lists)
    return lists.total(lists.known(gains * cut(discount(rank.astype(gains.dtype)), rank, k), 0))
