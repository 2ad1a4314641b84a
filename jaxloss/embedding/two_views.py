"""Contrastive losses of two views: each example's two embeddings attract, those of different examples repel."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import numerics, reduce
from jaxloss.embedding.batches import Views, of_batch, own, similarities, tempered, views
from jaxloss.embedding.blocks import by_anchor, fits
from jaxloss.embedding.contrastive_rows import own_against_others
from jaxloss.reduce import Reduction

__all__ = ["clip_softmax", "info_nce", "siglip", "spectral_contrastive"]


def info_nce(
    first: Float[ArrayLike, "*batch examples features"],
    second: Float[ArrayLike, "*batch examples features"],
    *,
    temperature: Real[ArrayLike, "..."] = 0.07,
    normalize: bool = True,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Cross-entropy of finding an example's second view among the second views of the batch.

    .. math::  \ell_i = -\log \frac{e^{z_{ii}}}{\sum_k e^{z_{ik}}}, \qquad
               \frac{\partial \ell_i}{\partial z_{ik}} = p_{ik} - [k = i], \qquad
               z_{ik} = \frac{u_i \cdot v_k}{\tau}, \quad u_i = \frac{x_i}{\|x_i\|}, \quad v_k = \frac{y_k}{\|y_k\|}

    One direction; `clip_softmax` takes both.

    Args:
      first: real array ``[..., examples, features]``: the anchors, queries.
      second: array of exactly that shape: the positive of each anchor, a negative for all others of its batch.
      temperature: positive divisor of the similarities; a scalar, or one for each batch, ``[..., 1]``.
      normalize: compare directions (cosines); False takes the dot products as they are.
      where, weights, reduction: see :doc:`/reductions`; one value per anchor, ``[..., examples]``. A masked example is
        nobody's negative. A batch of one has loss 0.
    Returns: a scalar, or one value per anchor with ``reduction="none"``.
    Raises: ValueError for unequal shapes or a temperature that is not positive, TypeError for integers.
    Example:
      >>> first, second = jnp.array([[1.0, 0.0], [0.0, 1.0]]), jnp.array([[0.6, 0.8], [0.0, 2.0]])
      >>> info_nce(first, second, temperature=1.0, reduction="none")
      Array([0.437488 , 0.5981389], dtype=float32)
    References: van den Oord et al. (2018), Representation learning with contrastive predictive coding, eq. 4.
    """
    pair = views("info_nce", first, second, where, normalize)
    values = _found(pair, tempered("info_nce", pair.first, temperature), pair.second)
    return reduce.apply("info_nce", values, where=where, weights=weights, reduction=reduction)


