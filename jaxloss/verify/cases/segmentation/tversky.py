"""Cases of `jaxloss.segmentation.jaccard` and `jaxloss.segmentation.tversky`."""

from mpmath import mpf

from jaxloss.segmentation.jaccard import binary_jaccard, jaccard
from jaxloss.segmentation.tversky import binary_focal_tversky, binary_tversky, focal_tversky, tversky
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.segmentation import binary_pixels, class_pixels, sums
from jaxloss.verify.cases.segmentation.dice import by_class, without_axis


def one_jaccard(p, t, smooth=1):
    hit, both = sums(p, t)[0], sum(p) + sum(t)
    return 1 - (hit + mpf(smooth)) / (both - hit + mpf(smooth))


def one_tversky(p, t, alpha_fp="0.3", beta_fn="0.7", smooth=1):
    hit, false, missed = sums(p, t)
    return 1 - (hit + mpf(smooth)) / (hit + mpf(alpha_fp) * false + mpf(beta_fn) * missed + mpf(smooth))


def one_focal_tversky(p, t, gamma="0.75", **params):
    return one_tversky(p, t, **params) ** mpf(gamma)


LOSSES = (
    (jaccard, binary_jaccard, one_jaccard, "(P + T − 2I) / (P + T − I + s)", [{}, {"smooth": 0.25}]),
    (
        tversky,
        binary_tversky,
        one_tversky,
        "(a F + b M) / (I + a F + b M + s)",
        [{}, {"alpha_fp": 0.25, "beta_fn": 1.5, "smooth": 0.5}],
    ),
    (
        focal_tversky,
        binary_focal_tversky,
        one_focal_tversky,
        "((a F + b M) / (I + a F + b M + s))^γ",
        [{}, {"gamma": 1.25}],
    ),
)

CASES = (
    *(
        Case(
            loss=loss,
            inputs=class_pixels(),
            params={"axis": -2, **params},
            learnable=tuple(params),
            reference=by_class(one),
            formula=formula,
            properties={Property.NON_NEGATIVE, Property.CLASS_PERMUTABLE},
            ulps=8,
            conditioned=one is one_focal_tversky,
        )
        for loss, _, one, formula, rows in LOSSES
        for params in rows
    ),
    *(
        Case(
            loss=loss,
            inputs=binary_pixels(labels),
            params={"axis": -1},
            reference=without_axis(one),
            formula=formula,
            properties={Property.NON_NEGATIVE},
            ulps=8,
            conditioned=labels == "dense",
        )
        for _, loss, one, formula, _ in LOSSES
        for labels in (("integer", "dense") if one is one_tversky else ("integer",))
    ),
)
