"""What holds of the gradients of all sequence losses."""

import jax
import pytest

from jaxloss.verify.cases import CASES
from jaxloss.verify.trial import Trial

SEQUENCES = [case for case in CASES if case.family == "sequence"]


@pytest.mark.parametrize("case", SEQUENCES, ids=lambda case: case.name)
def test_no_gradient_scatters(case):
    trial = Trial(case)
    step = jax.jit(jax.value_and_grad(lambda *data: case(*data), argnums=trial.floats))
    assert "scatter" not in step.lower(*trial.data).as_text()  # serial on the CPU, and in no fixed order on the GPU


@pytest.mark.parametrize("case", [c for c in SEQUENCES if c.inputs.steps], ids=lambda case: case.name)
def test_time_is_one_loop_not_unrolled(case):
    def operations(steps):
        from dataclasses import replace

        import numpy as np

        inputs = replace(case.inputs, steps=steps)
        data = tuple(a.astype(np.float32) if a.dtype.kind == "f" else a for a in inputs(np.random.default_rng(0), 2))
        return len(jax.jit(jax.grad(lambda *d: case(*d))).lower(*data).as_text().splitlines())

    # Lines of the program; padding to a multiple of a block may add a few.
    assert operations(40) <= 1.02 * operations(24)
