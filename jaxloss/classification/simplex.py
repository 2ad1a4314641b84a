r"""The machinery of sparsemax and 1.5-entmax: thresholds without a sort, and their Fenchel-Young losses.

Both map a row of logits to the point :math:`p_j = r_j^k` of the probability simplex, with the roots
:math:`r_j = \max(g_j - \tau, 0)` of the gaps :math:`g_j = (z_j - \max z) / k \le 0`. Here k is the ``order``: 1 for
sparsemax, 2 for 1.5-entmax. The threshold :math:`\tau \in [-1, 0)` is where the p sum to 1, or to the ``mass`` of
labels that sum to something else.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero

from jaxloss.numerics.elementary import one_dispatch

__all__ = ["fenchel_young_rows", "roots"]


def roots(logits: Array, axis: int, order: int) -> Array:
    """Return r: the probabilities themselves for order 1, their square roots for order 2."""
    gaps = _gaps(logits, axis, order)
    return _positive(_above(gaps, *_threshold(gaps, jnp.ones_like(_row_sum(gaps, axis)), axis, order)))


def fenchel_young_rows(logits: Array, labels: Array, axis: int, order: int, *, one_hot: bool) -> Array:
    """Return the loss of each row; ``one_hot`` promises labels that sum to 1 and have no gradient."""
    gaps = _gaps(logits, axis, order)
    mass = _row_sum(labels, axis)
    threshold = _threshold(gaps, jnp.ones_like(mass) if one_hot else mass, axis, order)
    return _divergence(gaps, *threshold, labels, axis, order)


def _gaps(logits: Array, axis: int, order: int) -> Array:
    # The result does not change when a number is added to the row, so the maximum needs no gradient. A row of -inf
    # alone keeps its -inf: all gaps are -inf then, and all probabilities 0.
    top = jnp.maximum(jnp.max(logits, axis, keepdims=True), jnp.finfo(logits.dtype).min)
    return (logits - lax.stop_gradient(top)) / order


def _above(gaps: Array, centre: Array, height: Array) -> Array:
    """G - tau for tau = centre - height, which keeps the digits of gaps that are tiny beside tau."""
    return (gaps - centre) + height


def _positive(x: Array) -> Array:
    """max(x, 0), with derivative 0 at 0, and NaN for NaN."""
    return jnp.where(x <= 0, 0, x)


def _row_sum(values: Array, axis: int) -> Array:
    return jnp.sum(values, axis, keepdims=True)


def _or_one(denominator: Array) -> Array:
    return jnp.where(denominator == 0, 1, denominator)


# From sum_j r_j^k = mass: d tau = (sum_j r_j^(k-1) dg_j - d mass / k) / sum_j r_j^(k-1). Only tau matters, so its two
# parts may share this derivative as they like.
@partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def _threshold(gaps: Array, mass: Array, axis: int, order: int) -> tuple[Array, Array]:
    return (_linear_threshold if order == 1 else _quadratic_threshold)(gaps, mass, axis)


@_threshold.defjvp
def _(axis, order, primals, tangents):
    (gaps, mass), (gaps_dot, mass_dot) = primals, tangents
    threshold = _threshold(gaps, mass, axis, order)
    above = _positive(_above(gaps, *threshold))
    follows = (above > 0).astype(gaps.dtype) if order == 1 else above
    total = _or_one(_row_sum(follows, axis))
    return threshold, (_row_sum(follows * gaps_dot, axis) / total, mass_dot / (order * total))


_threshold = one_dispatch(_threshold, static_argnums=(2, 3))


# sum_j max(g_j - tau, 0)^k is convex and decreasing in tau, so Newton steps from below, where the largest class alone
# has all the mass, approach the solution from below without a bracket. The product of excess and slope falls fourfold
# in each step (Radzik 1992, Newton's method for fractional combinatorial optimization): 3 to 8 passes for 2 to 32768
# random classes, and never more than 30 in float32. XLA sorts serially on CPUs: one sort costs ten times as much. The
# result depends on nothing but the support, so that classes outside it have no influence, not even by rounding.


def _linear_threshold(gaps: Array, mass: Array, axis: int) -> tuple[Array, Array]:
    """Solve sum max(g - tau, 0) = mass: linear on a fixed support, hence exact when the support no longer shrinks."""

    def improve(state: tuple[Array, ...]) -> tuple[Array, ...]:
        centre, height, before, _ = state
        inside = gaps > centre - height
        size = _row_sum(inside.astype(gaps.dtype), axis)
        centre, height = _row_sum(jnp.where(inside, gaps, 0), axis) / _or_one(size), mass / _or_one(size)
        return centre, height, size, size < before

    state = (jnp.zeros_like(mass), mass, jnp.full_like(mass, gaps.shape[axis] + 1), mass == mass)
    centre, height, *_ = lax.while_loop(lambda state: jnp.any(state[-1]), improve, state)
    return centre, height


def _quadratic_threshold(gaps: Array, mass: Array, axis: int) -> tuple[Array, Array]:
    """Solve sum max(g - tau, 0)^2 = mass by Newton steps on its root, the norm, and the equation on the support."""
    norm_due = jnp.sqrt(mass)
    eps = float(jnp.finfo(gaps.dtype).eps)
    close = norm_due * ((eps / max(gaps.shape[axis], 1)) ** 0.5 / 2)  # a gap wrongly in the support now adds < eps / 4

    def improve(state: tuple[Array, Array]) -> tuple[Array, Array]:
        above = _positive(gaps - state[0])
        norm = jnp.sqrt(_row_sum(above * above, axis))
        step = (norm - norm_due) * norm / _or_one(_row_sum(above, axis))
        return state[0] + step, step > close

    tau, _ = lax.while_loop(lambda state: jnp.any(state[1]), improve, (-norm_due, mass == mass))
    inside = gaps > tau
    size = _or_one(_row_sum(inside.astype(gaps.dtype), axis))
    centre = _row_sum(jnp.where(inside, gaps, 0), axis) / size
    variance = _row_sum(jnp.where(inside, gaps - centre, 0) ** 2, axis)
    return centre, jnp.sqrt(jnp.maximum(mass - variance, 0) / size)


# The loss max_p [z.p - Omega(p)] + Omega(y) - z.y, over p >= 0 with the sum of y, for Omega = sum p^2 / 2 (k = 1) or
# 4/3 sum p^1.5 (k = 2), is a sum of terms >= 0. With t = y^(1/k) they are the Bregman divergence of y from p,
# (r - t)^2 / 2 for k = 1 and (2/3) (r - t)^2 (r + 2 t) = (2/3) r^3 - 2 r y + (4/3) y^1.5 for k = 2, and k y s for
# classes that are below the threshold by s. Derivatives:
#   in g    k (p - y), on and off the support;
#   in tau  k (sum y - sum p) = 0: the envelope theorem, which is why the first derivative needs none of the threshold;
#   in y    k (t - r + s) = k (t + tau - g).
@partial(jax.custom_jvp, nondiff_argnums=(4, 5))
def _divergence(gaps: Array, centre: Array, height: Array, labels: Array, axis: int, order: int) -> Array:
    above, target = _above(gaps, centre, height), _label_root(labels, order)
    apart = _difference(gaps, centre, height, target) ** 2
    apart = apart / 2 if order == 1 else apart * (_positive(above) + 2 * target) / 1.5
    missing = jnp.where(labels == 0, 0, order * labels * _positive(-above))  # 0, not 0 * inf
    return jnp.sum(apart + missing, axis)


def _difference(gaps: Array, centre: Array, height: Array, target: Array) -> Array:
    """R - t, with all digits also where r is close to t."""
    return jnp.where(_above(gaps, centre, height) <= 0, -target, _above(gaps, centre, height - target))


def _divergence_jvp(axis, order, primals, tangents):
    (gaps, centre, height, labels), (gaps_dot, _, _, labels_dot) = primals, tangents
    values, target = _divergence(gaps, centre, height, labels, axis, order), _label_root(labels, order)
    tangent = jnp.zeros_like(values)
    if not isinstance(gaps_dot, SymbolicZero):
        slope = order * _difference(gaps, centre, height, target)
        if order == 2:  # p - y = (r - t) (r + t)
            slope = slope * (_positive(_above(gaps, centre, height)) + target)
        tangent += jnp.sum(slope * gaps_dot, axis)
    if not isinstance(labels_dot, SymbolicZero):
        slope = -order * _above(gaps, centre, height - target)
        tangent += jnp.sum(jnp.where((labels == 0) & (gaps == -jnp.inf), 0, slope) * labels_dot, axis)
    return values, tangent


_divergence.defjvp(_divergence_jvp, symbolic_zeros=True)
_divergence = one_dispatch(_divergence, static_argnums=(4, 5))


def _label_root(labels: Array, order: int) -> Array:
    """y^(1/k), with derivative 0 at 0 instead of infinity."""
    return labels if order == 1 else jnp.where(labels == 0, 0, jnp.sqrt(jnp.where(labels == 0, 1, labels)))
