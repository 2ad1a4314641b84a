"""Softmax cross-entropies of cosines with an angular margin: heads for faces, speakers and products."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, reduce
from jaxloss.embedding.margin_rows import added, cross_entropy, head_rows, multiplied
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import row_like

__all__ = ["arcface", "cosface", "sphereface", "sub_center_arcface"]


def arcface(
    cosines: Float[ArrayLike, "*rows_and_classes"],
    labels: Int[ArrayLike, "*rows"],
    *,
    margin: float | Real[ArrayLike, "..."] = 0.5,
    scale: float | Real[ArrayLike, "..."] = 64.0,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy of scaled cosines, with a margin added to the angle of the true class.

    .. math::  \ell = -\log \frac{e^{s \psi(\theta_y)}}{e^{s \psi(\theta_y)} + \sum_{j \ne y} e^{s \cos \theta_j}},
               \qquad \psi(\theta) = (-1)^k \cos(\theta + m) - 2k, \quad k = \lfloor (\theta + m) / \pi \rfloor, \\
               \frac{\partial \ell}{\partial \cos \theta_j} = s\, p_j, \qquad
               \frac{\partial \ell}{\partial \cos \theta_y} = -s (1 - p_y) \frac{|\sin(\theta_y + m)|}{\sin \theta_y}

    Up to :math:`\theta + m = \pi`, :math:`\psi` is :math:`\cos(\theta + m)`; beyond, where that would reward a larger
    angle, it goes on falling by the rule of SphereFace. (The program of the authors of ArcFace takes
    :math:`\cos\theta - m \sin m` there, which jumps; many others take the cosine.) No angle is computed:
    :math:`\cos(\theta + m) = \cos\theta \cos m - \sin\theta \sin m`. The slope of :math:`\sin\theta` is infinite at
    :math:`\cos\theta = \pm 1`; exactly there, and beyond by rounding, it is taken at the nearest cosine inside: 2896 in
    float32.

    Args:
      cosines: real array with the classes on ``axis``: products of unit vectors, of the embedding and of each class.
      labels: integer array of the shape of the cosines without that axis. Value and gradient are NaN in rows whose
        label is outside [0, classes) and neither masked nor ``ignore_index``.
      margin: angle m in radians, at least 0; a number or an array, which may be learned or drawn for each row, with as
        many axes as the cosines and size 1 on the class axis.
      scale: positive factor s of the cosines, of the same shapes.
      axis: the class axis.
      ignore_index: label of rows that do not exist, such as -100.
      where, weights, reduction: one value per row; see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a parameter out of its range, TypeError for integer cosines or
      real labels.
    Example:
      >>> arcface(jnp.array([[0.8, 0.6, -0.1]]), jnp.array([0]), scale=8.0)
      Array(1.6919438, dtype=float32)

    References: Deng et al. (2019), ArcFace: additive angular margin loss for deep face recognition,
      arXiv:1801.07698.
    """
    return _arcface("arcface", cosines, labels, margin, scale, axis, ignore_index, where, weights, reduction)


