"""Cases of `jaxloss.classification.noise`."""

from mpmath import exp, log, mp, mpf

from jaxloss.classification.noise import generalized_cross_entropy, symmetric_cross_entropy
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.classification.softmax_focal import expectation


def generalized(c, p, q="0.7"):
    """One class of the generalized cross-entropy."""
    return (1 - p ** mpf(q)) / mpf(q) if q else -log(p)


def symmetric(z, y, alpha="0.1", beta=1, log_zero=-4):
    """Cross-entropy plus reverse cross-entropy."""
    if isinstance(y, int):
        y = [mpf(c == y) for c in range(len(z))]
    with mp.workdps(400):  # a float64 gradient of 1e-300 is a difference in the 350th digit
        total = sum(exp(z_c) for z_c in z)
        ce = sum(y_c * (log(total) - z_c) for z_c, y_c in zip(z, y, strict=True))
        logs = [max(log(y_c), log_zero) if y_c > 0 else log_zero for y_c in y]
        return mpf(alpha) * ce - beta * sum(exp(z_c) / total * r for z_c, r in zip(z, logs, strict=True))


SHARED = {Property.NON_NEGATIVE, Property.SHIFT_INVARIANT, Property.CLASS_PERMUTABLE}

CASES = (
    *(
        Case(
            loss=generalized_cross_entropy,
            inputs=draw,
            reference=expectation(generalized),
            formula=formula,
            params=params,
            learnable=learnable,
            properties=SHARED,
            ulps=8,
            conditioned=True,
        )
        for draw, formula, params, learnable in (
            (inputs.integer_rows(), "(1 − p_y^q) / q", {}, ()),
            (inputs.dense_rows(), "Σ y_c (1 − p_c^q) / q", {}, ()),
            (inputs.integer_rows(), "(1 − p_y^q) / q", {"q": 0.25}, ("q",)),
            (inputs.integer_rows(), "−log p_y", {"q": 0}, ()),
        )
    ),
    *(
        Case(
            loss=symmetric_cross_entropy,
            inputs=draw,
            reference=symmetric,
            formula=formula,
            params=params,
            learnable=tuple(params),
            properties=SHARED,
            ulps=8,
            conditioned=True,
        )
        for draw, formula, params in (
            (inputs.integer_rows(), "−α log p_y − β A (1 − p_y)", {}),
            (inputs.dense_rows(), "−α Σ y_c log p_c − β Σ p_c max(log y_c, A)", {}),
            (
                inputs.dense_rows(),
                "−α Σ y_c log p_c − β Σ p_c max(log y_c, A)",
                {"alpha": 0.5, "beta": 2.0, "log_zero": -6.0},
            ),
        )
    ),
)
