"""The parts of the demo, one after the other."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from queue import Empty, SimpleQueue

import jax
import jaxlib
import optax

from jaxloss import measure
from jaxloss.cli import screen
from jaxloss.cli.cases import first, library, one_of_each
from jaxloss.cli.demo import (
    digits,
    gallery,
    intervals,
    learning_to_rank,
    proof,
    report,
    retrieval,
    robust,
    segmentation,
    throughput,
    twins,
    vae,
)
from jaxloss.cli.demo.parts import Part

__all__ = ["run"]


Plan = list[tuple[str, int, Callable[[screen.Advance], Part]]]


def run(out: Path, *, everything: bool = False, quick: bool = False, jobs: int = 2, seconds: float = 60) -> bool:
    """Run the parts, the verification for that long, and write the report; True when everything came out."""
    with ThreadPoolExecutor(1) as background:
        return _run(out, everything, quick, jobs, seconds, background)


def _run(out: Path, everything: bool, quick: bool, jobs: int, seconds: float, background: ThreadPoolExecutor) -> bool:
    start = time.perf_counter()
    epochs, steps, fits = (1, vae.CHUNK, 20) if quick else (digits.EPOCHS, vae.STEPS, robust.STEPS)
    rounds, elements = (1, 1 << 14) if quick else (throughput.ROUNDS, throughput.ELEMENTS)
    addresses = [first("huber"), first("hinge")] if quick else one_of_each(library())
    # Training keeps one core busy, so the processes of the verification work beside it; the measurements come after.
    events: SimpleQueue[str] = SimpleQueue()
    proving = background.submit(proof.part, _put(events), addresses, jobs=jobs, seconds=seconds)
    plan: Plan = [
        ("losses", len(gallery.WALLS), gallery.part),
        ("digits", len(digits.OBJECTIVES) * (epochs + 1), lambda advance: digits.part(advance, epochs=epochs)),
        ("autoencoder", steps // vae.CHUNK + 1, lambda advance: vae.part(advance, steps=steps)),
        ("twins", 1, lambda advance: twins.part(advance, steps=3 if quick else twins.STEPS)),
        ("outliers", len(robust.OBJECTIVES) + 1, lambda advance: robust.part(advance, steps=fits)),
        *(_further(quick=quick) if everything else ()),
        ("verification", len(addresses), lambda advance: _follow(proving, events, advance)),
        ("speed", len(throughput.DUELS), lambda advance: throughput.part(advance, rounds=rounds, elements=elements)),
    ]
    parts, console = [], screen.stderr()
    for title, total, make in plan:
        with screen.progress(title, total) as advance:
            parts.append(make(advance))
        for claim in parts[-1].claims:
            mark, colour = ("✓", "green") if claim.holds else ("✗", "red")
            console.print(f"[{colour}]{mark}[/] {claim.number} {claim.text}")
    with screen.progress("report", 1) as advance:
        report.write(out, parts, environment=_environment(start))
        advance(f"written in {time.perf_counter() - start:.0f} s")
    return all(claim.holds for part in parts for claim in part.claims)


def _further(*, quick: bool) -> Plan:
    """The parts that take longer: those of ``--all``."""
    masks, pairs, lists, lines = (
        (2, 2, 2, 2) if quick else (segmentation.STEPS, retrieval.STEPS, learning_to_rank.STEPS, intervals.STEPS)
    )
    chunks = lambda module, steps: len(module.OBJECTIVES) * (steps // module.CHUNK + 1)
    return [
        ("segmentation", chunks(segmentation, masks), lambda advance: segmentation.part(advance, steps=masks)),
        ("retrieval", chunks(retrieval, pairs), lambda advance: retrieval.part(advance, steps=pairs)),
        ("ranking", chunks(learning_to_rank, lists), lambda advance: learning_to_rank.part(advance, steps=lists)),
        ("intervals", chunks(intervals, lines), lambda advance: intervals.part(advance, steps=lines)),
    ]


def _put(events: SimpleQueue[str]) -> screen.Advance:
    return lambda what="": events.put(what)


def _follow(part: Future[Part], events: SimpleQueue[str], advance: screen.Advance) -> Part:
    """Wait for a part that works in the background, and pass on how it gets along."""
    while not (part.done() and events.empty()):
        with suppress(Empty):
            advance(events.get(timeout=0.2))
    return part.result()


def _environment(start: float) -> dict[str, str]:
    return {
        "Device": measure.device_name(),
        "Python": platform.python_version(),
        "jax": f"{jax.__version__}, jaxlib {jaxlib.__version__}",
        "optax": optax.__version__,
        "When": datetime.now().astimezone().isoformat(sep=" ", timespec="minutes"),
        "Seconds": f"{time.perf_counter() - start:.0f}",
    }
