"""``python -m bench``: measure the losses, or your own, next to their peers on this device."""

from __future__ import annotations

import argparse
import base64
import difflib
import html
import math
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

DIRECTIONS = {"forward": "forward", "grad": "value and gradient", "second": "second derivative"}
QUICK_SECONDS = 0.2
"""Time for the samples of one loss in a quick run."""
DTYPES = ("float32", "bfloat16", "float16", "float64")
KERNELS = (
    "linear_softmax_cross_entropy",
    "linear_distillation",
    "linear_dpo",
    "ctc",
    "rnnt",
    "pruned_rnnt",
    "soft_dtw",
    "dilate",
)
"""The losses on the fused operations of `jaxloss.kernels`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        if argv[:1] == ["compare"]:
            return _compare(argv[1:])
        if argv[:1] == ["gate"]:
            from bench.gate import main as gate

            return gate(argv[1:])
        return _bench(_parse(argv))
    except UsageError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2


class UsageError(Exception):
    """A command line that names something which is not there."""


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog="python -m bench compare OLD NEW: exit 1 when something got slower or uses more memory. "
        "python -m bench gate: temporary memory and cost against the committed figures.",
    )
    parser.add_argument("names", nargs="*", help="losses, or module:function with --like, or module:CASE")
    parser.add_argument("--like", help="the loss whose inputs, reference and peers your own function has")
    parser.add_argument("--family", help="only the losses of this family, or kernels: those on fused operations")
    parser.add_argument("--size", action="append", help="a named size (several times for several); --size list")
    parser.add_argument("--dtype", default="float32", help="one or more of float32,bfloat16,float16,float64")
    parser.add_argument("--direction", default="grad", help="one or more of forward,grad,second")
    parser.add_argument("--peers", help="comma-separated; by default every installed one but torch.compile")
    parser.add_argument("--device", choices=("cpu", "gpu", "tpu"), help="by default the one that jax prefers")
    parser.add_argument("--rounds", type=int, help="samples of each contender")
    parser.add_argument("--quick", action="store_true", help="one case of each loss, one size, few samples: minutes")
    parser.add_argument("--sweep", action="store_true", help="time and memory against size")
    parser.add_argument("--json", metavar="FILE", help="write JSON lines")
    parser.add_argument("--plot", metavar="FILE.png", help="draw the results")
    parser.add_argument("--html", metavar="FILE", help="write a self-contained page")
    return parser.parse_args(argv)


def _bench(options: argparse.Namespace) -> int:
    if options.device:
        os.environ["JAX_PLATFORMS"] = {"gpu": "cuda"}.get(options.device, options.device)
    import jax

    try:
        jax.devices()
    except Exception as error:  # whatever the plugin raises where its device is missing, not always with a message
        reason = (str(error) or repr(error)).splitlines()[0]
        raise UsageError(f"no {options.device or 'device'} here: {reason}") from error
    from bench.peers import PEERS, available_peers
    from bench.run import environment

    dtypes = _each(options.dtype, DTYPES, "dtype")
    directions = [DIRECTIONS[d] for d in _each(options.direction, tuple(DIRECTIONS), "direction")]
    if options.peers is None:
        peers = tuple(p for p in available_peers() if p != "torch.compile")
    else:
        peers = tuple(_each(options.peers, PEERS, "peer"))
        for peer in peers:
            if peer not in available_peers():
                raise UsageError(f"{peer} is not installed; installed are {', '.join(available_peers()) or 'none'}")
    cases = _cases(options)
    if "float64" in dtypes:
        jax.config.update("jax_enable_x64", True)
    about = environment()
    sizes = _sizes(options)
    if options.sweep:
        return _sweep(options, cases, peers, dtypes[0], directions[0], about)
    results = _measure(cases, sizes, dtypes, directions, peers, options, about)
    return _show(results, options, about)


def _measure(
    cases: Any, sizes: Any, dtypes: Any, directions: Any, peers: Any, options: Any, about: dict[str, str]
) -> list[Any]:
    from rich.console import Console
    from rich.progress import Progress

    from bench.results import write
    from bench.run import run_case
    from bench.sizes import fits, sizes_of

    plan = [
        (case, size, dtype, direction)
        for case in cases
        for size in (sizes or sizes_of(case, quick=options.quick))
        if fits(case, size)
        for dtype in dtypes
        for direction in directions
    ]
    if not plan:
        raise UsageError("nothing to measure: none of the losses has data of these sizes")
    rounds = options.rounds or (5 if options.quick else 15)
    console, results = Console(stderr=True), []
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("measuring", total=len(plan))
        for case, size, dtype, direction in plan:
            progress.update(task, description=f"{case.name} {size.name} {dtype}")
            try:
                results += run_case(
                    case,
                    size,
                    dtype=dtype,
                    direction=direction,
                    peers=peers,
                    rounds=rounds,
                    seconds=QUICK_SECONDS if options.quick else math.inf,
                    sets=2 if options.quick or size.elements > 1 << 22 else 3,
                )
            except Exception as error:
                console.print(f"{case.name} at {size.name}: {type(error).__name__}: {error}", markup=False)
            progress.advance(task)
            if options.json:  # after each, so that an interrupted run keeps what it has measured
                write(options.json, results, about)
    return results


def _show(results: list[Any], options: argparse.Namespace, about: dict[str, str]) -> int:
    from rich.console import Console
    from rich.table import Table

    from bench.pictures import draw_rows
    from bench.summary import COLUMNS, cells, summarise, verdict

    rows = summarise(results)
    title = f"value and gradient on {about['device']}, jax {about['jax']}"
    table = Table(*COLUMNS, title=title, box=None, header_style="bold")
    style = {"slower": "red", "wrong": "bold red", "faster": "green"}
    for row in rows:
        table.add_row(*cells(row), style=style.get(verdict(row)) if sys.stdout.isatty() else None)
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    counts = {v: sum(verdict(row) == v for row in rows) for v in ("faster", "equal", "slower", "wrong", "no peer")}
    print(", ".join(f"{n} {v}" for v, n in counts.items()))
    if options.plot:
        draw_rows(rows, options.plot, title)
    if options.html:
        with tempfile.TemporaryDirectory() as folder:
            picture = Path(folder) / "rows.png"
            draw_rows(rows, picture, title)
            Path(options.html).write_text(_page(rows, picture.read_bytes(), about), encoding="utf-8")
    return 0 if rows else 1


def _sweep(options: Any, cases: Any, peers: Any, dtype: str, direction: str, about: dict[str, str]) -> int:
    from bench.pictures import draw_sweep
    from bench.results import write
    from bench.sweep import exponent, sweep

    if len(cases) > 6:
        raise UsageError("--sweep takes up to six losses: name them")
    sweeps = {}
    for case in cases:
        high = 16 if options.quick else 22
        sweeps[case.name] = sweep(case, peers=peers, dtype=dtype, direction=direction, high=high)
        for peer in dict.fromkeys(r.peer for r in sweeps[case.name]):
            rows = [r for r in sweeps[case.name] if r.peer == peer]
            times = "  ".join(f"{r.size} {1e3 * r.median:.3g} ms" for r in rows)
            print(f"{case.name:32} {peer:10} n^{exponent(rows, peer):.2f}  {times}")
    if options.json:
        write(options.json, [r for rows in sweeps.values() for r in rows], about)
    if options.plot:
        draw_sweep(sweeps, options.plot, f"{direction}, {dtype}, {about['device']}, jax {about['jax']}")
    return 0


def _compare(argv: Sequence[str]) -> int:
    from bench.results import compare, key, read

    if len(argv) != 2:
        raise UsageError("compare takes two files: OLD NEW")
    try:
        old, new = read(argv[0]), read(argv[1])
    except (OSError, ValueError) as error:
        raise UsageError(str(error)) from error
    shared = {key(r) for r in old if r.peer == "jaxloss"} & {key(r) for r in new if r.peer == "jaxloss"}
    if not shared:
        raise UsageError("the two files share no measurement")
    worse = compare(old, new)
    print("\n".join(worse) if worse else f"nothing got slower or larger in {len(shared)} measurements")
    return 1 if worse else 0


def _cases(options: argparse.Namespace) -> list[Any]:
    from jaxloss.cli.cases import NotFoundError, find, one_of_each

    try:
        if options.family == "kernels":  # no family of losses: what stands on fused operations, in whatever family
            addresses = one_of_each(find(options.names or KERNELS, like=options.like))
        else:
            addresses = find(options.names, like=options.like, family=options.family)
        if options.quick and not options.names:
            addresses = one_of_each(addresses)
        # A function of the user's own has the peers of the loss that it behaves as.
        return [
            address.load() if address.like is None else replace(address.load(), peers=address.like.load().peers)
            for address in addresses
        ]
    except NotFoundError as error:
        raise UsageError(str(error)) from error


def _sizes(options: argparse.Namespace) -> list[Any] | None:
    from bench.sizes import SIZES

    if options.size is None:
        return None
    chosen = [name for given in options.size for name in given.split(",")]
    for name in chosen:
        if name not in SIZES:
            near = difflib.get_close_matches(name, SIZES, n=1)
            listing = "\n".join(f"  {s.name:20} {s.about}" for s in SIZES.values())
            hint = f", did you mean {near[0]}" if near else ""
            raise UsageError(f"unknown size {name!r}{hint}? The sizes are\n{listing}")
    return [SIZES[name] for name in chosen]


def _each(text: str, known: Sequence[str], what: str) -> list[str]:
    chosen = [part.strip() for part in text.split(",") if part.strip()]
    for name in chosen:
        if name not in known:
            raise UsageError(f"unknown {what} {name!r}: there are {', '.join(known)}")
    return chosen


def _page(rows: Any, picture: bytes, about: dict[str, str]) -> str:
    from bench.summary import COLUMNS, cells, verdict

    head = "".join(f"<th>{html.escape(c)}</th>" for c in COLUMNS)
    body = "".join(
        f'<tr class="{verdict(row)}">' + "".join(f"<td>{html.escape(c)}</td>" for c in cells(row)) + "</tr>"
        for row in rows
    )
    facts = " · ".join(f"{html.escape(k)} {html.escape(v)}" for k, v in about.items() if v)
    image = base64.b64encode(picture).decode()
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>jaxloss benchmarks</title>
<meta name="viewport" content="width=device-width">
<style>body{{font:15px/1.5 system-ui,sans-serif;max-width:1300px;margin:2em auto;padding:0 1em;color:#222}}
table{{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:13px}}
th,td{{padding:.2em .7em;text-align:left;border-bottom:1px solid #eee;white-space:nowrap}}
.slower td,.wrong td{{color:#b00}}.faster td:nth-child(8){{color:#0072b2;font-weight:600}}img{{max-width:100%}}
div{{overflow-x:auto}}</style>
<h1>jaxloss benchmarks</h1><p>{facts}</p>
<p>Times are medians of interleaved calls of jitted value and gradient; the ratio
is the time of the fastest peer with a right answer over ours. Inside the control band of a run two times are equal.</p>
<img alt="ratio to the best peer and share of the limit" src="data:image/png;base64,{image}">
<div><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></html>"""


if __name__ == "__main__":
    sys.exit(main())
