"""Losses of detectors whose score says how good a box is, not only whether there is one."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.reduce import Reduction
from jaxloss.rows.softmax import Rows, largest, of_distributions, score
from jaxloss.rows.yes_no import cross_entropy, discount, probabilities, tails

__all__ = ["distribution_focal", "quality_focal", "varifocal"]


def quality_focal(
    logits: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"] | Bool[ArrayLike, "*shape"],
    *,
    beta: Real[ArrayLike, "..."] = 2.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Cross-entropy with a quality between 0 and 1, times a power of the distance between prediction and quality.

    .. math::  \ell(x, y) = |y - \sigma(x)|^\beta \, H, \qquad
               \frac{\partial \ell}{\partial x} = \operatorname{sign}(d) \, |d|^{\beta - 1}
               \left(\beta \, \sigma(x) \sigma(-x) \, H + d^2\right), \quad d = \sigma(x) - y

    with :math:`H = -y \log \sigma(x) - (1 - y) \log \sigma(-x)`. The target is the IoU of the box with its object, 0
    for background. For targets 0 and 1 this is `sigmoid_focal` without alpha, and `sigmoid_focal_exp`. For targets in
    between it is the only one of the three that is 0 where the prediction is right. :math:`\beta = 0` is
    `sigmoid_binary_cross_entropy`. For :math:`\beta \le 1` there is a kink where :math:`d = 0`; the slope there is 0.

    Args:
      logits: real array of any shape, log-odds.
      targets: array of exactly that shape, in [0, 1]; real, integer or boolean.
      beta: how strongly what is nearly right is discounted, at least 0; a number, or an array, which may be learned.
        The fastest are multiples of 1/2.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or a negative beta, TypeError for integer logits.
    Example:
      >>> quality_focal(jnp.array([0.0, 0.0, 3.0]), jnp.array([0.5, 0.9, 1.0]), reduction="none")
      Array([0.0000000e+00, 1.1090354e-01, 1.0928331e-04], dtype=float32)
    References: Li et al. (2020), Generalized focal loss, arXiv:2006.04388.
    """
    logits, targets = checks.real_pair("quality_focal", logits, targets, arguments=("logits", "targets"))
    logits, targets = reduce.keep("quality_focal", where, logits, targets)
    distance = _distance(logits, targets)
    values = discount("quality_focal", "beta", beta, jnp.sign(distance) * distance, cross_entropy(logits, targets))
    return reduce.apply("quality_focal", values, where=where, weights=weights, reduction=reduction)


