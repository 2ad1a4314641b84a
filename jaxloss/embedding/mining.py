"""Triplets that are mined from a batch: all of them, the hardest, or those that are just hard enough."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, numerics, reduce
from jaxloss.embedding.distances import Batch, Classes, labelled_batch, pair_distances, positive_part
from jaxloss.numerics.elementary import one_dispatch, power_of_two
from jaxloss.reduce import Reduction

__all__ = ["triplet_batch"]

ROWS = 256
"""Anchors that are mined at a time."""


def triplet_batch(
    embeddings: Float[ArrayLike, "*batch examples features"],
    labels: Int[ArrayLike, "*batch examples"],
    *,
    mining: Literal["all", "hard", "semi-hard"] = "all",
    margin: float | Real[ArrayLike, "..."] = 1.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Triplet losses of a batch, whose triplets are made of its own examples; one value per anchor.

    .. math::  \ell_a = \operatorname*{mean}_{(p, n) \in T_a} \max(0,\; m + D_{ap} - D_{an}), \qquad
               D_{xy} = \|x - y\|_2

    The positives of an anchor are the other examples of its label, the negatives all of another label.
    :math:`T_a` depends on ``mining``:

    - "all": every positive with every negative;
    - "hard": the farthest positive with the nearest negative;
    - "semi-hard": every positive with the nearest of the negatives that are farther than it or, where none is, with the
      farthest negative.

    An anchor without a positive or without a negative does not exist. The mean over anchors is the mean over all
    triplets where classes are of one size; for other batches, the latter is the mean with the number of triplets of
    each anchor as its weight. Triplets of loss 0 count (some programs leave them out of the mean). Embeddings are not
    normalized: where the length should not count, give `jaxloss.numerics.normalize` of them. What is mined is a choice
    without a gradient. Equal embeddings have distance 0, with gradient 0.

    Memory is that of a few arrays [examples, examples]; "all" and "semi-hard" take time in proportion to the examples
    squared and the size of the largest class.

    Args:
      embeddings: real array [..., examples, features].
      labels: integers [..., examples], of any values; the examples of one label are alike.
      mining: which triplets count.
      margin: lead m that costs nothing, at least 0, in units of the embeddings; a number or an array, which may be
        learned, with as many axes as the labels.
      where: which examples exist, with as many axes as the labels.
      weights, reduction: one value per anchor; see :doc:`/reductions`.
    Returns: a scalar, or one value per anchor with ``reduction="none"``; in units of the embeddings.
    Raises: ValueError for shapes that do not fit, a negative margin or another mining, TypeError for integer embeddings
      or real labels.
    Example:
      >>> embeddings = jnp.array([[0.0], [1.0], [1.5], [4.0]])
      >>> triplet_batch(embeddings, jnp.array([0, 0, 1, 1]), mining="hard", reduction="none")
      Array([0.5, 1.5, 3. , 0.5], dtype=float32)

    References: Schroff, Kalenichenko and Philbin (2015), FaceNet (semi-hard), arXiv:1503.03832; Hermans, Beyer and
      Leibe (2017), In defense of the triplet loss for person re-identification (all, hard), arXiv:1703.07737.
    """
    name = "triplet_batch"
    checks.choice(name, "mining", mining, ("all", "hard", "semi-hard"))
    batch = labelled_batch(name, embeddings, labels, where)
    like = jax.ShapeDtypeStruct(batch.labels.shape, batch.embeddings.dtype)
    margin = jnp.broadcast_to(
        jnp.asarray(checks.parameter(name, "margin", margin, like, minimum=0), like.dtype), like.shape
    )
    values = _hardest(batch, margin) if mining == "hard" else _over_triplets(batch, margin, mining)
    return reduce.apply(name, values, where=batch.anchors, weights=weights, reduction=reduction)


def _hardest(batch: Batch, margin: Array) -> Array:
    """The distances that are chosen are computed again, from the two examples alone: their gradient meets no others."""
    choose = _choose_hardest
    for _ in range(batch.labels.ndim - 1):
        choose = jax.vmap(choose)
    x = batch.embeddings
    farthest, nearest = choose(lax.stop_gradient(x), batch.labels, batch.kept)
    to = lambda chosen: numerics.safe_norm(x - jnp.take_along_axis(x, chosen[..., None], -2), -1)
    return jnp.where(batch.anchors, positive_part(margin + (to(farthest) - to(nearest))), 0)


