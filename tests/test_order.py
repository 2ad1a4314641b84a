"""The order of the numbers in each row, against a sort of floats."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxloss.numerics import order

RNG = np.random.default_rng(0)
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, -1e-40, 1.0, np.nextafter(1, 2), -1.0, -np.nan, 3e38, -3e38, 1.0]


def _float_order(keys):
    return lax.sort((keys, lax.broadcasted_iota(jnp.int32, keys.shape, keys.ndim - 1)), num_keys=1)[1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 0), (3, 1), (3, 2), (2, 4, 257), (2, 1 << 16), ((1 << 16) + 1,)])
def test_digits_sort_as_floats_do(shape, dtype):
    with jax.enable_x64(dtype == "float64"), jax.numpy_dtype_promotion("strict"):
        drawn = RNG.choice(np.array([*SPECIAL, *RNG.normal(size=40)]), shape)  # many equal numbers
        drawn = np.where(RNG.uniform(size=shape) < 0.5, drawn, RNG.normal(size=shape))
        keys = jnp.asarray(drawn, dtype)
        due = _float_order(keys)
        for sort in (order.ascending_order, order._by_digits, order._by_pairs):
            np.testing.assert_array_equal(jax.jit(sort)(keys), due)
        np.testing.assert_array_equal(order.put_back(order.permute(keys, due), due), keys)


def test_an_order_in_a_transformed_function_has_no_derivative():
    keys = jnp.asarray(RNG.normal(size=(4, 9)), jnp.float32)
    total = lambda row: jnp.vdot(row, order.ascending_order(row).astype(row.dtype))
    slopes = jax.jit(jax.vmap(jax.grad(total)))(keys)
    np.testing.assert_array_equal(slopes, _float_order(keys))


@pytest.mark.parametrize("size", [1, 2, 7, 8, 100])
def test_counts_are_those_of_comparing_all(size):
    row = jnp.sort(jnp.asarray(RNG.integers(0, 9, (3, size)), jnp.float32), -1)
    values = jnp.asarray(RNG.integers(-1, 11, (3, 5)), jnp.float32)
    got = jax.jit(order.count_up_to)(row, values)
    np.testing.assert_array_equal(got, jnp.sum(row[:, None, :] <= values[..., None], -1))
