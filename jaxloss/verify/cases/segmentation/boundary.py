"""Cases of `jaxloss.segmentation.boundary`."""

import numpy as np

from jaxloss.segmentation.boundary import boundary
from jaxloss.verify.case import Case, Inputs, Regime
from jaxloss.verify.inputs import magnitudes


def _draw(rng, n, regime, c, m):
    shape = (n, m, c)
    if regime == Regime.ORDINARY:
        return rng.dirichlet(np.ones(c), (n, m)), 5 * rng.normal(size=shape)
    if regime == Regime.TINY:
        return np.abs(magnitudes(rng, shape, 1e-20, 1.0)), magnitudes(rng, shape, 1e-15, 1.0)
    if regime == Regime.HUGE:
        return rng.uniform(0, 1, shape), magnitudes(rng, shape, 1.0, 1e30)
    return None


def _curve(x):
    p = np.broadcast_to(np.array([0.9, 0.8, 0.5, 0.1]), (len(x), 4)).copy()
    p[:, 1] = x
    distances = np.broadcast_to(np.array([-2.0, -1.0, 1.0, 2.0]), p.shape)
    return p[..., None], distances[..., None].copy()


def _reference(p, distances, axis=None, include_background=True):
    pairs = zip(zip(*p, strict=True), zip(*distances, strict=True), strict=True)
    means = [sum(a * b for a, b in zip(q, d, strict=True)) / len(q) for q, d in pairs]
    return means if include_background else [0 * means[0], *means[1:]]


CASES = tuple(
    Case(
        loss=boundary,
        inputs=Inputs(
            ("probabilities", "distance_map"),
            _draw,
            axis=-1,
            classes=3,
            members=5,
            member="pixel",
            value_per="class",
            curve=_curve,
            span=(0.0, 1.0),
            xlabel="probability of a pixel at distance −1",
            compare=2,
        ),
        params={"axis": -2, **params},
        reference=_reference,
        formula="Σ p φ / n",
        degree=2,
        ulps=4,
        conditioned=True,
    )
    for params in ({}, {"include_background": False})
)
