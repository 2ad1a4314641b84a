"""Losses of two views without negatives: features that vary, agree, and do not repeat each other."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.embedding.batches import Views, diagonal, similarities, views
from jaxloss.numerics.elementary import power_of_two
from jaxloss.reduce import Reduction

__all__ = ["barlow_twins", "vicreg"]


def barlow_twins(
    first: Float[ArrayLike, "*batch examples features"],
    second: Float[ArrayLike, "*batch examples features"],
    *,
    redundancy: Real[ArrayLike, "..."] = 0.005,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Distance of the correlations between two views' features from the identity.

    .. math::  \ell = \sum_i (1 - C_{ii})^2 + \lambda \sum_i \sum_{j \ne i} C_{ij}^2, \qquad
               C_{ij} = \frac{\sum_b (x_{bi} - \bar x_i)(y_{bj} - \bar y_j)}
               {\sqrt{\sum_b (x_{bi} - \bar x_i)^2}\sqrt{\sum_b (y_{bj} - \bar y_j)^2}}

    C is Pearson's correlation: the first sum is 0 where the views agree up to scale and offset of each feature. No
    constant is added to a variance; a feature that is the same for all examples has correlation 0, with zero gradient.

    Args:
      first: real array ``[..., examples, features]``: one view of each example.
      second: array of exactly that shape: the other view.
      redundancy: weight lambda of the correlations between different features.
      where: boolean, which examples exist: scalar, or with the axes ``[..., examples]``.
      weights, reduction: see :doc:`/reductions`; one value per batch, ``[...]``. A batch of fewer than two examples has
        no correlations, and is no term of the mean.
    Returns: a scalar, or one value per batch with ``reduction="none"``.
    Raises: ValueError for unequal shapes, TypeError for integers.
    Example:
      >>> first = jnp.array([[1.0, 0.0], [2.0, 0.0], [3.0, 1.0]])
      >>> barlow_twins(first, jnp.array([[2.0, 5.0], [4.0, 7.0], [6.0, 5.0]]))
      Array(2.25375, dtype=float32)
    References: Zbontar et al. (2021), Barlow twins: self-supervised learning via redundancy reduction, eq. 1.
    """
    pair = views("barlow_twins", first, second, where, normalize=False)
    redundancy = _of_batch("barlow_twins", "redundancy", redundancy, pair)
    if pair.first.shape[-2] < 2:
        return _no_batch("barlow_twins", pair, weights, reduction)
    x, y = (numerics.normalize(_centred(_scaled(view), pair.exists), -2) for view in (pair.first, pair.second))
    # Of unit vectors, 1 - x . y = |x - y|^2 / 2: no digits are lost where it is nearly 0.
    varies = jnp.any(x != 0, -2) & jnp.any(y != 0, -2)
    gaps = jnp.where(varies, 0.5 * jnp.sum((x - y) ** 2, -2), 1)
    values = jnp.sum(gaps**2, -1) + redundancy * _off_diagonal(x, y)
    return reduce.apply("barlow_twins", values, where=_several(pair), weights=weights, reduction=reduction)


