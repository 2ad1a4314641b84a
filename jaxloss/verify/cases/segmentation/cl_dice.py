"""Cases of `jaxloss.segmentation.cl_dice`, on lines of pixels."""

from mpmath import mpf

from jaxloss.segmentation.cl_dice import binary_cl_dice, cl_dice
from jaxloss.verify.case import Case, Property, Regime
from jaxloss.verify.cases.segmentation import binary_pixels, class_pixels
from jaxloss.verify.cases.segmentation.dice import by_class, without_axis

# Derivatives along equal targets are differences of equal terms, but for factors 1 - p: where all p are tiny, or p is
# next to 0 and 1 and the targets are not, what is left is below the rounding of the terms.
_TINY, _TINY_AND_SURE = (Regime.TINY,), (Regime.TINY, Regime.EQUAL)


def _windows(x):
    return [x[max(0, i - 1) : i + 2] for i in range(len(x))]


def skeleton(x, iterations):
    x = list(x)
    lines = [mpf(0)] * len(x)
    for _ in range(iterations + 1):
        eroded = [min(window) for window in _windows(x)]
        opened = [max(window) for window in _windows(eroded)]
        ends = [max(a - b, mpf(0)) for a, b in zip(x, opened, strict=True)]
        lines = [s + (1 - s) * e for s, e in zip(lines, ends, strict=True)]
        x = eroded
    return lines


def one_cl_dice(p, t, iterations=3, smooth=1):
    s, of_p, of_t = mpf(smooth), skeleton(p, iterations), skeleton(t, iterations)
    a = (sum(x * y for x, y in zip(of_p, t, strict=True)) + s) / (sum(of_p) + s)
    b = (sum(x * y for x, y in zip(of_t, p, strict=True)) + s) / (sum(of_t) + s)
    return 1 - 2 * a * b / (a + b)


CASES = (
    *(
        Case(
            loss=cl_dice,
            inputs=class_pixels(labels, pixels=5, neighbours=True, without=without, soft=True),
            params={"axis": -2, **params},
            reference=by_class(one_cl_dice),
            formula="1 − 2ab / (a + b), a = (Σ S(p) t + s) / (Σ S(p) + s), b = (Σ S(t) p + s) / (Σ S(t) + s)",
            differentiable=0,
            properties={Property.NON_NEGATIVE, Property.CLASS_PERMUTABLE},
            ulps=16,
            conditioned=True,
        )
        for labels, params, without in (
            ("integer", {}, _TINY),
            ("dense", {"iterations": 1, "smooth": 0.5}, _TINY_AND_SURE),
        )
    ),
    Case(
        loss=binary_cl_dice,
        inputs=binary_pixels(neighbours=True, without=_TINY),
        params={"axis": -1},
        reference=without_axis(one_cl_dice),
        formula="1 − 2ab / (a + b), a = (Σ S(p) t + s) / (Σ S(p) + s), b = (Σ S(t) p + s) / (Σ S(t) + s)",
        differentiable=0,
        properties={Property.NON_NEGATIVE},
        ulps=16,
        conditioned=True,
    ),
)
