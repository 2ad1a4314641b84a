"""Losses that are as long as their data: the gradient does not depend on the unit, nor on what a mean divides by."""

import jax
import numpy as np
import pytest

from jaxloss import energy_distance, energy_score, mmd, triplet_batch

rng = np.random.default_rng(0)
X, Y = (np.float32(rng.normal(size=(3, 8, 4))) for _ in range(2))
LABELS = np.tile(np.arange(8) % 3, (3, 1))
LOSSES = {
    "energy_distance": lambda x, unit: energy_distance(x, unit * Y),
    "energy_score": lambda x, unit: energy_score(x, unit * Y[:, 0]),
    "mmd": lambda x, unit: unit * mmd(x, unit * Y, kernel="laplace", bandwidths=unit),
    "triplet_batch": lambda x, unit: triplet_batch(x, LABELS, margin=0.0),
    "triplet_batch, hard": lambda x, unit: triplet_batch(x, LABELS, margin=0.0, mining="hard"),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("unit", [2.0**-50, 2.0**-41, 2.0**41, 2.0**50])
def test_the_gradient_has_no_unit(name, unit):
    share = 2.0**-24  # of one value in a mean over sixteen million
    slope = jax.jit(jax.grad(lambda x, unit: share * LOSSES[name](x, unit)), static_argnums=1)
    np.testing.assert_allclose(slope(unit * X, unit), slope(X, 1.0), rtol=1e-5, atol=1e-6 * share)
