"""Cases of `jaxloss.segmentation.matthews`."""

from mpmath import sqrt

from jaxloss.segmentation.matthews import binary_matthews, matthews
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.segmentation import binary_pixels, class_pixels, sums
from jaxloss.verify.cases.segmentation.dice import by_class, without_axis


def one_matthews(p, t):
    hit, false, missed = sums(p, t)
    void = sum((1 - a) * (1 - b) for a, b in zip(p, t, strict=True))
    square = (hit + false) * (hit + missed) * (void + false) * (void + missed)
    if square == 0:
        return square * 0 + (0 if false + missed == 0 else 1)
    return 1 - (hit * void - false * missed) / sqrt(square)


FORMULA = "1 − (I N − F M) / √((I + F)(I + M)(N + F)(N + M))"

CASES = (
    *(
        Case(
            loss=matthews,
            inputs=class_pixels(labels),
            params={"axis": -2},
            reference=by_class(one_matthews),
            formula=FORMULA,
            properties={Property.NON_NEGATIVE, Property.CLASS_PERMUTABLE},
            ulps=16,
            conditioned=True,
        )
        for labels in ("integer", "dense")
    ),
    Case(
        loss=binary_matthews,
        inputs=binary_pixels(),
        params={"axis": -1},
        reference=without_axis(one_matthews),
        formula=FORMULA,
        properties={Property.NON_NEGATIVE},
        ulps=16,
        conditioned=True,
    ),
)
