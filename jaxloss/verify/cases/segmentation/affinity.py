"""Cases of `jaxloss.segmentation.affinity`, on lines of pixels."""

from mpmath import exp, log, mpf

from jaxloss.segmentation.affinity import affinity
from jaxloss.verify.case import Case, Property, Regime
from jaxloss.verify.cases.segmentation import class_pixels


def reference(z, labels, margin=3, edge_weight=1, same_weight=1, axis=None):
    p = [[exp(x) / sum(map(exp, row)) for x in row] for row in z]
    edges, same = [], []
    for i, row in enumerate(p):
        for j in (i - 1, i + 1):
            if not 0 <= j < len(p):
                continue
            for c, (q_i, q_j) in enumerate(zip(row, p[j], strict=True)):
                d = q_j * log(q_j / q_i) + (1 - q_j) * log((1 - q_j) / (1 - q_i))
                if (labels[i] == c) != (labels[j] == c):
                    edges.append(max(mpf(0), mpf(margin) - d))
                else:
                    same.append(d)
    mean = lambda values: sum(values) / len(values) if values else mpf(0)
    return mpf(edge_weight) * mean(edges) + mpf(same_weight) * mean(same)


# Without logits that are all tiny: log-odds are rounded by an ulp of 1 + |z|.
CASES = tuple(
    Case(
        loss=affinity,
        inputs=class_pixels(argument="logits", value_per="event", neighbours=True, pixels=4, without=(Regime.TINY,)),
        params={"axis": -2, **params},
        learnable=tuple(params),
        reference=reference,
        formula="mean max(0, m − KL) across edges + mean KL elsewhere",
        differentiable=0,
        properties={Property.NON_NEGATIVE, Property.SHIFT_INVARIANT, Property.CLASS_PERMUTABLE},
        ulps=16,
        conditioned=True,
    )
    for params in ({}, {"margin": 1.5, "edge_weight": 0.5, "same_weight": 2.0})
)
