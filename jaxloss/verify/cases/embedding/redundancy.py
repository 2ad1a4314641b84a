"""Cases of `jaxloss.embedding.redundancy`."""

from mpmath import mpf, sqrt

from jaxloss.embedding.redundancy import barlow_twins, vicreg
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.embedding.two_views import two_views


def _columns(x):
    means = [sum(column) / len(x) for column in zip(*x, strict=True)]
    return [[row[i] - mean for row in x] for i, mean in enumerate(means)]


def _dot(a, b):
    return sum(p * q for p, q in zip(a, b, strict=True))


def _barlow_twins(x, y, redundancy=mpf("0.005")):
    x, y = _columns(x), _columns(y)
    n = range(len(x))
    c = [[_dot(x[i], y[j]) / sqrt(_dot(x[i], x[i]) * _dot(y[j], y[j])) for j in n] for i in n]
    return sum((1 - c[i][i]) ** 2 for i in n) + redundancy * sum(c[i][j] ** 2 for i in n for j in n if i != j)


def _vicreg(x, y, invariance=25, variance=25, covariance=1, deviation=1, epsilon=mpf("1e-4")):
    n, d = len(x), len(x[0])
    value = (
        invariance * sum((a - b) ** 2 for p, q in zip(x, y, strict=True) for a, b in zip(p, q, strict=True)) / (n * d)
    )
    for z in map(_columns, (x, y)):
        cov = [[_dot(a, b) / (n - 1) for b in z] for a in z]
        value += mpf(variance) / (2 * d) * sum(max(mpf(0), deviation - sqrt(cov[i][i] + epsilon)) for i in range(d))
        value += mpf(covariance) / d * sum(cov[i][j] ** 2 for i in range(d) for j in range(d) if i != j)
    return value


# Of five examples the laws mask two: three are left, the fewest whose correlations are not all 1 or -1 (where the
# gradient of `barlow_twins` is 0 but for rounding, and nothing can be compared with it).
VIEWS = two_views(features=2, value_per="event", members=5)
MANY_SIZES = two_views(features=2, value_per="event", members=5, smallest=1e-15, largest=1e8)

CASES = (
    Case(
        loss=barlow_twins,
        inputs=VIEWS,
        reference=_barlow_twins,
        formula="Σ (1 − C_ii)² + λ Σ C_ij², correlations C",
        properties={Property.NON_NEGATIVE, Property.SYMMETRIC},
        degree=0,
        ulps=16,
        conditioned=True,
    ),
    Case(
        loss=barlow_twins,
        inputs=VIEWS,
        reference=_barlow_twins,
        formula="Σ (1 − C_ii)² + λ Σ C_ij², correlations C",
        params={"redundancy": 0.5},
        learnable=("redundancy",),
        properties={Property.NON_NEGATIVE, Property.SYMMETRIC},
        degree=0,
        ulps=16,
        conditioned=True,
    ),
    Case(
        loss=vicreg,
        inputs=MANY_SIZES,
        reference=_vicreg,
        formula="25 mean (x − y)² + 25 mean max(0, 1 − σ) + mean of squared covariances",
        differentiable=0,
        properties={Property.NON_NEGATIVE, Property.SYMMETRIC},
        ulps=8,
        conditioned=True,
    ),
    Case(
        loss=vicreg,
        inputs=MANY_SIZES,
        reference=_vicreg,
        formula="λ mean (x − y)² + μ mean max(0, γ − σ) + ν mean of squared covariances",
        params={"invariance": 2.0, "variance": 3.0, "covariance": 0.5, "deviation": 1.5, "epsilon": 0.0},
        learnable=("invariance", "variance", "covariance", "deviation"),
        differentiable=0,
        properties={Property.NON_NEGATIVE, Property.SYMMETRIC},
        ulps=8,
        conditioned=True,
    ),
)
