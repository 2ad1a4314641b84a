"""Dynamic loss scaling: gradients that would underflow in float16 are computed of a multiple of the loss."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

__all__ = ["LossScaleState", "dynamic_loss_scale", "loss_scale"]


class LossScaleState(NamedTuple):
    """The scale, how many steps it has been good for, and what `optax.apply_if_finite` keeps, the skips among it."""

    loss_scale: Array
    good_steps: Array
    inner_state: Any  # an optax.ApplyIfFiniteState


def dynamic_loss_scale(
    optimizer: optax.GradientTransformation,
    *,
    initial: float = 2.0**15,
    period: int = 2000,
    factor: float = 2.0,
    minimum: float = 2.0**-24,
    maximum: float = 2.0**24,
) -> optax.GradientTransformationExtraArgs:
    r"""Divide the gradients by the scale of the loss, skip a step that overflowed, and find the largest good scale.

    .. math::  g \leftarrow g / s, \qquad s \leftarrow \begin{cases} s / f & g \text{ has inf or NaN: nothing moves}
               \\ f s & \text{after } n \text{ good steps} \\ s & \text{else} \end{cases}

    `train_step` multiplies the loss by the scale; a step of your own does it with ``loss_scale(state) * loss``. Keep
    the parameters in float32 and cast them in the loss function: the small updates would be lost in 16 bits. This is
    the outermost transformation: what is inside, clipping say, sees the true gradients. bfloat16 has the range of
    float32 and needs none of it.

    Args:
      optimizer: what gets the true gradients.
      initial: the first scale.
      period: good steps after which the scale is tried larger.
      factor: by which it shrinks and grows; a power of two leaves every digit of the gradient alone.
      minimum: below which the scale does not fall.
      maximum: above which it does not grow.
    Returns: a transformation for `optax.chain` and `train_step`; its state is a `LossScaleState`.
    Example:
      >>> optimizer = dynamic_loss_scale(optax.sgd(1.0), initial=8.0)
      >>> state = optimizer.init(jnp.float32(0))
      >>> update, state = optimizer.update(jnp.float32(jnp.inf), state)
      >>> update, loss_scale(state), state.inner_state.total_notfinite
      (Array(0., dtype=float32), Array(4., dtype=float32), Array(1, dtype=int32))
      >>> optimizer.update(jnp.float32(2), state)[0]
      Array(-0.5, dtype=float32)
    References: Micikevicius et al. (2018), Mixed precision training, arXiv:1710.03740.
    """
    if not (factor > 1 and 0 < minimum <= initial <= maximum and period > 0):
        raise ValueError(
            "dynamic_loss_scale: factor must be > 1, period > 0 and minimum <= initial <= maximum positive, got "
            f"{factor=}, {period=}, {minimum=}, {initial=}, {maximum=}"
        )
    inner: Any = optax.apply_if_finite(optimizer, max_consecutive_errors=2**31 - 1)  # it never gives up

    def init(params: Any) -> LossScaleState:
        return LossScaleState(jnp.float32(initial), jnp.int32(0), inner.init(params))

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, LossScaleState]:
        true = jax.tree.map(lambda gradient: _divide(gradient, state.loss_scale), updates)
        if "grad" in extra:
            extra["grad"] = true
        updates, inner_state = inner.update(true, state.inner_state, params, **extra)
        good = jnp.where(inner_state.last_finite, state.good_steps + 1, 0)
        grows = good >= period
        scale = jnp.where(
            inner_state.last_finite,
            jnp.where(grows, jnp.minimum(state.loss_scale * factor, maximum), state.loss_scale),
            jnp.maximum(state.loss_scale / factor, minimum),
        )
        return updates, LossScaleState(scale, jnp.where(grows, 0, good), inner_state)

    return optax.GradientTransformationExtraArgs(init, update)


def loss_scale(state: Any) -> Array | None:
    """Return the scale in the state of an optimizer, None if there is none."""
    return optax.tree.get(state, "loss_scale", default=None)


def _divide(gradient: Array, scale: Array) -> Array:
    dtype = gradient.dtype
    wide = gradient if dtype == jnp.float64 else gradient.astype(jnp.float32)
    return (wide / scale.astype(wide.dtype)).astype(dtype)
