"""Every public loss against every law and the accuracy that it promises."""

import dataclasses

import jax
import pytest
from jaxtyping import jaxtyped

from jaxloss.verify.cases import CASES
from jaxloss.verify.laws import LAWS
from jaxloss.verify.report import QUICK_LAWS, verify
from jaxloss.verify.trial import Trial

beartype = pytest.importorskip("beartype", reason="beartype checks the annotations").beartype


FIRST = {case.loss: case for case in reversed(CASES)}
"""The case of each loss that meets every law, in float32 and float64. Its further ones, of other parameters, meet what
--quick asks of the first, unless --all-laws is given."""


def pytest_generate_tests(metafunc):
    one_each = metafunc.config.getoption("--quick") or metafunc.function is test_annotations_accept_what_the_loss_takes
    metafunc.parametrize("case", FIRST.values() if one_each else CASES, ids=lambda case: case.name)


def test_laws_and_accuracy(case, request):
    every = request.config.getoption("--all-laws") or case is FIRST[case.loss]
    quick = request.config.getoption("--quick") or not every
    report = verify(case, quick=quick)
    assert not report.failures
    assert set(report.passed) == {*(QUICK_LAWS if quick else LAWS), "accuracy"}


def test_annotations_accept_what_the_loss_takes(case):
    trial = Trial(case)
    checked = jaxtyped(typechecker=beartype)(case.loss)
    result = dataclasses.replace(case, loss=checked)(*trial.data)
    assert isinstance(result, jax.Array)
