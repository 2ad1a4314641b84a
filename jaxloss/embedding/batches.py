"""Batches of embeddings: their checks, which pairs of examples exist, and their similarities.

A batch is ``[..., examples, features]``. A mask says which examples exist; one that does not is in no pair.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from jaxloss import checks, numerics, reduce
from jaxloss.numerics.pairs import ratio

__all__ = ["Groups", "Views", "diagonal", "groups", "of_batch", "own", "similarities", "tempered", "views"]


class Groups(NamedTuple):
    """Embeddings, the group that each belongs to, and which of them exist."""

    embeddings: Array
    labels: Array
    exists: Array | None
    """Which examples exist; None if all do."""

    def pairs(self, anchors: Groups, places: Array) -> tuple[Array, Array]:
        """Return which pairs of some anchors, at those places, and any example are of one group, and which of two.

        Both are ``[..., anchors, examples]``; no example is a pair with itself.
        """
        same = anchors.labels[..., :, None] == self.labels[..., None, :]
        other = ~own(places, same.shape)
        if self.exists is None or anchors.exists is None:
            return same & other, ~same
        both = anchors.exists[..., :, None] & self.exists[..., None, :]
        return same & other & both, ~same & both


class Views(NamedTuple):
    """Two embeddings of each example."""

    first: Array
    second: Array
    exists: Array | None
    """Which examples exist; None if all do."""

    def known(self, rows: Array, axis: int, fill: float) -> Array:
        """Replace by ``fill`` what ``[..., examples, examples]`` says of examples, along ``axis``, that are masked."""
        if self.exists is None:
            return rows
        return jnp.where(jnp.expand_dims(self.exists, -1 if axis == -2 else -2), rows, fill)


def groups(name: str, embeddings: ArrayLike, labels: ArrayLike, where: ArrayLike | None, normalize: bool) -> Groups:
    """Check and mask a batch with one group id for each example."""
    embeddings, labels, _ = checks.integer_rows(name, embeddings, labels, -1, arguments=("embeddings", "labels"))
    _check_batch(name, "embeddings", embeddings)
    embeddings = reduce.keep(name, where, embeddings, axis=-1)
    embeddings = numerics.normalize(embeddings, -1) if normalize else embeddings
    return Groups(embeddings, labels, None if where is None else jnp.broadcast_to(where, labels.shape))


def views(
    name: str,
    first: ArrayLike,
    second: ArrayLike,
    where: ArrayLike | None,
    normalize: bool,
) -> Views:
    """Check and mask two batches whose examples correspond."""
    first, second = checks.real_pair(name, first, second, arguments=("first", "second"))
    _check_batch(name, "first", first)
    first, second = reduce.keep(name, where, first, second, axis=-1)
    if normalize:
        first, second = numerics.normalize(first, -1), numerics.normalize(second, -1)
    return Views(first, second, None if where is None else jnp.broadcast_to(where, first.shape[:-1]))


def of_batch(name: str, argument: str, value: Any, embeddings: Array, **bounds: float) -> Any:
    """Return a parameter: a number, or an array with one for all batches or for each, ``[..., 1]``."""
    like = jax.ShapeDtypeStruct((*embeddings.shape[:-2], 1), embeddings.dtype)
    value = checks.parameter(name, argument, value, like, **bounds)
    return value[..., None] if isinstance(value, Array) and value.ndim else value


def tempered(name: str, embeddings: Array, temperature: Any) -> Array:
    """Return the embeddings divided by the temperature: cheaper than to divide their similarities."""
    temperature = of_batch(name, "temperature", temperature, embeddings, above=0)
    if isinstance(temperature, Array):
        return ratio(embeddings, jnp.broadcast_to(temperature, embeddings.shape))
    return embeddings / temperature


def similarities(first: Array, second: Array) -> Array:
    """Return the dot products of all examples of one batch with all of the other."""
    return jnp.matmul(first, jnp.swapaxes(second, -1, -2), precision="highest")


def own(places: Array, shape: tuple[int, ...]) -> Array:
    """Return where arrays ``[..., anchors, examples]`` compare an anchor, at its place, with itself."""
    mine = lax.broadcasted_iota(jnp.int32, shape[-2:], 1) == places[:, None]
    return jnp.broadcast_to(mine, shape)


def diagonal(shape: tuple[int, ...]) -> Array:
    """Return where arrays of square arrays compare an example, or a feature, with itself."""
    row, column = (lax.broadcasted_iota(jnp.int32, shape, len(shape) - k) for k in (2, 1))
    return row == column


def _check_batch(name: str, argument: str, array: Array) -> None:
    if array.ndim < 2:
        raise ValueError(f"{name}: {argument} must have shape [..., examples, features], got {array.shape}")
