"""How hidden states, the kernel of their logits and labels are drawn: an event is a batch of tokens."""

from __future__ import annotations

import numpy as np

from jaxloss.verify.case import Inputs, Regime

__all__ = ["hidden_states", "tokens_and_labels"]

SIZES = {
    Regime.ORDINARY: 1.0,
    Regime.TINY: 1e-15,
    Regime.HUGE: 1e4,
    Regime.SATURATED: 30.0,
    Regime.EQUAL: 1.0,
}


def hidden_states(
    rng: np.random.Generator, regime: Regime, *shape: int, classes: int, largest: float = 1e4
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return hidden states ``[events, ..., features]`` and a kernel ``[events, features, classes]`` for each event."""
    if (size := SIZES.get(regime)) is None:
        return None
    narrow = min(1.0, (3 / shape[-1]) ** 0.5)  # logits of the same size, however many features they are made of
    hidden = min(size, largest) * rng.normal(size=shape)
    kernel = narrow * rng.normal(size=(shape[0], shape[-1], classes))
    if regime == Regime.EQUAL:
        hidden = np.broadcast_to(hidden[:, :1], shape).copy()
    return hidden, kernel


def tokens_and_labels(
    *, dense: bool = False, features: int = 3, classes: int = 4, tokens: int = 3, largest: float = 1e4
) -> Inputs:
    """Hidden states, a kernel for each event, and class ids or distributions.

    ``largest`` bounds the hidden states where huge ones have gradients below the smallest normal number.
    """

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int, m: int, f: int) -> tuple[np.ndarray, ...] | None:
        drawn = hidden_states(rng, regime, n, m, f, classes=c, largest=largest)
        if drawn is None:
            return None
        ids = rng.integers(0, c, (n, m)).astype(np.int32)
        if not dense:
            return *drawn, ids
        masses = rng.exponential(size=(n, m, c))
        return *drawn, masses / masses.sum(-1, keepdims=True)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        kernel = np.broadcast_to([[1.0, 0.0, 0.0]], (len(x), 1, 3)).copy()
        ids = np.zeros((len(x), 1), np.int32)
        return x[:, None, None], kernel, np.eye(3)[ids] if dense else ids

    return Inputs(
        ("hidden", "kernel", "labels"),
        draw,
        axis=-1,
        classes=classes,
        labels="dense" if dense else None,
        members=tokens,
        member="token",
        features=features,
        trained=(0, 1),
        members_of=(0, 2),
        value_per="member",
        curve=curve,
        span=(-6.0, 6.0),
        xlabel="logit of the true class, others 0",
    )
