"""Cases of `jaxloss.classification.confusion`."""

import numpy as np
from mpmath import exp, log, mp, mpf

from jaxloss.classification.confusion import matrix_cross_entropy
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Property

CONFUSIONS = 0.75 * np.eye(5) + 0.25 * np.roll(np.eye(5), 1, 0)


def reference(z, y, confusions):
    """Cross-entropy in bits plus sum_i ((A y)_i - y_i) exp(p_i)."""
    if isinstance(y, int):
        y = [mpf(c == y) for c in range(len(z))]
    with mp.workdps(400):  # a float64 gradient of 1e-300 is a difference in the 350th digit
        total = sum(exp(z_c) for z_c in z)
        bits = sum(y_c * (log(total) - z_c) for z_c, y_c in zip(z, y, strict=True)) / log(2)
        seen = [sum(a * y_c for a, y_c in zip(row, y, strict=True)) for row in confusions]
        return bits + sum((s - y_c) * exp(exp(z_c) / total) for s, y_c, z_c in zip(seen, y, z, strict=True))


CASES = tuple(
    Case(
        loss=matrix_cross_entropy,
        inputs=draw,
        reference=reference,
        formula="−Σ y_i log₂ p_i + Σ ((A y)_i − y_i) exp(p_i)",
        params={"confusions": CONFUSIONS},
        learnable=("confusions",) if draw.labels == "dense" else (),
        properties={Property.SHIFT_INVARIANT},
        ulps=4,
        conditioned=True,
    )
    for draw in (inputs.integer_rows(), inputs.dense_rows())
)
