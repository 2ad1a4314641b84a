"""Cases of `jaxloss.classification.probabilities`."""

from mpmath import log, mpf

from jaxloss.classification.probabilities import (
    categorical_cross_entropy,
    categorical_cross_entropy_with_integer_labels,
)
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Property


def dense_reference(p, y, normalize=False, label_smoothing=0, eps="1e-7"):
    """Cross-entropy of probabilities by its definition."""
    total = sum(p) if normalize else 1
    smoothed = [(1 - label_smoothing) * y_c + mpf(label_smoothing) / len(y) for y_c in y]
    return -sum(y_c * log(max(p_c / total, mpf(eps))) for y_c, p_c in zip(smoothed, p, strict=True))


def integer_reference(p, label, **params):
    """The same of a class id."""
    return dense_reference(p, [mpf(c == label) for c in range(len(p))], **params)


CASES = tuple(
    Case(
        loss=loss,
        inputs=draw,
        reference=reference,
        formula=formula,
        params=params,
        properties={Property.NON_NEGATIVE, Property.CLASS_PERMUTABLE},
        ulps=8 if params else 2,
        conditioned=True,
        peers=peers if not params else {},
    )
    for loss, draw, reference, plain, peers in (
        (
            categorical_cross_entropy,
            inputs.dense_probability_rows(),
            dense_reference,
            "−Σ y_c log p_c",
            {},
        ),
        (
            categorical_cross_entropy_with_integer_labels,
            inputs.integer_probability_rows(),
            integer_reference,
            "−log p_y",
            {},
        ),
    )
    for formula, params in (
        (plain, {}),
        (f"{plain}, p / Σ p", {"normalize": True}),
        (f"{plain}, p / Σ p, smoothed", {"normalize": True, "label_smoothing": 0.1}),
    )
)
