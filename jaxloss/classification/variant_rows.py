"""Row by row, what `jaxloss.classification.variants` is made of."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero

__all__ = ["proportional_nll", "shift", "spread", "spread_without_each", "taylor_of_distributions", "taylor_of_ids"]


def _leads(values: Array, axis: int) -> Array:
    """Whether each entry is the (first) largest of its row."""
    best = jnp.argmax(values, axis, keepdims=True)
    return lax.broadcasted_iota(best.dtype, values.shape, values.ndim + axis) == best


# --- Taylor softmax ------------------------------------------------------------------------------------------


def _polynomial(z: Array, scale: Array, order: int) -> Array:
    """f(z) / scale^n as a sum of positive terms: the powers of z alternate in sign, and cancel, for z < 0."""
    if order == 2:
        return (((z + 1) / scale) ** 2 + (1 / scale) ** 2) / 2
    # f(z) is the integral of e^-t (z + t)^n / n! over t > 0, for which Gauss-Laguerre quadrature is exact.
    nodes, shares = (numbers.tolist() for numbers in np.polynomial.laguerre.laggauss(order // 2 + 1))
    terms = (w / math.factorial(order) * ((z + t) / scale) ** order for t, w in zip(nodes, shares, strict=True))
    return sum(terms, start=jnp.zeros_like(z))


def _size(z: Array) -> Array:
    """max(|z|, 1), a scale that keeps powers of z finite and does not change the loss."""
    return lax.stop_gradient(jnp.maximum(jnp.abs(z), 1))


def taylor_of_ids(logits: Array, labels: Array, axis: int, order: int) -> Array:
    """log(1 + r) with r = sum_{j != y} f(z_j) / f(z_y)."""
    possible = logits != -jnp.inf
    z = jnp.where(possible, logits, 0)
    scale = jnp.max(_size(z), axis)
    others = jnp.where(possible & (labels == 0), _polynomial(z, jnp.expand_dims(scale, axis), order), 0)
    rest = jnp.sum(others, axis)  # in units of scale^n
    own = jnp.sum(labels * z, axis)
    unit = _size(own)
    label = _polynomial(own, unit, order)  # in units of unit^n
    # Where the other classes are larger by more than 2^100, r itself may overflow: log r = log(1 + r) there.
    share = (unit / scale) ** order
    near = share > 2.0**-100
    direct = jnp.log1p(rest / (label * jnp.where(near, share, 1)))
    far = jnp.log(jnp.where(near, 1, rest) / label) + order * jnp.log(scale / unit)
    impossible = jnp.sum(jnp.where(possible, 0, labels), axis) > 0
    return jnp.where(impossible, jnp.inf, jnp.where(near, direct, far))


def taylor_of_distributions(logits: Array, labels: Array, axis: int, order: int) -> Array:
    """sum_j y_j [log(1 + r) + log(f(z_t) / f(z_j))], with r as above for t, the class of the largest f(z)."""
    possible = logits != -jnp.inf
    z = jnp.where(possible, logits, 0)
    unit = _size(z)
    scale = jnp.max(unit, axis, keepdims=True)
    masses = jnp.where(possible, _polynomial(z, scale, order), 0)
    leads = _leads(masses, axis)
    rest = jnp.sum(jnp.where(leads, 0, masses), axis, keepdims=True)
    leader = jnp.sum(jnp.where(leads, masses, 0), axis, keepdims=True)
    leader = jnp.where(leader == 0, 1, leader)  # of a row of impossible classes
    behind = jnp.log(leader / _polynomial(z, unit, order)) + order * jnp.log(scale / unit)
    behind = jnp.where(leads, 0, jnp.where(possible, behind, jnp.where(labels == 0, 0, jnp.inf)))
    return jnp.sum(labels * (jnp.log1p(rest / leader) + behind), axis)


# --- class proportions ------------------------------------------------------------------------------------------


def shift(logits: Array, axis: int) -> Array:
    """Return what to subtract from each row so that e^z does not overflow and small logits keep their digits."""
    top = jnp.maximum(jnp.max(logits, axis, keepdims=True), jnp.finfo(logits.dtype).min)
    bottom = jnp.min(logits, axis, keepdims=True)
    size = jnp.maximum(jnp.abs(top), jnp.abs(bottom))
    return lax.stop_gradient(jnp.where((size < 0.5) & (top - bottom > size / 2), 0, top))


# With T = sum_i pi_i e^{d_i}: nll = sum_j y_j (log T - d_j). Its derivative p_j Y - y_j, Y = sum_j y_j, is computed as
# p_j (Y - y_j) - y_j (1 - p_j), of which neither difference cancels where the row is right: 1 - p_j = (T - u_j) / T,
# u_j = pi_j e^{d_j}, with the sum of the others for the one class that may have more than half of T.
@partial(jax.custom_jvp, nondiff_argnums=(3,))
def proportional_nll(gaps: Array, priors: Array, labels: Array, axis: int) -> Array:
    """Return the negative log-probability of the labels when class c has prior priors[c]."""
    return jnp.sum(labels * _proportional_surprise(gaps, priors, labels, axis), axis)


def _proportional_surprise(gaps: Array, priors: Array, labels: Array, axis: int) -> Array:
    """Log T - d, and 0 for an impossible class of label 0."""
    total = jnp.sum(priors * jnp.exp(gaps), axis, keepdims=True)
    # log T = log(1 + sum pi (e^d - 1)), which keeps the digits of gaps that are tiny.
    shift = jnp.sum(priors * jnp.expm1(gaps), axis, keepdims=True)
    small = total > 0.9  # below, log1p of float64 is off by 90 ulp
    log_total = jnp.where(small, jnp.log1p(jnp.where(small, shift, 0)), jnp.log(jnp.where(small, 1, total)))
    return log_total - jnp.where((labels == 0) & (gaps == -jnp.inf), 0, gaps)


def proportional_nll_jvp(axis, primals, tangents):
    (gaps, priors, labels), (gaps_dot, priors_dot, labels_dot) = primals, tangents
    nll = proportional_nll(gaps, priors, labels, axis)
    parts = priors * jnp.exp(gaps)
    total = jnp.sum(parts, axis, keepdims=True)
    mass = jnp.sum(labels, axis, keepdims=True)
    inverse = 1 / jnp.where(total == 0, 1, total)
    tangent = jnp.zeros_like(nll)
    if not isinstance(gaps_dot, SymbolicZero):
        likely = parts > total / 2
        rest = jnp.sum(jnp.where(likely, 0, parts), axis, keepdims=True)
        miss = jnp.where(likely, rest, total - parts) * inverse
        slope = parts * inverse * (mass - labels) - labels * miss
        tangent += jnp.sum(slope * gaps_dot, axis)
    if not isinstance(priors_dot, SymbolicZero):
        tangent += jnp.sum(mass * inverse * jnp.exp(gaps) * priors_dot, axis)
    if not isinstance(labels_dot, SymbolicZero):
        tangent += jnp.sum(_proportional_surprise(gaps, priors, labels, axis) * labels_dot, axis)
    return nll, tangent


proportional_nll.defjvp(proportional_nll_jvp, symbolic_zeros=True)


# --- large margin ------------------------------------------------------------------------------------------


def spread(logits: Array, members: Array, axis: int) -> Array:
    """Sum q z - mean z over the members that are possible, q = softmax; the class axis is kept."""
    members = members & (logits != -jnp.inf)
    top = jnp.max(jnp.where(members, logits, jnp.finfo(logits.dtype).min), axis, keepdims=True)
    gaps = jnp.where(members, logits - lax.stop_gradient(top), 0)
    parts = jnp.where(members, jnp.exp(gaps), 0)
    total, count = jnp.sum(parts, axis, keepdims=True), jnp.sum(members, axis, keepdims=True)
    average = jnp.sum(parts * gaps, axis, keepdims=True) / jnp.where(count == 0, 1, total)
    return average - jnp.sum(gaps, axis, keepdims=True) / jnp.maximum(count, 1).astype(gaps.dtype)


def spread_without_each(logits: Array, axis: int) -> Array:
    """`spread` of all classes but k, for every k."""
    possible = logits != -jnp.inf
    leads = _leads(logits, axis)
    top = jnp.maximum(jnp.max(logits, axis, keepdims=True), jnp.finfo(logits.dtype).min)
    gaps = jnp.where(possible, logits - lax.stop_gradient(top), 0)
    parts = jnp.where(possible, jnp.exp(gaps), 0)
    row_sum = lambda x: jnp.sum(x, axis, keepdims=True)
    # Without k, sums over all classes lose k's term. The leader's is the largest: without it, the sums are taken anew.
    total = jnp.where(leads, 1, row_sum(parts) - parts)
    count = row_sum(possible.astype(gaps.dtype)) - possible.astype(gaps.dtype)
    average = (row_sum(parts * gaps) - parts * gaps) / jnp.where(total == 0, 1, total)
    others = average - (row_sum(gaps) - gaps) / jnp.maximum(count, 1)
    return jnp.where(leads, spread(logits, ~leads, axis), others)
