"""What a law says when it is broken, and the comparisons that all laws share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.verify.trial import Trial

__all__ = ["LawError", "close", "raises", "require"]


class LawError(AssertionError):
    """A law that a loss breaks."""


def require(holds: bool, message: str) -> None:
    """Raise with the message unless it holds."""
    if not holds:
        raise LawError(message)


def close(got: Any, due: Any, what: str, tolerance: float | None = None, floor: float = 0.0) -> None:
    """Equal up to 32 ulp of the larger of each entry and the mean size: room for another order of summation."""
    got, due = np.asarray(got, np.float64), np.asarray(due, np.float64)
    require(got.shape == due.shape, f"{what}: shape {got.shape}, due {due.shape}")
    if tolerance is None:
        tolerance = 32 * float(np.finfo(np.float32).eps)
    scale = np.maximum(np.abs(due), np.mean(np.abs(due)) if due.size else 0.0)
    bad = ~(np.abs(got - due) <= tolerance * scale + floor)
    if bad.any():
        i = np.unravel_index(int(np.argmax(bad)), bad.shape)
        raise LawError(f"{what}: got {got[i]:.9g}, due {due[i]:.9g}" + (f" at {tuple(map(int, i))}" if i else ""))


def raises(kind: type[Exception], call: Callable[[], Any], what: str, trial: Trial) -> None:
    """Require that the call raises an error of this kind that names the loss."""
    try:
        got = call()
    except kind as error:
        require(
            trial.case.loss.__name__ in str(error),
            f"{what}: the error does not name {trial.case.loss.__name__}: {error}",
        )
        return
    except Exception as error:
        raise LawError(f"{what}: {type(error).__name__} ({error}), due {kind.__name__}") from error
    raise LawError(f"{what}: accepted, gave {jax.tree.map(jnp.shape, got)}, due {kind.__name__}")
