import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.optimize import minimize

from jaxloss.classification.sparsemax import (
    binary_sparsemax,
    entmax15,
    entmax15_mapping,
    fenchel_young,
    multiclass_sparsemax,
    sparsemax,
)

F32 = 1.2e-7
MAPPINGS = {f.__name__: jax.jit(f) for f in (sparsemax, entmax15_mapping)}


def grad(loss, **options):
    """One compilation instead of one for each operation."""
    return jax.jit(jax.value_and_grad(loss, **options))


def sorted_sparsemax(z):
    """Martins and Astudillo (2016), algorithm 1, in float64."""
    z = np.asarray(z, np.float64)
    z = z - z.max(-1, keepdims=True)
    ordered = -np.sort(-z, -1)
    tau = (np.cumsum(ordered, -1) - 1) / np.arange(1, z.shape[-1] + 1)
    size = np.sum(ordered > tau, -1, keepdims=True)
    return np.maximum(z - np.take_along_axis(tau, size - 1, -1), 0)


def sorted_entmax15(z):
    """Peters, Niculae and Martins (2019), algorithm 2, in float64."""
    z = np.asarray(z, np.float64)
    z = (z - z.max(-1, keepdims=True)) / 2
    ordered, count = -np.sort(-z, -1), np.arange(1, z.shape[-1] + 1)
    mean = np.cumsum(ordered, -1) / count
    spread = np.cumsum(ordered**2, -1) - count * mean**2
    tau = mean - np.sqrt(np.maximum(1 - spread, 0) / count)
    size = np.sum(tau <= ordered, -1, keepdims=True)
    return np.maximum(z - np.take_along_axis(tau, size - 1, -1), 0) ** 2


def rows(kind, classes):
    rng = np.random.default_rng(classes)
    return {
        "normal": rng.normal(size=(4, classes)),
        "uniform": np.full((4, classes), 0.3),
        "ties": 0.4 * rng.integers(0, 3, (4, classes)),
        "close": 1e-3 * rng.normal(size=(4, classes)),
        "tiny": 1e-30 * rng.normal(size=(4, classes)),
        "wide": 1e4 * rng.normal(size=(4, classes)),
        "huge": 1e30 * rng.normal(size=(4, classes)),
        "far from 0": 1000 + rng.normal(size=(4, classes)),
        "geometric": np.tile(-(0.9 ** np.arange(classes)), (4, 1)),  # the support shrinks slowly
    }[kind].astype(np.float32)


KINDS = ["normal", "uniform", "ties", "close", "tiny", "wide", "huge", "far from 0", "geometric"]


@pytest.mark.parametrize("classes", [1, 2, 7, 1000, 32768])
@pytest.mark.parametrize(("mapping", "by_sort"), [(sparsemax, sorted_sparsemax), (entmax15_mapping, sorted_entmax15)])
def test_projection_is_that_of_the_sort(mapping, by_sort, classes):
    z = np.concatenate([rows(kind, classes) for kind in KINDS])
    got, due = np.asarray(jax.jit(mapping)(z), np.float64), by_sort(z)
    # As exact as the gaps to the largest logit are, which beyond 2 do not matter.
    gaps = np.minimum(np.abs(z - z.max(-1, keepdims=True)), 2)
    np.testing.assert_array_less(np.abs(got - due), 8 * F32 * np.maximum(due, gaps) + 1e-37)
    np.testing.assert_allclose(got.sum(-1), 1, rtol=30 * F32)


def test_sparsemax_is_the_closest_point_of_the_simplex():
    z = np.array([0.3, -0.2, 0.9, 0.5])
    found = minimize(
        lambda p: np.sum((p - z) ** 2),
        np.full(4, 0.25),
        bounds=[(0, 1)] * 4,
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
        options={"ftol": 1e-14},
    )
    np.testing.assert_allclose(MAPPINGS["sparsemax"](jnp.asarray(z, jnp.float32)), found.x, atol=1e-6)


def test_entmax15_maximizes_the_regularized_score():
    z = np.array([0.3, -0.9, 0.9, 0.5])
    found = minimize(
        lambda p: 4 / 3 * np.sum(np.maximum(p, 0) ** 1.5) - p @ z,
        np.full(4, 0.25),
        bounds=[(0, 1)] * 4,
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
        options={"ftol": 1e-14},
    )
    np.testing.assert_allclose(MAPPINGS["entmax15_mapping"](jnp.asarray(z, jnp.float32)), found.x, atol=1e-5)


