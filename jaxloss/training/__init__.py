"""What a training step needs around the loss, on top of optax; nothing here knows a neural network library.

Parameters are any pytree: Flax NNX (``nnx.split``) and Linen, Equinox (``eqx.partition``), Haiku, a plain dict.
"""

from jaxloss.training.conflicts import pcgrad
from jaxloss.training.differentiate import value_and_grad, value_fn
from jaxloss.training.finite import non_finite, raise_if_non_finite
from jaxloss.training.scaling import LossScaleState, dynamic_loss_scale, loss_scale
from jaxloss.training.step import train_step
from jaxloss.training.sums import Sums, sums
from jaxloss.training.uncertainty import uncertainty_weighted_sum

__all__ = [
    "LossScaleState",
    "Sums",
    "dynamic_loss_scale",
    "loss_scale",
    "non_finite",
    "pcgrad",
    "raise_if_non_finite",
    "sums",
    "train_step",
    "uncertainty_weighted_sum",
    "value_and_grad",
    "value_fn",
]
