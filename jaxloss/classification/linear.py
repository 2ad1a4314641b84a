"""Softmax cross-entropy of logits that are a product, without keeping all logits in memory."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Real

from jaxloss import checks, reduce
from jaxloss.classification.softmax_rows import row_weights, scaling_of, with_extras
from jaxloss.kernels.linear_rows import Projection
from jaxloss.reduce import Reduction
from jaxloss.rows import projected
from jaxloss.rows.labels import class_table, of_label
from jaxloss.rows.softmax import of_distributions

__all__ = ["TokenStatistics", "linear_softmax_cross_entropy"]


class TokenStatistics(NamedTuple):
    """What `linear_softmax_cross_entropy` gives beside the loss, one for each token, without a gradient."""

    log_normalizers: Array
    """L, the logsumexp of the scaled logits."""
    predictions: Array
    """The class of the largest logit: equal to the label where the token is right."""


def linear_softmax_cross_entropy(
    hidden: Float[ArrayLike, "*tokens features"],
    kernel: Float[ArrayLike, "*batch rows columns"],
    labels: Real[ArrayLike, "..."],
    *,
    bias: Float[ArrayLike, "..."] | None = None,
    tied: bool = False,
    label_smoothing: float | Real[ArrayLike, "..."] = 0,
    class_weights: Real[ArrayLike, "classes"] | None = None,
    z_loss: float | Real[ArrayLike, "..."] = 0,
    logit_cap: float | None = None,
    temperature: float | Real[ArrayLike, "..."] = 1,
    ignore_index: int | None = None,
    statistics: bool = False,
    chunk_size: int | None = None,
    implementation: str | None = None,
    where: Bool[ArrayLike, "..."] | None = None,
    weights: Real[ArrayLike, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Any:
    r"""Softmax cross-entropy of ``hidden @ kernel + bias``, of which only some tokens' logits are in memory at a time.

    .. math::  \ell = -(1 - s) \log p_y - \frac{s}{C} \sum_c \log p_c + \zeta \, L^2, \qquad
               p_c = e^{z_c - L}, \qquad L = \log \sum_c e^{z_c}, \qquad x = h W + b, \\
               \frac{\partial \ell}{\partial h} = g W^\top, \qquad \frac{\partial \ell}{\partial W} = h^\top g,
               \qquad g = \frac{\partial \ell}{\partial x}

    with the logits x scaled to z as in `softmax_cross_entropy_with_integer_labels`, to which this is equal: the loss of
    a language model or of a classifier of very many classes, for memory that does not grow with tokens times classes.
    Labels are class ids or, when they are of a floating dtype, distributions.

    A loss that is reduced by name makes its gradient together with its value: three matrix products, as when the logits
    are kept. With ``"none"`` or a function the gradient computes the logits again, which is a fourth. Products are of
    the dtype of the inputs (the wider, if they differ) and summed in float32; so are the softmax and the gradient of
    the kernel, while that of the logits is rounded to the inputs' dtype before its products.

    Args:
      hidden: real array ``[..., features]``, the hidden state of each token.
      kernel: real array ``[features, classes]``; ``[..., features, classes]`` for one in each batch, whose axes are
        then the first of ``hidden``.
      labels: integer class id of each token, ``[...]``, of which one outside [0, classes) makes value and gradient of
        its token, and so the gradient of the kernel, NaN, unless masked or ``ignore_index``; or a distribution,
        ``[..., classes]``.
      bias: ``[classes]``, or one in each batch; -inf for a class that is impossible, such as a padded one.
      tied: whether ``kernel`` is an embedding table, ``[classes, features]``.
      label_smoothing: s, share of the label that is spread evenly over all classes, in [0, 1].
      class_weights: one weight per class. A token weighs that of its label, which multiplies its ``weights``.
      z_loss: coefficient :math:`\zeta` of the squared log-normalizer, at least 0.
      logit_cap: positive bound on the absolute logits, approached smoothly; None does not bound them.
      temperature: positive divisor of the logits, possibly capped; a number or an array, which may be learned, with as
        many axes as the logits and size 1 on the class axis.
      ignore_index: integer label of tokens that do not exist, such as -100 for padding.
      statistics: return ``(loss, TokenStatistics)``, from the same pass.
      chunk_size: how many tokens' logits are in memory; None for 1024, or fewer where these take more than 256 MB.
      implementation: None for the best here, "xla" in chunks, "reference" with all logits in memory.
      where, weights, reduction: of the tokens, see :doc:`/reductions`.
    Returns: a scalar, or one value per token with ``reduction="none"``; in nats.
    Raises: ValueError for shapes that do not fit, a parameter out of its range or an implementation that is not there,
      TypeError for integer hidden states or kernels.
    Example:
      >>> hidden, kernel = jnp.array([[1.0, -1.0], [0.5, 2.0]]), jnp.array([[1.0, 0.0, 2.0], [-1.0, 1.0, 0.5]])
      >>> linear_softmax_cross_entropy(hidden, kernel, jnp.array([0, 2]), reduction="none")
      Array([0.5045969 , 0.70813304], dtype=float32)

    References: as `softmax_cross_entropy`; Wijmans et al. (2024), Cut your losses in large-vocabulary language models,
      arXiv:2411.09009; Hsu et al. (2024), Liger kernel (the gradient in the forward pass), arXiv:2410.10989.
    """
    name = "linear_softmax_cross_entropy"
    tokens = projected.projection(name, hidden, kernel, bias, tied=tied)
    labels, where = _labels(name, labels, tokens, tied, where, ignore_index)
    dtype = checks.compute_dtype(tokens.hidden)
    like = jax.ShapeDtypeStruct(projected.token_shape(tokens), dtype)
    if class_weights is not None:
        weights = row_weights(name, weights, _factors(name, class_weights, labels, tokens, tied, dtype))
    coefficients = reduce.coefficients(name, like, where=where, weights=weights, reduction=reduction)
    tokens = tokens._replace(hidden=reduce.keep(name, where, tokens.hidden, axis=-1))
    rows, operands = _rows_and_options(
        name,
        like,
        label_smoothing=label_smoothing,
        z_loss=z_loss,
        temperature=temperature,
        logit_cap=logit_cap,
        statistics=statistics,
    )
    operands |= {"labels": labels} | ({} if coefficients is None else {"coefficients": coefficients})
    values, found = projected.run(
        name,
        rows,
        (tokens,),
        operands,
        where,
        dtype=dtype,
        tied=tied,
        summed=coefficients is not None,
        chunk_size=chunk_size,
        implementation=implementation,
    )
    if coefficients is None:
        values = reduce.apply(name, values, where=where, weights=weights, reduction=reduction)
    return (values, TokenStatistics(*found)) if statistics else values


@dataclasses.dataclass(frozen=True)
class _Rows:
    """Cross-entropies of rows of logits, with the options that are numbers; those that are arrays come as operands."""

    name: str
    label_smoothing: float | None
    z_loss: float | None
    temperature: float | None
    logit_cap: float | None
    statistics: bool

    def __call__(self, logits: tuple[Array], operands: dict[str, Array]) -> tuple[Array, Any]:
        (x,), labels = logits, operands["labels"]
        option = lambda key: getattr(self, key) if key not in operands else operands[key]
        scaling = scaling_of(self.name, None, x, -1, option("temperature"), self.logit_cap)
        if checks.labels_are_integers(labels):
            rows = scaling.rows_of_ids(x, labels)
        else:
            rows = of_distributions(scaling.scores(x), labels, jnp.sum(labels, -1, keepdims=True), -1)
        values = with_extras(self.name, rows, scaling, option("label_smoothing"), option("z_loss"))
        if "coefficients" in operands:
            values = values * operands["coefficients"]
        if not self.statistics:
            return values, ()
        found = scaling.log_normalizer(rows.log_total), jnp.argmax(x, -1).astype(jnp.int32)
        return values, lax.stop_gradient(found)


def _rows_and_options(
    name: str,
    like: jax.ShapeDtypeStruct,
    *,
    temperature: Any,
    logit_cap: float | None,
    statistics: bool,
    **options: Any,
) -> tuple[_Rows, dict[str, Array]]:
    """Return the rows with the options that are numbers, and the others as arrays of one entry per token."""
    logits = jax.ShapeDtypeStruct((*like.shape, 1), like.dtype)
    checked = {"temperature": checks.parameter(name, "temperature", temperature, logits, above=0)}
    for key, largest in (("label_smoothing", 1), ("z_loss", float("inf"))):
        checked[key] = checks.parameter(name, key, options[key], like, minimum=0, maximum=largest)
    if isinstance(logit_cap, Array):
        raise TypeError(f"{name}: logit_cap must be a Python number, got an array")
    numbers: dict[str, Any] = {key: None if isinstance(value, Array) else value for key, value in checked.items()}
    shapes = {"temperature": logits.shape}
    arrays = {
        key: jnp.broadcast_to(value, shapes.get(key, like.shape))
        for key, value in checked.items()
        if isinstance(value, Array)
    }
    return _Rows(name, logit_cap=logit_cap, statistics=statistics, **numbers), arrays


def _labels(
    name: str, labels: ArrayLike, tokens: Projection, tied: bool, where: ArrayLike | None, ignore_index: int | None
) -> tuple[Array, ArrayLike | None]:
    """Return checked and masked labels, and the mask without the tokens of ``ignore_index``."""
    dtype, shape = checks.compute_dtype(tokens.hidden), projected.token_shape(tokens)
    if checks.labels_are_integers(labels):
        labels = jnp.asarray(labels)
        projected.check_rows(name, "labels", labels, tokens)
        labels = labels if labels.dtype == jnp.int64 else labels.astype(jnp.int32)
        where = reduce.except_label(where, labels, ignore_index)
        return reduce.keep(name, where, labels), where
    if ignore_index is not None:
        raise ValueError(f"{name}: ignore_index applies to integer labels, got labels of {jnp.result_type(labels)}")
    (labels,) = checks.real(name, dtype, labels=labels)
    due = (*shape, projected.classes_of(tokens, tied=tied))
    if labels.shape != due:
        raise ValueError(
            f"{name}: labels must be integers of shape {shape} or distributions of shape {due}, got {labels.shape}"
        )
    return reduce.keep(name, where, labels, axis=-1), where


def _factors(name: str, table: ArrayLike, labels: Array, tokens: Projection, tied: bool, dtype: Any) -> Array:
    """Return the class weight of each token."""
    classes = jax.ShapeDtypeStruct((projected.classes_of(tokens, tied=tied),), dtype)
    table = class_table(name, "class_weights", table, classes, -1)
    if checks.labels_are_integers(labels):
        return of_label(table, labels)
    return jnp.sum(labels * table.reshape([1] * (labels.ndim - 1) + [-1]), -1)
