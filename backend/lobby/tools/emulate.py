"""`lobby emulate`: the function, the table and the gateway of the lobby's template on this machine, and the bill of AWS.

The package ``emulator`` does not know lobbies. This module adds the lobby's own template, its function, and the viewer beside
the gateway.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lobby.billing import bill
from lobby.cloudformation.lobby_template import lobby_template, stack_name
from lobby.descriptors import raise_descriptors
from lobby.emulator import CodeOptions, Conditions, EmulatedStack, StackDefinition, parse, read_stack, read_template
from lobby.emulator.conditions import FAULTS
from lobby.emulator.metering import Metering, cpu_factor
from lobby.emulator.tables import Dynoxide, Endpoint, Engine, Moto
from lobby.errors import LobbyError
from lobby.logs import bound_libraries
from lobby.settings import variable
from lobby.terminal import bill_table
from lobby.viewer import client, pages

SHOW_S = 1.0
"""Pause between two updates of the bill on a terminal."""


@dataclass(frozen=True)
class EmulateOptions:
    """The options of `lobby emulate`. ``template`` is that of the lobby if it is None. ``code`` is where the code is: a folder
    or a zip of all functions, or NAME=PATH for one function or layer."""

    host: str = "127.0.0.1"
    port: int = 0
    template: Path | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    imports: Mapping[str, str] = field(default_factory=dict)
    """Values that are outside the template: exports of other stacks, and what ``{{resolve:...}}`` refers to."""
    code: tuple[str, ...] = ()
    table: str = "auto"
    latency: str = "none"
    faults: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    bill: bool = False
    events: Path | None = None
    logs: bool = False
    rooms_file: str = ""
    """The file with settings of rooms; empty: there is none."""


def _package() -> str:
    """The npm package of dynoxide for this machine."""
    kind = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(platform.machine().lower(), platform.machine().lower())
    return f"@dynoxide/{sys.platform}-{kind}"


INSTALL = f"npm install --no-save {_package()}"
"""The command that installs a table that is good for 50 players."""


def about(engine: Engine) -> str:
    """Where the tables are, and what that means, in one sentence or two."""
    match engine:
        case Moto():
            return f"The tables are in moto: good for ten moving players, not for 50. `{INSTALL}` installs dynoxide, which is."
        case Dynoxide():
            return "The tables are in dynoxide, which is good for 50 moving players."
        case Endpoint():
            return f"The tables are at {engine.url}."
    return ""


def engine(table: str) -> Engine:
    """The engine of the option ``--table``: ``moto``, ``dynoxide``, the address of a DynamoDB, or ``auto``. Raises
    LobbyError."""
    if table == "moto":
        return Moto()
    if table in ("auto", "dynoxide"):
        program = Dynoxide.find()
        if program is not None:
            return Dynoxide(program)
        if table == "auto":
            return Moto()
        raise LobbyError(f"dynoxide is not installed. `{INSTALL}` installs it.")
    if table.startswith(("http://", "https://")):
        return Endpoint(table)
    raise LobbyError(
        f"--table {table} is unknown. Give moto, dynoxide, auto, or the address of a DynamoDB (http://127.0.0.1:8000)."
    )


def chances(faults: Iterable[str]) -> dict[str, float]:
    """The chances of faults that are given as NAME or NAME=CHANCE. Raises LobbyError."""
    found = {}
    for text in faults:
        name, _, chance = text.partition("=")
        if name not in FAULTS:
            raise LobbyError(f"--fault {name} is unknown. Faults: {', '.join(FAULTS)}.")
        try:
            found[name] = float(chance) if chance else FAULTS[name][0]
        except ValueError:
            found[name] = -1.0
        if not 0 <= found[name] <= 1:
            raise LobbyError(f"--fault {text}: the chance must be a number from 0 to 1.")
    return found


def code_options(words: Iterable[str], template: Path | None) -> CodeOptions:
    """Where the code of functions is, from the values of ``--code``: PATH or NAME=PATH. Raises LobbyError."""
    given: dict[str, Path] = {}
    default: Path | None = None
    for word in words:
        name, equals, path = word.partition("=")
        if equals and not Path(word).exists():
            given[name] = Path(path)
        elif default is None:
            default = Path(word)
        else:
            raise LobbyError(f"--code {default} and --code {word}: only one path can be the code of all functions.")
    return CodeOptions(template.parent if template else Path(), given, default)


async def emulate(
    options: EmulateOptions, ready: Callable[[EmulatedStack], None], stop: asyncio.Event, console: Console
) -> None:
    """Runs until ``stop`` is set. ``ready`` is called once clients can connect. Raises LobbyError."""
    bound_libraries()
    raise_descriptors()
    with without_aws_settings():
        await _emulate(options, ready, stop, console)


@contextmanager
def without_aws_settings() -> Iterator[None]:
    """Removes the AWS settings of this machine from the environment, and puts them back at the end.

    The libraries of AWS read them when they are imported. A local emulator has no use for them, and a profile that does not
    exist must not stop it.
    """
    before = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    try:
        for name in before:
            del os.environ[name]
        os.environ.update(nothing)
        yield
    finally:
        for name in nothing:
            del os.environ[name]
        os.environ.update(before)


async def _emulate(
    options: EmulateOptions, ready: Callable[[EmulatedStack], None], stop: asyncio.Event, console: Console
) -> None:
    notes: list[str] = []
    template = parse(read_template(options.template) if options.template else lobby_template(), notes)
    definition = read_stack(template, options.parameters, imports=options.imports)
    definition = replace(definition, name=stack_name(definition.api.stage), notes=(*notes, *definition.notes))
    if options.rooms_file:
        more = {variable("rooms_file"): str(Path(options.rooms_file).resolve())}
        functions = {name: replace(one, variables={**one.variables, **more}) for name, one in definition.functions.items()}
        definition = replace(definition, functions=functions)
    with _event_log(options.events) as log:
        metering = Metering(time.time, log)
        stack = EmulatedStack(
            definition,
            code_options(options.code, options.template),
            engine(options.table),
            host=options.host,
            port=options.port,
            conditions=Conditions(options.latency, options.faults, options.seed),
            meter=metering,
            on_log=_printer(options.logs, console),
            page=_page(lambda: stack.url),
        )
        async with stack:
            metering.open_s = lambda: stack.gateway.open_s
            ready(stack)
            if options.bill and console.is_terminal:
                await _show(metering, stack, stop, console)
            else:
                await stop.wait()
        if options.bill:
            console.print(render_bill(metering, stack))


def render_bill(metering: Metering, stack: EmulatedStack) -> Table:
    """The bill until now, as a table for people."""
    definition = stack.definition
    custom = sum(metric.is_custom for metric in stack.metrics.metrics)
    it = bill(metering.usage, dashboards=definition.dashboards, alarms=definition.alarms, metrics=custom)
    table = bill_table(it, ("so far", "per hour", "per month"))
    table.title, table.title_justify = "What AWS would have charged", "left"
    table.caption, table.caption_justify = _small_print(definition), "left"
    return table


def _small_print(definition: StackDefinition) -> Text:
    factors = {
        f"{function.memory_mb} MB: {cpu_factor(function.memory_mb):.1f} times the processor time used here"
        for function in definition.functions.values()
    }
    return Text(
        "List prices of us-east-1 (lobby/billing.py), without the free tier. Per hour and month: at the same rate. Lambda time "
        f"with {', '.join(sorted(factors))}, plus the time that the function waited here, for a table no longer than on AWS.",
        "dim",
    )


async def _show(metering: Metering, stack: EmulatedStack, stop: asyncio.Event, console: Console) -> None:
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while not stop.is_set():
            live.update(render_bill(metering, stack), refresh=True)
            try:
                async with asyncio.timeout(SHOW_S):
                    await stop.wait()
            except TimeoutError:
                pass


def _page(url: Callable[[], str]) -> Callable[[str], tuple[bytes, str] | None]:
    """The pages of the viewer. Its address contains the lobby's address, because the stage is a part of the latter."""

    def page(path: str) -> tuple[bytes, str] | None:
        if path == "/":
            there = f"/lobby/?url={quote(url(), safe='')}"
            # With an icon: otherwise browsers request one, and report that it is missing.
            icon, refresh = '<link rel="icon" href="data:,">', f'<meta http-equiv="refresh" content="0; url={there}">'
            return f"<!doctype html>{icon}{refresh}".encode(), "text/html"
        if path.startswith(("/client/", "/lobby/client/")):
            return client().get(path.rpartition("/")[2])
        name = path.removeprefix("/lobby/").removeprefix("viewer/") or "index.html"
        return pages().get(name) if path.startswith("/lobby/") else None

    return page


def _printer(everything: bool, console: Console) -> Callable[[str], None]:
    """Prints events of the logs of functions: all, or only those that are no details."""

    def print_log(line: str) -> None:
        if everything or not is_detail(line):
            console.print(Text(line, "dim"), soft_wrap=True)

    return print_log


_DETAIL = re.compile(r"\[(DEBUG|INFO)\]\t|\S*Z\t\S*\t(TRACE|DEBUG|INFO)\t")


def is_detail(line: str) -> bool:
    """Whether an event of a log has the level INFO or below, in the formats of Lambda: JSON, and the texts of Python and of
    Node.js. JSON without a level counts as INFO. Other texts have no level, and are no details."""
    if _DETAIL.match(line):
        return True
    try:
        return json.loads(line).get("level", "INFO") in ("TRACE", "DEBUG", "INFO")
    except (ValueError, AttributeError, RecursionError):
        return False


@contextmanager
def _event_log(path: Path | None) -> Iterator[TextIO | None]:
    """Opens the file for metered events; None without a path, standard output for the path "-"."""
    if path is None or str(path) == "-":
        yield None if path is None else sys.stdout
        return
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        raise LobbyError(f"Cannot write {path}: {error.strerror}.") from None
    with file:
        yield file
