r"""Log-probabilities of tokens and sequences, and the denominators of losses that are means over tokens.

Sequences are ``[..., tokens]``. Completions differ in length, so that there are three means of a loss over them, and
papers differ in which one they take:

- ``"per_token"``: every token counts once, :math:`\sum_{bt} \ell_{bt} / \sum_b n_b`;
- ``"per_sequence"``: every sequence counts once, :math:`\frac1B \sum_b \frac{1}{n_b} \sum_t \ell_{bt}`;
- ``"fixed"``: every sequence counts once and has the same ``length``, :math:`\frac{1}{B L} \sum_{bt} \ell_{bt}`.

A sequence without tokens does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, reduce
from jaxloss.reduce import Reduction
from jaxloss.rows.labels import pick, row_like
from jaxloss.rows.softmax import largest, of_ids, score

__all__ = ["Denominator", "learned_and_fixed", "reduce_tokens", "sequence_log_probs", "token_counts", "token_log_probs"]

Denominator = Literal["per_token", "per_sequence", "fixed"]
"""What a mean over the tokens of sequences divides by."""


def token_log_probs(
    logits: Float[ArrayLike, "*tokens_and_classes"],
    labels: Int[ArrayLike, "*tokens"],
    *,
    axis: int = -1,
    temperature: float | Real[ArrayLike, "..."] = 1,
    ignore_index: int | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
) -> Array:
    r"""Log-probability of each label under the softmax of its logits; exactly 0 where masked.

    .. math::  \log p_y = \frac{z_y}{\tau} - \log \sum_c e^{z_c / \tau}

    It is the negative cross-entropy, computed as there: tokens that the model is sure of keep their digits, and one
    array of the size of the logits makes value and gradient. Logits at position t predict the label at position t + 1:
    shift before calling, ``token_log_probs(logits[:, :-1], tokens[:, 1:], where=completion[:, 1:])``.

    Args:
      logits: real array with the classes on ``axis``, in nats; -inf is an impossible class.
      labels: integer array of the shape of the logits without that axis. Value and gradient are NaN where a label is
        outside [0, classes) and neither masked nor ``ignore_index``.
      axis: the class axis.
      temperature: positive divisor of the logits, that of the sampler; may be learned.
      ignore_index: label of tokens that do not exist, such as -100 for padding.
      where: boolean, which tokens exist.
    Returns: one value per token; in nats, at most 0.
    Raises: ValueError for shapes that do not fit, TypeError for integer logits or real labels.
    Example:
      >>> logits = jnp.array([[0.0, 0.0], [0.0, 23.0], [jnp.nan, 0.0]])
      >>> token_log_probs(logits, jnp.array([0, 1, -100]), ignore_index=-100)
      Array([-6.931472e-01, -1.026188e-10,  0.000000e+00], dtype=float32)
    """
    name = "token_log_probs"
    logits, labels, axis = checks.integer_rows(name, logits, labels, axis)
    divisor: Any = checks.parameter(name, "temperature", temperature, row_like(logits, axis), above=0)
    where = reduce.except_label(where, labels, ignore_index)
    top = largest(name, where, logits, axis)
    logits, labels = reduce.keep(name, where, logits, axis=axis), reduce.keep(name, where, labels)
    own = jnp.squeeze(score(jnp.expand_dims(pick(logits, labels, axis), axis), top, divisor), axis)
    values = 0 - of_ids(score(logits, top, divisor), labels, lax.stop_gradient(own), axis).nll
    return values if where is None else jnp.where(where, values, 0)


def sequence_log_probs(
    log_probs: Float[ArrayLike, "*sequences_and_tokens"],
    *,
    average: bool = False,
    where: Bool[ArrayLike, "..."] | None = None,
) -> Array:
    r"""Log-probability of each sequence: the sum of those of its tokens, or their average; 0 for one without tokens.

    .. math::  \log \pi(y) = \sum_t \log \pi(y_t), \qquad \overline{\log \pi}(y) = \frac1n \sum_t \log \pi(y_t)

    `dpo`, `kto` and `cpo` take sums; `simpo`, `orpo` and, in most implementations, ``dpo(variant="ipo")`` averages.

    Args:
      log_probs: real array ``[..., tokens]``, of `token_log_probs`.
      average: whether to divide by the number of tokens that exist.
      where: boolean, which tokens exist, those of the completion: NaN and -inf behind the mask do not matter.
    Returns: one value per sequence; in nats.
    Raises: ValueError for a scalar or a mask that does not fit, TypeError for integers.
    Example:
      >>> log_probs = jnp.array([[-1.0, -2.0, -9.0], [-1.0, -2.0, -3.0]])
      >>> completion = jnp.array([[True, True, False], [True, True, True]])
      >>> sequence_log_probs(log_probs, where=completion)
      Array([-3., -6.], dtype=float32)
      >>> sequence_log_probs(log_probs, average=True, where=completion)
      Array([-1.5, -2. ], dtype=float32)
    """
    (log_probs,) = checks.floating("sequence_log_probs", log_probs=log_probs)
    _check_sequences("sequence_log_probs", "log_probs", log_probs)
    log_probs = reduce.keep("sequence_log_probs", where, log_probs)
    total = jnp.sum(log_probs, -1)
    return total / jnp.squeeze(token_counts(log_probs, where), -1) if average else total


def reduce_tokens(
    name: str,
    values: Array,
    *,
    denominator: Denominator,
    length: float | ArrayLike | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    reduction: Reduction,
) -> Any:
    """Reduce one value per token by `reduce.apply`, whose mean is that of the denominator.

    Per sequence, a token weighs 1/n, so that the weights of its sequence sum to 1; with a fixed length its value is
    multiplied by n / length on top. The sum and a reduction of your own see the same values and weights.
    """
    checks.choice(name, "denominator", denominator, ("per_token", "per_sequence", "fixed"))
    if (length is not None) != (denominator == "fixed"):
        raise ValueError(
            f"{name}: denominator='fixed' needs a length, the others take none; got {denominator=}, {length=}"
        )
    if denominator != "per_token":
        _check_sequences(name, "log_probs", values)
        if weights is not None:
            weights = checks.parameter(name, "weights", weights, values)
        count = token_counts(values, where)
        weights = reduce.scale_weights(weights, jnp.broadcast_to(1 / count, values.shape))
        if length is not None:
            scalar = jax.ShapeDtypeStruct((), values.dtype)
            values = values * (count / checks.parameter(name, "length", length, scalar, above=0))
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def token_counts(values: Array, where: ArrayLike | None) -> Array:
    """How many tokens of each sequence exist, ``[..., 1]``; 1 for none, so that one can divide by it."""
    exists = jnp.broadcast_to(True if where is None else where, values.shape)
    return jnp.maximum(jnp.sum(exists, -1, keepdims=True, dtype=jnp.int32), 1).astype(values.dtype)


def learned_and_fixed(
    name: str,
    where: ArrayLike | None,
    learned: Mapping[str, ArrayLike],
    fixed: Mapping[str, ArrayLike],
    fill: float = 0,
) -> tuple[Array, ...]:
    """Return arrays of one shape, checked, masked and in one dtype: those that learn, and those that have no gradient.

    Only the policy learns: references, old policies, advantages and returns are what a step starts from.
    """
    dtype = checks.compute_dtype(*checks.floating(name, **learned), *map(jnp.asarray, fixed.values()))
    arrays = dict(zip(learned, checks.floating(name, **learned), strict=True))
    arrays |= dict(zip(fixed, map(lax.stop_gradient, checks.real(name, dtype, **fixed)), strict=True))
    checks.same_shape(name, **arrays)
    kept = reduce.keep(name, where, *(array.astype(dtype) for array in arrays.values()), fill=fill)
    return kept if len(arrays) > 1 else (kept,)


def _check_sequences(name: str, argument: str, array: Array) -> None:
    if not array.ndim:
        raise ValueError(f"{name}: {argument} must have an axis of tokens, got a scalar")
