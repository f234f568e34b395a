"""What all commands print in the same way: lines, errors, progress, text of strangers, and the bill."""

from __future__ import annotations

# rich is imported by the functions that need it: `lobby --help` should not have to load it.
import io
import os
import sys
import unicodedata
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import click

from lobby.billing import MONTH_HOURS, Bill, BillLine
from lobby.errors import LobbyError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_BILL_COLUMNS: dict[str, Callable[[float, float], str]] = {
    "so far": lambda dollars, month: f"${dollars:,.6f}",
    "per hour": lambda dollars, month: f"${month / MONTH_HOURS:,.4f}",
    "per day": lambda dollars, month: f"${month / MONTH_HOURS * 24:,.3f}",
    "per month": lambda dollars, month: f"${month:,.2f}",
}
"""The columns that a bill may have, each from a line's dollars of the metered time and of a month."""


def accept_any_text() -> None:
    """Lets standard output and standard error take characters that their encoding lacks, such as cp1252 on Windows.

    On a terminal such a character becomes ``?``. In a file or pipe it is written as an escape sequence, so that it is not lost.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace" if stream.isatty() else "backslashreplace")


def print_line(*words: str) -> None:
    """Prints a line to standard error. Colours appear only on a terminal, and only if NO_COLOR is not set."""
    click.echo(" ".join(words), err=True, color=False if os.environ.get("NO_COLOR") else None)


def fail(message: str) -> NoReturn:
    """Prints ``message`` as an error and ends the command with status 1."""
    print_line(click.style("lobby:", fg="red", bold=True), message)
    raise SystemExit(1)


def missing_package(command: str, error: ModuleNotFoundError, extra: str = "emulate") -> LobbyError:
    """The error of a ``command`` that needs a package of an ``extra`` which is not installed."""
    pip = f"{sys.executable} -m pip install 'serverless-lobby[{extra}]'"
    return LobbyError(
        f"{command} needs the package {error.name}. In a clone of the repository `make setup` installs it; elsewhere: {pip}"
    )


def new_console() -> Console:
    """A console on standard output that highlights nothing by itself."""
    from rich.console import Console

    return Console(highlight=False)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yields a function that takes the number of ``what`` that are done. It draws a progress bar on a terminal, and prints one
    line at the end elsewhere."""
    if not sys.stderr.isatty():
        yield lambda count: print_line(f"{count} {what}") if count == total else None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    with Progress(TextColumn(what), BarColumn(), MofNCompleteColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total)

        def count(done: int) -> None:
            bar.update(task, completed=done)
            if done == total:
                bar.stop()

        yield count


def one_line(text: str) -> str:
    """``text`` in a form that is safe to print: without control, invisible and direction characters, which a terminal would
    obey."""
    visible = (c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) not in ("Mn", "Me", "Cf"))
    return "".join(c if c.isprintable() else "·" for c in visible)


def bill_table(bill: Bill, columns: Collection[str] = tuple(_BILL_COLUMNS)) -> Table:
    """The bill as a table: a row for each line with a quantity, and the total. ``columns`` names columns of dollars: "so far"
    (the metered time), "per hour", "per day", "per month" (at the metered rate; empty if no time was metered)."""
    from rich.table import Table

    shown = {name: write for name, write in _BILL_COLUMNS.items() if name in columns}
    table = Table(box=None, header_style="bold")
    table.add_column("")
    for name in ("quantity", *shown):
        table.add_column(name, justify="right")

    def amounts(dollars: float, month: float | None) -> Iterator[str]:
        for name, write in shown.items():
            yield "" if month is None and name != "so far" else write(dollars, month or 0.0)

    for line in bill.lines:
        if line.quantity:
            table.add_row(line.name, _quantity(line), *amounts(line.dollars, line.per_month))
    table.add_row("total", "", *amounts(bill.total, bill.per_month), style="bold")
    return table


def _quantity(line: BillLine) -> str:
    number = f"{line.quantity:,.0f}" if line.quantity >= 100 else f"{line.quantity:.3g}"
    return f"{number} {line.unit}"
