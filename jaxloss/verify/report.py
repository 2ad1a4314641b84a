"""Run the laws and the accuracy sweep, and raise or tabulate what they find."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from jaxloss.verify.accuracy import Accuracy, measure_accuracy
from jaxloss.verify.case import Case
from jaxloss.verify.findings import LawError
from jaxloss.verify.laws import LAWS
from jaxloss.verify.trial import Trial

__all__ = ["QUICK_LAWS", "Report", "check_loss", "verify"]

QUICK_LAWS: Mapping[str, Callable[[Trial], None]] = MappingProxyType(
    {name: LAWS[name] for name in ("signature", "masked = removed")}
)
"""The laws of ``jaxloss verify --quick``: what breaks most often."""


@dataclasses.dataclass(frozen=True)
class Report:
    """What verification found of one case."""

    case: Case
    accuracies: tuple[Accuracy, ...]
    passed: tuple[str, ...]
    failures: Mapping[str, str]
    """Law to what came and what was due."""
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether every law holds and every error is within the promise."""
        return not self.failures

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "name": self.case.name,
            "family": self.case.family,
            "promised_ulps": self.case.ulps,
            "accuracy": [dataclasses.asdict(accuracy) for accuracy in self.accuracies],
            "differentiable": "smooth" if self.case.differentiable is None else self.case.differentiable,
            "passed": list(self.passed),
            "failures": dict(self.failures),
            "seconds": round(self.seconds, 3),
            "ok": self.ok,
        }


def verify(case: Case, *, quick: bool = False, laws: Iterable[str] | None = None) -> Report:
    """Return what the laws and the accuracy sweep find of one case.

    Args:
      case: the loss and how to draw its inputs.
      quick: fewer laws and points, float32 only.
      laws: names from `LAWS`, and "accuracy"; by default all of them.
    """
    start = time.perf_counter()
    chosen = dict(QUICK_LAWS if quick else LAWS)
    accuracies: list[Accuracy] = []
    passed, failures = [], {}

    def accuracy(_: Trial) -> None:
        for dtype in ("float32",) if quick else ("float32", "float64"):
            # A row has several derivatives, members have rows.
            events = 2 if case.inputs.members else 3 if quick else 8 if case.inputs.axis is None else 4
            measured = measure_accuracy(case, dtype=dtype, events=events)
            accuracies.append(measured)
            if not measured.ulps <= case.ulps:
                raise LawError(f"{measured.ulps:.3g} ulp in {dtype}, promised {case.ulps:g}; {measured.worst}")

    chosen["accuracy"] = accuracy
    if laws is not None:
        chosen = {name: law for name, law in chosen.items() if name in set(laws)}
    trial = Trial(case)
    for name, law in chosen.items():
        try:
            law(trial)
            passed.append(name)
        except LawError as error:
            failures[name] = str(error)
        except Exception as error:  # a loss that cannot be called breaks the law that called it
            failures[name] = f"{type(error).__name__}: {error}"
    return Report(case, tuple(accuracies), tuple(passed), failures, time.perf_counter() - start)


def check_loss(case: Case, *, laws: Iterable[str] | None = None) -> None:
    """Raise AssertionError, naming the laws that the loss breaks, what came and what was due. For your own pytest.

    >>> import jax.numpy as jnp
    >>> from jaxloss import huber
    >>> from jaxloss.verify import Case, check_loss, inputs
    >>> def huber_by_definition(p, t):
    ...     r = abs(p - t)
    ...     return r**2 / 2 if r <= 1 else r - 0.5
    >>> check_loss(
    ...     Case(loss=huber, inputs=inputs.residuals(kinks=(-1, 1), largest=1e15), reference=huber_by_definition,
    ...          formula="r²/2 or |r| − ½", differentiable=1),
    ...     laws=["accuracy", "masked = removed"],
    ... )
    """
    report = verify(case, laws=laws)
    if not report.ok:
        lines = (f"  {law}: {message}" for law, message in report.failures.items())
        raise AssertionError("\n".join([f"{case.name} breaks {len(report.failures)} of the laws:", *lines]))
