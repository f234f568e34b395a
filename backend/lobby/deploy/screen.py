"""The output of a deployment: tables and progress on a terminal, plain lines elsewhere. All of it goes to standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from lobby.deploy.stack import ResourceChange, StackEvent
from lobby.errors import LobbyError

ACTIONS = {"Add": "green", "Remove": "red"}
"""Colours; any other action is yellow."""


class Screen:
    """Prints lines and asks questions."""

    def __init__(self, *, yes: bool) -> None:
        """``yes``: every question counts as answered with yes."""
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._yes = yes

    def print(self, text: str, style: str = "") -> None:
        """Prints a line. Text of AWS in it is never interpreted as markup."""
        self.console.print(Text(text, style))

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """Shows that a step is running: a spinner on a terminal, a line elsewhere."""
        if self.console.is_terminal:
            with self.console.status(Text(text)):
                yield
        else:
            self.print(f"{text} ...")
            yield

    def ask(self, question: str) -> None:
        """Returns after the answer yes. Raises :class:`LobbyError` after any other answer."""
        try:
            if self._yes or click.confirm(question, err=True):
                return
        except click.Abort:
            self.print("")
            raise LobbyError("The question was not answered, so nothing was changed. --yes answers it in advance.") from None
        raise LobbyError("Nothing was changed.")

    def offer(self, question: str) -> bool:
        """Whether the user answers yes. False without a terminal, and with ``yes``: an offer is no condition of going on."""
        if self._yes or not sys.stdin.isatty():
            return False
        try:
            return click.confirm(question, err=True)
        except click.Abort:
            self.print("")
            raise LobbyError("The question was not answered, so nothing was changed.") from None

    def show(self, changes: list[ResourceChange]) -> None:
        """Prints the changes, a line for each resource."""
        if not self.console.is_terminal:
            for change in changes:
                replaced = f"  (replacement: {change.replacement})" if change.loses and change.replacement else ""
                self.print(f"{change.action:8}{change.name:24}{change.kind}{replaced}")
            return
        table = Table("Action", "Resource", "Type", "Replacement", box=None, header_style="bold")
        for change in changes:
            style = "bold red" if change.loses else ACTIONS.get(change.action, "yellow")
            replaced = change.replacement if change.loses else ""
            table.add_row(Text(change.action, style), change.name, change.kind, Text(replaced, style))
        self.console.print(table)

    @contextmanager
    def progress(self, what: str, names: set[str]) -> Iterator[Callable[[StackEvent], None]]:
        """Yields a function that takes events. It counts the ``names`` of resources that are complete, and prints failures."""
        done: set[str] = set()
        bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
        )
        with bar if self.console.is_terminal else nullcontext():
            task = bar.add_task(what, total=len(names))

            def show_event(event: StackEvent) -> None:
                if event.status.endswith("_FAILED"):
                    self.print(f"{event.name}: {event.status} {event.reason}", "red")
                elif event.status.endswith("_COMPLETE") and event.name in names - done:
                    done.add(event.name)
                    bar.update(task, completed=len(done), description=f"{what}: {event.name}")
                    if not self.console.is_terminal:
                        self.print(f"{len(done)} of {len(names)}  {event.name}  {event.status}")

            yield show_event
