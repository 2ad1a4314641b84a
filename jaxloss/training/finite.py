"""Which term of a report stopped being finite: flags inside jit, an error that names it outside."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

__all__ = ["non_finite", "raise_if_non_finite"]


def non_finite(tree: Any) -> dict[str, Array]:
    """Tell for every floating point array of a pytree, by its path, whether it holds an inf or a NaN; under jit too.

    Example:
      >>> non_finite({"total": jnp.float32(jnp.nan), "terms": {"fit": jnp.float32(1), "kl": jnp.array([jnp.inf, 0])}})
      {'terms/fit': Array(False, dtype=bool), 'terms/kl': Array(True, dtype=bool), 'total': Array(True, dtype=bool)}
    """
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): ~jnp.all(jnp.isfinite(leaf))
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
        if jnp.issubdtype(jnp.result_type(leaf), jnp.inexact)
    }


def raise_if_non_finite(tree: Any, what: str = "the report") -> None:
    """Raise FloatingPointError that names what is not finite, on the host: it waits for the values.

    Call it on the report of a step, every so many steps; with `jaxloss.weighted_sum` it says which term it was.

    Example:
      >>> raise_if_non_finite({"total": jnp.float32(jnp.nan), "fit": jnp.float32(1), "kl": jnp.float32(jnp.nan)})
      Traceback (most recent call last):
          ...
      FloatingPointError: the report is not finite: kl (nan), total (nan)
    """
    values = {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(jax.device_get(tree))
        if jnp.issubdtype(jnp.result_type(leaf), jnp.inexact)
    }
    bad = [f"{name} ({_first(value)})" for name, value in values.items() if not np.isfinite(value).all()]
    if bad:
        raise FloatingPointError(f"{what} is not finite: {', '.join(bad)}")


def _first(value: np.ndarray) -> str:
    wrong = ~np.isfinite(value)
    return f"{value[wrong].flat[0]}" + (f" in {wrong.sum()} of {value.size}" if value.size > 1 else "")
