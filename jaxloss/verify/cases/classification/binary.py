"""Cases of `jaxloss.classification.binary`."""

from collections.abc import Callable
from typing import Any

import numpy as np
from mpmath import exp, log, log1p, mpf

from jaxloss.classification.binary import binary_cross_entropy, sigmoid_binary_cross_entropy
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Inputs, Property, Regime

__all__ = ["CASES", "any_labels", "integer_labels", "logit_reference", "soft_labels"]


def logit_reference(x: Any, y: Any, pos_weight: Any = 1, label_smoothing: Any = 0) -> Any:
    """Return the cross-entropy of one logit from the definition: log of the two probabilities."""
    y = (1 - label_smoothing) * y + label_smoothing / mpf(2)
    # log(1 + e^x) = x + log(1 + e^-x): neither probability is 0 for want of digits.
    log_yes = -log1p(exp(-x)) if x > 0 else x - log1p(exp(x))
    return -pos_weight * y * log_yes - (1 - y) * (log_yes - x)


def _with_labels(base: Inputs, labels: Callable[[np.random.Generator, int], np.ndarray]) -> Inputs:
    """Return the inputs with other labels in every regime."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, classes: int) -> tuple[np.ndarray, ...] | None:
        drawn = base.draw(rng, n, regime, classes)
        return None if drawn is None else (drawn[0], labels(rng, n))

    return Inputs(base.names, draw, curve=base.curve, span=base.span, xlabel=base.xlabel, compare=base.compare)


def any_labels() -> Inputs:
    """Logits with labels from -3 to 5."""
    return _with_labels(inputs.binary_logits(), lambda rng, n: rng.uniform(-3, 5, n))


def soft_labels(*, largest: float = 1e4) -> Inputs:
    """Logits with labels between 0 and 1."""
    return _with_labels(inputs.binary_logits(largest=largest), lambda rng, n: rng.uniform(0.01, 0.99, n))


def integer_labels(*, largest: float = 1e4) -> Inputs:
    """Logits with labels 0 and 1 of an integer dtype, along which there is no derivative.

    Where the derivative is e^-200, no difference quotient of the reference can tell.
    """
    return _with_labels(inputs.binary_logits(largest=largest), lambda rng, n: rng.integers(0, 2, n).astype(np.int32))


def _probability_reference(p: Any, y: Any) -> Any:
    return -y * log(p) - (1 - y) * log1p(-p)


_FACTS = {"properties": {Property.NON_NEGATIVE, Property.CONVEX}, "reference": logit_reference}

CASES = (
    Case(
        loss=sigmoid_binary_cross_entropy,
        inputs=inputs.binary_logits(soft=False, largest=1e30),
        formula="−y log σ(x) − (1 − y) log σ(−x)",
        lipschitz=1,
        ulps=4,
        peers={
            "optax": "losses.sigmoid_binary_cross_entropy",
            "torch": "nn.functional.binary_cross_entropy_with_logits",
        },
        **_FACTS,
    ),
    Case(
        loss=sigmoid_binary_cross_entropy,
        inputs=inputs.binary_logits(),
        params={"label_smoothing": 0.2},
        formula="−y′ log σ(x) − (1 − y′) log σ(−x), y′ = (1 − s) y + s/2",
        learnable=("label_smoothing",),
        lipschitz=1,
        conditioned=True,
        ulps=4,
        **_FACTS,
    ),
    Case(
        loss=sigmoid_binary_cross_entropy,
        inputs=any_labels(),
        params={"pos_weight": 0.5},
        formula="−w y log σ(x) − (1 − y) log σ(−x)",
        learnable=("pos_weight",),
        reference=logit_reference,
        conditioned=True,
        ulps=4,
    ),
    Case(
        loss=binary_cross_entropy,
        inputs=inputs.binary_probabilities(),
        reference=_probability_reference,
        formula="−y log p − (1 − y) log(1 − p), either log at least log ε",
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        conditioned=True,
        ulps=4,
    ),
)
