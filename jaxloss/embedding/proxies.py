"""Embeddings beside proxies, which are learned vectors that stand for the classes."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, numerics, reduce
from jaxloss.embedding.distances import log1p_sum_exp, matmul_transposed, unit_vectors
from jaxloss.embedding.margin_rows import Head, cross_entropy
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import pick, picked, row_like

__all__ = ["proxy_anchor", "proxy_nca", "soft_triplet"]


def proxy_nca(
    embeddings: Float[ArrayLike, "*batch examples features"],
    proxies: Float[ArrayLike, "*batch classes features"],
    labels: Int[ArrayLike, "*batch examples"],
    *,
    temperature: float | Real[ArrayLike, "..."] = 1.0,
    include_positive: bool = False,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Squared distance to the proxy of its class, against those to the proxies of all other classes.

    .. math::  \ell = -\log \frac{e^{-d_y / \tau}}{\sum_{j \ne y} e^{-d_j / \tau}}, \qquad
               d_j = \Big\|\frac{x}{\|x\|} - \frac{p_j}{\|p_j\|}\Big\|^2 = 2 - 2 \cos(x, p_j)

    The sum leaves out the own class, as in the paper, so that the loss may be negative; with ``include_positive`` it
    does not, which is a softmax cross-entropy and, with a small temperature, ProxyNCA++.

    Args:
      embeddings: real array [..., examples, features], of any length; a zero vector has the cosine 0 to all.
      proxies: real array [..., classes, features], two classes or more, usually learned.
      labels: integer class ids [..., examples]. Value and gradient are NaN for examples whose label is outside
        [0, classes) and that are not masked.
      temperature: positive divisor :math:`\tau` of the squared distances; a number or an array, which may be learned,
        with as many axes as the embeddings and size 1 on the last.
      include_positive: whether the own class is in the sum.
      where: which examples exist, with as many axes as the labels.
      weights, reduction: one value per example; see :doc:`/reductions`.
    Returns: a scalar, or one value per example with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a temperature that is not positive, TypeError for integer
      embeddings or real labels.
    Example:
      >>> proxies = jnp.array([[2.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
      >>> proxy_nca(jnp.array([[4.0, 3.0]]), proxies, jnp.array([0]))
      Array(-0.34096712, dtype=float32)

    References: Movshovitz-Attias et al. (2017), No fuss distance metric learning using proxies, arXiv:1703.07464; Teh,
      DeVries and Taylor (2020), ProxyNCA++ (include_positive), arXiv:2004.01113.
    """
    name = "proxy_nca"
    cosines, labels = _cosines(name, embeddings, proxies, labels, where, axes=2)
    temperature = checks.parameter(name, "temperature", temperature, row_like(cosines, -1), above=0)
    own = pick(cosines, labels, -1)[..., None]
    if include_positive:
        values = cross_entropy(name, Head(cosines, labels, own, 2 / temperature, -1, where), 0)
    else:
        # Relative to the own cosine: equal ones leave nothing of it.
        others = jnp.where(picked(labels, cosines.shape, -1), -jnp.inf, (cosines - own) * (2 / temperature))
        values = numerics.logsumexp(others, -1)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def proxy_anchor(
    embeddings: Float[ArrayLike, "*batch examples features"],
    proxies: Float[ArrayLike, "*batch classes features"],
    labels: Int[ArrayLike, "*batch examples"],
    *,
    alpha: float | Real[ArrayLike, "..."] = 32.0,
    margin: float | Real[ArrayLike, "..."] = 0.1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""The proxy of each class as an anchor, against all examples of the batch; one value per class.

    .. math::  \ell_c = \frac{C}{C^+} \log\Big(1 + \sum_{y_i = c} e^{-\alpha (s_{ic} - m)}\Big) +
               \log\Big(1 + \sum_{y_i \ne c} e^{\alpha (s_{ic} + m)}\Big), \qquad s_{ic} = \cos(x_i, p_c)

    with C classes, :math:`C^+` of which have an example in the batch. The mean over the classes is the loss of the
    paper, where the first term is a mean over the classes that are there.

    Args:
      embeddings: real array [..., examples, features], of any length; a zero vector has the cosine 0 to all.
      proxies: real array [..., classes, features], usually learned.
      labels: integer class ids [..., examples]. A label outside [0, classes) that is not masked makes value and
        gradient of its batch NaN.
      alpha: positive factor of the cosines; a number or an array, which may be learned, of as many axes as the values.
      margin: cosine m that is taken off those of the own class and added to the others, of the same shapes.
      where: which examples exist, with as many axes as the labels.
      weights, reduction: one value per class, of shape [..., classes]; see :doc:`/reductions`.
    Returns: a scalar, or one value per class with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or an alpha that is not positive, TypeError for integer embeddings or
      real labels.
    Example:
      >>> proxies = jnp.array([[2.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
      >>> proxy_anchor(jnp.array([[4.0, 3.0]]), proxies, jnp.array([0]), alpha=2.0, reduction="none")
      Array([0.66125226, 1.6204175 , 0.22041743], dtype=float32)
    References: Kim et al. (2020), Proxy anchor loss for deep metric learning, arXiv:2003.13911.
    """
    name = "proxy_anchor"
    cosines, labels = _cosines(name, embeddings, proxies, labels, where, axes=2)
    kept = jnp.broadcast_to(True if where is None else jnp.asarray(where), labels.shape)[..., None]
    own = picked(labels, cosines.shape, -1)
    classes = cosines.shape[-1]
    like = jnp.zeros((*labels.shape[:-1], classes), cosines.dtype)
    alpha = checks.parameter(name, "alpha", alpha, like, above=0)
    margin = checks.parameter(name, "margin", margin, like)
    row = lambda p: jnp.expand_dims(p, -2) if jnp.ndim(p) else p
    near = log1p_sum_exp(jnp.where(own & kept, -row(alpha) * (cosines - row(margin)), -jnp.inf), -2)
    far = log1p_sum_exp(jnp.where(~own & kept, row(alpha) * (cosines + row(margin)), -jnp.inf), -2)
    present = jnp.sum(jnp.any(own & kept, -2), -1, keepdims=True).astype(cosines.dtype)
    invalid = jnp.any(kept[..., 0] & ((labels < 0) | (labels >= classes)), -1, keepdims=True)
    share = jnp.where(invalid, jnp.nan, classes / jnp.maximum(present, 1)).astype(cosines.dtype)
    values = share * near + far * jnp.where(invalid, jnp.nan, 1).astype(cosines.dtype)
    exists = jnp.broadcast_to(jnp.any(kept[..., 0], -1, keepdims=True), values.shape)
    return reduce.apply(name, values, where=exists, weights=weights, reduction=reduction)


def soft_triplet(
    embeddings: Float[ArrayLike, "*batch examples features"],
    proxies: Float[ArrayLike, "*batch classes centers features"],
    labels: Int[ArrayLike, "*batch examples"],
    *,
    scale: float | Real[ArrayLike, "..."] = 20.0,
    gamma: float | Real[ArrayLike, "..."] = 0.1,
    margin: float | Real[ArrayLike, "..."] = 0.01,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""SoftTriple: softmax cross-entropy of the similarities to classes that have several centers each.

    .. math::  \ell = -\log \frac{e^{\lambda (S_y - m)}}{e^{\lambda (S_y - m)} + \sum_{j \ne y} e^{\lambda S_j}}, \qquad
               S_j = \sum_k q_{jk} s_{jk}, \quad q_{jk} = \frac{e^{s_{jk} / \gamma}}{\sum_l e^{s_{jl} / \gamma}}

    with the cosines :math:`s_{jk}` of the embedding and of center k of class j. The paper adds a penalty that merges
    centers of a class; with one center a class it is `cosface`.

    Args:
      embeddings: real array [..., examples, features], of any length; a zero vector has the cosine 0 to all.
      proxies: real array [..., classes, centers, features], usually learned.
      labels: integer class ids [..., examples]. Value and gradient are NaN for examples whose label is outside
        [0, classes) and that are not masked.
      scale: positive factor :math:`\lambda` of the similarities; a number or an array, which may be learned, with as
        many axes as the embeddings and size 1 on the last.
      gamma: positive temperature of the choice among centers: towards 0 only the nearest counts; a number or such an
        array.
      margin: m that is taken off the similarity to the own class, a number or such an array.
      where: which examples exist, with as many axes as the labels.
      weights, reduction: one value per example; see :doc:`/reductions`.
    Returns: a scalar, or one value per example with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a parameter out of its range, TypeError for integer embeddings or
      real labels.
    Example:
      >>> proxies = jnp.array([[[2.0, 0.0], [0.0, -1.0]], [[0.0, 1.0], [-1.0, 0.0]]])
      >>> soft_triplet(jnp.array([[4.0, 3.0]]), proxies, jnp.array([0]), scale=2.0)
      Array(0.5210897, dtype=float32)
    References: Qian et al. (2019), SoftTriple loss: deep metric learning without triplet sampling, arXiv:1909.05235.
    """
    name = "soft_triplet"
    cosines, labels = _cosines(name, embeddings, proxies, labels, where, axes=3)
    row = row_like(cosines[..., 0], -1)
    scale = checks.parameter(name, "scale", scale, row, above=0)
    gamma = checks.parameter(name, "gamma", gamma, row, above=0)
    margin = checks.parameter(name, "margin", margin, row)
    per_center: Any = jnp.expand_dims(gamma, -1) if jnp.ndim(gamma) else gamma
    top = lax.stop_gradient(jnp.max(cosines, -1, keepdims=True))
    gaps = cosines - top
    terms = jnp.exp(gaps / per_center)
    similarities = jnp.squeeze(top, -1) + jnp.sum(terms * gaps, -1) / jnp.sum(terms, -1)
    own = pick(similarities, labels, -1)[..., None]
    values = cross_entropy(name, Head(similarities, labels, own, scale, -1, where), margin)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def _cosines(
    name: str, embeddings: ArrayLike, proxies: ArrayLike, labels: ArrayLike, where: ArrayLike | None, *, axes: int
) -> tuple[Array, Array]:
    """Return the cosines [..., examples, classes(, centers)] of embeddings and proxies, and the labels, masked."""
    embeddings, proxies = checks.floating(name, embeddings=embeddings, proxies=proxies)
    embeddings, labels, _ = checks.integer_rows(name, embeddings, labels, -1, arguments=("embeddings", "labels"))
    lead, features = embeddings.shape[:-2], embeddings.shape[-1]
    words = "(..., classes, features)" if axes == 2 else "(..., classes, centers, features)"
    fits = proxies.ndim == len(lead) + axes and proxies.shape[: len(lead)] == lead and proxies.shape[-1] == features
    if embeddings.ndim < 2 or not fits or 0 in proxies.shape[len(lead) : -1]:
        raise ValueError(
            f"{name}: embeddings and proxies must have shapes (..., examples, features) and {words}, "
            f"got {embeddings.shape} and {proxies.shape}"
        )
    embeddings, labels = reduce.keep(name, where, embeddings, axis=-1), reduce.keep(name, where, labels)
    flat = proxies.reshape(*lead, math.prod(proxies.shape[len(lead) : -1]), features)
    cosines = matmul_transposed(unit_vectors(embeddings), unit_vectors(flat))
    return cosines.reshape(*labels.shape, *proxies.shape[len(lead) : -1]), labels
