"""Binary cross-entropy, of logits and of probabilities."""

from __future__ import annotations

import numbers
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.reduce import Reduction
from jaxloss.rows.yes_no import cross_entropy, log1m

__all__ = ["binary_cross_entropy", "sigmoid_binary_cross_entropy"]


def sigmoid_binary_cross_entropy(
    logits: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "*shape"] | Bool[ArrayLike, "*shape"],
    *,
    pos_weight: Real[ArrayLike, "..."] | None = None,
    label_smoothing: Real[ArrayLike, "..."] = 0.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Cross-entropy of yes-or-no labels with the sigmoid of the logits, each element on its own.

    .. math::  \ell(x, y) = \max(x, 0) - x y + \log(1 + e^{-|x|}) = -y \log \sigma(x) - (1 - y) \log \sigma(-x), \qquad
               \frac{\partial \ell}{\partial x} = \sigma(x) - y, \quad \frac{\partial \ell}{\partial y} = -x

    Linear in the labels, which may be any real numbers. A logit of :math:`-\infty` with label 0 costs nothing, and so
    does one of :math:`+\infty` with label 1. With a positive weight :math:`w` the loss is
    :math:`-w y \log \sigma(x) - (1 - y) \log \sigma(-x)`; with a label smoothing :math:`s` the label is
    :math:`(1 - s) y + s / 2`.

    Args:
      logits: real array of any shape, log-odds.
      labels: array of exactly that shape; real, integer or boolean, 0 for no and 1 for yes.
      pos_weight: how many times a yes counts; a number, or an array with the axes of the logits (those of size 1
        stretch), such as ``(1, classes)``. It may be learned.
      label_smoothing: between 0 and 1; 0.2 turns 0 and 1 into 0.1 and 0.9.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or a parameter out of its range, TypeError for integer logits.
    Example:
      >>> sigmoid_binary_cross_entropy(jnp.array([2.0, -1.0, -jnp.inf]), jnp.array([1, 0, 0]), reduction="none")
      Array([0.126..., 0.313..., 0. ...], dtype=float32)
    References: Cox (1958), The regression analysis of binary sequences, doi:10.1111/j.2517-6161.1958.tb00292.x.
    """
    name = "sigmoid_binary_cross_entropy"
    logits, labels = checks.real_pair(name, logits, labels, arguments=("logits", "labels"))
    logits, labels = reduce.keep(name, where, logits, labels)
    labels = _smooth(name, labels, label_smoothing)
    if pos_weight is not None:
        pos_weight = jnp.asarray(checks.parameter(name, "pos_weight", pos_weight, logits, minimum=0), logits.dtype)
    values = cross_entropy(logits, labels, pos_weight)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def binary_cross_entropy(
    probabilities: Float[ArrayLike, "*shape"],
    labels: Real[ArrayLike, "*shape"] | Bool[ArrayLike, "*shape"],
    *,
    eps: Real[ArrayLike, "..."] = 1e-7,
    label_smoothing: Real[ArrayLike, "..."] = 0.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Cross-entropy of yes-or-no labels with probabilities that are already there.

    .. math::  \ell(p, y) = -y \log \hat p - (1 - y) \log \hat q, \qquad
               \frac{\partial \ell}{\partial p} = \frac{1 - y}{\hat q} - \frac{y}{\hat p}, \qquad
               \hat p = \max(p, \epsilon), \quad \hat q = \max(1 - p, \epsilon)

    The value never exceeds :math:`-\log \epsilon` (16.1 for the default), and the gradient is the formula above also
    where the probability is clipped: a prediction of 0 for a yes has the slope :math:`-1/\epsilon`, so it still
    learns, and one of 1 for a yes costs exactly 0. Probabilities a rounding error outside [0, 1] count as 0 or 1. Where
    logits are at hand, `sigmoid_binary_cross_entropy` needs no clipping at all.

    Args:
      probabilities: real array of any shape, of numbers in [0, 1]; 16-bit ones are computed in float32.
      labels: array of exactly that shape; real, integer or boolean, 0 for no and 1 for yes.
      eps: probability below which the logarithm stays what it is, above 0 and below 1/2.
      label_smoothing: between 0 and 1; 0.2 turns 0 and 1 into 0.1 and 0.9.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or a parameter out of its range, TypeError for integer probabilities.
    Example:
      >>> binary_cross_entropy(jnp.array([0.92, 0.976, 0.003]), jnp.array([0, 0, 1]))
      Array(4.0215..., dtype=float32)
    References: Good (1952), Rational decisions, doi:10.1111/j.2517-6161.1952.tb00104.x.
    """
    name = "binary_cross_entropy"
    probabilities, labels = checks.real_pair(name, probabilities, labels, arguments=("probabilities", "labels"))
    probabilities, labels = reduce.keep(name, where, probabilities, labels, fill=0.5)
    labels = _smooth(name, labels, label_smoothing)
    eps = checks.parameter(name, "eps", eps, probabilities, above=0, below=0.5)
    values = _clipped_cross_entropy(probabilities, labels, jnp.asarray(eps, probabilities.dtype))
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def _smooth(name: str, labels: Array, label_smoothing: ArrayLike) -> Array:
    """Move labels towards 1/2; the number 0 adds no operation."""
    share = checks.parameter(name, "label_smoothing", label_smoothing, labels, minimum=0, maximum=1)
    if isinstance(share, numbers.Real) and share == 0:
        return labels
    return (1 - share) * labels + 0.5 * share


@jax.custom_jvp
def _clipped_cross_entropy(p: Array, y: Array, eps: Array) -> Array:
    """Return -y log max(p, eps) - (1 - y) log max(1 - p, eps)."""
    log_yes, log_no = _clipped_logs(p, eps)
    return -(y * log_yes + (1 - y) * log_no)


# The slope takes the clipped probabilities for what they are and not for constants: (1 - y) / q - y / p, and not 0
# where the model is most wrong. Over one denominator, with p + q = 1 where neither is clipped, it does not cancel near
# p = y.
def _clipped_cross_entropy_jvp(
    primals: tuple[Array, Array, Array], tangents: tuple[Array, Array, Array]
) -> tuple[Array, Array]:
    (p, y, eps), (dp, dy, _) = primals, tangents
    change = jnp.zeros_like(p)
    if not isinstance(dp, SymbolicZero):
        yes, no = jnp.maximum(p, eps), jnp.maximum(1 - p, eps)
        inside = (p >= eps) & (1 - p >= eps)
        change += jnp.where(inside, p - y, (1 - y) * yes - y * no) / (yes * no) * dp
    if not isinstance(dy, SymbolicZero):
        log_yes, log_no = _clipped_logs(p, eps)
        change += (log_no - log_yes) * dy
    return _clipped_cross_entropy(p, y, eps), change


_clipped_cross_entropy.defjvp(_clipped_cross_entropy_jvp, symbolic_zeros=True)


def _clipped_logs(p: Array, eps: Array) -> tuple[Array, Array]:
    p = jnp.clip(p, 0, 1)
    return jnp.maximum(jnp.log(p), jnp.log(eps)), jnp.maximum(log1m(p), jnp.log(eps))
