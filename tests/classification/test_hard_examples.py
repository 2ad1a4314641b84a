"""Hard example mining as a reduction of any loss."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.classification.hard_examples import ohem
from jaxloss.regression.squared import squared_error

X = jnp.array([1.0, -5.0, 3.0, jnp.nan, 2.0])
WHERE = jnp.array([True, True, True, False, True])


def hard(**options):
    return squared_error(X, jnp.zeros(5), where=WHERE, reduction=ohem(**options))


def test_the_mean_of_the_hardest_that_exist():
    assert hard(k=1) == 25
    assert hard(k=2) == 17
    assert hard(k=100) == (1 + 25 + 9 + 4) / 4
    assert hard(fraction=0.5) == 17
    assert hard(fraction=0.51) == jnp.float32((25 + 9 + 4) / 3)


def test_a_threshold_keeps_all_above_and_at_least_k():
    assert hard(k=1, threshold=4.0) == jnp.float32((25 + 9 + 4) / 3)
    assert hard(k=2, threshold=1e6) == 17


def test_only_the_hardest_have_a_gradient():
    gradient = jax.grad(lambda x: squared_error(x, jnp.zeros(5), where=WHERE, reduction=ohem(k=2)))(X)
    np.testing.assert_array_equal(gradient, [0, -5, 3, 0, 0])


def test_exactly_k_of_equal_values():
    gradient = jax.grad(lambda x: squared_error(x, jnp.zeros(4), reduction=ohem(k=2)))(jnp.ones(4))
    np.testing.assert_array_equal(gradient, [1, 1, 0, 0])


def test_weights_count_and_zero_weight_is_never_hard():
    got = squared_error(
        jnp.array([1.0, 2.0, 9.0]), jnp.zeros(3), weights=jnp.array([1.0, 3.0, 0.0]), reduction=ohem(k=2)
    )
    assert got == (1 + 3 * 4) / 4


def test_nothing_left_is_zero():
    assert squared_error(X, jnp.zeros(5), where=False, reduction=ohem(k=3)) == 0
    assert squared_error(jnp.zeros(0), jnp.zeros(0), reduction=ohem(k=3)) == 0


def test_it_compiles_and_vmaps():
    rows = jnp.arange(12.0).reshape(3, 4)
    got = jax.jit(jax.vmap(lambda r: squared_error(r, jnp.zeros(4), reduction=ohem(k=1))))(rows)
    np.testing.assert_array_equal(got, [9, 49, 121])


@pytest.mark.parametrize("options", [{}, {"k": 1, "fraction": 0.5}, {"k": 0}, {"fraction": 0.0}, {"fraction": 1.5}])
def test_unclear_amounts_are_refused(options):
    with pytest.raises(ValueError, match="ohem: "):
        ohem(**options)
