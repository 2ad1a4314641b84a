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
"""The case of each loss that meets every law. Its further ones change parameters, and so formulas: they meet the quick
laws and the whole accuracy sweep, of values and gradients, unless --all-laws is given."""


def pytest_generate_tests(metafunc):
    cases = FIRST.values() if metafunc.config.getoption("--quick") else CASES
    metafunc.parametrize("case", cases, ids=lambda case: case.name)


def test_laws_and_accuracy(case, request):
    quick = request.config.getoption("--quick")
    every = request.config.getoption("--all-laws") or case is FIRST[case.loss]
    laws = [*(LAWS if every and not quick else QUICK_LAWS), "accuracy"]
    report = verify(case, quick=quick, laws=laws)
    assert not report.failures
    assert set(report.passed) == set(laws)


def test_annotations_accept_what_the_loss_takes(case):
    trial = Trial(case)
    checked = jaxtyped(typechecker=beartype)(case.loss)
    result = dataclasses.replace(case, loss=checked)(*trial.data)
    assert isinstance(result, jax.Array)
