"""`jaxloss.compat.torch` is `torch.nn.functional`: signatures, values, gradients, reductions and denominators."""

import functools
import inspect

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.compat import torch as ours

torch = pytest.importorskip("torch", reason="compared with PyTorch")
theirs = torch.nn.functional
pytestmark = pytest.mark.filterwarnings(
    "ignore:Using a target size", "ignore:reduction. .mean. divides", "ignore:.*size_average and reduce"
)


@pytest.fixture(autouse=True)
def doubles():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("name", ours.__all__)
def test_signatures_are_equal(name):
    parameters = [
        [(p.name, p.kind, p.default) for p in inspect.signature(getattr(library, name)).parameters.values()]
        for library in (ours, theirs)
    ]
    assert parameters[0] == parameters[1]


def test_every_loss_is_there():
    losses = {name for name in dir(theirs) if name.endswith("_loss") or "cross_entropy" in name} | {"kl_div"}
    assert set(ours.__all__) == {name for name in losses if not name.startswith("_")}


RNG = np.random.default_rng(1)
X, Y = RNG.normal(size=(2, 4, 5))
PROBABILITIES = RNG.random((4, 5))
ROWS = RNG.dirichlet(np.ones(5), 4)
WEIGHT = RNG.random((4, 5))
CLASSES = RNG.random(5)
IDS = np.array([0, 4, 2, 1])
IGNORED = np.array([0, -100, 2, -100])
SIGNS = np.where(Y > 0, 1.0, -1.0)
IMAGE, IMAGE_IDS = RNG.normal(size=(2, 5, 2, 3)), RNG.integers(0, 5, (2, 2, 3))
IMAGE_IDS[0, 0] = 3, -1, 2
PRESENT = np.array([[1, 3, -1, 0, 0], [4, -1, 2, 2, 2], [-1, 1, 1, 1, 1], [0, 1, 2, 3, 4]])
COUNTS = RNG.poisson(2.0, (4, 5)).astype(float)
HEAD, BIAS = RNG.normal(size=(3, 5)), RNG.normal(size=3)
A, P, N = RNG.normal(size=(3, 4, 5))
MEAN, SUM, NONE, BATCHMEAN = "mean", "sum", "none", "batchmean"

