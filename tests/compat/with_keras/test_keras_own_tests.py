"""Keras' own loss tests, which ship in its wheel, with our functions and classes in the place of its own."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from jaxloss.compat import keras as ours
from jaxloss.compat.keras import classes

PINNED = {
    # That the class axis can only be the last on JAX, where Keras on PyTorch accepts any, and so do we.
    "SparseCategoricalCrossentropyTest.test_binary_segmentation_different_axis": "DID NOT RAISE",
    "SparseCategoricalCrossentropyTest.test_multi_class_segmentation_different_axis": "DID NOT RAISE",
}
"""Tests that pin a defect or a limitation of Keras, and how they fail."""


@pytest.fixture(scope="module")
def own_tests():
    """Outcomes of the tests, and what was swapped in."""
    found = importlib.util.find_spec("keras")  # of a module inside, it would import Keras
    if found is None:
        pytest.skip("Keras is not installed")
    if not (Path(found.origin).parent / "src/losses/losses_test.py").exists():
        pytest.skip("this Keras ships no tests")
    runner = Path(__file__).parents[1] / "run_keras_tests.py"
    run = subprocess.run([sys.executable, str(runner)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.slow
def test_keras_own_tests_pass(own_tests):
    outcomes = {name.removeprefix("keras.src.losses.losses_test."): o for name, o in own_tests["outcomes"].items()}
    failed = {name: text for name, text in outcomes.items() if text != "passed"}
    assert len(outcomes) > 150
    assert {name: text for name, text in failed.items() if PINNED.get(name, "no such words") not in text} == {}
    assert set(own_tests["swapped"]) >= set(classes.FUNCTIONS) | (set(ours.__all__) - OURS)


OURS = {"as_keras", "reduce_weighted_values", "register", "sum_over_batch_size"}
"""Names that the module of its losses does not have."""
