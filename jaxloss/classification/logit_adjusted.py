"""Cross-entropy for classes of very different frequency."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import along, class_table
from jaxloss.rows.softmax import labelled_rows

__all__ = ["logit_adjusted"]


def logit_adjusted(
    logits: Float[ArrayLike, "*rows_and_classes"],
    labels: Real[ArrayLike, "..."],
    *,
    class_priors: Real[ArrayLike, "classes"],
    tau: float | Real[ArrayLike, ""] = 1.0,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Softmax cross-entropy of logits to which the log-frequencies of the classes are added, per row.

    .. math::  \ell = -\sum_c y_c \log p_c, \qquad p = \mathrm{softmax}(z + \tau \log \pi), \qquad
               \frac{\partial \ell}{\partial z_c} = p_c \sum_k y_k - y_c

    The logits then need not learn how frequent a class is: used without the adjustment, as at inference, they predict
    as if all classes were equally frequent, which minimises the balanced error. With :math:`\tau = 1` this is the
    balanced softmax.

    Args:
      logits: real array with the classes on ``axis``, in nats; -inf is an impossible class.
      labels: integer array of the shape of the logits without that axis, NaN where outside [0, classes), or a
        distribution over the classes of exactly the shape of the logits.
      class_priors: frequency of each class, in any unit, such as counts; a class of frequency 0 is impossible.
      tau: strength of the adjustment; a number, or a scalar array, which may be learned.
      axis: the class axis.
      ignore_index: label of rows that do not exist, such as -100 for padding.
      where, weights, reduction: of the rows, see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit, TypeError for integer logits.
    Example:
      >>> logit_adjusted(jnp.zeros((2, 2)), jnp.array([0, 1]), class_priors=jnp.array([90, 10]), reduction="none")
      Array([0.10536051, 2.3025851 ], dtype=float32)

    References: Menon et al. (2021), Long-tail learning via logit adjustment, arXiv:2007.07314; Ren et al. (2020),
      Balanced meta-softmax for long-tailed visual recognition, arXiv:2007.10740.
    """
    name = "logit_adjusted"
    (logits,) = checks.floating(name, logits=logits)
    axis = checks.row_axis(name, logits, axis)
    tau = checks.parameter(name, "tau", tau, jax.ShapeDtypeStruct((), logits.dtype))
    priors = class_table(name, "class_priors", class_priors, logits, axis)
    known = priors > 0
    adjustment = jnp.where(known, tau * jnp.log(jnp.where(known, priors, 1)), -jnp.inf)
    logits = logits + along(adjustment, axis, logits.ndim)
    rows = labelled_rows(name, logits, labels, axis=axis, where=where, ignore_index=ignore_index)
    return reduce.apply(name, rows.expected(lambda nll: nll), where=rows.where, weights=weights, reduction=reduction)
