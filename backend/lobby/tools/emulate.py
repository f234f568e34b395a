"""`lobby emulate`: the function, the table and the gateway of the template on this machine, and the bill that AWS would send.

Everything that knows of AWS is in ``emulator`` and knows nothing of a lobby. Here is what a lobby adds: its own
template, its own function, and the viewer beside the gateway.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lobby.billing import MONTH_HOURS, Bill, bill
from lobby.cloudformation.reading import stack_name
from lobby.emulator import Conditions, Desk, Stack, parse, read_stack, read_template
from lobby.emulator.metering import Metering, cpu_factor
from lobby.emulator.tables import Dynoxide, Endpoint, Engine, Moto
from lobby.errors import LobbyError
from lobby.viewer import pages

SHOW_S = 1.0
"""How often the bill on a terminal is drawn anew."""


@dataclass(frozen=True)
class Wish:
    """What somebody wants to have emulated."""

    host: str = "127.0.0.1"
    port: int = 0
    template: Path | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    code: Path | None = None
    table: str = "auto"
    latency: str = "none"
    faults: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    bill: bool = False
    events: Path | None = None
    logs: bool = False


def engine(table: str) -> Engine:
    """The DynamoDB that ``table`` means: ``moto``, ``dynoxide``, an address, or ``auto``. Raises LobbyError."""
    if table == "moto":
        return Moto()
    if table in ("auto", "dynoxide"):
        program = Dynoxide.find()
        if program is not None:
            return Dynoxide(program)
        if table == "auto":
            return Moto()
        raise LobbyError("There is no dynoxide here: `npm install @dynoxide/linux-x64`, or another platform's, brings it.")
    if table.startswith(("http://", "https://")):
        return Endpoint(table)
    raise LobbyError(f"{table!r} is no table: say moto, dynoxide, auto, or the address of a DynamoDB (http://127.0.0.1:8000).")


async def emulate(wish: Wish, ready: Callable[[Desk], None], stop: asyncio.Event, console: Console) -> None:
    """Runs until ``stop`` is set; ``ready`` is called when clients may come. Raises LobbyError."""
    stack = read_stack(parse(read_template(wish.template)), wish.parameters)
    code = wish.code or Path(__file__).parents[2]
    if not code.exists():
        raise LobbyError(f"There is no code at {code}: a folder or a zip with the function's handler.")
    with _events(wish.events) as log:
        metering = Metering(time.time, log)
        conditions = Conditions(wish.latency, wish.faults, wish.seed)
        tables = engine(wish.table)
        desk = Desk(
            stack,
            code,
            tables,
            host=wish.host,
            port=wish.port,
            conditions=conditions,
            meter=metering,
            on_log=_printer(wish.logs, console),
            page=_page(lambda: desk.url),
            name=stack_name(stack.api.stage),
        )
        async with desk:
            metering.open_s = lambda: desk.gateway.open_s
            ready(desk)
            if wish.bill and console.is_terminal:
                await _show(metering, desk, stop, console)
            else:
                await stop.wait()
        if wish.bill:
            console.print(drawn(metering, desk))


def drawn(metering: Metering, desk: Desk) -> Table:
    """The bill so far, as a table for people."""
    stack = desk.stack
    custom = sum(metric.is_custom for metric in desk.metrics.metrics)
    it = bill(metering.usage, dashboards=stack.dashboards, alarms=stack.alarms, metrics=custom)
    table = Table(
        title="What AWS would have charged",
        caption=_small_print(stack),
        caption_justify="left",
        box=None,
        header_style="bold",
        title_justify="left",
    )
    table.add_column("")
    for name in ("quantity", "so far", "per hour", "per month"):
        table.add_column(name, justify="right")
    for line in it.lines:
        if line.quantity:
            month = line.per_month or 0.0
            table.add_row(
                line.name,
                f"{_count(line.quantity)} {line.unit}",
                f"${line.dollars:,.6f}",
                f"${month / MONTH_HOURS:,.4f}",
                f"${month:,.2f}",
            )
    table.add_row("total", "", f"${it.total:,.6f}", *_later(it), style="bold")
    return table


def _count(quantity: float) -> str:
    return f"{quantity:,.0f}" if quantity >= 100 else f"{quantity:.3g}"


def _later(it: Bill) -> tuple[str, str]:
    if it.per_hour is None or it.per_month is None:
        return "", ""
    return f"${it.per_hour:,.4f}", f"${it.per_month:,.2f}"


def _small_print(stack: Stack) -> Text:
    factors = {
        f"{function.memory_mb} MB: {cpu_factor(function.memory_mb):.1f} times the processor time used here"
        for function in stack.functions.values()
    }
    return Text(
        "List prices of us-east-1 (lobby/budget.py), no free tier. Per hour and month: if it went on like that. "
        f"Lambda time at {', '.join(sorted(factors))}, and as much waiting as here.",
        "dim",
    )


async def _show(metering: Metering, desk: Desk, stop: asyncio.Event, console: Console) -> None:
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while not stop.is_set():
            live.update(drawn(metering, desk), refresh=True)
            try:
                async with asyncio.timeout(SHOW_S):
                    await stop.wait()
            except TimeoutError:
                pass


def _page(url: Callable[[], str]) -> Callable[[str], tuple[bytes, str] | None]:
    """The viewer beside the gateway. The stage is part of the lobby's address, so the page is told where to connect."""

    def page(path: str) -> tuple[bytes, str] | None:
        if path == "/":
            there = f"/lobby/?url={quote(url(), safe='')}"
            # With an icon, or the browser may ask for one, and complain that there is none.
            icon, refresh = '<link rel="icon" href="data:,">', f'<meta http-equiv="refresh" content="0; url={there}">'
            return f"<!doctype html>{icon}{refresh}".encode(), "text/html"
        name = path.removeprefix("/lobby/").removeprefix("viewer/") or "index.html"
        return pages().get(name) if path.startswith("/lobby/") else None

    return page


def _printer(everything: bool, console: Console) -> Callable[[str], None]:
    """What functions write, for the person at the terminal: all of it, or what is not just one more line of JSON."""

    def hear(line: str) -> None:
        if not everything:
            try:
                if json.loads(line).get("level", "INFO") in ("DEBUG", "INFO"):
                    return
            except (ValueError, AttributeError):
                pass
        console.print(Text(line, "dim"), soft_wrap=True)

    return hear


class _events:
    """The file for the raw events, opened for writing; none where none is wanted."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self) -> TextIO | None:
        if self._path is None:
            return None
        try:
            self._file = sys.stdout if str(self._path) == "-" else self._path.open("w", encoding="utf-8")
        except OSError as error:
            raise LobbyError(f"Cannot write {self._path}: {error.strerror}.") from None
        return self._file

    def __exit__(self, *_: object) -> None:
        if self._file is not None and self._file is not sys.stdout:
            self._file.close()