@pytest.mark.parametrize("mapping", [sparsemax, entmax15_mapping])
def test_jacobian_is_symmetric_and_maps_shifts_to_zero(mapping):
    z = jnp.array([0.3, -0.2, 0.9, 0.5, -3.0])
    mapping = MAPPINGS[mapping.__name__]
    forward, reverse = jax.jit(lambda z: (jax.jacfwd(mapping)(z), jax.jacrev(mapping)(z)))(z)
    np.testing.assert_allclose(forward, reverse, atol=1e-7)
    np.testing.assert_allclose(forward, forward.T, atol=1e-7)
    np.testing.assert_allclose(forward.sum(0), 0, atol=1e-7)
    np.testing.assert_array_equal(forward[-1], 0)  # a class of probability 0 has no derivative
    step = 1e-3 * jnp.array([1.0, -2.0, 0.5, 1.0, 1.0])
    np.testing.assert_allclose((mapping(z + step) - mapping(z - step)) / 2, forward @ step, atol=1e-6)


@pytest.mark.parametrize("mapping", [sparsemax, entmax15_mapping])
def test_impossible_classes(mapping):
    mapping = MAPPINGS[mapping.__name__]
    z = jnp.array([[-jnp.inf, 0.0, 0.5], [-jnp.inf, 1.0, -jnp.inf], [-jnp.inf] * 3])
    got = mapping(z)
    np.testing.assert_array_equal(got[0, 1:], mapping(z[0, 1:]))
    np.testing.assert_array_equal(got[1:], [[0, 1, 0], [0, 0, 0]])
    _, slopes = grad(lambda z: jnp.sum(mapping(z)[:, 1]))(z)
    assert np.all(np.isfinite(slopes))
    assert np.all(np.isnan(mapping(jnp.array([jnp.nan, 0.0]))))


def test_mappings_along_another_axis_and_in_bfloat16():
    z = jnp.asarray(rows("normal", 6))
    np.testing.assert_array_equal(jax.jit(lambda z: sparsemax(z, axis=0))(z.T), MAPPINGS["sparsemax"](z).T)
    assert jax.eval_shape(sparsemax, z.astype(jnp.bfloat16)).dtype == jnp.float32
    with pytest.raises(TypeError, match="sparsemax: logits"):
        sparsemax(jnp.arange(3))


def test_multiclass_sparsemax_is_that_of_optax():
    z = jnp.asarray(np.concatenate([rows("normal", 20), rows("ties", 20), 5 * rows("normal", 20)]))
    labels = jnp.arange(12) % 20
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        due, due_slope = grad(lambda z: optax.losses.multiclass_sparsemax_loss(z, labels).mean())(z)
    got, got_slope = grad(multiclass_sparsemax)(z, labels)
    np.testing.assert_allclose(got, due, rtol=1e-6)
    np.testing.assert_allclose(got_slope, due_slope, atol=1e-7)


@pytest.mark.parametrize(("loss", "mapping"), [(multiclass_sparsemax, sparsemax), (entmax15, entmax15_mapping)])
def test_gradient_is_prediction_minus_label(loss, mapping):
    z, labels = jnp.asarray(rows("normal", 6)), jnp.array([0, 3, 5, 1])
    value, slope = grad(lambda z: loss(z, labels, reduction="sum"))(z)
    np.testing.assert_allclose(slope, mapping(z) - jax.nn.one_hot(labels, 6), atol=2e-7)
    np.testing.assert_allclose(jax.jit(loss)(z, jax.nn.one_hot(labels, 6)), value / 4, rtol=1e-6)


@pytest.mark.parametrize(("loss", "lead"), [(multiclass_sparsemax, 1.0), (entmax15, 2.0)])
def test_zero_as_soon_as_the_true_class_leads(loss, lead):
    value, slope = grad(loss)(jnp.array([[lead, 0.0, -1.0]]), jnp.array([0]))
    assert value == 0
    np.testing.assert_array_equal(slope, 0)
    assert jax.jit(loss)(jnp.array([[lead - 0.01, 0.0, -1.0]]), jnp.array([0])) > 0


