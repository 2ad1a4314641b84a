"""Penalties on the size of parameters: of an array, or of all the leaves of a pytree together."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import PyTree

from jaxloss import checks, numerics, reduce
from jaxloss.reduce import Reduction

__all__ = ["elastic_net", "group_lasso", "l1", "l2", "penalty"]

_EVERYTHING = object()


def l1(
    parameters: PyTree,
    *,
    where: PyTree | None = None,
    weights: PyTree | None = None,
    reduction: Reduction = "sum",
) -> Any:
    r"""Sum of absolute values: makes parameters exactly 0.

    .. math::  R(\theta) = \sum_i |\theta_i|, \qquad \partial R / \partial \theta_i = \operatorname{sign}(\theta_i)

    At 0 the gradient is 0.

    Args:
      parameters: floating point array, or pytree of such arrays.
      where, weights: an array as for any loss, or a pytree of them that matches the parameters or their upper levels:
        ``where={"w": True, "b": False}`` leaves out the biases, None in it keeps everything below.
      reduction: "sum", or "mean" over what exists in all leaves together; "none" gives the pytree of unreduced values,
        a function receives those of all leaves, flat, and their weights.
    Returns: a scalar.
    Raises: TypeError that names the leaf for one that is not floating point, ValueError for a mask that does not fit.
    Example:
      >>> l1({"w": jnp.array([1.0, -2.0]), "b": jnp.array([4.0])}, where={"w": True, "b": False})
      Array(3., dtype=float32)
    References: Tibshirani (1996), Regression shrinkage and selection via the lasso.
    """
    return penalty("l1", parameters, _size, where, weights, reduction)


def l2(
    parameters: PyTree,
    *,
    where: PyTree | None = None,
    weights: PyTree | None = None,
    reduction: Reduction = "sum",
) -> Any:
    r"""Sum of squares, without a factor of one half: keeps parameters small.

    .. math::  R(\theta) = \sum_i \theta_i^2, \qquad \partial R / \partial \theta_i = 2\, \theta_i

    Under gradient descent ``loss + 0.5 * decay * l2(parameters)`` is weight decay, with step size times ``decay``; for
    adaptive optimizers decay the weights there (AdamW) instead.

    Args:
      parameters: floating point array, or pytree of such arrays.
      where, weights, reduction: see `l1`.
    Returns: a scalar.
    Raises: TypeError that names the leaf for one that is not floating point, ValueError for a mask that does not fit.
    Example:
      >>> l2({"w": jnp.array([1.0, -2.0]), "b": jnp.array([4.0])})
      Array(21., dtype=float32)
    References: Hoerl and Kennard (1970), Ridge regression, doi:10.1080/00401706.1970.10488634.
    """
    return penalty("l2", parameters, jnp.square, where, weights, reduction)


def elastic_net(
    parameters: PyTree,
    *,
    l1_ratio: ArrayLike = 0.5,
    where: PyTree | None = None,
    weights: PyTree | None = None,
    reduction: Reduction = "sum",
) -> Any:
    r"""Absolute values and squares mixed: sparse, but groups of correlated parameters stay together.

    .. math::  R(\theta) = \sum_i \rho\, |\theta_i| + (1 - \rho)\, \theta_i^2, \qquad
               \partial R / \partial \theta_i = \rho \operatorname{sign}(\theta_i) + 2\, (1 - \rho)\, \theta_i

    At 0 the gradient is 0. ``l1_ratio=1`` is `l1`, ``l1_ratio=0`` is `l2`. The elastic net of scikit-learn halves the
    squares: with its strength a and ratio p it is this times a (1 + p) / 2 with ``l1_ratio=2 * p / (1 + p)``.

    Args:
      parameters: floating point array, or pytree of such arrays.
      l1_ratio: share of the absolute values (rho), from 0 to 1.
      where, weights, reduction: see `l1`.
    Returns: a scalar.
    Raises: TypeError that names the leaf for one that is not floating point, ValueError for a mask that does not fit or
      a ratio out of range.
    Example:
      >>> elastic_net(jnp.array([1.0, -3.0]), l1_ratio=0.5)
      Array(7., dtype=float32)
    References: Zou and Hastie (2005), doi:10.1111/j.1467-9868.2005.00503.x.
    """

    def mixture(leaf: Array) -> Array:
        ratio = checks.parameter("elastic_net", "l1_ratio", l1_ratio, leaf, minimum=0, maximum=1)
        return ratio * _size(leaf) + (1 - ratio) * jnp.square(leaf)

    return penalty("elastic_net", parameters, mixture, where, weights, reduction)


def group_lasso(
    parameters: PyTree,
    *,
    axis: int | tuple[int, ...] = -1,
    size_factor: bool = True,
    where: PyTree | None = None,
    weights: PyTree | None = None,
    reduction: Reduction = "sum",
) -> Any:
    r"""Sum of the Euclidean norms of groups of parameters: makes whole groups 0.

    .. math::  R(\theta) = \sum_g \sqrt{n_g}\, \|\theta_g\|_2, \qquad
               \partial R / \partial \theta_g = \sqrt{n_g}\, \theta_g / \|\theta_g\|_2

    For a group of zeros the gradient is 0. Groups of any magnitude neither overflow nor underflow.

    Args:
      parameters: floating point array, or pytree of such arrays.
      axis: the axes that hold a group, every other index is a group of its own: 0 for what one output of a dense kernel
        ``[inputs, outputs]`` depends on, ``(0, 1, 2)`` for one of a convolution ``[height, width, inputs, outputs]``.
      size_factor: whether to multiply by the square root of the size n of a group, which treats groups of different
        sizes alike; without it, the (2, 1)-norm.
      where, weights, reduction: see `l1`; the unreduced values have the shapes of the leaves without ``axis``.
    Returns: a scalar.
    Raises: TypeError that names the leaf for one that is not floating point, ValueError for a mask that does not fit or
      an axis that a leaf does not have.
    Example:
      >>> group_lasso(jnp.array([[3.0, 4.0], [0.0, 0.0]]), size_factor=False)
      Array(5., dtype=float32)
    References: Yuan and Lin (2006), doi:10.1111/j.1467-9868.2005.00532.x.
    """

    def norms(leaf: Array) -> Array:
        values = numerics.safe_norm(leaf, -1)
        return math.sqrt(leaf.shape[-1]) * values if size_factor else values

    return penalty("group_lasso", parameters, norms, where, weights, reduction, axis)


def _size(x: Array) -> Array:
    """|x| with slope 0 at 0, where that of jnp.abs is 1."""
    return jnp.sign(x) * x


def penalty(
    name: str,
    parameters: PyTree,
    formula: Callable[[Array], Array],
    where: PyTree | None,
    weights: PyTree | None,
    reduction: Reduction,
    axis: int | tuple[int, ...] | None = None,
    *,
    matrices: bool = False,
) -> Any:
    """Apply a formula to every leaf, of rows on the last axis if there is an axis, and reduce over all leaves.

    With ``matrices``, a formula of matrices on the last two axes.
    """
    paths, structure = jax.tree.flatten_with_path(parameters)
    named = {f"parameters{jax.tree_util.keystr(path)}": leaf for path, leaf in paths}
    leaves = list(checks.floating(name, **named))
    if axis is not None:
        leaves = [_groups(name, argument, leaf, axis) for argument, leaf in zip(named, leaves, strict=True)]
    shapes = [leaf.shape for leaf in leaves]
    if matrices:
        axis = -1
        leaves = [_flat(name, argument, leaf) for argument, leaf in zip(named, leaves, strict=True)]
    masks, counts = (_prefix(name, what, tree, parameters) for what, tree in (("where", where), ("weights", weights)))
    names = [name if argument == "parameters" else f"{name}: {argument}" for argument in named]
    values = [
        formula(reduce.keep(label, mask, leaf, axis=None if axis is None else -1).reshape(shape))
        for label, leaf, mask, shape in zip(names, leaves, masks, shapes, strict=True)
    ]
    apply = lambda how: [
        reduce.apply(label, value, where=mask, weights=count, reduction=how)
        for label, value, mask, count in zip(names, values, masks, counts, strict=True)
    ]
    zero = jnp.zeros((), checks.compute_dtype(*leaves))
    if callable(reduction):
        flat = apply(lambda values, weights: (values.ravel(), weights.ravel()))
        return reduction(*(jnp.concatenate([zero[None][:0], *parts]) for parts in zip(*flat, strict=True)))
    if reduction == "none":
        return structure.unflatten(apply("none"))
    if reduction == "mean" and len(values) > 1:
        # The mean of the means, weighted by what each stands for: no copy of all values.
        totals = apply(lambda _, weights: jnp.sum(weights))
        return reduce.mean(jnp.stack(apply("mean")), jnp.stack(totals))
    return sum(apply(reduction), start=zero)


def _prefix(name: str, what: str, tree: PyTree | None, parameters: PyTree) -> list[Any]:
    """Return one mask or weight for every leaf."""
    # None would be an empty tree, which matches no leaf.
    tree = jax.tree.map(lambda x: _EVERYTHING if x is None else x, tree, is_leaf=lambda x: x is None)
    try:
        leaves = jax.tree.leaves(jax.tree.broadcast(tree, parameters))
    except ValueError as error:
        raise ValueError(f"{name}: {what} must match the parameters or their upper levels: {error}") from None
    return [None if leaf is _EVERYTHING else leaf for leaf in leaves]


def _flat(name: str, argument: str, leaf: Array) -> Array:
    """Return the leaf with the two axes of its matrices merged into one."""
    if leaf.ndim < 2:
        raise ValueError(f"{name}: {argument} must be matrices on the last two axes, got shape {leaf.shape}")
    return leaf.reshape(*leaf.shape[:-2], leaf.shape[-2] * leaf.shape[-1])


def _groups(name: str, argument: str, leaf: Array, axis: int | tuple[int, ...]) -> Array:
    """Return the leaf with the axes of a group merged into one, the last."""
    axes = [checks.row_axis(name, leaf, each, argument) for each in ((axis,) if isinstance(axis, int) else axis)]
    if axes == [-1]:
        return leaf
    leaf = jnp.moveaxis(leaf, axes, range(-len(axes), 0))
    return leaf.reshape(*leaf.shape[: leaf.ndim - len(axes)], math.prod(leaf.shape[leaf.ndim - len(axes) :]))
