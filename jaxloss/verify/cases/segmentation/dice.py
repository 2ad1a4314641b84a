"""Cases of `jaxloss.segmentation.dice`."""

from mpmath import mpf

from jaxloss.segmentation.dice import binary_dice, dice, generalized_dice
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.segmentation import binary_pixels, class_pixels, targets


def one_dice(p, t, smooth=1, squared=False):
    square = (lambda x: x * x) if squared else (lambda x: x)
    hit = sum(a * b for a, b in zip(p, t, strict=True))
    both = sum(map(square, p)) + sum(map(square, t))
    return 1 - (2 * hit + mpf(smooth)) / (both + mpf(smooth))


def by_class(one):
    """The reference of every class: 0 for one that is not in the image and does not count."""

    def reference(p, labels, classes="present", include_background=True, axis=None, **params):
        columns = list(zip(*p, strict=True))
        regions = list(zip(columns, targets(labels, len(columns)), strict=True))
        return [
            mpf(0)
            if (classes == "present" and sum(t) == 0) or (c == 0 and not include_background)
            else one(q, t, **params)
            for c, (q, t) in enumerate(regions)
        ]

    return reference


def without_axis(one):
    return lambda p, t, axis=None, **params: one(p, [mpf(x) for x in t], **params)


def generalized(p, labels, weighting="square", classes="present", include_background=True, axis=None):
    columns = list(zip(*p, strict=True))
    regions = [(q, t) for q, t in zip(columns, targets(labels, len(columns)), strict=True)][not include_background :]
    power = {"square": 2, "simple": 1, "uniform": 0}[weighting]
    sizes = [sum(t) for _, t in regions if sum(t) > 0]
    over = under = mpf(0)
    for q, t in regions:
        if sum(t) == 0 and classes == "present":
            continue
        weight = (sum(t) if sum(t) > 0 else min(sizes)) ** mpf(-power)
        over += weight * sum(a * b for a, b in zip(q, t, strict=True))
        under += weight * (sum(q) + sum(t))
    return 1 - 2 * over / under if under else mpf(0)


SHAPE = {"properties": {Property.NON_NEGATIVE, Property.CLASS_PERMUTABLE}, "ulps": 8}
FORMULA = "(P + T − 2I) / (P + T + s)"

CASES = (
    *(
        Case(
            loss=dice,
            inputs=class_pixels(labels),
            params={"axis": -2, **params},
            learnable=learnable,
            reference=by_class(one_dice),
            formula=FORMULA if "squared" not in params else "Σ (p − t)² / (Σ p² + Σ t² + s)",
            conditioned=labels == "dense",
            **SHAPE if params.get("include_background", True) else {"properties": {Property.NON_NEGATIVE}, "ulps": 8},
        )
        for labels, params, learnable in (
            ("integer", {}, ()),
            ("integer", {"smooth": 0.5}, ("smooth",)),
            ("integer", {"squared": True}, ()),
            ("integer", {"classes": "all", "include_background": False}, ()),
            ("dense", {}, ()),
        )
    ),
    *(
        Case(
            loss=binary_dice,
            inputs=binary_pixels(labels),
            params={"axis": -1, **params},
            reference=without_axis(one_dice),
            formula=FORMULA if not params else "Σ (p − t)² / (Σ p² + Σ t² + s)",
            properties={Property.NON_NEGATIVE},
            ulps=8,
            conditioned=labels == "dense",
        )
        for labels, params in (("integer", {}), ("dense", {"squared": True}))
    ),
    *(
        Case(
            loss=generalized_dice,
            inputs=class_pixels(labels, value_per="event"),
            params={"axis": -2, **params},
            reference=generalized,
            formula="1 − 2 Σ w I / Σ w (P + T), w = 1/T²" if not params else "1 − 2 Σ w I / Σ w (P + T)",
            conditioned=labels == "dense",
            **SHAPE,
        )
        for labels, params in (("integer", {}), ("integer", {"weighting": "simple", "classes": "all"}), ("dense", {}))
    ),
)
