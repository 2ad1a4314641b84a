"""One row, or several, for every public loss: a module here for each module of a family."""

from __future__ import annotations

import importlib
import pkgutil

from jaxloss.verify.case import Case

__all__ = ["CASES"]


def _collect() -> tuple[Case, ...]:
    modules = (m.name for m in pkgutil.walk_packages(__path__, f"{__name__}.") if not m.ispkg)
    return tuple(case for name in modules for case in importlib.import_module(name).CASES)


CASES: tuple[Case, ...] = _collect()
"""All cases, in the order of their modules."""
