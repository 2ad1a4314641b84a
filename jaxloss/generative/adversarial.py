"""Generative adversarial networks: what a critic's scores cost the discriminator and the generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.reduce import Reduction

__all__ = ["gan_discriminator", "gan_generator", "gan_relativistic"]

Variant = Literal["non_saturating", "least_squares", "hinge", "wasserstein"]

_AS_REAL: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {
        "non_saturating": lambda s: numerics.softplus(-s),
        "least_squares": lambda s: 0.5 * (s - 1) ** 2,
        "hinge": lambda s: _positive(1 - s),
        "wasserstein": lambda s: -s,
    }
)
"""What it costs to score a sample that should count as real."""

_AS_FAKE: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {
        "non_saturating": numerics.softplus,
        "least_squares": lambda s: 0.5 * s**2,
        "hinge": lambda s: _positive(1 + s),
        "wasserstein": lambda s: s,
    }
)


def gan_generator(
    fake_scores: Float[ArrayLike, "*shape"],
    *,
    variant: Variant = "non_saturating",
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""What the generator of a GAN minimises: its samples should be scored as real ones.

    .. math::  \ell(s) = \begin{cases}
                 \log(1 + e^{-s}) & \text{non-saturating} \\
                 \tfrac12 (s - 1)^2 & \text{least squares} \\
                 -s & \text{hinge, Wasserstein} \end{cases} \qquad
               \ell'(s) = \begin{cases} -\sigma(-s) \\ s - 1 \\ -1 \end{cases}

    The gradient flows through the scores to the generator; the critic that made them is held fixed by differentiating
    with respect to the parameters of the generator alone.

    Args:
      fake_scores: real array of any shape, what the critic says of generated samples: logits, not probabilities. A
        patch critic has many for an image.
      variant: "non_saturating", "least_squares", "hinge" or "wasserstein", that of the discriminator.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per score with ``reduction="none"``.
    Raises: ValueError for an unknown variant, TypeError for integer scores.
    Example:
      >>> gan_generator(jnp.array([0.0, 3.0]), variant="least_squares")
      Array(1.25, dtype=float32)
    References: Goodfellow et al. (2014), arXiv:1406.2661; least squares: Mao et al. (2017), arXiv:1611.04076; hinge:
      Lim and Ye (2017), arXiv:1705.02894; Wasserstein: Arjovsky et al. (2017), arXiv:1701.07875.
    """
    name = "gan_generator"
    checks.choice(name, "variant", variant, tuple(_AS_REAL))
    (scores,) = checks.floating(name, fake_scores=fake_scores)
    scores = reduce.keep(name, where, scores)
    values = -scores if variant == "hinge" else _AS_REAL[variant](scores)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def gan_discriminator(
    real_scores: Float[ArrayLike, "*shape"],
    fake_scores: Float[ArrayLike, "*shape"],
    *,
    variant: Variant = "non_saturating",
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""What the discriminator of a GAN minimises: real samples should be scored high and generated ones low.

    .. math::  \ell(r, f) = \begin{cases}
                 \log(1 + e^{-r}) + \log(1 + e^{f}) & \text{non-saturating} \\
                 \tfrac12 (r - 1)^2 + \tfrac12 f^2 & \text{least squares} \\
                 \max(0, 1 - r) + \max(0, 1 + f) & \text{hinge} \\
                 f - r & \text{Wasserstein} \end{cases}

    At a kink of the hinge the gradient is 0. The first is the cross-entropy of "real" and "fake". The last has no
    minimum unless the critic is Lipschitz: see `gradient_penalty`.

    Args:
      real_scores: real array of any shape, what the critic says of real samples: logits, not probabilities.
      fake_scores: array of exactly that shape, what it says of generated samples. For a gradient that stays in the
        critic, generate them before, or under ``jax.lax.stop_gradient``.
      variant: "non_saturating", "least_squares", "hinge" or "wasserstein".
      where, weights, reduction: of the pairs of scores, see :doc:`/reductions`.
    Returns: a scalar, or one value per pair of scores with ``reduction="none"``: a sum of two terms, not their mean.
    Raises: ValueError for unequal shapes or an unknown variant, TypeError for integer scores.
    Example:
      >>> gan_discriminator(jnp.array([0.5]), jnp.array([-3.0]), variant="hinge")
      Array(0.5, dtype=float32)
    References: as `gan_generator`; the hinge in this form: Miyato et al. (2018), arXiv:1802.05957.
    """
    name = "gan_discriminator"
    checks.choice(name, "variant", variant, tuple(_AS_REAL))
    real, fake = checks.floating(name, real_scores=real_scores, fake_scores=fake_scores)
    checks.same_shape(name, real_scores=real, fake_scores=fake)
    real, fake = reduce.keep(name, where, real, fake)
    values = _AS_REAL[variant](real) + _AS_FAKE[variant](fake)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def gan_relativistic(
    scores: Float[ArrayLike, "*shape"],
    opponents: Float[ArrayLike, "*shape"],
    *,
    variant: Variant = "non_saturating",
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Relativistic pairing GAN: a sample should be scored higher than its opponent, on either side of the game.

    .. math::  \ell(s, o) = f(s - o), \qquad f(d) = \begin{cases}
                 \log(1 + e^{-d}) & \text{non-saturating} \\
                 \tfrac12 (d - 1)^2 & \text{least squares} \\
                 \max(0, 1 - d) & \text{hinge} \\
                 -d & \text{Wasserstein} \end{cases}

    The discriminator minimises ``gan_relativistic(real, fake)``, the generator ``gan_relativistic(fake, real)``; the
    gradient reaches both arguments. At the kink of the hinge it is 0.

    Args:
      scores: real array of any shape, the critic's scores of the samples whose side is minimising.
      opponents: array of exactly that shape, its scores of the others.
      variant: "non_saturating", "least_squares", "hinge" or "wasserstein".
      where, weights, reduction: of the pairs, see :doc:`/reductions`.
    Returns: a scalar, or one value per pair with ``reduction="none"``.
    Raises: ValueError for unequal shapes or an unknown variant, TypeError for integer scores.
    Example:
      >>> gan_relativistic(jnp.array([2.0]), jnp.array([2.0]))
      Array(0.6931472, dtype=float32)
    References: Jolicoeur-Martineau (2018), arXiv:1807.00734; with `r1` and `r2`: Huang et al. (2024), arXiv:2501.05441.
    """
    name = "gan_relativistic"
    checks.choice(name, "variant", variant, tuple(_AS_REAL))
    own, other = checks.floating(name, scores=scores, opponents=opponents)
    checks.same_shape(name, scores=own, opponents=other)
    own, other = reduce.keep(name, where, own, other)
    values = _AS_REAL[variant](own - other)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def _positive(x: Array) -> Array:
    """max(x, 0) with slope 0 at 0, where that of jnp.maximum is 1/2."""
    return jnp.where(x > 0, x, 0)
