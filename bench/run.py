"""Measure one case at one size: times, floor, errors and memory of ours and of each peer."""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bench.limits import floor_seconds, least_bytes, product_seconds
from bench.peers import peer_contender
from bench.sizes import Size
from jaxloss import measure
from jaxloss.verify.case import Case, Regime
from jaxloss.verify.trial import quick_compilation

__all__ = ["Result", "draw", "environment", "run_case"]

WRONG = {"float32": 5e-3, "bfloat16": 5e-2, "float16": 1e-2, "float64": 1e-9}
"""Relative error of value or gradient above which an answer is marked wrong. The recursion of CTC loses 1e-3 in float32
where it adds in logarithms, which is no other answer."""


@dataclasses.dataclass(frozen=True)
class Result:
    """One contender in one run; a line of the result files."""

    name: str
    peer: str
    """ "jaxloss", or who else."""
    family: str
    size: str
    events: int
    classes: int | None
    dtype: str
    direction: str
    median: float
    p20: float
    p80: float
    band: float
    """Relative difference inside which two times of this run are equal."""
    floor: float
    """Seconds of a copy of the least bytes, or of the matrix products where the logits are made of them."""
    least_bytes: int
    compile_seconds: float | None
    temp_bytes: int | None
    flops: float | None
    bytes_accessed: float | None
    value_error: float
    gradient_error: float | None
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    members: int | None = None
    steps: int | None = None

    @property
    def elements(self) -> int:
        """Numbers in the first argument."""
        return self.events * (self.steps or 1) * (self.members or 1) * (self.classes or 1)

    @property
    def wrong(self) -> bool:
        """Whether the answer is not the answer."""
        errors = [self.value_error, self.gradient_error or 0.0]
        return not all(error <= WRONG[self.dtype] for error in errors)


def environment() -> dict[str, str]:
    """Versions, device and flags: what a time depends on."""
    packages = ("jaxloss", "jax", "jaxlib", "optax", "torch", "keras", "rax", "tokamax")
    found = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        **found,
        "device": measure.device_name(),
        "platform": jax.default_backend(),
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
    }


def draw(case: Case, size: Size, dtype: str, seed: int) -> tuple[jax.Array, ...]:
    """Random data of a case at a size."""
    drawn = size.of(case.inputs)(np.random.default_rng(seed), size.events, Regime.ORDINARY)
    assert drawn is not None
    return tuple(jnp.asarray(a, dtype if np.issubdtype(a.dtype, np.floating) else jnp.int32) for a in drawn)


def run_case(
    case: Case,
    size: Size,
    *,
    dtype: str = "float32",
    direction: str = "value and gradient",
    peers: Sequence[str] = (),
    rounds: int = 15,
    seconds: float = math.inf,
    sets: int = 3,
) -> list[Result]:
    """Time ours twice (the control) and every peer in one interleaved run.

    With a limit of ``seconds`` for the samples the answer in float64 is made while the contenders are compiled, which
    then take longer to compile.
    """
    data = [draw(case, size, dtype, seed) for seed in range(sets)]
    hurried = math.isfinite(seconds)
    in_float64 = functools.partial(_in_float64, case, data[0], direction, optimized=not hurried)
    reference = ThreadPoolExecutor(1).submit(in_float64) if hurried else None
    traced = _directed(lambda *args: case(*args), direction, case.inputs.argnums)
    compiled = {"jaxloss": measure.compile(traced, *data[0])}
    contenders = {"jaxloss": measure.Contender(compiled["jaxloss"].call, data)}
    contenders["control"] = contenders["jaxloss"]
    for peer in peers:
        try:
            found = peer_contender(peer, case, data, direction)
            if found is None:
                continue
            contender, traced = found
            if traced is not None:
                compiled[peer] = measure.compile(traced, *data[0])
                contender = measure.Contender(compiled[peer].call, data)
            contender.call(*contender.arguments[0])
        except Exception as error:  # what a peer cannot do is no reason to stop
            print(f"{case.name}: {peer} left out: {type(error).__name__}: {str(error).splitlines()[0][:160]}")
            continue
        contenders[peer] = contender
    due = in_float64() if reference is None else reference.result()
    timings = measure.interleave(contenders, rounds=rounds, seconds=seconds)
    band = measure.control_band(timings["jaxloss"], timings.pop("control"))
    if case.inputs.features is None:
        floor = floor_seconds(data[0], direction)
    else:
        floor = product_seconds(data[0][0], data[0][1], direction)
    results = []
    for peer, timing in timings.items():
        value_error, gradient_error = _errors(contenders[peer], due)
        about = compiled.get(peer)
        results.append(
            Result(
                name=case.name,
                peer=peer,
                family=case.family,
                size=size.name,
                events=size.events,
                classes=size.classes,
                members=size.members,
                steps=size.steps,
                dtype=dtype,
                direction=direction,
                median=timing.median,
                p20=timing.p20,
                p80=timing.p80,
                band=band,
                floor=floor,
                least_bytes=least_bytes(data[0], direction, case.inputs.trained),
                compile_seconds=about.compile_seconds if about else None,
                temp_bytes=about.temp_bytes if about else None,
                flops=about.flops if about else None,
                bytes_accessed=about.bytes_accessed if about else None,
                value_error=value_error,
                gradient_error=gradient_error,
            )
        )
    return results


def _directed(loss: Callable[..., Any], direction: str, argnums: Any) -> Callable[..., Any]:
    if direction == "forward":
        return loss
    if direction == "value and gradient":
        return jax.value_and_grad(loss, argnums)
    return lambda x, *rest: jax.jvp(jax.grad(lambda x: loss(x, *rest)), (x,), (jnp.ones_like(x),))[1]


def _in_float64(case: Case, data: tuple[Any, ...], direction: str, *, optimized: bool) -> Any:
    """The same data through the verified loss in float64."""
    with jax.enable_x64(True):
        wide = [jnp.asarray(np.asarray(a), jnp.float64) if jnp.issubdtype(a.dtype, jnp.floating) else a for a in data]
        directed = _directed(lambda *args: case(*args), direction, case.inputs.argnums)
        return jax.tree.map(
            np.asarray, jax.jit(directed, compiler_options=quick_compilation(optimized=optimized))(*wide)
        )


def _errors(contender: measure.Contender, due: Any) -> tuple[float, float | None]:
    got = contender.call(*contender.arguments[0])
    if hasattr(got, "arrays"):
        got = got.arrays()
    pairs = zip(jax.tree.leaves(got), jax.tree.leaves(due), strict=True)
    errors = [_relative(np.asarray(g, np.float64), d) for g, d in pairs]
    return errors[0], max(errors[1:], default=None)


def _relative(got: np.ndarray, due: np.ndarray) -> float:
    scale = float(np.max(np.abs(due), initial=0))
    error = float(np.max(np.abs(got - due), initial=0))
    return math.inf if math.isnan(error) else error / scale if scale else error
