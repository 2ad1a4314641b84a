"""Finding cases: those of the library by name, and a user's own by ``module:attribute``."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

from jaxloss.verify import Case
from jaxloss.verify.cases import CASES

__all__ = ["Address", "NotFoundError", "families", "find", "first", "library", "one_of_each"]


class NotFoundError(LookupError):
    """No such loss, family or module; the message is for the user."""


@dataclasses.dataclass(frozen=True)
class Address:
    """Where a case can be imported from: what travels to another process instead of functions."""

    module: str
    attribute: str
    index: int | None = None
    like: Address | None = None
    """Of the case that the function at this address takes the place of."""

    def load(self) -> Case:
        """Import the case."""
        found = _attribute(self.module, self.attribute)
        if self.index is not None:
            found = found[self.index]
        return found if self.like is None else dataclasses.replace(self.like.load(), loss=found, peers={})


def library(family: str | None = None) -> list[Address]:
    """Return the library's cases, all of them or those of a family."""
    if family is not None and family not in families():
        raise NotFoundError(f"unknown family {family!r}{_near(family, families())}; there are {', '.join(families())}")
    return [
        Address("jaxloss.verify.cases", "CASES", i)
        for i, case in enumerate(CASES)
        if family is None or case.family == family
    ]


def families() -> tuple[str, ...]:
    """Return the families in the order of the cases."""
    return tuple(dict.fromkeys(case.family for case in CASES))


def find(names: Sequence[str], *, like: str | None = None, family: str | None = None) -> list[Address]:
    """Return the cases of these names, or the whole library for no name.

    A name is a loss (all its cases), a case such as ``huber(delta=2)``, or ``module:attribute`` for a case, several of
    them or, with ``like``, a function that takes the place of that loss.
    """
    if not names:
        return library(family)
    return [address for name in names for address in (_own(name, like) if ":" in name else _named(name, family))]


def one_of_each(addresses: Sequence[Address]) -> list[Address]:
    """Keep the first case of every loss, which has the default parameters where these have a case."""
    leading: dict[str, Address] = {}
    for address in addresses:
        leading.setdefault(address.load().loss.__name__, address)
    return list(leading.values())


def first(name: str, *, like: str | None = None) -> Address:
    """Return the one case that a name stands for: the first where a loss has several."""
    return find([name], like=like)[0]


def _named(name: str, family: str | None) -> list[Address]:
    addresses = library(family)
    named = [(address, address.load()) for address in addresses]
    found = [address for address, case in named if name in (case.name, case.loss.__name__)]
    if not found:
        known = list(dict.fromkeys(case.loss.__name__ for _, case in named))
        raise NotFoundError(f"unknown loss {name!r}{_near(name, known)}")
    return found


def _own(name: str, like: str | None) -> list[Address]:
    module, _, attribute = name.partition(":")
    found = _attribute(module, attribute)
    if isinstance(found, Case):
        return [Address(module, attribute)]
    if isinstance(found, Sequence) and found and all(isinstance(case, Case) for case in found):
        return [Address(module, attribute, i) for i in range(len(found))]
    if not callable(found):
        raise NotFoundError(f"{name} is neither a loss nor a Case, but {type(found).__name__}")
    if not hasattr(found, "__name__"):
        raise NotFoundError(f"{name} has no __name__ to report it by; wrap it in a def")
    if like is None:
        raise NotFoundError(f"{name} is a function: say with --like which loss it should behave as, or name a Case")
    return [Address(module, attribute, like=first(like))]


def _attribute(module: str, attribute: str) -> Any:
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # where a user's own modules are, as with python -m
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        raise NotFoundError(f"cannot import {module!r}: {error}") from error
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            near = _near(part, [n for n in vars(found) if not n.startswith("_")]) if hasattr(found, "__dict__") else ""
            raise NotFoundError(f"no {part!r} in {module!r}{near}") from error
    return found


def _near(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3)
    return f"; did you mean {' or '.join(near)}?" if near else ""
