"""Distillation and preference losses of hidden states, without keeping the logits of either model in memory."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int, Real

from jaxloss import checks, reduce
from jaxloss.divergence.bounded import jensen_shannon
from jaxloss.divergence.closed_forms import categorical_kl
from jaxloss.kernels.linear_rows import Projection
from jaxloss.reduce import Reduction
from jaxloss.rows import projected
from jaxloss.rows.labels import pick
from jaxloss.rows.softmax import largest, of_ids, score, surprises
from jaxloss.rows.yes_no import cross_entropy

__all__ = ["linear_distillation", "linear_dpo"]


def linear_distillation(
    hidden: Float[ArrayLike, "*tokens features"],
    kernel: Float[ArrayLike, "*batch rows columns"],
    teacher_hidden: Float[ArrayLike, "*tokens teacher_features"],
    teacher_kernel: Float[ArrayLike, "*batch teacher_rows teacher_columns"],
    *,
    bias: Float[ArrayLike, "..."] | None = None,
    teacher_bias: Float[ArrayLike, "..."] | None = None,
    tied: bool = False,
    temperature: float | Real[ArrayLike, ""] = 1.0,
    direction: Literal["forward", "reverse", "jsd"] = "forward",
    beta: float = 0.5,
    rescale: bool = False,
    chunk_size: int | None = None,
    implementation: str | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Divergence of a student's softmax from a teacher's, which is held fixed, both of ``hidden @ kernel + bias``.

    .. math::  \mathrm{KL}(q \| p), \qquad \mathrm{KL}(p \| q) \qquad \text{or} \qquad
               \beta\, \mathrm{KL}(q \| m) + (1 - \beta)\, \mathrm{KL}(p \| m), \quad m = \beta q + (1 - \beta) p

    for the directions "forward", "reverse" and "jsd", with the student's :math:`p = \operatorname{softmax}(h W / \tau)`
    and the teacher's :math:`q = \operatorname{softmax}(h' W' / \tau)`. The logits of some tokens are in memory at a
    time, as in `linear_softmax_cross_entropy`; a loss that is reduced by name makes its gradient with its value.
    Where the two nearly agree, "forward" and "reverse" are as exact as the difference of their logits, which are
    rounded products; "jsd" is made of probabilities, so that its gradients are exact to the rounding of the largest.

    Args:
      hidden: real array ``[..., features]``, the student's hidden state of each token.
      kernel: real array ``[features, classes]``, or one in each batch, whose axes are then the first of ``hidden``.
      teacher_hidden: the teacher's hidden states, of as many tokens and any number of features. Their gradient is 0.
      teacher_kernel: the teacher's kernel, of as many classes. Its gradient is 0.
      bias, teacher_bias: ``[classes]``, or one in each batch.
      tied: whether both kernels are embedding tables, ``[classes, features]``.
      temperature: positive divisor of all logits; may be learned.
      direction: "forward" covers all that the teacher does, "reverse" seeks what it does most, "jsd" is bounded.
      beta: share of the teacher in the mixture of "jsd", in (0, 1).
      rescale: whether to multiply by the square of the temperature, which keeps the size of the gradient.
      chunk_size, implementation: as in `linear_softmax_cross_entropy`.
      where, weights, reduction: of the tokens, see :doc:`/reductions`.
    Returns: a scalar, or one value per token with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a parameter out of its range, TypeError for integer arrays.
    Example:
      >>> eye = jnp.eye(2)
      >>> linear_distillation(jnp.array([[0.0, 0.0]]), eye, jnp.array([[2.0, 0.0]]), eye)
      Array(0.3278133, dtype=float32)
    References: Hinton et al. (2015), arXiv:1503.02531; reverse: Gu et al. (2024), MiniLLM, arXiv:2306.08543; "jsd":
      Agarwal et al. (2024), On-policy distillation, arXiv:2306.13649, eq. 1.
    """
    name, words = "linear_distillation", ("teacher_hidden", "teacher_kernel", "teacher_bias")
    checks.choice(name, "direction", direction, ("forward", "reverse", "jsd"))
    student = projected.projection(name, hidden, kernel, bias, tied=tied)
    teacher = projected.projection(name, teacher_hidden, teacher_kernel, teacher_bias, tied=tied, words=words)
    _check_pair(name, student, teacher, tied)
    dtype = checks.compute_dtype(student.hidden, teacher.hidden)
    like = jax.ShapeDtypeStruct(projected.token_shape(student), dtype)
    scalar = jax.ShapeDtypeStruct((), dtype)
    divisor = checks.parameter(name, "temperature", temperature, scalar, above=0)
    beta = checks.parameter(name, "beta", beta, scalar, above=0, below=1)
    if isinstance(beta, Array):
        raise TypeError(f"{name}: beta must be a Python number, got an array")
    coefficients = reduce.coefficients(name, like, where=where, weights=weights, reduction=reduction)
    pair = tuple(
        p._replace(hidden=reduce.keep(name, where, p.hidden, axis=-1)) for p in (student, lax.stop_gradient(teacher))
    )
    learned = isinstance(divisor, Array)
    rows = _Divergence(direction, None if learned else divisor, beta, rescale)
    operands = {"temperature": jnp.broadcast_to(divisor, (*like.shape, 1))} if learned else {}
    if coefficients is not None:
        operands["coefficients"] = coefficients
    summed = coefficients is not None
    options = {"tied": tied, "chunk_size": chunk_size, "implementation": implementation}
    values, _ = projected.run(name, rows, pair, operands, where, dtype=dtype, summed=summed, **options)
    return values if summed else reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


