"""Cases of `jaxloss.classification.bi_tempered`."""

import dataclasses

import numpy as np
from mpmath import exp, log, mp, mpf

from jaxloss.classification.bi_tempered import bi_tempered
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.classification.softmax import jittered


def log_t(x, t):
    """Tempered logarithm."""
    return log(x) if t == 1 else (x ** (1 - t) - 1) / (1 - t)


def exp_t(x, t):
    """Tempered exponential."""
    return exp(x) if t == 1 else max(mpf(0), 1 + (1 - t) * x) ** (1 / (1 - t))


def reference(z, y, t1="0.8", t2="1.2", label_smoothing=0):
    """Bregman divergence of the labels from the tempered softmax, normalised by Newton's method on its sum."""
    t1, t2 = mpf(t1), mpf(t2)
    if isinstance(y, int):
        y = [mpf(c == y) for c in range(len(z))]
    y = [(1 - label_smoothing) * y_c + mpf(label_smoothing) / len(y) for y_c in y]
    lam = max(z)
    digits = 400 if t2 == 1 else 130  # only the exponential has float64 gradients of 1e-300, in the 350th digit
    with mp.workdps(digits):
        while True:
            p = [exp_t(z_c - lam, t2) for z_c in z]
            step = (sum(p) - 1) / sum(p_c**t2 for p_c in p if p_c)
            lam += step
            if abs(step) < mpf(10) ** (10 - digits):
                break
        terms = (
            y_c * (log_t(y_c, t1) - log_t(p_c, t1) if y_c else 0) - (y_c ** (2 - t1) - p_c ** (2 - t1)) / (2 - t1)
            for y_c, p_c in zip(y, p, strict=True)
        )
        return sum(terms)


def positive(draw):
    """Return the inputs with labels that are positive, for powers of negative numbers are not real, and not uniform.

    Where labels and probabilities are equal every derivative is 0 but for the rounding of the labels.
    """

    def drawn(rng, n, regime, classes):
        data = draw.draw(rng, n, regime, classes)
        ramp = np.arange(1, classes + 1) / (classes * (classes + 1) / 2)
        return data and (data[0], 0.75 * data[1] + 0.25 * ramp)

    return dataclasses.replace(draw, draw=drawn)


# Three classes: the reference finds the normalisation of a row by iteration, for every step of every difference.
CASES = tuple(
    Case(
        loss=bi_tempered,
        inputs=draw,
        reference=reference,
        formula="Σ y_c (log_t1 y_c − log_t1 p_c) − (y_c^(2−t1) − p_c^(2−t1)) / (2−t1)",
        params=params,
        differentiable=1 if params.get("t2", 1) < 1 else None,
        properties={Property.NON_NEGATIVE, Property.SHIFT_INVARIANT, Property.CLASS_PERMUTABLE},
        ulps=16,
        conditioned=True,
    )
    for draw, params in (
        (inputs.integer_rows(classes=3), {}),
        (positive(inputs.dense_rows(largest=100, classes=3)), {}),
        (positive(inputs.dense_rows(largest=100, classes=3)), {"t1": 0.5, "t2": 2.0}),
        (jittered(inputs.integer_rows(classes=3)), {"t1": 0.5, "t2": 0.5}),
        (inputs.integer_rows(classes=3), {"t1": 1.0, "t2": 1.0}),
    )
)
