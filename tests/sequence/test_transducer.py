"""Transducers against every path one by one, each other, and at their edges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import pruned_rnnt, rnnt
from jaxloss.kernels.lattice import Moves, log_paths, reference


@pytest.mark.parametrize("diagonal", [False, True])
def test_lattice_equals_the_sum_over_paths(diagonal):
    rng = np.random.default_rng(0)
    row, column = np.array([3, 0, 2, 0]), np.array([4, 2, 0, 0])
    with jax.enable_x64(True):
        moves = Moves(*(jnp.asarray(rng.normal(size=(4, 4, 5))) for _ in range(3 if diagonal else 2)))
        one = lambda moves, b: reference.log_paths(jax.tree.map(lambda a: a[b], moves), int(row[b]), int(column[b]))
        due = lambda moves: jnp.stack([one(moves, b) for b in range(4)])
        got = lambda moves: log_paths(moves, jnp.asarray(row), jnp.asarray(column))
        np.testing.assert_allclose(got(moves), due(moves), rtol=1e-13, atol=1e-14)
        slopes = (jax.grad(lambda m, f=f: jnp.sum(f(m)))(moves) for f in (got, due))
        for mine, theirs in zip(*map(jax.tree.leaves, slopes), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("weights", ["two moves", "three moves", "cells"])
def test_second_derivatives_of_the_lattice_are_those_of_the_sum_over_paths(weights):
    rng = np.random.default_rng(1)
    row, column = np.array([2, 0, 2]), np.array([3, 2, 0])
    with jax.enable_x64(True):
        draw = lambda: jnp.asarray(rng.normal(size=(3, 3, 4)))
        point, way, across = (
            draw() if weights == "cells" else Moves(*(draw() for _ in range(3 if weights == "three moves" else 2)))
            for _ in range(3)
        )

        def one(weights, b):
            weights = jax.tree.map(lambda a: a[b], weights)
            moves = weights if isinstance(weights, Moves) else Moves(weights, weights, weights)
            first = 0 if isinstance(weights, Moves) else weights[0, 0]
            return first + reference.log_paths(moves, int(row[b]), int(column[b]))

        due = lambda weights: sum(one(weights, b) for b in range(3))
        got = lambda weights: jnp.sum(log_paths(weights, jnp.asarray(row), jnp.asarray(column)))
        results = []
        for f in (got, due):
            slope = jax.jit(jax.grad(f))
            along = lambda w, f=f: jax.jvp(f, (w,), (way,))[1]
            third = lambda w, along=along: jax.jvp(along, (w,), (across,))[1]
            results.append((slope(point), jax.grad(along)(point), jax.grad(third)(point)))
        for mine, theirs in zip(*map(jax.tree.leaves, results), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-12)


def _batch(seed=0, batch=3, time=7, n=4, classes=5):
    rng = np.random.default_rng(seed)
    logits = jnp.asarray(rng.normal(size=(batch, time, n + 1, classes)))
    labels = jnp.asarray(rng.integers(1, classes, (batch, n)))
    return logits, jnp.array([time, 3, 1]), labels, jnp.array([n, 2, 0])


def test_a_band_of_all_states_is_the_whole():
    with jax.enable_x64(True):
        logits, *lengths_and_labels = _batch()
        first = jnp.zeros(logits.shape[:2], int)
        whole = lambda z: rnnt(z, *lengths_and_labels, reduction="none")
        band = lambda z: pruned_rnnt(z, first, *lengths_and_labels, reduction="none")
        np.testing.assert_array_equal(band(logits), whole(logits))


def test_a_band_is_the_whole_with_the_rest_impossible():
    with jax.enable_x64(True):
        first = jnp.array([[0, 0, 1, 2, 2, 3, 3]])
        logits, _, labels, _ = _batch()
        frames, count = jnp.array([7]), jnp.array([4])
        rows = jnp.arange(5)[None, None]
        inside = (rows >= first[..., None]) & (rows < first[..., None] + 2)
        # Log-probabilities of -inf for every class: the state leads nowhere.
        log_p = jnp.where(inside[..., None], jax.nn.log_softmax(logits[:1]), -1e9)
        paths = [[*p, (6, 4, False)] for p in _paths(6, 4)]
        paths = [p for p in paths if all(inside[0, t, u] for t, u, _ in p)]
        due = -jax.nn.logsumexp(
            jnp.stack([sum(log_p[0, t, u, labels[0, u] if e else 0] for t, u, e in p) for p in paths])
        )
        band = jnp.take_along_axis(logits[:1], (first[..., None] + jnp.arange(2)[None, None])[..., None], 2)
        got = pruned_rnnt(band, first, frames, labels[:1], count)
        np.testing.assert_allclose(got, due, rtol=1e-13)
        assert got > rnnt(logits[:1], frames, labels[:1], count)
        slope = jax.grad(lambda z: pruned_rnnt(z, first, frames, labels[:1], count))(band)
        np.testing.assert_allclose(jnp.sum(slope, -1), 0, atol=1e-15)


def _paths(frames, labels):
    """All ways to a frame with so many labels emitted: (frame, labels emitted, whether one is emitted now)."""
    if labels == 0 and frames == 0:
        return [[]]
    last = [[*p, (frames - 1, labels, False)] for p in _paths(frames - 1, labels)] if frames else []
    return last + ([[*p, (frames, labels - 1, True)] for p in _paths(frames, labels - 1)] if labels else [])


def test_gradient_is_the_occupancy_of_states_and_moves():
    with jax.enable_x64(True):
        logits, *rest = _batch(1)
        slope = jax.grad(lambda z: rnnt(z, *rest, reduction="sum"))(logits)
        np.testing.assert_allclose(jnp.sum(slope, -1), 0, atol=1e-14)
        # The derivative in the direction of all blanks: frames that are due, minus those that are expected.
        _, tangent = jax.jvp(lambda z: rnnt(z, *rest, reduction="none"), (logits,), (jnp.ones_like(logits),))
        np.testing.assert_allclose(tangent, 0, atol=1e-13)
    assert not np.any(np.asarray(slope)[1, 3:])
    assert not np.any(np.asarray(slope)[2, :, 1:])


def test_float32_keeps_its_digits_over_long_sequences():
    rng = np.random.default_rng(2)
    logits = (2 * rng.normal(size=(2, 300, 21, 6))).astype(np.float32)
    arguments = np.full(2, 300), rng.integers(1, 6, (2, 20)), np.full(2, 20)
    run = jax.value_and_grad(lambda z: rnnt(z, *arguments))
    value, slope = run(jnp.asarray(logits))
    with jax.enable_x64(True):
        due, exact = run(jnp.asarray(logits, jnp.float64))
    assert abs(float(value) / float(due) - 1) < 1e-6
    # Logarithms of up to 100 below the largest of an anti-diagonal, rounded in each of 320 steps: sqrt(320) ulp of 100.
    assert np.max(np.abs(slope - np.asarray(exact))) < 1.4e-4


def test_what_is_beyond_the_lengths_does_not_matter():
    logits, frames, labels, count = _batch()
    loss = lambda z, y: rnnt(z, frames, y, count, reduction="sum")
    value, slope = jax.value_and_grad(loss)(logits, labels)
    poisoned = logits.at[1, 3:].set(jnp.nan).at[1, :, 3:].set(jnp.inf).at[2, 1:].set(jnp.nan)
    again, same = jax.value_and_grad(loss)(poisoned, labels.at[1, 2:].set(-100).at[2].set(10**6))
    assert value == again
    np.testing.assert_array_equal(slope, same)


def test_without_a_path_the_loss_is_inf_and_the_gradient_zero():
    logits, _, labels, _ = _batch()
    first = jnp.zeros((3, 7), jnp.int32).at[1, 4:].set(4)  # jumps by more than the band
    loss = lambda z: pruned_rnnt(z, first, jnp.full(3, 7), labels, jnp.full(3, 4).at[2].set(1), reduction="none")
    assert list(jnp.isinf(loss(logits[:, :, :2]))) == [True, True, False]
    slope = jax.grad(lambda z: jnp.sum(loss(z)))(logits[:, :, :2])
    assert jnp.all(jnp.isfinite(slope))
    assert not jnp.any(slope[:2])
    assert jnp.isinf(rnnt(logits, jnp.zeros(3, int), labels, jnp.ones(3, int)))  # labels, and no frame


def test_an_impossible_class_is_never_used():
    logits, frames, labels, count = _batch()
    logits = logits.at[0, 2, 1, 0].set(-jnp.inf).at[1, 0, 0].set(-jnp.inf)
    values = rnnt(logits, frames, labels, count, reduction="none")
    low = rnnt(jnp.maximum(logits, -1e4), frames, labels, count, reduction="none")
    np.testing.assert_allclose(values[0], low[0], rtol=1e-6)
    assert jnp.isinf(values[1])
    slope = jax.grad(lambda z: rnnt(z, frames, labels, count, reduction="sum"))(logits)
    assert jnp.all(jnp.isfinite(slope))
    assert slope[0, 2, 1, 0] == 0


def test_what_is_no_label_or_length_gives_nan_to_its_sequence_alone():
    logits, frames, labels, count = _batch()
    for wrong in ((frames.at[0].set(8), labels), (frames, labels.at[0, 1].set(5)), (frames, labels.at[0, 0].set(0))):
        arguments = wrong[0], wrong[1], count
        values = rnnt(logits, *arguments, reduction="none")
        slope = jax.grad(lambda z, a=arguments: rnnt(z, *a, reduction="sum"))(logits)
        assert jnp.isnan(values[0])
        assert jnp.all(jnp.isfinite(values[1:]))
        assert jnp.any(jnp.isnan(slope[0]))
        assert jnp.all(jnp.isfinite(slope[1:]))


def test_what_does_not_fit_is_refused():
    logits, frames, labels, count = _batch()
    with pytest.raises(ValueError, match="rnnt: logits must have a state for each number of labels emitted, 5"):
        rnnt(logits[:, :, :4], frames, labels, count)
    with pytest.raises(ValueError, match="pruned_rnnt: first_states must have shape"):
        pruned_rnnt(logits, frames, frames, labels, count)
    with pytest.raises(ValueError, match="rnnt: blank must be one of the 5 classes, got -1"):
        rnnt(logits, frames, labels, count, blank=-1)
