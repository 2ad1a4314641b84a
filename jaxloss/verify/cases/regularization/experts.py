"""Cases of the balance of experts: the loads are counts, which no derivative sees."""

import numpy as np
from mpmath import exp, mpf

from jaxloss.regularization.experts import load_balancing
from jaxloss.verify.case import Case, Inputs, Property, Regime

TOKENS, EXPERTS = 4, 3


def _tokens() -> Inputs:
    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int, m: int) -> tuple[np.ndarray, ...] | None:
        scale = {Regime.ORDINARY: 1.0, Regime.TINY: 1e-4, Regime.SATURATED: 30.0}.get(regime)
        return None if scale is None else (scale * rng.normal(size=(n, m, c)),)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        logits = np.zeros((len(x), 4, 2))
        logits[:, :, 0] = np.stack([x, x, x + 1, x - 1], -1)
        return (logits,)

    return Inputs(
        ("router_logits",),
        draw,
        axis=-1,
        classes=EXPERTS,
        members=TOKENS,
        curve=curve,
        xlabel="lead of the first of two experts",
    )


def _balance(logits, top_k=1):
    load, probability = [mpf(0)] * len(logits[0]), [mpf(0)] * len(logits[0])
    for token in logits:
        total = sum(exp(z) for z in token)
        for e in sorted(range(len(token)), key=lambda e: -token[e])[:top_k]:
            load[e] += mpf(1) / (top_k * len(logits))
        for e, z in enumerate(token):
            probability[e] += exp(z) / total / len(logits)
    return len(load) * sum(f * p for f, p in zip(load, probability, strict=True))


CASES = tuple(
    Case(
        loss=load_balancing,
        inputs=_tokens(),
        reference=_balance,
        formula="E Σ f P",
        params={} if top_k == 1 else {"top_k": top_k},
        differentiable=0,
        properties={Property.NON_NEGATIVE, Property.SHIFT_INVARIANT},
        ulps=16,
        conditioned=True,
    )
    for top_k in (1, 2)
)
