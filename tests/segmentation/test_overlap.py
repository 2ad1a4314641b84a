"""Dice, Jaccard, Tversky and Matthews losses: what peers and definitions say, and what is said of classes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.metrics import jaccard_score, matthews_corrcoef

from jaxloss.segmentation import (
    binary_dice,
    binary_focal_tversky,
    binary_jaccard,
    binary_matthews,
    binary_tversky,
    boundary,
    cl_dice,
    dice,
    focal_tversky,
    generalized_dice,
    jaccard,
    lovasz_softmax,
    matthews,
    tversky,
)

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(2, 4, 5, 3))
IDS = RNG.integers(0, 3, (2, 4, 5))
CLASSES = (dice, jaccard, tversky, focal_tversky, matthews, lovasz_softmax)
BINARY = (binary_dice, binary_jaccard, binary_tversky, binary_focal_tversky, binary_matthews)


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def softmax(logits=LOGITS):
    return jax.nn.softmax(jnp.asarray(logits), -1)


def hot(ids=IDS, classes=3):
    return jnp.asarray(np.eye(classes)[ids])


def numpy_sums(p, t, axis=(1, 2)):
    return (p * t).sum(axis), (p * (1 - t)).sum(axis), ((1 - p) * t).sum(axis)


@pytest.mark.parametrize(("alpha", "beta"), [(0.5, 0.5), (0.3, 0.7)])
def test_value_and_gradient_are_those_of_optax(alpha, beta):
    labels = hot()

    def theirs(logits):
        return jnp.sum(optax.losses.dice_loss(logits, labels, alpha=alpha, beta=beta, reduction="none"))

    def ours(logits):
        return tversky(jax.nn.softmax(logits, -1), jnp.asarray(IDS), alpha_fp=alpha, beta_fn=beta, reduction="sum")

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        due = jax.value_and_grad(theirs)(jnp.asarray(LOGITS))
    for a, b in zip(jax.value_and_grad(ours)(jnp.asarray(LOGITS)), due, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)


def test_the_smooth_of_optax_counts_twice():
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        due = optax.losses.dice_loss(jnp.asarray(LOGITS), hot(), smooth=1.0, reduction="none")
    np.testing.assert_allclose(dice(softmax(), jnp.asarray(IDS), smooth=2.0, reduction="none"), due, rtol=1e-13)
    half = tversky(softmax(), jnp.asarray(IDS), alpha_fp=0.5, beta_fn=0.5, smooth=0.5)
    np.testing.assert_allclose(half, dice(softmax(), jnp.asarray(IDS), smooth=1.0), rtol=1e-13)
    whole = tversky(softmax(), jnp.asarray(IDS), alpha_fp=1, beta_fn=1)
    np.testing.assert_allclose(whole, jaccard(softmax(), jnp.asarray(IDS)), rtol=1e-13)


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("axis", [None, (0, 1, 2)])
def test_dice_is_that_of_monai(axis, squared):
    p, t, over = np.asarray(softmax()), np.asarray(hot()), (1, 2) if axis is None else axis
    power = 2 if squared else 1
    hit, both = (p * t).sum(over), (p**power).sum(over) + (t**power).sum(over)
    due = 1 - (2 * hit + 1e-5) / (both + 1e-5)
    for labels in (jnp.asarray(IDS), hot()):
        got = dice(softmax(), labels, smooth=1e-5, squared=squared, axis=axis, reduction="none")
        np.testing.assert_allclose(got, due, rtol=1e-12)
    got = dice(softmax(), jnp.asarray(IDS), smooth=1e-5, squared=squared, axis=axis, include_background=False)
    np.testing.assert_allclose(got, due[..., 1:].mean(), rtol=1e-12)


def test_jaccard_and_focal_tversky_are_those_of_segmentation_models():
    p, t = np.asarray(softmax()), np.asarray(hot())
    hit, false, missed = numpy_sums(p, t, (0, 1, 2))  # smp sums over the batch
    options = {"smooth": 0.0, "axis": (0, 1, 2), "reduction": "none"}
    both = p.sum((0, 1, 2)) + t.sum((0, 1, 2))
    np.testing.assert_allclose(jaccard(softmax(), hot(), **options), 1 - hit / (both - hit), rtol=1e-12)
    index = hit / (hit + 0.2 * false + 0.9 * missed)
    got = focal_tversky(softmax(), hot(), alpha_fp=0.2, beta_fn=0.9, gamma=4 / 3, **options)
    np.testing.assert_allclose(got, (1 - index) ** (4 / 3), rtol=1e-12)


@pytest.mark.parametrize(("weighting", "power"), [("square", 2), ("simple", 1), ("uniform", 0)])
def test_generalized_dice_has_its_weights_inside_the_quotient(weighting, power):
    p, t = np.asarray(softmax()), np.asarray(hot())
    w = 1 / t.sum((1, 2)) ** power
    due = 1 - 2 * (w * (p * t).sum((1, 2))).sum(-1) / (w * (p + t).sum((1, 2))).sum(-1)
    got = generalized_dice(softmax(), jnp.asarray(IDS), weighting=weighting, reduction="none")
    np.testing.assert_allclose(got, due, rtol=1e-12)


def test_generalized_dice_gives_an_empty_class_the_weight_of_the_smallest():
    ids = np.where(IDS == 2, 0, IDS)
    p, t = np.asarray(softmax()), np.asarray(hot(ids))
    sizes = t.sum((1, 2))
    assert np.all(sizes[:, 2] == 0)
    w = 1 / np.where(sizes == 0, np.inf, sizes) ** 2
    w = np.where(sizes == 0, w.max(-1, keepdims=True), w)
    due = 1 - 2 * (w * (p * t).sum((1, 2))).sum(-1) / (w * (p + t).sum((1, 2))).sum(-1)
    np.testing.assert_allclose(
        generalized_dice(softmax(), jnp.asarray(ids), classes="all", reduction="none"), due, rtol=1e-12
    )
    w[:, 2] = 0
    due = 1 - 2 * (w * (p * t).sum((1, 2))).sum(-1) / (w * (p + t).sum((1, 2))).sum(-1)
    np.testing.assert_allclose(generalized_dice(softmax(), jnp.asarray(ids), reduction="none"), due, rtol=1e-12)


def test_hard_predictions_have_the_scores_of_scikit_learn():
    found = RNG.integers(0, 3, (2, 4, 5))
    p, ids = hot(found), jnp.asarray(IDS)
    similar = 1 - jaccard(p, ids, smooth=0.0, reduction="none")
    related = 1 - matthews(p, ids, reduction="none")
    for n in range(2):
        flat = IDS[n].ravel(), found[n].ravel()
        np.testing.assert_allclose(similar[n], jaccard_score(*flat, average=None), rtol=1e-12)
        due = [matthews_corrcoef(flat[0] == c, flat[1] == c) for c in range(3)]
        np.testing.assert_allclose(related[n], due, rtol=1e-12)
        np.testing.assert_allclose(
            1 - binary_matthews(p[n : n + 1, ..., 1], ids[n : n + 1] == 1),
            matthews_corrcoef(IDS[n].ravel() == 1, found[n].ravel() == 1),
            rtol=1e-12,
        )


def test_matthews_where_all_pixels_are_of_one_kind():
    ones, zeros, mixed = jnp.ones((1, 4)), jnp.zeros((1, 4)), jnp.array([[1.0, 0.0, 1.0, 0.0]])
    for p, labels, due in (
        (zeros, zeros, 0),  # nothing there, nothing found
        (ones, ones, 0),
        (mixed, zeros, 1),  # as matthews_corrcoef, which is 0
        (zeros, mixed, 1),
        (ones, zeros, 1),
    ):
        value, slope = jax.value_and_grad(binary_matthews)(p, labels.astype(jnp.int32))
        assert value == due
        np.testing.assert_array_equal(slope, 0)
    assert binary_matthews(1 - mixed, mixed.astype(jnp.int32)) == 2


@pytest.mark.parametrize("loss", CLASSES)
def test_an_absent_class_does_not_dilute_the_mean(loss):
    ids = np.where(IDS == 1, 0, IDS)
    values = loss(softmax(), jnp.asarray(ids), classes="all", reduction="none")
    assert np.all(np.asarray(values[:, 1]) > 0.1)
    got = loss(softmax(), jnp.asarray(ids))
    np.testing.assert_allclose(got, np.asarray(values)[:, [0, 2]].mean(), rtol=1e-12)
    slope = jax.grad(lambda p: loss(p, jnp.asarray(ids)))(softmax())
    np.testing.assert_array_equal(slope[..., 1], 0)
    foreground = loss(softmax(), jnp.asarray(ids), include_background=False, reduction="none")
    np.testing.assert_array_equal(foreground[:, :2], 0)
    np.testing.assert_allclose(
        loss(softmax(), jnp.asarray(ids), include_background=False), np.asarray(values)[:, 2].mean(), rtol=1e-12
    )


@pytest.mark.parametrize("loss", [*CLASSES, cl_dice])
def test_an_empty_class_with_an_empty_prediction_costs_nothing(loss):
    ids = jnp.asarray(np.where(IDS == 1, 0, IDS))
    p = hot(np.asarray(ids))
    smooth = {} if loss in (matthews, lovasz_softmax) else {"smooth": 0.0}
    values = loss(p, ids, classes="all", reduction="none", **smooth)
    np.testing.assert_array_equal(values, 0)
    slope = jax.grad(lambda p: loss(p, ids, classes="all", **smooth))(p)
    assert np.all(np.isfinite(slope))
    if loss is not lovasz_softmax:  # there, the largest probability of an absent class counts
        np.testing.assert_array_equal(slope[..., 1], 0)


@pytest.mark.parametrize("loss", BINARY)
def test_a_binary_loss_is_that_of_a_class(loss):
    classes = dict(zip(BINARY, (dice, jaccard, tversky, focal_tversky, matthews), strict=True))[loss]
    p, ids = softmax()[..., 1], jnp.asarray(IDS)
    due = classes(softmax(), ids, reduction="none")[:, 1]
    for labels in (ids == 1, (ids == 1).astype(jnp.uint8), (ids == 1).astype(jnp.float64)):
        np.testing.assert_allclose(loss(p, labels, reduction="none"), due, rtol=1e-12)
    batch = classes(softmax(), ids, axis=(0, 1, 2), reduction="none")[1]
    np.testing.assert_allclose(loss(p, ids == 1, axis=(0, 1, 2)), batch, rtol=1e-12)
    assert np.isnan(loss(p, ids, reduction="none")).all()  # label 2 is neither yes nor no
    kept = loss(p, ids, ignore_index=2, reduction="none")
    np.testing.assert_allclose(kept, loss(p, ids == 1, where=ids != 2, reduction="none"), rtol=1e-13)


def test_a_binary_image_without_the_object_counts():
    p = jnp.array([[0.5, 0.5], [0.9, 0.0]])
    labels = jnp.array([[0, 0], [1, 0]])
    np.testing.assert_allclose(binary_dice(p, labels, smooth=1.0, reduction="none"), [0.5, 0.1 / 2.9], rtol=1e-12)
    np.testing.assert_array_equal(binary_dice(jnp.zeros((1, 3)), jnp.zeros((1, 3), int), smooth=0.0), 0)


@pytest.mark.parametrize("loss", CLASSES)
def test_a_label_outside_the_classes_spoils_its_image_alone(loss):
    ids = jnp.asarray(IDS).at[1, 0, 0].set(255)
    values = loss(softmax(), ids, reduction="none")
    assert np.isnan(values[1]).all()
    assert np.isfinite(values[0]).all()
    assert np.isnan(loss(softmax(), ids, axis=(0, 1, 2), reduction="none")).all()
    slope = jax.grad(lambda p: loss(p, ids, reduction="sum"))(softmax())
    assert np.isnan(slope[1]).all()
    assert np.isfinite(slope[0]).all()
    np.testing.assert_allclose(
        loss(softmax(), ids, ignore_index=255), loss(softmax(), ids, where=ids != 255), rtol=1e-13
    )


def test_digits_near_perfect_overlap():
    wrong = 1e-6
    p, ids = jnp.full((1, 1000), 1 - wrong, jnp.float32), jnp.ones((1, 1000), jnp.int32)
    exact = 1 - float(jnp.float32(1 - wrong))
    for loss, due in (
        (binary_dice, exact / (2 - exact)),
        (binary_jaccard, exact),
        (binary_tversky, 0.7 * exact / (1 - exact + 0.7 * exact)),
    ):
        assert abs(float(loss(p, ids, smooth=0.0)) / due - 1) < 1e-5  # 1 - 2I / (P + T) is off by some percent
    two = jnp.tile(jnp.array([[1 - 1e-6, 1e-6]], jnp.float32), (1, 500))
    ids = jnp.tile(jnp.array([[1, 0]]), (1, 500))
    due = 1 - float(two[0, 0]) + float(two[0, 1])  # both kinds of mistake, one in each half
    assert abs(float(binary_matthews(two, ids)) / due - 1) < 1e-5


def test_focal_tversky_at_perfect_overlap_has_no_slope():
    p, ids = hot(), jnp.asarray(IDS)
    value, slope = jax.value_and_grad(focal_tversky)(p, ids)
    assert value == 0
    np.testing.assert_array_equal(slope, 0)


def test_sums_over_a_large_image_keep_their_digits():
    p = np.float32(RNG.dirichlet(np.ones(4), (1, 512, 512)))
    ids = RNG.integers(0, 4, (1, 512, 512))
    hit, false, missed = numpy_sums(p.astype(np.float64), np.eye(4)[ids])
    due = (false + missed) / (2 * hit + false + missed + 1)
    np.testing.assert_allclose(jax.jit(dice, static_argnames="reduction")(p, ids, reduction="none"), due, rtol=1e-6)


def test_labels_are_never_stored_one_hot():
    shape = (1, 64, 64, 19)
    p, ids = jnp.zeros(shape, jnp.float32), jnp.zeros(shape[:-1], jnp.int32)
    step = jax.jit(jax.value_and_grad(dice), compiler_options={"xla_backend_optimization_level": 3})
    used = step.lower(p, ids).compile().memory_analysis().temp_size_in_bytes
    assert used < p.nbytes / 8  # a mask of bytes alone would take a quarter


def test_errors_name_the_loss_and_the_shapes():
    p, ids = softmax(), jnp.asarray(IDS)
    with pytest.raises(ValueError, match=r"dice: labels must have shape \(2, 4, 5\)"):
        dice(p, ids[0])
    with pytest.raises(ValueError, match=r"dice: axis names pixel axes, each once and not that of the classes, got -1"):
        dice(p, ids, axis=-1)
    with pytest.raises(ValueError, match=r"dice: axis \(1, 7\) is out of range"):
        dice(p, ids, axis=(1, 7))
    with pytest.raises(ValueError, match=r"dice: probabilities must be \[examples, \*pixels, classes\], got shape"):
        dice(p[0, 0], ids[0, 0])
    with pytest.raises(ValueError, match="dice: classes must be one of 'present', 'all'"):
        dice(p, ids, classes="some")
    with pytest.raises(ValueError, match="jaccard: smooth must be >= 0"):
        jaccard(p, ids, smooth=-1.0)
    with pytest.raises(ValueError, match="tversky: ignore_index applies to integer labels"):
        tversky(p, hot(), ignore_index=0)
    with pytest.raises(ValueError, match="focal_tversky: gamma must be positive"):
        focal_tversky(p, ids, gamma=0.0)
    with pytest.raises(ValueError, match="generalized_dice: weighting must be one of"):
        generalized_dice(p, ids, weighting="cubic")
    with pytest.raises(TypeError, match="lovasz_softmax: labels must be integer class ids"):
        lovasz_softmax(p, hot())
    with pytest.raises(ValueError, match="boundary: probabilities and distance_map must have the same shape"):
        boundary(p, jnp.zeros((2, 4, 5)))
