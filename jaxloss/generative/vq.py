"""Vector quantisation: encodings that stay near their codes, and codes that move to their encodings."""

from __future__ import annotations

from typing import Any

from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.reduce import Reduction

__all__ = ["straight_through", "vq_codebook", "vq_commitment"]


def vq_commitment(
    encodings: Float[ArrayLike, "*shape"],
    codes: Float[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Commitment of an encoder to the codes it was quantised to, which are held fixed.

    .. math::  \ell = (z - \operatorname{sg}[e])^2, \qquad \frac{\partial \ell}{\partial z} = 2 (z - e), \qquad
               \frac{\partial \ell}{\partial e} = 0

    The gradient with respect to the codes is exactly 0: they learn by `vq_codebook`, or by a moving average. The
    objective of a VQ-VAE is the reconstruction + `vq_codebook` + 0.25 times this.

    Args:
      encodings: real array of any shape, what the encoder gives (z).
      codes: array of exactly that shape, the nearest entries of the codebook (e).
      where, weights, reduction: see :doc:`/reductions`; a mask of vectors has an axis of size 1 for their features.
    Returns: a scalar, or one value per element with ``reduction="none"``. The paper's squared norm is the mean times
      the number of features.
    Raises: ValueError for unequal shapes, TypeError for integer arrays.
    Example:
      >>> vq_commitment(jnp.array([[1.0, 2.0]]), jnp.array([[1.0, 0.0]]))
      Array(2., dtype=float32)
    References: van den Oord et al. (2017), Neural discrete representation learning, arXiv:1711.00937.
    """
    return _squared("vq_commitment", encodings, codes, True, where, weights, reduction)


def vq_codebook(
    encodings: Float[ArrayLike, "*shape"],
    codes: Float[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Movement of the codes towards the encodings that were quantised to them, which are held fixed.

    .. math::  \ell = (\operatorname{sg}[z] - e)^2, \qquad \frac{\partial \ell}{\partial z} = 0, \qquad
               \frac{\partial \ell}{\partial e} = 2 (e - z)

    The gradient with respect to the encodings is exactly 0. The value is that of `vq_commitment`.

    Args:
      encodings: real array of any shape, what the encoder gives (z).
      codes: array of exactly that shape, the nearest entries of the codebook (e).
      where, weights, reduction: as for `vq_commitment`.
    Returns: a scalar, or one value per element with ``reduction="none"``.
    Raises: ValueError for unequal shapes, TypeError for integer arrays.
    Example:
      >>> vq_codebook(jnp.array([[1.0, 2.0]]), jnp.array([[1.0, 0.0]]))
      Array(2., dtype=float32)
    References: van den Oord et al. (2017), Neural discrete representation learning, arXiv:1711.00937.
    """
    return _squared("vq_codebook", encodings, codes, False, where, weights, reduction)


def straight_through(encodings: Float[ArrayLike, "*shape"], codes: Float[ArrayLike, "*shape"]) -> Array:
    r"""Return the codes, with the gradient of the encodings: what the decoder of a quantised model takes.

    The gradient with respect to the encodings is that of the result, with respect to the codes exactly 0.

    Args:
      encodings: real array of any shape.
      codes: array of exactly that shape.
    Returns: the values of ``codes``.
    Raises: ValueError for unequal shapes, TypeError for integer arrays.
    Example:
      >>> straight_through(jnp.array([[0.9, 0.2]]), jnp.array([[1.0, 0.0]]))
      Array([[1., 0.]], dtype=float32)
    References: Bengio et al. (2013), arXiv:1308.3432; van den Oord et al. (2017), arXiv:1711.00937.
    """
    z, e = checks.floating("straight_through", encodings=encodings, codes=codes)
    checks.same_shape("straight_through", encodings=z, codes=e)
    # z - z is 0 to the last bit; z + (e - z) would round.
    return lax.stop_gradient(e) + (z - lax.stop_gradient(z))


def _squared(
    name: str,
    encodings: ArrayLike,
    codes: ArrayLike,
    codes_are_held: bool,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    reduction: Reduction,
) -> Any:
    z, e = checks.floating(name, encodings=encodings, codes=codes)
    checks.same_shape(name, encodings=z, codes=e)
    z, e = reduce.keep(name, where, z, e)
    apart = z - lax.stop_gradient(e) if codes_are_held else lax.stop_gradient(z) - e
    return reduce.apply(name, apart**2, where=where, weights=weights, reduction=reduction)
