"""Conditional random fields against every sequence of tags one by one."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import linear_chain_crf, viterbi

LENGTHS = jnp.array([4, 1, 3, 0])


def _problem(seed=0, batch=4, time=4, classes=3):
    rng = np.random.default_rng(seed)
    draw = lambda *shape: jnp.asarray(rng.normal(size=shape))
    labels = jnp.asarray(rng.integers(0, classes, (batch, time)))
    return draw(batch, time, classes), labels, draw(classes, classes), draw(classes), draw(classes)


def _score(tags, logits, transitions, start, end):
    pairs = sum(transitions[a, b] for a, b in itertools.pairwise(tags))
    return start[tags[0]] + end[tags[-1]] + pairs + sum(logits[t, k] for t, k in enumerate(tags))


def _all(logits, length, *tables):
    classes = logits.shape[-1]
    tags = list(itertools.product(range(classes), repeat=length))
    return tags, jnp.stack([_score(t, logits, *tables) for t in tags])


def test_value_and_gradients_equal_those_of_the_sum_over_tags():
    with jax.enable_x64(True):
        logits, labels, *tables = _problem()

        def definition(logits, *tables):
            due = []
            for row, y, n in zip(logits, labels, LENGTHS, strict=True):
                if n:
                    _, scores = _all(row, int(n), *tables)
                    due.append(jax.nn.logsumexp(scores) - _score([int(k) for k in y[:n]], row, *tables))
            return sum(due)

        def loss(logits, transitions, start, end):
            return linear_chain_crf(logits, labels, LENGTHS, transitions, start=start, end=end, reduction="sum")

        due, slopes_due = jax.value_and_grad(definition, (0, 1, 2, 3))(logits, *tables)
        got, slopes = jax.value_and_grad(loss, (0, 1, 2, 3))(logits, *tables)
        np.testing.assert_allclose(got, due, rtol=1e-13)
        for mine, theirs in zip(slopes, slopes_due, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-14)


def test_viterbi_finds_the_best_tags():
    for seed in range(5):
        logits, _, *tables = _problem(seed)
        got = viterbi(logits, LENGTHS, tables[0], start=tables[1], end=tables[2])
        for row, tags, n in zip(logits, got, LENGTHS, strict=True):
            assert not jnp.any(tags[n:])
            if n:
                every, scores = _all(row, int(n), *tables)
                assert tuple(int(k) for k in tags[:n]) == every[int(jnp.argmax(scores))]


def test_without_transitions_it_is_a_softmax_for_each_word():
    logits, labels, *_ = _problem()
    got = linear_chain_crf(logits, labels, jnp.full(4, 4), jnp.zeros((3, 3)), reduction="none")
    each = -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[..., None], 2)
    np.testing.assert_allclose(got, jnp.sum(each, (1, 2)), rtol=1e-6)


def test_a_forbidden_transition_is_never_taken():
    # In BIO tagging, I follows B or I: O to I is impossible.
    logits, _, transitions, *_ = _problem()
    transitions = transitions.at[2, 1].set(-jnp.inf)
    labels = jnp.array([[0, 1, 2, 0], [2, 1, 1, 1], [0, 1, 1, 2], [0, 0, 0, 0]])
    loss = lambda z, a: linear_chain_crf(z, labels, jnp.full(4, 4), a, reduction="none")
    values = loss(logits, transitions)
    np.testing.assert_allclose(values[0], loss(logits, transitions.at[2, 1].set(-1e4))[0], rtol=1e-6)
    assert list(jnp.isinf(values)) == [False, True, False, False]
    slopes = jax.grad(lambda *x: jnp.sum(loss(*x)[jnp.array([0, 2, 3])]), (0, 1))(logits, transitions)
    assert all(jnp.all(jnp.isfinite(slope)) for slope in slopes)
    assert slopes[1][2, 1] == 0
    best = viterbi(10 * logits, jnp.full(4, 4), transitions)
    assert not jnp.any((best[:, :-1] == 2) & (best[:, 1:] == 1))


def test_what_is_beyond_the_lengths_does_not_matter():
    logits, labels, transitions, *_ = _problem()
    run = jax.value_and_grad(lambda z, y: linear_chain_crf(z, y, LENGTHS, transitions))
    value, slope = run(logits, labels)
    again, same = run(logits.at[1, 1:].set(jnp.nan).at[3].set(jnp.inf), labels.at[1, 1:].set(-100).at[3].set(10**6))
    assert value == again
    np.testing.assert_array_equal(slope, same)


def test_a_tag_that_is_no_class_gives_nan_to_its_sequence_alone():
    logits, labels, transitions, *_ = _problem()
    for labels_, lengths in ((labels.at[0, 2].set(3), LENGTHS), (labels, LENGTHS.at[0].set(5))):
        loss = lambda z, y=labels_, n=lengths: linear_chain_crf(z, y, n, transitions, reduction="none")
        assert list(jnp.isnan(loss(logits))) == [True, False, False, False]
        slope = jax.grad(lambda z, loss=loss: jnp.sum(loss(z)))(logits)
        assert jnp.any(jnp.isnan(slope[0]))
        assert not jnp.any(jnp.isnan(slope[1:]))


def test_what_does_not_fit_is_refused():
    logits, labels, transitions, start, _ = _problem()
    with pytest.raises(ValueError, match=r"linear_chain_crf: transitions must have shape \(3, 3\)"):
        linear_chain_crf(logits, labels, LENGTHS, transitions[:2])
    with pytest.raises(ValueError, match=r"linear_chain_crf: start must have shape \(3,\), one per class"):
        linear_chain_crf(logits, labels, LENGTHS, transitions, start=start[:2])
    with pytest.raises(TypeError, match="viterbi: lengths must be integers"):
        viterbi(logits, LENGTHS.astype(jnp.float32), transitions)


@pytest.mark.parametrize("scale", [1, 10])
def test_the_gradient_of_a_long_sequence_keeps_its_digits(scale):
    time, classes = 600, 6
    rng = np.random.default_rng(3)
    logits = np.float32(scale * rng.normal(size=(2, time, classes)))
    transitions = np.float32(rng.normal(size=(classes, classes)))
    labels = rng.integers(0, classes, (2, time))
    loss = lambda z, a: linear_chain_crf(z, labels, np.array([time, time // 2]), a)
    step = jax.jit(jax.value_and_grad(loss, (0, 1)))
    value, slopes = step(logits, transitions)
    with jax.enable_x64(True):
        due, slopes_due = step(np.float64(logits), np.float64(transitions))
    # Each frame rounds the probabilities by some ulp, this way or that.
    limit = 4 * np.sqrt(time) * np.finfo(np.float32).eps
    np.testing.assert_allclose(value, due, rtol=limit)
    for mine, theirs in zip(slopes, slopes_due, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=limit * np.max(np.abs(theirs)))
