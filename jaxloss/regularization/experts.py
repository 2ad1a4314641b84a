"""Mixtures of experts: tokens spread evenly over them."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.reduce import Reduction
from jaxloss.rows.softmax import largest, score, surprises

__all__ = ["load_balancing"]


def load_balancing(
    router_logits: Float[ArrayLike, "*tokens_and_experts"],
    *,
    top_k: int = 1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Load of the experts times their probability: 1 when balanced, the number of experts when one takes everything.

    .. math::  \ell = E \sum_e f_e P_e, \qquad f_e = \frac{1}{k T} \sum_t [e \in \text{top}_k(z_t)], \qquad
               P_e = \frac1T \sum_t p_{te}

    with the softmax p of the logits of the T tokens that exist. The loads f are counts: they have no gradient, and are
    held fixed. Of equal logits the expert with the lower index is chosen. A token that an overfull expert drops counts.

    Args:
      router_logits: real array ``[..., tokens, experts]``. All tokens of a batch balance together when they are on one
        axis; any other axis counts batches, which balance apart.
      top_k: how many experts a token goes to. The load is divided by it; some libraries do not, and balance at k.
      where: the tokens that exist, of the shape of the logits without the experts: padding is no token.
      weights, reduction: of the batches, see :doc:`/reductions`.
    Returns: a scalar, or one value per batch of tokens with ``reduction="none"``.
    Raises: ValueError for logits without an axis of tokens or a k out of range, TypeError for integer logits.
    Example:
      >>> load_balancing(jnp.array([[0.0, 9.0], [9.0, 0.0]]))
      Array(1., dtype=float32)
    References: Fedus et al. (2022), Switch transformers, arXiv:2101.03961; Shazeer et al. (2017), arXiv:1701.06538.
    """
    name = "load_balancing"
    (logits,) = checks.floating(name, router_logits=router_logits)
    if logits.ndim < 2:
        raise ValueError(f"{name}: router_logits must be [..., tokens, experts], got shape {logits.shape}")
    experts = logits.shape[-1]
    if not 1 <= top_k <= experts:
        raise ValueError(f"{name}: top_k must be from 1 to the number of experts {experts}, got {top_k}")
    scores = score(reduce.keep(name, where, logits, axis=-1), largest(name, where, logits, -1))
    exists = jnp.broadcast_to(jnp.asarray(True if where is None else where), logits.shape[:-1])
    count = jnp.sum(exists, -1, dtype=jnp.int32).astype(logits.dtype)
    _, chosen = lax.top_k(lax.stop_gradient(scores), top_k)
    one_hot = chosen[..., None] == lax.broadcasted_iota(jnp.int32, (*chosen.shape, experts), chosen.ndim)
    taken = jnp.any(one_hot, -2) & exists[..., None]
    load = jnp.sum(taken, -2, keepdims=True, dtype=jnp.int32)
    # Relative to the load of the first choice: of a sure token next to nothing is left, so that its gradient keeps its
    # digits.
    first = jnp.sum(jnp.where(one_hot[..., 0, :], load, 0), -1, keepdims=True, dtype=jnp.int32)
    excess = (load - first).astype(logits.dtype) * surprises(scores, -1).probabilities
    total = jnp.sum(jnp.where(exists, first[..., 0].astype(logits.dtype) + jnp.sum(excess, -1), 0), -1)
    tokens = jnp.maximum(count, 1)
    values = experts * total / tokens / (top_k * tokens)
    return reduce.apply(name, values, where=count > 0, weights=weights, reduction=reduction)
