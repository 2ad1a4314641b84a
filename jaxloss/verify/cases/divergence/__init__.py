"""Cases of `jaxloss.divergence`, and how their rows are drawn."""

import functools

import numpy as np
from mpmath import mp

from jaxloss.verify.case import Inputs, Regime
from jaxloss.verify.inputs import magnitudes


def distribution_rows(
    *, zeros: bool = True, log_targets: bool = False, lowest: float = -1e4, smallest: float = 1e-6, classes: int = 4
) -> Inputs:
    """Rows of log-probabilities and of probabilities, or of their logarithms.

    ``zeros`` draws one-hot targets too, ``lowest`` bounds the log-predictions, ``smallest`` the targets.
    """

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        logits, rows = 2 * rng.normal(size=(n, c)), 0.96 * rng.dirichlet(np.ones(c), n) + 0.04 / c
        if regime == Regime.TINY:  # probabilities of any size
            logits = np.log(np.abs(magnitudes(rng, (n, c), smallest, 1.0)))
            rows = np.abs(magnitudes(rng, (n, c), smallest, 1.0))
        elif regime == Regime.SATURATED:
            logits = rng.choice([0.0, 20.0, 60.0, 80.0], (n, c)) * rng.uniform(0.8, 1.0, (n, c))
            logits = np.maximum(logits, logits.max(-1, keepdims=True) + lowest)
        elif regime == Regime.EQUAL:
            logits = np.where(np.arange(n)[:, None] % 2 == 0, 0.0, logits)
        elif regime not in (Regime.ORDINARY, Regime.HUGE):
            return None
        log_p = logits - np.log(np.sum(np.exp(logits), -1, keepdims=True))
        if regime == Regime.HUGE:  # not normalised, as far as log-probabilities go
            log_p = -np.exp(rng.uniform(0, np.log(-lowest), (n, c)))
        if regime == Regime.EQUAL:
            rows = np.exp(log_p) * (1 + rng.choice([1e-3, -1e-3, 1e-2], (n, c)))
        elif zeros and regime != Regime.ORDINARY:
            kept = rng.random((n, c)) < 0.5
            rows = np.where(kept | np.eye(c, dtype=bool)[rng.integers(0, c, n)], rows, 0)
        rows = rows if regime == Regime.TINY else rows / np.sum(rows, -1, keepdims=True)
        return log_p, np.log(rows) if log_targets else rows

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        rows = np.broadcast_to([0.6, 0.2, 0.2], (len(x), 3)).copy()
        return np.log(np.stack([x, (1 - x) / 2, (1 - x) / 2], axis=-1)), np.log(rows) if log_targets else rows

    names = ("log_predictions", "log_targets" if log_targets else "targets")
    return Inputs(
        names,
        draw,
        axis=-1,
        classes=classes,
        labels="dense",
        curve=curve,
        span=(0.001, 0.999),
        xlabel="probability of a class, target 0.6",
        compare=2,
    )


def of_many_digits(reference):
    """Return the reference with enough digits for the derivative of a probability of 1e-300."""

    @functools.wraps(reference)
    def computed(*event, **params):
        with mp.workdps(400):
            return reference(*event, **params)

    return computed
