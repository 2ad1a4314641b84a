"""The classes of Keras with our functions inside; made on demand, because Keras takes seconds to import."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from jaxloss.compat.keras import alignment, cross_entropy, margins, regions, regression
from jaxloss.compat.keras.backend import import_keras

__all__ = ["FUNCTIONS", "load"]

FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "BinaryCrossentropy": cross_entropy.binary_crossentropy,
        "BinaryFocalCrossentropy": cross_entropy.binary_focal_crossentropy,
        "CTC": alignment.ctc,
        "CategoricalCrossentropy": cross_entropy.categorical_crossentropy,
        "CategoricalFocalCrossentropy": cross_entropy.categorical_focal_crossentropy,
        "CategoricalGeneralizedCrossEntropy": cross_entropy.categorical_generalized_cross_entropy,
        "CategoricalHinge": margins.categorical_hinge,
        "Circle": margins.circle,
        "CosineSimilarity": regression.cosine_similarity,
        "Dice": regions.dice,
        "Hinge": margins.hinge,
        "Huber": regression.huber,
        "KLDivergence": regression.kl_divergence,
        "LogCosh": regression.log_cosh,
        "MeanAbsoluteError": regression.mean_absolute_error,
        "MeanAbsolutePercentageError": regression.mean_absolute_percentage_error,
        "MeanSquaredError": regression.mean_squared_error,
        "MeanSquaredLogarithmicError": regression.mean_squared_logarithmic_error,
        "Poisson": regression.poisson,
        "SparseCategoricalCrossentropy": cross_entropy.sparse_categorical_crossentropy,
        "SquaredHinge": margins.squared_hinge,
        "Tversky": regions.tversky,
    }
)
"""Name of a class to the function that it reduces."""


@functools.cache
def load() -> Mapping[str, type]:
    """Return the classes by name, registered with Keras so that saved models load."""
    keras = import_keras()
    register = keras.saving.register_keras_serializable(package="jaxloss")
    ours = {}
    for name, function in FUNCTIONS.items():
        theirs = getattr(keras.losses, name, None)
        if theirs is not None:  # a release of Keras may lack one
            ours[name] = register(_with_function(theirs, function))
    return MappingProxyType(ours)


def _with_function(theirs: Any, function: Callable[..., Any]) -> type:
    """A subclass that differs in the function that it reduces: arguments, reductions, weights, masks, config stay."""

    @functools.wraps(theirs.__init__)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        theirs.__init__(self, *args, **kwargs)
        self.fn = function

    summary = f"``keras.losses.{theirs.__name__}``, computed by `jaxloss.compat.keras.{function.__name__}`."
    return type(theirs.__name__, (theirs,), {"__init__": init, "__doc__": summary, "__module__": __name__})
