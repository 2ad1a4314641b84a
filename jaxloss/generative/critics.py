"""Penalties on the slope of a critic: how much its score changes with the sample."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, numerics, reduce
from jaxloss.reduce import Reduction

__all__ = ["gradient_penalty", "interpolate", "r1", "r2"]

Critic = Callable[[Array], Array]


def gradient_penalty(
    critic: Critic,
    samples: Float[ArrayLike, "*shape"],
    *,
    target: Real[ArrayLike, "..."] = 1.0,
    one_sided: bool = False,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Squared deviation of the slope of a critic from 1: makes it Lipschitz, as a Wasserstein distance needs.

    .. math::  \ell = \left(\left\|\nabla_x D(x)\right\| - c\right)^2

    At a point where the slope is 0 the direction of its gradient is undefined: it is 0 there. WGAN-GP takes points
    `interpolate` real and generated samples and adds 10 times this, DRAGAN noisy real samples.

    Args:
      critic: D, takes an array of samples and gives one score for each, without one sample seeing another: no batch
        normalisation. The parameters that it closes over are what learns.
      samples: real array: the leading axes are those of the scores, the others belong to a sample.
      target: the slope c that is aimed at; not negative.
      one_sided: whether slopes below the target cost nothing (WGAN-LP).
      where, weights, reduction: of the samples, see :doc:`/reductions`. What is masked is 0 when the critic sees it.
    Returns: a scalar, or one value per sample with ``reduction="none"``.
    Raises: ValueError for scores that do not fit the samples, TypeError for integer samples.
    Example:
      >>> gradient_penalty(lambda x: x @ jnp.array([3.0, 4.0]), jnp.ones((2, 2)))
      Array(16., dtype=float32)
    References: Gulrajani et al. (2017), arXiv:1704.00028; one-sided: Petzka et al. (2018), arXiv:1709.08894; DRAGAN:
      Kodali et al. (2017), arXiv:1705.07215.
    """
    name = "gradient_penalty"
    slopes = _slopes(name, critic, samples, where)
    norms = numerics.safe_norm(slopes, -1)
    excess = norms - checks.parameter(name, "target", target, norms, minimum=0)
    values = jnp.where(excess > 0, excess, 0) ** 2 if one_sided else excess**2
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def r1(
    critic: Critic,
    real: Float[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Half the squared slope of a critic at real samples: no force on a generator that has arrived.

    .. math::  \ell = \tfrac12 \left\|\nabla_x D(x)\right\|^2

    Times gamma, 10 in the paper, it is added to the loss of the discriminator.

    Args:
      critic: D, takes an array of samples and gives one score for each, without one sample seeing another.
      real: real array of samples from the data: the leading axes are those of the scores.
      where, weights, reduction: of the samples, see :doc:`/reductions`. What is masked is 0 when the critic sees it.
    Returns: a scalar, or one value per sample with ``reduction="none"``.
    Raises: ValueError for scores that do not fit the samples, TypeError for integer samples.
    Example:
      >>> r1(lambda x: x @ jnp.array([3.0, 4.0]), jnp.ones((2, 2)))
      Array(12.5, dtype=float32)
    References: Mescheder et al. (2018), Which training methods for GANs do actually converge?, arXiv:1801.04406.
    """
    return _half_squared_slope("r1", critic, real, where, weights, reduction)


def r2(
    critic: Critic,
    fake: Float[ArrayLike, "*shape"],
    *,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Half the squared slope of a critic at generated samples: the counterpart of `r1`.

    .. math::  \ell = \tfrac12 \left\|\nabla_x D(x)\right\|^2

    The gradient reaches the samples too: differentiate with respect to the critic's parameters alone.

    Args:
      critic: D, takes an array of samples and gives one score for each, without one sample seeing another.
      fake: real array of generated samples: the leading axes are those of the scores.
      where, weights, reduction: of the samples, see :doc:`/reductions`. What is masked is 0 when the critic sees it.
    Returns: a scalar, or one value per sample with ``reduction="none"``.
    Raises: ValueError for scores that do not fit the samples, TypeError for integer samples.
    Example:
      >>> r2(lambda x: x @ jnp.array([3.0, 4.0]), jnp.ones((2, 2)))
      Array(12.5, dtype=float32)
    References: Mescheder et al. (2018), arXiv:1801.04406; with `gan_relativistic`: Huang et al. (2024),
      arXiv:2501.05441.
    """
    return _half_squared_slope("r2", critic, fake, where, weights, reduction)


def interpolate(real: Float[ArrayLike, "*shape"], fake: Float[ArrayLike, "*shape"], *, key: Array) -> Array:
    r"""Return a random point on the way from each real to a generated sample: where WGAN-GP penalises.

    .. math::  x = x_r + u\, (x_f - x_r), \qquad u \sim U(0, 1)

    Args:
      real: real array with the samples on the first axis.
      fake: array of exactly that shape.
      key: of the random numbers, one for each sample.
    Returns: an array of that shape.
    Raises: ValueError for unequal shapes, TypeError for integer samples.
    Example:
      >>> import jax
      >>> interpolate(jnp.zeros((2, 3)), jnp.ones((2, 3)), key=jax.random.key(0)).shape
      (2, 3)
    References: Gulrajani et al. (2017), arXiv:1704.00028.
    """
    real, fake = checks.floating("interpolate", real=real, fake=fake)
    checks.same_shape("interpolate", real=real, fake=fake)
    u = jax.random.uniform(key, (*real.shape[:1], *(1 for _ in real.shape[1:])), real.dtype)
    return real + u * (fake - real)


def _half_squared_slope(
    name: str, critic: Critic, samples: ArrayLike, where: ArrayLike | None, weights: ArrayLike | None, reduction: Any
) -> Any:
    values = 0.5 * jnp.sum(_slopes(name, critic, samples, where) ** 2, -1)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def _slopes(name: str, critic: Critic, samples: ArrayLike, where: ArrayLike | None) -> Array:
    """Return the gradient of each score with respect to its sample, as a row."""
    (samples,) = checks.floating(name, samples=samples)
    scores = jax.eval_shape(critic, samples)
    events = scores.shape
    if samples.shape[: len(events)] != events or len(events) == samples.ndim:
        raise ValueError(
            f"{name}: critic must give one score for each sample, of the shape of the leading axes of {samples.shape}, "
            f"gave {events}"
        )
    rows = reduce.keep(name, where, samples.reshape(*events, math.prod(samples.shape[len(events) :])), axis=-1)
    scores, pull = jax.vjp(critic, rows.reshape(samples.shape))
    (slopes,) = pull(jnp.ones_like(scores))
    return slopes.reshape(rows.shape)
