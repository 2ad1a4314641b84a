"""The pictures beside the curves."""

import numpy as np
import pytest

from jaxloss.cli import pictures, plotting, scenes
from jaxloss.cli.cases import find, first
from jaxloss.verify.cases import CASES

X, Y = np.linspace(-3, 3, 7), np.linspace(-2, 2, 5)


def test_every_scene_that_a_case_names_can_be_drawn():
    assert {case.inputs.scene for case in CASES if case.inputs.scene} <= set(scenes.SCENES)


def test_a_landscape_is_the_loss_and_the_way_down():
    values, descent = scenes.landscape(lambda p: p[0] ** 2 + 3 * p[1], X, Y)
    x, y = np.meshgrid(X, Y)
    np.testing.assert_allclose(values, x**2 + 3 * y)
    np.testing.assert_allclose(descent, np.stack([-2 * x, np.full_like(y, -3)], axis=-1))


@pytest.mark.parametrize("theme", [pictures.LIGHT, pictures.DARK], ids=lambda theme: theme.name)
def test_boxes_are_drawn_beside_the_curves(theme):
    figure = plotting.draw(plotting.trace([first("giou").load()]), theme)
    scene = figure.axes[2]
    target, prediction = scene.patches
    assert (*target.get_xy(), target.get_width(), target.get_height()) == (-1, -1, 2, 2)
    assert (prediction.get_width(), prediction.get_height()) == scenes.PREDICTION
    (arrows,) = (c for c in scene.collections if hasattr(c, "U"))
    place, direction = arrows.XY, np.stack([arrows.U, arrows.V], axis=-1)
    np.testing.assert_allclose(np.linalg.norm(direction, axis=-1), 1)
    assert (np.sum(place * direction, axis=-1) <= 1e-9).all()  # never away from the target
    assert len(pictures.png(figure, dpi=40)) > 1000


def test_no_arrow_where_nothing_pulls():
    figure = plotting.draw(plotting.trace([first("iou").load()]))
    (arrows,) = (c for c in figure.axes[2].collections if hasattr(c, "U"))
    (x, y), (w, h) = arrows.XY.T, np.add(scenes.PREDICTION, scenes.TARGET) / 2
    assert len(x) > 4
    assert (np.abs(x) <= w).all()
    assert (np.abs(y) <= h).all()


def test_the_format_of_a_case_does_not_change_its_scene():
    middle = np.array([0.7, -0.4])
    corners, centred = (find([name])[0].load() for name in ("giou", "giou(format=cxcywh)"))
    values = [
        case(scenes._box(case, middle, (1.6, 1.2)), scenes._box(case, 0 * middle, (2.0, 2.0)))
        for case in (corners, centred)
    ]
    np.testing.assert_allclose(*values, rtol=1e-6)


def test_many_losses_are_drawn_without_scenes():
    cases = [first(name).load() for name in ("iou", "giou", "diou")]
    assert len(plotting.draw(plotting.trace(cases)).axes) == 2
    assert len(plotting.draw(plotting.trace([first("huber").load()])).axes) == 2


@pytest.mark.parametrize(
    "name", ["triplet_margin", "contrastive_pair", "circle", "nt_xent", "clip_softmax", "proxy_nca"]
)
def test_points_pull_the_moving_one_downhill(name):
    case = first(name).load()
    figure = plotting.draw(plotting.trace([case]))
    scene = figure.axes[2]
    (arrows,) = (c for c in scene.collections if hasattr(c, "U"))
    assert len(arrows.U) > 10
    names = [text.get_text() for text in scene.get_legend().get_texts()]
    assert names
    assert len(names) == len(set(names))


def test_an_anchor_is_pulled_to_its_positive():
    case = first("triplet_margin").load()
    scene = plotting.draw(plotting.trace([case])).axes[2]
    (arrows,) = (c for c in scene.collections if hasattr(c, "U"))
    positive, negative = (np.ravel(np.column_stack(line.get_data())) for line in scene.lines)
    towards, away = positive - arrows.XY, negative - arrows.XY
    unit = lambda v: v / np.linalg.norm(v, axis=-1, keepdims=True)
    due = unit(unit(towards) - unit(away))
    np.testing.assert_allclose(np.column_stack([arrows.U, arrows.V]), due, atol=1e-6)
