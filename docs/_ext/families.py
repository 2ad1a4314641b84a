"""The pages of the families: for each loss its picture and its docstring, made from the cases when the docs are built.

``docs/families/NAME.md`` is written by hand (which loss to choose when) and includes ``docs/_generated/NAME.md``.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from drawing import GENERATED, markdown, save, write
from matplotlib.figure import Figure

import jaxloss
from jaxloss.cli import pictures, plotting, scenes
from jaxloss.cli.pictures import Theme
from jaxloss.verify.cases import CASES

LINES = 4
"""More curves than that on one picture are not told apart."""
POINTS = 401
FIRST = ("binary", "squared", "huber", "softmax")
"""Modules at the top of their pages; the others follow by name."""


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", lambda _: generate())
    return {"parallel_read_safe": True}


def generate() -> None:
    """Write the generated part of every family's page, and the pictures."""
    for family, modules in _public().items():
        parts = [_module(module, functions) for module, functions in modules.items()]
        write(GENERATED / f"{family}.md", "\n".join(parts))
    write(GENERATED / "losses.md", _table())


def _public() -> dict[str, dict[str, list[str]]]:
    """Family to module to names, these in the order of the source."""
    functions = {name: f for name in jaxloss.__all__ if inspect.isfunction(f := getattr(jaxloss, name))}
    modules = list(dict.fromkeys(case.loss.__module__ for case in CASES))
    modules.sort(key=lambda module: module.rpartition(".")[2] not in FIRST)
    modules += sorted({f.__module__ for f in functions.values() if f.__module__.count(".") >= 2} - set(modules))
    found: dict[str, dict[str, list[str]]] = {}
    for module in modules:
        here = {name: f.__code__.co_firstlineno for name, f in functions.items() if f.__module__ == module}
        if here:
            found.setdefault(module.split(".")[1], {})[module] = sorted(here, key=here.__getitem__)
    return found


def _module(module: str, names: list[str]) -> str:
    doc = (inspect.getdoc(importlib.import_module(module)) or "").partition("\n")[0].rstrip(".")
    lines = [f"## {doc}", ""]
    for name in names:
        rows = [case for case in CASES if case.loss.__name__ == name]
        lines += [f"### {name}", ""]
        if rows and (curves := _curves(rows)):
            save(name, _drawing(_sweep(rows), curves, rows[0]))
            lines += [markdown(name, f"value and gradient of {name}"), ""]
        lines += ["```{eval-rst}", f".. autofunction:: jaxloss.{name}", "```", ""]
        lines += [_promise(rows), ""] if rows else []
    return "\n".join(lines)


def _curves(cases: list[Any]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Value and gradient of one loss, named by the parameters that are not the default and change the picture."""
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for case in cases:
        name = case.name.removeprefix(case.loss.__name__).strip("()") or "default"
        if name not in found and len(found) < LINES:
            # Parameters of a case may be made for its own number of classes, which is not that of a curve.
            with contextlib.suppress(ValueError):
                curve = plotting.curve(case, _sweep(cases))
                if not any(np.allclose(curve, other, atol=1e-9) for other in found.values()):
                    found[name] = curve
    return found


def _sweep(cases: list[Any]) -> np.ndarray:
    spans = [case.inputs.span for case in cases]
    return np.linspace(max(low for low, _ in spans), min(high for _, high in spans), POINTS)


def _drawing(x: np.ndarray, curves: dict[str, tuple[np.ndarray, np.ndarray]], case: Any) -> Callable[[Theme], Figure]:
    def draw(theme: Theme) -> Figure:
        maps = 1 if case.inputs.scene else 0
        figure, (axes,) = pictures.new(theme, columns=2 + maps, width=9.0 + 4.5 * maps)
        with pictures.style(theme):
            if maps:
                scenes.draw(axes[2], case, theme)
            for i, title in enumerate(("value", "gradient")):
                lines = {name: curve[i] for name, curve in curves.items()}
                pictures.curves(axes[i], x, lines, title=title, xlabel=case.inputs.xlabel)
            pictures.legend(figure, axes[0])
        return figure

    return draw


def _promise(rows: list[Any]) -> str:
    case = rows[0]
    smooth = {
        None: "Smooth",
        0: "Has kinks",
        1: "Once continuously differentiable",
        2: "Twice continuously differentiable",
    }[case.differentiable]
    declared = sorted(str(p) for p in case.properties)
    if case.lipschitz is not None:
        declared.append(f"{case.lipschitz:g}-Lipschitz")
    if case.degree is not None:
        declared.append(f"homogeneous of degree {case.degree:g}")
    ulps = max(row.ulps for row in rows)
    conditioned = ", [conditioned](/numerics.md)" if any(row.conditioned for row in rows) else ""
    unit = max(row.unit for row in rows)
    conditioned += f", at least of {unit:g}" if unit else ""
    return f"Promised error: {ulps:g} ulp{conditioned}. {'; '.join([smooth, ', '.join(declared)]).rstrip('; ')}."


def _table() -> str:
    lines = ["| loss | family | formula |", "|---|---|---|"]
    cases = {case.loss.__name__: case for case in reversed(CASES)}
    for family, modules in _public().items():
        for name in (name for names in modules.values() for name in names if name in cases):
            formula = cases[name].formula.replace("|", r"\|").replace("*", r"\*").replace("_", r"\_")
            lines.append(f"| {{py:func}}`~jaxloss.{name}` | {family} | {formula} |")
    return "\n".join(lines) + "\n"
