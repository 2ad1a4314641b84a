"""One training step: value, gradient, update, and a report of every term."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxloss.training.differentiate import LossFunction, value_and_grad, value_fn
from jaxloss.training.scaling import loss_scale

__all__ = ["train_step"]

Step = Callable[..., tuple[Any, Any, dict[str, Any]]]


def train_step(
    loss_fn: LossFunction,
    optimizer: optax.GradientTransformation,
    *,
    micro_batch_size: int | None = None,
    per_term: bool = False,
    donate: bool = True,
) -> Step:
    """Return a compiled ``step(params, state, *batch, **rest) -> (params, state, report)``.

    The optimizer is given what those of optax may ask for: ``value``, ``grad`` and ``value_fn``, so that `optax.lbfgs`,
    `optax.polyak_sgd` or `optax.contrib.reduce_on_plateau` need nothing else. If its state holds the scale of
    `dynamic_loss_scale`, the loss is multiplied by it.

    Args:
      loss_fn: ``loss_fn(params, *batch, **rest)``; what it may return is said at `value_and_grad`.
      optimizer: any optax optimizer; its state comes from ``optimizer.init(params)``.
      micro_batch_size: see `value_and_grad`.
      per_term: see `value_and_grad`; the optimizer starts with `pcgrad` then.
      donate: reuse the memory of parameters and state for their successors, so that the old ones are gone afterwards.
    Returns: the step. Its report has ``"total"``, every term by name and what the loss function reported.
    Example:
      >>> from jaxloss import squared_error, weighted_sum
      >>> objective = weighted_sum({"fit": squared_error, "size": (0.5, lambda outputs, _: jnp.sum(outputs**2))})
      >>> optimizer = optax.sgd(0.1)
      >>> step = train_step(lambda w, x, y: objective(w * x, y), optimizer)
      >>> w = jnp.float32(0)
      >>> w, state, report = step(w, optimizer.init(w), jnp.ones(1), jnp.ones(1))
      >>> w, report["total"], report["size"]
      (Array(0.2, dtype=float32), Array(1., dtype=float32), Array(0., dtype=float32))
    """
    optimizer = optax.with_extra_args_support(optimizer)
    differentiate = value_and_grad(loss_fn, micro_batch_size=micro_batch_size, per_term=per_term)

    def step(params: Any, state: Any, *batch: Any, **rest: Any) -> tuple[Any, Any, dict[str, Any]]:
        (total, report), gradients = differentiate(params, *batch, loss_scale=loss_scale(state), **rest)
        objective = value_fn(loss_fn, *batch, **rest)
        # Optimizers of optax mix step counts with floats, which strict promotion would refuse.
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            updates, state = optimizer.update(gradients, state, params, value=total, grad=gradients, value_fn=objective)
            params = optax.apply_updates(params, updates)
        return params, state, report

    if not donate:
        return jax.jit(step)
    donating = jax.jit(step, donate_argnums=(0, 1))

    @functools.wraps(step)
    def call(params: Any, state: Any, *batch: Any, **rest: Any) -> tuple[Any, Any, dict[str, Any]]:
        params, state = _unshared((params, state), (batch, rest))
        return donating(params, state, *batch, **rest)

    return call


def _unshared(donated: Any, kept: Any) -> Any:
    """Copy what occurs twice: a buffer is given away once. The first state of an optimizer may hold the parameters."""
    seen = [id(leaf) for leaf in jax.tree.leaves((donated, kept))]
    if len(set(seen)) == len(seen):
        return donated
    taken = {id(leaf) for leaf in jax.tree.leaves(kept)}

    def once(leaf: Any) -> Any:
        if id(leaf) in taken:
            return jnp.array(leaf, copy=True)
        taken.add(id(leaf))
        return leaf

    return jax.tree.map(once, donated)
