"""Penalties on the matrices of a network: how far they stretch."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import PyTree

from jaxloss.numerics.elementary import power_of_two
from jaxloss.reduce import Reduction
from jaxloss.regularization.penalties import penalty

__all__ = ["orthogonality", "spectral_norm"]


def orthogonality(
    parameters: PyTree,
    *,
    where: PyTree | None = None,
    weights: PyTree | None = None,
    reduction: Reduction = "sum",
) -> Any:
    r"""Squared distance of the Gram matrix from the identity: a map that keeps lengths and angles.

    .. math::  R(W) = \left\| W^\top W - I \right\|_F^2, \qquad
               \frac{\partial R}{\partial W} = 4\, W \left(W^\top W - I\right)

    for a matrix with no more columns than rows; otherwise that of its transpose, as only then it can be 0. Next to 0
    the rounding of the Gram matrix is left, some ulp of 1 for each entry.

    Args:
      parameters: floating point array, or pytree of such arrays, with the matrices on the last two axes; any other axis
        counts matrices. A convolution ``[height, width, inputs, outputs]`` is ``kernel.reshape(-1, outputs)``.
      where, weights, reduction: of the matrices, see `l1`; the unreduced values have the shapes of the leaves without
        the last two axes.
    Returns: a scalar.
    Raises: TypeError that names the leaf for one that is not floating point, ValueError for one that holds no matrix or
      a mask that does not fit.
    Example:
      >>> orthogonality(jnp.array([[1.0, 0.0], [0.0, 2.0]]))
      Array(9., dtype=float32)
    References: Brock et al. (2017), Neural photo editing, arXiv:1609.07093; Bansal et al. (2018), arXiv:1810.09102.
    """
    return penalty("orthogonality", parameters, _distance_from_identity, where, weights, reduction, matrices=True)


def spectral_norm(
    parameters: PyTree,
    *,
    where: PyTree | None = None,
    weights: PyTree | None = None,
    reduction: Reduction = "sum",
) -> Any:
    r"""Spectral norm of each matrix: how much a layer can amplify a small change of its input.

    .. math::  R(W) = \sigma_1(W), \qquad \frac{\partial R}{\partial W} = u_1 v_1^\top

    with the largest singular value and its vectors, from a singular value decomposition and not from a few steps of the
    power method, which would have to carry its vectors from one training step to the next. Where the two largest are
    equal the gradient is that of one of them, for a matrix of zeros it is 0. The paper's regulariser is half the square
    of it: ``reduction=lambda values, weights: 0.5 * jnp.sum(weights * values**2)``.

    Args:
      parameters: floating point array, or pytree of such arrays, with the matrices on the last two axes; any other axis
        counts matrices. A convolution ``[height, width, inputs, outputs]`` is ``kernel.reshape(-1, outputs)``.
      where, weights, reduction: of the matrices, as for `orthogonality`.
    Returns: a scalar.
    Raises: as `orthogonality`.
    Example:
      >>> spectral_norm(jnp.array([[3.0, 0.0], [0.0, 2.0]]))
      Array(3., dtype=float32)
    References: Yoshida and Miyato (2017), Spectral norm regularization, arXiv:1705.10941.
    """
    return penalty("spectral_norm", parameters, _largest_singular_value, where, weights, reduction, matrices=True)


def _distance_from_identity(matrices: Array) -> Array:
    tall = matrices if matrices.shape[-1] <= matrices.shape[-2] else jnp.swapaxes(matrices, -1, -2)
    gram = jnp.einsum("...ki,...kj->...ij", tall, tall, precision="highest")
    identity = jnp.eye(gram.shape[-1], dtype=gram.dtype)
    return jnp.sum((gram - jnp.broadcast_to(identity, gram.shape)) ** 2, (-2, -1))


def _largest_singular_value(matrices: Array) -> Array:
    if 0 in matrices.shape:
        return jnp.zeros(matrices.shape[:-2], matrices.dtype)
    scale = lax.stop_gradient(power_of_two(jnp.max(jnp.abs(matrices), (-2, -1), keepdims=True)))
    norm = jnp.linalg.svd(matrices * scale, full_matrices=False, compute_uv=False)[..., 0] * (1 / scale[..., 0, 0])
    return jnp.where(norm > 0, norm, 0)