CASES = {
    "l1_loss": [((X, Y), {}), ((X, Y), {"weight": WEIGHT}), ((X, Y[0]), {})],
    "mse_loss": [((X, Y), {}), ((X, Y), {"weight": WEIGHT}), ((X[:, :1], Y), {})],
    "smooth_l1_loss": [((X, Y), {}), ((X, Y), {"beta": 0.3}), ((X, Y), {"beta": 0.0})],
    "huber_loss": [((X, Y), {}), ((X, Y), {"delta": 0.3, "weight": WEIGHT})],
    "cross_entropy": [
        ((X, IDS), {}),
        ((X[0], IDS[1]), {}),
        ((X, IGNORED), {"weight": CLASSES}),
        ((X, IDS), {"ignore_index": 2, "label_smoothing": 0.2}),
        ((X, IGNORED), {"weight": CLASSES, "label_smoothing": 0.2}),
        ((X, IDS), {"weight": np.array([0.0, 1, 2, 0.5, 1])}),
        ((IMAGE, IMAGE_IDS), {"ignore_index": -1}),
        ((IMAGE, IMAGE_IDS), {"ignore_index": -1, "weight": CLASSES, "label_smoothing": 0.1}),
        ((X, ROWS), {}),
        ((X[0], ROWS[0]), {"label_smoothing": 0.3}),
        ((X, ROWS), {"weight": CLASSES, "label_smoothing": 0.3}),
        ((IMAGE, np.abs(IMAGE)), {"weight": CLASSES}),
    ],
    "nll_loss": [
        ((X, IDS), {}),
        ((X[0], IDS[1]), {}),
        ((X, IGNORED), {"weight": CLASSES}),
        ((IMAGE, IMAGE_IDS), {"ignore_index": -1, "weight": CLASSES}),
    ],
    "linear_cross_entropy": [
        ((X, HEAD, IDS % 3), {}),
        ((X[0], HEAD, IDS[1] % 3), {"linear_bias": BIAS}),
        ((X, HEAD, IDS % 3), {"linear_bias": BIAS, "weight": CLASSES[:3], "ignore_index": 2, "label_smoothing": 0.1}),
        ((X, HEAD, ROWS[:, :3]), {}),
        ((X[0], HEAD, ROWS[0, :3]), {"weight": CLASSES[:3], "label_smoothing": 0.3}),
        ((X, RNG.normal(size=(3, 2, 5)), np.stack([IDS % 3, IDS % 2], 1)), {"linear_bias": RNG.normal(size=(3, 2))}),
    ],
    "binary_cross_entropy": [
        ((PROBABILITIES, ROWS), {}),
        ((PROBABILITIES, ROWS), {"weight": WEIGHT[0]}),
        ((np.array([0.0, 1.0, 0.0, 1.0, 1e-30]), np.array([0.0, 1.0, 1.0, 0.0, 0.3])), {}),
    ],
    "binary_cross_entropy_with_logits": [
        ((X, ROWS), {}),
        ((X, ROWS), {"weight": WEIGHT, "pos_weight": CLASSES}),
        ((X, ROWS), {"weight": WEIGHT[:, :1], "pos_weight": WEIGHT}),
    ],
    "kl_div": [
        ((X, ROWS), {}),
        ((X, Y), {"log_target": True}),
        ((X[0], ROWS), {}),
        ((np.array(0.3), np.array(0.7)), {}),
    ],
    "poisson_nll_loss": [
        ((X, COUNTS), {}),
        ((X, COUNTS), {"full": True}),
        ((PROBABILITIES, COUNTS), {"log_input": False, "eps": 1e-3}),
        ((X, COUNTS[0]), {}),
    ],
    "gaussian_nll_loss": [
        ((X, Y, WEIGHT), {}),
        ((X, Y, WEIGHT[:, 0]), {"full": True}),
        ((X, Y, WEIGHT[:, :1]), {"eps": 0.5}),
        ((X, Y, 0.3), {}),
    ],
    "hinge_embedding_loss": [((X, SIGNS), {}), ((X, SIGNS), {"margin": 0.4}), ((X, SIGNS * (COUNTS > 1)), {})],
    "soft_margin_loss": [((X, SIGNS), {}), ((X, ROWS), {})],
    "multi_margin_loss": [
        ((X, IDS), {}),
        ((X, IDS), {"p": 2, "margin": 0.3, "weight": CLASSES}),
        ((X[0], IDS[1]), {"margin": -0.5}),
    ],
    "multilabel_margin_loss": [((X, PRESENT), {}), ((X[0], PRESENT[0]), {})],
    "multilabel_soft_margin_loss": [((X, ROWS), {}), ((X, ROWS), {"weight": CLASSES}), ((X[0], ROWS[0]), {})],
    "margin_ranking_loss": [((X, Y, SIGNS), {}), ((X, Y, SIGNS), {"margin": 0.5}), ((X, X, SIGNS), {})],
    "cosine_embedding_loss": [
        ((X, Y, SIGNS[:, 0]), {}),
        ((X, Y, SIGNS[:, 0]), {"margin": 0.2}),
        ((X[0], Y[0], -1), {"margin": -0.9}),
        ((X, Y, np.array([1, -1, 0, 1])), {}),
    ],
    "triplet_margin_loss": [
        ((A, P, N), {}),
        ((A, P, N), {"margin": 0.2, "p": 1.0, "eps": 1e-2}),
        ((A, P, N), {"p": 3.0, "swap": True}),
        ((A[0], P[0], N[0]), {"p": float("inf")}),
        ((A, A, N), {"eps": 0.0}),
        ((A, P[:1], N), {}),
    ],
    "triplet_margin_with_distance_loss": [((A, P, N), {}), ((A, P, N), {"margin": 3.0, "swap": True})],
}
FLAT = [
    pytest.param(name, *case, reduction, id=f"{name}-{i}-{reduction}")
    for name, cases in CASES.items()
    for i, case in enumerate(cases)
    for reduction in (MEAN, SUM, NONE, *((BATCHMEAN,) if name == "kl_div" else ()))
]


def learned(name, arguments):
    fixed = {1} if name == "soft_margin_loss" else set()  # PyTorch refuses
    return [i for i, a in enumerate(arguments) if isinstance(a, np.ndarray) and a.dtype.kind == "f" and i not in fixed]


