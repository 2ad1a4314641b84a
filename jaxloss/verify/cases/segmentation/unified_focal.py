"""Cases of `jaxloss.segmentation.unified_focal`."""

from mpmath import exp, log, mpf

from jaxloss.segmentation.unified_focal import unified_focal
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.segmentation import class_pixels, sums, targets


def reference(z, labels, focal_weight="0.5", delta="0.6", gamma="0.5", symmetric=False, classes="present", axis=None):
    share, delta, gamma = mpf(focal_weight), mpf(delta), mpf(gamma)
    p = [[exp(x) / sum(map(exp, row)) for x in row] for row in z]
    focal = mpf(0)
    for row, y in zip(p, labels, strict=True):
        focused = (1 - row[y]) ** gamma * -log(row[y])
        focal += (1 - delta) * focused if y == 0 else delta * (focused if symmetric else -log(row[y]))
    overlap = []
    for c, t in enumerate(targets(labels, len(p[0]))):
        if sum(t) == 0 and classes == "present":
            continue
        hit, false, missed = sums([row[c] for row in p], t)
        wrong = delta * missed + (1 - delta) * false
        wrong /= hit + wrong
        overlap.append(wrong if c == 0 and not symmetric else wrong ** (1 - gamma))
    return share * focal / len(labels) + (1 - share) * sum(overlap) / len(overlap)


CASES = tuple(
    Case(
        loss=unified_focal,
        inputs=class_pixels(argument="logits", value_per="event"),
        params={"axis": -2, **params},
        learnable=tuple(key for key in params if key in ("focal_weight", "delta", "gamma")),
        reference=reference,
        formula="λ focal cross-entropy + (1 − λ) focal Tversky loss",
        properties={Property.NON_NEGATIVE, Property.SHIFT_INVARIANT},
        ulps=16,
        conditioned=True,
    )
    for params in ({}, {"symmetric": True, "classes": "all"}, {"focal_weight": 0.25, "delta": 0.75, "gamma": 0.25})
)
