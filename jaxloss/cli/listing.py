"""``jaxloss list``: what there is, from the cases."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from jaxloss.cli import screen
from jaxloss.verify import Case

__all__ = ["as_json", "describe", "show"]

SHARED = ("where", "weights", "reduction")


def describe(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Return one entry a loss as plain data, in the order of the cases."""
    first: dict[str, Case] = {}
    for case in cases:
        first.setdefault(case.loss.__name__, case)
    return [
        {
            "name": name,
            "family": case.family,
            "data": list(case.inputs.names),
            "parameters": _parameters(case),
            "formula": case.formula,
            "differentiable": "smooth" if case.differentiable is None else case.differentiable,
            "peers": dict(case.peers),
        }
        for name, case in first.items()
    ]


def show(console: Console, entries: Sequence[dict[str, Any]]) -> None:
    """Print the losses as a table, a family at a time."""
    table = screen.table("", "loss", "data; parameters", "formula", "derivatives", left=4)
    family = None
    for entry in entries:
        if entry["family"] != family:
            family = entry["family"]
            table.add_row(Text(f"\n{family}", style="bold cyan"))
        parameters = ", ".join(f"{name}={value}" if value else name for name, value in entry["parameters"].items())
        takes = f"{', '.join(entry['data'])}{'; ' if parameters else ''}{parameters}"
        derivatives = "all" if entry["differentiable"] == "smooth" else str(entry["differentiable"])
        table.add_row(*map(Text, (entry["name"], takes, entry["formula"], derivatives)))
    console.print(table)
    console.print(Text(f"\n{len(entries)} losses; all take {', '.join(SHARED)} too"))


def as_json(entries: Sequence[dict[str, Any]]) -> str:
    """Return the entries as JSON."""
    return json.dumps(entries, indent=2, ensure_ascii=False)


def _parameters(case: Case) -> dict[str, str]:
    """The loss's own parameters with their defaults as text, empty where there is none."""
    keyword = [p for p in inspect.signature(case.loss).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return {p.name: "" if p.default is p.empty else str(p.default) for p in keyword if p.name not in SHARED}
