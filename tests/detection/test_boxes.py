"""Overlap losses of boxes."""

import dataclasses
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.detection.box_distances import ciou, diou, eiou, siou
from jaxloss.detection.boxes import giou, iou
from jaxloss.verify.cases import CASES
from jaxloss.verify.laws import LAWS
from jaxloss.verify.trial import Trial

LOSSES = [iou, giou, diou, ciou, eiou, siou]
UNIT = [0.0, 0.0, 1.0, 1.0]
ATTRACTIVE = [giou, diou, ciou, eiou, siou]


def both(loss, predictions, targets, **options):
    """Unreduced values, and the gradient of each in its own box."""
    predictions, targets = jnp.asarray(predictions), jnp.broadcast_to(jnp.asarray(targets), np.shape(predictions))
    return jax.jit(jax.vmap(jax.value_and_grad(lambda p, t: loss(p, t, **options))))(predictions, targets)


def random_boxes(seed=0, n=64):
    """Predictions near and far, in the order of their edges, and targets."""
    rng = np.random.default_rng(seed)
    middle, size = rng.normal(size=(2, n, 2)), np.exp(0.5 * rng.normal(size=(2, n, 2)))
    middle[0] = np.where(np.arange(n)[:, None] % 2, middle[0], middle[1] + 0.2 * middle[0])
    return tuple(np.concatenate([middle - size / 2, middle + size / 2], axis=-1))


def as_torch_vision_defines(kind, p, t):
    """Published formulas (arXiv:1902.09630, 1911.08287) as programs write them, without their eps."""
    torch = pytest.importorskip("torch")
    x1, y1, x2, y2 = p.unbind(-1)
    x3, y3, x4, y4 = t.unbind(-1)
    wide = (torch.minimum(x2, x4) - torch.maximum(x1, x3)).clamp(min=0)
    high = (torch.minimum(y2, y4) - torch.maximum(y1, y3)).clamp(min=0)
    union = (x2 - x1) * (y2 - y1) + (x4 - x3) * (y4 - y3) - wide * high
    index = wide * high / union
    hull = torch.maximum(x2, x4) - torch.minimum(x1, x3), torch.maximum(y2, y4) - torch.minimum(y1, y3)
    if kind == "iou":
        return 1 - index
    if kind == "giou":
        return 1 - (index - (hull[0] * hull[1] - union) / (hull[0] * hull[1]))
    centres = ((x1 + x2 - x3 - x4) / 2) ** 2 + ((y1 + y2 - y3 - y4) / 2) ** 2
    distance = 1 - index + centres / (hull[0] ** 2 + hull[1] ** 2)
    if kind == "diou":
        return distance
    if kind == "eiou":
        wider, higher = (x2 - x1) - (x4 - x3), (y2 - y1) - (y4 - y3)
        return distance + (wider / hull[0]) ** 2 + (higher / hull[1]) ** 2
    v = 4 / np.pi**2 * (torch.atan((x4 - x3) / (y4 - y3)) - torch.atan((x2 - x1) / (y2 - y1))) ** 2
    with torch.no_grad():
        alpha = v / (1 - index + v)
    return distance + alpha * v


@pytest.mark.parametrize("loss", [iou, giou, diou, ciou, eiou], ids=lambda f: f.__name__)
def test_values_and_gradients_are_those_of_the_published_formulas(loss):
    torch = pytest.importorskip("torch")
    predictions, targets = random_boxes()
    tensors = [torch.tensor(box, requires_grad=True) for box in (predictions, targets)]
    due = as_torch_vision_defines(loss.__name__, *tensors)
    due.sum().backward()
    with jax.enable_x64(True):
        data = jnp.asarray(predictions), jnp.asarray(targets)
        np.testing.assert_allclose(loss(*data, reduction="none"), due.detach(), rtol=1e-10)
        got = jax.jit(jax.grad(lambda p, t: loss(p, t, reduction="sum"), (0, 1)))(*data)
    for slope, tensor in zip(got, tensors, strict=True):
        np.testing.assert_allclose(slope, tensor.grad, rtol=1e-9, atol=1e-12)


