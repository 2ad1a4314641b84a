"""Cases of the losses that sum over all alignments."""

import functools
import itertools

import numpy as np
from mpmath import exp, log, mpf

from jaxloss.sequence.alignment import ctc, pruned_rnnt, rnnt
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.inputs import magnitudes

BLANK = 0


def scores(rng: np.random.Generator, shape: tuple[int, ...], regime: Regime, largest: float) -> np.ndarray | None:
    """Logits of a regime, of any shape."""
    if regime == Regime.ORDINARY:
        return 2 * rng.normal(size=shape)
    if regime == Regime.TINY:
        return magnitudes(rng, shape, 1e-30, 1e-2)
    if regime == Regime.HUGE:
        return magnitudes(rng, shape, 1.0, largest)
    if regime == Regime.SATURATED:
        return rng.choice([-1.0, 1.0], shape) * rng.choice([20.0, 60.0, 100.0], shape)
    return np.zeros(shape) if regime == Regime.EQUAL else None


def _frames(*, feasible: bool = True, blank: int = BLANK) -> Inputs:
    """Logits of frames and labels, both of several lengths."""

    def draw(
        rng: np.random.Generator, n: int, regime: Regime, classes: int, time: int
    ) -> tuple[np.ndarray, ...] | None:
        logits = scores(rng, (n, time, classes), regime, 1e4)
        if logits is None:
            return None
        most = max(2, 3 * time // 25)
        labels = (blank + rng.integers(1, classes, (n, most))) % classes
        lengths = rng.integers(0, most + 1, n)
        within = np.arange(most - 1) < lengths[:, None] - 1
        needed = lengths + np.sum((labels[:, 1:] == labels[:, :-1]) & within, 1)
        frames = np.maximum(needed if feasible else 1, rng.integers(time // 2, time + 1, n))
        return logits, frames.astype(np.int32), labels.astype(np.int32), lengths.astype(np.int32)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        logits = np.zeros((len(x), 3, 2))
        logits[:, 1, 1 - blank] = x
        ones = np.ones(len(x), np.int32)
        return logits, 3 * ones, (1 - blank) * ones[:, None], ones

    return Inputs(
        ("logits", "logit_lengths", "labels", "label_lengths"),
        draw,
        axis=-1,
        classes=3,
        steps=4,
        curve=curve,
        span=(-6.0, 6.0),
        xlabel="logit of the label in the second of three frames",
    )


@functools.cache
def _alignments(frames: int, classes: int, labels: tuple[int, ...], blank: int) -> list[tuple[int, ...]]:
    """All classes of the frames that give the labels: merge what repeats, then drop the blanks."""
    merged = lambda path: tuple(k for k, _ in itertools.groupby(path) if k != blank)
    return [path for path in itertools.product(range(classes), repeat=frames) if merged(path) == labels]


def _ctc(logits, logit_length, labels, label_length, blank=BLANK, zero_infinity=False):
    rows = [[exp(z - max(row)) for z in row] for row in logits[:logit_length]]
    rows = [[e / sum(row) for e in row] for row in rows]
    total = mpf(0)
    for path in _alignments(logit_length, len(logits[0]), tuple(labels[:label_length]), blank):
        product = mpf(1)
        for row, k in zip(rows, path, strict=True):
            product *= row[k]
        total += product
    return -log(total) if total or not zero_infinity else mpf(0)


def _states(*, band: int | None = None) -> Inputs:
    """Logits for each frame and number of emitted labels, or for a band of these; labels; both of several lengths."""

    def draw(
        rng: np.random.Generator, n: int, regime: Regime, classes: int, time: int
    ) -> tuple[np.ndarray, ...] | None:
        most = max(2, time // 50)
        width = most + 1 if band is None else max(band, 2 * most // time + 2)
        logits = scores(rng, (n, time, width, classes), regime, 1e4)
        if logits is None:
            return None
        labels = rng.integers(1, classes, (n, most)).astype(np.int32)
        lengths = rng.integers(0, most + 1, n).astype(np.int32)
        frames = rng.integers(max(2, time // 2), time + 1, n).astype(np.int32)
        if band is None:
            return logits, frames, labels, lengths
        # From 0 to where the last state of the band is the number of labels, in even steps.
        way = np.minimum(np.arange(time) / (frames[:, None] - 1), 1)
        first = np.round(way * np.maximum(lengths + 1 - width, 0)[:, None]).astype(np.int32)
        return logits, first, frames, labels, lengths

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        logits = np.zeros((len(x), 3, 2, 2))
        logits[:, 1, 0, 1] = x
        ones = np.ones(len(x), np.int32)
        lengths = 3 * ones, ones[:, None], ones
        return (logits, *lengths) if band is None else (logits, np.zeros((len(x), 3), np.int32), *lengths)

    return Inputs(
        ("logits", *(() if band is None else ("first_states",)), "logit_lengths", "labels", "label_lengths"),
        draw,
        axis=-1,
        classes=3,
        steps=3,
        curve=curve,
        span=(-6.0, 6.0),
        xlabel="logit of the label in the second of three frames",
    )


def _transducer(logits, logit_length, labels, label_length, first=None):
    """Sum over the orders of label_length labels and logit_length blanks, of which the last is a blank."""
    total, steps = mpf(0), logit_length + label_length
    for emits in itertools.combinations(range(steps - 1), label_length):
        t = u = 0
        product = mpf(1)
        for step in range(steps):
            state = u - (0 if first is None else first[t])
            if not 0 <= state < len(logits[t]):
                product = mpf(0)
                break
            row, k = logits[t][state], labels[u] if step in emits else BLANK
            product *= exp(row[k] - max(row)) / sum(exp(z - max(row)) for z in row)
            t, u = (t, u + 1) if step in emits else (t + 1, u)
        total += product
    return -log(total)


def _pruned(logits, first, logit_length, labels, label_length):
    return _transducer(logits, logit_length, labels, label_length, first)


CASES = (
    Case(
        loss=ctc,
        inputs=_frames(),
        reference=_ctc,
        formula="−log Σ over alignments of Π softmax(zₜ)",
        properties={Property.NON_NEGATIVE, Property.SHIFT_INVARIANT},
        ulps=8,
        conditioned=True,
        unit=1,
        peers={"optax": "losses.ctc_loss", "torch": "nn.functional.ctc_loss"},
    ),
    Case(
        loss=ctc,
        inputs=_frames(feasible=False, blank=2),
        reference=_ctc,
        formula="another class is the blank, and without an alignment the loss is 0",
        params={"blank": 2, "zero_infinity": True},
        properties={Property.NON_NEGATIVE, Property.SHIFT_INVARIANT},
        ulps=8,
        conditioned=True,
        unit=1,
    ),
    Case(
        loss=rnnt,
        inputs=_states(),
        reference=_transducer,
        formula="−log Σ over paths of Π softmax(zₜᵤ)",
        properties={Property.NON_NEGATIVE, Property.SHIFT_INVARIANT},
        ulps=8,
        conditioned=True,
        unit=1,
    ),
    Case(
        loss=pruned_rnnt,
        inputs=_states(band=2),
        reference=_pruned,
        formula="the same over the paths in a band",
        properties={Property.NON_NEGATIVE, Property.SHIFT_INVARIANT},
        ulps=8,
        conditioned=True,
        unit=1,
    ),
)
