"""Trace-time checks of shapes and dtypes, with one wording for the whole library.

Every function takes the name of the calling loss first, so that an error says which loss refused what, what came
and what it takes. Nothing here looks at the values of an array: the checks cost nothing once a step is compiled.
They are public: a loss of your own that starts with them behaves like ours.

    >>> import jax.numpy as jnp
    >>> from jaxloss import checks
    >>> checks.real_pair("my_loss", jnp.zeros(4), jnp.zeros((4, 1)))
    Traceback (most recent call last):
        ...
    ValueError: my_loss: predictions and targets must have the same shape, got (4,) and (4, 1)
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike, DTypeLike

__all__ = [
    "choice",
    "compute_dtype",
    "dense_rows",
    "floating",
    "integer_rows",
    "labels_are_integers",
    "parameter",
    "real",
    "real_pair",
    "row_axis",
    "same_shape",
]


def compute_dtype(*arrays: Any) -> DTypeLike:
    """Return the dtype that a loss of these arrays is computed in: float64 if any is, else float32."""
    dtypes = (array.dtype if isinstance(array, jax.Array) else jnp.result_type(array) for array in arrays)
    return jnp.float64 if any(dtype == jnp.float64 for dtype in dtypes) else jnp.float32


def floating(name: str, **arrays: ArrayLike) -> tuple[Array, ...]:
    """Return the named arrays in their compute dtype, or raise TypeError for one that is not floating point."""
    converted = {argument: _array(name, argument, array) for argument, array in arrays.items()}
    for argument, array in converted.items():
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise TypeError(f"{name}: {argument} must be floating point, got {array.dtype}")
    dtype = compute_dtype(*converted.values())
    return tuple(_cast(array, dtype) for array in converted.values())


def real(name: str, dtype: DTypeLike, **arrays: ArrayLike) -> tuple[Array, ...]:
    """Return the named real arrays (floating point, integer or boolean) converted to ``dtype``.

    For targets and labels: counts and 0/1 labels are often stored as integers.
    """
    converted = {argument: _array(name, argument, array) for argument, array in arrays.items()}
    for argument, array in converted.items():
        if jnp.issubdtype(array.dtype, jnp.complexfloating):
            raise TypeError(f"{name}: {argument} must be real, got {array.dtype}")
    return tuple(_cast(array, dtype) for array in converted.values())


def same_shape(name: str, **arrays: Array) -> None:
    """Raise ValueError unless all the named arrays have exactly the same shape."""
    shapes = [array.shape for array in arrays.values()]
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError(f"{name}: {_words(arrays)} must have the same shape, got {_words(map(str, shapes))}")


def real_pair(
    name: str,
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    arguments: tuple[str, str] = ("predictions", "targets"),
) -> tuple[Array, Array]:
    """Return predictions (floating point) and targets (real) of equal shape, in their common compute dtype.

    ``arguments`` are the words of the calling loss for the two, such as ``("logits", "labels")``.
    """
    predictions, targets = _array(name, arguments[0], predictions), _array(name, arguments[1], targets)
    dtype = compute_dtype(predictions, targets)
    (predictions,) = floating(name, **{arguments[0]: predictions})
    (targets,) = real(name, dtype, **{arguments[1]: targets})
    same_shape(name, **dict(zip(arguments, (predictions, targets), strict=True)))
    return _cast(predictions, dtype), targets


def row_axis(name: str, array: Array, axis: int, argument: str = "logits") -> int:
    """Return ``axis`` counted from the end (negative), or raise ValueError when ``array`` has no such axis."""
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(f"{name}: axis {axis} is out of range for {argument} of shape {array.shape}")
    return axis if axis < 0 else axis - array.ndim


def labels_are_integers(labels: ArrayLike) -> bool:
    """Tell class ids (any integer dtype) from dense label distributions."""
    return jnp.issubdtype(jnp.result_type(labels), jnp.integer)


def dense_rows(
    name: str, logits: ArrayLike, labels: ArrayLike, axis: int, *, arguments: tuple[str, str] = ("logits", "labels")
) -> tuple[Array, Array, int]:
    """Return logits and dense labels of equal shape, and the class axis counted from the end."""
    if labels_are_integers(labels):
        raise TypeError(
            f"{name}: {arguments[1]} must be a dense distribution over the classes, got {jnp.result_type(labels)}; "
            "class ids go to the loss for integer labels, or through one_hot"
        )
    logits, labels = real_pair(name, logits, labels, arguments=arguments)
    return logits, labels, row_axis(name, logits, axis, arguments[0])


def integer_rows(
    name: str, logits: ArrayLike, labels: ArrayLike, axis: int, *, arguments: tuple[str, str] = ("logits", "labels")
) -> tuple[Array, Array, int]:
    """Return logits, integer labels of their shape without the class axis, and that axis counted from the end."""
    (logits,) = floating(name, **{arguments[0]: logits})
    labels = _array(name, arguments[1], labels)
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise TypeError(f"{name}: {arguments[1]} must be integer class ids, got {labels.dtype}")
    axis = row_axis(name, logits, axis, arguments[0])
    rows = logits.shape[: logits.ndim + axis] + logits.shape[logits.ndim + axis + 1 :]
    if labels.shape != rows:
        raise ValueError(
            f"{name}: {arguments[1]} must have shape {rows}, that of {arguments[0]} {logits.shape} without axis {axis}"
            f", got {labels.shape}"
        )
    # int32 holds every class id and every ignore_index; int64 stays as it is.
    return logits, labels if labels.dtype == jnp.int64 else labels.astype(jnp.int32), axis


def parameter(
    name: str,
    argument: str,
    value: Any,
    like: Array | jax.ShapeDtypeStruct,
    *,
    above: float = -math.inf,
    minimum: float = -math.inf,
    maximum: float = math.inf,
    below: float = math.inf,
) -> Any:
    """Return a parameter of a loss, checked and in the dtype of ``like``.

    A Python number is checked against the bounds (``above`` and ``below`` exclusive, ``minimum`` and ``maximum``
    inclusive) and stays a Python number, so that a formula can specialise on it. An array, which may be traced and
    learned, is a scalar or has as many axes as ``like``; its values are not looked at.
    """
    if isinstance(value, np.generic | np.ndarray) and np.ndim(value) == 0:
        value = value.item()
    if isinstance(value, int | float):
        if not (above < value < below and minimum <= value <= maximum):  # also refuses NaN
            raise ValueError(f"{name}: {argument} must be {_bounds(above, minimum, maximum, below)}, got {value}")
        return value
    value = _array(name, argument, value)
    if jnp.issubdtype(value.dtype, jnp.complexfloating) or value.dtype == jnp.bool_:
        raise TypeError(f"{name}: {argument} must be a real number, got {value.dtype}")
    if value.ndim and not _stretches(value.shape, like.shape):
        raise ValueError(
            f"{name}: {argument} must be a scalar or have {like.ndim} axes that match or stretch to {like.shape}, "
            f"got {value.shape}"
        )
    return value.astype(like.dtype)


def choice(name: str, argument: str, value: Any, options: tuple[str, ...]) -> str:
    """Return ``value`` if it is one of the options, else raise ValueError that lists them."""
    if value not in options:
        raise ValueError(f"{name}: {argument} must be one of {', '.join(map(repr, options))}, got {value!r}")
    return value


def _array(name: str, argument: str, value: Any) -> Array:
    if isinstance(value, jax.Array):
        return value
    try:
        return jnp.asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}: {argument} must be an array, got {type(value).__name__}") from error


def _cast(array: Array, dtype: DTypeLike) -> Array:
    """``astype`` where it has something to do: outside jit even a cast to the same dtype costs 10 microseconds."""
    return array if array.dtype == dtype else array.astype(dtype)


def _stretches(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether axes of size 1 stretch ``shape`` to ``target``, with as many axes."""
    return len(shape) == len(target) and all(a in (1, b) for a, b in zip(shape, target, strict=True))


def _bounds(above: float, minimum: float, maximum: float, below: float) -> str:
    if (above, minimum, maximum, below) == (0, -math.inf, math.inf, math.inf):
        return "positive"
    limits = ((">", above), (">=", minimum), ("<=", maximum), ("<", below))
    return " and ".join(f"{sign} {limit}" for sign, limit in limits if math.isfinite(limit)) or "a number"


def _words(items: Any) -> str:
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last
