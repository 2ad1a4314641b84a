r"""Objectives of several terms: weighted sums with every term reported, and a loss plus a regulariser.

Both give a function with the total first and the report second, which is what ``has_aux=True`` expects, so a training
step reads the same whatever holds the parameters::

    objective = weighted_sum({
        "reconstruction": lambda outputs, images: sigmoid_binary_cross_entropy(outputs.logits, images),
        "kl": (0.01, lambda outputs, images: gaussian_vae_kl(outputs.mean, outputs.log_variance)),
    })

    @jax.jit
    def step(params, state, images):
        loss = lambda params: objective(decode(params, images), images)
        (total, report), grads = jax.value_and_grad(loss, has_aux=True)(params)
        ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxloss import checks

__all__ = ["regularized", "weighted_sum"]

Term = Callable[..., Any]
Objective = Callable[..., tuple[Array, dict[str, Array]]]


def weighted_sum(terms: Mapping[str, Term | tuple[Any, Term]]) -> Objective:
    r"""Sum of weighted terms, with the value of each reported.

    .. math::  L = \sum_k w_k \, \ell_k, \qquad \partial L / \partial w_k = \ell_k

    Args:
      terms: name to a function that returns a scalar, or to ``(weight, function)``. Every function receives the
        arguments of the sum; a small lambda picks its own. A weight is a number or a scalar array, which may be
        learned or scheduled: build the sum inside the step then. A Python weight of 0 only reports its term.
    Returns: ``objective(*args, **kwargs) -> (total, report)``; the report has the value of each term before its weight,
      and ``"term/part"`` for the parts of a term that is such an objective itself.
    Raises: ValueError for a term or a weight that is not a scalar, TypeError for a term that is not floating point; the
      message names the term.
    Example:
      >>> from jaxloss import huber, squared_error
      >>> objective = weighted_sum({"fit": squared_error, "robust": (0.5, huber)})
      >>> total, report = objective(jnp.array([3.0]), jnp.array([0.0]))
      >>> total, report["robust"]
      (Array(10.25, dtype=float32), Array(2.5, dtype=float32))
    """
    pairs = {name: _pair(name, term) for name, term in terms.items()}
    if not pairs:
        raise ValueError("weighted_sum: no terms")

    def objective(*args: Any, **kwargs: Any) -> tuple[Array, dict[str, Array]]:
        report, parts = {}, []
        for name, (weight, function) in pairs.items():
            value, inner = _value(name, function(*args, **kwargs))
            report[name] = value
            report.update({f"{name}/{part}": number for part, number in inner.items()})
            if not (isinstance(weight, int | float) and weight == 0):
                parts.append(_weighted(name, weight, value))
        dtype = checks.compute_dtype(*report.values())
        return sum((part.astype(dtype) for part in parts), start=jnp.zeros((), dtype)), report

    return objective


def regularized(loss: Term, penalty: Callable[[Any], Any], strength: Any) -> Objective:
    r"""Empirical plus structural risk: a loss of the parameters and the data, and a penalty on the parameters.

    .. math::  L(\theta) = \ell(\theta, \ldots) + \lambda \, R(\theta)

    Args:
      loss: ``loss(params, *data)``, a scalar or an objective of `weighted_sum`.
      penalty: of the first argument, a pytree, such as `l2`; a lambda chooses what is penalised:
        ``lambda params: l2(params["head"])``.
      strength: lambda; a number or a scalar array.
    Returns: ``objective(params, *data) -> (total, {"loss": ..., "penalty": ...})``, the penalty before its strength.
    Raises: as `weighted_sum`.
    Example:
      >>> import jax
      >>> from jaxloss import squared_error
      >>> fit = lambda params, x, y: squared_error(params["w"] * x, y)
      >>> objective = regularized(fit, lambda params: jnp.sum(params["w"] ** 2), 0.1)
      >>> params = {"w": jnp.float32(2)}
      >>> (total, report), grads = jax.value_and_grad(objective, has_aux=True)(params, jnp.ones(3), jnp.ones(3))
      >>> total, grads["w"]
      (Array(1.4, dtype=float32), Array(2.4, dtype=float32))
    """
    return weighted_sum({"loss": loss, "penalty": (strength, lambda params, *_, **__: penalty(params))})


def _pair(name: str, term: Term | tuple[Any, Term]) -> tuple[Any, Term]:
    weight, function = term if isinstance(term, tuple) and len(term) == 2 else (1, term)
    if not callable(function):
        raise TypeError(f"weighted_sum: term {name!r} must be a function or (weight, function), got {term!r}")
    return weight, function


def _value(name: str, result: Any) -> tuple[Array, Mapping[str, Array]]:
    value, inner = result if isinstance(result, tuple) and len(result) == 2 else (result, {})
    if not isinstance(inner, Mapping):
        raise TypeError(
            f"weighted_sum: term {name!r} must return a scalar or (scalar, report), got {type(inner).__name__}"
        )
    (value,) = checks.floating("weighted_sum", **{f"term {name!r}": value})
    if value.shape:
        raise ValueError(
            f"weighted_sum: term {name!r} must be a scalar, got shape {value.shape}; reduce it with reduction='mean'"
        )
    return value, inner


def _weighted(name: str, weight: Any, value: Array) -> Array:
    if isinstance(weight, int | float):
        return weight * value
    (weight,) = checks.real("weighted_sum", value.dtype, **{f"weight of {name!r}": weight})
    if weight.shape:
        raise ValueError(f"weighted_sum: the weight of {name!r} must be a scalar, got shape {weight.shape}")
    return weight * value
