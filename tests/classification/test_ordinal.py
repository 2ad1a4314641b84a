import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from jaxloss.classification.binary import sigmoid_binary_cross_entropy
from jaxloss.classification.normal import log_ndtr
from jaxloss.classification.ordinal import coral, cumulative_link, squared_earth_mover

LOGITS = np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)
RANKS = np.array([0, 1, 2, 3, 4, 5, 2, 0], np.int32)
THRESHOLDS = jnp.array([-2.0, -0.5, 0.25, 3.0])
SCORES = jnp.linspace(-4, 4, 10)
CLASSES = jnp.arange(10) % 5


def grad(loss, **options):
    """One compilation instead of one for each operation."""
    return jax.jit(jax.value_and_grad(loss, **options))


# --- coral --------------------------------------------------------------------------------------------------------


def test_coral_published_example():
    # docs of coral_pytorch.losses.coral_loss: levels 1100, 1000, 1111
    logits = jnp.array([[2.1, 1.8, -2.1, -1.8], [1.9, -1.0, -1.5, -1.3], [1.9, 1.8, 1.7, 1.6]])
    np.testing.assert_allclose(coral(logits, jnp.array([2, 1, 4])), 0.6920, atol=5e-5)


def test_coral_is_cross_entropy_of_the_levels():
    levels = (np.arange(5) < RANKS[:, None]).astype(np.float32)
    due, due_slope = grad(lambda z: sigmoid_binary_cross_entropy(z, levels, reduction="sum") / 8)(LOGITS)
    for labels in (RANKS, levels):
        got, slope = grad(coral)(LOGITS, labels)
        np.testing.assert_allclose(got, due, rtol=1e-6)
        np.testing.assert_allclose(slope, due_slope, rtol=1e-6)


def test_coral_along_another_axis_with_importance_weights():
    weights = jnp.array([1.0, 0.5, 2.0, 0.0, 1.5])
    got = jax.jit(lambda z: coral(z, RANKS, axis=0, importance_weights=weights, reduction="none"))(LOGITS.T)
    due = jax.jit(lambda z: coral(z, RANKS, importance_weights=weights, reduction="none"))(LOGITS)
    np.testing.assert_allclose(got, due, rtol=1e-6)
    slope = jax.jit(jax.grad(lambda w: coral(LOGITS, RANKS, importance_weights=w, reduction="sum")))(weights)
    plain = np.log1p(np.exp(np.where(np.arange(5) < RANKS[:, None], -LOGITS, LOGITS))).sum(0)
    np.testing.assert_allclose(slope, plain, rtol=1e-6)
    with pytest.raises(ValueError, match=r"coral: importance_weights must have shape \(5,\)"):
        coral(LOGITS, RANKS, importance_weights=jnp.ones(4))


def test_coral_ranks_never_wrap():
    logits, ranks = LOGITS[:3], jnp.array([-1, 5, 6])  # 5 logits tell 6 ranks apart
    values = jax.jit(lambda z: coral(z, ranks, reduction="none"))(logits)
    np.testing.assert_array_equal(np.isnan(values), [True, False, True])
    slope = jax.jit(jax.grad(lambda z: coral(z, ranks, reduction="sum")))(logits)
    np.testing.assert_array_equal(np.isnan(slope), np.array([[True], [False], [True]]) & np.ones(5, bool))
    ignored = jax.jit(lambda z: coral(z, ranks, ignore_index=-1, where=jnp.array([True, True, False])))
    np.testing.assert_allclose(ignored(logits), values[1], rtol=1e-6)


def test_coral_of_infinite_logits():
    logits = jnp.array([[jnp.inf, -jnp.inf]])
    for labels in (jnp.array([1]), jnp.array([[1.0, 0.0]])):
        value, slope = grad(coral)(logits, labels)
        assert value == 0
        np.testing.assert_array_equal(slope, 0)


# --- cumulative link ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("link", "cdf"), [("logit", special.expit), ("probit", special.ndtr)])
def test_cumulative_link_by_definition(link, cdf):
    cuts = np.concatenate([[-np.inf], np.asarray(THRESHOLDS), [np.inf]])
    s, y = np.asarray(SCORES, np.float64), np.asarray(CLASSES)
    got = jax.jit(lambda s: cumulative_link(s, CLASSES, thresholds=THRESHOLDS, link=link, reduction="none"))(SCORES)
    np.testing.assert_allclose(got, -np.log(cdf(cuts[y + 1] - s) - cdf(cuts[y] - s)), rtol=2e-6)


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_cumulative_link_of_two_classes_is_a_binary_loss(link):
    thresholds = jnp.array([0.5])
    got = jax.jit(lambda s: cumulative_link(s, CLASSES % 2, thresholds=thresholds, link=link, reduction="none"))(SCORES)
    x = np.where(CLASSES % 2, 1, -1) * (np.asarray(SCORES, np.float64) - 0.5)
    np.testing.assert_allclose(got, -(stats.logistic if link == "logit" else stats.norm).logcdf(x), rtol=1e-6)


