"""Cases of `jaxloss.regression.huber`."""

from mpmath import mp

from jaxloss.regression.huber import charbonnier, huber, log_cosh, pseudo_huber, smooth_l1
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Property

SYMMETRIC = frozenset({Property.NON_NEGATIVE, Property.CONVEX, Property.SYMMETRIC})
DISTANCE = SYMMETRIC | {Property.ZERO_AT_TARGET}


def _huber(p, t, delta=1):
    r = abs(p - t)
    return r**2 / 2 if r <= delta else delta * (r - delta / 2)


def _smooth_l1(p, t, beta=1):
    r = abs(p - t)
    return r**2 / (2 * beta) if r < beta else r - beta / 2


def _pseudo_huber(p, t, delta=1):
    return delta**2 * (mp.sqrt(1 + ((p - t) / delta) ** 2) - 1)


def _charbonnier(p, t, eps=mp.mpf("1e-3")):
    return mp.sqrt((p - t) ** 2 + eps**2)


CASES = (
    Case(
        loss=huber,
        inputs=inputs.residuals(kinks=(-1, 1)),
        reference=_huber,
        formula="r²/2 if |r| ≤ δ else δ(|r| − δ/2)",
        differentiable=1,
        properties=DISTANCE,
        lipschitz=1,
        peers={"optax": "losses.huber_loss", "torch": "nn.functional.huber_loss", "keras": "losses.huber"},
    ),
    Case(
        loss=huber,
        inputs=inputs.residuals(kinks=(-0.3, 0.3)),
        reference=_huber,
        formula="r²/2 if |r| ≤ δ else δ(|r| − δ/2)",
        params={"delta": 0.3},
        learnable=("delta",),
        differentiable=1,
        properties=DISTANCE,
        lipschitz=0.3,
    ),
    Case(
        loss=smooth_l1,
        inputs=inputs.residuals(kinks=(-1, 1)),
        reference=_smooth_l1,
        formula="r²/2β if |r| < β else |r| − β/2",
        differentiable=1,
        properties=DISTANCE,
        lipschitz=1,
        peers={"torch": "nn.functional.smooth_l1_loss"},
    ),
    Case(
        loss=smooth_l1,
        inputs=inputs.residuals(kinks=(-0.3, 0.3)),
        reference=_smooth_l1,
        formula="r²/2β if |r| < β else |r| − β/2",
        params={"beta": 0.3},
        learnable=("beta",),
        differentiable=1,
        properties=DISTANCE,
        lipschitz=1,
    ),
    Case(
        loss=smooth_l1,
        inputs=inputs.residuals(),
        reference=lambda p, t, beta: abs(p - t),
        formula="|r|",
        params={"beta": 0},
        differentiable=0,
        properties=DISTANCE,
        lipschitz=1,
        degree=1,
        ulps=2,
    ),
    Case(
        loss=pseudo_huber,
        inputs=inputs.residuals(kinks=(-1, 1)),
        reference=_pseudo_huber,
        formula="δ²(√(1 + (r/δ)²) − 1)",
        properties=DISTANCE,
        lipschitz=1,
    ),
    Case(
        loss=pseudo_huber,
        inputs=inputs.residuals(kinks=(-0.3, 0.3)),
        reference=_pseudo_huber,
        formula="δ²(√(1 + (r/δ)²) − 1)",
        params={"delta": 0.3},
        learnable=("delta",),
        properties=DISTANCE,
        lipschitz=0.3,
    ),
    Case(
        loss=log_cosh,
        inputs=inputs.residuals(kinks=(-0.75, 0.75)),
        reference=lambda p, t: mp.log(mp.cosh(p - t)) if abs(p - t) < 1e4 else abs(p - t) - mp.log(2),
        formula="log cosh r",
        properties=DISTANCE,
        lipschitz=1,
        peers={"optax": "losses.log_cosh", "keras": "losses.log_cosh"},
    ),
    Case(
        loss=charbonnier,
        inputs=inputs.residuals(kinks=(-1e-3, 1e-3)),
        reference=_charbonnier,
        formula="√(r² + ε²)",
        properties=SYMMETRIC,
        lipschitz=1,
    ),
    Case(
        loss=charbonnier,
        inputs=inputs.residuals(kinks=(-0.3, 0.3)),
        reference=_charbonnier,
        formula="√(r² + ε²)",
        params={"eps": 0.3},
        learnable=("eps",),
        properties=SYMMETRIC,
        lipschitz=1,
    ),
)
