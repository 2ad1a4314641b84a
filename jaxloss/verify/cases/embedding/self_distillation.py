"""Cases of `jaxloss.embedding.self_distillation`."""

import dataclasses

import numpy as np
from mpmath import exp, log, mp, mpf, sqrt

from jaxloss.embedding.self_distillation import byol, dino, simsiam
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Inputs, Property, Regime


def _cosine(p, t):
    return sum(a * b for a, b in zip(p, t, strict=True)) / sqrt(sum(a * a for a in p) * sum(b * b for b in t))


def _logits() -> Inputs:
    """Two rows of logits an event, as a student and a sharper teacher give."""
    rows = inputs.dense_rows(largest=1e2)

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        data, other = rows.draw(rng, n, regime, c), rows.draw(rng, n, regime, c)
        if data is None or regime == Regime.EQUAL:  # no gradient where both are uniform
            return None
        teacher = 0.1 * rng.normal(size=(n, c)) if regime == Regime.TINY else 0.1 * other[0]
        return data[0] * rng.uniform(0.8, 1.25, (n, c)), teacher

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        rest = np.zeros_like(x)
        return np.stack([x, rest, rest], axis=-1), np.stack([rest + 0.05, rest, rest], axis=-1)

    return Inputs(
        ("student_logits", "teacher_logits"),
        draw,
        axis=-1,
        classes=4,
        curve=curve,
        span=(-1.0, 1.0),
        xlabel="student's logit, teacher's 0.05",
        compare=2,
        held=(1,),
    )


def _softmax(z):
    e = [exp(x) for x in z]
    return [x / sum(e) for x in e]


def _dino(s, t, student_temperature=mpf("0.1"), teacher_temperature=mpf("0.04"), center=None):
    with mp.workdps(400):
        return _dino_in_full(s, t, student_temperature, teacher_temperature, center)


def _dino_in_full(s, t, student_temperature, teacher_temperature, center):
    q = _softmax([(x - c) / teacher_temperature for x, c in zip(t, center or [0] * len(t), strict=True)])
    p = _softmax([x / student_temperature for x in s])
    return -sum(a * log(b) for a, b in zip(q, p, strict=True))


VECTORS = dataclasses.replace(inputs.embedding_pairs(), held=(1,))

CASES = (
    Case(
        loss=byol,
        inputs=VECTORS,
        reference=lambda p, t: 2 - 2 * _cosine(p, t),
        formula="‖u − v‖², unit vectors u and v, v held fixed",
        properties={Property.NON_NEGATIVE, Property.SYMMETRIC, Property.ZERO_AT_TARGET},
        degree=0,
        ulps=16,
        conditioned=True,
    ),
    Case(
        loss=simsiam,
        inputs=VECTORS,
        reference=lambda p, t: -_cosine(p, t),
        formula="−u · v, unit vectors u and v, v held fixed",
        properties={Property.SYMMETRIC},
        degree=0,
        ulps=16,
        conditioned=True,
    ),
    Case(
        loss=dino,
        inputs=_logits(),
        reference=_dino,
        formula="−Σ q_c log softmax(s/τ)_c, q = softmax((t − m)/τ′) held fixed",
        properties={Property.NON_NEGATIVE, Property.CONVEX, Property.SHIFT_INVARIANT},
        ulps=8,
        conditioned=True,
    ),
    Case(
        loss=dino,
        inputs=_logits(),
        reference=_dino,
        formula="−Σ q_c log softmax(s/τ)_c, q = softmax((t − m)/τ′) held fixed",
        params={
            "student_temperature": 0.5,
            "teacher_temperature": 0.25,
            "center": np.array([0.5, -0.25, 0.0, 0.125]),
        },
        learnable=("student_temperature",),
        properties={Property.NON_NEGATIVE, Property.CONVEX, Property.SHIFT_INVARIANT},
        ulps=16,  # the gradient is the difference of two softmaxes, each with a few ulp of its own
        conditioned=True,
    ),
)
