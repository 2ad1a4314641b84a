"""The report: one HTML file that needs nothing else, the pictures beside it, and the numbers as JSON."""

from __future__ import annotations

import base64
import html
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxloss.cli import pictures
from jaxloss.cli.demo.page import PAGE
from jaxloss.cli.demo.parts import Part, Picture, Table

__all__ = ["write"]

DPI = 144


def write(folder: Path, parts: Sequence[Part], *, environment: Mapping[str, str]) -> None:
    """Write ``index.html``, ``report.json`` and the pictures to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    sections = [_section(part, folder) for part in parts]
    page = PAGE.substitute(
        claims="".join(_claims(parts)),
        contents="".join(f'<a href="#{part.key}">{html.escape(part.title)}</a>' for part in parts),
        sections="".join(sections),
        environment="".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in environment.items()),
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    document = {"environment": dict(environment), **{part.key: _plain(part.data) for part in parts if part.data}}
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "report.json").write_text(text, encoding="utf-8")


def _claims(parts: Iterable[Part]) -> Iterable[str]:
    for part in parts:
        for claim in part.claims:
            number, text = html.escape(claim.number), html.escape(claim.text)
            mark = "" if claim.holds else " missed"
            yield f'<a class="claim{mark}" href="#{part.key}"><b>{number}</b><span>{text}</span></a>'


def _section(part: Part, folder: Path) -> str:
    code = f"<pre><code>{html.escape(part.code)}</code></pre>" if part.code else ""
    return (
        f'<section id="{part.key}"><h2>{html.escape(part.title)}</h2><p>{html.escape(part.text)}</p>{code}'
        + "".join(_picture(picture, folder) for picture in part.pictures)
        + "".join(map(_table, part.tables))
        + "</section>"
    )


def _picture(picture: Picture, folder: Path) -> str:
    """Draw a picture for light and dark pages; the light one is written to the folder too."""
    light, dark = (pictures.png(picture.draw(theme), dpi=DPI) for theme in (pictures.LIGHT, pictures.DARK))
    (folder / f"{picture.name}.png").write_bytes(light)
    caption = html.escape(picture.caption)
    return (
        f'<figure><picture><source media="(prefers-color-scheme: dark)" srcset="{_data_uri(dark)}">'
        f'<img src="{_data_uri(light)}" alt="{caption}"></picture><figcaption>{caption}</figcaption></figure>'
    )


def _table(table: Table) -> str:
    def row(tag: str, cells: Sequence[str]) -> str:
        words = (" class=words" if i < table.left else "" for i in range(len(cells)))
        return "".join(f"<{tag}{kind}>{html.escape(cell)}</{tag}>" for kind, cell in zip(words, cells, strict=True))

    body = "".join(f"<tr>{row('td', cells)}</tr>" for cells in table.rows)
    grid = f"<table><thead><tr>{row('th', table.header)}</tr></thead><tbody>{body}</tbody></table>"
    caption = html.escape(table.caption)
    if table.folded:
        return f"<details><summary>{caption} ({len(table.rows)})</summary><div class=scroll>{grid}</div></details>"
    return f"<h3>{caption}</h3><div class=scroll>{grid}</div>"


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _plain(value: Any) -> Any:
    """Data that JSON can hold: a number that is not finite becomes its name."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
