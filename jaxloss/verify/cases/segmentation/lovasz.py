"""Cases of `jaxloss.segmentation.lovasz`."""

from mpmath import mpf

from jaxloss.segmentation.lovasz import lovasz_hinge, lovasz_softmax
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.segmentation import binary_pixels, class_pixels
from jaxloss.verify.cases.segmentation.dice import by_class


def jaccard_of_mistakes(t, mistakes):
    """The Jaccard loss of a prediction that is wrong exactly at these pixels."""
    found = [label == 0 if i in mistakes else label == 1 for i, label in enumerate(t)]
    both = sum(f and label == 1 for f, label in zip(found, t, strict=True))
    either = sum(f or label == 1 for f, label in zip(found, t, strict=True))
    return mpf(0) if either == 0 else 1 - mpf(both) / either


def extension(t, errors):
    order = sorted(range(len(t)), key=lambda i: -errors[i])
    growth = [jaccard_of_mistakes(t, order[: k + 1]) - jaccard_of_mistakes(t, order[:k]) for k in range(len(t))]
    return sum(errors[i] * g for i, g in zip(order, growth, strict=True))


def one_softmax(p, t):
    return extension(t, [abs(b - a) for a, b in zip(p, t, strict=True)])


def one_hinge(z, labels, axis=None):
    return extension(labels, [max(mpf(0), 1 - (2 * t - 1) * x) for x, t in zip(z, labels, strict=True)])


CASES = (
    *(
        Case(
            loss=lovasz_softmax,
            inputs=class_pixels(),
            params={"axis": -2, **params},
            reference=by_class(one_softmax),
            formula="Σ e_(k) (J_k − J_(k−1)), e = |t − p| from the largest down",
            differentiable=0,
            properties={Property.NON_NEGATIVE, Property.CLASS_PERMUTABLE, Property.CONVEX},
            lipschitz=1,
            ulps=8,
        )
        for params in ({}, {"classes": "all"})
    ),
    Case(
        loss=lovasz_hinge,
        inputs=binary_pixels(argument="logits"),
        params={"axis": -1},
        reference=one_hinge,
        formula="Σ e_(k) (J_k − J_(k−1)), e = max(0, 1 − (2t − 1) z) from the largest down",
        differentiable=0,
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        lipschitz=1,
        ulps=8,
        conditioned=True,
    ),
)
