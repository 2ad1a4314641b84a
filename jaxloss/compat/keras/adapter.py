"""Any loss as a loss of Keras: for ``model.compile(loss=...)``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

import jaxloss
from jaxloss.compat.keras.arrays import attached_mask
from jaxloss.compat.keras.backend import import_keras
from jaxloss.compat.keras.reductions import reduce_weighted_values

__all__ = ["as_keras", "keras_class"]


def as_keras(
    loss: str | Callable[..., Any],
    *,
    reduction: str | None = "sum_over_batch_size",
    name: str | None = None,
    dtype: Any = None,
    **params: Any,
) -> Any:
    """Return a ``keras.losses.Loss`` that computes a loss of this library, or your own.

    The predictions of the model come first in ``loss``, the targets second. A loss with ``where`` gets the mask of the
    model, so that what is masked reaches neither value nor gradient, and one with ``reduction`` gives its values
    unreduced. Then weights and mask are reduced as `reduce_weighted_values` says; the mean of this library is
    ``reduction="mean_with_sample_weight"``. A loss that is a scalar stays one, and takes no weights.

    It is saved with the model: a loss of this library by its name, your own if
    ``keras.saving.register_keras_serializable`` knows it. Before a model is loaded, call `register`.

    Args:
      loss: ``loss(predictions, targets, **params)``, or a name for `jaxloss.get`.
      reduction: one of Keras': "sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none" or None.
      name: in the logs; that of the loss when left out.
      dtype: of the predictions; ``keras.config.floatx()`` when left out. Targets keep theirs: class ids stay integers.
      **params: of the loss.
    Raises: ImportError without Keras on its JAX backend, TypeError for a parameter that the loss lacks; when called,
      ValueError for weights or a mask that do not fit.
    """
    return keras_class()(loss, params=params, reduction=reduction, name=name, dtype=dtype)


@functools.cache
def keras_class() -> Any:
    """Return the class that `as_keras` makes objects of, registered with Keras."""
    keras = import_keras()

    @keras.saving.register_keras_serializable(package="jaxloss")
    class JaxLoss(keras.losses.Loss):
        """A loss of predictions and targets in the place of one of Keras."""

        def __init__(self, loss, params=None, reduction="sum_over_batch_size", name=None, dtype=None):
            own = jaxloss.get(loss) if isinstance(loss, str) else loss
            super().__init__(name=name or _name(own), reduction=reduction, dtype=dtype)
            self.loss, self.params = loss, dict(params or {})
            self._bound = jaxloss.get(_name(own), losses={_name(own): own}, **self.params)

        def __call__(self, y_true, y_pred, sample_weight=None):
            mask = attached_mask(y_pred)
            with jax.named_scope(self.name):
                predictions = jnp.asarray(y_pred, self.dtype)
                targets = _targets(jnp.asarray(y_true), predictions)
                values = _values(self._bound, predictions, targets, mask)
                if values.ndim == 0:
                    _refuse(self.name, sample_weight=sample_weight, mask=mask)
                    return values
                return reduce_weighted_values(values, sample_weight, mask, self.reduction)

        def call(self, y_true, y_pred):
            predictions = jnp.asarray(y_pred, self.dtype)
            return _values(self._bound, predictions, _targets(jnp.asarray(y_true), predictions), None)

        def get_config(self):
            ours = getattr(jaxloss, getattr(self.loss, "__name__", ""), None) is self.loss
            return {
                **super().get_config(),
                "loss": self.loss.__name__ if ours else keras.saving.serialize_keras_object(self.loss),
                "params": {key: keras.saving.serialize_keras_object(value) for key, value in self.params.items()},
            }

        @classmethod
        def from_config(cls, config):
            read = keras.saving.deserialize_keras_object
            loss = config["loss"] if isinstance(config["loss"], str) else read(config["loss"])
            params = {key: read(value) for key, value in config["params"].items()}
            return cls(**{**config, "loss": loss, "params": params})

    return JaxLoss


def _values(function: Callable[..., Any], predictions: Any, targets: Any, mask: Any) -> Any:
    """The unreduced values; where masked, the loss never sees what there is, if it takes ``where``."""
    takes = inspect.signature(function).parameters
    call = functools.partial(function, reduction="none") if "reduction" in takes else function
    if mask is None or "where" not in takes:
        return jnp.asarray(call(predictions, targets))
    mask = jnp.asarray(mask).astype(bool)
    missing = jax.eval_shape(call, predictions, targets).ndim - mask.ndim
    if missing < 0:
        raise ValueError(f"{_name(function)}: a mask of shape {mask.shape} has more axes than the unreduced loss")
    return call(predictions, targets, where=mask.reshape(mask.shape + (1,) * missing))


def _targets(targets: Any, predictions: Any) -> Any:
    """Targets as the loss takes them: Keras hands over a column where there is one number for each example."""
    if targets.ndim == predictions.ndim and targets.shape[-1] == 1 != predictions.shape[-1]:
        return targets[..., 0]
    if targets.ndim == predictions.ndim - 1 and predictions.shape[-1] == 1:
        return targets[..., None]
    return targets


def _refuse(name: str, **given: Any) -> None:
    for argument, value in given.items():
        if value is not None:
            raise ValueError(
                f"{name}: the loss is a scalar, so {argument} cannot be applied; "
                "let it take reduction, or return a value for each example"
            )


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)
