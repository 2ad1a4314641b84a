"""Cases of `jaxloss.classification.variants`."""

import dataclasses

import numpy as np
from mpmath import exp, fac, log, mp, mpf

from jaxloss.classification.variants import large_margin_softmax, pc_softmax, taylor_cross_entropy
from jaxloss.verify import inputs
from jaxloss.verify.case import Case, Inputs, Property

PRIORS = np.array([0.4, 0.05, 0.25, 0.2, 0.1])


def curve_of(data: Inputs) -> Inputs:
    """The same inputs with a curve through rows of as many classes as the parameters of a case have."""

    def curve(x: np.ndarray) -> tuple[np.ndarray, ...]:
        first = np.zeros(len(x), np.int32)
        labels = np.eye(data.classes)[first] if data.labels == "dense" else first
        return np.pad(x[:, None], ((0, 0), (0, data.classes - 1))), labels

    return dataclasses.replace(data, curve=curve)


def _distribution(z, y):
    return y if isinstance(y, list) else [mpf(j == y) for j in range(len(z))]


def digits(z):
    """Digits enough for a float64 gradient of 1e-300, a difference in the 350th digit; not for rows without one."""
    return mp.workdps(mp.dps if max(z) - min(z) < 100 else 750)


def _taylor(z, y, order):
    f = [sum(x**i / fac(i) for i in range(order + 1)) for x in z]
    return -sum(share * log(a / sum(f)) for a, share in zip(f, _distribution(z, y), strict=True))


def _pc_softmax(z, y, class_priors):
    with digits(z):
        total = sum(prior * exp(x) for prior, x in zip(class_priors, z, strict=True)) / sum(class_priors)
        return sum(share * (log(total) - x) for x, share in zip(z, _distribution(z, y), strict=True))


def _large_margin(z, y, lam=mpf(3) / 10):
    def at(k):
        entropy = log(sum(exp(x) for x in z)) - z[k]
        others = [x for j, x in enumerate(z) if j != k]
        total = sum(exp(x) for x in others)
        return entropy + lam / 2 * sum((exp(x) / total - mpf(1) / len(others)) * (x - log(total)) for x in others)

    with digits(z):
        return sum(share * at(k) for k, share in enumerate(_distribution(z, y)) if share)


CASES = (
    *(
        Case(
            loss=taylor_cross_entropy,
            inputs=data,
            reference=_taylor,
            formula="−log(f(z_y) / Σ f(zⱼ)), f(z) = 1 + z + … + zⁿ/n!",
            params={"order": order},
            properties={Property.NON_NEGATIVE, Property.CLASS_PERMUTABLE},
            ulps=8 if data.labels == "integer" else 16,
            conditioned=True,
        )
        for data, order in (
            (inputs.integer_rows(), 2),
            (inputs.dense_rows(), 2),
            (inputs.integer_rows(), 4),
            (inputs.dense_rows(), 6),
        )
    ),
    *(
        Case(
            loss=pc_softmax,
            inputs=data,
            reference=_pc_softmax,
            formula="log Σ πⱼ exp(zⱼ) − z_y",
            params={"class_priors": PRIORS},
            learnable=("class_priors",),
            properties={Property.CONVEX, Property.SHIFT_INVARIANT},
            lipschitz=1,
            ulps=16,
            conditioned=True,
        )
        for data in (curve_of(inputs.integer_rows()), curve_of(inputs.dense_rows()))
    ),
    *(
        Case(
            loss=large_margin_softmax,
            inputs=data,
            reference=_large_margin,
            formula="−log p_y + λ/2 Σ_{j≠y} (qⱼ − 1/(C − 1)) log qⱼ",
            params=params,
            learnable=tuple(params),
            properties={Property.NON_NEGATIVE, Property.SHIFT_INVARIANT, Property.CLASS_PERMUTABLE},
            ulps=4,
            conditioned=True,
        )
        for data, params in (
            (inputs.integer_rows(), {}),
            (inputs.dense_rows(), {}),
            (inputs.integer_rows(), {"lam": 1.5}),
        )
    ),
)
