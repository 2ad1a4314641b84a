"""Pictures of the docs, one for light pages and one for dark ones, in the look of ``jaxloss plot``."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from jaxloss.cli.pictures import DARK, LIGHT, Theme

DOCS = Path(__file__).parent.parent
GENERATED = DOCS / "_generated"

# Text stays text, and names do not depend on the run: the same code gives the same file.
SVG = {"svg.fonttype": "none", "svg.hashsalt": "jaxloss"}


def save(name: str, draw: Callable[[Theme], Figure]) -> None:
    """Draw a picture once, and write it in the colours of both kinds of page."""
    drawn = io.StringIO()
    with mpl.rc_context(SVG):
        draw(LIGHT).savefig(drawn, format="svg", metadata={"Date": None})
    dark = dict(zip(_colours(LIGHT), _colours(DARK), strict=True))
    write(GENERATED / f"{name}-light.svg", drawn.getvalue())
    write(
        GENERATED / f"{name}-dark.svg",
        re.sub("#[0-9a-f]{6}", lambda colour: dark.get(colour[0], colour[0]), drawn.getvalue()),
    )


def _colours(theme: Theme) -> tuple[str, ...]:
    return (theme.paper, theme.ink, theme.faint, theme.grid, *theme.lines)


def markdown(name: str, alt: str) -> str:
    """The lines that show the picture, on a page in any folder."""
    return "\n".join(
        f"```{{image}} /_generated/{name}-{theme}.svg\n:alt: {alt}\n:width: 100%\n:class: only-{theme}\n```\n"
        for theme in ("light", "dark")
    )


def write(path: Path, text: str) -> None:
    """Write only what changed, so that Sphinx does not read everything again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
