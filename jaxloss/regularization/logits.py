"""Penalties on what a network gives: how large its logits are, and how sure it is."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.reduce import Reduction
from jaxloss.rows.softmax import largest, score, surprises

__all__ = ["entropy", "router_z", "z_loss"]


def entropy(
    logits: Float[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Entropy of the softmax of logits. Added it makes predictions sure, subtracted it keeps them from it.

    .. math::  H = -\sum_c p_c \log p_c, \qquad
               \frac{\partial H}{\partial z_c} = p_c \left(-\log p_c - H\right)

    An impossible class, with a logit of -inf, contributes 0 with zero gradient.

    Args:
      logits: real array of any shape, the classes along ``axis``.
      axis: the axis of the classes.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats, from 0 to the logarithm of the number of
      classes.
    Raises: ValueError for an axis that is not there, TypeError for integer logits.
    Example:
      >>> entropy(jnp.array([[0.0, 0.0], [0.0, 100.0]]), reduction="none")
      Array([0.6931472, 0.       ], dtype=float32)
    References: minimised: Grandvalet and Bengio (2004), NeurIPS; subtracted: Pereyra et al. (2017), arXiv:1701.06548.
    """
    (logits,) = checks.floating("entropy", logits=logits)
    axis = checks.row_axis("entropy", logits, axis)
    scores = score(reduce.keep("entropy", where, logits, axis=axis), largest("entropy", where, logits, axis))
    return reduce.apply("entropy", _entropy(scores, axis), where=where, weights=weights, reduction=reduction)


def z_loss(
    logits: Float[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Squared logarithm of the softmax normaliser: keeps the logits of a language model from drifting.

    .. math::  \ell = \left(\log \sum_c e^{z_c}\right)^2, \qquad
               \frac{\partial \ell}{\partial z_c} = 2\, p_c \log \sum_k e^{z_k}

    PaLM adds 1e-4 times this. `softmax_cross_entropy_with_integer_labels` has it as an option, from the same pass over
    the logits. A row without a possible class costs inf.

    Args:
      logits: real array of any shape, the classes along ``axis``; -inf is an impossible class.
      axis: the axis of the classes.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in squared nats.
    Raises: ValueError for an axis that is not there, TypeError for integer logits.
    Example:
      >>> z_loss(jnp.array([[2.0, 2.0]]))
      Array(7.253042, dtype=float32)
    References: Chowdhery et al. (2022), PaLM, arXiv:2204.02311; de Brébisson and Vincent (2016), arXiv:1604.08859.
    """
    return _squared_normaliser("z_loss", "logits", logits, axis, where, weights, reduction)


def router_z(
    router_logits: Float[ArrayLike, "*shape"],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Squared logarithm of the normaliser of a router: keeps the logits of a mixture of experts small.

    .. math::  \ell = \left(\log \sum_e e^{z_e}\right)^2, \qquad
               \frac{\partial \ell}{\partial z_e} = 2\, p_e \log \sum_k e^{z_k}

    ST-MoE adds 1e-3 times the mean over the tokens. It is `z_loss` on the logits of the router.

    Args:
      router_logits: real array of any shape, the experts along ``axis``.
      axis: the axis of the experts.
      where, weights, reduction: of the tokens, see :doc:`/reductions`: padding is no token.
    Returns: a scalar, or one value per token with ``reduction="none"``; in squared nats.
    Raises: ValueError for an axis that is not there, TypeError for integer logits.
    Example:
      >>> router_z(jnp.array([[2.0, 2.0]]))
      Array(7.253042, dtype=float32)
    References: Zoph et al. (2022), ST-MoE, arXiv:2202.08906.
    """
    return _squared_normaliser("router_z", "router_logits", router_logits, axis, where, weights, reduction)


# dH/dz_c = -p_c (log p_c + H) = -p_c (d_c - sum_k p_k d_k): differences of logits, which nearly equal ones keep.
@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _entropy(scores: Array, axis: int) -> Array:
    classes = surprises(scores, axis)
    return jnp.sum(jnp.where(classes.probabilities == 0, 0, classes.probabilities * classes.nll), axis)


@_entropy.defjvp
def _(axis: int, primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (scores,), (change,) = primals, tangents
    p = surprises(scores, axis).probabilities
    possible = scores != -jnp.inf
    d = jnp.where(possible, scores, 0)
    slope = jnp.where(possible, -p * (d - jnp.sum(p * d, axis, keepdims=True)), 0)
    return _entropy(scores, axis), jnp.sum(slope * change, axis)


def _squared_normaliser(
    name: str, argument: str, logits: ArrayLike, axis: int, where: Any, weights: Any, reduction: Reduction
) -> Any:
    (rows,) = checks.floating(name, **{argument: logits})
    axis = checks.row_axis(name, rows, axis, argument)
    log_total: Array = numerics.logsumexp(reduce.keep(name, where, rows, axis=axis), axis)
    return reduce.apply(name, log_total**2, where=where, weights=weights, reduction=reduction)
