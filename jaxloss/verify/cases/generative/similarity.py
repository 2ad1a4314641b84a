"""Cases of structural similarity, on lines of pixels, by its definition and not by differences."""

from mpmath import exp, mpf, power

from jaxloss.generative.similarity import ms_ssim, ms_ssim_distance, ssim, ssim_distance
from jaxloss.verify.case import Case, Property
from jaxloss.verify.cases.generative import images

SIZE = 3
C1, C2 = mpf("0.01") ** 2, mpf("0.03") ** 2


def _weights(sigma):
    weights = [mpf(1) if sigma is None else exp(-((k - SIZE // 2) ** 2) / (2 * mpf(sigma) ** 2)) for k in range(SIZE)]
    return [w / sum(weights) for w in weights]


def _windows(x, y, sigma):
    """Luminance and contrast-structure of every window of one channel."""
    weights = _weights(sigma)
    mean = lambda values: sum(w * v for w, v in zip(weights, values, strict=True))
    for i in range(len(x) - SIZE + 1):
        a, b = x[i : i + SIZE], y[i : i + SIZE]
        m, n = mean(a), mean(b)
        var_a, var_b = mean([(v - m) ** 2 for v in a]), mean([(v - n) ** 2 for v in b])
        covariance = mean([(v - m) * (w - n) for v, w in zip(a, b, strict=True)])
        yield (2 * m * n + C1) / (m * m + n * n + C1), (2 * covariance + C2) / (var_a + var_b + C2)


def _mean(values):
    values = list(values)
    return sum(values) / len(values)


def _ssim(x, y, sigma=1.5, **_):
    return _mean(_mean(l * c for l, c in _windows(a, b, sigma)) for a, b in _channels(x, y))


def _ms_ssim(x, y, scale_weights, sigma=1.5, **_):
    values = []
    for a, b in _channels(x, y):
        product = mpf(1)
        for i, weight in enumerate(scale_weights):
            if i:
                a, b = ([(u + v) / 2 for u, v in zip(z[::2], z[1::2], strict=False)] for z in (a, b))
            last = i == len(scale_weights) - 1
            mean = _mean(l * c if last else c for l, c in _windows(a, b, sigma))
            product *= power(max(mean, 0), mpf(weight))
        values.append(product)
    return _mean(values)


def _channels(x, y):
    return zip(zip(*x, strict=True), zip(*y, strict=True), strict=True)


SYMMETRIC = {Property.SYMMETRIC}
DISTANCE = {Property.SYMMETRIC, Property.NON_NEGATIVE, Property.ZERO_AT_TARGET}
SMALL = {"window_size": SIZE, "axis": -2}

CASES = (
    *(
        Case(
            loss=loss,
            inputs=images(pixels=4, channels=1),
            reference=reference,
            formula=formula,
            params={**SMALL, "sigma": sigma},
            properties=properties,
            ulps=128,
            conditioned=True,
        )
        for sigma in (1.5, None)
        for loss, reference, formula, properties in (
            (ssim, _ssim, "mean l c of windows", SYMMETRIC),
            (ssim_distance, lambda x, y, **p: 1 - _ssim(x, y, **p), "1 − mean l c of windows", DISTANCE),
        )
    ),
    *(
        Case(
            loss=loss,
            inputs=images(pixels=6, channels=1, largest=1e4),
            reference=reference,
            formula=formula,
            params={**SMALL, "scale_weights": (0.25, 0.75)},
            properties=properties,
            ulps=256,  # slopes are differences of means of windows, which nearly equal images leave little of
            conditioned=True,
        )
        for loss, reference, formula, properties in (
            (ms_ssim, _ms_ssim, "s̄ Π c̄ of scales", SYMMETRIC),
            (ms_ssim_distance, lambda x, y, **p: 1 - _ms_ssim(x, y, **p), "1 − s̄ Π c̄ of scales", DISTANCE),
        )
    ),
)
