"""Cases of `jaxloss.classification.softmax`."""

import dataclasses
from typing import Any

import numpy as np
from mpmath import exp, log, mp, mpf, tanh

from jaxloss.classification.softmax import softmax_cross_entropy, softmax_cross_entropy_with_integer_labels
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Inputs, Property, Regime


def dense_reference(x, y, label_smoothing=0, class_weights=None, z_loss=0, logit_cap=None, temperature=1):
    with mp.workdps(400):  # a float64 gradient of 1e-300 is a difference in the 350th digit
        z = [(x_c if logit_cap is None else logit_cap * tanh(x_c / logit_cap)) / temperature for x_c in x]
        log_total = log(sum(exp(z_c) for z_c in z))
        smoothed = [(1 - label_smoothing) * y_c + mpf(label_smoothing) / len(y) for y_c in y]
        weight = 1 if class_weights is None else sum(y_c * w_c for y_c, w_c in zip(y, class_weights, strict=True))
        nll = sum(y_c * (log_total - z_c) for y_c, z_c in zip(smoothed, z, strict=True))
        return weight * (nll + z_loss * log_total**2)


def integer_reference(x, label, **params):
    return dense_reference(x, [mpf(c == label) for c in range(len(x))], **params)


def jittered(draw):
    """Return the inputs with logits that are neither equal nor exactly opposite once they are saturated."""

    def drawn(rng, n, regime, classes):
        data = draw.draw(rng, n, regime, classes)
        if data is None or regime != Regime.SATURATED:
            return data
        return (data[0] * rng.uniform(0.8, 1.25, data[0].shape), *data[1:])

    return dataclasses.replace(draw, draw=drawn)


CE = {Property.NON_NEGATIVE, Property.CONVEX, Property.SHIFT_INVARIANT, Property.CLASS_PERMUTABLE}
TABLE = np.array([0.5, 1.0, 2.0, 1.5, 0.25])

FAMILY: tuple[tuple[Any, Inputs, Any, str, str], ...] = (
    (softmax_cross_entropy, inputs.dense_rows(), dense_reference, "−Σ y_c log softmax(z)_c", "softmax_cross_entropy"),
    (
        softmax_cross_entropy_with_integer_labels,
        inputs.integer_rows(),
        integer_reference,
        "−log softmax(z)_y",
        "softmax_cross_entropy_with_integer_labels",
    ),
)
OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("{}", {"properties": CE, "lipschitz": 1, "ulps": 4}),
    ("{}, smoothed", {"params": {"label_smoothing": 0.1}, "properties": CE, "ulps": 4}),
    (
        "{} + ζ L², z = x/τ",
        {"params": {"z_loss": 0.01, "temperature": 0.5}, "learnable": ("z_loss", "temperature"), "ulps": 8},
    ),
    ("w_y · {}, z = a tanh(x/a)", {"params": {"logit_cap": 3.0, "class_weights": TABLE}, "ulps": 8}),
)

CASES = tuple(
    Case(
        loss=loss,
        inputs=draw,
        reference=reference,
        formula=formula.format(plain),
        peers={"optax": f"losses.{optax}", "torch": "nn.functional.cross_entropy"} if "params" not in extra else {},
        conditioned=True,
        **extra,
    )
    for loss, draw, reference, plain, optax in FAMILY
    for formula, extra in OPTIONS
)
