"""Log-probabilities of tokens, and the three denominators by their definitions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import measure
from jaxloss.preference.tokens import sequence_log_probs, token_log_probs

RNG = np.random.default_rng(0)
LOGITS, LABELS = RNG.normal(size=(2, 5, 7)), RNG.integers(0, 7, (2, 5))


def log_softmax(z):
    return z - np.log(np.sum(np.exp(z), -1, keepdims=True))


@pytest.mark.parametrize("temperature", [1, 0.7])
def test_values_and_gradients_are_those_of_the_softmax(temperature):
    due = np.take_along_axis(log_softmax(LOGITS / temperature), LABELS[..., None], -1)[..., 0]
    with jax.enable_x64(True):
        score = lambda z: jnp.sum(token_log_probs(z, LABELS, temperature=temperature))
        np.testing.assert_allclose(token_log_probs(LOGITS, LABELS, temperature=temperature), due, rtol=1e-13)
        slope = jax.grad(score)(jnp.asarray(LOGITS))
    chances = np.exp(log_softmax(LOGITS / temperature))
    np.testing.assert_allclose(slope, (np.eye(7)[LABELS] - chances) / temperature, atol=1e-14)


def test_a_temperature_may_be_learned():
    with jax.enable_x64(True):
        slope = jax.grad(lambda t: jnp.sum(token_log_probs(LOGITS, LABELS, temperature=t)))(jnp.asarray(0.7))
        at = lambda t: float(jnp.sum(token_log_probs(LOGITS, LABELS, temperature=t)))
        np.testing.assert_allclose(slope, (at(0.7 + 1e-6) - at(0.7 - 1e-6)) / 2e-6, rtol=1e-8)


@pytest.mark.parametrize("how", ["where", "ignore_index"])
def test_what_is_masked_was_never_there(how):
    exists = jnp.asarray(RNG.random((2, 5)) < 0.6)
    logits = jnp.where(exists[..., None], jnp.asarray(LOGITS, jnp.float32), jnp.nan)
    labels = jnp.where(exists, jnp.asarray(LABELS, jnp.int32), -100)
    options = {"where": exists} if how == "where" else {"ignore_index": -100}
    values = token_log_probs(logits, labels, **options)
    assert np.all(np.asarray(values)[~exists] == 0)
    assert not np.any(np.signbit(np.asarray(values)[~exists]))
    np.testing.assert_array_equal(values[exists], token_log_probs(logits[exists], labels[exists]))
    slope = np.asarray(jax.grad(lambda z: jnp.sum(token_log_probs(z, labels, **options)))(logits))
    assert np.all(slope[~exists] == 0)
    assert np.isfinite(slope).all()


def test_a_label_never_wraps():
    logits = jnp.zeros((3, 4))
    values, slope = jax.jacrev(lambda z: (token_log_probs(z, jnp.array([0, -1, 4])),) * 2, has_aux=True)(logits)[::-1]
    assert np.isfinite(values[0])
    assert np.isnan(values[1:]).all()
    assert np.isnan(slope[1, 1]).all()
    assert np.isnan(slope[2, 2]).all()
    assert np.isfinite(slope[0, 0]).all()


def test_sure_and_impossible_tokens():
    logits = jnp.array([[23.0, 0.0], [1e4, -1e4], [0.0, -jnp.inf]])
    values = token_log_probs(logits, jnp.array([0, 1, 1]))
    np.testing.assert_allclose(values[:2], [-1.0261879631701888e-10, -2e4], rtol=1e-6)
    assert values[2] == -jnp.inf


def test_one_array_of_the_size_of_the_logits_is_enough():
    logits, labels = jnp.zeros((64, 4096)), jnp.zeros(64, jnp.int32)
    score = lambda z, labels: jnp.mean(token_log_probs(z, labels))
    for function in (score, jax.value_and_grad(score)):
        assert measure.compile(function, logits, labels).temp_bytes <= 1.01 * logits.nbytes


def test_sequences_are_sums_or_averages_of_what_exists():
    log_probs = jnp.array([[-1.0, -2.0, jnp.nan], [-jnp.inf, -2.0, -4.0], [-1.0, -1.0, -1.0]])
    exists = jnp.array([[True, True, False], [False, True, True], [False, False, False]])
    np.testing.assert_array_equal(sequence_log_probs(log_probs, where=exists), [-3, -6, 0])
    np.testing.assert_array_equal(sequence_log_probs(log_probs, average=True, where=exists), [-1.5, -3, 0])
    slope = jax.grad(lambda x: jnp.sum(sequence_log_probs(x, average=True, where=exists)))(log_probs)
    np.testing.assert_array_equal(slope, [[0.5, 0.5, 0], [0, 0.5, 0.5], [0, 0, 0]])
    with pytest.raises(ValueError, match="sequence_log_probs: log_probs must have an axis of tokens"):
        sequence_log_probs(1.0)


EXISTS = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 1]], bool)
TOKENS, ADVANTAGES = np.float32(-RNG.random((4, 4))), np.float32(RNG.normal(size=(4, 4)))
LOSS = -ADVANTAGES * TOKENS


def mean(values, exists, denominator, weights=1.0, length=None):
    """By sequence, in a loop; a sequence without tokens does not exist."""
    rows, weights = [], np.broadcast_to(weights, (len(values), 1))
    for row, kept, (weight,) in zip(values, exists, weights, strict=True):
        if kept.any():
            count = kept.sum()
            share = {"per_token": count, "per_sequence": 1, "fixed": 1}[denominator]
            divisor = {"per_token": count, "per_sequence": count, "fixed": length}[denominator]
            rows.append((weight * share, row[kept].sum() / divisor))
    return sum(w * v for w, v in rows) / sum(w for w, _ in rows)


CHOICES = [("per_token", None), ("per_sequence", None), ("fixed", 10)]


@pytest.mark.parametrize(("denominator", "length"), CHOICES)
def test_denominators_by_definition(denominator, length):
    loss = lambda **options: jaxloss.policy_gradient(
        TOKENS, ADVANTAGES, denominator=denominator, length=length, where=EXISTS, **options
    )
    np.testing.assert_allclose(loss(), mean(LOSS, EXISTS, denominator, length=length), rtol=1e-6)
    weights = np.float32([[1], [2], [5], [0.5]])
    np.testing.assert_allclose(
        loss(weights=weights), mean(LOSS, EXISTS, denominator, weights, length=length), rtol=1e-6
    )


@pytest.mark.parametrize(("denominator", "length"), CHOICES)
def test_sums_of_parts_make_the_mean_of_all(denominator, length):
    """What accumulation over micro-batches, and a psum over devices, need; a mean of means is something else."""
    part = lambda rows: jaxloss.policy_gradient(
        TOKENS[rows],
        ADVANTAGES[rows],
        denominator=denominator,
        length=length,
        where=EXISTS[rows],
        reduction=lambda v, w: (jnp.sum(v * w), jnp.sum(w)),
    )
    (a, n), (b, m) = part(slice(0, 1)), part(slice(1, 4))
    np.testing.assert_allclose((a + b) / (n + m), mean(LOSS, EXISTS, denominator, length=length), rtol=1e-6)


def test_the_denominators_differ():
    values = {d: mean(LOSS, EXISTS, d, length=n) for d, n in CHOICES}
    assert len({round(float(v), 6) for v in values.values()}) == 3


def test_a_denominator_says_what_it_needs():
    with pytest.raises(ValueError, match="policy_gradient: denominator='fixed' needs a length"):
        jaxloss.policy_gradient(TOKENS, ADVANTAGES, denominator="fixed")
    with pytest.raises(ValueError, match="policy_gradient: denominator='fixed' needs a length, the others take none"):
        jaxloss.policy_gradient(TOKENS, ADVANTAGES, length=3)
    with pytest.raises(ValueError, match="denominator must be one of 'per_token', 'per_sequence', 'fixed', got 'mean'"):
        jaxloss.policy_gradient(TOKENS, ADVANTAGES, denominator="mean")
    with pytest.raises(ValueError, match="policy_gradient: length must be positive, got 0"):
        jaxloss.policy_gradient(TOKENS, ADVANTAGES, denominator="fixed", length=0)
