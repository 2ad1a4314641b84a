"""Cases of `jaxloss.classification.linear`."""

from typing import Any

import numpy as np

from jaxloss.classification.linear import linear_softmax_cross_entropy
from jaxloss.verify import tokens
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.classification.softmax import dense_reference, integer_reference


def logits_of(hidden, kernel):
    return [
        [sum(h * w for h, w in zip(row, column, strict=True)) for column in zip(*kernel, strict=True)] for row in hidden
    ]


def _integer(hidden, kernel, labels, chunk_size=None, **params):
    return [integer_reference(x, label, **params) for x, label in zip(logits_of(hidden, kernel), labels, strict=True)]


def _dense(hidden, kernel, labels, chunk_size=None, **params):
    return [dense_reference(x, y, **params) for x, y in zip(logits_of(hidden, kernel), labels, strict=True)]


TABLE = np.array([0.5, 1.0, 2.0, 1.5])
OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("{}", {"properties": {Property.NON_NEGATIVE, Property.CONVEX}}),
    ("{}, in chunks of 2", {"params": {"chunk_size": 2, "label_smoothing": 0.1}}),
    (
        "{} + ζ L², z = x/τ",
        {"params": {"z_loss": 0.01, "temperature": 0.5}, "learnable": ("z_loss", "temperature")},
    ),
    ("w_y · {}, z = a tanh(x/a)", {"params": {"logit_cap": 3.0, "class_weights": TABLE}}),
)

PEERS = {
    "optax": "losses.softmax_cross_entropy_with_integer_labels",
    "tokamax": "linear_softmax_cross_entropy_loss",
    "torch": "nn.functional.linear_cross_entropy",
}

CASES = (
    *(
        Case(
            loss=linear_softmax_cross_entropy,
            inputs=tokens.tokens_and_labels(largest=30.0 if "logit_cap" in options.get("params", {}) else 1e4),
            reference=_integer,
            formula=formula.format("−log softmax(z)_y") + (", x = h W" if "x" in formula else ", z = h W"),
            peers=PEERS if not options.get("params") else {},
            conditioned=True,
            ulps=8,
            **options,
        )
        for formula, options in OPTIONS
    ),
    Case(
        loss=linear_softmax_cross_entropy,
        inputs=tokens.tokens_and_labels(dense=True),
        reference=_dense,
        formula="−Σ y_c log softmax(z)_c, z = h W",
        params={"label_smoothing": 0.125},
        conditioned=True,
        ulps=8,
    ),
)
