"""Entropic optimal transport between samples, without the bias of its entropy."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics
from jaxloss.divergence.rows import atanh_rest
from jaxloss.divergence.samples import Samples, compare, squared_distances
from jaxloss.numerics.elementary import one_dispatch
from jaxloss.reduce import Reduction

__all__ = ["sinkhorn"]


def sinkhorn(
    x: Float[ArrayLike, "*pairs n features"],
    y: Float[ArrayLike, "*pairs m features"],
    *,
    epsilon: float | Real[ArrayLike, ""] = 0.1,
    iterations: int = 100,
    where_x: Bool[ArrayLike, "..."] | None = None,
    where_y: Bool[ArrayLike, "..."] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Sinkhorn divergence of two sets of samples: optimal transport, smoothed by an entropy and debiased.

    .. math::  \ell = W_\epsilon(x, y) - \tfrac12 W_\epsilon(x, x) - \tfrac12 W_\epsilon(y, y), \qquad
               W_\epsilon(x, y) = \min_P \sum_{ij} P_{ij} \|x_i - y_j\|^2 + \epsilon \, \mathrm{KL}(P \| a b^\top)

    P has the marginals a and b, 1/n and 1/m each. As epsilon goes to 0 it becomes the squared 2-Wasserstein distance,
    as it goes to infinity the squared distance of the means. The dual is solved by a fixed number of averaged updates
    of both potentials and a last one, in the logarithms; the gradient is that of exactly this computation. For equal
    sets the value is 0. The number of iterations grows with the squared distances over epsilon: double it to see
    whether the digits stand.

    Args:
      x: real array, samples on the second to last axis, features on the last.
      y: array of the same shape but for the number of samples.
      epsilon: positive, in squared units of the features; may be learned.
      iterations: number of averaged updates.
      where_x: boolean, which samples of x exist, of the shape of x without the last axis.
      where_y: likewise for y.
      where, weights, reduction: of the pairs of sets, see :doc:`/reductions`.
    Returns: a scalar, or one value per pair of sets with ``reduction="none"``, in squared units of the features; 0 for
      an empty set. Memory is n m + n^2 + m^2 for the costs, and n + m for each iteration in the gradient, which
      computes every update once more. GeomLoss has half the cost, and hence half the value at half the epsilon.
    Raises: ValueError for shapes that do not fit, an epsilon that is not positive or no iterations, TypeError for
      integers.
    Example:
      >>> x = jnp.array([[0.0], [1.0]])
      >>> sinkhorn(x, x + 2, epsilon=0.5)
      Array(4., dtype=float32)
    References: Feydy et al. (2019), Interpolating between optimal transport and MMD, arXiv:1810.08278.
    """
    like = jax.ShapeDtypeStruct((), checks.compute_dtype(x, y))
    epsilon = checks.parameter("sinkhorn", "epsilon", epsilon, like, above=0)
    if iterations < 1:
        raise ValueError(f"sinkhorn: iterations must be at least 1, got {iterations}")
    return compare(
        "sinkhorn",
        x,
        y,
        functools.partial(_divergence, epsilon=epsilon, iterations=iterations),
        where_x=where_x,
        where_y=where_y,
        where=where,
        weights=weights,
        reduction=reduction,
    )


@functools.partial(one_dispatch, static_argnames=("iterations",))
def _divergence(samples: Samples, *, epsilon: Any, iterations: int) -> Array:
    x, y, has_x, has_y = samples
    a, b = _shares(x, has_x), _shares(y, has_y)
    costs = [squared_distances(*pair) for pair in ((x, y), (x, x), (y, y))]

    def update(potentials: tuple[Array, ...], costs: list[Array]) -> tuple[Array, ...]:
        f, g, f_alone, g_alone = potentials
        between, of_x, of_y = costs
        return (
            _softmin(between, b, g, epsilon),
            _softmin(between.mT, a, f, epsilon),
            _softmin(of_x, a, f_alone, epsilon),
            _softmin(of_y, b, g_alone, epsilon),
        )

    @jax.checkpoint
    def step(potentials: tuple[Array, ...], costs: list[Array]) -> tuple[Array, ...]:
        return tuple(0.5 * (old + new) for old, new in zip(potentials, update(potentials, costs), strict=True))

    start = tuple(jnp.zeros_like(z[..., 0]) for z in (x, y, x, y))
    potentials, _ = lax.scan(lambda carry, _: (step(carry, costs), None), start, length=iterations)
    f, g, f_alone, g_alone = update(potentials, costs)
    return jnp.sum(a * (f - f_alone), -1) + jnp.sum(b * (g - g_alone), -1)


def _shares(x: Array, has: Array | None) -> Array:
    """One over the number of samples, and 0 where they do not exist; of an empty set those of a full one."""
    if has is None:
        return jnp.full(x.shape[:-1], 1 / x.shape[-2], x.dtype)
    has = (has | ~jnp.any(has, -1, keepdims=True)).astype(x.dtype)
    return has / jnp.sum(has, -1, keepdims=True)


def _softmin(costs: Array, shares: Array, potential: Array, epsilon: Any) -> Array:
    """Minus epsilon log sum_j w_j e^((potential_j - cost_ij) / epsilon), for each row i."""
    return -epsilon * _log_mean_exp((potential[..., None, :] - costs) / epsilon, shares[..., None, :])


def _tilted(x: Array, shares: Array) -> tuple[Array, Array, Array]:
    """The largest x that counts, w e^(x - it) and the sum of these."""
    counts = jnp.broadcast_to(shares != 0, x.shape)
    top = lax.stop_gradient(jnp.max(jnp.where(counts, x, -jnp.inf), -1, keepdims=True))
    tilted = jnp.where(counts, shares * jnp.exp(jnp.where(counts, x - top, 0)), 0)
    return top, tilted, jnp.sum(tilted, -1, keepdims=True)


# As 1 plus the sum of w (e^(x - top) - 1) where that is near 1: potentials much smaller than epsilon keep their digits.
@jax.custom_jvp
def _log_mean_exp(x: Array, shares: Array) -> Array:
    """The logarithm of sum_j w_j e^x_j, of shares that sum to 1."""
    top, _, total = _tilted(x, shares)
    counts = jnp.broadcast_to(shares != 0, x.shape)
    lost = jnp.sum(shares * numerics.expm1(jnp.where(counts, x - top, 0)), -1, keepdims=True)
    near = total > 0.5
    r = jnp.where(near, lost / (2 + lost), 0)
    return jnp.squeeze(top + jnp.where(near, 2 * r * (1 + atanh_rest(r)), jnp.log(total)), -1)


@_log_mean_exp.defjvp
def _(primals: tuple[Array, Array], tangents: tuple[Array, Any]) -> tuple[Array, Array]:
    _, tilted, total = _tilted(*primals)
    return _log_mean_exp(*primals), jnp.sum(tilted / total * tangents[0], -1)
