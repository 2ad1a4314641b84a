"""Losses by name: the names of this library, and those that optax, PyTorch and Keras use for them."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from jaxloss.peers import GENERAL, PEERS, Alias

__all__ = ["PEERS", "Alias", "get", "names"]

Loss = Callable[..., Any]


def get(name: str, *, losses: Mapping[str, Loss] | None = None, **params: Any) -> Loss:
    """Return a loss by name, with parameters bound.

    For configuration files, where a loss is a string; in code, ``jaxloss.huber`` says the same.

        >>> get("huber", delta=0.5)(jnp.array([3.0]), jnp.array([0.0]))
        Array(1.375, dtype=float32)
        >>> get("MeanSquaredError").__name__
        'squared_error'
        >>> get("ours", losses={"ours": lambda predictions, targets: jnp.sum(predictions)})(jnp.ones(3), jnp.ones(3))
        Array(3., dtype=float32)

    Args:
      name: a key of ``losses``; a loss of this library; or what optax, PyTorch or Keras call one ("mse",
        "BCEWithLogitsLoss", "torch.nn.functional.huber_loss"), see `PEERS`. The first of these that knows it answers.
      losses: your own losses by name.
      **params: parameters to bind, ``where``, ``weights`` and ``reduction`` among them.
    Returns: the loss, or a `functools.partial` of it named like ``huber(delta=0.5)``.
    Raises: ValueError for an unknown name, with the nearest ones; TypeError for a parameter that the loss lacks.
    """
    own, ours = dict(losses or {}), _losses()
    if name in own:
        return _bind(name, own[name], params)
    if name in ours:
        return _bind(name, ours[name], params)
    aliases = _aliases(name)
    if len({(alias.loss, *alias.params.items()) for alias in aliases.values()}) > 1:
        options = " or ".join(f"{framework}.{name}" for framework in aliases)
        raise ValueError(f"get: {name!r} differs between frameworks, say {options}")
    for alias in aliases.values():
        if alias.loss in ours:
            return _bind(alias.loss, ours[alias.loss], {**alias.params, **params}, alias)
    known = [*own, *ours, *(n for rows in PEERS.values() for alias in rows for n in alias.names)]
    near = dict.fromkeys(difflib.get_close_matches(name, known, n=4))
    hint = f"; did you mean {' or '.join(near)}?" if near else "; names() lists what there is"
    raise ValueError(f"get: unknown loss {name!r}{hint}")


def names() -> tuple[str, ...]:
    """Return the names of the losses of this library, sorted; `PEERS` has those of the others.

    >>> "huber" in names()
    True
    """
    return tuple(sorted(_losses()))


def _losses() -> dict[str, Loss]:
    """The public functions that reduce. Imported late: this module is a part of what it looks into."""
    import jaxloss

    found = ((name, getattr(jaxloss, name)) for name in jaxloss.__all__)
    return {name: value for name, value in found if _is_loss(value)}


def _is_loss(value: Any) -> bool:
    return inspect.isfunction(value) and "reduction" in inspect.signature(value).parameters


def _aliases(name: str) -> dict[str, Alias]:
    """What the frameworks mean by a name, or the one that a dotted name starts with: ``keras.losses.Huber``."""
    framework, _, rest = name.partition(".")
    last = rest.rpartition(".")[2]
    tables = {framework: PEERS[framework]} if rest and framework in PEERS else PEERS
    wanted = last if tables is not PEERS else name
    found = {peer: alias for peer, rows in tables.items() for alias in rows if wanted in alias.names}
    return {peer: alias for peer, alias in found.items() if peer in GENERAL} or found


def _bind(name: str, loss: Loss, params: Mapping[str, Any], alias: Alias | None = None) -> Loss:
    if not params:
        return loss
    signature = inspect.signature(loss).parameters
    takes = [
        p.name
        for p in signature.values()
        if p.kind is p.KEYWORD_ONLY or (p.kind is p.POSITIONAL_OR_KEYWORD and p.default is not p.empty)
    ]
    open_ended = any(p.kind is p.VAR_KEYWORD for p in signature.values())
    if not open_ended and (unknown := sorted(set(params) - set(takes))):
        note = f"; {alias.differs}" if alias is not None and alias.differs else ""
        raise TypeError(f"{name}: no parameter {', '.join(unknown)}; it takes {', '.join(takes) or 'none'}{note}")
    bound = functools.partial(loss, **params)
    title = f"{name}({', '.join(f'{key}={_short(value)}' for key, value in params.items())})"
    vars(bound).update(__name__=title, __qualname__=title, __doc__=loss.__doc__, __module__=loss.__module__)
    return bound


def _short(value: Any) -> str:
    text = f"array{value.shape}" if getattr(value, "shape", ()) else str(value)
    return text if len(text) <= 24 else f"{text[:21]}..."
