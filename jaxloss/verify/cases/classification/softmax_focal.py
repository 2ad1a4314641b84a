"""Cases of `jaxloss.classification.softmax_focal`."""

import numpy as np
from mpmath import exp, log, mp, mpf

from jaxloss.classification.softmax_focal import poly_cross_entropy, softmax_focal
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Property


def expectation(term):
    """Make the reference of a loss sum_c y_c term(c, p_c, 1 - p_c), for class ids or label distributions."""

    def reference(z, y, **params):
        if isinstance(y, int):
            y = [mpf(c == y) for c in range(len(z))]
        with mp.workdps(400):  # a float64 gradient of 1e-300 is a difference in the 350th digit
            total = sum(exp(z_c) for z_c in z)
            return sum(y_c * term(c, exp(z_c) / total, **params) for c, (z_c, y_c) in enumerate(zip(z, y, strict=True)))

    return reference


def focal(c, p, gamma=2, class_alpha=None):
    """One class of the focal loss."""
    return (1 if class_alpha is None else class_alpha[c]) * -log(p) * ((1 - p) ** gamma if p < 1 else 0)


def poly(c, p, epsilon=2):
    """One class of Poly-1."""
    return -log(p) + epsilon * (1 - p)


SHARED = {Property.NON_NEGATIVE, Property.SHIFT_INVARIANT, Property.CLASS_PERMUTABLE}
ALPHA = np.array([0.25, 1.0, 2.0, 0.5, 0.75])

CASES = (
    *(
        Case(
            loss=softmax_focal,
            inputs=draw,
            reference=expectation(focal),
            formula=formula,
            params=params,
            learnable=learnable,
            properties=SHARED if "class_alpha" not in params else SHARED - {Property.CLASS_PERMUTABLE},
            ulps=8,
            conditioned=True,
        )
        for draw, formula, params, learnable in (
            (inputs.integer_rows(), "−(1 − p_y)^γ log p_y", {}, ()),
            (inputs.dense_rows(), "−Σ y_c (1 − p_c)^γ log p_c", {}, ()),
            (inputs.integer_rows(), "−(1 − p_y)^γ log p_y", {"gamma": 0.5}, ("gamma",)),
            (inputs.dense_rows(), "−Σ α_c y_c (1 − p_c)^γ log p_c", {"gamma": 1.0, "class_alpha": ALPHA}, ("gamma",)),
        )
    ),
    *(
        Case(
            loss=poly_cross_entropy,
            inputs=draw,
            reference=expectation(poly),
            formula=formula,
            params=params,
            learnable=tuple(params),
            properties=SHARED,
            ulps=4,
            conditioned=True,
            peers=peers,
        )
        for draw, formula, params, peers in (
            (inputs.dense_rows(), "Σ y_c (−log p_c + ε (1 − p_c))", {}, {"optax": "losses.poly_loss_cross_entropy"}),
            (inputs.integer_rows(), "−log p_y + ε (1 − p_y)", {"epsilon": -0.5}, {}),
        )
    ),
)
