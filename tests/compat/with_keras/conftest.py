"""Keras on JAX, imported by the first test that needs it: that takes seconds."""

import os
import sys

import jax
import pytest


@pytest.fixture
def keras():
    if "keras" not in sys.modules:
        os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    if keras.backend.backend() != "jax":
        pytest.skip(f"Keras runs on {keras.backend.backend()}")
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # which it mixes
        yield keras