def sub_center_arcface(
    cosines: Float[ArrayLike, "*rows classes centers"],
    labels: Int[ArrayLike, "*rows"],
    *,
    margin: float | Real[ArrayLike, "..."] = 0.5,
    scale: float | Real[ArrayLike, "..."] = 64.0,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""ArcFace with several centers a class, of which the nearest counts: wrong labels gather at a center of their own.

    .. math::  \ell = \mathrm{arcface}\big(\max_k \cos \theta_{jk},\; y\big)

    The gradient goes to the nearest center of each class; centers that are equally near share it.

    Args:
      cosines: real array of products of unit vectors, with the classes on the last axis but one and the centers of a
        class on the last.
      labels: integer array of the shape of the cosines without these two axes. Value and gradient are NaN in rows whose
        label is outside [0, classes) and neither masked nor ``ignore_index``.
      margin: angle in radians, at least 0; a number or an array of as many axes as the labels and one more, of size 1.
      scale: positive factor of the cosines, of the same shapes.
      ignore_index: label of rows that do not exist, such as -100.
      where, weights, reduction: one value per row; see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a parameter out of its range, TypeError for integer cosines or
      real labels.
    Example:
      >>> cosines = jnp.array([[[0.8, 0.1], [-0.3, 0.6], [-0.1, -0.2]]])
      >>> sub_center_arcface(cosines, jnp.array([0]), scale=8.0)
      Array(1.6919438, dtype=float32)

    References: Deng et al. (2020), Sub-center ArcFace: boosting face recognition by large-scale noisy web faces,
      doi:10.1007/978-3-030-58621-8_43.
    """
    name = "sub_center_arcface"
    (cosines,) = checks.floating(name, cosines=cosines)
    if cosines.ndim < 2 or cosines.shape[-1] == 0:
        raise ValueError(f"{name}: cosines must have axes (..., classes, centers), got shape {cosines.shape}")
    _, labels, _ = checks.integer_rows(name, cosines[..., 0], labels, -1, arguments=("cosines", "labels"))
    where = reduce.except_label(where, labels, ignore_index)
    classes, centers = cosines.shape[-2:]
    # The maximum of a NaN has a NaN gradient: what is masked goes before it, and a row without a class becomes NaN.
    flat = reduce.keep(name, where, cosines.reshape(*labels.shape, classes * centers), axis=-1)
    valid = jnp.where((labels >= 0) & (labels < classes), 1, jnp.nan).astype(flat.dtype)
    nearest = jnp.max((flat * reduce.keep(name, where, valid, fill=1)[..., None]).reshape(cosines.shape), -1)
    return _arcface(name, nearest, labels, margin, scale, -1, None, where, weights, reduction)


def cosface(
    cosines: Float[ArrayLike, "*rows_and_classes"],
    labels: Int[ArrayLike, "*rows"],
    *,
    margin: float | Real[ArrayLike, "..."] = 0.35,
    scale: float | Real[ArrayLike, "..."] = 64.0,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy of scaled cosines, with a margin taken off the cosine of the true class; also AM-softmax.

    .. math::  \ell = -\log \frac{e^{s (\cos \theta_y - m)}}{e^{s (\cos \theta_y - m)} +
               \sum_{j \ne y} e^{s \cos \theta_j}}, \qquad
               \frac{\partial \ell}{\partial \cos \theta_j} = s\, (p_j - [j = y])

    Args:
      cosines: real array with the classes on ``axis``: products of unit vectors, of the embedding and of each class.
      labels: integer array of the shape of the cosines without that axis. Value and gradient are NaN in rows whose
        label is outside [0, classes) and neither masked nor ``ignore_index``.
      margin: cosine m, at least 0; a number or an array, which may be learned or drawn for each row, with as many axes
        as the cosines and size 1 on the class axis.
      scale: positive factor s of the cosines, of the same shapes.
      axis: the class axis.
      ignore_index: label of rows that do not exist, such as -100.
      where, weights, reduction: one value per row; see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a parameter out of its range, TypeError for integer cosines or
      real labels.
    Example:
      >>> cosface(jnp.array([[0.8, 0.6, -0.1]]), jnp.array([0]), scale=8.0)
      Array(1.4661204, dtype=float32)

    References: Wang, H. et al. (2018), CosFace: large margin cosine loss for deep face recognition, arXiv:1801.09414;
      Wang, F. et al. (2018), Additive margin softmax for face verification, arXiv:1801.05599.
    """
    head = head_rows("cosface", cosines, labels, scale, axis, ignore_index, where)
    margin = checks.parameter("cosface", "margin", margin, row_like(head.cosines, head.axis), minimum=0)
    values = cross_entropy("cosface", head, margin)
    return reduce.apply("cosface", values, where=head.where, weights=weights, reduction=reduction)


def sphereface(
    cosines: Float[ArrayLike, "*rows_and_classes"],
    labels: Int[ArrayLike, "*rows"],
    *,
    margin: int = 4,
    scale: float | Real[ArrayLike, "..."] = 64.0,
    axis: int = -1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy of scaled cosines, with the angle of the true class multiplied by an integer; also A-softmax.

    .. math::  \ell = -\log \frac{e^{s \psi(\theta_y)}}{e^{s \psi(\theta_y)} + \sum_{j \ne y} e^{s \cos \theta_j}},
               \qquad \psi(\theta) = (-1)^k \cos(m \theta) - 2k, \quad k = \lfloor m \theta / \pi \rfloor, \\
               \frac{\partial \ell}{\partial \cos \theta_j} = s\, p_j, \qquad
               \frac{\partial \ell}{\partial \cos \theta_y} = -s (1 - p_y)\, m \frac{|\sin m \theta_y|}{\sin \theta_y}

    :math:`\psi` falls from 1 to 1 - 2m. No angle is computed: :math:`\cos m\theta` is a polynomial in
    :math:`\cos\theta`, and so is its slope, which is :math:`m^2` at both ends.

    Args:
      cosines: real array with the classes on ``axis``: products of unit vectors, of the embedding and of each class.
      labels: integer array of the shape of the cosines without that axis. Value and gradient are NaN in rows whose
        label is outside [0, classes) and neither masked nor ``ignore_index``.
      margin: integer factor m of the angle, at least 1.
      scale: positive factor s of the cosines; a number or an array with as many axes as the cosines and size 1 on the
        class axis. The paper takes the norms of the embeddings.
      axis: the class axis.
      ignore_index: label of rows that do not exist, such as -100.
      where, weights, reduction: one value per row; see :doc:`/reductions`.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit, a margin that is no positive integer or a scale that is not positive,
      TypeError for integer cosines or real labels.
    Example:
      >>> sphereface(jnp.array([[0.8, 0.6, -0.1]]), jnp.array([0]), margin=2, scale=8.0)
      Array(2.6378884, dtype=float32)
    References: Liu et al. (2017), SphereFace: deep hypersphere embedding for face recognition, arXiv:1704.08063.
    """
    if isinstance(margin, bool) or not isinstance(margin, int) or margin < 1:
        raise ValueError(f"sphereface: margin must be a positive integer, got {margin!r}")
    head = head_rows("sphereface", cosines, labels, scale, axis, ignore_index, where)
    values = cross_entropy("sphereface", head, multiplied(head.own, margin))
    return reduce.apply("sphereface", values, where=head.where, weights=weights, reduction=reduction)


def _arcface(
    name: str,
    cosines: ArrayLike,
    labels: ArrayLike,
    margin: Any,
    scale: Any,
    axis: int,
    ignore_index: int | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    reduction: Reduction,
) -> Array:
    head = head_rows(name, cosines, labels, scale, axis, ignore_index, where)
    margin = checks.parameter(name, "margin", margin, row_like(head.cosines, head.axis), minimum=0)
    values = cross_entropy(name, head, added(head.own, margin))
    return reduce.apply(name, values, where=head.where, weights=weights, reduction=reduction)
