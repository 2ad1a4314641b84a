"""Cases of `jaxloss.embedding.two_views`."""

import numpy as np
from mpmath import exp, log, mpf

from jaxloss.embedding.two_views import clip_softmax, info_nce, siglip, spectral_contrastive
from jaxloss.verify.case import Case, Inputs, Property, Regime
from jaxloss.verify.cases.embedding.contrastive import embeddings, similarities


def two_views(features: int = 3, value_per="member", members: int = 4, **sizes) -> Inputs:
    """Two embeddings of each example."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int, m: int) -> tuple[np.ndarray, ...] | None:
        first, second = (embeddings(rng, (n, m, c), regime, **sizes) for _ in range(2))
        if regime == Regime.EQUAL:  # the views, not the examples
            first = rng.normal(size=(n, m, c))
            second = first * (1 + 1e-3 * rng.normal(size=(n, m, c)))
        return None if first is None else (first, second)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        turned, axes = np.stack([np.cos(x), np.sin(x)], axis=-1), np.tile(np.eye(2), (len(x), 1, 1))
        return np.stack([turned, axes[:, 1]], axis=1), axes

    def turned_batch(x: np.ndarray) -> tuple[np.ndarray, ...]:
        """Four examples, and their second views all turned by one angle: statistics of a batch need a batch."""
        batch = np.array([[1.0, 0.2], [-0.8, 1.0], [0.3, -1.1], [-0.6, -0.4]])
        turn = np.stack([np.stack([np.cos(x), -np.sin(x)], -1), np.stack([np.sin(x), np.cos(x)], -1)], -2)
        return np.tile(batch, (len(x), 1, 1)), np.einsum("nij,kj->nki", turn, batch)

    return Inputs(
        ("first", "second"),
        draw,
        axis=-1,
        classes=features,
        members=members,
        value_per=value_per,
        curve=curve if value_per == "member" else turned_batch,
        xlabel="angle to the positive, a negative at π/2" if value_per == "member" else "angle between the views",
        scene="points" if value_per == "member" else None,
        compare=2,
    )


def _directions(z):
    n = range(len(z))
    return [[-log(exp(z[i][i]) / sum(exp(row[i][k]) for k in n)) for i in n] for row in (z, list(zip(*z, strict=True)))]


def _info_nce(x, y, temperature=mpf("0.07"), normalize=True):
    return _directions(similarities(x, y, temperature, normalize))[0]


def _clip(x, y, temperature=None, logit_scale=None, normalize=True):
    temperature = 1 / logit_scale if logit_scale is not None else temperature or mpf("0.07")
    both = _directions(similarities(x, y, temperature, normalize))
    return [(there + back) / 2 for there, back in zip(*both, strict=True)]


def _siglip(x, y, logit_scale=10, logit_bias=-10, normalize=True):
    z = similarities(x, y, 1, normalize)
    signed = [
        [(1 if i == k else -1) * (logit_scale * s + logit_bias) for k, s in enumerate(r)] for i, r in enumerate(z)
    ]
    return [sum(log(1 + exp(-s)) for s in row) for row in signed]


def _spectral(x, y, normalize=False):
    z, n = similarities(x, y, 1, normalize), len(x)
    return [-2 * z[i][i] + sum(z[i][k] ** 2 for k in range(n) if k != i) / (n - 1) for i in range(n)]


UNIT = {"conditioned": True, "ulps": 16, "degree": 0}
# Where the views agree, the own cosine is 1 whatever the last digits of the inputs, but computed to an ulp of 1. Over a
# temperature of 0.07 that is 14 ulps, the error of the logit.
SHARP = {**UNIT, "ulps": 32}
DOTS = {"conditioned": True, "ulps": 8}
DISTANCE = {Property.NON_NEGATIVE}

CASES = (
    Case(
        loss=info_nce,
        inputs=two_views(),
        reference=_info_nce,
        formula="−log softmax(u·v/τ) of the own second view",
        properties=DISTANCE,
        **SHARP,
    ),
    Case(
        loss=info_nce,
        inputs=two_views(smallest=1e-15, largest=30.0),
        reference=_info_nce,
        formula="−log softmax(x·y/τ) of the own second view",
        params={"temperature": 0.5, "normalize": False},
        learnable=("temperature",),
        properties=DISTANCE,
        **DOTS,
    ),
    Case(
        loss=clip_softmax,
        inputs=two_views(),
        reference=_clip,
        formula="info_nce in both directions",
        properties={*DISTANCE, Property.SYMMETRIC},
        **SHARP,
    ),
    Case(
        loss=clip_softmax,
        inputs=two_views(),
        reference=_clip,
        formula="info_nce in both directions, z = s u·v",
        params={"logit_scale": 10.0},
        learnable=("logit_scale",),
        properties={*DISTANCE, Property.SYMMETRIC},
        **SHARP,
    ),
    Case(
        loss=siglip,
        inputs=two_views(),
        reference=_siglip,
        formula="Σ log(1 + exp(∓z)), z = s u·v + b",
        params={"logit_scale": 8.0, "logit_bias": -8.0},
        learnable=("logit_scale", "logit_bias"),
        properties=DISTANCE,
        **UNIT,
    ),
    Case(
        loss=siglip,
        inputs=two_views(smallest=1e-15, largest=30.0),
        reference=_siglip,
        formula="Σ log(1 + exp(∓z)), z = s x·y + b",
        params={"normalize": False},
        properties=DISTANCE,
        **DOTS,
    ),
    Case(
        loss=spectral_contrastive,
        inputs=two_views(smallest=1e-15, largest=1e8),
        reference=_spectral,
        formula="−2 x·y⁺ + mean (x·y⁻)²",
        **DOTS,
    ),
    Case(
        loss=spectral_contrastive,
        inputs=two_views(),
        reference=_spectral,
        formula="−2 u·v⁺ + mean (u·v⁻)²",
        params={"normalize": True},
        **UNIT,
    ),
)
