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
from typing import NamedTuple

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
    found = Moments(x, jnp.zeros((), x.dtype))
    for axis in axes:
        found = _merge(found, _deltas(found.mean, axis, len(weights)), axis, weights)
    return found


def joint_moments(
    x: Array, y: Array, axes: tuple[int, ...], weights: tuple[float, ...]
) -> tuple[Moments, Moments, Array]:
    """Return mean and variance of each window of two images, and their covariance."""
    covariance = jnp.zeros((), x.dtype)
    first, second = Moments(x, covariance), Moments(y, covariance)
    for axis in axes:
        a, b = (_deltas(m.mean, axis, len(weights)) for m in (first, second))
        product = _sum([p * q for p, q in zip(a, b, strict=True)], weights)
        covariance = _blur(covariance, axis, weights) + (product - _sum(a, weights) * _sum(b, weights))
        first, second = (_merge(m, d, axis, weights) for m, d in ((first, a), (second, b)))
    return first, second, covariance


def _merge(found: Moments, deltas: list[Array], axis: int, weights: tuple[float, ...]) -> Moments:
    shift, square = _sum(deltas, weights), _sum([d * d for d in deltas], weights)
    mean = _middle(found.mean, axis, len(weights)) + shift
    return Moments(mean, _blur(found.variance, axis, weights) + (square - shift * shift))


def _sum(terms: list[Array], weights: tuple[float, ...]) -> Array:
    return sum((w * term for w, term in zip(weights, terms, strict=True)), start=jnp.zeros((), terms[0].dtype))


def _blur(x: Array, axis: int, weights: tuple[float, ...]) -> Array:
    """Return the weighted mean along an axis; a scalar is the same everywhere."""
    return _sum(_parts(x, axis, len(weights)), weights) if x.ndim else x


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
