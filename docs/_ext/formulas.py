r"""Break formulas that are wider than the page: in docstrings, ``\qquad`` separates a loss from its derivatives."""

from __future__ import annotations

import re

WIDTH = 52
"""Symbols in a line."""

BLOCK = re.compile(r"^(\s*)\.\. math::[ ]*\n?(.*?)(?=\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)
TOKEN = re.compile(r"\\begin\{\w+\}|\\end\{\w+\}|\\\\|\\[a-zA-Z]+|\\.|.")
INVISIBLE = re.compile(r"\\(text|mathrm|operatorname|left|right|tfrac|frac|qquad|[bB]igg?)\b|\\(begin|end)\{\w+\}")


def break_wide(lines: list[str]) -> list[str]:
    """Return the lines of a docstring with its wide formulas broken."""
    return BLOCK.sub(_broken, "\n".join(lines)).split("\n")


def _broken(match: re.Match[str]) -> str:
    indent, formula = match[1], " ".join(match[2].split())
    if _width(formula) <= WIDTH and r"\\" not in formula:
        return match[0]
    rows = [""]
    for part in _parts(formula):
        if rows[-1] and _width(rows[-1] + part) > WIDTH:
            rows.append(part)
        else:
            rows[-1] += rf" \qquad {part}" if rows[-1] else part
    body = r" \\[1ex] ".join(f"& {row}" for row in rows)
    return f"{indent}.. math::\n\n{indent}   \\begin{{aligned}} {body} \\end{{aligned}}"


def _parts(formula: str) -> list[str]:
    r"""The parts between the ``\qquad``, ``\quad`` and line breaks that are in no group and no environment."""
    parts, depth = [""], 0
    for token in TOKEN.findall(formula):
        depth += {"{": 1, "}": -1}.get(token, 0) + token.startswith(r"\begin") - token.startswith(r"\end")
        if depth == 0 and token in (r"\qquad", r"\quad", r"\\"):
            parts.append("")
        else:
            parts[-1] += token
    return [part.strip() for part in parts if part.strip()]


def _width(formula: str) -> int:
    """About how many symbols a formula is wide."""
    return len(re.sub(r"\\[a-zA-Z]+|\\.", "x", INVISIBLE.sub("", formula)).translate(str.maketrans("", "", "{}^_ ")))
