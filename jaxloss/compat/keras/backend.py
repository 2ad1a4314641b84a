"""Keras itself, if it is there and runs on JAX."""

from __future__ import annotations

import importlib
import sys
from typing import Any

__all__ = ["import_keras", "on_jax"]


def import_keras() -> Any:
    """Return the module keras, or say what is missing."""
    try:
        keras = importlib.import_module("keras")
    except ImportError as error:
        raise ImportError(
            "jaxloss.compat.keras: its classes and as_keras need Keras 3 (pip install keras) with KERAS_BACKEND=jax in "
            f"the environment before it is imported; its functions do not. Importing it failed: {error}"
        ) from error
    if keras.backend.backend() != "jax":
        raise ImportError(
            f"jaxloss.compat.keras: Keras runs on {keras.backend.backend()!r}; "
            "set KERAS_BACKEND=jax in the environment before it is imported"
        )
    return keras


def on_jax() -> bool:
    """Whether Keras has been imported, as far as losses, and on its JAX backend."""
    keras = sys.modules.get("keras")
    return hasattr(keras, "losses") and keras.backend.backend() == "jax"  # pyrefly: ignore
