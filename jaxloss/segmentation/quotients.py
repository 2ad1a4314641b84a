"""Quotients of the sums over regions, with derivatives that keep their digits."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxloss import checks, numerics
from jaxloss.numerics.elementary import one_dispatch
from jaxloss.segmentation.regions import Regions, Tally

__all__ = ["focused", "share", "tversky_quotient"]


# With the total n = x + y: d(x / n) = ((y / n) dx - (x / n) dy) / n. Where x and y are sums of positive terms nothing
# cancels, at either end.
@jax.custom_jvp
def share(x: Array, y: Array) -> Array:
    """Return x / (x + y), and 0 with zero derivatives where both are 0."""
    total = x + y
    return x / jnp.where(total == 0, 1, total)


@share.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (x, y), (dx, dy) = primals, tangents
    total = jnp.where(x + y == 0, 1, x + y)
    return share(x, y), (y / total * dx - x / total * dy) / total


share = one_dispatch(share)


def focused(values: Array, gamma: Any) -> Array:
    """Return values^gamma, 0 with zero derivatives at 0."""
    wrong = values > 0
    return jnp.where(wrong, numerics.power(jnp.where(wrong, values, 1), gamma), 0)


def tversky_quotient(name: str, regions: Regions, tally: Tally, alpha: Any, beta: Any, smooth: Any) -> Array:
    """Return (a false + b missed) / (hit + a false + b missed + smooth) of each region."""
    alpha = checks.parameter(name, "alpha_fp", alpha, regions.shape, minimum=0)
    beta = checks.parameter(name, "beta_fn", beta, regions.shape, minimum=0)
    smooth = checks.parameter(name, "smooth", smooth, regions.shape, minimum=0)
    return share(alpha * tally.false + beta * tally.missed, tally.hit + smooth)
