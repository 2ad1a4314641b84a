"""What the losses of yes-or-no labels share: cross-entropy and probabilities of a logit, from one exponential.

All work on logits ``x`` and labels ``y`` of one shape and dtype, already checked and masked. Each is a ``custom_jvp``
whose rule is made of functions with exact rules again, so derivatives of every order keep their digits. The rules take
symbolic zeros: for labels that are held fixed there is no term ``inf * 0`` of an infinite logit.
"""

from __future__ import annotations

import numbers
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike

from jaxloss import checks, numerics
from jaxloss.numerics.elementary import _log1p_unit, in_one_loop, one_dispatch

__all__ = ["cross_entropy", "discount", "log1m", "miss", "probabilities", "surplus", "tails"]


def log1m(p: Array) -> Array:
    """Return log(1 - p) for p in [0, 1], accurate for small p."""
    if p.dtype == jnp.float64:  # XLA's log1p is wrong by up to 128 ulp around -0.4, in float64 alone
        return jnp.where(p < 0.3, jnp.log1p(-p), jnp.log(1 - p))
    return jnp.log1p(-p)


@jax.custom_jvp
def tails(x: Array) -> tuple[Array, Array]:
    """Return sigma(-|x|) and sigma(|x|); neither loses digits."""
    e = jnp.exp(-jnp.abs(x))  # the exponential of `cross_entropy`: XLA computes it once
    return e / (1 + e), 1 / (1 + e)


# sigma' = sigma(x) sigma(-x). At x = 0, where |x| has a kink, what is built on them takes the branch of x <= 0.
@tails.defjvp
def _tails_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    small, large = tails(*primals)
    slope = small * large * tangents[0]
    slope = jnp.where(primals[0] > 0, -slope, slope)
    return (small, large), (slope, -slope)


@jax.custom_jvp
def _small_tail(x: Array) -> Array:
    """Return sigma(-|x|) from e^|x|, which the value of `cross_entropy` has no use for.

    XLA:CPU stores what value and gradient share and reads it back: sharing one exponential took 1.3 ms, two
    exponentials take 0.85 (2**20 elements, value and gradient of the mean).
    """
    return 1 / (1 + jnp.exp(jnp.maximum(x, -x)))


# The branch at x = 0 is that of x >= 0, unlike in `tails`: the comparison is not shared either.
@_small_tail.defjvp
def _small_tail_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    small = _small_tail(*primals)
    slope = small * (1 - small) * tangents[0]
    return small, jnp.where(primals[0] >= 0, -slope, slope)


def probabilities(x: Array) -> tuple[Array, Array]:
    """Return sigma(x) and sigma(-x); neither loses digits."""
    small, large = tails(x)
    return jnp.where(x > 0, large, small), jnp.where(x > 0, small, large)


@jax.custom_jvp
def miss(x: Array, y: Array) -> Array:
    """Return 1 - p_t = y sigma(-x) + (1 - y) sigma(x): the probability that the sigmoid gives to the other label."""
    small, large = tails(x)
    wrong = jnp.where(x > 0, 1 - y, y)
    return wrong * large + (1 - wrong) * small


# Along y the slope is sigma(-x) - sigma(x) = -tanh(x/2), which as a difference would cancel near x = 0.
def _miss_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (x, y), (dx, dy) = primals, tangents
    change = jnp.zeros_like(x)
    if not isinstance(dx, SymbolicZero):
        small, large = tails(x)
        change += (1 - 2 * y) * (small * large) * dx
    if not isinstance(dy, SymbolicZero):
        change -= numerics.tanh(0.5 * x) * dy
    return miss(x, y), change


miss.defjvp(_miss_jvp, symbolic_zeros=True)


@jax.custom_jvp
def cross_entropy(x: Array, y: Array, pos_weight: Array | None = None) -> Array:
    """Return p softplus(-x) + n softplus(x) with p = pos_weight * y (or y) and n = 1 - y.

    Both softplus are log(1 + e^-|x|), and |x| on top for the label that x is on the wrong side of. So what is usually
    written max(x, 0) - x y is |x| (1 - y) or |x| y here, which does not cancel for labels near 1.
    """
    doubt = _log1p_unit(jnp.exp(-jnp.abs(x)))
    if pos_weight is None:  # as below, of other terms than the gradient, for the reason given at `_small_tail`
        wrong = jnp.where(x > 0, y - 1, y)
        return in_one_loop(jnp.where(wrong == 0, 0, -x * wrong) + doubt)
    yes, no = _masses(y, pos_weight)
    return in_one_loop(surplus(x, yes, no) + (yes + no) * doubt)


def surplus(x: Array, yes: Array, no: Array) -> Array:
    """Return |x| times the weight of the label that x is on the wrong side of; for an infinite x and no weight, 0."""
    wrong = jnp.where(x > 0, no, yes)
    return jnp.where(wrong == 0, 0, jnp.abs(x) * wrong)


# d/dx = n sigma(x) - p sigma(-x) = n - (p + n) sigma(-x) = (p + n) sigma(x) - p: whichever has the small sigmoid.
# At x = 0 that is (n - p) / 2, where differentiating maximum and abs would add up their own subgradients.
# d/dy = pos_weight softplus(-x) - softplus(x), which is -x without a weight; d/dpos_weight = y softplus(-x).
def _cross_entropy_jvp(
    primals: tuple[Array, Array, Array | None], tangents: tuple[Any, Any, Any]
) -> tuple[Array, Array]:
    (x, y, pos_weight), (dx, dy, dw) = primals, tangents
    yes, no = _masses(y, pos_weight)
    change = jnp.zeros_like(x)
    if not isinstance(dx, SymbolicZero):
        if pos_weight is None:
            positive, small = x >= 0, _small_tail(x)
        else:
            positive, small = x > 0, (yes + no) * tails(x)[0]
        change += jnp.where(positive, no - small, small - yes) * dx
    if not isinstance(dy, SymbolicZero):
        change += (-x if pos_weight is None else pos_weight * numerics.softplus(-x) - numerics.softplus(x)) * dy
    if pos_weight is not None and not isinstance(dw, SymbolicZero):
        change += y * numerics.softplus(-x) * dw
    return cross_entropy(x, y, pos_weight), change


cross_entropy.defjvp(_cross_entropy_jvp, symbolic_zeros=True)
cross_entropy = one_dispatch(cross_entropy)


def discount(name: str, argument: str, gamma: ArrayLike, chance: Array, entropy: Array) -> Array:
    """Return chance^gamma * entropy; the number 0 adds no operation."""
    gamma = checks.parameter(name, argument, gamma, entropy, minimum=0)
    fixed = isinstance(gamma, numbers.Real)
    if fixed and gamma == 0:
        return entropy
    if not fixed or gamma < 1:  # the slope of the power is infinite at 0, where a chance ends that underflows
        chance = jnp.maximum(chance, jnp.finfo(chance.dtype).tiny)
    return numerics.power(chance, gamma) * entropy


def _masses(y: Array, pos_weight: Array | None) -> tuple[Array, Array]:
    return y if pos_weight is None else pos_weight * y, 1 - y
