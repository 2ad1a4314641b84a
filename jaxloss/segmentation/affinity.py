"""Affinity fields: whether neighbouring pixels are predicted alike where their labels are alike."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, numerics
from jaxloss.numerics.elementary import horner, one_dispatch
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import picked
from jaxloss.segmentation.regions import Regions, class_regions, pixel_sums

__all__ = ["affinity"]


def affinity(
    logits: Float[ArrayLike, "*pixels_and_classes"],
    labels: Int[ArrayLike, "..."],
    *,
    margin: float | Real[ArrayLike, ""] = 3.0,
    edge_weight: float | Real[ArrayLike, ""] = 1.0,
    same_weight: float | Real[ArrayLike, ""] = 1.0,
    axis: int | tuple[int, ...] | None = None,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Affinity field: neighbours of one label are drawn together, those of different labels apart, for each image.

    .. math::  \ell = \lambda_e \operatorname*{mean}_{(i, j, c) \in E} \max(0, m - D_{ijc})
               + \lambda_s \operatorname*{mean}_{(i, j, c) \in S} D_{ijc}, \qquad
               D_{ijc} = p_{jc} \log \frac{p_{jc}}{p_{ic}} + (1 - p_{jc}) \log \frac{1 - p_{jc}}{1 - p_{ic}}

    with p the softmax of the logits, over all pixels i, their neighbours j (8 in an image, 26 in a volume) and classes
    c: in E one of the two pixels has the label c and the other has not, in S both have it or neither has. A mean over
    nothing is 0. A masked pixel is nobody's neighbour. This is the affinity field of the paper; its adaptive field is
    a maximum over kernel sizes.

    Args:
      logits: real array ``[examples, *pixels, classes]`` with two classes or more; -inf is an impossible class.
      labels: integer class ids of that shape without the classes, NaN for an image with one outside them.
      margin: m, the divergence in nats at which pixels are apart enough; positive, may be learned.
      edge_weight: weight of the pairs in E.
      same_weight: weight of the pairs in S.
      axis: the pixel axes, by default all but the first and the last. They are neighbourhoods, so the examples are
        never among them.
      ignore_index: label of pixels that do not exist, such as 255.
      where: the pixels that exist, of the shape of the labels.
      weights, reduction: of the images, see :doc:`/reductions`.
    Returns: a scalar, or one value per image with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit, an axis that is not there or a parameter out of its range, TypeError
      for integer logits or real labels.
    Example:
      >>> logits = jnp.array([[[2.0, 0.0], [2.0, 0.0], [0.0, 1.0]]])
      >>> affinity(logits, jnp.array([[0, 0, 1]]))
      Array(2.0..., dtype=float32)
    References: Ke et al. (2018), Adaptive affinity fields for semantic segmentation, arXiv:1803.10335.
    """
    name = "affinity"
    regions = class_regions(
        name, logits, labels, axis=axis, where=where, ignore_index=ignore_index, argument="logits", dense=False
    )
    if regions.predictions.shape[-1] < 2:
        raise ValueError(f"{name}: logits must have two classes or more, got shape {regions.predictions.shape}")
    scalar = jax.ShapeDtypeStruct((), regions.predictions.dtype)
    margin = checks.parameter(name, "margin", margin, scalar, above=0)
    edge_weight = checks.parameter(name, "edge_weight", edge_weight, scalar, minimum=0)
    same_weight = checks.parameter(name, "same_weight", same_weight, scalar, minimum=0)
    sums = [_sums(pair, margin, regions.axes) for pair in _pairs(regions)]
    apart, edges, together, same = (sum(column) for column in zip(*sums, strict=True))
    mean = lambda total, count: total / jnp.maximum(count, 1).astype(total.dtype)
    values = edge_weight * mean(apart, edges) + same_weight * mean(together, same)
    return regions.finish(name, values, weights, reduction, per="image")


class _Pairs(NamedTuple):
    """Pixels and the neighbours that lie in one direction from them."""

    here: Array
    there: Array
    """Log-odds."""
    a: Array
    b: Array
    """Class ids."""
    both: Array
    """Whether both exist."""


def _pairs(regions: Regions) -> Iterator[_Pairs]:
    """Every two neighbours, one direction at a time."""
    odds, ids = _log_odds(regions.marked), regions.labels
    exists = jnp.broadcast_to(True if regions.where is None else regions.where, ids.shape)
    n = len(regions.axes)
    for steps in itertools.product((-1, 0, 1), repeat=n):
        if steps > (0,) * n:  # one of two opposite directions
            here, there = (_part(odds, regions.axes, steps, side) for side in (1, -1))
            rows = tuple(axis + 1 for axis in regions.axes)
            a, b = (_part(ids, rows, steps, side) for side in (1, -1))
            both = _part(exists, rows, steps, 1) & _part(exists, rows, steps, -1)
            yield _Pairs(here, there, a, b, both)


def _part(array: Array, axes: tuple[int, ...], steps: tuple[int, ...], side: int) -> Array:
    """The pixels that have a neighbour ``steps`` away, or these neighbours."""
    starts, stops = [0] * array.ndim, list(array.shape)
    for axis, step in zip(axes, steps, strict=True):
        n = array.shape[axis]
        starts[axis] = min(n, max(0, -step * side))
        stops[axis] = max(starts[axis], min(n, n - step * side))
    return lax.slice(array, starts, stops)


