"""Cases of local correlation, on lines of pixels."""

from jaxloss.generative.correlation import lncc, lncc_distance
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.generative import images

SIZE = 3


def _lncc(x, y, **_):
    values = []
    for a, b in zip(zip(*x, strict=True), zip(*y, strict=True), strict=True):
        for i in range(len(a) - SIZE + 1):
            values.append(_squared_correlation(a[i : i + SIZE], b[i : i + SIZE]))
    return sum(values) / len(values)


def _squared_correlation(a, b):
    a, b = ([v - sum(z) / len(z) for v in z] for z in (a, b))
    dot = lambda u, v: sum(p * q for p, q in zip(u, v, strict=True))
    return dot(a, b) ** 2 / (dot(a, a) * dot(b, b))


CASES = tuple(
    Case(
        loss=loss,
        inputs=images(pixels=4, channels=1, smallest=1e-30, largest=1e30, noise=0.1),
        reference=reference,
        formula=formula,
        params={"window_size": SIZE, "axis": -2},
        properties={Property.SYMMETRIC, Property.NON_NEGATIVE} | extra,
        degree=0,
        ulps=128,  # a difference of products: next to 1 their rounding is left
        conditioned=True,
    )
    for loss, reference, formula, extra in (
        (lncc, _lncc, "mean σxy² / (σx² σy²) of windows", set()),
        (lncc_distance, lambda x, y, **p: 1 - _lncc(x, y), "1 − mean σxy² / (σx² σy²)", {Property.ZERO_AT_TARGET}),
    )
)
