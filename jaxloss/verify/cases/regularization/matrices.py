"""Cases of the penalties on matrices, of three rows and two columns or the other way round."""

import numpy as np
from mpmath import mpf, sqrt

from jaxloss.regularization.matrices import orthogonality, spectral_norm
from jaxloss.verify.case import Case, Inputs, Property, Regime


def _matrices(*, rows: int = 3, columns: int = 2, scale: float = 1e30) -> Inputs:
    """Matrices of any size; for nearly orthogonal ones the rounding of the Gram matrix is all that is left."""

    def draw(rng: np.random.Generator, n: int, regime: Regime, c: int) -> tuple[np.ndarray, ...] | None:
        size = {Regime.ORDINARY: 1.0, Regime.TINY: 1 / scale, Regime.HUGE: scale}.get(regime)
        return None if size is None else (size * rng.normal(size=(n, rows, c)),)

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        matrices = np.broadcast_to(np.eye(2), (len(x), 2, 2)).copy()
        matrices[:, 0, 0] = x
        return (matrices,)

    return Inputs(("parameters",), draw, axis=-1, classes=columns, curve=curve, xlabel="first of a diagonal, 1")


def _gram(w):
    """Of the shorter sides."""
    tall = w if len(w) >= len(w[0]) else [list(row) for row in zip(*w, strict=True)]
    columns = list(zip(*tall, strict=True))
    return [[sum(a * b for a, b in zip(p, q, strict=True)) for q in columns] for p in columns]


def _orthogonality(w):
    gram = _gram(w)
    return sum((g - (i == j)) ** 2 for i, row in enumerate(gram) for j, g in enumerate(row))


def _largest(w):
    (a, b), (_, d) = _gram(w)
    return sqrt((a + d) / 2 + sqrt(((a - d) / mpf(2)) ** 2 + b * b))


CASES = (
    *(
        Case(
            loss=orthogonality,
            inputs=_matrices(rows=rows, columns=columns, scale=1e8),
            reference=_orthogonality,
            formula="‖WᵀW − I‖²",
            properties={Property.NON_NEGATIVE},
            ulps=16,
            conditioned=True,
        )
        for rows, columns in ((3, 2), (2, 3))
    ),
    Case(
        loss=spectral_norm,
        inputs=_matrices(),
        reference=_largest,
        formula="σ₁(W)",
        differentiable=0,
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        lipschitz=1,
        degree=1,
        ulps=16,
        conditioned=True,
    ),
)
