"""The look of the pictures, and the curves that are drawn."""

import numpy as np
import pytest

from jaxloss.cli import pictures, plotting
from jaxloss.cli.cases import first
from jaxloss.verify.cases import CASES


def test_a_curve_has_the_value_and_the_derivative_along_it():
    x = np.linspace(-3, 3, 7)
    value, slope = plotting.curve(first("huber").load(), x)
    np.testing.assert_allclose(value, [2.5, 1.5, 0.5, 0, 0.5, 1.5, 2.5])
    np.testing.assert_allclose(slope, [-1, -1, -1, 0, 1, 1, 1])


def test_a_curve_through_rows_moves_the_true_class():
    x = np.array([0.0, 1.0])
    case = first("softmax_cross_entropy_with_integer_labels").load()
    value, slope = plotting.curve(case, x)
    p = np.exp(x) / (np.exp(x) + 2)
    np.testing.assert_allclose(value, -np.log(p), rtol=1e-12)
    np.testing.assert_allclose(slope, p - 1, rtol=1e-8)


@pytest.mark.parametrize("loss", sorted({case.loss.__name__ for case in CASES}))
def test_every_loss_can_be_drawn(loss):
    case = first(loss).load()
    if case.inputs.curve is None:
        pytest.skip("has no curve")
    if any(np.ndim(value) for value in case.params.values()):
        pytest.skip("has a parameter for each class, and curves have three")
    low, high = case.inputs.span
    value, slope = plotting.curve(case, np.linspace(low, high, 33))
    assert value.shape == slope.shape == (33,)
    assert np.isfinite(value).all()
    assert np.isfinite(slope).all()


def test_a_sweep_is_every_combination():
    swept = plotting.sweep(["alpha=-2,2", "scale=0.5,1,2"])
    assert swept == {"alpha": (-2, 2), "scale": (0.5, 1, 2)}
    names = [case.name for case in plotting.variants(first("barron").load(), swept)]
    assert len(names) == len(set(names)) == 6


def test_losses_without_predictions_in_common_are_refused():
    from dataclasses import replace

    case = first("huber").load()
    shifted = replace(case, inputs=replace(case.inputs, span=(10.0, 12.0)))
    with pytest.raises(plotting.PlotError, match="no range of predictions in common"):
        plotting.trace([case, shifted])


def test_a_mosaic_keeps_every_picture_and_paper_between():
    page = pictures.mosaic(np.arange(5 * 2 * 2).reshape(5, 2, 2), 3, gap=1)
    assert page.shape == (5, 8)
    np.testing.assert_array_equal(page[3:5, 3:5], [[16, 17], [18, 19]])
    assert np.isnan(page[:, 2]).all()
    assert np.isnan(page[3:, 6:]).all()


def test_the_lines_of_a_theme_differ_in_lightness_or_hue():
    for theme in (pictures.LIGHT, pictures.DARK):
        assert len(set(theme.lines)) == len(theme.lines) >= 8


def test_a_pole_does_not_flatten_the_rest():
    x = np.linspace(0.001, 1, 500)
    _, ((axes,),) = pictures.new(pictures.LIGHT)
    pictures.curves(axes, x, {"reciprocal": 1 / x})
    assert axes.get_ylim()[1] < 200
