"""The losses of Keras under their names, ``(y_true, y_pred, ...)``, with their defaults, clipping and reductions.

The functions take and give JAX arrays and need no Keras. The classes are subclasses of those of Keras, for
``model.compile(loss=...)``, and `as_keras` makes one of any loss; both need Keras on its JAX backend.
"""

from typing import Any

from jaxloss.compat.keras import adapter, backend, classes
from jaxloss.compat.keras.adapter import as_keras
from jaxloss.compat.keras.alignment import ctc
from jaxloss.compat.keras.cross_entropy import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    sparse_categorical_crossentropy,
)
from jaxloss.compat.keras.margins import categorical_hinge, circle, hinge, squared_hinge
from jaxloss.compat.keras.reductions import reduce_weighted_values, sum_over_batch_size
from jaxloss.compat.keras.regions import dice, tversky
from jaxloss.compat.keras.regression import (
    cosine_similarity,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
)

__all__ = [
    "as_keras",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "ctc",
    "dice",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "reduce_weighted_values",
    "register",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "sum_over_batch_size",
    "tversky",
]


def __getattr__(name: str) -> Any:
    """The classes are made when the first is asked for: they are those of Keras, which takes seconds to import."""
    if name in classes.FUNCTIONS:
        return classes.load()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *classes.FUNCTIONS])


def register() -> None:
    """Make Keras know the classes and what `as_keras` makes, so that it loads models that were saved with them.

    Importing this module after Keras does it too.
    """
    classes.load()
    adapter.keras_class()


if backend.on_jax():
    register()
