"""Pictures of losses and of their gradients, by family."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from jaxloss.cli import plotting
from jaxloss.cli.cases import first
from jaxloss.cli.demo.parts import Part, Picture
from jaxloss.cli.screen import Advance

__all__ = ["WALLS", "Wall", "part"]


class Wall(NamedTuple):
    """Losses on one picture."""

    title: str
    caption: str
    losses: tuple[str, ...]
    span: tuple[float, float] | None = None


WALLS = (
    Wall(
        "Residuals",
        "How much a residual counts, and how hard it pulls.",
        ("squared_error", "absolute_error", "huber", "log_cosh"),
    ),
    Wall(
        "Outliers",
        "Robust losses let go of what is far away: the gradient comes back to zero.",
        ("huber", "cauchy", "geman_mcclure", "welsch", "tukey_biweight"),
        (-8.0, 8.0),
    ),
    Wall(
        "Margins",
        "The price of a score whose label is +1.",
        ("hinge", "squared_hinge", "smoothed_hinge", "modified_huber", "logistic", "exponential"),
        (-2.0, 2.0),
    ),
    Wall(
        "Logits",
        "The focal loss cares less about what is right already.",
        ("sigmoid_binary_cross_entropy", "sigmoid_focal"),
    ),
    Wall(
        "Classes",
        "The logit of the true class among others that are 0.",
        ("softmax_cross_entropy_with_integer_labels", "softmax_focal", "multiclass_hinge", "multiclass_sparsemax"),
    ),
)


def part(advance: Advance) -> Part:
    """Draw every wall."""
    pictures = []
    for wall in WALLS:
        traces = plotting.trace([first(name).load() for name in wall.losses], span=wall.span, title=wall.title)
        pictures.append(Picture(f"gallery-{wall.title.lower()}", wall.caption, partial(plotting.draw, traces)))
        advance()
    return Part(
        key="gallery",
        title="What losses look like",
        text="Value on the left, gradient on the right, from the same definitions that are verified below.",
        pictures=pictures,
    )
