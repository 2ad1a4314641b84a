"""``jaxloss verify``: cases spread over processes, one row each, failures law by law."""

from __future__ import annotations

import json
import math
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from tempfile import TemporaryDirectory
from typing import Any

import jax
from rich.console import Console
from rich.text import Text

from jaxloss.cli import screen
from jaxloss.cli.cases import Address

__all__ = ["COLUMNS", "VerificationError", "as_json", "cells", "show", "verify_all"]

Result = Mapping[str, Any]
"""`jaxloss.verify.Report.as_dict` of a case."""

COLUMNS = (
    "loss", "value f32", "f64", "gradient f32", "f64", "promised", "NaN", "derivatives", "laws", "seconds"
)  # fmt: skip


class VerificationError(RuntimeError):
    """The verification itself broke down; the message is for the user."""


def verify_all(
    addresses: Sequence[Address],
    *,
    quick: bool,
    jobs: int,
    seconds: float = math.inf,
    finished: Callable[[Result], Any] = lambda _: None,
) -> list[Result]:
    """Verify the cases in ``jobs`` processes and return the results in the order of the addresses.

    Processes, not threads: the time goes into tracing and multi-precision arithmetic, both Python. After ``seconds``
    no further case is begun, and those that were not have no result.
    """
    results: dict[int, Result] = {}
    deadline = time.monotonic() + seconds
    with TemporaryDirectory() as cache, _pool(min(jobs, len(addresses)), cache) as pool:
        pending = {pool.submit(_verify, address, quick): i for i, address in enumerate(addresses)}
        try:
            for future in as_completed(pending):
                if not future.cancelled():
                    results[pending[future]] = future.result()
                    finished(future.result())
                if time.monotonic() > deadline:
                    for waiting in pending:
                        waiting.cancel()
        except BrokenProcessPool as error:
            raise VerificationError("a verifying process ended abruptly; was there enough memory?") from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [results[i] for i in sorted(results)]


def _pool(jobs: int, cache: str) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_prepare, initargs=(cache,))


def _prepare(cache: str) -> None:
    """Prepare a worker: what strict users set, and a second device to shard over. Before anything is computed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback of its own
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the workers share an accelerator
    jax.config.update("jax_num_cpu_devices", 2)
    jax.config.update("jax_disable_most_optimizations", True)  # compiling takes most of the time
    jax.config.update("jax_numpy_dtype_promotion", "strict")
    jax.config.update("jax_numpy_rank_promotion", "raise")
    config: Any = jax.config
    if config.jax_compilation_cache_dir is None:  # what one compiled serves all
        jax.config.update("jax_compilation_cache_dir", cache)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


def _verify(address: Address, quick: bool) -> Result:
    from jaxloss.verify import verify

    return verify(address.load(), quick=quick).as_dict()


def cells(result: Result) -> tuple[str, ...]:
    """Return one result as text, a cell for each of `COLUMNS`."""
    accuracy = {measured["dtype"]: measured for measured in result["accuracy"]}
    errors = [
        accuracy.get(dtype, {}).get(key) for dtype in ("float32", "float64") for key in ("value_ulps", "gradient_ulps")
    ]
    measured = [error for error in errors if error is not None]
    passed, failed = len(result["passed"]), len(result["failures"])
    order = result["differentiable"]
    return (
        result["name"],
        _ulps(errors[0]),
        _ulps(errors[2]),
        _ulps(errors[1]),
        _ulps(errors[3]),
        f"{result['promised_ulps']:g}",
        "?" if not measured else "none" if all(map(math.isfinite, measured)) else "yes",
        "all" if order == "smooth" else str(order),
        f"{passed}/{passed + failed}",
        f"{result['seconds']:.1f}",
    )


def show(console: Console, results: Sequence[Result], *, seconds: float) -> None:
    """Print the table, then each failure by law with what came and what was due."""
    table = screen.table("Errors in units in the last place (ulp)", *COLUMNS)
    for result in results:
        table.add_row(*map(Text, cells(result)), style="" if result["ok"] else "red")
    console.print(table)
    failed = [result for result in results if not result["ok"]]
    for result in failed:
        console.print(Text(f"\n{result['name']}", style="bold red"))
        for law, message in result["failures"].items():
            console.print(Text.assemble("  ", (law, "bold"), f": {message}"), soft_wrap=True)
    laws = sum(len(result["passed"]) for result in results)
    verdict = f"{len(failed)} of {len(results)} cases failed" if failed else f"{len(results)} cases, {laws} laws hold"
    console.print(Text(f"\n{verdict}, in {seconds:.0f} s", style="bold red" if failed else "bold green"))


def as_json(results: Sequence[Result]) -> str:
    """Return the results as JSON; an error of infinitely many ulp is the text "inf"."""
    document = {"jax": jax.__version__, "results": [_finite(dict(result)) for result in results]}
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


def _ulps(error: float | None) -> str:
    return "" if error is None else f"{error:.1f}" if error < 1000 else f"{error:.1g}"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
