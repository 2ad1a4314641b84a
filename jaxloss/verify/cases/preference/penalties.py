"""Cases of `jaxloss.preference.penalties`."""

from mpmath import exp

from jaxloss.preference.penalties import kl_penalty
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.preference import tokens
from jaxloss.verify.cases.preference.clipped import of_sequences

NAMES = ("log_probs", "reference_log_probs")


def _k3(x, reference):
    return exp(reference - x) - 1 - (reference - x)


CASES = (
    Case(
        loss=kl_penalty,
        inputs=tokens(*NAMES, largest=80.0),
        reference=_k3,
        formula="exp(d) − 1 − d, d = log π_ref − log π",
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        ulps=4,
        conditioned=True,
    ),
    Case(
        loss=kl_penalty,
        inputs=tokens(*NAMES, largest=80.0, members=3),
        reference=lambda x, y, denominator: of_sequences([_k3(a, b) for a, b in zip(x, y, strict=True)], denominator),
        formula="the same, every sequence counting once",
        params={"denominator": "per_sequence"},
        properties={Property.NON_NEGATIVE},
        ulps=4,
        conditioned=True,
    ),
    Case(
        loss=kl_penalty,
        inputs=tokens(*NAMES),
        reference=lambda x, y, estimator: (x - y) ** 2 / 2,
        formula="½ d²",
        params={"estimator": "k2"},
        properties={Property.NON_NEGATIVE, Property.CONVEX},
        ulps=4,
        conditioned=True,
    ),
    Case(
        loss=kl_penalty,
        inputs=tokens(*NAMES),
        reference=lambda x, y, estimator: x - y,
        formula="−d",
        params={"estimator": "k1"},
        properties={Property.CONVEX},
        ulps=4,
        conditioned=True,
    ),
)