def in_torch(name, arguments, keywords, scale):
    given = [torch.tensor(a) if isinstance(a, np.ndarray | np.integer | int) else a for a in arguments]
    keywords = {key: torch.tensor(a) if isinstance(a, np.ndarray) else a for key, a in keywords.items()}
    for i in learned(name, arguments):
        given[i].requires_grad_(True)
    value = getattr(theirs, name)(*given, **keywords)
    if value.requires_grad:
        (value * torch.tensor(scale(value.shape))).sum().backward()
    return value.detach().numpy(), [
        None if given[i].grad is None else given[i].grad.numpy() for i in learned(name, arguments)
    ]


def in_jax(name, arguments, keywords, scale):
    def total(*changed):
        given = list(arguments)
        for i, value in zip(learned(name, arguments), changed, strict=True):
            given[i] = value
        value = getattr(ours, name)(*given, **keywords)
        return jnp.sum(value * scale(value.shape)), value

    changed = [jnp.asarray(arguments[i]) for i in learned(name, arguments)]
    (_, value), slopes = jax.value_and_grad(total, tuple(range(len(changed))), has_aux=True)(*changed)
    return value, slopes


@pytest.mark.parametrize(("name", "arguments", "keywords", "reduction"), FLAT)
def test_values_and_gradients_are_equal(name, arguments, keywords, reduction):
    scale = lambda shape: np.cos(np.arange(np.prod(shape, dtype=int))).reshape(shape)
    due, due_slopes = in_torch(name, arguments, {**keywords, "reduction": reduction}, scale)
    got, slopes = in_jax(name, arguments, {**keywords, "reduction": reduction}, scale)
    assert got.shape == due.shape
    np.testing.assert_allclose(got, due, rtol=1e-11, atol=1e-12)
    for slope, due_slope in zip(slopes, due_slopes, strict=True):
        if due_slope is not None:  # of a target that PyTorch holds fixed
            finite = np.isfinite(due_slope)
            np.testing.assert_allclose(np.asarray(slope)[finite], due_slope[finite], rtol=1e-8, atol=1e-9)
            assert np.isfinite(slope).all()


@pytest.mark.parametrize(
    ("name", "arguments", "keywords", "reduction"), [case for case in FLAT if case.id.endswith(MEAN)]
)
def test_every_array_may_be_traced(name, arguments, keywords, reduction):
    arrays = {key: value for key, value in keywords.items() if isinstance(value, np.ndarray)}
    fixed = {key: value for key, value in keywords.items() if key not in arrays}
    call = lambda given, arrays: getattr(ours, name)(*given, **fixed, **arrays, reduction=reduction)
    assert jax.eval_shape(call, tuple(map(jnp.asarray, arguments)), arrays).shape == ()


@hypothesis.settings(max_examples=12)
@hypothesis.given(
    seed=st.integers(0, 2**16),
    shape=st.sampled_from([(3,), (4, 3), (2, 3, 2)]),
    dense=st.booleans(),
    weighted=st.booleans(),
    smoothing=st.sampled_from([0.0, 0.3]),
    reduction=st.sampled_from([MEAN, SUM, NONE]),
    scale=st.sampled_from([1e-3, 1.0, 30.0]),
)
def test_cross_entropy_is_equal_for_any_arguments(seed, shape, dense, weighted, smoothing, reduction, scale):
    rng = np.random.default_rng(seed)
    logits = scale * rng.normal(size=shape)
    ids = rng.integers(-1, 3, shape[:1] * (len(shape) > 1) + shape[2:])
    keywords = {"reduction": reduction, "label_smoothing": smoothing, "weight": rng.random(3) if weighted else None}
    if not dense:
        keywords["ignore_index"] = -1
    target = rng.random(shape) if dense else np.asarray(ids)
    fixed = lambda shape: np.sin(1 + np.arange(np.prod(shape, dtype=int))).reshape(shape)
    due, due_slopes = in_torch("cross_entropy", (logits, target), keywords, fixed)
    got, slopes = in_jax("cross_entropy", (logits, target), keywords, fixed)
    if reduction == MEAN and not dense and (ids == -1).all():
        due, due_slopes = 0, [np.zeros(shape)]  # a mean over nothing
    np.testing.assert_allclose(got, due, rtol=1e-10, atol=1e-12)
    for slope, due_slope in zip(slopes, due_slopes, strict=True):
        np.testing.assert_allclose(slope, due_slope, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("size_average", "reduce", "reduction"),
    [(True, None, "mean"), (False, None, "sum"), (None, False, "none"), (False, False, "none"), (None, True, "mean")],
)
def test_the_old_names_of_reductions(size_average, reduce, reduction):
    with pytest.warns(UserWarning, match=f"use reduction='{reduction}'"):
        value = ours.mse_loss(X, Y, size_average, reduce)
    np.testing.assert_allclose(value, theirs.mse_loss(torch.tensor(X), torch.tensor(Y), reduction=reduction))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("name", ["mse_loss", "soft_margin_loss", "multilabel_soft_margin_loss", "kl_div"])
