"""One row of a peer's table: a loss of another framework, the loss here, and what differs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["Alias", "row"]


class Alias(NamedTuple):
    """One loss of another framework under all the names it has there."""

    names: tuple[str, ...]
    loss: str
    """The loss here that computes it, or the nearest one."""
    params: Mapping[str, Any]
    """Bound so that it does."""
    differs: str
    """What still differs beyond the convention of the whole framework; empty when nothing does."""
    exactly: str = ""
    """An expression in the arguments there that gives their value; empty where there is none, or a `jaxloss.compat`."""


def row(names: str, loss: str, differs: str = "", exactly: str = "", **params: Any) -> Alias:
    """Return a row: the names there, separated by spaces, the loss here, what differs, the recipe, parameters bound."""
    return Alias(tuple(names.split()), loss, MappingProxyType(params), differs, exactly)
