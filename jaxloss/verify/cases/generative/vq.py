"""Cases of `jaxloss.generative.vq`: what is held fixed has a gradient of exactly 0."""

from jaxloss.generative.vq import vq_codebook, vq_commitment
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.generative import numbers

CASES = tuple(
    Case(
        loss=loss,
        inputs=numbers(("encodings", "codes"), smallest=1e-17, largest=1e17, held=(held,)),
        reference=lambda z, e: (z - e) ** 2,
        formula=formula,
        properties={Property.NON_NEGATIVE, Property.CONVEX, Property.ZERO_AT_TARGET},
        degree=2,
        ulps=4,
    )
    for loss, held, formula in ((vq_commitment, 1, "(z − sg[e])²"), (vq_codebook, 0, "(sg[z] − e)²"))
)
