"""Cases of `jaxloss.preference.linear`."""

import numpy as np
from mpmath import exp, log, mpf

from jaxloss.preference.linear import linear_distillation, linear_dpo
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.cases.classification.linear import logits_of
from jaxloss.verify.tokens import hidden_states


def _two_models(rng, regime, *shape, classes):
    """Hidden states and kernels of two models, which have one kernel where the regime is that of equals.

    Logits are as exact as the largest term of their products: how far those of two models are apart is known no better.
    """
    drawn = [hidden_states(rng, regime, *shape, classes=classes, largest=30.0) for _ in range(2)]
    if drawn[0] is None or drawn[1] is None:
        return None
    (hidden, kernel), (other_hidden, other_kernel) = drawn
    if regime == Regime.EQUAL:
        other_hidden, other_kernel = hidden * (1 + 0.1 * rng.normal(size=shape)), kernel
    return hidden, kernel, other_hidden, other_kernel


def _students(*, near: bool = True) -> Inputs:
    """Tokens of a student and a teacher; without ``near`` those alone that neither agree nor are sure."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int, m: int, f: int) -> tuple[np.ndarray, ...] | None:
        if not near and regime != Regime.ORDINARY:
            return None
        return _two_models(rng, regime, n, m, f, classes=c)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        kernel = np.broadcast_to([[1.0, 0.0, 0.0]], (len(x), 1, 3)).copy()
        return x[:, None, None], kernel, np.ones((len(x), 1, 1)), kernel

    return Inputs(
        ("hidden", "kernel", "teacher_hidden", "teacher_kernel"),
        draw,
        axis=-1,
        classes=3,
        members=3,
        member="token",
        features=2,
        trained=(0, 1),
        members_of=(0, 2),
        value_per="member",
        held=(2, 3),
        curve=curve,
        xlabel="logit of one class of the student; 1 for the teacher",
    )


def _pairs() -> Inputs:
    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int, m: int, f: int) -> tuple[np.ndarray, ...] | None:
        models = _two_models(rng, regime, n, m, 2, 2, f, classes=c)
        return None if models is None else (*models, rng.integers(0, c, (n, m, 2, 2)).astype(np.int32))

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        kernel = np.broadcast_to([[1.0, 0.0]], (len(x), 1, 2)).copy()
        hidden = np.stack([x, np.zeros_like(x)], -1)[:, None, :, None, None]
        return hidden, kernel, np.zeros_like(hidden), kernel, np.zeros((len(x), 1, 2, 1), np.int32)

    return Inputs(
        ("hidden", "kernel", "reference_hidden", "reference_kernel", "labels"),
        draw,
        axis=-1,
        classes=3,
        members=2,
        member="token",
        features=2,
        trained=(0, 1),
        members_of=(0, 2, 4),
        value_per="member",
        held=(2, 3),
        curve=curve,
        span=(-6.0, 6.0),
        xlabel="logit of the chosen token, 0 for the reference",
    )


def _log_softmax(x):
    total = log(sum(map(exp, x)))
    return [a - total for a in x]


def _kl(a, b):
    return sum(exp(x) * (x - y) for x, y in zip(a, b, strict=True))


def _distillation(h, w, g, v, direction="forward", temperature=1, beta=mpf("0.5"), rescale=False):
    def loss(x, y):
        log_p, log_q = (_log_softmax([a / temperature for a in row]) for row in (x, y))
        if direction == "jsd":
            mixed = [log(beta * exp(q) + (1 - beta) * exp(p)) for p, q in zip(log_p, log_q, strict=True)]
            value = beta * _kl(log_q, mixed) + (1 - beta) * _kl(log_p, mixed)
        else:
            value = _kl(log_q, log_p) if direction == "forward" else _kl(log_p, log_q)
        return value * (temperature**2 if rescale else 1)

    return [loss(x, y) for x, y in zip(logits_of(h, w), logits_of(g, v), strict=True)]


def _dpo(h, w, g, v, labels, beta=mpf("0.1"), label_smoothing=0):
    def completion(rows, kernel, ids):
        return sum(_log_softmax(x)[i] for x, i in zip(logits_of(rows, kernel), ids, strict=True))

    def loss(chosen_rejected, reference, ids):
        u, l = (
            completion(p, w, i) - completion(r, v, i) for p, r, i in zip(chosen_rejected, reference, ids, strict=True)
        )
        z = mpf(beta) * (u - l)
        return (1 - label_smoothing) * log(1 + exp(-z)) + label_smoothing * log(1 + exp(z))

    return [loss(*pair) for pair in zip(h, g, labels, strict=True)]


CASES = (
    *(
        Case(
            loss=linear_distillation,
            inputs=_students(near=params.get("direction") != "jsd"),
            reference=_distillation,
            formula=f"{formula}, p = softmax(h W / τ), q = softmax(h′ W′ / τ)",
            params=params,
            learnable=("temperature",) if "temperature" in params else (),
            properties={Property.NON_NEGATIVE},
            conditioned=True,
            ulps=16,
        )
        for formula, params in (
            ("KL(q ‖ p)", {}),
            ("KL(p ‖ q) τ²", {"direction": "reverse", "temperature": 2.0, "rescale": True}),
            ("JSD(q, p)", {"direction": "jsd", "beta": 0.25}),
        )
    ),
    *(
        Case(
            loss=linear_dpo,
            inputs=_pairs(),
            reference=_dpo,
            formula="−log σ(β (u_w − u_l)), u = Σ log π(y) − log π_ref(y)",
            params=params,
            learnable=tuple(params),
            properties={Property.NON_NEGATIVE},
            conditioned=True,
            ulps=16,
        )
        for params in ({}, {"beta": 0.5, "label_smoothing": 0.125})
    ),
)
