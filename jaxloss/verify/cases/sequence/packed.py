"""Cases of the cross-entropy of packed sequences."""

import numpy as np
from mpmath import exp, log

from jaxloss.sequence.packed import sequence_cross_entropy
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.cases.divergence import of_many_digits
from jaxloss.verify.cases.sequence.alignment import scores


def _packed() -> Inputs:
    """Rows of tokens of one to three sequences; what padding there is, is in the mask."""

    def draw(
        rng: np.random.Generator, n: int, regime: Regime, classes: int, members: int
    ) -> tuple[np.ndarray, ...] | None:
        logits = scores(rng, (n, members, classes), regime, 1e4)
        if logits is None:
            return None
        segments = 1 + rng.integers(0, 3, (n, members))
        labels = rng.integers(0, classes, (n, members))
        return logits, labels.astype(np.int32), segments.astype(np.int32)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        logits = np.zeros((len(x), 4, 2))
        logits[:, 0, 0] = x
        segments = np.broadcast_to(np.array([1, 2, 2, 2], np.int32), (len(x), 4)).copy()
        return logits, np.zeros((len(x), 4), np.int32), segments

    return Inputs(
        ("logits", "labels", "segment_ids"),
        draw,
        axis=-1,
        classes=4,
        members=5,
        member="token",
        value_per="member",
        curve=curve,
        span=(-6.0, 6.0),
        xlabel="logit of the label of the first of four tokens, alone in its sequence",
    )


def _cross_entropy(logits, labels, segments, denominator="tokens", label_smoothing=0):
    values = []
    for row, label, segment in zip(logits, labels, segments, strict=True):
        log_total = log(sum(exp(z - max(row)) for z in row)) + max(row)
        spread = sum(log_total - z for z in row) / len(row)
        value = (1 - label_smoothing) * (log_total - row[label]) + label_smoothing * spread
        values.append(value / (segments.count(segment) if denominator == "sequences" else 1))
    return values


CASES = (
    Case(
        loss=sequence_cross_entropy,
        inputs=_packed(),
        reference=of_many_digits(_cross_entropy),
        formula="−log softmax(z)ᵧ of each token",
        properties={Property.NON_NEGATIVE, Property.CONVEX, Property.SHIFT_INVARIANT},
        ulps=8,
        conditioned=True,
    ),
    Case(
        loss=sequence_cross_entropy,
        inputs=_packed(),
        reference=of_many_digits(_cross_entropy),
        formula="the same, divided by the length of its sequence",
        params={"denominator": "sequences", "label_smoothing": 0.1},
        properties={Property.NON_NEGATIVE, Property.CONVEX, Property.SHIFT_INVARIANT},
        ulps=8,
        conditioned=True,
    ),
)
