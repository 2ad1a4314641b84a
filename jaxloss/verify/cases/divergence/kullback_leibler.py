"""Cases of `jaxloss.divergence.kullback_leibler`."""

from mpmath import exp, inf, log, mpf

from jaxloss.divergence.kullback_leibler import (
    generalized_kl_divergence,
    jeffreys,
    kl_divergence,
    kl_divergence_with_log_targets,
)
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.divergence import distribution_rows, of_many_digits


def _surplus(t, log_p):
    return t * (log(t) - log_p) if t > 0 else mpf(0)


@of_many_digits
def _kl(log_p, t):
    return sum(map(_surplus, t, log_p))


@of_many_digits
def _kl_of_logs(log_p, log_t):
    return _kl(log_p, [exp(y) for y in log_t])


@of_many_digits
def _generalized(log_p, t):
    return sum(_surplus(y, x) - max(y, 0) + exp(x) for x, y in zip(log_p, t, strict=True))


@of_many_digits
def _jeffreys(log_p, t):
    return sum((exp(x) - y) * (x - log(y)) if y > 0 else inf for x, y in zip(log_p, t, strict=True))


CASES = (
    Case(
        loss=kl_divergence,
        inputs=distribution_rows(),
        reference=_kl,
        formula="Σ t (log t − log p)",
        properties={Property.CONVEX, Property.CLASS_PERMUTABLE},
        lipschitz=3,  # targets of the draw, not all of them normalised
        ulps=4,
        conditioned=True,
        peers={"optax": "losses.kl_divergence"},
    ),
    Case(
        loss=kl_divergence_with_log_targets,
        inputs=distribution_rows(zeros=False, log_targets=True),
        reference=_kl_of_logs,
        formula="Σ t (log t − log p), of log t",
        properties={Property.CONVEX, Property.CLASS_PERMUTABLE, Property.ZERO_AT_TARGET},
        ulps=4,
        conditioned=True,
        peers={"optax": "losses.kl_divergence_with_log_targets"},
    ),
    Case(
        loss=generalized_kl_divergence,
        inputs=distribution_rows(),
        reference=_generalized,
        formula="Σ t log(t/p) − t + p",
        properties={Property.NON_NEGATIVE, Property.CONVEX, Property.CLASS_PERMUTABLE},
        ulps=4,
        conditioned=True,
        peers={"optax": "losses.generalized_kl_divergence"},
    ),
    Case(
        loss=jeffreys,
        inputs=distribution_rows(zeros=False),
        reference=_jeffreys,
        formula="Σ (p − t) log(p/t)",
        properties={Property.NON_NEGATIVE, Property.CLASS_PERMUTABLE},
        ulps=4,
        conditioned=True,
    ),
)
