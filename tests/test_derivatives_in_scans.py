"""Second derivatives of a loss that is evaluated in a scan, as the steps of an accumulated gradient are.

There jax 0.10 forgets the rules of custom derivatives once the first derivative is taken, and differentiates the
formulas instead: these have to be right too. The losses here are those whose core was not.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from jaxloss.verify.cases import CASES
from jaxloss.verify.laws import _differentiable
from jaxloss.verify.trial import Trial, quick_compilation

LOSSES = (
    "softmax_cross_entropy",
    "logit_adjusted",
    "generalized_cross_entropy",
    "symmetric_cross_entropy",
    "poly_cross_entropy",
    "matrix_cross_entropy",
    "distribution_focal",
    "arcface",
    "cosface",
)
FIRST = {case.loss.__name__: case for case in reversed(CASES)}


@pytest.mark.parametrize("name", LOSSES)
def test_the_second_derivative_is_the_same_in_a_scan(name):
    with jax.enable_x64(True):
        floats, params, call = _differentiable(Trial(FIRST[name]))
        x, build = ravel_pytree((floats, params))
        direction = jnp.asarray(np.random.default_rng(1).normal(size=x.shape))

        def plain(x):
            values = call(*build(x))
            return jnp.sum(values * jnp.cos(jnp.arange(values.size)).reshape(values.shape))

        def scanned(x):
            return jax.lax.scan(lambda total, x: (total + plain(x), None), 0.0, x[None])[0]

        def second(x, v):
            forward = [jax.jvp(jax.grad(loss), (x,), (v,))[1] for loss in (plain, scanned)]
            return *forward, jax.grad(lambda x: jnp.vdot(jax.grad(scanned)(x), v))(x)

        due, *found = jax.jit(second, compiler_options=quick_compilation())(x, direction)
    for got in found:
        np.testing.assert_allclose(got, due, rtol=1e-9, atol=1e-11 * np.abs(due).max())
