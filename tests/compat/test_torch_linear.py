"""`torch.nn.functional.linear_cross_entropy`: its values and gradients, without all logits in memory."""

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.compat import torch as ours

torch = pytest.importorskip("torch", reason="compared with PyTorch")
theirs = torch.nn.functional


@pytest.fixture(autouse=True)
def doubles():
    with jax.enable_x64(True):
        yield


@hypothesis.settings(max_examples=25)
@hypothesis.given(
    seed=st.integers(0, 2**16),
    shape=st.sampled_from([(), (70,), (4, 1), (4, 2), (3, 2, 2)]),
    dense=st.booleans(),
    weighted=st.booleans(),
    biased=st.booleans(),
    smoothing=st.sampled_from([0.0, 0.3, 1.0]),
    reduction=st.sampled_from(["mean", "sum", "none"]),
)
def test_equal_for_any_arguments(seed, shape, dense, weighted, biased, smoothing, reduction):
    rng = np.random.default_rng(seed)
    batch, positions = shape[:1], shape[1:]
    learned = {
        "input": rng.normal(size=(*batch, 5)),
        "linear_weight": rng.normal(size=(3, *positions, 5)),
        **({"linear_bias": rng.normal(size=(3, *positions))} if biased else {}),
        **({"target": rng.random((*batch, 3, *positions))} if dense else {}),
    }
    if not dense:
        fixed = {"target": np.asarray(rng.integers(-1, 3, shape)), "ignore_index": -1}
        hypothesis.assume(reduction != "mean" or (fixed["target"] != -1).any())  # of nothing ours is 0
    else:
        fixed = {}
    fixed |= {"weight": rng.random(3)} if weighted else {}
    options = {"reduction": reduction, "label_smoothing": smoothing}
    in_torch = lambda given: {k: torch.tensor(a) if isinstance(a, np.ndarray) else a for k, a in given.items()}

    variables = {key: torch.tensor(array, requires_grad=True) for key, array in learned.items()}
    due = theirs.linear_cross_entropy(**variables, **in_torch(fixed), **options)
    scale = np.sin(1 + np.arange(due.numel())).reshape(due.shape)
    (due * torch.tensor(scale)).sum().backward()
    got = ours.linear_cross_entropy(**learned, **fixed, **options)
    np.testing.assert_allclose(got, due.detach(), rtol=1e-10, atol=1e-12)
    total = lambda given: jnp.sum(scale * ours.linear_cross_entropy(**given, **fixed, **options))
    for key, slope in jax.grad(total)(jax.tree.map(jnp.asarray, learned)).items():
        np.testing.assert_allclose(slope, variables[key].grad, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("dense", [False, True])
def test_class_weights_have_a_gradient(dense):
    rng = np.random.default_rng(2)
    x, table, weight = rng.normal(size=(4, 5)), rng.normal(size=(3, 5)), rng.random(3)
    target = rng.random((4, 3)) if dense else np.array([0, 2, 1, 1])
    linear = lambda w: ours.linear_cross_entropy(x, table, target, weight=w, label_smoothing=0.1)
    kept = lambda w: ours.cross_entropy(x @ table.T, target, w, label_smoothing=0.1)
    np.testing.assert_allclose(jax.grad(linear)(weight), jax.grad(kept)(weight), rtol=1e-10)


def test_what_is_no_class_is_nan_and_what_is_ignored_may_hold_anything():
    rng = np.random.default_rng(3)
    x, table, weight, ids = rng.normal(size=(4, 5)), rng.normal(size=(3, 5)), rng.random(3), np.array([0, 3, -1, -100])
    x[3] = np.nan
    for options in ({}, {"weight": weight}, {"weight": weight, "label_smoothing": 0.1}):
        loss = lambda x, reduction, options=options: ours.linear_cross_entropy(
            x, table, ids, reduction=reduction, **options
        )
        np.testing.assert_array_equal(np.isnan(loss(x, "none")), [False, True, True, False])
        slopes = jax.grad(loss)(jnp.asarray(x), "sum")
        np.testing.assert_array_equal(np.isnan(slopes).all(1), [False, True, True, False])
        assert (slopes[3] == 0).all()
    assert ours.linear_cross_entropy(x, table, np.full(4, -100), weight=weight, label_smoothing=0.1) == 0


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("dense", [False, True])
def test_dtypes_are_equal(dtype, dense):
    x, table, target = np.ones((4, 5)), np.ones((3, 5)), np.ones((4, 3)) if dense else np.zeros(4, int)
    given = [torch.tensor(a).to(getattr(torch, dtype)) for a in (x, table, *([target] if dense else []))]
    due = theirs.linear_cross_entropy(*given, *([] if dense else [torch.tensor(target)]))
    given = [jnp.asarray(a, dtype) for a in (x, table, *([target] if dense else []))]
    got = ours.linear_cross_entropy(*given, *([] if dense else [target]))
    assert str(got.dtype) == dtype == str(due.dtype).removeprefix("torch.")


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("options", [("smoothing",), ("smoothing", "weight"), ()])
def test_all_logits_are_never_in_memory(options, reduction):
    tokens, features, classes = 2048, 64, 32768
    like = lambda *shape: jax.ShapeDtypeStruct(shape, jnp.float32)
    given = like(tokens, features), like(classes, features), like(classes)
    labels = jnp.zeros(tokens, jnp.int32)

    def temporary(loss):
        def call(x, table, weight):
            keywords = {"reduction": reduction, "label_smoothing": 0.1 if "smoothing" in options else 0.0}
            return jnp.sum(loss(x, table, labels, weight=weight if "weight" in options else None, **keywords))

        return jax.jit(jax.value_and_grad(call, (0, 1))).lower(*given).compile().memory_analysis().temp_size_in_bytes

    kept = temporary(lambda x, table, labels, **keywords: ours.cross_entropy(x @ table.T, labels, **keywords))
    assert temporary(ours.linear_cross_entropy) < kept / 4
