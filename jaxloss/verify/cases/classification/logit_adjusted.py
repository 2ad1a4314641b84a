"""Cases of `jaxloss.classification.logit_adjusted`."""

import numpy as np
from mpmath import log

from jaxloss.classification.logit_adjusted import logit_adjusted
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.classification.softmax import dense_reference, integer_reference, jittered

PRIORS = np.array([0.4, 0.25, 0.2, 0.1, 0.05])


def adjusted(reference):
    """Make the reference of the adjusted loss from that of the plain one."""
    return lambda z, y, class_priors, tau=1: reference(
        [z_c + tau * log(prior) for z_c, prior in zip(z, class_priors, strict=True)], y
    )


CASES = tuple(
    Case(
        loss=logit_adjusted,
        inputs=draw,
        reference=adjusted(reference),
        formula="−log softmax(z + τ log π)_y",
        params={"class_priors": PRIORS, **params},
        learnable=("class_priors", *params),
        properties={Property.NON_NEGATIVE, Property.CONVEX, Property.SHIFT_INVARIANT},
        lipschitz=1,
        ulps=8,
        conditioned=True,
    )
    for draw, reference, params in (
        (jittered(inputs.integer_rows()), integer_reference, {}),
        (jittered(inputs.dense_rows()), dense_reference, {"tau": 0.5}),
    )
)