def test_dtypes_are_equal(name, dtype):
    loss = functools.partial(getattr(ours, name), reduction="sum")
    got = jax.eval_shape(loss, jnp.asarray(X, dtype), jnp.asarray(SIGNS, dtype))
    assert got.dtype == dtype


@pytest.mark.parametrize("reduction", [MEAN, SUM, NONE])
@pytest.mark.parametrize("zero_infinity", [False, True])
def test_ctc_is_equal(reduction, zero_infinity):
    logits, blank = RNG.normal(size=(9, 3, 5)), 1
    targets, frames, counts = np.array([[2, 2, 3], [4, 0, 0], [3, 3, 3]]), np.array([9, 6, 4]), np.array([3, 2, 3])
    keywords = {"reduction": reduction, "zero_infinity": zero_infinity, "blank": blank}
    given = torch.tensor(logits, requires_grad=True)
    lengths = tuple(map(torch.tensor, (frames, counts)))
    due = theirs.ctc_loss(given.log_softmax(-1), torch.tensor(targets), *lengths, **keywords)
    due.sum().backward()
    for ids in (targets, np.concatenate([row[:n] for row, n in zip(targets, counts, strict=True)])):
        loss = lambda x, ids=ids: ours.ctc_loss(jax.nn.log_softmax(x), ids, frames, counts, **keywords)
        np.testing.assert_allclose(loss(logits), due.detach(), rtol=1e-11)
        slopes = jax.grad(lambda x, loss=loss: jnp.sum(loss(x)))(jnp.asarray(logits))
        assert np.isfinite(slopes).all()
        fits = slice(None) if zero_infinity else slice(2)  # the third does not fit: NaN there, 0 here
        np.testing.assert_allclose(slopes[:, fits], given.grad[:, fits], rtol=1e-8, atol=1e-10)
        assert (slopes[:, 2] == 0).all()
    one = ours.ctc_loss(jax.nn.log_softmax(logits[:, 0]), targets[0], 9, 3, **keywords)
    alone = given[:, 0].log_softmax(-1), torch.tensor(targets[0]), torch.tensor(9), torch.tensor(3)
    np.testing.assert_allclose(one, theirs.ctc_loss(*alone, **keywords).detach(), rtol=1e-11)


# ---- where it is not PyTorch -----------------------------------------------------------------------------------------


def test_a_mean_over_nothing_is_zero():
    nothing = np.full(4, -100)
    value, slope = jax.value_and_grad(ours.cross_entropy)(jnp.asarray(X), nothing)
    assert value == 0
    assert (slope == 0).all()
    assert ours.cross_entropy(X, IDS, weight=np.zeros(5), label_smoothing=0.1) == 0
    assert ours.mse_loss(X[:0], Y[:0]) == 0
    assert torch.isnan(theirs.cross_entropy(torch.tensor(X), torch.tensor(nothing)))


def test_an_ignored_row_may_hold_anything():
    x = jnp.asarray(X).at[1].set(jnp.nan)
    for keywords in ({}, {"weight": CLASSES}, {"weight": CLASSES, "label_smoothing": 0.1}):
        value, slope = jax.value_and_grad(ours.cross_entropy)(x, IGNORED, **keywords)
        assert jnp.isfinite(value)
        assert (slope[1] == 0).all()
    assert (jax.grad(ours.nll_loss)(x, IGNORED)[1] == 0).all()


