"""The examples of the docs learn the digits, each with its own library."""

import importlib.util
import os
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.mark.parametrize(
    ("name", "package"),
    [("flax_nnx", "flax"), ("flax_linen", "flax"), ("equinox_mlp", "equinox"), ("keras_digits", "keras")],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the libraries
def test_an_example_learns_the_digits(name, package):
    for needed in (package, "sklearn"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    if package == "keras" and "keras" not in sys.modules:
        os.environ.setdefault("KERAS_BACKEND", "jax")
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    # The libraries, and optax, mix dtypes and ranks.
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        spec.loader.exec_module(module)
        found = module.train()
    accuracy = found[1] if isinstance(found, tuple) else found
    assert np.isfinite(accuracy)
    assert accuracy > 0.9


def test_every_example_is_run():
    names = {"flax_nnx", "flax_linen", "equinox_mlp", "keras_digits", "language_model"}  # the last in test_examples.py
    assert {path.stem for path in EXAMPLES.glob("*.py")} == names
