"""The op with all logits in memory: what the implementations are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from jaxloss.kernels.linear_rows.shapes import Plan, Projection, logits_of

__all__ = ["total", "values"]


def values(
    plan: Plan, projections: Sequence[Projection], operands: Any, exists: Array | None, dtype: DTypeLike
) -> tuple[Array, Any]:
    """Return the value of each token, 0 for one that does not exist, and what else the rows give."""
    logits = tuple(logits_of(projection, exists, dtype, tied=plan.tied) for projection in projections)
    found, others = plan.rows(logits, operands)
    return found if exists is None else jnp.where(exists, found, 0), others


def total(
    plan: Plan, projections: Sequence[Projection], operands: Any, exists: Array | None, dtype: DTypeLike
) -> tuple[Array, Any]:
    """Return the sum of the values."""
    found, others = values(plan, projections, operands, exists, dtype)
    return jnp.sum(found), others