def test_siou_of_a_worked_example():
    # Unit squares, centres (3, 4) apart: sine 4/5, so the angle cost is sin(2 arcsin 4/5) = 24/25 and gamma 26/25;
    # the hull is 4 by 5, and the sides agree.
    due = 1 + 0.5 * (2 - np.exp(-1.04 * (3 / 4) ** 2) - np.exp(-1.04 * (4 / 5) ** 2))
    np.testing.assert_allclose(siou(jnp.array([3.0, 4.0, 4.0, 5.0]), jnp.array(UNIT)), due, rtol=3e-7)
    # The same centre, 2 by 1 in 1 by 1: one side differs, by half of the longer one.
    shape = (1 - np.exp(-0.5)) ** np.array([4, 2.5])
    for theta, term in zip((4, 2.5), shape, strict=True):
        got = siou(jnp.array([-0.5, 0, 1.5, 1]), jnp.array(UNIT), theta=theta)
        np.testing.assert_allclose(got, 0.5 + term / 2, rtol=3e-7)


def exactly(box):
    return [Fraction(float(x)) for x in np.asarray(box)]


def exact_iou(p, t):
    p, t = exactly(p), exactly(t)
    shared = [max(Fraction(0), min(p[i + 2], t[i + 2]) - max(p[i], t[i])) for i in (0, 1)]
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (p, t)]
    both = shared[0] * shared[1]
    return float(1 - both / (sum(areas) - both))


@pytest.mark.parametrize("off", [1e-1, 1e-3, 1e-5, 1e-6])
def test_the_loss_of_a_near_perfect_fit_keeps_its_digits(off):  # 1 - ratio has none left at 1e-6
    rng = np.random.default_rng(0)
    targets = np.float32(np.concatenate([rng.uniform(0, 1, (50, 2)), rng.uniform(2, 3, (50, 2))], axis=-1))
    predictions = np.float32(targets * (1 + off * rng.normal(size=(50, 4))))
    due = [exact_iou(p, t) for p, t in zip(predictions, targets, strict=True)]
    np.testing.assert_allclose(iou(predictions, targets, reduction="none"), due, rtol=6e-7)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("format", ["xyxy", "xywh", "cxcywh"])
def test_boxes_that_agree_have_loss_and_gradient_zero(loss, format):
    targets = np.float32([[0.1, 0.2, 0.7, 0.9], [-3e5, 7.0, 3.3, 1e6], [2, 2, 2, 2], [1, 1, 1, 5], [3, 4, 1, 2]])
    values, slopes = both(loss, targets, targets, format=format)
    np.testing.assert_array_equal(values, np.zeros(5))
    np.testing.assert_array_equal(slopes, np.zeros((5, 4)))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("scale", [1e15, 1e-15, 1e30, 1e-30, 1e6, 1e-6])
def test_the_unit_of_the_coordinates_does_not_matter(loss, scale):
    predictions, targets = map(np.float32, random_boxes(1))
    scale = np.float32(2.0 ** round(np.log2(scale)))  # exact: the result is the same to the last bit
    values, slopes = both(loss, predictions, targets)
    scaled, scaled_slopes = both(loss, predictions * scale, targets * scale)
    np.testing.assert_allclose(scaled, values, rtol=1e-6)
    np.testing.assert_allclose(scaled_slopes * scale, slopes, rtol=2e-5, atol=1e-6)


DEGENERATE = {
    "a point inside": [0.5, 0.5, 0.5, 0.5],
    "a point on a corner": [0, 0, 0, 0],
    "a point outside": [3, 3, 3, 3],
    "a line inside": [0.25, 0.5, 0.75, 0.5],
    "a line along an edge": [0, 0, 1, 0],
    "a line outside": [2, -1, 2, 5],
    "touching at an edge": [1, 0, 2, 1],
    "touching at a corner": [1, 1, 2, 2],
    "inside": [0.25, 0.25, 0.5, 0.75],
    "around": [-1, -1, 3, 2],
    "sharing an edge": [0, 0, 0.5, 1],
    "far": [1e6, 1e6, 1e6 + 1, 1e6 + 1],
    "far in one direction": [1e6, 0, 1e6 + 1, 1],
    "edges in the wrong order": [1.5, 2, 0.5, 0.5],
    "a wide line": [-1e6, 0.5, 1e6, 0.5],
    "a million pixels": [-1e6, -1e6, 1e6, 1e6],
    "a millionth": [0.5, 0.5, 0.500001, 0.500001],
    "a thread": [0, 0, 1, 1e-12],
}


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_every_position_has_a_finite_loss_and_gradient(loss):
    boxes = np.float32(list(DEGENERATE.values()))
    for scale in (1, 1e15, 1e-15):
        for targets in (np.float32(UNIT), np.zeros(4, np.float32), np.float32([0, 0, 1, 0])):
            for predicted in (boxes, boxes[..., [2, 3, 0, 1]]):
                values, slopes = both(loss, predicted * np.float32(scale), targets * np.float32(scale))
                assert np.isfinite(values).all()
                assert (values >= 0).all()
                assert np.isfinite(slopes).all()