def vicreg(
    first: Float[ArrayLike, "*batch examples features"],
    second: Float[ArrayLike, "*batch examples features"],
    *,
    invariance: Real[ArrayLike, "..."] = 25.0,
    variance: Real[ArrayLike, "..."] = 25.0,
    covariance: Real[ArrayLike, "..."] = 1.0,
    deviation: Real[ArrayLike, "..."] = 1.0,
    epsilon: float = 1e-4,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Variance, invariance, covariance: the views agree, each feature varies, no two vary together.

    .. math::  \ell = \lambda \sum_{b,i} \frac{(x_{bi} - y_{bi})^2}{nd} + \sum_{z \in \{x, y\}} \Big( \frac{\mu}{2d}
               \sum_i \max\big(0, \gamma - \sqrt{\operatorname{Var}(z_i) + \epsilon}\big)
               + \frac{\nu}{d} \sum_{i \ne j} \operatorname{Cov}(z_i, z_j)^2 \Big)

    for n examples of d features, with unbiased variances and covariances (over n - 1). This is the authors' program, in
    which the weights 25, 25, 1 were found: the formula of the paper has no 1/d in the first term and no 1/2 before the
    variances.

    Args:
      first: real array ``[..., examples, features]``: one view of each example.
      second: array of exactly that shape: the other view.
      invariance, variance, covariance: weights lambda, mu and nu of the three terms.
      deviation: standard deviation gamma that each feature should reach, in the units of the features.
      epsilon: added to the variance, as published; 0 is allowed: a feature that is the same for all examples then has
        zero gradient too, not an infinite one.
      where: boolean, which examples exist: scalar, or with the axes ``[..., examples]``.
      weights, reduction: see :doc:`/reductions`; one value per batch, ``[...]``. A batch of fewer than two examples has
        no variance, and is no term of the mean.
    Returns: a scalar, or one value per batch with ``reduction="none"``.
    Raises: ValueError for unequal shapes or a negative epsilon, TypeError for integers.
    Example:
      >>> first = jnp.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.5]])
      >>> vicreg(first, jnp.array([[1.0, 0.5], [2.0, 0.0], [3.0, 0.5]]), epsilon=0)
      Array(9.995728, dtype=float32)
    References: Bardes et al. (2022), VICReg: variance-invariance-covariance regularization, eqs. 1 to 6.
    """
    pair = views("vicreg", first, second, where, normalize=False)
    parameters = {"invariance": invariance, "variance": variance, "covariance": covariance, "deviation": deviation}
    lam, mu, nu, gamma = (_of_batch("vicreg", key, value, pair) for key, value in parameters.items())
    floor = jnp.sqrt(_of_batch("vicreg", "epsilon", epsilon, pair, minimum=0))
    if pair.first.shape[-2] < 2:
        return _no_batch("vicreg", pair, weights, reduction)
    n, d = jnp.maximum(_count(pair), 2), max(pair.first.shape[-1], 1)
    values = lam * jnp.sum((pair.first - pair.second) ** 2, (-2, -1)) / (n * d)
    for view in (pair.first, pair.second):
        z = _centred(view, pair.exists) / jnp.sqrt(n - 1)[..., None, None]
        short = gamma[..., None] - numerics.hypot(numerics.safe_norm(z, -2), floor[..., None])
        values += mu / (2 * d) * jnp.sum(jnp.where(short > 0, short, 0), -1) + nu / d * _off_diagonal(z, z)
    return reduce.apply("vicreg", values, where=_several(pair), weights=weights, reduction=reduction)


def _off_diagonal(x: Array, y: Array) -> Array:
    """Sum of squares of the dot products of different features of two batches."""
    products = similarities(jnp.swapaxes(x, -1, -2), jnp.swapaxes(y, -1, -2))
    return jnp.sum(jnp.where(diagonal(products.shape), 0, products) ** 2, (-2, -1))


def _centred(x: Array, exists: Array | None) -> Array:
    """Return the features minus their means: exactly 0 where a feature is the same for all examples."""
    # The mean of equal numbers may be rounded, that of zeros is not: first subtract the least, then the mean of the
    # rest. What is subtracted first has no influence, and needs no gradient.
    kept = None if exists is None else exists[..., None]
    least = lax.stop_gradient(jnp.min(x, -2, keepdims=True, where=kept, initial=jnp.inf))
    x = x - jnp.where(least == jnp.inf, 0, least)
    if kept is None:
        return x - jnp.mean(x, -2, keepdims=True)
    x = jnp.where(kept, x, 0)
    mean = jnp.sum(x, -2, keepdims=True) / jnp.maximum(jnp.sum(kept, -2, keepdims=True, dtype=x.dtype), 1)
    return jnp.where(kept, x - mean, 0)


def _scaled(x: Array) -> Array:
    """Bring each feature to where differences do not overflow; correlations do not change."""
    return x * lax.stop_gradient(power_of_two(jnp.max(jnp.abs(x), -2, keepdims=True)))


def _count(pair: Views) -> Array:
    """How many examples each batch has."""
    if pair.exists is None:
        return jnp.full(pair.first.shape[:-2], pair.first.shape[-2], pair.first.dtype)
    return jnp.sum(pair.exists, -1, dtype=pair.first.dtype)


def _several(pair: Views) -> Array | None:
    """Which batches have two examples or more; None if all do."""
    return None if pair.exists is None else _count(pair) >= 2


def _no_batch(name: str, pair: Views, weights: ArrayLike | None, reduction: Reduction) -> Any:
    values = jnp.zeros(pair.first.shape[:-2], pair.first.dtype)
    return reduce.apply(name, values, where=False, weights=weights, reduction=reduction)


def _of_batch(name: str, argument: str, value: Any, pair: Views, **bounds: float) -> Array:
    """Return a parameter, one for all batches or one for each, as an array ``[...]``."""
    like = jax.ShapeDtypeStruct(pair.first.shape[:-2], pair.first.dtype)
    return jnp.broadcast_to(
        jnp.asarray(checks.parameter(name, argument, value, like, **bounds), like.dtype), like.shape
    )
