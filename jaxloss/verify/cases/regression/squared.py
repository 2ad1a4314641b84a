"""Cases of `jaxloss.regression.squared`."""

from mpmath import mp

from jaxloss.regression.squared import absolute_error, half_squared_error, root_mean_squared_error, squared_error
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Property

DISTANCE = frozenset({Property.NON_NEGATIVE, Property.CONVEX, Property.SYMMETRIC, Property.ZERO_AT_TARGET})

CASES = (
    Case(
        loss=squared_error,
        inputs=inputs.residuals(smallest=1e-17, largest=1e17),
        reference=lambda p, t: (p - t) ** 2,
        formula="r²",
        properties=DISTANCE,
        degree=2,
        peers={
            "optax": "losses.squared_error",
            "torch": "nn.functional.mse_loss",
            "keras": "losses.mean_squared_error",
        },
    ),
    Case(
        loss=half_squared_error,
        inputs=inputs.residuals(smallest=1e-17, largest=1e17),
        reference=lambda p, t: (p - t) ** 2 / 2,
        formula="r²/2",
        properties=DISTANCE,
        degree=2,
        peers={"optax": "losses.l2_loss"},
    ),
    Case(
        loss=absolute_error,
        inputs=inputs.residuals(kinks=(-1e-6, 1e-6)),
        reference=lambda p, t: abs(p - t),
        formula="|r|",
        differentiable=0,
        properties=DISTANCE,
        lipschitz=1,
        degree=1,
        ulps=2,
        peers={"torch": "nn.functional.l1_loss", "keras": "losses.mean_absolute_error"},
    ),
    Case(
        loss=root_mean_squared_error,
        inputs=inputs.embedding_pairs(),
        reference=lambda p, t, axis: mp.sqrt(sum((a - b) ** 2 for a, b in zip(p, t, strict=True)) / len(p)),
        formula="√(Σ r² / n) of a row",
        params={"axis": -1},
        differentiable=0,
        properties=DISTANCE,
        lipschitz=1,
        degree=1,
        ulps=8,
    ),
)
