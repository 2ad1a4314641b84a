"""Evidential classification: a network that says how much evidence it has for each class, and so what it does not know.

The evidence makes a Dirichlet distribution over the probabilities of the classes. Its risk is what a loss of these
probabilities is on average, and evidence for wrong classes costs its divergence from no evidence at all.
"""

from __future__ import annotations

from typing import Literal

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.numerics.dirichlet import digamma_gap, divergence_from_uniform, share, sums_of_others
from jaxloss.numerics.slopes import with_slopes
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import class_rows

__all__ = ["evidential"]

Risk = Literal["squared_error", "cross_entropy", "likelihood"]
RISKS: tuple[Risk, ...] = ("squared_error", "cross_entropy", "likelihood")


def evidential(
    evidence: Float[ArrayLike, "..."],
    labels: Real[ArrayLike, "..."],
    *,
    risk: Risk = "squared_error",
    kl_weight: float | Real[ArrayLike, "..."] = 1,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Risk of a Dirichlet distribution made of evidence, plus its evidence for wrong classes.

    .. math::  \ell = R(\alpha, y) + \lambda \, D(\tilde\alpha), \qquad \alpha_c = 1 + e_c, \quad
               \tilde\alpha_c = 1 + (1 - y_c) \, e_c, \quad S = \sum_c \alpha_c

    with one of the risks, each with p from the distribution,

    .. math::
       E \sum_c (y_c - p_c)^2 &= \sum_c (y_c - \hat p_c)^2 + \frac{\sum_c \hat p_c (1 - \hat p_c)}{S + 1}, \qquad
           \hat p_c = \frac{\alpha_c}{S} \\
       E \Bigl[-\sum_c y_c \log p_c\Bigr] &= \sum_c y_c \, \bigl(\psi(S) - \psi(\alpha_c)\bigr), \qquad
           \frac{\partial}{\partial e_k} = \psi'(S) \sum_c y_c - y_k \psi'(\alpha_k) \\
       -\sum_c y_c \log E p_c &= \sum_c y_c \log \frac{S}{\alpha_c}, \qquad
           \frac{\partial}{\partial e_k} = \frac{\sum_c y_c}{S} - \frac{y_k}{\alpha_k}

    and the Kullback-Leibler divergence from the uniform distribution, with F the sum of the
    :math:`f_c = (1 - y_c) \, e_c` and K classes,

    .. math::  D = \log \frac{\Gamma(K + F)}{\Gamma(K)} - \sum_c \log \Gamma(1 + f_c)
                   + \sum_c f_c \, \bigl(\psi(1 + f_c) - \psi(K + F)\bigr), \qquad
               \frac{\partial D}{\partial f_c} = f_c \psi'(1 + f_c) - F \psi'(K + F)

    The share of belief that no evidence has claimed, K/S, is the uncertainty of a prediction.

    Args:
      evidence: real array with a class axis, of numbers of at least 0: ``jax.nn.softplus`` of a network's outputs, say.
      labels: integer class ids, of the shape of the evidence without the class axis, or distributions over the classes,
        of the shape of the evidence.
      risk: "squared_error", "cross_entropy" or "likelihood" (of the mean probabilities), in the order above.
      kl_weight: :math:`\lambda`, at least 0; the paper lets it grow from 0 to 1 over the first ten epochs.
      axis: the class axis.
      ignore_index: a class id whose rows are masked.
      where, weights, reduction: one value per row; see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``.
    Raises: ValueError for shapes that do not fit, a negative number for ``kl_weight`` or an unknown risk, TypeError for
      integer evidence.
    Example:
      >>> evidence = jnp.array([[8.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
      >>> evidential(evidence, jnp.array([0, 0]), reduction="none")
      Array([0.393..., 0.833...], dtype=float32)
    References: Sensoy, Kaplan and Kandemir (2018), Evidential deep learning to quantify classification uncertainty,
      NeurIPS, arXiv:1806.01768 (equations 3 to 5; the divergence is that of its section 4).
    """
    name = "evidential"
    checks.choice(name, "risk", risk, RISKS)
    rows = class_rows(
        name, evidence, labels, axis=axis, where=where, ignore_index=ignore_index, arguments=("evidence", "labels")
    )
    e, y, axis = rows.scores, rows.labels, rows.axis
    alpha = 1 + e
    others = (e.shape[axis] - 1) + sums_of_others(e, axis)
    values = jnp.sum(_risk(risk, alpha, others, y), axis)
    kl_weight = checks.parameter(name, "kl_weight", kl_weight, values, minimum=0)
    if isinstance(kl_weight, Array) or kl_weight:
        values = values + kl_weight * divergence_from_uniform((1 - y) * e, axis)
    return reduce.apply(name, values * rows.valid, where=rows.where, weights=weights, reduction=reduction)


def _risk(risk: Risk, alpha: Array, others: Array, y: Array) -> Array:
    """What each class adds to the risk; ``others`` is the sum of the concentrations of the other classes."""
    if risk == "cross_entropy":
        return y * digamma_gap(alpha, others)
    if risk == "likelihood":
        return y * _surprise(alpha, others)
    p, missing = share(alpha, others), share(others, alpha)
    error = jnp.where(p > 0.5, (y - 1) + missing, y - p)  # y - p, to the last digits also where both are next to 1
    return error * error + p * missing / (alpha + others + 1)


@with_slopes(lambda alpha, others: -share(others, alpha) / alpha, lambda alpha, others: 1 / (alpha + others))
def _surprise(alpha: Array, others: Array) -> Array:
    """-log of alpha / (alpha + others)."""
    return jnp.log1p(others / alpha)
