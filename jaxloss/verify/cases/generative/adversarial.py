"""Cases of `jaxloss.generative.adversarial`."""

from mpmath import exp, log1p, mp

from jaxloss.generative.adversarial import gan_discriminator, gan_generator, gan_relativistic
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.generative import numbers


def _softplus(x):
    return max(x, 0) + log1p(exp(-abs(x)))


AS_REAL = {
    "non_saturating": lambda s: _softplus(-s),
    "least_squares": lambda s: (s - 1) ** 2 / 2,
    "hinge": lambda s: max(0, 1 - s),
    "wasserstein": lambda s: -s,
}
AS_FAKE = {
    "non_saturating": lambda s: _softplus(s),
    "least_squares": lambda s: s**2 / 2,
    "hinge": lambda s: max(0, 1 + s),
    "wasserstein": lambda s: s,
}
FORMULAS = {
    "non_saturating": ("log(1 + exp(−s))", "log(1 + exp(−r)) + log(1 + exp(f))", "log(1 + exp(o − s))"),
    "least_squares": ("½(s − 1)²", "½(r − 1)² + ½f²", "½(s − o − 1)²"),
    "hinge": ("−s", "max(0, 1 − r) + max(0, 1 + f)", "max(0, 1 + o − s)"),
    "wasserstein": ("−s", "f − r", "o − s"),
}


def _inputs(variant, names, **options):
    largest = {"non_saturating": 1e4, "least_squares": 1e15}.get(variant, 1e30)
    return numbers(names, largest=largest, kinks=(-1.0, 1.0), **options)


def _discriminator(r, f, variant):
    with mp.workdps(520):  # a gradient of 1e-264 beside a value of thousands
        return AS_REAL[variant](r) + AS_FAKE[variant](f)


def _properties(variant):
    signed = set() if variant == "wasserstein" else {Property.NON_NEGATIVE}
    return signed | {Property.CONVEX}


CASES = tuple(
    case
    for variant, formulas in FORMULAS.items()
    for case in (
        Case(
            loss=gan_generator,
            inputs=_inputs(variant, ("fake_scores",), xlabel="score of a generated sample"),
            reference=lambda s, variant: -s if variant == "hinge" else AS_REAL[variant](s),
            formula=formulas[0],
            params={"variant": variant},
            properties={Property.CONVEX} if variant == "hinge" else _properties(variant),
            lipschitz=None if variant == "least_squares" else 1,
            ulps=4,
            conditioned=variant == "least_squares",
        ),
        Case(
            loss=gan_discriminator,
            inputs=_inputs(variant, ("real_scores", "fake_scores"), xlabel="score of a real sample, of a fake 0"),
            reference=_discriminator,
            formula=formulas[1],
            params={"variant": variant},
            differentiable=0 if variant == "hinge" else None,
            properties=_properties(variant),
            lipschitz=None if variant == "least_squares" else 1,
            ulps=4,
            conditioned=variant in ("least_squares", "wasserstein"),
        ),
        Case(
            loss=gan_relativistic,
            inputs=_inputs(variant, ("scores", "opponents"), xlabel="score, the opponent's is 0"),
            reference=lambda s, o, variant: AS_REAL[variant](s - o),
            formula=formulas[2],
            params={"variant": variant},
            differentiable=0 if variant == "hinge" else None,
            properties=_properties(variant),
            lipschitz=None if variant == "least_squares" else 1,
            ulps=4,
            conditioned=True,
        ),
    )
)
