"""What commands say: results on stdout, progress on stderr, and a usage error as one line."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn, Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

__all__ = ["Advance", "progress", "refuse", "stderr", "stdout", "table"]

WIDTH = 160  # of tables in a file or a log, where nothing says how wide a line may be


class Advance(Protocol):
    """Reports one step done, with what it was."""

    def __call__(self, what: str = "") -> None:
        """Advance by one."""


def stdout() -> Console:
    """Console for results."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)


def stderr() -> Console:
    """Console for progress and errors."""
    return Console(stderr=True, width=None if sys.stderr.isatty() else WIDTH, highlight=False)


def refuse(message: str) -> NoReturn:
    """End the command with one line and exit code 2."""
    stderr().print(f"jaxloss: {message}", markup=False, soft_wrap=True)
    raise typer.Exit(2)


def table(title: str, *columns: str, left: int = 1) -> Table:
    """Return an empty table whose first ``left`` columns are text and the others numbers."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for i, column in enumerate(columns):
        made.add_column(column, justify="left" if i < left else "right", overflow="fold")
    return made


@contextmanager
def progress(title: str, total: int) -> Iterator[Advance]:
    """A bar on a terminal; elsewhere one line for each step that has something to say."""
    console = stderr()
    if not console.is_terminal:
        yield _lines(console, title, total)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[what]}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=total, what="")
        yield lambda what="": bar.update(task, advance=1, what=what)


def _lines(console: Console, title: str, total: int) -> Advance:
    done, start = 0, time.perf_counter()

    def advance(what: str = "") -> None:
        nonlocal done
        done += 1
        if what:
            seconds = time.perf_counter() - start
            console.print(f"{title} {done}/{total} {seconds:.1f} s: {what}", markup=False, soft_wrap=True)

    return advance
