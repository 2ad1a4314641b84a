"""Cases with a unit of their own: where the small rest of a sum near 1 is not kept."""

import dataclasses

import jax.numpy as jnp
from mpmath import exp

from jaxloss import checks, reduce
from jaxloss.verify import Case, inputs, measure_accuracy


def bounded(predictions, targets, *, where=None, weights=None, reduction="mean"):
    """1 - e^-r², of which nothing is left for small r."""
    predictions, targets = checks.real_pair("bounded", predictions, targets)
    predictions, targets = reduce.keep("bounded", where, predictions, targets)
    return reduce.apply(
        "bounded", 1 - jnp.exp(-((predictions - targets) ** 2)), where=where, weights=weights, reduction=reduction
    )


def definition(p, t):
    return 1 - exp(-((p - t) ** 2))


CASE = Case(
    loss=bounded,
    inputs=inputs.residuals(smallest=1e-8, largest=1e4),
    reference=definition,
    formula="1 − exp(−r²)",
    unit=1,
)


def test_errors_are_measured_in_ulps_of_at_least_the_unit():
    assert measure_accuracy(CASE).value_ulps < 4
    assert measure_accuracy(dataclasses.replace(CASE, unit=0)).value_ulps > 1e6
    wrong = dataclasses.replace(CASE, reference=lambda p, t: definition(p, t) + 1e-5)
    assert measure_accuracy(wrong).value_ulps > 50
