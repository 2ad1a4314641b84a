"""Timing, compiled memory and cost of functions on this device, for the demo, the benchmarks and your own code.

>>> import jax, jax.numpy as jnp
>>> from jaxloss import measure
>>> x = jnp.ones(1024)
>>> compiled = measure.compile(lambda x: jnp.sum(x**2), x)
>>> compiled.argument_bytes, compiled.output_bytes
(4096, 4)
"""

from __future__ import annotations

import dataclasses
import math
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = [
    "Compiled",
    "Contender",
    "Timing",
    "compile",
    "control_band",
    "copy_bandwidth",
    "device_name",
    "interleave",
    "matmul_rate",
    "tree_bytes",
]

LONG = 0.1
"""Seconds: a call that takes longer is warm after two."""


@dataclasses.dataclass(frozen=True)
class Compiled:
    """A compiled function and what the compiler says of it."""

    call: Callable[..., Any]
    compile_seconds: float
    temp_bytes: int
    """Memory beyond arguments and outputs; deterministic, so that it can be a gate."""
    argument_bytes: int
    output_bytes: int
    flops: float
    bytes_accessed: float


def compile(function: Callable[..., Any], *args: Any) -> Compiled:
    """Compile ``function`` for these arguments and return it with its memory and cost."""
    start = time.perf_counter()
    executable = jax.jit(function).lower(*args).compile()
    seconds = time.perf_counter() - start
    memory: Any = executable.memory_analysis()
    cost = executable.cost_analysis() or {}
    return Compiled(
        executable,
        seconds,
        int(memory.temp_size_in_bytes),
        int(memory.argument_size_in_bytes),
        int(memory.output_size_in_bytes),
        float(cost.get("flops", math.nan)),
        float(cost.get("bytes accessed", math.nan)),
    )


@dataclasses.dataclass(frozen=True)
class Contender:
    """Something to time: a call and the sets of arguments that it rotates through."""

    call: Callable[..., Any]
    arguments: Sequence[tuple[Any, ...]]
    runtime: str = "jax"
    """Contenders of one runtime share threads; between runtimes there is a pause and an untimed call."""


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds of one call."""

    median: float
    p20: float
    p80: float
    samples: tuple[float, ...]

    @classmethod
    def of(cls, samples: Sequence[float]) -> Timing:
        """Summarise samples."""
        p20, median, p80 = np.percentile(np.asarray(samples), [20, 50, 80])
        return cls(float(median), float(p20), float(p80), tuple(samples))


def interleave(
    contenders: Mapping[str, Contender],
    *,
    rounds: int = 15,
    seconds: float = math.inf,
    shortest: float = 2e-3,
    pause: float = 0.02,
    progress: Callable[[], Any] | None = None,
) -> dict[str, Timing]:
    """Time the contenders in turns, A B A B, so that drifts of the machine meet all of them.

    Args:
      contenders: by name; calls and arguments are warmed up first.
      rounds: samples of each contender.
      seconds: no further round once so many have passed since the first sample; two rounds there are always.
      shortest: seconds; a call that is faster is repeated within one sample.
      pause: seconds between runtimes, after which an untimed call wakes the next one's threads.
      progress: called after each sample.
    """
    ordered = sorted(contenders.items(), key=lambda item: item[1].runtime)
    distinct = {id(contender): contender for _, contender in ordered}  # the control is ours under another name
    repeats = {key: _repeats(contender, shortest) for key, contender in distinct.items()}
    samples: dict[str, list[float]] = {name: [] for name, _ in ordered}
    several = len({contender.runtime for _, contender in ordered}) > 1
    start = time.perf_counter()
    for round_ in range(rounds):
        if round_ >= 2 and time.perf_counter() - start > seconds:
            break
        # Reversing every other round keeps a slow drift from favouring whoever comes first.
        runtime = None
        for name, contender in ordered if round_ % 2 == 0 else ordered[::-1]:
            if several and contender.runtime != runtime:
                time.sleep(pause)
                _wait(contender.call(*contender.arguments[0]))
            runtime = contender.runtime
            samples[name].append(_sample(contender, repeats[id(contender)], round_))
            if progress is not None:
                progress()
    return {name: Timing.of(samples[name]) for name in contenders}


def control_band(first: Timing, second: Timing, *, least: float = 0.03) -> float:
    """Return the relative difference below which two timings are called equal, from two timings of one function."""
    ratios = np.abs(np.log(np.asarray(first.samples) / np.asarray(second.samples)))
    spread = float(np.percentile(ratios, 80)) / math.sqrt(max(len(ratios), 1)) * 2
    return max(least, abs(math.log(first.median / second.median)), spread)


def copy_bandwidth(size: int = 1 << 28) -> float:
    """Return measured bytes per second of reading and writing an array of ``size`` bytes, donated in place."""
    step = jax.jit(lambda x: x + 1, donate_argnums=0)
    x = step(jnp.zeros(size // 4, jnp.float32))
    seconds = []
    for _ in range(8):
        x.block_until_ready()
        start = time.perf_counter()
        x = step(x)
        x.block_until_ready()
        seconds.append(time.perf_counter() - start)
    return 2 * size / float(np.median(seconds))


def matmul_rate(size: int = 2048, dtype: Any = jnp.float32) -> float:
    """Return measured flops per second of a square matrix product of random numbers."""
    a, b = (jax.random.normal(key, (size, size)).astype(dtype) for key in jax.random.split(jax.random.key(0)))
    timing = interleave({"matmul": Contender(jax.jit(jnp.matmul), [(a, b)])}, rounds=5)["matmul"]
    return 2 * size**3 / timing.median


def device_name() -> str:
    """Return the name of the device that jax runs on by default."""
    device = jax.devices()[0]
    if device.platform != "cpu":
        return device.device_kind
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            model = next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, {_usable_cores()} cores"


def tree_bytes(tree: Any) -> int:
    """Return the bytes of all arrays of a pytree."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _repeats(contender: Contender, shortest: float) -> int:
    """Warm up, and return how many calls one sample needs."""
    _wait(contender.call(*contender.arguments[0]))  # which may compile
    for arguments in (*contender.arguments, contender.arguments[0]):
        start = time.perf_counter()
        _wait(contender.call(*arguments))
        elapsed = time.perf_counter() - start
        if elapsed > LONG:  # warming up further changes little
            break
    return max(1, math.ceil(shortest / max(elapsed, 1e-7)))


def _sample(contender: Contender, repeats: int, round_: int) -> float:
    start = time.perf_counter()
    for i in range(repeats):
        result = contender.call(*contender.arguments[(round_ + i) % len(contender.arguments)])
        _wait(result)
    return (time.perf_counter() - start) / repeats


def _wait(result: Any) -> None:
    """Block until everything in the pytree is computed; other runtimes' results are computed when returned."""
    jax.block_until_ready(result)
