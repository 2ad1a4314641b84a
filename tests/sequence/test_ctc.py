"""CTC against every alignment one by one, PyTorch, optax, and at its edges."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import ctc
from jaxloss.kernels.ctc import reference


def _batch(seed=0, batch=4, time=6, classes=4, n=3, dtype=np.float64):
    rng = np.random.default_rng(seed)
    labels = rng.integers(1, classes, (batch, n))
    label_lengths = rng.integers(0, n + 1, batch)
    logit_lengths = rng.integers(time - 1, time + 1, batch)
    return rng.normal(size=(batch, time, classes)).astype(dtype) * 2, logit_lengths, labels, label_lengths


def test_every_small_case_equals_the_sum_over_alignments():
    rng = np.random.default_rng(1)
    # All lengths and all labels of two classes, those without an alignment among them.
    cases = [(t, labels) for t in range(5) for n in range(4) for labels in itertools.product((1, 2), repeat=n)]
    logits = rng.normal(size=(len(cases), 4, 3))
    padded = np.array([list(labels) + [-100] * (3 - len(labels)) for _, labels in cases])
    frames, lengths = np.array([t for t, _ in cases]), np.array([len(labels) for _, labels in cases])
    with jax.enable_x64(True):
        got = ctc(jnp.asarray(logits), frames, padded, lengths, reduction="none")
        due = [
            reference.negative_log_likelihood(jnp.asarray(z[:t]), y) for z, (t, y) in zip(logits, cases, strict=True)
        ]
    np.testing.assert_allclose(got, due, rtol=1e-13, atol=1e-14)
    assert np.isinf(got).any()


def test_gradient_equals_that_of_the_sum_over_alignments():
    logits, frames, labels, lengths = _batch(time=5)
    with jax.enable_x64(True):
        got = jax.grad(lambda z: ctc(z, frames, labels, lengths, reduction="sum"))(jnp.asarray(logits))
        for i in range(len(logits)):
            y = tuple(int(k) for k in labels[i, : lengths[i]])
            due = jax.grad(reference.negative_log_likelihood)(jnp.asarray(logits[i, : frames[i]]), y)
            np.testing.assert_allclose(got[i, : frames[i]], due, rtol=1e-12, atol=1e-14)
            assert not np.any(got[i, frames[i] :])


@pytest.mark.parametrize("margin", [0.0, 10.0, 20.0, 30.0])
def test_no_digits_are_lost_where_the_model_is_right(margin):
    rng = np.random.default_rng(5)
    labels = rng.integers(1, 8, (4, 10))
    aligned = np.zeros((4, 60), int)  # a label or a blank for some frames each, in turn
    aligned[:, np.arange(60) // 3 % 2 == 1] = np.repeat(labels, 3, 1)
    logits = np.float32(rng.normal(size=(4, 60, 8)) + margin * np.eye(8)[aligned])

    def both(dtype):
        loss = lambda z: ctc(z, np.full(4, 60), labels, np.full(4, 10), reduction="none")
        values, pull = jax.vjp(loss, jnp.asarray(logits, dtype))
        return values, pull(jnp.ones_like(values))[0]

    value, slope = both(jnp.float32)
    with jax.enable_x64(True):
        due, due_slope = both(jnp.float64)
    np.testing.assert_allclose(value, due, rtol=1e-6)
    np.testing.assert_allclose(slope, due_slope, rtol=0, atol=4e-6 * np.abs(due_slope).max())


@pytest.mark.parametrize("blank", [0, 3])
def test_value_and_gradient_equal_pytorch(blank):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    logits, frames, labels, lengths = _batch(2, batch=5, time=23, classes=7, n=9)
    labels = np.where(labels == blank, blank - 1 if blank else 1, labels)
    z = torch.tensor(logits, requires_grad=True)
    arguments = z.log_softmax(-1).transpose(0, 1), torch.tensor(labels), torch.tensor(frames), torch.tensor(lengths)
    due = torch.nn.functional.ctc_loss(*arguments, blank=blank, reduction="none")
    (slope,) = torch.autograd.grad(due.sum(), z)
    with jax.enable_x64(True):
        loss = lambda z: ctc(z, frames, labels, lengths, blank=blank, reduction="none")
        np.testing.assert_allclose(loss(jnp.asarray(logits)), due.detach(), rtol=1e-12)
        got = jax.grad(lambda z: jnp.sum(loss(z)))(jnp.asarray(logits))
    np.testing.assert_allclose(got, slope, rtol=1e-10, atol=1e-13)


def test_value_and_gradient_equal_optax():
    optax = pytest.importorskip("optax", reason="optax is not installed")
    logits, frames, labels, lengths = _batch(3, batch=5, time=40, classes=7, n=9)
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        padding = lambda lengths, size: jnp.asarray(np.arange(size) >= lengths[:, None], float)
        theirs = lambda z: optax.ctc_loss(z, padding(frames, 40), labels, padding(lengths, 9))
        ours = lambda z: ctc(z, frames, labels, lengths, reduction="none")
        z = jnp.asarray(logits)
        np.testing.assert_allclose(ours(z), theirs(z), rtol=1e-12)
        slopes = (jax.grad(lambda z, f=f: jnp.sum(f(z)))(z) for f in (ours, theirs))
        np.testing.assert_allclose(*slopes, rtol=1e-9, atol=1e-12)


def test_without_an_alignment_the_loss_is_inf_and_the_gradient_zero():
    # Two equal labels need a blank between them: three frames.
    arguments = jnp.array([2, 3]), jnp.array([[1, 1], [1, 1]]), jnp.array([2, 2])
    logits = jax.random.normal(jax.random.key(0), (2, 3, 3))
    loss = lambda z, **options: ctc(z, *arguments, **options)
    assert jnp.isinf(loss(logits))
    assert jnp.isinf(loss(logits, reduction="none")[0])
    slope = jax.grad(lambda z: loss(z, reduction="sum"))(logits)
    assert not jnp.any(slope[0])
    assert jnp.all(jnp.isfinite(slope))
    assert jnp.any(slope[1])
    zeroed = loss(logits, zero_infinity=True, reduction="none")
    assert zeroed[0] == 0
    assert zeroed[1] > 0


def test_an_impossible_class_is_never_used():
    logits = jax.random.normal(jax.random.key(0), (3, 5, 4))
    logits = logits.at[0, 2, 3].set(-jnp.inf).at[1, :, 1].set(-jnp.inf).at[2, 1].set(-jnp.inf)
    arguments = jnp.full(3, 5), jnp.array([[1, 2]] * 3), jnp.full(3, 2)
    values = ctc(logits, *arguments, reduction="none")
    low = ctc(jnp.where(logits == -jnp.inf, -1e4, logits), *arguments, reduction="none")
    assert abs(values[0] - low[0]) < 1e-6
    assert jnp.isinf(values[1])
    assert jnp.isinf(values[2])
    slope = jax.grad(lambda z: ctc(z, *arguments, reduction="sum"))(logits)
    assert jnp.all(jnp.isfinite(slope))
    assert slope[0, 2, 3] == 0
    assert not jnp.any(slope[1:])


def test_what_is_beyond_the_lengths_does_not_matter():
    logits = jax.random.normal(jax.random.key(0), (2, 6, 4))
    arguments = jnp.array([4, 6]), jnp.array([[1, 2, 3], [1, 2, 3]]), jnp.array([1, 3])
    loss = lambda z, y: ctc(z, arguments[0], y, arguments[2], reduction="sum")
    value, slope = jax.value_and_grad(loss)(logits, arguments[1])
    poisoned = logits.at[0, 4].set(jnp.nan).at[0, 5].set(jnp.inf)
    again, same = jax.value_and_grad(loss)(poisoned, arguments[1].at[0, 1:].set(jnp.array([-100, 10**6])))
    assert value == again
    assert jnp.array_equal(slope, same)
    assert not jnp.any(same[0, 4:])
    alone = ctc(logits[:1, :4], jnp.array([4]), jnp.array([[1]]), jnp.array([1]))
    assert jnp.allclose(alone, ctc(poisoned, *arguments, reduction="none")[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("frames", "labels", "length"), [(5, [1, 2], 2), (-1, [1, 2], 2), (4, [1, 9], 2), (4, [0, 1], 2), (4, [1, 2], 3)]
)
def test_what_is_no_label_or_length_gives_nan_to_its_sequence_alone(frames, labels, length):
    logits = jax.random.normal(jax.random.key(0), (2, 4, 3))
    arguments = jnp.array([frames, 4]), jnp.array([labels, [1, 2]]), jnp.array([length, 2])
    loss = lambda z: ctc(z, *arguments, reduction=lambda values, weights: (jnp.sum(values), values))
    (_, values), slope = jax.value_and_grad(loss, has_aux=True)(logits)
    assert jnp.isnan(values[0])
    assert jnp.isfinite(values[1])
    assert jnp.all(jnp.isnan(slope[0]))
    assert jnp.all(jnp.isfinite(slope[1]))


def test_never_negative_where_the_model_is_right():
    path = jnp.array([1, 1, 0, 2, 2, 0, 0, 3] * 25)
    labels = jnp.array([1, 2, 3] * 25)
    for size in (1.0, 10.0, 30.0, 1e4):
        value = ctc(size * jax.nn.one_hot(path, 4)[None], jnp.array([200]), labels[None], jnp.array([75]))
        assert 0 <= value < jnp.inf
    assert value == 0


@pytest.mark.parametrize(("rows", "size"), [(0, 1.0), (1, 1e4), (2, 1e30)])
def test_wrong_models_have_a_finite_loss_and_a_gradient_between_minus_one_and_one(rows, size):
    logits = size * jax.random.normal(jax.random.key(rows), (2, 50, 8))
    labels = jax.random.randint(jax.random.key(9), (2, 20), 1, 8)
    value, slope = jax.value_and_grad(lambda z: ctc(z, jnp.full(2, 50), labels, jnp.full(2, 20)))(logits)
    assert jnp.isfinite(value)
    assert jnp.all(jnp.abs(slope) <= 0.5 + 1e-6)
    assert jnp.max(jnp.abs(jnp.sum(slope, -1))) < 1e-6  # a softmax minus shares


def test_float32_keeps_its_digits_over_long_sequences():
    logits, *arguments = _batch(5, batch=2, time=400, classes=8, n=60, dtype=np.float32)
    arguments = np.full(2, 400), arguments[1], np.full(2, 60)
    run = jax.value_and_grad(lambda z: ctc(z, *arguments))
    value, slope = run(jnp.asarray(logits))
    with jax.enable_x64(True):
        due, exact = run(jnp.asarray(logits, jnp.float64))
    assert abs(float(value) / float(due) - 1) < 1e-6
    # Without taking the largest out of the rows it is 2e-4.
    assert np.max(np.abs(slope - np.asarray(exact))) < 4e-5


def test_pytorch_mean_by_weights():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    logits, frames, labels, _ = _batch(6)
    lengths = np.array([1, 2, 3, 2])
    log_p = torch.tensor(logits).log_softmax(-1).transpose(0, 1)
    due = torch.nn.functional.ctc_loss(log_p, torch.tensor(labels), torch.tensor(frames), torch.tensor(lengths))
    with jax.enable_x64(True):
        weighted = ctc(jnp.asarray(logits), frames, labels, lengths, weights=1 / lengths, reduction="none")
    np.testing.assert_allclose(np.mean(np.asarray(weighted)), due, rtol=1e-12)


def test_memory_is_that_of_the_lattice_not_of_classes_times_labels():
    from jaxloss.measure import compile

    logits = jnp.zeros((4, 200, 512))
    arguments = jnp.full(4, 200), jnp.ones((4, 20), jnp.int32), jnp.full(4, 20)
    step = compile(jax.value_and_grad(lambda z: ctc(z, *arguments)), logits)
    assert step.temp_bytes < 4 * logits.nbytes


def test_what_does_not_fit_is_refused():
    logits, labels = jnp.zeros((2, 4, 3)), jnp.ones((2, 2), jnp.int32)
    lengths = jnp.ones(2, jnp.int32)
    for wrong in (lengths[:1], lengths[:, None]):
        with pytest.raises(ValueError, match=r"ctc: logit_lengths must have shape \(2,\), one per sequence, got"):
            ctc(logits, wrong, labels, lengths)
    with pytest.raises(ValueError, match=r"ctc: labels must have shape \(2, any\)"):
        ctc(logits, lengths, labels[0], lengths)
    with pytest.raises(TypeError, match="ctc: labels must be integers, got float32"):
        ctc(logits, lengths, labels.astype(jnp.float32), lengths)
    with pytest.raises(ValueError, match="ctc: blank must be one of the 3 classes, got 3"):
        ctc(logits, lengths, labels, lengths, blank=3)