def _sums(pairs: _Pairs, margin: Any, axes: tuple[int, ...]) -> tuple[Array, ...]:
    """Sums and numbers over E and S of pairs of pixels, each taken both ways."""
    here, there, a, b, both = pairs
    edge = picked(a, here.shape, -1) != picked(b, there.shape, -1)
    edge, same = edge & both[..., None], ~edge & both[..., None]
    ways = _divergence(there, here), _divergence(here, there)
    apart = sum(jnp.where(edge & (d < margin), margin - d, 0) for d in ways)
    together = sum(jnp.where(same, d, 0) for d in ways)
    counts = (2 * edge.astype(jnp.int32), 2 * same.astype(jnp.int32))
    apart, together, edges, sames = pixel_sums((apart, together, *counts), (*axes, -1))
    return apart, edges, together, sames


# Of a class c other than that of the largest logit m, the other classes sum up to e^m (1 + S - e_c), S the sum of
# e^(z - m) without the largest; of the largest itself, to the sum of the rest. The share of class k is p_k / (1 - p_c).
@jax.custom_jvp
def _log_odds(logits: Array) -> Array:
    """Return log p - log(1 - p) of the softmax p: each logit minus the logsumexp of all the others."""
    return _odds_and_shares(logits)[0]


def _odds_and_shares(z: Array) -> tuple[Array, ...]:
    top = picked(jnp.argmax(z, -1), z.shape, -1)
    m = jnp.max(z, -1, keepdims=True)
    m = jnp.where(m == -jnp.inf, 0, m)
    rest = jnp.where(top, -jnp.inf, z)
    second = numerics.logsumexp(rest, -1, keepdims=True)
    e = jnp.exp(rest - m)
    others = jnp.maximum(jnp.sum(e, -1, keepdims=True) - e, 0)
    odds = jnp.where(top, z - second, z - (m + jnp.log1p(others)))
    return odds, top, e, 1 + others, jnp.exp(jnp.where(rest == -jnp.inf, -jnp.inf, rest - second))


@_log_odds.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    odds, top, e, total, second = _odds_and_shares(primals[0])
    change = tangents[0]
    largest = jnp.sum(jnp.where(top, change, 0), -1, keepdims=True)
    moved = e * change
    others = (largest + jnp.sum(moved, -1, keepdims=True) - moved) / total
    return odds, change - jnp.where(top, jnp.sum(second * change, -1, keepdims=True), others)


# D as a function of the log-odds u of p_j and v of p_i is the Bregman divergence of softplus,
# softplus(v) - softplus(u) - sigma(u) (v - u), the same for -u and -v: taken where u <= 0, no term is larger than need
# be. For small d = v - u it is log1p(p w) - p d with w = e^d - 1, = (log1p(p w) - p w) + p (w - d).
# dD/dv = sigma(v) - sigma(u) and dD/du = -sigma'(u) (v - u).
@jax.custom_jvp
def _divergence(u: Array, v: Array) -> Array:
    """Return D of the Bernoulli distributions with these log-odds."""
    u, v = jnp.where(u > 0, -u, u), jnp.where(u > 0, -v, v)
    d = jnp.where(u == v, 0, v - u)
    p = numerics.sigmoid(u)
    near = jnp.abs(d) < 0.5
    far = numerics.softplus(v) - numerics.softplus(u) - jnp.where(p == 0, 0, p * jnp.where(near, 0, d))
    d = jnp.where(near, d, 0)
    terms = 8 if u.dtype == jnp.float32 else 15
    excess = d * d * horner(d, [1 / _factorial(k + 2) for k in range(terms)])  # e^d - 1 - d
    return jnp.where(near, p * excess - _below(p * (d + excess)), far)


@_divergence.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (u, v), (du, dv) = primals, tangents
    d = jnp.where(u == v, 0, v - u)
    # sigma(v) - sigma(u) = sigma(v) sigma(-u) (1 - e^-d), by the side on which the exponential is below 1.
    up = d >= 0
    apart = jnp.where(up, -1, 1) * jnp.expm1(jnp.where(up, -d, d))
    difference = numerics.sigmoid(jnp.where(up, v, u)) * numerics.sigmoid(-jnp.where(up, u, v)) * apart
    bell = numerics.sigmoid(u) * numerics.sigmoid(-u)
    return _divergence(u, v), difference * dv - jnp.where(bell == 0, 0, bell * d) * du


def _below(x: Array) -> Array:
    """Return x - log(1 + x) for -0.2 < x < 0.4: with s = x / (2 + x), s x - 2 (s^3/3 + s^5/5 + ...)."""
    s = x / (2 + x)
    z = s * s
    terms = 6 if x.dtype == jnp.float32 else 13
    return s * x - 2 * s * z * horner(z, [1 / (2 * k + 3) for k in range(terms)])


def _factorial(k: int) -> int:
    return 1 if k < 2 else k * _factorial(k - 1)


_log_odds, _divergence = one_dispatch(_log_odds), one_dispatch(_divergence)
