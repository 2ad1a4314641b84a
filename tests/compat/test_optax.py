"""`jaxloss.compat.optax` is `optax.losses`: names, signatures, dtypes, values and gradients, and optax's own tests."""

import functools
import importlib.util
import inspect
import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax.losses
import pytest

from jaxloss.compat import optax as ours

NAMES = sorted(name for name, value in vars(optax.losses).items() if inspect.isfunction(value))
PARTS = ["classification", "fenchel_young", "ranking", "regression", "segmentation", "self_supervised", "smoothing"]


@pytest.fixture(autouse=True)
def lenient():
    """What optax needs; that ours does not is tested below."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def test_every_name_is_there():
    assert ours.__all__ == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_signatures_are_equal(name):
    parameters = [
        [(p.name, p.kind, p.default) for p in inspect.signature(getattr(library, name)).parameters.values()]
        for library in (ours, optax.losses)
    ]
    assert parameters[0] == parameters[1]


@functools.cache
def optax_tests():
    """Outcomes of optax's own tests with our functions, and how often each of these was called."""
    runner = Path(__file__).with_name("run_optax_tests.py")
    run = subprocess.run([sys.executable, str(runner)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_optax_own_tests_pass(part):
    if importlib.util.find_spec(f"optax.losses._{part}_test") is None:
        pytest.skip("this optax ships no tests")
    outcomes = {name: text for name, text in optax_tests()["outcomes"].items() if f"._{part}_test." in name}
    assert outcomes
    assert {name: text for name, text in outcomes.items() if text != "passed"} == {}


@pytest.mark.slow
def test_optax_own_tests_call_every_function():
    assert optax_tests()["calls"].keys() == set(NAMES)
    assert min(optax_tests()["calls"].values()) > 0


# ---- equal values and gradients --------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 4, 5))
P = RNG.dirichlet(np.ones(5), 4)
MASK = RNG.random((4, 5)) < 0.7
MASK[:, 0] = True
ROWS = np.array([True, False, True, True])
IDS = np.array([0, 4, 2, 1])
SIGNS = np.where(Y > 0, 1.0, -1.0)
CUBE, CUBE_P = RNG.normal(size=(2, 3, 4)), RNG.dirichlet(np.ones(4), (2, 3))
CUBE_MASK = RNG.random((2, 3, 4)) < 0.6
CUBE_MASK[..., 0] = True
IMAGE, SEGMENTS = RNG.normal(size=(2, 3, 4, 3)), np.eye(3)[RNG.integers(0, 3, (2, 3, 4))]
SIMPLEX = RNG.dirichlet(np.ones(3), (2, 3, 4))
Z = RNG.normal(size=(4, 5))

CASES = {  # name and number of arguments that are differentiated: positional arguments, keywords
    "squared_error": [((X, Y), {}), ((X,), {})],
    "l2_loss": [((X, Y), {}), ((X,), {})],
    "huber_loss": [((X, Y), {}), ((X,), {"delta": 0.3}), ((X, Y[0]), {"delta": np.abs(Y) + 0.1}), ((X, 0.5), {})],
    "log_cosh": [((X, Y), {}), ((X[0],), {}), ((X[:, :1], Y), {})],
    "cosine_similarity": [
        ((X, Y), {}),
        ((X, Y[0]), {}),
        ((X, Y), {"axis": 0}),
        ((X, Y), {"axis": None, "where": MASK}),
        ((CUBE, CUBE_P), {"axis": (0, 2), "where": CUBE_MASK}),
        ((X, Y), {"epsilon": 1e-3}),
        ((X * [[1e-3], [1], [1], [1e-4]], Y), {"epsilon": 1e-2}),
        ((X * 0, Y), {"epsilon": 1e-2}),
    ],
    "cosine_distance": [
        ((X, Y), {}),
        ((X, Y), {"axis": (0, 1), "epsilon": 1e-8}),
        ((X * [[1e-3], [1], [1], [1e-4]], Y), {"epsilon": 1e-2, "where": MASK}),
    ],
    "sigmoid_binary_cross_entropy": [((X, P), {}), ((X, MASK), {}), ((X, P[0]), {}), ((X[0], P), {})],
    "sigmoid_focal_loss": [
        ((X, P), {}),
        ((X, MASK), {"alpha": 0.25, "gamma": 1.5}),
        ((X, P), {"alpha": P, "gamma": np.array([0.5, 1, 2, 3, 4])}),
        ((X, P[0]), {"gamma": 0, "alpha": 2.0}),
        ((X, P), {"gamma": -0.5}),
    ],
    "softmax_cross_entropy": [
        ((X, P), {}),
        ((X, P[0]), {}),
        ((X[0], P), {}),
        ((X, Y), {"axis": 0}),
        ((X, P), {"axis": None}),
        ((X[0], P), {"axis": None}),
        ((X, MASK.astype(int)), {}),
        ((X, P), {"where": MASK}),
        ((X, P), {"where": ROWS}),
        ((X, P), {"where": MASK[0][None]}),
        ((CUBE, CUBE_P), {"axis": (0, 2), "where": CUBE_MASK}),
        ((CUBE, CUBE_P), {"axis": (2, 0)}),
        ((X[:, :1], P), {}),
    ],
    "safe_softmax_cross_entropy": [((X, P), {}), ((X, P[0]), {})],
    "softmax_cross_entropy_with_integer_labels": [
        ((X, IDS), {}),
        ((X, IDS[:1]), {}),
        ((X, IDS[[0, 1, 2, 3, 0]] % 4), {"axis": 0}),
        ((X, IDS), {"where": MASK}),
        ((X, IDS), {"where": ROWS}),
        ((CUBE, np.array([0, 5, 7])), {"axis": (0, 2), "where": CUBE_MASK}),
        ((CUBE, np.array([0, 5, 7])), {"axis": (2, 0)}),
    ],
    "poly_loss_cross_entropy": [
        ((X, P), {}),
        ((X, P), {"epsilon": -1.0, "where": MASK}),
        ((X, P), {"epsilon": np.array([0.0, 1.0, 2.0, -1.0])}),
        ((CUBE, CUBE_P), {"axis": (0, 2)}),
    ],
    "ranking_softmax_loss": [
        ((X, P), {}),
        ((X, MASK), {"where": MASK}),
        ((X, P), {"weights": np.abs(Y), "reduce_fn": jnp.sum}),
        ((X, P), {"weights": np.abs(Y[0]), "reduce_fn": None, "where": MASK & ROWS[:, None]}),
        ((X, P), {"where": MASK & ROWS[:, None], "reduce_fn": functools.partial(jnp.max, initial=-1.0)}),
    ],
    "smooth_labels": [
        ((P, 0.1), {}),
        ((P, np.array([[0.1], [0.2], [0.0], [1.0]])), {"axis": None}),
        ((P, 0.3), {"where": MASK}),
        ((CUBE_P, 0.3), {"axis": (0, 2), "where": CUBE_MASK}),
    ],
    "kl_divergence": [
        ((np.log(P), P[::-1]), {}),
        ((np.log(P[0]), P), {}),
        ((X, P), {"axis": 0, "where": MASK}),
        ((CUBE, CUBE_P), {"axis": (0, 2), "where": CUBE_MASK}),
        ((CUBE, CUBE_P), {"axis": None}),
    ],
    "kl_divergence_with_log_targets": [((np.log(P), np.log(P[::-1])), {}), ((X, Y[0]), {"where": MASK, "axis": None})],
    "generalized_kl_divergence": [((X, P), {}), ((X, P[0]), {"where": ROWS[:, None]}), ((CUBE, CUBE_P), {"axis": 1})],
    "hinge_loss": [((X, SIGNS), {}), ((X, SIGNS[0]), {}), ((X, SIGNS.astype(int)), {}), ((SIGNS.astype(int), 1), {})],
    "perceptron_loss": [((X, SIGNS), {}), ((np.array([2, -3]), np.array([1, 1])), {})],
    "sparsemax_loss": [((X, MASK), {}), ((X, MASK[0] * 2), {}), ((X, np.eye(4, 5)), {})],
    "multiclass_hinge_loss": [((X, IDS), {}), ((X, 2), {}), ((CUBE, IDS[:3] % 4), {})],
    "multiclass_perceptron_loss": [((X, IDS), {}), ((X[0], IDS), {})],
    "multiclass_sparsemax_loss": [((X, IDS), {}), ((3 * X, IDS), {})],
    "ntxent": [
        ((X, np.array([0, 0, 1, 1])), {}),
        ((X, np.array([0.5, 0.5, 0.5, 1])), {"temperature": 0.5}),
        ((X * [[1e-9], [1], [1], [1]], np.array([7, 7, 1, 1])), {"temperature": 0.3}),
    ],
    "triplet_margin_loss": [
        ((X, Y, Z), {}),
        ((X, Y[0], Z), {"margin": np.arange(4.0), "eps": 1e-3}),
        ((X, Y, Z), {"norm_degree": 4, "axis": 0}),
        ((X, Y, Z), {"norm_degree": np.array(2.0)}),
    ],
    "dice_loss": [
        ((IMAGE, SEGMENTS), {}),
        ((IMAGE, SEGMENTS.astype(bool)), {"reduction": "none", "smooth": 0.1, "alpha": 0.3, "beta": 0.7}),
        (
            (IMAGE, SEGMENTS),
            {"reduction": "sum", "class_weights": np.array([1.0, 2.0, 3.0]), "ignore_background": True},
        ),
        ((IMAGE, SEGMENTS), {"axis": (0, 1, 2)}),
        ((IMAGE, SEGMENTS), {"axis": 1, "reduction": "none"}),
        ((SIMPLEX, SEGMENTS), {"apply_softmax": False}),
        ((IMAGE[..., 0], SEGMENTS[..., :1]), {}),
        ((IMAGE[..., :1], SEGMENTS[..., 0]), {"ignore_background": True}),
    ],
    "binary_dice_loss": [((IMAGE[..., 0], SEGMENTS[..., 0]), {}), ((IMAGE[..., :1], SEGMENTS[..., :1]), {"smooth": 3})],
    "multiclass_generalized_dice_loss": [
        ((IMAGE, SEGMENTS), {}),
        ((IMAGE, SEGMENTS), {"smooth": 0.5, "ignore_background": True}),
        ((SIMPLEX, SEGMENTS), {"apply_softmax": False}),
    ],
    "ctc_loss": [],
    "ctc_loss_with_forward_probs": [],
}
FLAT = [pytest.param(name, *case, id=f"{name}-{i}") for name, cases in CASES.items() for i, case in enumerate(cases)]


def value_and_gradients(library, name, arguments, keywords):
    """Value, and its gradients in the real arguments after a product with fixed numbers."""
    real = [i for i, a in enumerate(arguments) if np.asarray(a).dtype.kind == "f"]

    def total(*changed):
        given = list(arguments)
        for i, value in zip(real, changed, strict=True):
            given[i] = value
        value = getattr(library, name)(*given, **keywords)
        return jnp.sum(value * jnp.cos(jnp.arange(value.size, dtype=value.dtype)).reshape(value.shape)), value

    if not real:
        return getattr(library, name)(*arguments, **keywords), ()
    (_, value), gradients = jax.value_and_grad(total, tuple(range(len(real))), has_aux=True)(
        *(arguments[i] for i in real)
    )
    return value, gradients


def assert_equal_or_better(got, due, rtol, atol):
    """Equal wherever theirs is finite, and finite where it is not."""
    finite = np.isfinite(due)
    np.testing.assert_allclose(np.asarray(got)[finite], np.asarray(due)[finite], rtol=rtol, atol=atol)
    assert np.isfinite(got).all()


@pytest.mark.parametrize(("name", "arguments", "keywords"), FLAT)
def test_values_and_gradients_are_equal(name, arguments, keywords):
    with jax.enable_x64(True):
        arguments = [jnp.asarray(a) for a in arguments]
        got, slopes = value_and_gradients(ours, name, arguments, keywords)
        due, due_slopes = value_and_gradients(optax.losses, name, arguments, keywords)
        assert (got.shape, got.dtype) == (due.shape, due.dtype)
        np.testing.assert_allclose(got, due, rtol=1e-11, atol=1e-12)
        for slope, due_slope in zip(slopes, due_slopes, strict=True):
            # optax's slopes along labels behind a mask are NaN, of the softmax losses
            assert_equal_or_better(slope, due_slope, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("name", "arguments", "keywords"), FLAT)
def test_shapes_and_dtypes_are_equal(name, arguments, keywords, dtype):
    if not keywords.get("apply_softmax", True):
        pytest.skip("looks at the values")
    for first_alone in (False, True):  # the others stay float32
        given = [jnp.asarray(a) for a in arguments]
        given = [
            a.astype(dtype) if a.dtype == jnp.float32 and not (i and first_alone) else a for i, a in enumerate(given)
        ]
        got, due = (
            jax.eval_shape(functools.partial(getattr(x, name), **keywords), *given) for x in (ours, optax.losses)
        )
        assert (got.shape, got.dtype) == (due.shape, due.dtype)


@pytest.mark.parametrize(
    ("name", "arguments", "parameters"),
    [
        ("huber_loss", (X, Y), {"delta": 0.5}),
        ("sigmoid_focal_loss", (X, P), {"gamma": 1.5, "alpha": 0.3}),
        ("poly_loss_cross_entropy", (X, P), {"epsilon": 2.0}),
        ("smooth_labels", (P,), {"alpha": 0.2}),
        ("ntxent", (X, np.array([0, 0, 1, 1])), {"temperature": 0.4}),
        ("triplet_margin_loss", (X, Y, Z), {"margin": 0.5, "eps": 1e-2, "norm_degree": 2.0}),
        ("cosine_similarity", (X, Y), {"epsilon": 4.0}),
        ("dice_loss", (IMAGE, SEGMENTS), {"smooth": 0.3, "alpha": 0.4, "beta": 0.6}),
        ("ranking_softmax_loss", (X, P), {"weights": np.abs(Y)}),
    ],
)
def test_gradients_of_the_parameters_are_equal(name, arguments, parameters):
    with jax.enable_x64(True):
        arguments = [jnp.asarray(a) for a in arguments]
        parameters = {key: jnp.asarray(value) for key, value in parameters.items()}
        total = lambda library, parameters: jnp.sum(getattr(library, name)(*arguments, **parameters))
        got, due = (jax.jit(jax.grad(functools.partial(total, x)))(parameters) for x in (ours, optax.losses))
        for key in parameters:
            assert_equal_or_better(got[key], due[key], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "cosine_distance", "kl_divergence", "triplet_margin_loss"])
def test_forward_mode_and_batching(name):
    arguments = [jnp.asarray(a) for a in ((X, Y, Z) if name == "triplet_margin_loss" else (X, P))]
    loss = getattr(ours, name)
    np.testing.assert_allclose(jax.vmap(loss)(*arguments), loss(*arguments), rtol=1e-6)
    change = jnp.cos(jnp.arange(X.size, dtype=jnp.float32)).reshape(X.shape)
    _, forward = jax.jvp(lambda x: loss(x, *arguments[1:]), (arguments[0],), (change,))
    backward = jax.grad(lambda x: jnp.sum(loss(x, *arguments[1:])))(arguments[0])
    np.testing.assert_allclose(jnp.sum(forward), jnp.sum(backward * change), rtol=1e-4)


SPEECH = RNG.normal(size=(3, 7, 5))
GAPS = np.array([[0, 0, 0, 1, 1, 1, 1], [1, 0, 0, 1, 0, 1, 0], [1, 1, 0, 1, 1, 1, 1]], float)
SPEECH_PADS = np.array([[0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 1, 1, 1]], float)
WORDS = np.array([[1, 2, 2], [3, 1, 0], [4, 0, 0]])
WORD_PADS = np.array([[0, 0, 0], [0, 0, 1], [1, 1, 1]], float)


@pytest.mark.parametrize("keywords", [{}, {"blank_id": 4, "log_epsilon": -50.0}])
@pytest.mark.parametrize("pads", [SPEECH_PADS, GAPS], ids=["behind", "between and too many"])
def test_ctc_is_equal(keywords, pads):
    with jax.enable_x64(True):
        data = map(jnp.asarray, (pads, WORDS % 4, WORD_PADS))
        call = lambda library: functools.partial(library.ctc_loss_with_forward_probs, **keywords)
        total = lambda library, x, *rest: jnp.sum(library.ctc_loss(x, *rest, **keywords) * jnp.arange(1.0, 4))
        data = tuple(data)
        for got, due in zip(*(call(library)(SPEECH, *data) for library in (ours, optax.losses)), strict=True):
            assert got.dtype == due.dtype
            np.testing.assert_allclose(got, due, rtol=1e-12, atol=1e-12)
        got, due = (
            jax.jit(jax.grad(functools.partial(total, library)))(SPEECH, *data) for library in (ours, optax.losses)
        )
        np.testing.assert_allclose(got, due, rtol=1e-9, atol=1e-12)


# ---- right where optax is not ----------------------------------------------------------------------------------------


def test_a_mask_hides_what_is_behind_it():
    x = jnp.array([[1.0, 2.0, jnp.nan], [jnp.inf, 0.0, jnp.nan]])
    y = jnp.array([[0.25, 0.75, jnp.nan], [0.5, 0.5, jnp.inf]])
    mask = jnp.array([[True, True, False], [False, True, False]])
    for name in ("softmax_cross_entropy", "poly_loss_cross_entropy", "kl_divergence", "generalized_kl_divergence"):
        for loss in (getattr(ours, name), ours.cosine_distance, ours.kl_divergence_with_log_targets):
            for argument in (0, 1):
                slopes = jax.grad(lambda *data, f=loss: jnp.sum(f(*data, where=mask)), argument)(x, y)
                assert jnp.isfinite(slopes).all()
                assert (slopes[~mask] == 0).all()


def test_an_impossible_class_without_a_label_costs_nothing():
    logits, labels = jnp.array([[0.0, 0.0, -jnp.inf]]), jnp.array([[0.5, 0.5, 0.0]])
    value, slope = jax.value_and_grad(lambda z: ours.softmax_cross_entropy(z, labels)[0])(logits)
    np.testing.assert_allclose(value, np.log(2), rtol=1e-6)
    assert (slope == 0).all()
    assert abs(ours.kl_divergence(jnp.log(labels), labels)[0]) < 1e-8  # the logarithms are rounded
    assert jax.grad(lambda t: ours.kl_divergence(jnp.log(labels), t)[0])(labels)[0, 2] == 0
    assert ours.kl_divergence_with_log_targets(jnp.log(labels), jnp.log(labels)) == 0
    assert jnp.isnan(optax.losses.kl_divergence_with_log_targets(jnp.log(labels), jnp.log(labels))).all()


@pytest.mark.parametrize(
    ("name", "arguments", "due"),
    [
        ("log_cosh", (1e-3,), 4.9999991666669e-07),
        ("cosine_distance", ([1.0, 1e-6], [1.0, 0.0]), 5e-13),
        ("softmax_cross_entropy", ([20.0, 0.0], [1.0, 0.0]), 2.0611536e-09),
        ("softmax_cross_entropy_with_integer_labels", ([20.0, 0.0], 0), 2.0611536e-09),
        ("generalized_kl_divergence", (np.log([0.5, 0.5]), [0.5 + 2.0**-20, 0.5 - 2.0**-20]), 2.0**-39),
        ("dice_loss", ([[[20.0]]], [[[1.0]]]), 5.152884e-10),
        ("sigmoid_focal_loss", (-30.0, 1.0), 30.0),
        ("huber_loss", (1e30,), 1e30),
        ("triplet_margin_loss", ([1e30, 0.0], [0.0, 0.0], [0.0, 0.0]), 1.0),
    ],
)
def test_digits_that_optax_loses(name, arguments, due):
    arguments = [jnp.asarray(a) for a in arguments]
    tight = 5e-3 if name == "generalized_kl_divergence" else 5e-7  # log 0.5 is rounded
    np.testing.assert_allclose(jnp.ravel(getattr(ours, name)(*arguments)), due, rtol=tight)
    if name not in ("sigmoid_focal_loss", "huber_loss"):
        assert not np.allclose(jnp.ravel(getattr(optax.losses, name)(*arguments)), due, rtol=1e-3, atol=0)


def test_zero_vectors_are_neither_near_nor_far():
    zero, unit = jnp.zeros(3), jnp.array([1.0, 0.0, 0.0])
    assert ours.cosine_similarity(zero, unit) == 0
    assert jnp.isfinite(jax.grad(ours.cosine_similarity)(zero, unit)).all()
    assert jnp.isnan(optax.losses.cosine_similarity(zero, unit))
    loss = lambda library, x: library.triplet_margin_loss(x, x, unit, eps=0.0)
    assert jnp.isfinite(jax.grad(functools.partial(loss, ours))(zero)).all()
    assert jnp.isnan(jax.grad(functools.partial(loss, optax.losses))(zero)).any()


def test_labels_outside_the_classes_are_nan():
    x = jnp.ones((2, 3))
    for name in ("softmax_cross_entropy_with_integer_labels", "multiclass_hinge_loss", "multiclass_sparsemax_loss"):
        assert jnp.isnan(getattr(ours, name)(x, jnp.array([-1, 3]))).all()
        assert not jnp.isnan(getattr(optax.losses, name)(x, jnp.array([-1, 3]))).all()


def test_odd_norms_are_of_absolute_differences():
    a, p, n = jnp.array([0.0, 0.0]), jnp.array([1.0, -1.0]), jnp.array([2.0, 1.0])
    np.testing.assert_allclose(ours.triplet_margin_loss(a, p, n, norm_degree=1, eps=0.0, margin=1.5), 0.5)
    np.testing.assert_allclose(ours.triplet_margin_loss(a, p, n, norm_degree=jnp.array(1), eps=0.0, margin=1.5), 0.5)
    cubes = ours.triplet_margin_loss(a, p, n, norm_degree=3, eps=0.0, margin=1.0)
    np.testing.assert_allclose(cubes, 2 ** (1 / 3) - 9 ** (1 / 3) + 1, rtol=1e-6)


def test_nothing_there_costs_nothing():
    nothing = jnp.zeros((1, 4, 1))
    assert ours.dice_loss(nothing, nothing, smooth=0.0, apply_softmax=False) == 0
    assert jnp.isnan(optax.losses.dice_loss(nothing + 1, nothing, smooth=0.0, alpha=0.0, apply_softmax=False)).all()
    assert ours.ntxent(jnp.ones((2, 2)), jnp.array([0, 1])) == 0
    only_positives = jax.grad(ours.ntxent)(jnp.eye(3), jnp.zeros(3, int))
    assert jnp.isfinite(only_positives).all()


def test_binary_dice_takes_probabilities():
    p, t = jnp.array([[0.9, 0.6, 0.3]]), jnp.array([[1, 1, 0]])
    np.testing.assert_allclose(
        ours.binary_dice_loss(p, t, smooth=0.0, apply_sigmoid=False), 1 - 2 * 1.5 / 3.8, rtol=1e-6
    )
    with pytest.raises(ValueError, match="sum to 1"):  # of one class
        optax.losses.binary_dice_loss(p, t, smooth=0.0, apply_sigmoid=False)


def test_ctc_hides_padded_frames_and_knows_its_classes():
    data = jnp.asarray(SPEECH_PADS), jnp.asarray(WORDS), jnp.asarray(WORD_PADS)
    x = jnp.where(data[0][..., None] == 1, jnp.nan, jnp.asarray(SPEECH))
    slopes = jax.grad(lambda x: jnp.sum(ours.ctc_loss(x, *data)))(x)
    assert jnp.isfinite(slopes).all()
    assert (slopes[data[0] == 1] == 0).all()
    impossible = jnp.asarray(SPEECH).at[..., 3].set(-jnp.inf)
    assert jnp.isfinite(ours.ctc_loss(impossible, *data)[0])
    assert jnp.isnan(optax.losses.ctc_loss(impossible, *data)[0])
    outside = ours.ctc_loss(jnp.asarray(SPEECH), data[0], data[1].at[0, 0].set(5).at[1, 2].set(-1), data[2])
    assert jnp.isnan(outside[0])
    assert jnp.isfinite(outside[1:]).all()


# ---- errors and settings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "keywords"),
    [
        ("squared_error", (X, X.T), {}),
        ("l2_loss", (X, X[0]), {}),
        ("squared_error", (IDS, IDS), {}),
        ("log_cosh", (IDS,), {}),
        ("sigmoid_binary_cross_entropy", (IDS, IDS), {}),
        ("softmax_cross_entropy", (IDS, IDS), {}),
        ("softmax_cross_entropy", (X, P), {"axis": 2}),
        ("softmax_cross_entropy_with_integer_labels", (X, Y[:, 0]), {}),
        ("softmax_cross_entropy_with_integer_labels", (X, IDS), {"axis": None}),
        ("softmax_cross_entropy_with_integer_labels", (X, IDS), {"axis": 2}),
        ("softmax_cross_entropy_with_integer_labels", (X, IDS[:2]), {}),
        ("poly_loss_cross_entropy", (X, MASK.astype(int)), {}),
        ("kl_divergence", (X, IDS), {}),
        ("cosine_distance", (X, MASK), {}),
        ("perceptron_loss", (X, SIGNS[0]), {}),
        ("smooth_labels", (MASK.astype(int), 0.1), {}),
        ("ntxent", (X, IDS[:2]), {}),
        ("ntxent", (X.astype(int), IDS), {}),
        ("triplet_margin_loss", (X, X, X.astype(int)), {}),
        ("dice_loss", (IMAGE, SEGMENTS[..., :2]), {}),
        ("dice_loss", (IMAGE, SEGMENTS), {"reduction": "median"}),
        ("dice_loss", (IMAGE, SEGMENTS), {"apply_softmax": False}),
        ("dice_loss", (IMAGE, SEGMENTS), {"class_weights": np.ones((1, 3))}),
        ("multiclass_generalized_dice_loss", (IMAGE, SEGMENTS[..., :2]), {}),
        ("ctc_loss", (SPEECH, SPEECH_PADS, WORDS[:2], WORD_PADS[:2]), {}),
        ("ctc_loss", (SPEECH, SPEECH_PADS[:, :2], WORDS, WORD_PADS), {}),
    ],
)
def test_errors_are_of_the_same_kind(name, arguments, keywords):
    arguments = [jnp.asarray(a) for a in arguments]
    with pytest.raises((TypeError, ValueError)) as theirs:
        getattr(optax.losses, name)(*arguments, **keywords)
    with pytest.raises(theirs.type):
        getattr(ours, name)(*arguments, **keywords)


def test_convex_kl_divergence_warns():
    with pytest.warns(DeprecationWarning, match="use generalized_kl_divergence"):
        value = ours.convex_kl_divergence(jnp.log(P), jnp.asarray(P))
    np.testing.assert_allclose(value, 0, atol=1e-6)


@pytest.mark.parametrize(("name", "arguments", "keywords"), FLAT)
def test_works_under_strict_settings(name, arguments, keywords):
    if "reduce_fn" in keywords:
        pytest.skip("a function of the caller's")
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        jax.eval_shape(ours.ctc_loss, *map(jnp.asarray, (SPEECH, SPEECH_PADS, WORDS, WORD_PADS)))
        jax.eval_shape(lambda *a: getattr(ours, name)(*a, **keywords), *map(jnp.asarray, arguments))
