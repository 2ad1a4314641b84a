"""`torch.nn.functional` losses of a prediction and a real target, element by element."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike, DTypeLike

from jaxloss import reduce as reductions
from jaxloss import regression
from jaxloss.compat.arrays import cast
from jaxloss.compat.torch.reductions import Name, check_reduction, pair, reduced

__all__ = ["huber_loss", "l1_loss", "mse_loss", "smooth_l1_loss"]


def l1_loss(
    input: ArrayLike,
    target: ArrayLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: ArrayLike | None = None,
) -> Array:
    """Absolute error; see `jaxloss.absolute_error`. With ``weight`` the mean divides by the sum of the weights."""
    how = check_reduction("l1_loss", reduction, size_average, reduce)
    x, y, dtype = pair("l1_loss", input, target)
    values = regression.absolute_error(x, y, reduction="none")
    return _weighted("l1_loss", values, how, dtype, weight, input)


def mse_loss(
    input: ArrayLike,
    target: ArrayLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: ArrayLike | None = None,
) -> Array:
    """Squared error; see `jaxloss.squared_error`. With ``weight`` the mean divides by the sum of the weights."""
    how = check_reduction("mse_loss", reduction, size_average, reduce)
    x, y, dtype = pair("mse_loss", input, target)
    values = regression.squared_error(x, y, reduction="none")
    return _weighted("mse_loss", values, how, dtype, weight, input)


def smooth_l1_loss(
    input: ArrayLike,
    target: ArrayLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Array:
    """Absolute error, rounded off within ``beta`` of the target; see `jaxloss.smooth_l1`."""
    how = check_reduction("smooth_l1_loss", reduction, size_average, reduce)
    x, y, dtype = pair("smooth_l1_loss", input, target)
    return reduced("smooth_l1_loss", regression.smooth_l1(x, y, beta=beta, reduction="none"), how, dtype)


def huber_loss(
    input: ArrayLike,
    target: ArrayLike,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: ArrayLike | None = None,
) -> Array:
    """Half the squared error up to ``delta``, linear beyond; see `jaxloss.huber`.

    With ``weight`` the mean divides by the number of elements, unlike that of `l1_loss` and `mse_loss`.
    """
    how = check_reduction("huber_loss", reduction)
    x, y, dtype = pair("huber_loss", input, target)
    _check_weight("huber_loss", weight, input)
    return reduced("huber_loss", regression.huber(x, y, delta=delta, reduction="none"), how, dtype, weight)


def _weighted(
    name: str, values: Array, reduction: Name, dtype: DTypeLike, weight: ArrayLike | None, predictions: ArrayLike
) -> Array:
    _check_weight(name, weight, predictions)
    if weight is not None:
        weight = jnp.broadcast_to(weight, values.shape)
    return cast(reductions.apply(name, values, weights=weight, reduction=reduction), dtype)


def _check_weight(name: str, weight: ArrayLike | None, predictions: ArrayLike) -> None:
    if weight is not None and jnp.shape(weight) != jnp.shape(predictions):
        raise ValueError(
            f"{name}: weight must have the shape of input, {jnp.shape(predictions)}, got {jnp.shape(weight)}"
        )