def clip_softmax(
    first: Float[ArrayLike, "*batch examples features"],
    second: Float[ArrayLike, "*batch examples features"],
    *,
    temperature: Real[ArrayLike, "..."] | None = None,
    logit_scale: Real[ArrayLike, "..."] | None = None,
    normalize: bool = True,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Mean of `info_nce` in both directions, as CLIP is trained: images find their texts, texts their images.

    .. math::  \ell_i = -\frac12 \log \frac{e^{z_{ii}}}{\sum_k e^{z_{ik}}} -\frac12 \log \frac{e^{z_{ii}}}{\sum_k
               e^{z_{ki}}}, \qquad z_{ik} = \frac{u_i \cdot v_k}{\tau}, \quad u_i = \frac{x_i}{\|x_i\|}, \quad
               v_k = \frac{y_k}{\|y_k\|}

    Args:
      first: real array ``[..., examples, features]``: images, say.
      second: array of exactly that shape: their texts.
      temperature: positive divisor of the similarities; a scalar, or one for each batch, ``[..., 1]``. By default 0.07,
        where CLIP starts to learn it.
      logit_scale: factor of the similarities, 1 / temperature, instead of it; the exponential of what CLIP learns.
      normalize: compare directions (cosines); False takes the dot products as they are.
      where, weights, reduction: see :doc:`/reductions`; one value per example, ``[..., examples]``. A masked example is
        nobody's negative. A batch of one has loss 0.
    Returns: a scalar, or one value per example with ``reduction="none"``.
    Raises: ValueError for unequal shapes, a temperature that is not positive, or both temperature and logit_scale;
      TypeError for integers.
    Example:
      >>> images, texts = jnp.array([[1.0, 0.0], [0.0, 1.0]]), jnp.array([[0.6, 0.8], [0.0, 2.0]])
      >>> clip_softmax(images, texts, logit_scale=1.0, reduction="none")
      Array([0.61781347, 0.4557003 ], dtype=float32)
    References: Radford et al. (2021), Learning transferable visual models from natural language supervision, fig. 3.
    """
    if temperature is not None and logit_scale is not None:
        raise ValueError("clip_softmax: takes temperature or logit_scale, which is 1 / temperature, not both")
    pair = views("clip_softmax", first, second, where, normalize)
    if logit_scale is None:
        scaled = tempered("clip_softmax", pair.first, 0.07 if temperature is None else temperature)
    else:
        scaled = pair.first * of_batch("clip_softmax", "logit_scale", logit_scale, pair.first)
    lead = pair.first.shape[:-1]
    if fits(lead):  # one product serves both directions
        z, places = similarities(scaled, pair.second), jnp.arange(lead[-1], dtype=jnp.int32)
        there, back = (own_against_others(pair.known(z, axis, -jnp.inf), places, axis) for axis in (-1, -2))
    else:
        there, back = _found(pair, scaled, pair.second), _found(pair, pair.second, scaled)
    values = 0.5 * (there + back)
    return reduce.apply("clip_softmax", values, where=where, weights=weights, reduction=reduction)


def siglip(
    first: Float[ArrayLike, "*batch examples features"],
    second: Float[ArrayLike, "*batch examples features"],
    *,
    logit_scale: Real[ArrayLike, "..."] = 10.0,
    logit_bias: Real[ArrayLike, "..."] = -10.0,
    normalize: bool = True,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Sigmoid loss of every pair in a batch, "does this text belong to that image?", without a softmax over them.

    .. math::  \ell_i = \log(1 + e^{-z_{ii}}) + \sum_{k \ne i} \log(1 + e^{z_{ik}}), \qquad
               z_{ik} = s\, u_i \cdot v_k + b, \quad u_i = \frac{x_i}{\|x_i\|}, \quad v_k = \frac{y_k}{\|y_k\|}

    The mean divides by the examples, not by their pairs.

    Args:
      first: real array ``[..., examples, features]``: images, say.
      second: array of exactly that shape: their texts.
      logit_scale: factor s of the similarities; a scalar, or one for each batch, ``[..., 1]``. The paper learns its
        logarithm, and starts where the default is.
      logit_bias: b, learned as well; negative, as nearly all pairs are.
      normalize: compare directions (cosines); False takes the dot products as they are.
      where, weights, reduction: see :doc:`/reductions`; one value per row, ``[..., examples]``. A masked example is in
        no pair.
    Returns: a scalar, or with ``reduction="none"`` the sum over the pairs of each example of ``first``.
    Raises: ValueError for unequal shapes, TypeError for integers.
    Example:
      >>> images, texts = jnp.array([[1.0, 0.0], [0.0, 1.0]]), jnp.array([[0.6, 0.8], [0.0, 2.0]])
      >>> siglip(images, texts, logit_scale=2.0, logit_bias=-1.0, reduction="none")
      Array([0.91140056, 1.3507497 ], dtype=float32)
    References: Zhai et al. (2023), Sigmoid loss for language image pre-training, algorithm 1.
    """
    pair = views("siglip", first, second, where, normalize)
    scale = of_batch("siglip", "logit_scale", logit_scale, pair.first)
    bias = of_batch("siglip", "logit_bias", logit_bias, pair.first)

    def rows(first: Array, places: Array) -> Array:
        z = similarities(first, pair.second) + bias
        losses = numerics.softplus(jnp.where(own(places, z.shape), -z, z))
        return jnp.sum(pair.known(losses, -1, 0), -1)

    values = by_anchor(rows, pair.first * scale, pair.first.shape[:-1])
    return reduce.apply("siglip", values, where=where, weights=weights, reduction=reduction)


def spectral_contrastive(
    first: Float[ArrayLike, "*batch examples features"],
    second: Float[ArrayLike, "*batch examples features"],
    *,
    normalize: bool = False,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Squared similarities of negatives against similarities of positives; its minimiser is a spectral embedding.

    .. math::  \ell_i = -2\, x_i \cdot y_i + \frac{1}{n - 1} \sum_{k \ne i} (x_i \cdot y_k)^2

    Args:
      first: real array ``[..., examples, features]``: one view of each of n examples.
      second: array of exactly that shape: the other view.
      normalize: compare directions (cosines). Dot products are the default here, and nowhere else in the family:
        lengths are part of the solution.
      where, weights, reduction: see :doc:`/reductions`; one value per example, ``[..., examples]``. A masked example is
        in no pair. A batch of one has no second term.
    Returns: a scalar, or one value per example with ``reduction="none"``.
    Raises: ValueError for unequal shapes, TypeError for integers.
    Example:
      >>> first, second = jnp.array([[1.0, 0.0], [0.0, 1.0]]), jnp.array([[0.6, 0.8], [0.0, 2.0]])
      >>> spectral_contrastive(first, second, reduction="none")
      Array([-1.2 , -3.36], dtype=float32)
    References: HaoChen et al. (2021), Provable guarantees for self-supervised deep learning with spectral contrastive
      loss, eq. 6.
    """
    pair = views("spectral_contrastive", first, second, where, normalize)
    exists, dtype = pair.exists, pair.first.dtype
    others = pair.first.shape[-2] if exists is None else jnp.sum(exists, -1, keepdims=True, dtype=dtype)

    def rows(first: Array, places: Array) -> Array:
        dots = similarities(first, pair.second)
        mine = own(places, dots.shape)
        negatives = jnp.where(mine, 0, pair.known(dots, -1, 0))
        push = jnp.sum(negatives * negatives, -1) / jnp.maximum(others - 1, 1)
        return push - 2 * jnp.sum(jnp.where(mine, dots, 0), -1)

    values = by_anchor(rows, pair.first, pair.first.shape[:-1])
    return reduce.apply("spectral_contrastive", values, where=where, weights=weights, reduction=reduction)


def _found(pair: Views, anchors: Array, others: Array) -> Array:
    """Return -log softmax of the similarity of each anchor to its own other view, among those of all."""

    def rows(anchors: Array, places: Array) -> Array:
        return own_against_others(pair.known(similarities(anchors, others), -1, -jnp.inf), places)

    return by_anchor(rows, anchors, anchors.shape[:-1])
