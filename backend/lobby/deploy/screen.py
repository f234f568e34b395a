"""What a person sees of a deployment: tables and progress on a terminal, plain lines elsewhere. All of it on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from lobby.deploy.stack import Change, Event
from lobby.errors import LobbyError

ACTIONS = {"Add": "green", "Remove": "red"}
"""Colours; any other action is yellow."""


class Screen:
    """Tells and asks."""

    def __init__(self, *, yes: bool) -> None:
        """``yes``: every question has been answered beforehand."""
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._yes = yes

    def say(self, text: str, style: str = "") -> None:
        """One line. What AWS said in it is never taken for markup."""
        self.console.print(Text(text, style))

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """Something that takes a while: a spinner where there is a terminal."""
        if self.console.is_terminal:
            with self.console.status(Text(text)):
                yield
        else:
            self.say(f"{text} ...")
            yield

    def ask(self, question: str) -> None:
        """Goes on after a yes only. Raises :class:`LobbyError`."""
        try:
            if self._yes or click.confirm(question, err=True):
                return
        except click.Abort:
            self.say("")
            raise LobbyError("Nobody said yes, so nothing was changed. --yes says it beforehand.") from None
        raise LobbyError("Nothing was changed.")

    def show(self, changes: list[Change]) -> None:
        """What would happen, a line for each resource."""
        if not self.console.is_terminal:
            for change in changes:
                replaced = f"  (replacement: {change.replacement})" if change.loses and change.replacement else ""
                self.say(f"{change.action:8}{change.name:24}{change.kind}{replaced}")
            return
        table = Table("Action", "Resource", "Type", "Replacement", box=None, header_style="bold")
        for change in changes:
            style = "bold red" if change.loses else ACTIONS.get(change.action, "yellow")
            replaced = change.replacement if change.loses else ""
            table.add_row(Text(change.action, style), change.name, change.kind, Text(replaced, style))
        self.console.print(table)

    @contextmanager
    def progress(self, what: str, names: set[str]) -> Iterator[Callable[[Event], None]]:
        """Takes events: counts which of the resources ``names`` are done, and tells of failures when they happen."""
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

            def hear(event: Event) -> None:
                if event.status.endswith("_FAILED"):
                    self.say(f"{event.name}: {event.status} {event.reason}", "red")
                elif event.status.endswith("_COMPLETE") and event.name in names - done:
                    done.add(event.name)
                    bar.update(task, completed=len(done), description=f"{what}: {event.name}")
                    if not self.console.is_terminal:
                        self.say(f"{len(done)} of {len(names)}  {event.name}  {event.status}")

            yield hear
