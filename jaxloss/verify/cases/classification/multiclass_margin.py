"""Cases of `jaxloss.classification.multiclass_margin`."""

import dataclasses

import numpy as np
from mpmath import mpf

from jaxloss.classification.multiclass_margin import multiclass_hinge, multiclass_perceptron, weston_watkins
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Inputs, Property, Regime

MARGIN = {Property.NON_NEGATIVE, Property.CONVEX, Property.SHIFT_INVARIANT, Property.CLASS_PERMUTABLE}


def margin_rows(*, dense: bool = False, smooth: bool = False, margin: float = 1.0, largest: float = 1e30) -> Inputs:
    """Rows of scores and labels (``smooth``: without a 0); near the kinks the true class leads another by it."""
    base = (inputs.dense_rows if dense else inputs.integer_rows)(argument="scores", largest=largest)

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        kinks = regime == Regime.KINKS
        rows = base.draw(rng, n, Regime.ORDINARY if kinks else regime, c)
        if rows is None:
            return None
        scores, labels = rows
        if smooth:
            labels = 0.9 * np.eye(c)[np.argmax(labels, axis=-1)] + 0.1 / c
        if kinks:
            event, true = np.arange(n), np.argmax(labels, axis=-1) if dense else labels
            lead = margin + inputs.magnitudes(rng, n, 1e-6, 1e-1)
            scores[event, (true + rng.integers(1, c, n)) % c] = scores[event, true] - lead
        return scores, labels

    return dataclasses.replace(base, draw=draw)


def _expected(loss):
    """A loss of class ids as the loss of label distributions: its expectation."""
    return lambda s, y, **params: (
        sum(share * loss(s, k, **params) for k, share in enumerate(y)) if isinstance(y, list) else loss(s, y, **params)
    )


@_expected
def _hinge(s, y, margin=1):
    return max(mpf(0), margin + max(x for j, x in enumerate(s) if j != y) - s[y])


@_expected
def _perceptron(s, y):
    return max(s) - s[y]


def _weston_watkins(s, y, margin=1, p=1, normalize=False):
    y = y if isinstance(y, list) else [mpf(j == y) for j in range(len(s))]
    true = sum(a * b for a, b in zip(s, y, strict=True))
    terms = [(1 - b) * max(mpf(0), margin + a - true) ** p for a, b in zip(s, y, strict=True)]
    return sum(terms) / (len(s) if normalize else 1)


CASES = (
    *(
        Case(
            loss=multiclass_hinge,
            inputs=data,
            reference=_hinge,
            formula="max(0, m + max_{j≠y} sⱼ − s_y)",
            params=params,
            learnable=tuple(params),
            differentiable=0,
            properties=MARGIN,
            lipschitz=1,
            ulps=4,
            conditioned=True,
            peers={"optax": "losses.multiclass_hinge_loss"} if data.labels == "integer" and not params else {},
        )
        for data, params in (
            (margin_rows(), {}),
            (margin_rows(dense=True), {}),
            (margin_rows(margin=0.25), {"margin": 0.25}),
        )
    ),
    *(
        Case(
            loss=weston_watkins,
            inputs=data,
            reference=_weston_watkins,
            formula="Σ_{j≠y} max(0, m + sⱼ − s_y)ᵖ",
            params=params,
            learnable=tuple({"margin"} & set(params)),
            differentiable=1 if params.get("p", 1) > 1 else 0,
            properties=MARGIN,
            lipschitz=None if params.get("p", 1) > 1 else 4,
            ulps=4 if data.labels == "integer" else 8,
            conditioned=True,
            peers={"torch": "nn.functional.multi_margin_loss"} if params.get("normalize") else {},
        )
        for data, params in (
            (margin_rows(), {}),
            (margin_rows(dense=True, smooth=True, largest=1e17), {"p": 2}),
            (margin_rows(), {"normalize": True}),
            (margin_rows(margin=0.25, largest=1e17), {"p": 2, "margin": 0.25}),
            (margin_rows(largest=1e10), {"p": 2.5}),
        )
    ),
    *(
        Case(
            loss=multiclass_perceptron,
            inputs=data,
            reference=_perceptron,
            formula="max s − s_y",
            differentiable=0,
            properties=MARGIN,
            lipschitz=1,
            degree=1 if data.labels == "integer" else None,
            ulps=4,
            conditioned=True,
            peers={"optax": "losses.multiclass_perceptron_loss"} if data.labels == "integer" else {},
        )
        for data in (margin_rows(margin=0.0), margin_rows(margin=0.0, dense=True))
    ),
)
