"""Our docstrings are compact, a section on one line (``Returns: a scalar``): make of it a field that Sphinx knows."""

from __future__ import annotations

import re
from typing import Any

from formulas import break_wide

SECTION = re.compile(r"(Returns|Raises|References): (.+)")
EXAMPLE = re.compile(r"(Examples?): (.+)")


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("autodoc-process-docstring", _process, priority=100)  # before napoleon reads the sections
    return {"parallel_read_safe": True}


def fields(lines: list[str]) -> list[str]:
    """Return the lines with every one-line section, and what continues it indented, as a field."""
    made: list[str] = []
    inside = False
    for line in lines:
        if match := SECTION.match(line):
            made += [*([] if inside else [""]), f":{match[1]}: {match[2]}"]
            inside = True
        elif match := EXAMPLE.match(line):
            made += ["", f"{match[1]}:", f"  {match[2]}", ""]
            inside = False
        elif inside and line and not line.startswith(" "):
            made += ["", line]
            inside = False
        else:
            made.append(line)
    return [*made, ""] if inside else made


def _process(_app: Any, what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    made = break_wide(fields(lines))
    # Of an attribute, napoleon takes what comes before a colon on the first line for its type.
    lines[:] = ["", *made] if what in ("attribute", "data") else made
