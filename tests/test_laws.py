"""Every public loss against every law and the accuracy that it promises."""

import dataclasses

import jax
import pytest
from jaxtyping import jaxtyped

from jaxloss.verify.cases import CASES
from jaxloss.verify.laws import LAWS
from jaxloss.verify.report import verify
from jaxloss.verify.trial import Trial

beartype = pytest.importorskip("beartype", reason="beartype checks the annotations").beartype


def _params():
    """All cases; a further one of a loss is marked, so that a second round can do with one case of each."""
    first = {case.loss: case for case in reversed(CASES)}
    marks = {True: [], False: [pytest.mark.further]}
    return [pytest.param(case, id=case.name, marks=marks[case is first[case.loss]]) for case in CASES]


@pytest.mark.parametrize("case", _params())
def test_laws_and_accuracy(case):
    report = verify(case)
    assert not report.failures
    assert set(report.passed) == {*LAWS, "accuracy"}


@pytest.mark.parametrize("case", _params())
def test_annotations_accept_what_the_loss_takes(case):
    trial = Trial(case)
    checked = jaxtyped(typechecker=beartype)(case.loss)
    result = dataclasses.replace(case, loss=checked)(*trial.data)
    assert isinstance(result, jax.Array)
