"""Cross-entropy of packed sequences against that of the sequences alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import sequence_cross_entropy, softmax_cross_entropy_with_integer_labels

LENGTHS = (5, 2, 1, 4)


def _sequences(dtype=np.float64):
    rng = np.random.default_rng(0)
    return [(jnp.asarray(rng.normal(size=(n, 6)), dtype), jnp.asarray(rng.integers(0, 6, n))) for n in LENGTHS]


def _packed(sequences):
    """The first and the third in one row, the others in another, with a token of padding each."""
    rows = []
    for row in ((sequences[0], sequences[2]), (sequences[1], sequences[3])):
        logits, labels = (jnp.concatenate(parts) for parts in zip(*row, strict=True))
        segments = jnp.concatenate([jnp.full(len(y), k + 1) for k, (_, y) in enumerate(row)])
        grown = 7 - len(labels)
        pad = lambda a, value, by=grown: jnp.pad(a, ((0, by),) + ((0, 0),) * (a.ndim - 1), constant_values=value)
        rows.append((pad(logits, jnp.nan), pad(labels, -100), pad(segments, 0)))
    return [jnp.stack(parts) for parts in zip(*rows, strict=True)]


@pytest.mark.parametrize("denominator", ["tokens", "sequences"])
def test_packing_changes_nothing(denominator):
    with jax.enable_x64(True):
        sequences = _sequences()

        def alone(sequences):
            sums = [
                softmax_cross_entropy_with_integer_labels(z, y, label_smoothing=0.1, z_loss=1e-3, reduction="sum")
                for z, y in sequences
            ]
            if denominator == "tokens":
                return sum(sums) / sum(LENGTHS)
            return sum(total / n for total, n in zip(sums, LENGTHS, strict=True)) / len(LENGTHS)

        def packed(logits):
            loss = sequence_cross_entropy
            return loss(logits, labels, segments, denominator=denominator, label_smoothing=0.1, z_loss=1e-3)

        logits, labels, segments = _packed(sequences)
        np.testing.assert_allclose(packed(logits), alone(sequences), rtol=1e-13)
        due = jax.grad(lambda zs: alone([(z, y) for z, (_, y) in zip(zs, sequences, strict=True)]))(
            [z for z, _ in sequences]
        )
        slope = jax.grad(packed)(logits)
        np.testing.assert_allclose(slope[0, :6], jnp.concatenate([due[0], due[2]]), rtol=1e-12)
        np.testing.assert_allclose(slope[1, :6], jnp.concatenate([due[1], due[3]]), rtol=1e-12)
        assert not jnp.any(slope[:, 6])


def test_sum_is_the_sum_of_the_means_of_the_sequences():
    sequences = _sequences(np.float32)
    got = sequence_cross_entropy(*_packed(sequences), denominator="sequences", reduction="sum")
    due = sum(softmax_cross_entropy_with_integer_labels(z, y) for z, y in sequences)
    np.testing.assert_allclose(got, due, rtol=1e-6)


def test_ignored_tokens_do_not_count_in_the_length():
    logits, labels, segments = _packed(_sequences(np.float32))
    ignored = labels.at[0, 1:4].set(-7)
    run = lambda y, **options: sequence_cross_entropy(logits, y, segments, denominator="sequences", **options)
    kept = jnp.ones(labels.shape, bool).at[0, 1:4].set(False)
    np.testing.assert_allclose(run(ignored, ignore_index=-7), run(labels, where=kept), rtol=1e-6)
    assert jnp.isnan(run(ignored))


def test_segments_need_not_be_in_order():
    logits, labels, segments = (a[:, :6] for a in _packed(_sequences(np.float32)))
    order = jnp.array([3, 0, 5, 1, 4, 2])
    run = lambda *data: sequence_cross_entropy(*data, denominator="sequences", padding_id=None)
    moved = run(logits[:, order], labels[:, order], segments[:, order])
    np.testing.assert_allclose(moved, run(logits, labels, segments), rtol=1e-6)


def test_what_does_not_fit_is_refused():
    logits, labels, segments = _packed(_sequences(np.float32))
    with pytest.raises(ValueError, match="sequence_cross_entropy: denominator must be one of 'tokens', 'sequences'"):
        sequence_cross_entropy(logits, labels, segments, denominator="batch")
    with pytest.raises(ValueError, match="sequence_cross_entropy: segment_ids must have shape"):
        sequence_cross_entropy(logits, labels, segments[:1])
