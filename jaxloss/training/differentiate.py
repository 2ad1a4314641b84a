"""Value and gradient of what a loss function may return: a scalar, `Sums`, several of them by name, and a report.

With micro-batches the gradient is that of the whole batch. The denominators are those of the whole batch, which cost
nothing: they depend on masks and weights only, and XLA drops the model from their computation. So each micro-batch
gives its share of numerator and gradient, and the shares are added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from optax.microbatching import microbatch

from jaxloss import checks
from jaxloss.training.sums import Sums

__all__ = ["value_and_grad", "value_fn"]

LossFunction = Callable[..., Any]


def value_and_grad(
    loss_fn: LossFunction, *, micro_batch_size: int | None = None, per_term: bool = False
) -> Callable[..., tuple[tuple[Array, dict[str, Any]], Any]]:
    r"""Differentiate a loss function with respect to its first argument, the parameters.

    Args:
      loss_fn: ``loss_fn(params, *batch, **rest)`` returns a scalar, `Sums`, or a mapping of names to these, whose sum
        is the objective; or a pair of that and a report, a mapping, as objectives of `jaxloss.weighted_sum` do.
      micro_batch_size: how many examples to hold in memory at once; the leading axis of every array in ``batch`` is
        that of the examples, and what ``rest`` holds is handed over whole. A last, smaller micro-batch is fine. Every
        loss must be `Sums` then, and the report a pytree of `Sums`.
      per_term: give the gradient of every term apart, along a new leading axis, for `pcgrad`.
    Returns: ``f(params, *batch, loss_scale=None, **rest) -> ((total, report), gradients)``. The report has every term
      and what the loss function reported, `Sums` as means. The gradients are those of ``loss_scale * total``.
    Raises: TypeError for a loss function that returns something else, or a mean where sums are needed.
    Example:
      >>> from jaxloss import squared_error, training
      >>> fit = lambda w, x, exists: squared_error(w * x, 0 * x, where=exists, reduction=training.sums)
      >>> x, exists = jnp.array([1.0, 2.0, 3.0]), jnp.array([True, True, False])
      >>> (total, report), gradient = value_and_grad(fit, micro_batch_size=2)(jnp.float32(1), x, exists)
      >>> total, gradient
      (Array(2.5, dtype=float32), Array(5., dtype=float32))
    """

    def call(params: Any, *batch: Any, loss_scale: Any = None, **rest: Any) -> tuple[tuple[Array, dict[str, Any]], Any]:
        whole = lambda params, *batch: _parts(loss_fn(params, *batch, **rest))
        if micro_batch_size is None:
            shares, report, gradients = _shares(whole, None, loss_scale, per_term)(params, *batch)
        else:
            full = _in_full_micro_batches(batch, micro_batch_size)
            weights = jax.jit(lambda *data: _weights(whole(*data)))(params, *batch)
            part = _shares(whole, weights, loss_scale, per_term)
            shares, report, gradients = _over_micro_batches(part, params, batch, micro_batch_size, full)
        named = {} if list(shares) == ["total"] else shares
        total = _total(shares)
        if clash := {"total", *named} & set(report):
            raise ValueError(f"value_and_grad: the report may not have {', '.join(sorted(clash))}, the loss has")
        return (total, {"total": total, **named, **report}), gradients

    return call


def value_fn(loss_fn: LossFunction, *batch: Any, **rest: Any) -> Callable[[Any], Array]:
    """Return the objective as a function of the parameters alone, as the line searches of optax want it.

    Example:
      >>> import optax
      >>> from jaxloss import squared_error
      >>> objective = value_fn(lambda w, x: (squared_error(w * x, x), {"size": w}), jnp.array([1.0, 2.0]))
      >>> optimizer, w = optax.lbfgs(), jnp.float32(3)
      >>> state = optimizer.init(w)
      >>> for _ in range(3):
      ...     value, gradient = optax.value_and_grad_from_state(objective)(w, state=state)
      ...     updates, state = optimizer.update(gradient, state, w, value=value, grad=gradient, value_fn=objective)
      ...     w = optax.apply_updates(w, updates)
      >>> w
      Array(1., dtype=float32)
    """

    def objective(params: Any) -> Array:
        terms, _ = _parts(loss_fn(params, *batch, **rest))
        return _total({name: _mean(term) for name, term in terms.items()})

    return objective


def _parts(result: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The terms by name and the report of what a loss function returned."""
    value, report = result if isinstance(result, tuple) and len(result) == 2 else (result, {})
    if not isinstance(report, Mapping):
        raise TypeError(
            f"value_and_grad: the second result of a loss function is a report by name, got {type(report).__name__}"
        )
    terms = dict(value) if isinstance(value, Mapping) else {"total": value}
    for name, term in terms.items():
        if not isinstance(term, Sums) and (jnp.ndim(term) or not jnp.issubdtype(jnp.result_type(term), jnp.floating)):
            raise TypeError(
                f"value_and_grad: {name!r} must be a floating point scalar or Sums, "
                f"got {jnp.result_type(term)} of shape {jnp.shape(term)}"
            )
    return terms, dict(report)


