"""What a part of the demo hands to the report."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from jaxloss.cli.pictures import Theme

__all__ = ["Claim", "Part", "Picture", "Table"]


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture that can be drawn for light and for dark pages."""

    name: str
    """Of its file, without the ending."""
    caption: str
    draw: Callable[[Theme], Figure]


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of text; the first ``left`` columns are words, the others numbers."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1
    folded: bool = False
    """Long: shown on request."""


@dataclasses.dataclass(frozen=True)
class Claim:
    """Something that the part shows, and whether this run showed it."""

    number: str
    text: str
    holds: bool


@dataclasses.dataclass(frozen=True)
class Part:
    """A section of the report."""

    key: str
    title: str
    text: str
    claims: Sequence[Claim] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    code: str = ""
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """For ``report.json``."""
