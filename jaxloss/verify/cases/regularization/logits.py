"""Cases of the penalties on logits."""

import numpy as np
from mpmath import exp, log1p

from jaxloss.regularization.logits import entropy, router_z, z_loss
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Inputs, Property, Regime


def _rows(argument: str, *, largest: float) -> Inputs:
    """Rows of logits, without labels."""
    source = inputs.dense_rows(largest=largest, classes=4)

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        data = source.draw(rng, n, regime, c)
        return None if data is None else data[:1]

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        return (np.stack([x, np.zeros_like(x), np.zeros_like(x)], -1),)

    return Inputs((argument,), draw, axis=-1, classes=4, curve=curve, span=(-6.0, 6.0), xlabel="a logit, others 0")


def _log_total(z):
    top = max(z)
    rest = list(z)
    rest.remove(top)
    return top + log1p(sum(exp(x - top) for x in rest))


def _entropy(z):
    total = _log_total(z)
    return sum(exp(x - total) * (total - x) for x in z)


CASES = (
    Case(
        loss=entropy,
        inputs=_rows("logits", largest=1e4),
        reference=_entropy,
        formula="−Σ p log p",
        properties={Property.NON_NEGATIVE, Property.SHIFT_INVARIANT},
        ulps=16,
        conditioned=True,
    ),
    *(
        Case(
            loss=loss,
            inputs=_rows(argument, largest=1e15),
            reference=lambda z: _log_total(z) ** 2,
            formula="(log Σ exp z)²",
            properties={Property.NON_NEGATIVE},
            ulps=16,
            conditioned=True,
        )
        for loss, argument in ((z_loss, "logits"), (router_z, "router_logits"))
    ),
)
