"""Verification: the laws of the contract and the accuracy sweep, for these losses and for your own.

`check_loss` and `check_gradients` are for your own pytest, `Case` describes a loss to them.
"""

from jaxloss.verify import inputs
from jaxloss.verify.accuracy import Accuracy, measure_accuracy
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.findings import LawError
from jaxloss.verify.gradients import GradientError, check_gradients
from jaxloss.verify.laws import LAWS
from jaxloss.verify.report import Report, check_loss, verify

__all__ = [
    "LAWS",
    "Accuracy",
    "Case",
    "GradientError",
    "Inputs",
    "LawError",
    "Property",
    "Regime",
    "Report",
    "check_gradients",
    "check_loss",
    "inputs",
    "measure_accuracy",
    "verify",
]