@pytest.mark.parametrize("loss", [multiclass_sparsemax, entmax15])
def test_zero_where_prediction_and_label_distribution_agree(loss):
    z = jnp.asarray(rows("normal", 6))
    labels = MAPPINGS["sparsemax" if loss is multiclass_sparsemax else "entmax15_mapping"](z)
    value, slope = grad(lambda z: loss(z, labels))(z)
    assert 0 <= value < 1e-12
    np.testing.assert_allclose(slope, 0, atol=1e-7)


@pytest.mark.parametrize("loss", [multiclass_sparsemax, entmax15])
def test_impossible_classes_in_the_losses(loss):
    z = jnp.array([[-jnp.inf, 0.3, 0.0]])
    value, slope = grad(loss)(z, jnp.array([1]))
    np.testing.assert_allclose(value, jax.jit(loss)(z[:, 1:], jnp.array([0])), rtol=1e-6)
    assert np.all(np.isfinite(slope))
    one_hot = jnp.array([[0.0, 1.0, 0.0]])
    _, slopes = grad(loss, argnums=(0, 1))(z, one_hot)
    assert all(np.all(np.isfinite(s)) for s in slopes)
    forward = jax.jit(lambda z: jax.jvp(lambda z: loss(z, one_hot), (z,), (jnp.ones_like(z),))[1])(z)
    assert np.isfinite(forward)
    assert jax.jit(loss)(z, jnp.array([0])) == jnp.inf


def test_hessian_of_a_constant_one_hot_label_is_finite():
    hessian = jax.jit(jax.hessian(lambda z: entmax15(z, jnp.array([[1.0, 0.0, 0.0]]))))
    assert np.all(np.isfinite(hessian(jnp.array([[0.3, 0.1, -0.4]]))))


def test_labels_of_any_sum():
    # Labels of sum 2 are compared with the projection on the simplex of sum 2.
    z, labels = jnp.array([[0.5, 0.2, -4.0]]), jnp.array([[1.15, 0.85, 0.0]])
    value, slope = grad(multiclass_sparsemax)(z, labels)
    assert value < 1e-12
    np.testing.assert_allclose(slope, 0, atol=1e-6)
    assert jax.jit(multiclass_sparsemax)(z, jnp.zeros((1, 3))) == 0


def test_binary_sparsemax_is_that_of_optax():
    logits = jnp.linspace(-3, 3, 25)  # with the kinks -1 and 1
    labels = jnp.arange(25) % 2
    due, due_slope = grad(lambda z: jnp.mean(optax.losses.sparsemax_loss(z, labels)))(logits)
    got, got_slope = grad(lambda z: binary_sparsemax(z, labels))(logits)
    np.testing.assert_allclose(got, due, rtol=1e-6)
    np.testing.assert_allclose(got_slope, due_slope, atol=1e-8)


def test_binary_sparsemax_is_multiclass_sparsemax_of_two_classes():
    logits, labels = jnp.linspace(-3, 3, 25), jnp.linspace(0, 1, 25)
    pairs = jnp.stack([logits, jnp.zeros(25)], -1)
    due = jax.jit(lambda z, y: multiclass_sparsemax(z, y, reduction="none"))(pairs, jnp.stack([labels, 1 - labels], -1))
    got = jax.jit(lambda z, y: binary_sparsemax(z, y, reduction="none"))(logits, labels)
    np.testing.assert_allclose(got, due, rtol=1e-6, atol=1e-7)


def test_fenchel_young_is_that_of_optax():
    scores, targets = jnp.asarray(rows("normal", 6)), jax.nn.one_hot(jnp.arange(4), 6)
    peer, loss = optax.losses.make_fenchel_young_loss(jax.nn.logsumexp), fenchel_young(jax.nn.logsumexp)
    due, due_slope = grad(lambda s: peer(s, targets).mean())(scores)
    for along, axis in ((lambda x: x, -1), (jnp.transpose, 0)):
        got, got_slope = grad(lambda s, along=along, axis=axis: loss(along(s), along(targets), axis=axis))(scores)
        np.testing.assert_allclose(got, due, rtol=1e-6)
        np.testing.assert_allclose(got_slope, due_slope, atol=1e-7)


def test_fenchel_young_of_an_impossible_class():
    scores, targets = jnp.array([[-jnp.inf, 1.0, 0.0]]), jnp.array([[0.0, 1.0, 0.0]])
    value, slope = grad(fenchel_young(jax.nn.logsumexp))(scores, targets)
    np.testing.assert_allclose(value, np.log1p(np.exp(-1.0)), rtol=1e-6)
    assert np.all(np.isfinite(slope))
