"""Linear softmax cross-entropy: the loss of the product, its masks and labels, what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import linear_softmax_cross_entropy as linear
from jaxloss import softmax_cross_entropy_with_integer_labels as of_logits

KEYS = jax.random.split(jax.random.key(0), 3)
HIDDEN, KERNEL = jax.random.normal(KEYS[0], (6, 4)), jax.random.normal(KEYS[1], (4, 5))
IDS = jnp.array([0, 4, 2, 2, 1, 3])


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_a_label_outside_the_classes_is_nan_in_its_token(reduction):
    bad, outside = IDS.at[2].set(-1).at[4].set(5), np.array([2, 4])
    values = linear(HIDDEN, KERNEL, bad, reduction="none", chunk_size=4)
    assert np.isnan(values[outside]).all()
    assert np.isfinite(np.delete(values, outside)).all()
    total = lambda h: jnp.sum(linear(h, KERNEL, bad, reduction=reduction, chunk_size=4))
    slope = jax.jit(jax.grad(total))(HIDDEN)
    assert np.isnan(slope[outside]).all()
    assert np.isfinite(np.delete(slope, outside, 0)).all()


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("ignore", [True, False])
def test_nothing_reaches_past_the_mask(reduction, ignore):
    hidden, ids, kept = HIDDEN.at[1].set(jnp.nan).at[3].set(jnp.inf), IDS.at[1].set(-100).at[3].set(-100), IDS >= 0
    kept = kept.at[1].set(False).at[3].set(False)
    options = {"ignore_index": -100} if ignore else {"where": kept}
    # The class that masked labels are set to is impossible: also that must not be seen.
    bias, ids = jnp.zeros(5).at[0].set(-jnp.inf), jnp.where(ids == 0, 1, ids)
    mean = lambda h, w: jnp.sum(linear(h, w, ids, bias=bias, chunk_size=4, reduction=reduction, **options))
    value, (slope, of_kernel) = jax.jit(jax.value_and_grad(mean, (0, 1)))(hidden, KERNEL)
    removed = lambda h, w: jnp.sum(linear(h, w, ids[kept], bias=bias, reduction=reduction))
    due, (due_slope, due_kernel) = jax.value_and_grad(removed, (0, 1))(hidden[kept], KERNEL)
    np.testing.assert_allclose(value, due, rtol=1e-6)
    np.testing.assert_array_equal(slope[~kept], 0)
    np.testing.assert_allclose(slope[kept], due_slope, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(of_kernel, due_kernel, rtol=1e-5, atol=1e-6)


def test_statistics_are_those_of_the_logits():
    logits = HIDDEN @ KERNEL / 2
    for reduction in ("mean", "none"):
        call = lambda h, r=reduction: linear(
            h, KERNEL, IDS, temperature=2.0, statistics=True, chunk_size=4, reduction=r
        )
        loss, found = call(HIDDEN)
        np.testing.assert_allclose(loss, of_logits(logits, IDS, reduction=reduction), rtol=1e-6)
        np.testing.assert_allclose(found.log_normalizers, jax.nn.logsumexp(logits, -1), rtol=1e-6)
        np.testing.assert_array_equal(found.predictions, jnp.argmax(logits, -1))
        total = lambda h, c=call: jnp.sum(c(h)[0])
        slope, aux = jax.grad(lambda h, c=call: (jnp.sum(c(h)[0]), c(h)[1]), has_aux=True)(HIDDEN)
        np.testing.assert_allclose(slope, jax.grad(total)(HIDDEN), rtol=1e-6)
        np.testing.assert_array_equal(aux.predictions, found.predictions)


def test_confident_tokens_keep_their_digits():
    hidden, kernel = jnp.array([[23.0]]), jnp.array([[1.0, 0.0, 0.0]])
    value, slope = jax.value_and_grad(lambda h: linear(h, kernel, jnp.array([0])))(hidden)
    np.testing.assert_allclose(value, np.log1p(2 * np.exp(-23.0)), rtol=3e-7)
    np.testing.assert_allclose(slope, [[-2 * np.exp(-23.0)]], rtol=5e-7)


def test_a_learned_temperature_a_bias_and_weights_have_gradients():
    def ours(temperature, bias, weights):
        return linear(HIDDEN, KERNEL, IDS, temperature=temperature, bias=bias, weights=weights, chunk_size=4)

    def due(temperature, bias, weights):
        return of_logits(HIDDEN @ KERNEL + bias[None], IDS, temperature=temperature, weights=weights)

    arguments = jnp.linspace(0.5, 2, 6)[:, None], jnp.linspace(-1, 1, 5), jnp.linspace(1, 2, 6)
    got, want = (jax.value_and_grad(f, (0, 1, 2))(*arguments) for f in (ours, due))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6), got, want)


def test_torch():
    torch = pytest.importorskip("torch", reason="torch is the peer")
    functional = torch.nn.functional
    if not hasattr(functional, "linear_cross_entropy"):
        pytest.skip("this torch has no linear_cross_entropy")
    with jax.enable_x64(True):
        h, w = HIDDEN.astype(jnp.float64), KERNEL.astype(jnp.float64)
        tensors = [torch.tensor(np.asarray(a), requires_grad=True) for a in (h, w.T)]
        due = functional.linear_cross_entropy(*tensors, torch.tensor(np.asarray(IDS)).long(), label_smoothing=0.1)
        due.backward()
        loss = lambda h, e: linear(h, e, IDS, tied=True, label_smoothing=0.1, chunk_size=4)
        value, slopes = jax.value_and_grad(loss, (0, 1))(h, w.T)
        np.testing.assert_allclose(value, due.item(), rtol=1e-12)
        for got, tensor in zip(slopes, tensors, strict=True):
            np.testing.assert_allclose(got, tensor.grad.numpy(), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"implementation": "pallas_gpu"}, ValueError, "no 'pallas_gpu' implementation for this device"),
        ({"implementation": "cuda"}, ValueError, "implementation must be one of 'xla', 'reference'"),
        ({"chunk_size": 0}, ValueError, "chunk_size must be positive"),
        ({"bias": jnp.zeros(4)}, ValueError, "bias must have shape"),
        ({"tied": True}, ValueError, "which does not fit hidden"),
        ({"logit_cap": jnp.float32(3)}, TypeError, "logit_cap must be a Python number"),
        ({"temperature": jnp.ones((1, 5))}, ValueError, "temperature must be a scalar"),
        ({"label_smoothing": 1.5}, ValueError, "label_smoothing must be"),
        ({"reduction": "avg"}, ValueError, "reduction must be"),
        ({"labels": jnp.zeros((6, 1), jnp.int32)}, ValueError, "labels must have shape"),
        ({"labels": jnp.zeros((6, 4))}, ValueError, "or distributions of shape"),
        ({"labels": jnp.zeros((6, 5)), "ignore_index": 1}, ValueError, "ignore_index applies to integer labels"),
    ],
)
def test_errors(options, kind, message):
    with pytest.raises(kind, match=message):
        linear(HIDDEN, KERNEL, **({"labels": IDS} | options))
