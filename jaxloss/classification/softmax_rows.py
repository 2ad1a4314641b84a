"""Rows of softmax cross-entropy with its options: how logits are scaled, and what is added to the log-likelihoods."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from jaxloss import checks, numerics, reduce
from jaxloss.rows.labels import pick, row_like
from jaxloss.rows.softmax import Rows, largest, of_ids, score

__all__ = ["Scaling", "row_weights", "scaling_of", "with_extras"]


@dataclasses.dataclass(frozen=True)
class Scaling:
    """How the logits are scaled, and what their rows are compared with."""

    name: str
    where: ArrayLike | None
    logits: Array
    """As they came: what is behind the mask is taken out only after it has been reduced."""
    axis: int
    temperature: Any
    cap: float | None
    top: Array

    def scores(self, logits: Array) -> Array:
        """Return the scaled logits without the largest of their row."""
        return score(logits, self.top, self.temperature, self.cap)

    def rows_of_ids(self, logits: Array, labels: Array) -> Rows:
        """Return the rows of class ids, NaN for a label outside the classes."""
        # `of_ids` ignores the gradient of these; not so in a scan whose second derivative is taken, where jax forgets
        # the rule of `of_ids` and differentiates its formula.
        own = jnp.squeeze(self.scores(jnp.expand_dims(pick(logits, labels, self.axis), self.axis)), self.axis)
        return of_ids(self.scores(logits), labels, own, self.axis)

    def mean_gap(self) -> Array:
        """Mean distance of the scaled logits of a row from the largest, inf if one is -inf."""
        if self.cap is not None:
            kept = reduce.keep(self.name, self.where, self.logits, axis=self.axis)
            return -jnp.mean(self.scores(kept), self.axis)
        # Not the mean of the scores: of a difference that nothing else needs, XLA:CPU makes no array.
        top = lax.stop_gradient(jnp.max(self.logits, self.axis, keepdims=True))
        gap = jnp.where(jnp.squeeze(top, self.axis) == -jnp.inf, jnp.inf, jnp.mean(top - self.logits, self.axis))
        gap = jnp.expand_dims(reduce.keep(self.name, self.where, gap), self.axis)
        return jnp.squeeze(gap / self.temperature, self.axis)

    def log_normalizer(self, log_total: Array) -> Array:
        """Return log sum e^z of rows whose scores have that log-sum."""
        top = self.top if self.cap is None else self.cap * numerics.tanh(self.top / self.cap)
        return jnp.squeeze(top / self.temperature, self.axis) + log_total


def scaling_of(
    name: str,
    where: ArrayLike | None,
    logits: Array,
    axis: int,
    temperature: float | ArrayLike,
    logit_cap: float | None,
) -> Scaling:
    """Check temperature and cap, and find the largest logit of each row."""
    row = row_like(logits, axis)
    temperature = checks.parameter(name, "temperature", temperature, row, above=0)
    cap = None if logit_cap is None else checks.parameter(name, "logit_cap", logit_cap, row, above=0)
    if isinstance(cap, Array):
        raise TypeError(f"{name}: logit_cap must be a Python number, got an array")
    return Scaling(name, where, logits, axis, temperature, cap, largest(name, where, logits, axis))


def with_extras(
    name: str, rows: Rows, scaling: Scaling, label_smoothing: float | ArrayLike, z_loss: float | ArrayLike
) -> Array:
    """Add label smoothing and z-loss to the negative log-likelihoods."""
    values = rows.nll
    smoothing = checks.parameter(name, "label_smoothing", label_smoothing, values, minimum=0, maximum=1)
    if isinstance(smoothing, Array) or smoothing:
        values = (1 - smoothing) * values + smoothing * (rows.log_total + scaling.mean_gap())
    z_loss = checks.parameter(name, "z_loss", z_loss, values, minimum=0)
    if isinstance(z_loss, Array) or z_loss:
        values = values + z_loss * scaling.log_normalizer(rows.log_total) ** 2
    return values


def row_weights(name: str, weights: ArrayLike | None, factors: Array) -> Array:
    """Return the weights of rows, times the factors that come from the weights of their classes."""
    if weights is not None:
        weights = checks.parameter(name, "weights", weights, factors)
    return reduce.scale_weights(weights, factors)