def varifocal(
    logits: Float[ArrayLike, "*shape"],
    targets: Real[ArrayLike, "*shape"] | Bool[ArrayLike, "*shape"],
    *,
    alpha: Real[ArrayLike, "..."] = 0.75,
    gamma: Real[ArrayLike, "..."] = 2.0,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Cross-entropy with a quality, weighted by the quality itself; only what is background is discounted.

    .. math::  \ell(x, y) = \begin{cases} y \, H & y > 0 \\ -\alpha \, \sigma(x)^\gamma \log \sigma(-x) & y = 0
               \end{cases}, \qquad
               \frac{\partial \ell}{\partial x} = \begin{cases} y \, (\sigma(x) - y) & y > 0 \\
               \alpha \, \sigma(x)^\gamma \left(\sigma(x) - \gamma \, \sigma(-x) \log \sigma(-x)\right) & y = 0
               \end{cases}

    with :math:`H = -y \log \sigma(x) - (1 - y) \log \sigma(-x)`. The target is the IoU of the box with its object, 0
    for background. Good boxes count most, and none of the few positives is discounted. As a function of the target the
    loss jumps at 0, where its derivative along the target is 0.

    Args:
      logits: real array of any shape, log-odds.
      targets: array of exactly that shape, in [0, 1]; real, integer or boolean.
      alpha: weight of the background, at least 0; a number, or an array, which may be learned.
      gamma: how strongly background that is right is discounted, at least 0; likewise.
      where, weights, reduction: see :doc:`/reductions`.
    Returns: a scalar, or one value per element with ``reduction="none"``; in nats.
    Raises: ValueError for unequal shapes or a negative parameter, TypeError for integer logits.
    Example: a good box, a poor one and background.
      >>> varifocal(jnp.array([0.0, 0.0, 0.0]), jnp.array([0.9, 0.1, 0.0]), reduction="none")
      Array([0.62383246, 0.06931472, 0.1299651 ], dtype=float32)
    References: Zhang et al. (2021), VarifocalNet: an IoU-aware dense object detector, arXiv:2008.13367.
    """
    logits, targets = checks.real_pair("varifocal", logits, targets, arguments=("logits", "targets"))
    logits, targets = reduce.keep("varifocal", where, logits, targets)
    alpha = checks.parameter("varifocal", "alpha", alpha, logits, minimum=0)
    entropy = cross_entropy(logits, jax.lax.stop_gradient(targets))  # of background: no derivative along its target
    background = alpha * discount("varifocal", "gamma", gamma, probabilities(logits)[0], entropy)
    values = jnp.where(targets == 0, background, targets * cross_entropy(logits, targets))
    return reduce.apply("varifocal", values, where=where, weights=weights, reduction=reduction)


def distribution_focal(
    logits: Float[ArrayLike, "*rows bins"],
    targets: Real[ArrayLike, "*rows"],
    *,
    axis: int = -1,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Cross-entropy of a number that is predicted as a distribution over bins, shared by the two bins around it.

    .. math::  \ell(x, y) = -(i + 1 - y) \log p_i - (y - i) \log p_{i+1}, \qquad p = \operatorname{softmax}(x), \quad
               i = \lfloor y \rfloor, \qquad
               \frac{\partial \ell}{\partial x_j} = p_j - \max(0, 1 - |y - j|)

    The least value is reached where the expected bin, which is what a detector reads off, is the target. There is a
    kink in the target at every bin; the slope :math:`x_i - x_{i+1}` is that on the right, at the last bin on the left.

    Args:
      logits: real array with a score for each bin along ``axis``; ``-inf`` for a bin that is impossible.
      targets: array of that shape without ``axis``: the position between the bins, from 0 to ``bins - 1``; for a
        side of a box its length in strides. Outside, the loss and its gradient are NaN, unless masked.
      axis: the axis of the bins.
      where, weights, reduction: see :doc:`/reductions`; the unreduced loss has the shape of the targets.
    Returns: a scalar, or one value per row with ``reduction="none"``; in nats.
    Raises: ValueError for targets of another shape or an axis that is not there, TypeError for integer logits.
    Example: three quarters of the way from bin 1 to bin 2; a position that the four bins do not reach.
      >>> distribution_focal(jnp.zeros((2, 4)), jnp.array([1.75, 3.5]), reduction="none")
      Array([1.3862944,       nan], dtype=float32)
    References: Li et al. (2020), Generalized focal loss, arXiv:2006.04388.
    """
    name = "distribution_focal"
    dtype = checks.compute_dtype(logits, targets)
    (logits,), (targets,) = checks.floating(name, logits=logits), checks.real(name, dtype, targets=targets)
    logits, axis = logits.astype(dtype), checks.row_axis(name, logits, axis)
    rows = logits.shape[: logits.ndim + axis] + logits.shape[logits.ndim + axis + 1 :]
    if targets.shape != rows:
        raise ValueError(
            f"{name}: targets must have shape {rows}, that of logits {logits.shape} without axis {axis}, "
            f"got {targets.shape}"
        )
    targets, top = reduce.keep(name, where, targets), largest(name, where, logits, axis)
    logits = reduce.keep(name, where, logits, axis=axis)
    values = _between(score(logits, top), jnp.expand_dims(targets, axis), logits, axis)
    return reduce.apply(name, values, where=where, weights=weights, reduction=reduction)


# sigma(x) - y from the small one of sigma(x) and sigma(-x), so that nothing is lost where the target is 0 or 1.
@jax.custom_jvp
def _distance(x: Array, y: Array) -> Array:
    """Return sigma(x) - y."""
    small, _ = tails(x)
    return jnp.where(x > 0, (1 - y) - small, small - y)


def _distance_jvp(primals: tuple[Array, Array], tangents: tuple[Any, Any]) -> tuple[Array, Array]:
    (x, y), (dx, dy) = primals, tangents
    change = jnp.zeros_like(x)
    if not isinstance(dx, SymbolicZero):
        small, large = tails(x)
        change += small * large * dx
    if not isinstance(dy, SymbolicZero):
        change -= dy
    return _distance(x, y), change


_distance.defjvp(_distance_jvp, symbolic_zeros=True)


# The slope along the position is x_i - x_{i+1}: a derivative of the two shares apart would subtract log p_{i+1} from
# log p_i. The logits are there for their digits, the scores have been rounded; only these have a tangent.
@partial(jax.custom_jvp, nondiff_argnums=(3,))
def _between(scores: Array, position: Array, logits: Array, axis: int) -> Array:
    """Return the cross-entropy with the position, shared by the two bins around it."""
    del logits
    return _rows(scores, position, axis).nll


def _between_jvp(axis: int, primals: tuple[Array, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    (scores, position, logits), (change, drift, _) = primals, tangents
    rows = _rows(scores, position, axis)
    tangent = jnp.zeros_like(rows.nll)
    if not isinstance(change, SymbolicZero):
        tangent += jnp.sum(rows.slope * change, axis)
    if not isinstance(drift, SymbolicZero):
        lower, upper, reached = _around(position, logits.shape, axis)
        slope = jnp.sum(jnp.where(lower, logits, jnp.where(upper, -logits, 0)), axis)
        tangent += jnp.where(jnp.squeeze(reached, axis), slope, jnp.nan) * jnp.squeeze(drift, axis)
    return rows.nll, tangent


_between.defjvp(_between_jvp, symbolic_zeros=True)


def _rows(scores: Array, position: Array, axis: int) -> Rows:
    lower, upper, reached = _around(position, scores.shape, axis)
    rest = position - _floor(position, scores.shape[axis])
    shares = jnp.where(lower, 1 - rest, jnp.where(upper, rest, 0))
    shares = jnp.where(reached, shares, jnp.nan)
    return of_distributions(scores, shares, jnp.ones((), scores.dtype), axis)


def _around(position: Array, shape: tuple[int, ...], axis: int) -> tuple[Array, Array, Array]:
    """Return which bin is at or below each position, which follows, and whether the position is within the bins."""
    lower = _floor(position, shape[axis])
    bin = jax.lax.broadcasted_iota(jnp.int32, shape, len(shape) + axis).astype(position.dtype)
    return bin == lower, bin == lower + 1, (position >= 0) & (position <= shape[axis] - 1)


def _floor(position: Array, bins: int) -> Array:
    return jnp.clip(jnp.floor(position), 0, max(bins - 2, 0))
