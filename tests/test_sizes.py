"""Losses whose events have many members, at the size of a task: float32 keeps its digits as on small inputs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.verify.cases import CASES

MEMBERS = {"pixel": 1 << 20, "item": 1000, "token": 4096, "example": 512}
FIRST = {case.loss: case for case in reversed(CASES) if case.inputs.members and case.inputs.member in MEMBERS}


@pytest.mark.parametrize("case", FIRST.values(), ids=lambda case: case.name)
def test_an_event_of_many_members(case):
    classes = min(case.inputs.classes, 2) if case.inputs.member == "pixel" else case.inputs.classes
    inputs = dataclasses.replace(case.inputs, members=MEMBERS[case.inputs.member], classes=classes)
    drawn = inputs(np.random.default_rng(0), 1)
    floats = [np.issubdtype(a.dtype, np.floating) for a in drawn]
    data = [jnp.asarray(a, jnp.float32 if real else jnp.int32) for a, real in zip(drawn, floats, strict=True)]
    loss = jax.jit(lambda *data: case(*data))
    value = float(loss(*data))
    with jax.enable_x64(True):
        due = float(loss(*(np.asarray(a, np.float64) if real else a for a, real in zip(data, floats, strict=True))))
    # What is promised for a few members. A difference of terms of the order of 1 has no more digits than these.
    limit = case.ulps * np.finfo(np.float32).eps * max(abs(due), 1.0 if case.conditioned else 0.0)
    assert abs(value - due) <= limit, (value, due, abs(value - due) / limit)
