"""Cases of `jaxloss.embedding.margin_heads`."""

from mpmath import acos, cos, exp, floor, log, mp, pi

from jaxloss.embedding.margin_heads import arcface, cosface, sphereface, sub_center_arcface
from jaxloss.verify import embeddings
from jaxloss.verify.case import Case, Property

__all__ = ["CASES"]


def _cross_entropy(cosines, label, scale, target):
    with mp.workdps(400):
        z = [scale * (target(c) if j == label else c) for j, c in enumerate(cosines)]
        top = max(z)
        return log(sum(exp(x - top) for x in z)) + top - z[label]


def _continued(angle):
    """The cosine of an angle, continued downwards beyond pi."""
    k = floor(angle / pi)
    return (-1) ** int(k) * cos(angle) - 2 * k


def _arcface(cosines, label, margin=0.5, scale=64):
    return _cross_entropy(cosines, label, scale, lambda c: _continued(acos(c) + margin))


def _sub_center(cosines, label, **params):
    return _arcface([max(row) for row in cosines], label, **params)


def _cosface(cosines, label, margin=0.35, scale=64):
    return _cross_entropy(cosines, label, scale, lambda c: c - margin)


def _sphereface(cosines, label, margin=4, scale=64):
    return _cross_entropy(cosines, label, scale, lambda c: _continued(margin * acos(c)))


HEAD = {
    "properties": {Property.NON_NEGATIVE, Property.CLASS_PERMUTABLE},
    "conditioned": True,
    "ulps": 8,
}
WIDE, NARROW = embeddings.cosine_rows(), embeddings.cosine_rows(widest=0.65)
FORMULA = "−log softmax(s c)_y, with {} for c_y"

CASES = (
    *(
        Case(
            loss=arcface,
            reference=_arcface,
            formula=FORMULA.format("cos(θ + m)"),
            params=params,
            inputs=WIDE if "scale" in params else NARROW,
            learnable=tuple(key for key in ("margin", "scale") if key in params),
            differentiable=1,
            **HEAD,
        )
        for params in ({}, {"margin": 0.25, "scale": 8.0}, {"margin": 2.0, "scale": 4.0}, {"margin": 7.5, "scale": 2.0})
    ),
    *(
        Case(
            loss=cosface,
            reference=_cosface,
            formula=FORMULA.format("c − m"),
            params=params,
            inputs=WIDE if "scale" in params else NARROW,
            learnable=tuple(key for key in ("margin", "scale") if key in params),
            **HEAD,
        )
        for params in ({"margin": 0.375}, {"margin": 0.25, "scale": 8.0})
    ),
    *(
        Case(
            loss=sphereface,
            reference=_sphereface,
            formula=FORMULA.format("(−1)^k cos(mθ) − 2k"),
            params=params,
            inputs=WIDE if "scale" in params else NARROW,
            learnable=tuple(key for key in ("scale",) if key in params),
            differentiable=1,
            **HEAD,
        )
        for params in ({}, {"margin": 1, "scale": 16.0}, {"margin": 3, "scale": 2.0})
    ),
    Case(
        loss=sub_center_arcface,
        inputs=embeddings.cosine_rows(widest=0.65, classes=4, centers=3),
        reference=_sub_center,
        formula=FORMULA.format("cos(θ + m)") + ", c the largest of a class",
        differentiable=0,
        properties={Property.NON_NEGATIVE},
        ulps=8,
        conditioned=True,
    ),
)
