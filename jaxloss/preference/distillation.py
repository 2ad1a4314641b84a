"""Distillation: a student learns the distributions of a teacher, who is held fixed."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.divergence.bounded import _excess as excess
from jaxloss.divergence.bounded import _log_ratio as log_ratio
from jaxloss.divergence.closed_forms import _categorical_kl as divergence_rows
from jaxloss.divergence.closed_forms import categorical_kl
from jaxloss.numerics.elementary import one_dispatch
from jaxloss.numerics.rows import _softmax as softmax
from jaxloss.preference.tokens import Denominator, reduce_tokens
from jaxloss.reduce import Reduction
from jaxloss.rows.yes_no import log1m

__all__ = ["distillation"]


def distillation(
    student_logits: Float[ArrayLike, "*shape"],
    teacher_logits: Real[ArrayLike, "*shape"],
    *,
    temperature: float | Real[ArrayLike, ""] = 1.0,
    direction: Literal["forward", "reverse", "jsd"] = "forward",
    beta: float | Real[ArrayLike, ""] = 0.5,
    rescale: bool = False,
    axis: int = -1,
    denominator: Denominator = "per_token",
    length: float | Real[ArrayLike, ""] | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Divergence of a student's softmax from a teacher's, which is held fixed, at a temperature.

    .. math::  \mathrm{KL}(q \| p), \qquad \mathrm{KL}(p \| q) \qquad \text{or} \qquad
               \beta\, \mathrm{KL}(q \| m) + (1 - \beta)\, \mathrm{KL}(p \| m), \quad m = \beta q + (1 - \beta) p

    for the directions "forward", "reverse" and "jsd", with
    :math:`p = \operatorname{softmax}(s / \tau)` and :math:`q = \operatorname{softmax}(t / \tau)`. In the logits,

    .. math::  \frac{\partial \mathrm{KL}(q \| p)}{\partial s_c} = \frac{p_c - q_c}{\tau}, \qquad
               \frac{\partial \mathrm{KL}(p \| q)}{\partial s_c} =
               \frac{p_c}{\tau} \left(\log \frac{p_c}{q_c} - \mathrm{KL}(p \| q)\right)

    The forward direction covers all that the teacher does, the reverse one seeks what it does most. No digits are lost
    where the two nearly agree. For a teacher that learns too there is `categorical_kl`.

    Args:
      student_logits: real array s, by default ``[..., classes]``; -inf is an impossible class.
      teacher_logits: array t of exactly that shape. Its gradient is 0.
      temperature: positive divisor of all logits; may be learned.
      direction: "forward", "reverse" or "jsd".
      beta: share of the teacher in the mixture of "jsd", in (0, 1). The divergence goes to 0 at both ends, where TRL
        and Liger have the forward and the reverse direction instead.
      rescale: whether to multiply by the square of the temperature, which keeps the size of the gradient.
      axis: the class axis.
      denominator: what the mean divides by, see :doc:`/families/preference`: "per_token", or with tokens on the last
        axis beside the classes "per_sequence" or "fixed".
      length: for "fixed", the length that divides the sum over a sequence.
      where, weights, reduction: of the tokens, see :doc:`/reductions`; shapes are those without ``axis``.
    Returns: a scalar, or one value per token with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit or a parameter out of its range, TypeError for integer logits.
    Example:
      >>> student, teacher = jnp.array([[0.0, 0.0]]), jnp.array([[2.0, 0.0]])
      >>> distillation(student, teacher), distillation(student, teacher, direction="reverse")
      (Array(0.3278133, dtype=float32), Array(0.43378085, dtype=float32))
      >>> distillation(student, teacher, temperature=2.0, rescale=True)
      Array(0.4437763, dtype=float32)
    References: Hinton et al. (2015), arXiv:1503.02531; reverse: Gu et al. (2024), MiniLLM, arXiv:2306.08543; "jsd":
      Agarwal et al. (2024), On-policy distillation (GKD), arXiv:2306.13649, eq. 1.
    """
    name, arguments = "distillation", ("student_logits", "teacher_logits")
    checks.choice(name, "direction", direction, ("forward", "reverse", "jsd"))
    student, teacher = checks.real_pair(name, student_logits, teacher_logits, arguments=arguments)
    axis = checks.row_axis(name, student, axis, "student_logits")
    scalar = jax.ShapeDtypeStruct((), student.dtype)
    divisor: Any = checks.parameter(name, "temperature", temperature, scalar, above=0)
    beta = checks.parameter(name, "beta", beta, scalar, above=0, below=1)
    student, teacher = reduce.keep(name, where, student, lax.stop_gradient(teacher), axis=axis)
    if direction == "jsd":
        tempered = (_tempered(logits, divisor) for logits in (student, teacher))
        values = _mixed(*tempered, jnp.asarray(beta, student.dtype), axis)
    else:
        pair = (teacher, student) if direction == "forward" else (student, teacher)
        values = categorical_kl(*pair, temperature=divisor, axis=axis, reduction="none")
    if rescale:
        values = divisor**2 * values
    options = {"where": where, "weights": weights, "reduction": reduction}
    return reduce_tokens(name, values, denominator=denominator, length=length, **options)