def _shares(whole: Callable[..., Any], weights: Any, scale: Any, per_term: bool) -> Callable[..., Any]:
    """What a (micro-)batch adds to each term, the report and the gradient; ``weights``: the denominators, or None."""

    def objective(params: Any, *batch: Any) -> tuple[Array, Any]:
        terms, report = whole(params, *batch)
        of_terms, of_report = (None, None) if weights is None else weights
        shares = {name: _mean(term, of_terms and of_terms[name]) for name, term in terms.items()}
        dtype = checks.compute_dtype(*shares.values())
        values = jnp.stack([share.astype(dtype) for share in shares.values()])
        values = values if scale is None else values * scale.astype(dtype)
        report = jax.tree.map(_mean, report, of_report or _none_like(report), is_leaf=_is_sums)
        return values if per_term else jnp.sum(values), (shares, report)

    def call(params: Any, *batch: Any) -> tuple[dict[str, Array], dict[str, Any], Any]:
        if per_term:
            gradients, (shares, report) = jax.jacrev(objective, has_aux=True)(params, *batch)
        else:
            (_, (shares, report)), gradients = jax.value_and_grad(objective, has_aux=True)(params, *batch)
        return shares, report, gradients

    return call


def _in_full_micro_batches(batch: tuple[Any, ...], size: int) -> int:
    """How many examples of the batch are in micro-batches of full size."""
    if size < 1:
        raise ValueError(f"value_and_grad: micro_batch_size must be positive, got {size}")
    shapes = [jnp.shape(array) for array in jax.tree.leaves(batch)]
    if len({shape[:1] for shape in shapes}) != 1 or not shapes[0]:
        raise ValueError(
            "value_and_grad: with micro-batches, every array of the batch has its examples along the first axis, got "
            f"shapes {', '.join(map(str, shapes))}; what has none is handed over by name"
        )
    return shapes[0][0] - shapes[0][0] % size


def _over_micro_batches(part: Callable[..., Any], params: Any, batch: tuple[Any, ...], size: int, full: int) -> Any:
    """The sum of the shares of all micro-batches, those of full size in a loop."""
    results, rest = [], jax.tree.map(lambda array: array[full:], batch)
    if full:
        looped = microbatch(part, argnums=tuple(range(1, 1 + len(batch))), microbatch_size=size)
        results.append(looped(params, *jax.tree.map(lambda array: array[:full], batch)))
    if jax.tree.leaves(rest)[0].shape[0] or not full:
        results.append(part(params, *rest))
    return results[0] if len(results) == 1 else jax.tree.map(jnp.add, *results)


def _weights(parts: tuple[dict[str, Any], dict[str, Any]]) -> Any:
    """The denominators of all terms and of the report."""
    for name, term in parts[0].items():
        if not isinstance(term, Sums):
            raise TypeError(
                f"value_and_grad: {name!r} is a mean, and a mean over micro-batches of means is not the mean; "
                "give the loss reduction=jaxloss.training.sums"
            )
    if not all(map(_is_sums, jax.tree.leaves(parts[1], is_leaf=_is_sums))):
        raise TypeError(
            "value_and_grad: with micro-batches the report holds Sums, from reduction=jaxloss.training.sums"
        )
    return jax.tree.map(lambda part: part.weight, parts, is_leaf=_is_sums)


def _total(shares: Mapping[str, Array]) -> Array:
    dtype = checks.compute_dtype(*shares.values())
    return sum((share.astype(dtype) for share in shares.values()), start=jnp.zeros((), dtype))


def _mean(part: Any, weight: Array | None = None) -> Any:
    return part.mean(weight) if isinstance(part, Sums) else part


def _is_sums(part: Any) -> bool:
    return isinstance(part, Sums)


def _none_like(report: Any) -> Any:
    return jax.tree.map(lambda _: None, report, is_leaf=_is_sums)