@pytest.mark.parametrize("loss", ATTRACTIVE, ids=lambda f: f.__name__)
def test_boxes_apart_are_pulled_together(loss):
    predictions = np.float32([[3, 4, 5, 5], [-9, 0.2, -8, 0.9], [0.1, 30, 0.5, 31], [50, -50, 55, -45]])
    values, slopes = both(loss, predictions, UNIT)
    assert (np.abs(np.asarray(slopes)).max(axis=-1) > 0).all()
    step = 1e-2 * np.asarray(slopes) / np.abs(slopes).max(axis=-1, keepdims=True)
    better, _ = both(loss, predictions - np.float32(step), UNIT)
    assert (np.asarray(better) < np.asarray(values)).all()


def test_nothing_pulls_on_the_plain_index_of_boxes_apart():
    value, slope = jax.value_and_grad(iou)(jnp.array([3.0, 4.0, 5.0, 5.0]), jnp.array(UNIT))
    assert value == 1
    np.testing.assert_array_equal(slope, np.zeros(4))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("start", ["a line inside", "edges in the wrong order", "inside", "around"])
def test_gradient_descent_arrives(loss, start):
    box, target = jnp.asarray(np.float32(DEGENERATE[start])), jnp.array(UNIT)

    def step(box, i):
        return box - 0.1 * 0.998**i * jax.grad(loss)(box, target), loss(box, target)

    box, losses = jax.jit(lambda box: jax.lax.scan(step, box, jnp.arange(3000, dtype=jnp.float32)))(box)
    assert losses[-1] < 0.05
    ordered = np.concatenate([np.minimum(box[:2], box[2:]), np.maximum(box[:2], box[2:])])
    np.testing.assert_allclose(ordered, UNIT, atol=0.05)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_the_formats_describe_the_same_boxes(loss):
    with jax.enable_x64(True):
        predictions, targets = map(jnp.asarray, random_boxes(2))
        due, due_slopes = both(loss, predictions, targets)
        to_corners = {
            "xywh": lambda b: jnp.concatenate([b[..., :2], b[..., :2] + b[..., 2:]], -1),
            "cxcywh": lambda b: jnp.concatenate([b[..., :2] - b[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2], -1),
        }
        size = lambda b: b[..., 2:] - b[..., :2]
        middle = lambda b: (b[..., :2] + b[..., 2:]) / 2
        of_corners = {
            "xywh": lambda b: jnp.concatenate([b[..., :2], size(b)], -1),
            "cxcywh": lambda b: jnp.concatenate([middle(b), size(b)], -1),
        }
        for format, convert in of_corners.items():
            got, slopes = both(loss, convert(predictions), convert(targets), format=format)
            np.testing.assert_allclose(got, due, rtol=1e-10, atol=1e-14)
            _, pull = jax.vjp(to_corners[format], convert(predictions))
            np.testing.assert_allclose(slopes, pull(due_slopes)[0], rtol=1e-8, atol=1e-11)
            negative = convert(predictions[..., jnp.array([2, 3, 0, 1])])  # sizes below 0: the same rectangles
            np.testing.assert_allclose(both(loss, negative, convert(targets), format=format)[0], due, rtol=1e-9)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_edges_in_the_wrong_order_are_the_rectangle_between_them(loss):
    predictions, targets = map(np.float32, random_boxes(3))
    values, slopes = both(loss, predictions, targets)
    for order in ([2, 1, 0, 3], [0, 3, 2, 1], [2, 3, 0, 1]):
        swapped, swapped_slopes = both(loss, predictions[:, order], targets)
        np.testing.assert_array_equal(swapped, values)
        np.testing.assert_array_equal(swapped_slopes[:, np.array(order)], slopes)


def test_a_common_edge_takes_the_mean_of_both_sides():
    with jax.enable_x64(True):
        box, target = np.array([0.25, 0.0, 1.0, 0.5]), np.array([0.0, -0.25, 1.0, 1.0])
        for loss in (iou, giou, diou, eiou):
            slope = lambda x, f=loss: jax.grad(f)(jnp.asarray([*box[:2], x, box[3]]), jnp.asarray(target))[2]
            np.testing.assert_allclose(slope(1.0), (slope(1 - 1e-9) + slope(1 + 1e-9)) / 2, rtol=1e-6)


# ---- the weight of ciou ----------------------------------------------------------------------------------------------


def test_the_weight_of_the_aspect_ratio_is_held_fixed():
    predictions, targets = map(np.float32, random_boxes(4))
    overlap, aspect = (np.asarray(f(predictions, targets, reduction="none"), np.float64) for f in (iou, _v))
    alpha = np.float32(aspect / (overlap + aspect))
    fixed = lambda p: ciou(p, targets, alpha=alpha, reduction="sum")
    free = lambda p: ciou(p, targets, reduction="sum")
    np.testing.assert_allclose(free(predictions), fixed(predictions), rtol=1e-6)
    np.testing.assert_allclose(jax.grad(free)(predictions), jax.grad(fixed)(predictions), rtol=2e-5, atol=1e-5)


def _v(predictions, targets, **options):
    return ciou(predictions, targets, alpha=1.0, **options) - diou(predictions, targets, **options)


def test_ciou_with_its_own_weight_keeps_every_other_law():
    case = next(case for case in CASES if case.loss is ciou)
    trial = Trial(dataclasses.replace(case, params={}, learnable=()))
    for name, law in LAWS.items():
        if name not in ("gradient", "second derivative"):  # these are of a value whose weight moves
            law(trial)


def test_a_box_of_no_size_has_no_aspect_ratio():
    point = jnp.array([0.5, 0.5, 0.5, 0.5])
    for pair in ((point, jnp.array(UNIT)), (jnp.array(UNIT), point)):
        assert ciou(*pair, alpha=1.0) == diou(*pair)
    line = jnp.array([0.5, 0.0, 0.5, 1.0])  # an angle of 0 against one of 45 degrees
    np.testing.assert_allclose(ciou(line, jnp.array(UNIT), alpha=1.0) - diou(line, jnp.array(UNIT)), 0.25, rtol=1e-6)


def test_similar_boxes_of_tiny_and_huge_size_have_one_aspect_ratio():
    small, large = jnp.array([0.0, 0.0, 3e-20, 1e-20]), jnp.array([0.0, 0.0, 3e10, 1e10])
    np.testing.assert_allclose(ciou(small, large, alpha=1.0), diou(small, large), rtol=1e-6)


# ---- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_what_is_no_box_is_refused(loss):
    name = loss.__name__
    with pytest.raises(ValueError, match=rf"{name}: predictions must have the 4 numbers .*, got shape \(7, 5\)"):
        loss(jnp.zeros((7, 5)), jnp.zeros((7, 5)))
    with pytest.raises(ValueError, match=rf"{name}: predictions must have the 4 numbers .*, got shape \(\)"):
        loss(jnp.zeros(()), jnp.zeros(()))
    with pytest.raises(ValueError, match=rf"{name}: format must be one of 'xyxy', 'xywh', 'cxcywh', got 'yxyx'"):
        loss(jnp.zeros((7, 4)), jnp.zeros((7, 4)), format="yxyx")
    with pytest.raises(ValueError, match=rf"{name}: predictions and targets must have the same shape"):
        loss(jnp.zeros((7, 4)), jnp.zeros((1, 4)))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_nan_stays_nan(loss):
    boxes = np.float32([[0, np.nan, 1, 1], [5, np.nan, 6, 1], [5, 5, 6, np.nan]])
    values, slopes = both(loss, boxes, UNIT)
    assert np.isnan(values).all()
    assert np.isnan(slopes).any(axis=-1).all()


def test_parameters_out_of_range_are_refused():
    with pytest.raises(ValueError, match="ciou: alpha must be >= 0, got -1"):
        ciou(jnp.zeros((7, 4)), jnp.zeros((7, 4)), alpha=-1)
    with pytest.raises(ValueError, match=r"siou: theta must be >= 1, got 0.5"):
        siou(jnp.zeros((7, 4)), jnp.zeros((7, 4)), theta=0.5)