@one_dispatch
def _choose_hardest(x: Array, labels: Array, kept: Array) -> tuple[Array, Array]:
    """Positions of the farthest positive and of the nearest negative of every anchor."""
    n = len(labels)
    place = jnp.arange(n, dtype=jnp.int32)
    if n == 0:
        return place, place
    x = x * power_of_two(jnp.max(jnp.abs(x)))
    # jnp.argmax is ten times slower on the CPU.
    first = lambda chosen: jnp.min(jnp.where(chosen, place, n - 1))

    def anchor(row: tuple[Array, ...]) -> tuple[Array, Array]:
        own, label, itself = row
        squares = jnp.sum((own[None] - x) ** 2, -1)
        same, other = kept & (labels == label) & (place != itself), kept & (labels != label)
        farthest = jnp.max(jnp.where(same, squares, -1))
        nearest = jnp.min(jnp.where(other, squares, jnp.inf))
        return first(same & (squares == farthest)), first(other & (squares == nearest))

    return lax.map(anchor, (x, labels, place), batch_size=ROWS)


def _over_triplets(batch: Batch, margin: Array, mining: str) -> Array:
    """Mean over the triplets of each anchor."""
    distances, total = pair_distances(batch.embeddings), lambda *rows: _total(*rows, mining)
    for _ in range(batch.labels.ndim - 1):
        total = jax.vmap(total)
    totals = total(distances, margin, batch.negative_pairs(), batch.classes)
    triplets = batch.positives * (batch.negatives if mining == "all" else 1)
    return jnp.where(batch.anchors, totals / jnp.maximum(triplets, 1).astype(totals.dtype), 0)


class _Found(NamedTuple):
    """What the triplets of one anchor give."""

    total: Array
    """Sum of the values."""
    counts: Array
    """How often each distance occurs in the active triplets, positive for positives."""
    active: Array
    """How many triplets are active."""


# The total is a sum of margin + D_ap - D_an over the triplets where that is positive: its derivatives are how often
# each distance occurs in them, with its sign, and how many they are. They are constant almost everywhere.
@partial(jax.custom_jvp, nondiff_argnums=(4,))
def _total(distances: Array, margin: Array, negative: Array, classes: Classes, mining: str) -> Array:
    return _mine(distances, margin, negative, classes, mining).total


@_total.defjvp
def _(mining, primals, tangents):
    found = _mine(*lax.stop_gradient(primals), mining)
    return found.total, jnp.sum(found.counts * tangents[0], -1) + found.active * tangents[1]


@partial(jax.jit, static_argnums=4, inline=True)
def _mine(distances: Array, margin: Array, negative: Array, classes: Classes, mining: str) -> _Found:
    """Go through the positives of every anchor, for so many anchors at a time that they stay in the cache."""
    n = len(margin)
    if n == 0:
        return _Found(margin, distances, margin)
    largest = jnp.max(classes.size)
    step = _all_negatives if mining == "all" else _next_negative

    def anchor(row: tuple[Array, ...]) -> _Found:
        distances, margin, negative, start, size, itself = row

        def add(rank: Any, found: _Found) -> _Found:
            column = classes.order[jnp.minimum(start + rank, n - 1)]
            exists = (rank < size) & (column != itself)
            total, counts, active = step(distances, negative, margin, distances[column], exists)
            counts = (found.counts - counts).at[column].add(active)
            return _Found(found.total + total, counts, found.active + active)

        zero = jnp.zeros_like(margin)
        first = add(0, _Found(zero, jnp.zeros_like(distances), zero))
        going = (jnp.ones_like(largest), first)
        return lax.while_loop(lambda at: at[0] < largest, lambda at: (at[0] + 1, add(*at)), going)[1]

    rows = (distances, margin, negative, classes.start, classes.size, jnp.arange(n, dtype=classes.order.dtype))
    return lax.map(anchor, rows, batch_size=ROWS)


def _all_negatives(distances: Array, negative: Array, margin: Array, own: Array, exists: Array) -> _Found:
    """One positive with every negative."""
    limit = jnp.where(exists, margin + own, -jnp.inf)
    close = negative & (distances < limit)
    times = jnp.where(close, 1, 0).astype(distances.dtype)
    return _Found(jnp.sum(jnp.where(close, limit - distances, 0)), times, jnp.sum(times))


def _next_negative(distances: Array, negative: Array, margin: Array, own: Array, exists: Array) -> _Found:
    """One positive with the nearest negative that is farther, else with the farthest; equally near ones share it."""
    chosen = jnp.min(jnp.where(negative & (distances > own), distances, jnp.inf))
    chosen = jnp.where(chosen == jnp.inf, jnp.max(jnp.where(negative, distances, 0)), chosen)
    short = jnp.where(exists & jnp.any(negative), positive_part(margin + (own - chosen)), 0)
    match = jnp.where(negative & (distances == chosen), 1, 0).astype(distances.dtype)
    active = jnp.where(short > 0, 1, 0).astype(distances.dtype)
    return _Found(short, match * (active / jnp.maximum(jnp.sum(match), 1)), active)
