"""Moments of images in windows: means and variances that keep their digits whatever the brightness.

A window is the product of one line for each axis, so its moments follow axis by axis: the variance in a plane is the
mean of the variances of its lines and the variance of their means. Along a line everything is measured from the middle
pixel. The usual E[x^2] - E[x]^2 loses all digits of a faint texture on a bright background, and of a constant window it
leaves noise; here that is exactly 0, and the difference that is left takes no more than the digits of 1 / (w (1 - w)),
w being the weight of the middle pixel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

__all__ = ["Moments", "check_fits", "joint_moments", "line", "moments"]


class Moments(NamedTuple):
    """Of every window that lies inside of the image."""

    mean: Array
    variance: Array


def line(size: int, sigma: float | None) -> tuple[float, ...]:
    """Return the weights of a window along one axis, of sum 1: a Gaussian, or equal ones for None."""
    weights = [1.0 if sigma is None else math.exp(-0.5 * ((k - (size - 1) / 2) / sigma) ** 2) for k in range(size)]
    return tuple(w / math.fsum(weights) for w in weights)


def check_fits(name: str, array: Array, axes: tuple[int, ...], size: int, argument: str = "predictions") -> None:
    """Raise ValueError for a window that is no window, or larger than the image."""
    if not (isinstance(size, int) and size >= 1 and size % 2):
        raise ValueError(f"{name}: window_size must be an odd number of pixels, got {size}")
    if any(0 < array.shape[axis] < size for axis in axes):
        raise ValueError(f"{name}: {argument} of shape {array.shape} are smaller than the window of {size} pixels")


def moments(x: Array, axes: tuple[int, ...], weights: tuple[float, ...]) -> Moments:
    """Return mean and variance of each window."""
    mean, variance = x, jnp.zeros((), x.dtype)
    for axis in axes:
        spread = _product(mean, mean, axis, weights)
        mean, variance = _blur(mean, axis, weights), _blur(variance, axis, weights) + spread
    return Moments(mean, variance)


def joint_moments(
    x: Array, y: Array, axes: tuple[int, ...], weights: tuple[float, ...]
) -> tuple[Moments, Moments, Array]:
    """Return mean and variance of each window of two images, and their covariance."""
    means, covariance = (x, y), jnp.zeros((), x.dtype)
    for axis in axes:
        covariance = _blur(covariance, axis, weights) + _product(*means, axis, weights)
        means = tuple(_blur(mean, axis, weights) for mean in means)
    return moments(x, axes, weights), moments(y, axes, weights), covariance


# The value gives a constant line back as it is, from differences to the middle pixel; the tangents need not.
@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _blur(x: Array, axis: int, weights: tuple[float, ...]) -> Array:
    """Return the weighted mean along an axis; a scalar is the same everywhere."""
    return _middle(x, axis, len(weights)) + _sum(_deltas(x, axis, len(weights)), weights) if x.ndim else x


@_blur.defjvp
def _(axis: int, weights: tuple[float, ...], primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return _blur(*primals, axis, weights), _means(*tangents, axis, weights)


# d cov = sum_k w_k ((y_k - mean y) dx_k + (x_k - mean x) dy_k), to which the middle pixel adds nothing. The mean of the
# whole line, which would cancel, is taken away before.
@partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def _product(x: Array, y: Array, axis: int, weights: tuple[float, ...]) -> Array:
    """Return the covariance of x and y in each window along an axis, from differences to the middle pixel."""
    a, b = (_deltas(z, axis, len(weights)) for z in (x, y))
    return _sum([p * q for p, q in zip(a, b, strict=True)], weights) - _sum(a, weights) * _sum(b, weights)


@_product.defjvp
def _(axis: int, weights: tuple[float, ...], primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> Any:
    change = jnp.zeros((), primals[0].dtype)
    for z, tangent in zip(primals, reversed(tangents), strict=True):
        centred = z - lax.stop_gradient(jnp.mean(z, axis, keepdims=True))
        steep = _blur(centred, axis, weights) * _means(tangent, axis, weights)
        change = change + (_means(centred * tangent, axis, weights) - steep)
    return _product(*primals, axis, weights), change


# By a banded matrix: XLA:CPU makes slow loops of transposed slices, which are pads and take half a minute to compile,
# and slow ones of convolutions.
def _means(x: Array, axis: int, weights: tuple[float, ...]) -> Array:
    """`_blur` as a product, whose transpose is one."""
    if not x.ndim:
        return x
    axis %= x.ndim
    length, rows = x.shape[axis], max(x.shape[axis] - len(weights) + 1, 0)
    # Rows of one pixel less than the pattern: each is shifted by one against the last.
    pattern = jnp.pad(jnp.asarray(weights, x.dtype), (0, max(length + 1 - len(weights), 0)))
    band = jnp.tile(pattern, rows)[: rows * length].reshape(rows, length)
    lines = x.reshape(math.prod(x.shape[:axis]), length, math.prod(x.shape[axis + 1 :]))
    means = jnp.einsum("wl,alb->awb", band, lines, precision=lax.Precision.HIGHEST)
    return means.reshape(*x.shape[:axis], rows, *x.shape[axis + 1 :])


def _sum(terms: list[Array], weights: tuple[float, ...]) -> Array:
    return sum((w * term for w, term in zip(weights, terms, strict=True)), start=jnp.zeros((), terms[0].dtype))


def _deltas(x: Array, axis: int, size: int) -> list[Array]:
    middle = _middle(x, axis, size)
    return [part - middle for part in _parts(x, axis, size)]


def _middle(x: Array, axis: int, size: int) -> Array:
    return _parts(x, axis, size)[size // 2]


def _parts(x: Array, axis: int, size: int) -> list[Array]:
    """The pixels of each window along an axis, one place after the other."""
    length = max(x.shape[axis] - size + 1, 0)
    part: Callable[[int], Array] = lambda k: lax.slice_in_dim(x, k, k + length, axis=axis)
    return [part(k) if length else part(0) for k in range(size)]