@pytest.mark.parametrize("link", ["logit", "probit"])
@pytest.mark.parametrize("score", [-1e4, -50.0, 0.0, 50.0, 1e4])
@pytest.mark.parametrize("width", [1e-30, 1e-6])
def test_cumulative_link_of_close_thresholds_and_saturated_scores(link, score, width):
    # Between thresholds this close the density is constant: -log(density) - log(width).
    thresholds = jnp.array([0.0, width])
    value, slope = grad(lambda s: cumulative_link(s, 1, thresholds=thresholds, link=link))(score)
    x = np.float64(score) - np.float64(np.float32(width)) / 2
    law = stats.logistic if link == "logit" else stats.norm
    np.testing.assert_allclose(value, -law.logpdf(x) - np.log(np.float64(np.float32(width))), rtol=2e-6)
    due = np.tanh(x / 2) if link == "logit" else x
    np.testing.assert_allclose(slope, due, rtol=1e-5, atol=2e-7)


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_cumulative_link_thresholds_can_be_learned(link):
    # The likelihood is highest where the classes are as frequent as observed.
    counts = np.array([2, 5, 1, 4])
    labels = jnp.asarray(np.repeat(np.arange(4), counts))
    shares = np.cumsum(counts)[:-1] / counts.sum()
    best = (stats.logistic if link == "logit" else stats.norm).ppf(shares)
    loss = lambda t: cumulative_link(jnp.zeros(12), labels, thresholds=t, link=link)
    np.testing.assert_allclose(jax.jit(jax.grad(loss))(jnp.asarray(best, jnp.float32)), 0, atol=1e-7)


def test_cumulative_link_refuses():
    with pytest.raises(ValueError, match="cumulative_link: link must be one of 'logit', 'probit'"):
        cumulative_link(SCORES, CLASSES, thresholds=THRESHOLDS, link="cloglog")
    with pytest.raises(TypeError, match="cumulative_link: labels must be integer"):
        cumulative_link(SCORES, SCORES, thresholds=THRESHOLDS)
    with pytest.raises(ValueError, match="cumulative_link: scores and labels must have the same shape"):
        cumulative_link(SCORES[:, None], CLASSES, thresholds=THRESHOLDS)
    with pytest.raises(ValueError, match="cumulative_link: thresholds must have one axis"):
        cumulative_link(SCORES, CLASSES, thresholds=THRESHOLDS[None])


def test_cumulative_link_classes_never_wrap():
    value, slope = grad(lambda s: cumulative_link(s, jnp.array([-1, 5]), thresholds=THRESHOLDS, reduction="sum"))(
        SCORES[:2]
    )
    assert np.isnan(value)
    assert np.all(np.isnan(slope))


def test_cumulative_link_without_a_threshold_has_one_class():
    for link in ("logit", "probit"):
        value, slope = grad(lambda s, link=link: cumulative_link(s, 0, thresholds=jnp.zeros(0), link=link))(3.0)
        assert value == 0
        assert slope == 0


def test_log_ndtr_and_its_derivatives():
    x = np.concatenate([np.linspace(-40, 10, 201), [-1e4, -1e10]])
    with jax.enable_x64(True):
        value, slope = jax.jit(jax.vmap(jax.value_and_grad(log_ndtr)))(jnp.asarray(x))
    np.testing.assert_allclose(value, special.log_ndtr(x), rtol=1e-14)
    due = np.sqrt(2 / np.pi) / special.erfcx(-x / np.sqrt(2))
    np.testing.assert_allclose(slope, due, rtol=3e-14, atol=1e-300)


# --- squared earth mover --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dense", [False, True])
def test_squared_earth_mover_by_definition(dense):
    z, labels = LOGITS.astype(np.float64), np.eye(5)[RANKS % 5]
    if dense:
        labels = np.asarray(special.softmax(LOGITS[::-1], -1))
    due = ((np.cumsum(special.softmax(z, -1), -1) - np.cumsum(labels, -1)) ** 2).sum(-1)
    given = labels.astype(np.float32) if dense else RANKS % 5
    got = jax.jit(lambda z: squared_earth_mover(z, given, reduction="none"))(LOGITS)
    np.testing.assert_allclose(got, due, rtol=2e-6)
    along = jax.jit(lambda z: squared_earth_mover(z, given.T if dense else given, axis=0, reduction="none"))(LOGITS.T)
    np.testing.assert_allclose(along, got, rtol=1e-6)


def test_squared_earth_mover_grows_with_the_distance():
    values = jax.jit(
        lambda y: squared_earth_mover(jnp.tile(jnp.array([50.0, 0, 0, 0, 0]), (5, 1)), y, reduction="none")
    )
    np.testing.assert_allclose(values(jnp.arange(5)), [0, 1, 2, 3, 4], atol=1e-6)


def test_squared_earth_mover_keeps_the_digits_of_a_small_loss_and_of_a_saturated_mistake():
    q = np.exp(-30.0)
    value, slope = grad(squared_earth_mover)(jnp.array([[30.0, 0.0, 0.0]]), jnp.array([0]))
    np.testing.assert_allclose(value, (2 * q) ** 2 + q**2, rtol=1e-5)
    np.testing.assert_allclose(slope[0, 1:], [4 * q**2, 6 * q**2], rtol=1e-5)
    # The last class has all the probability and the first is the true one: P = (q, 2 q).
    slope = grad(squared_earth_mover)(jnp.array([[0.0, 0.0, 30.0]]), jnp.array([0]))[1]
    np.testing.assert_allclose(slope, [[-4 * q, -2 * q, 6 * q]], rtol=1e-5)


@pytest.mark.parametrize("labels", [np.array([2]), np.eye(3, dtype=np.float32)[2:]], ids=["id", "row"])
def test_squared_earth_mover_of_an_impossible_class(labels):
    value, slope = grad(squared_earth_mover)(jnp.array([[0.0, -jnp.inf, 0.0]]), labels)
    np.testing.assert_allclose(value, 0.5, rtol=1e-6)
    np.testing.assert_allclose(slope, [[0.5, 0.0, -0.5]], rtol=1e-6)


def test_squared_earth_mover_invalid_labels():
    value, slope = grad(lambda z: squared_earth_mover(z, jnp.array([5, 0, -1]), reduction="none")[0])(LOGITS[:3])
    assert np.isnan(value)
    assert np.all(np.isnan(slope[0]))
    assert squared_earth_mover(jnp.array([[2.0]]), jnp.array([0])) == 0