def _tempered(logits: Array, temperature: Any) -> Array:
    possible = logits != -jnp.inf  # the derivative must not see 0 * inf
    return jnp.where(possible, jnp.where(possible, logits, 0) / temperature, -jnp.inf)


class _Mixture(NamedTuple):
    """Both distributions, their mixture, and the distances from it, which do not cancel."""

    p: Array
    q: Array
    m: Array
    p_less_m: Array
    q_less_m: Array


def _mixture(student: Array, teacher: Array, beta: Array, axis: int) -> _Mixture:
    p, q = softmax(student, (axis,)), softmax(teacher, (axis,))
    gap = divergence_rows(teacher, student, axis).difference
    return _Mixture(p, q, beta * q + (1 - beta) * p, beta * gap, (beta - 1) * gap)


def _log_share(mixture: _Mixture, beta: Array, axis: int) -> Array:
    """log(p / m) less that of the likeliest class.

    With r = q / p it is -log(1 - beta + beta r). Classes of equal r, as all are in the tails and where student and
    teacher agree, differ by exactly 0.
    """
    p, q, _, p_less_m, _ = mixture
    possible = p != 0
    safe = jnp.where(possible, p, 1)
    ratio, surplus = (jnp.where(possible, x / safe, 0) for x in (q, -p_less_m / beta))
    likeliest = p == jnp.max(p, axis, keepdims=True)
    fixed = (jnp.where(likeliest, lax.stop_gradient(x), -jnp.inf) for x in (ratio, surplus))  # numbers that cancel
    top, top_surplus = (jnp.max(x, axis, keepdims=True) for x in fixed)
    near = (jnp.abs(surplus) < 0.5) & (jnp.abs(top_surplus) < 0.5)
    change = beta * jnp.where(near, surplus - top_surplus, ratio - top) / ((1 - beta) + beta * top)
    below = change < 0
    return jnp.where(below, -log1m(jnp.where(below, -change, 0)), -jnp.log1p(jnp.where(below, 0, change)))


# In log p the slope is g = (1 - beta) p log(p / m), in log q it is h = beta q log(q / m); in the logits g - p sum(g)
# and h - q sum(h), to which a number added to the logarithms adds nothing. In beta it is KL(q || m) - KL(p || m).
@partial(jax.custom_jvp, nondiff_argnums=(3,))
def _mixed(student: Array, teacher: Array, beta: Array, axis: int) -> Array:
    """Return beta KL(q || m) + (1 - beta) KL(p || m), of logits."""
    p, q, m, p_less_m, q_less_m = _mixture(student, teacher, beta, axis)
    return jnp.sum(beta * excess(q, m, q_less_m) + (1 - beta) * excess(p, m, p_less_m), axis)


def _mixed_jvp(axis: int, primals: Any, tangents: Any) -> tuple[Array, Array]:
    value, (student, teacher, beta), (ds, dt, dbeta) = _mixed(*primals, axis), primals, tangents
    mixture = _mixture(student, teacher, beta, axis)
    p, q, m, p_less_m, q_less_m = mixture
    change = jnp.zeros_like(value)
    if not isinstance(ds, SymbolicZero):
        share = _log_share(mixture, beta, axis)
        change += jnp.sum((1 - beta) * p * (share - jnp.sum(p * share, axis, keepdims=True)) * ds, axis)
    if not isinstance(dt, SymbolicZero):
        h = beta * q * log_ratio(q, m, q_less_m)
        change += jnp.sum((h - q * jnp.sum(h, axis, keepdims=True)) * dt, axis)
    if not isinstance(dbeta, SymbolicZero):
        change += jnp.sum(excess(q, m, q_less_m) - excess(p, m, p_less_m), axis) * dbeta
    return value, change


_mixed.defjvp(_mixed_jvp, symbolic_zeros=True)
_mixed = one_dispatch(_mixed, static_argnums=3)
