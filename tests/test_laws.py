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


def pytest_generate_tests(metafunc):
    first = {case.loss: case for case in reversed(CASES)}
    cases = first.values() if metafunc.config.getoption("--quick") else CASES
    metafunc.parametrize("case", cases, ids=lambda case: case.name)


def test_laws_and_accuracy(case, request):
    quick = request.config.getoption("--quick")
    report = verify(case, quick=quick)
    assert not report.failures
    assert set(report.passed) == {*(QUICK_LAWS if quick else LAWS), "accuracy"}


def test_annotations_accept_what_the_loss_takes(case):
    trial = Trial(case)
    checked = jaxtyped(typechecker=beartype)(case.loss)
    result = dataclasses.replace(case, loss=checked)(*trial.data)
    assert isinstance(result, jax.Array)
