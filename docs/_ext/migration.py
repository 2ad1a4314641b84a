"""The tables of the pages in ``docs/migration``: the losses of another library, name by name, from `jaxloss.peers`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from types import ModuleType
from typing import Any

from drawing import GENERATED, write

from jaxloss.peers import PEERS, Alias


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", lambda _: generate())
    return {"parallel_read_safe": True}


def generate() -> None:
    """Write ``docs/_generated/migration-NAME.md`` for each framework."""
    for framework, rows in PEERS.items():
        write(GENERATED / f"migration-{framework}.md", page(framework, rows))


def page(framework: str, rows: tuple[Alias, ...]) -> str:
    """The table and, where we have functions with their semantics, what these are."""
    compat = _compat(framework)
    public = list(getattr(compat, "__all__", ()))
    last = "exactly theirs" if compat is None else "theirs here"
    lines = [f"| theirs | ours | what differs | {last} |", "|---|---|---|---|"]
    for alias in rows:
        same = [name for name in alias.names if name in public]
        recipe = ", ".join(f"`compat.{framework}.{name}`" for name in same) or (
            f"`{alias.exactly}`" if alias.exactly else ""
        )
        bound = f" with `{', '.join(f'{k}={v!r}' for k, v in alias.params.items())}`" if alias.params else ""
        names = ", ".join(f"`{name}`" for name in alias.names)
        cells = (names, f"{{py:func}}`~jaxloss.{alias.loss}`{bound}", alias.differs or "equal", recipe)
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    known = {name for alias in rows for name in alias.names}
    lines += [f"| `{name}` | | | `compat.{framework}.{name}` |" for name in public if name not in known]
    if compat is not None:
        lines += ["", f"## jaxloss.compat.{framework}", "", "```{eval-rst}"]
        kinds = {name: "function" if inspect.isfunction(getattr(compat, name)) else "class" for name in public}
        lines += [line for name in public for line in (f".. auto{kinds[name]}:: {compat.__name__}.{name}", "")]
        lines += ["```"]
    return "\n".join(lines) + "\n"


def _compat(framework: str) -> ModuleType | None:
    name = f"jaxloss.compat.{framework}"
    return importlib.import_module(name) if importlib.util.find_spec(name) else None
