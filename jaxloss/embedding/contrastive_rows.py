r"""Rows of contrastive losses: from the similarities of an anchor to one number, before any mask or mean of anchors.

All take logits :math:`z_{ij}`, tempered similarities of anchor i and example j, and say with masks which of them are
positives, negatives or neither. No number but a difference of logits is exponentiated.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxloss import numerics
from jaxloss.embedding.batches import own
from jaxloss.numerics.elementary import one_dispatch
from jaxloss.rows.softmax import of_distributions, of_ids

__all__ = ["against_all", "against_negatives", "margin_of_negatives", "own_against_others"]


# With N_i = sum_{k negative} exp(z_ik), the loss is a sum of softplus(log N_i - z_ij). Its derivative is
# -sigma(log N_i - z_ij) at a positive j, and at a negative k the sum of these sigmas times the share of k in N_i: terms
# of opposite sign do not meet.
@jax.custom_jvp
def against_negatives(z: Array, positive: Array, negative: Array) -> Array:
    r"""Return :math:`\sum_j \log(1 + \sum_k e^{z_{ik} - z_{ij}})` over positives j and negatives k of each row."""
    log_total = _negatives(z, negative)[2]
    return jnp.sum(jnp.where(positive, numerics.softplus(jnp.where(positive, log_total - z, 0)), 0), -1)


@against_negatives.defjvp
def _(primals, tangents):
    z, positive, negative = primals
    e, total, log_total = _negatives(z, negative)
    pull = jnp.where(positive, numerics.sigmoid(jnp.where(positive, log_total - z, 0)), 0)
    push = e * (jnp.sum(pull, -1, keepdims=True) / total)
    return against_negatives(*primals), jnp.sum((push - pull) * tangents[0], -1)


against_negatives = one_dispatch(against_negatives)


def _negatives(z: Array, negative: Array) -> tuple[Array, Array, Array]:
    """e^(z - max z) of the negatives, 0 elsewhere; their sum, 1 if there is none; and the logarithm of sum e^z."""
    top = jnp.max(jnp.where(negative, lax.stop_gradient(z), -jnp.inf), -1, keepdims=True, initial=-jnp.inf)
    none = top == -jnp.inf
    top = jnp.where(none, 0, top)
    e = jnp.exp(jnp.where(negative, z - top, -jnp.inf))
    total = jnp.where(none, 1, jnp.sum(e, -1, keepdims=True))
    return e, total, jnp.where(none, -jnp.inf, jnp.log(total) + top)


def margin_of_negatives(z: Array, positive: Array, negative: Array, positives: Array) -> Array:
    r"""Return :math:`\log \sum_k e^{z_{ik}} - \bar z_i`, over negatives k and with the mean of the positives."""
    pull = jnp.sum(jnp.where(positive, z, 0), -1) / jnp.maximum(positives, 1)
    push = numerics.logsumexp(jnp.where(negative, z, -jnp.inf), -1)
    return push - pull


def against_all(z: Array, positive: Array, others: Array, positives: Array) -> Array:
    r"""Return the mean of :math:`\log \sum_k e^{z_{ik} - z_{ij}}` over positives j, where k is any of the others."""
    z = jnp.where(others, z, -jnp.inf)
    shares = jnp.where(positive, 1 / jnp.maximum(positives, 1)[..., None], 0)
    return of_distributions(z - _largest(z, -1), shares, jnp.minimum(positives, 1)[..., None], -1).nll


def own_against_others(z: Array, places: Array, axis: int = -1) -> Array:
    r"""Return :math:`\log \sum_k e^{z_{ik} - z_{ii}}` along ``axis``, where the i are at those places of it."""
    z = z - _largest(z, axis)
    mine = own(places, z.shape) if axis == -1 else jnp.swapaxes(own(places, jnp.swapaxes(z, -1, -2).shape), -1, -2)
    # Not `lax.stop_gradient`, although `of_ids` ignores the gradient: see `Scaling.rows_of_ids`.
    score = jnp.sum(jnp.where(mine, z, 0), axis)
    return of_ids(z, jnp.broadcast_to(places, score.shape), score, axis).nll


def _largest(z: Array, axis: int) -> Array:
    """The largest of a row, 0 if all are -inf; what follows depends on differences alone."""
    top = jnp.max(lax.stop_gradient(z), axis, keepdims=True, initial=-jnp.inf)
    return jnp.where(top == -jnp.inf, 0, top)
