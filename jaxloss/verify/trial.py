"""A case on one draw of data, with what several laws need computed once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.verify.case import Case, Regime

__all__ = ["Trial", "default_compilation", "quick_compilation"]

EVENTS = 6


@dataclasses.dataclass(frozen=True)
class Trial:
    """One case on six events of the ordinary regime, in float32."""

    case: Case
    seed: int = 0

    @cached_property
    def data(self) -> tuple[jax.Array, ...]:
        """The data arguments of the loss."""
        drawn = self.case.inputs(np.random.default_rng(self.seed), EVENTS, Regime.ORDINARY)
        assert drawn is not None
        return tuple(
            jnp.asarray(a, jnp.float32) if np.issubdtype(a.dtype, np.floating) else jnp.asarray(a, jnp.int32)
            for a in drawn
        )

    @cached_property
    def floats(self) -> tuple[int, ...]:
        """Positions of the data arguments with a gradient."""
        return tuple(i for i, a in enumerate(self.data) if jnp.issubdtype(a.dtype, jnp.floating))

    @property
    def float_names(self) -> list[str]:
        """Names of the data arguments with a gradient."""
        return [self.case.inputs.names[i] for i in self.floats]

    @cached_property
    def values(self) -> jax.Array:
        """The unreduced loss of each event."""
        return self.case(*self.data, reduction="none")

    @cached_property
    def gradients(self) -> tuple[jax.Array, ...]:
        """Gradients of the sum with respect to every float argument."""
        return self.gradients_at(*self.data, reduction="sum")

    def gradients_at(self, *data: Any, **options: Any) -> tuple[jax.Array, ...]:
        """Gradients of the reduced loss at other data."""
        return jax.grad(lambda *d: self.case(*d, **options), argnums=self.floats)(*data)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compile for one call, in which optimizing takes longer than it saves."""
        return jax.jit(function, compiler_options=quick_compilation())

    def where(self, kept: Any) -> jax.Array:
        """A mask of whole events, shaped as ``where`` is."""
        kept = jnp.asarray(kept)
        return kept if self.case.inputs.members is None else kept[..., None]

    def weights(self, weights: Any) -> jax.Array:
        """A weight for each event, shaped as ``weights`` is."""
        weights = jnp.asarray(weights)
        return weights if self.case.inputs.value_per == "event" else weights[..., None]

    def grid(self, *data: Any) -> tuple[jax.Array, ...]:
        """The same events on two axes, 2 by 3."""
        return tuple(a.reshape(2, EVENTS // 2, *a.shape[1:]) for a in data)


FUSION_EMITTERS = "xla_cpu_use_fusion_emitters"


@cache
def quick_compilation(*, optimized: bool = False) -> dict[str, Any]:
    """Compiler options for what runs once; without its fusion emitters XLA:CPU needs a quarter less time.

    Large data want ``optimized`` code: it compiles almost as fast, and twice as many numbers a second come out.
    """
    options: dict[str, Any] = {} if optimized else {"xla_backend_optimization_level": 0}
    return _with_known(options, {FUSION_EMITTERS: False})


@cache
def default_compilation() -> dict[str, Any]:
    """Compiler options that give what users get, also where flags make everything else compile faster."""
    defaults = {"xla_backend_optimization_level": 3, "xla_llvm_disable_expensive_passes": False}
    return _with_known(defaults, {FUSION_EMITTERS: True})


def _with_known(options: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    try:
        jax.jit(lambda x: x, compiler_options=options | more)(0.0)
    except jax.errors.JaxRuntimeError:  # removed by jax 0.12
        return options
    return options | more
