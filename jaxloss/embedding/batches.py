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

__all__ = ["Groups", "Views", "diagonal", "groups", "of_batch", "similarities", "tempered", "views"]


class Groups(NamedTuple):
    """Embeddings and which pairs of them belong to one group."""

    embeddings: Array
    positive: Array
    """Pairs of different examples of one group, ``[..., examples, examples]``."""
    negative: Array
    """Pairs of examples of different groups."""

    @property
    def positives(self) -> Array:
        """How many positives each example has."""
        return jnp.sum(self.positive, -1, dtype=self.embeddings.dtype)


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
    same = labels[..., :, None] == labels[..., None, :]
    other = ~diagonal(same.shape)
    if where is None:
        positive, negative = same & other, ~same
    else:
        exists = jnp.broadcast_to(where, labels.shape)
        both = exists[..., :, None] & exists[..., None, :]
        positive, negative = same & other & both, ~same & both
    return Groups(numerics.normalize(embeddings, -1) if normalize else embeddings, positive, negative)


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


def diagonal(shape: tuple[int, ...]) -> Array:
    """Return where arrays of square arrays compare an example, or a feature, with itself."""
    row, column = (lax.broadcasted_iota(jnp.int32, shape, len(shape) - k) for k in (2, 1))
    return row == column


def _check_batch(name: str, argument: str, array: Array) -> None:
    if array.ndim < 2:
        raise ValueError(f"{name}: {argument} must have shape [..., examples, features], got {array.shape}")
