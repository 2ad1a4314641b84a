"""Running results along rows, of every length and from each start on."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.numerics.running import accumulate

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("n", [1, 2, 64, 65, 127, 128, 129, 1000, 5000])
@pytest.mark.parametrize("reverse", [False, True])
def test_running_results_start_anew(n, reverse):
    values, starts = RNG.integers(0, 9, (2, n)), RNG.random((2, n)) < 3 / n
    starts[:, 0] = True
    due = np.zeros_like(values)
    for row in range(2):
        edges = [*np.flatnonzero(starts[row]), n]
        for low, high in itertools.pairwise(edges):
            part = values[row, low:high]
            due[row, low:high] = np.cumsum(part[::-1])[::-1] if reverse else np.cumsum(part)
    got = accumulate(jnp.add, 0, jnp.asarray(values), jnp.asarray(starts), reverse=reverse)
    np.testing.assert_array_equal(got, due)
    whole = accumulate(jnp.add, 0, jnp.asarray(values), reverse=reverse)
    np.testing.assert_array_equal(whole, np.cumsum(values[:, ::-1], 1)[:, ::-1] if reverse else np.cumsum(values, 1))


def test_the_order_of_the_operation_is_kept():
    """Of two values the first is carried on, from each start to the next."""
    offsets = RNG.normal(size=300)
    first = accumulate(lambda a, b: a, 0.0, jnp.asarray(offsets, jnp.float32), jnp.arange(300) % 7 == 0)
    np.testing.assert_array_equal(first, np.repeat(offsets[::7], 7)[:300].astype(np.float32))
