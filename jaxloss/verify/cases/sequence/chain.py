"""Cases of conditional random fields."""

import itertools

import numpy as np
from mpmath import exp, log

from jaxloss.sequence.chain import linear_chain_crf
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.cases.sequence.alignment import scores


def _tags() -> Inputs:
    """Logits, tags, lengths and a table of transitions for each sequence."""

    def draw(
        rng: np.random.Generator, n: int, regime: Regime, classes: int, time: int
    ) -> tuple[np.ndarray, ...] | None:
        logits = scores(rng, (n, time, classes), regime, 1e4)
        if logits is None:
            return None
        labels, lengths = rng.integers(0, classes, (n, time)), rng.integers(time // 2, time + 1, n)
        return logits, labels.astype(np.int32), lengths.astype(np.int32), rng.normal(size=(n, classes, classes))

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        logits = np.zeros((len(x), 3, 2))
        logits[:, 1, 1] = x
        labels = np.broadcast_to(np.array([0, 1, 1], np.int32), (len(x), 3)).copy()
        return logits, labels, np.full(len(x), 3, np.int32), np.broadcast_to(np.eye(2), (len(x), 2, 2)).copy()

    return Inputs(
        ("logits", "labels", "lengths", "transitions"),
        draw,
        axis=-1,
        classes=3,
        steps=3,
        curve=curve,
        span=(-6.0, 6.0),
        xlabel="logit of the tag of the second of three words",
    )


def _crf(logits, labels, length, transitions, start=None, end=None):
    def score(tags):
        if not tags:
            return 0
        pairs = sum(transitions[a][b] for a, b in itertools.pairwise(tags))
        edges = (0 if start is None else start[tags[0]]) + (0 if end is None else end[tags[-1]])
        return pairs + edges + sum(logits[t][k] for t, k in enumerate(tags))

    own = score(labels[:length])
    return log(sum(exp(score(tags) - own) for tags in itertools.product(range(len(transitions)), repeat=length)))


CASES = (
    Case(
        loss=linear_chain_crf,
        inputs=_tags(),
        reference=_crf,
        formula="log Σ over tags of exp s(y′) − s(y)",
        properties={Property.NON_NEGATIVE, Property.CONVEX, Property.SHIFT_INVARIANT},
        ulps=8,
        conditioned=True,
        unit=1,
    ),
    Case(
        loss=linear_chain_crf,
        inputs=_tags(),
        reference=_crf,
        formula="with scores of the first and the last tag",
        params={"start": np.array([0.5, -1.0, 0.25], np.float32), "end": np.array([-0.5, 0.0, 2.0], np.float32)},
        learnable=("start", "end"),
        properties={Property.NON_NEGATIVE, Property.CONVEX, Property.SHIFT_INVARIANT},
        ulps=8,
        conditioned=True,
        unit=1,
    ),
)
