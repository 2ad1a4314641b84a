"""What divergences of rows have in common: log-probabilities and probabilities along an axis, checked and masked."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxloss import checks, numerics, reduce
from jaxloss.numerics.elementary import horner
from jaxloss.numerics.slopes import with_slopes

__all__ = ["atanh_rest", "difference", "gap", "row_pair", "scaled_exp"]


def row_pair(
    name: str, log_predictions: ArrayLike, targets: ArrayLike, axis: int, where: ArrayLike | None
) -> tuple[Array, Array, int]:
    """Return log-predictions, targets and their axis; a masked row is filled where every divergence is finite."""
    arguments = ("log_predictions", "targets")
    log_p, t, axis = checks.dense_rows(name, log_predictions, targets, axis, arguments=arguments)
    return (*reduce.keep(name, where, log_p, t, axis=axis, fill=1), axis)


def gap(log_p: Array, t: Array) -> Array:
    """Logarithm of p / t, and 0 where t = 0."""
    return jnp.where(t == 0, 0, numerics.log_gap(log_p, jnp.where(t == 0, 1, t)))


# With d = log(p/t), p - t = t (e^d - 1): where the two are near, the digits of d are those of the difference.
@with_slopes(lambda log_p, _: jnp.exp(log_p), lambda _, t: -jnp.ones_like(t))
def difference(log_p: Array, t: Array) -> Array:
    """The difference p - t."""
    d = gap(log_p, t)
    near = (t != 0) & (jnp.abs(d) < 1)
    return jnp.where(near, t * numerics.expm1(jnp.where(near, d, 0)), jnp.exp(log_p) - t)


def scaled_exp(factor: Array, exponent: Array) -> Array:
    """The product factor e^exponent: finite wherever it is representable, although e^exponent may not be."""
    limit = 80 if exponent.dtype == jnp.float32 else 700
    first = jnp.clip(exponent, -limit, limit)
    rest = exponent - first  # 0 unless the exponent is beyond the limit
    return jnp.where(factor == 0, 0, factor * jnp.exp(first) * jnp.exp(rest))


def atanh_rest(r: Array) -> Array:
    """What atanh(r) / r exceeds 1 by, r^2/3 + r^4/5 + ..., for |r| <= 1/2."""
    terms = 12 if r.dtype == jnp.float32 else 26
    return r * r * horner(r * r, [1 / (2 * k + 3) for k in range(terms)])
