"""Images whose pixels stand on one long axis: their sums keep the digits that float32 has."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import binary_dice, binary_jaccard, binary_matthews
from jaxloss.segmentation.regions import pixel_sums

LINE = 512 * np.finfo(np.float32).eps / 2
"""Relative error of 512 positive numbers added one after the other."""


@pytest.mark.parametrize("pixels", [1 << 20, (1 << 20) + 7, 1_000_003, 600, 1, 0])
@pytest.mark.parametrize("classes", [(), (3,)])
def test_sums_of_a_long_line(pixels, classes):
    rng = np.random.default_rng(pixels)
    p = rng.random((2, pixels, *classes), np.float32)
    axis = -1 - len(classes)
    squares, counts, sums = jax.jit(lambda p: pixel_sums((p**2, (p > 0.5).astype(jnp.int32), p), (axis,)))(p)
    wide = p.astype(np.float64)
    np.testing.assert_allclose(squares, np.sum(wide**2, axis), rtol=LINE)
    np.testing.assert_allclose(sums, np.sum(wide, axis), rtol=LINE)
    np.testing.assert_array_equal(counts, np.sum(p > 0.5, axis))


@pytest.mark.parametrize("loss", [binary_dice, binary_jaccard, binary_matthews])
def test_an_object_in_a_flat_volume(loss):
    # One after the other, probabilities of 0.3 stop to count at some millions: 0.3 is half a unit in the last place.
    pixels = 3 << 22
    index = jnp.arange(pixels)[None]
    labels, p = index % 5 == 0, jnp.where(index % 7 == 0, jnp.float32(0.9), jnp.float32(0.3))
    folded = lambda array: array.reshape(1, 256, 192, 256)
    got, due = jax.jit(loss)(p, labels), jax.jit(loss)(folded(p), folded(labels))
    np.testing.assert_allclose(got, due, rtol=8 * LINE)
