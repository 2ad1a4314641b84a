"""The commands and their options; each parses, calls the module that does the work, and shows what comes back."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from jaxloss.cli import screen

__all__ = ["app", "demo", "list_", "plot", "run", "verify"]

app = typer.Typer(
    help="Losses for JAX: what there is, what it looks like, and the proof that value and gradient are right.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Names = Annotated[list[str] | None, typer.Argument(help="Losses (huber), cases (huber(delta=2)) or module:attribute.")]
Family = Annotated[str | None, typer.Option(help="Only this family.")]
Like = Annotated[str | None, typer.Option(help="The loss that your module:function behaves as.")]


@app.command("list")
def list_(
    family: Family = None, json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False
) -> None:
    """The losses: arguments, formula, how often they can be differentiated."""
    from jaxloss.cli import listing

    cases = [address.load() for address in _find([], family=family)]
    entries = listing.describe(cases)
    if json:
        typer.echo(listing.as_json(entries))
    else:
        listing.show(screen.stdout(), entries)


@app.command()
def verify(
    names: Names = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="One case of each loss, fewer laws and points, float32 only.")
    ] = False,
    family: Family = None,
    like: Like = None,
    json: Annotated[Path | None, typer.Option(help="Also write JSON here; - prints it instead of the table.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
) -> None:
    """Check laws and accuracy of the losses, or of your own. Exit code 1 when something fails."""
    from jaxloss.cli import cases, verification

    addresses = _find(names or [], like=like, family=family)
    if quick and not names:
        addresses = cases.one_of_each(addresses)
    if json is not None and str(json) != "-":
        _writable(json)
    start = time.perf_counter()
    with screen.progress("verifying", len(addresses)) as advance:

        def finished(result: verification.Result) -> None:
            advance(f"{result['name']} {'ok' if result['ok'] else 'FAILED'}")

        try:
            results = verification.verify_all(addresses, quick=quick, jobs=jobs, finished=finished)
        except verification.VerificationError as error:
            screen.refuse(str(error))
    if json is not None and str(json) == "-":
        typer.echo(verification.as_json(results))
    else:
        verification.show(screen.stdout(), results, seconds=time.perf_counter() - start)
        if json is not None:
            json.write_text(verification.as_json(results), encoding="utf-8")
    if not all(result["ok"] for result in results):
        raise typer.Exit(1)


@app.command()
def plot(
    names: Annotated[list[str], typer.Argument(help="Losses, cases or module:attribute; all on one picture.")],
    out: Annotated[Path | None, typer.Option(help="The PNG; by default NAME.png.")] = None,
    params: Annotated[list[str] | None, typer.Option(help="A sweep, delta=0.5,1,2; may be repeated.")] = None,
    span: Annotated[str | None, typer.Option(help="The predictions from low to high: --span=-8,8.")] = None,
    like: Like = None,
) -> None:
    """Draw value and gradient over the prediction."""
    from jaxloss.cli import cases, pictures, plotting

    out = out or Path(f"{names[0].rpartition(':')[2]}.png")
    _writable(out)
    try:
        swept = plotting.sweep(params or [])
        chosen = [case for name in names for case in plotting.variants(cases.first(name, like=like).load(), swept)]
        traces = plotting.trace(chosen, span=plotting.limits(span) if span else None)
        drawing = pictures.png(plotting.draw(traces))
    except (cases.NotFoundError, ValueError, TypeError) as error:  # those of a loss that refuses a parameter included
        screen.refuse(str(error))
    out.write_bytes(drawing)
    typer.echo(out)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="The folder that the report goes to.")] = Path("jaxloss-report"),
    everything: Annotated[bool, typer.Option("--all", help="The parts that take longer, too.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A few steps of everything: a smoke test.")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Processes for the verification.")] = 2,
    seconds: Annotated[float, typer.Option(min=0, help="After these, the verification begins no further case.")] = 60,
) -> None:
    """Train on real data, verify, measure, and write a report to look at."""
    from jaxloss.cli import verification
    from jaxloss.cli.demo import tour

    _writable(out / "index.html")
    try:
        held = tour.run(out, everything=everything, quick=quick, jobs=jobs, seconds=seconds)
    except verification.VerificationError as error:
        screen.refuse(str(error))
    typer.echo(out / "index.html")
    if not (held or quick):
        raise typer.Exit(1)


def run(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code; what is wrong with its arguments is said in one line."""
    usage_error: Any = typer.BadParameter.__mro__[1]
    try:
        code = typer.main.get_command(app).main(arguments, prog_name="jaxloss", standalone_mode=False)
    except usage_error as error:
        if not (message := error.format_message()) or type(error).__name__ == "NoArgsIsHelpError":
            error.show()
        else:
            print(f"jaxloss: {message}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        print("jaxloss: interrupted", file=sys.stderr)
        return 130
    return code if isinstance(code, int) else 0


def _find(names: list[str], **options: Any) -> list[Any]:
    from jaxloss.cli import cases

    try:
        return cases.find(names, **options)
    except cases.NotFoundError as error:
        screen.refuse(str(error))


def _writable(path: Path) -> None:
    """Refuse before the work rather than after it."""
    if path.is_dir():
        screen.refuse(f"{path} is a folder")
    existing = next(parent for parent in path.absolute().parents if parent.exists())
    if not existing.is_dir():
        screen.refuse(f"{existing} is not a folder")
    path.parent.mkdir(parents=True, exist_ok=True)