@dataclasses.dataclass(frozen=True)
class _Divergence:
    """Divergences of rows of logits of student and teacher."""

    direction: str
    temperature: float | None
    """None for one that is learned, an operand."""
    beta: float
    rescale: bool

    def __call__(self, logits: tuple[Array, Array], operands: dict[str, Array]) -> tuple[Array, tuple[()]]:
        temperature: Any = operands.get("temperature", self.temperature)
        student, teacher = (score(z, largest("", None, z, -1), temperature) for z in logits)
        if self.direction == "jsd":
            log_p, q = -surprises(student, -1).nll, surprises(teacher, -1).probabilities
            values = jensen_shannon(log_p, q, beta=self.beta, reduction="none")
        else:
            pair = (teacher, student) if self.direction == "forward" else (student, teacher)
            values = categorical_kl(*pair, reduction="none")
        if self.rescale:
            values = (jnp.squeeze(temperature, -1) if isinstance(temperature, Array) else temperature) ** 2 * values
        return values * operands["coefficients"] if "coefficients" in operands else values, ()


def linear_dpo(
    hidden: Float[ArrayLike, "*pairs_two_tokens features"],
    kernel: Float[ArrayLike, "*batch rows columns"],
    reference_hidden: Float[ArrayLike, "*pairs_two_tokens reference_features"],
    reference_kernel: Float[ArrayLike, "*batch reference_rows reference_columns"],
    labels: Int[ArrayLike, "*pairs_two_tokens"],
    *,
    bias: Float[ArrayLike, "..."] | None = None,
    reference_bias: Float[ArrayLike, "..."] | None = None,
    tied: bool = False,
    beta: float | Real[ArrayLike, "..."] = 0.1,
    label_smoothing: float | Real[ArrayLike, "..."] = 0.0,
    ignore_index: int | None = None,
    chunk_size: int | None = None,
    implementation: str | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Direct preference optimisation from hidden states: of two completions the chosen one should gain more.

    .. math::  \ell = -(1 - s) \log \sigma(z) - s \log \sigma(-z), \qquad z = \beta (u_w - u_l), \qquad
               u = \sum_t \log \pi(y_t) - \log \pi_\text{ref}(y_t)

    with the log-ratios u of the chosen completion w and of the rejected one l, summed over their tokens. All tokens of
    policy and reference are scored in chunks, as in `linear_softmax_cross_entropy`: the logits of neither are stored.
    The reference is held fixed. The gradient of the policy computes its logits once more.

    Args:
      hidden: real array ``[..., 2, tokens, features]``: the policy's hidden states that predict the tokens of the
        chosen completion (first) and of the rejected one.
      kernel: real array ``[features, classes]``, or one in each batch, whose axes are then the first of ``hidden``.
      reference_hidden: hidden states of the reference, of any number of features. Their gradient is 0.
      reference_kernel: kernel of the reference. Its gradient is 0.
      labels: integer array ``[..., 2, tokens]``, the tokens themselves; one outside the classes makes its pair NaN.
      bias, reference_bias: ``[classes]``, or one in each batch.
      tied: whether both kernels are embedding tables, ``[classes, features]``.
      beta: positive price of leaving the reference, per nat.
      label_smoothing: s, the share of pairs that are labelled the wrong way round, in [0, 1/2).
      ignore_index: label of what is no token of the completion: of prompts and padding, such as -100.
      chunk_size, implementation: as in `linear_softmax_cross_entropy`.
      where, weights, reduction: of the pairs, ``[...]``, see :doc:`/reductions`.
    Returns: a scalar, or one value per pair with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a parameter out of its range, TypeError for integer hidden states
      or kernels, or real labels.
    Example:
      >>> hidden, eye = jnp.array([[[[2.0, 0.0]], [[0.0, 0.0]]]]), jnp.eye(2)
      >>> linear_dpo(hidden, eye, jnp.zeros((1, 2, 1, 2)), eye, jnp.array([[[0], [0]]]), beta=1.0)
      Array(0.44958892, dtype=float32)
    References: Rafailov et al. (2023), Direct preference optimization, arXiv:2305.18290, eq. 7; Mitchell (2023), A note
      on DPO with noisy preferences.
    """
    name, words = "linear_dpo", ("reference_hidden", "reference_kernel", "reference_bias")
    policy = projected.projection(name, hidden, kernel, bias, tied=tied)
    reference = projected.projection(name, reference_hidden, reference_kernel, reference_bias, tied=tied, words=words)
    _check_pair(name, policy, reference, tied, same_classes=False)
    shape, dtype = projected.token_shape(policy), checks.compute_dtype(policy.hidden, reference.hidden)
    if len(shape) < 2 or shape[-2] != 2 or len(shape) - 2 < policy.kernel.ndim - 2:
        raise ValueError(f"{name}: hidden must have shape [..., 2, tokens, features], got {policy.hidden.shape}")
    labels = jnp.asarray(labels)
    if not checks.labels_are_integers(labels):
        raise TypeError(f"{name}: labels must be integer class ids, got {labels.dtype}")
    projected.check_rows(name, "labels", labels, policy)
    like = jax.ShapeDtypeStruct(shape[:-2], dtype)
    reduce.coefficients(name, like, where=where, weights=weights, reduction=reduction)  # refuses what does not fit
    exists = None if where is None else jnp.broadcast_to(jnp.asarray(where), like.shape)[..., None, None]
    exists = reduce.except_label(exists, labels, ignore_index)
    labels = reduce.keep(name, exists, labels if labels.dtype == jnp.int64 else labels.astype(jnp.int32))
    options = {"tied": tied, "chunk_size": chunk_size, "implementation": implementation}

    def completions(projection: Projection) -> Array:
        """Log-probabilities of the completions, ``[..., 2]``."""
        kept = projection._replace(hidden=reduce.keep(name, exists, projection.hidden, axis=-1))
        nll, _ = projected.run(name, _surprise, (kept,), labels, exists, dtype=dtype, summed=False, **options)
        return -jnp.sum(nll, -1)

    ratios = completions(policy) - lax.stop_gradient(completions(lax.stop_gradient(reference)))
    beta = checks.parameter(name, "beta", beta, like, above=0)
    smoothing = checks.parameter(name, "label_smoothing", label_smoothing, like, minimum=0, below=0.5)
    z = beta * (ratios[..., 0] - ratios[..., 1])
    values = cross_entropy(z, jnp.broadcast_to(jnp.asarray(1 - smoothing, dtype), z.shape))
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


def _surprise(logits: tuple[Array], labels: Array) -> tuple[Array, tuple[()]]:
    """-log p of the labels."""
    scores = score(logits[0], largest("", None, logits[0], -1))
    return of_ids(scores, labels, pick(scores, labels, -1), -1).nll, ()


def _check_pair(name: str, first: Projection, second: Projection, tied: bool, *, same_classes: bool = True) -> None:
    """Raise ValueError unless two models have the same tokens, batches and, unless each has its own, classes."""
    if projected.token_shape(first) != projected.token_shape(second) or first.kernel.ndim != second.kernel.ndim:
        raise ValueError(
            f"{name}: the two models must have the same tokens and batches, got hidden states of shape "
            f"{first.hidden.shape} and {second.hidden.shape}, kernels of shape {first.kernel.shape} and "
            f"{second.kernel.shape}"
        )
    classes = [projected.classes_of(p, tied=tied) for p in (first, second)]
    if same_classes and classes[0] != classes[1]:
        raise ValueError(f"{name}: the two models must have the same classes, got {classes[0]} and {classes[1]}")
