"""What two boxes cover together, apart and not at all, with derivatives that keep their digits.

Taken from the areas themselves, 1 - IoU of two boxes that nearly agree is a difference of nearly equal numbers. Here
every area is a sum of products of lengths, none of them negative, and so is every derivative of 1 - IoU along an edge.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero

from jaxloss.detection.geometry import Axis, Middles

__all__ = ["Slopes", "change_of", "one_minus_iou", "vacancy"]


class Slopes(NamedTuple):
    """Derivatives along an edge of a box that moves outwards: where it lies within the other box's reach, and beyond.

    An edge that lies on the other box's takes the mean of the two.
    """

    within: Array
    beyond: Array
    both: Array
    """Their sum: twice the derivative along the length of an interval that is ahead at one end and behind at the other.
    """


def change_of(axis: Axis, tangent: Axis, prediction: Slopes, target: Slopes) -> Any:
    """Return the change of a loss that has these slopes along the edges on an axis."""
    by = _by_middle if isinstance(axis.place, Middles) else _by_ends
    products = [
        (dx, slope)
        for slopes, left, right, tangents in (
            (prediction, axis.left, axis.right, tangent.place[:2]),
            (target, -axis.left, -axis.right, tangent.place[2:]),
        )
        for dx, slope in zip(tangents, by(slopes, left, right), strict=True)
    ]
    return sum(slope * dx for dx, slope in products if not isinstance(dx, SymbolicZero))


def _by_ends(slopes: Slopes, left: Array, right: Array) -> tuple[Array, Array]:
    """Return the derivatives along the lower and the upper end, which reach so far beyond the other box."""
    return -_at(slopes, left), _at(slopes, right)


def _by_middle(slopes: Slopes, left: Array, right: Array) -> tuple[Array, Array]:
    """Return the derivatives along the middle and the length."""
    low, high = _at(slopes, left), _at(slopes, right)
    opposite = ((left < 0) & (right > 0)) | ((left > 0) & (right < 0))
    return high - low, 0.5 * jnp.where(opposite, slopes.both, low + high)


def _at(slopes: Slopes, reach: Array) -> Array:
    return jnp.where(reach > 0, slopes.beyond, jnp.where(reach < 0, slopes.within, 0.5 * slopes.both))


# ---- the index -------------------------------------------------------------------------------------------------------


class _Areas(NamedTuple):
    meet: Array
    """Whether the boxes share a point."""
    prediction: Array
    target: Array
    shared: Array
    only_prediction: Array
    """What the prediction covers and the target does not."""
    only_target: Array
    union: Array
    """What either covers; 1 where that is nothing."""


def _areas(x: Axis, y: Axis) -> _Areas:
    meet = (x.overlap >= 0) & (y.overlap >= 0)
    prediction, target = x.size * y.size, x.target * y.target
    shared = jnp.where(meet, x.overlap * y.overlap, 0)
    only_prediction = jnp.where(meet, x.beyond * y.size + x.overlap * y.beyond, prediction)
    only_target = jnp.where(meet, x.short * y.target + x.overlap * y.short, target)
    return _Areas(meet, prediction, target, shared, only_prediction, only_target, _or_one(prediction + only_target))


def _or_one(x: Array) -> Array:
    return jnp.where(x == 0, 1, x)


@jax.custom_jvp
def one_minus_iou(x: Axis, y: Axis) -> Array:
    """Area that one box covers and the other does not, by the area that either covers; 0 where both have none."""
    areas = _areas(x, y)
    unknown = areas.union != areas.union  # NaN stays NaN
    return jnp.where(areas.meet | unknown, (areas.only_prediction + areas.only_target) / areas.union, 1)


# With A, B and I the areas of prediction, target and what they share, U = A + B - I, so that
# d(1 - I/U) = (I (dA + dB) - (A + B) dI) / U^2. An edge of the prediction that moves out by ds has dA = h ds, where h
# is the size across. Beyond the target's reach dI = 0. Within it dI = i ds, i the overlap across, and as I = i_x i and
# A = w h, I h - (A + B) i = -i ((w - i_x) h + B), a sum. Both together are -i ((w - i_x) h + B - i_x h), with
# B - i_x h = (B - I) - i_x (h - i): terms that are small where the boxes nearly agree.
def _one_minus_iou_jvp(primals: tuple[Axis, Axis], tangents: tuple[Axis, Axis]) -> tuple[Array, Any]:
    areas, (x, y) = _areas(*primals), primals
    union, share, change = areas.union, areas.shared / areas.union, jnp.zeros_like(areas.union)
    for along, across, tangent in ((x, y, tangents[0]), (y, x, tangents[1])):
        gain = jnp.where(areas.meet, across.overlap, 0) / union
        out, target_out = along.beyond * across.size, along.short * across.target
        prediction = Slopes(
            within=-gain * ((out + areas.target) / union),
            beyond=share * (across.size / union),
            both=-gain * ((out + areas.only_target - along.overlap * across.beyond) / union),
        )
        target = Slopes(
            within=-gain * ((target_out + areas.prediction) / union),
            beyond=share * (across.target / union),
            both=-gain * ((target_out + areas.only_prediction - along.overlap * across.short) / union),
        )
        change += change_of(along, tangent, prediction, target)
    return one_minus_iou(x, y), change


one_minus_iou.defjvp(_one_minus_iou_jvp, symbolic_zeros=True)


# ---- what the hull holds besides -------------------------------------------------------------------------------------


@jax.custom_jvp
def vacancy(x: Axis, y: Axis) -> Array:
    """Share of the hull, the smallest box around both, that neither covers; 0 where it has no area."""
    apart_in_x = x.size * y.short + x.target * y.beyond - x.overlap * y.hull
    apart_in_y = y.size * x.short + y.target * x.beyond - y.overlap * x.hull
    corners = x.beyond * y.short + x.short * y.beyond
    empty = jnp.where(x.overlap < 0, apart_in_x, jnp.where(y.overlap < 0, apart_in_y, corners))
    return empty / _or_one(x.hull * y.hull)


# 1 - U/C with C = c c_y the area of the hull: d(1 - U/C) = (U dC - C dU) / C^2. Within the target's reach dC = 0, and
# dU = (h - i) ds is what the prediction adds across, or h ds where the boxes do not meet. Beyond it, dU = h ds and
# dC = c_y ds, so the slope is (U - h c) / (C c), where U - h c = W (c_y - h) - (c - w) (c_y - H), or W H - h (c - w)
# where they do not meet.
def _vacancy_jvp(primals: tuple[Axis, Axis], tangents: tuple[Axis, Axis]) -> tuple[Array, Any]:
    x, y = primals
    # Products with inverses: XLA divides by the product instead of twice, which underflows for a very flat hull.
    inverse, meet = 1 / _or_one(x.hull * y.hull), (x.overlap >= 0) & (y.overlap >= 0)
    change = jnp.zeros_like(inverse)
    for along, across, tangent in ((x, y, tangents[0]), (y, x, tangents[1])):
        near = along.target * across.short - along.short * across.beyond
        apart = along.target * across.target - across.size * along.short
        target_near = along.size * across.beyond - along.beyond * across.short
        target_apart = along.size * across.size - across.target * along.beyond
        shorter = 1 / _or_one(along.hull)
        within = -jnp.where(meet, across.beyond, across.size) * inverse
        beyond = jnp.where(meet, near, apart) * inverse * shorter
        target_within = -jnp.where(meet, across.short, across.target) * inverse
        target_beyond = jnp.where(meet, target_near, target_apart) * inverse * shorter
        prediction = Slopes(within, beyond, within + beyond)
        target = Slopes(target_within, target_beyond, target_within + target_beyond)
        change += change_of(along, tangent, prediction, target)
    return vacancy(x, y), change


vacancy.defjvp(_vacancy_jvp, symbolic_zeros=True)