def test_labels_outside_the_classes_are_nan():
    for loss in (ours.cross_entropy, ours.nll_loss, ours.multi_margin_loss):
        values = loss(X, np.array([0, 5, -1, 2]), reduction="none")
        np.testing.assert_array_equal(np.isnan(values), [False, True, True, False])
    weighted = ours.cross_entropy(X, np.array([0, 5, -1, 2]), CLASSES, label_smoothing=0.1, reduction="none")
    np.testing.assert_array_equal(np.isnan(weighted), [False, True, True, False])
    assert np.isnan(ours.multilabel_margin_loss(X[0], np.array([1, 5, -1, 0, 0])))


def test_no_overflow_and_no_nan_where_there_is_none():
    assert ours.soft_margin_loss(np.array([-1e4]), np.array([1.0])) == 1e4
    assert torch.isinf(theirs.soft_margin_loss(torch.tensor([-1e4]), torch.tensor([1.0])))
    zero, unit = np.zeros(3), np.array([1.0, 0.0, 0.0])
    assert ours.cosine_embedding_loss(zero, unit, 1) == 1
    assert (jax.grad(ours.cosine_embedding_loss)(jnp.asarray(zero), unit, 1) == 0).all()
    impossible = np.array([0.0, 0.0, -np.inf])
    assert ours.kl_div(impossible, np.array([0.5, 0.5, 0.0]), reduction="sum") == np.log(0.5)
    assert ours.cross_entropy(impossible, np.array([0.5, 0.5, 0.0])) == np.log(2)
    assert torch.isnan(theirs.cross_entropy(torch.tensor(impossible), torch.tensor([0.5, 0.5, 0.0])))


def test_the_gradient_of_ctc_is_that_of_its_formula():
    logs = jnp.asarray(RNG.normal(size=(6, 2, 4)))  # not normalized
    targets, frames, counts = np.array([[1, 2], [3, 3]]), np.array([6, 5]), np.array([2, 2])
    loss = lambda x: ours.ctc_loss(x, targets, frames, counts, reduction="sum")
    step = 1e-6 * np.cos(np.arange(logs.size)).reshape(logs.shape)
    difference = (loss(logs + step) - loss(logs - step)) / 2
    np.testing.assert_allclose(jnp.vdot(jax.grad(loss)(logs), step), difference, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "arguments", "keywords"),
    [
        ("mse_loss", (X, Y), {"reduction": "average"}),
        ("mse_loss", (X, Y), {"weight": WEIGHT[0]}),
        ("l1_loss", (X, Y[:3]), {}),
        ("binary_cross_entropy", (PROBABILITIES, ROWS[0]), {}),
        ("binary_cross_entropy_with_logits", (X, ROWS[0]), {}),
        ("cross_entropy", (X, IDS[:2]), {}),
        ("cross_entropy", (X, IDS), {"weight": CLASSES[:3]}),
        ("cross_entropy", (X, IDS), {"label_smoothing": 1.5}),
        ("nll_loss", (X, IDS[:2]), {}),
        ("gaussian_nll_loss", (X, Y, -WEIGHT), {}),
        ("gaussian_nll_loss", (X, Y, WEIGHT[:2, :2]), {}),
        ("multi_margin_loss", (X, IDS), {"p": 3}),
        ("multi_margin_loss", (X, PRESENT), {}),
        ("multilabel_margin_loss", (X, PRESENT[:2]), {}),
        ("triplet_margin_loss", (A, P, N), {"margin": -1.0}),
        ("triplet_margin_loss", (A, P[0], N), {}),
        ("linear_cross_entropy", (X, HEAD[:, :3], IDS), {}),
        ("linear_cross_entropy", (X, HEAD, ROWS[:, :3]), {"ignore_index": 1}),
        ("linear_cross_entropy", (X, HEAD, IDS[:2] % 3), {}),
        ("linear_cross_entropy", (X, HEAD, IDS % 3), {"weight": CLASSES}),
        ("linear_cross_entropy", (X, HEAD, IDS % 3), {"linear_bias": CLASSES}),
        ("linear_cross_entropy", (X[0], HEAD.reshape(1, 3, 5), IDS[:3]), {}),
    ],
)
def test_what_does_not_fit_is_refused(name, arguments, keywords):
    with pytest.raises((ValueError, RuntimeError, IndexError)):
        in_torch(name, arguments, keywords, np.ones)
    with pytest.raises(ValueError, match=f"{name}:|Incompatible shapes"):
        getattr(ours, name)(*arguments, **keywords)
