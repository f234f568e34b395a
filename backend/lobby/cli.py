"""The command line: `lobby serve`, `bots`, `watch`, `check`, `token`. Options of `serve` are the table in ``settings``."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, NoReturn

import click
from dotenv import dotenv_values
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from lobby import __version__
from lobby.errors import LobbyError
from lobby.settings import ENV_FILE, Settings, flag, variable

err = Console(stderr=True, highlight=False)
out = Console(highlight=False)


class Group(click.Group):
    """Commands whose errors are one sentence for a person, with status 1; a stack trace is for our own bugs."""

    def invoke(self, context: click.Context) -> Any:
        """Runs the command."""
        try:
            return super().invoke(context)
        except LobbyError as error:
            fail(str(error))
        except ExceptionGroup as group:
            found = group.subgroup(LobbyError)
            if found is None:
                raise
            fail(str(_first(found)))


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


def fail(message: str) -> NoReturn:
    """Ends the command with one sentence."""
    err.print(f"[bold red]lobby:[/] {_plain(message)}")
    raise SystemExit(1)


def _plain(text: str) -> str:
    return text.replace("[", "\\[")


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="lobby")
def main() -> None:
    """Real-time presence for games: who is here, and where do they stand?

    \b
    Try it in two terminals:
      lobby serve                    a lobby on this machine, and a page to see it
      lobby bots --players 12        players who walk in it
    """


def _settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds a flag for each setting; the environment and the file give what no flag says."""
    for item in reversed(fields(Settings)):
        meta, default = item.metadata, item.default
        kind = type(default)
        shown = "off" if kind is bool else f"{default:g}" if kind is float else str(default) or "none"
        help_text = f"{meta['meaning']} [{shown}{' ' + meta['unit'] if meta['unit'] else ''}; {variable(item.name)}]"
        if kind is bool:
            option = click.option(flag(item.name), item.name, is_flag=True, default=None, help=help_text)
        else:
            option = click.option(flag(item.name), item.name, type=kind, default=None, metavar=_metavar(kind), help=help_text)
        command = option(command)
    return command


def _metavar(kind: type) -> str:
    return {int: "N", float: "NUMBER"}.get(kind, "TEXT")


def load_settings(flags: dict[str, Any]) -> Settings:
    """Flags over environment over ``infrastructure_setup.env`` (in this folder) over defaults."""
    file = {name: value for name, value in dotenv_values(ENV_FILE).items() if value}
    environment = file | {name: value for name, value in os.environ.items() if value}
    environment |= {variable(name): _text(value) for name, value in flags.items() if value is not None}
    return Settings.from_environment(environment)


def _text(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


@main.command()
@_settings_options
@click.option("--quiet", "-q", is_flag=True, help="Log problems only.")
def serve(quiet: bool, **flags: Any) -> None:
    """Serve a lobby on one machine: WebSocket, the viewer page, /healthz and /metrics on one port.

    \b
    Examples:
      lobby serve
      lobby serve --port 9000 --max-speed 15
      LOBBY_SECRET=... lobby serve --host 0.0.0.0 --origins https://game.example
      lobby serve --host 0.0.0.0 --open          anybody in the network may play, no tokens
    """
    from lobby.gateways.server import Server  # here, so that `lobby --help` need not load the sockets

    settings = load_settings(flags)
    _log_to_stderr(quiet)
    # A window makes many small values and no rings; looking for rings every 700 of them costs more than all of our code.
    gc.set_threshold(50_000, 20, 100)
    gc.collect()
    gc.freeze()

    def ready(port: int) -> None:
        scheme, tls = ("ws", "http") if not settings.tls_cert else ("wss", "https")
        host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
        host = f"[{host}]" if ":" in host else host
        err.print(f"Lobby [bold]{__version__}[/] is open. Players connect to [bold cyan]{scheme}://{host}:{port}/[/]")
        err.print(f"See it at [bold cyan]{tls}://{host}:{port}/[/]   (Ctrl-C ends it)")
        if not settings.secret:
            who = "Anybody who reaches this machine" if settings.open else "Anybody on this machine"
            err.print(f"[yellow]{who} may join as anybody: no secret is set.[/]")

    with suppress(KeyboardInterrupt):
        asyncio.run(Server(settings).run(ready))


def _log_to_stderr(quiet: bool) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING if quiet else logging.INFO)
    logging.getLogger("picows").setLevel(logging.ERROR)


_url = click.option("--url", default="ws://127.0.0.1:8765/", show_default=True, metavar="URL", help="The lobby's address.")
_room = click.option("--room", default="", metavar="ROOM", help="The room to enter; the lobby's own default without.")


@main.command()
@_url
@_room
@click.option("--players", default=12, show_default=True, type=click.IntRange(1, 5000), help="How many bots.")
@click.option("--seconds", default=None, type=click.FloatRange(0), help="How long; for ever without.")
@click.option("--seed", default=0, show_default=True, type=int, help="Another number is another crowd.")
def bots(url: str, room: str, players: int, seconds: float | None, seed: int) -> None:
    """Let players walk in a lobby: for a demo, for load, or for company while you write your game.

    They idle, drive and turn as ships do, and speak only when that would surprise the others. Where the lobby wants
    tokens, set LOBBY_SECRET and each bot gets one.

    \b
    Examples:
      lobby bots
      lobby bots --players 200 --seconds 60 --url ws://127.0.0.1:9000/
      lobby bots --url wss://abc123.execute-api.eu-central-1.amazonaws.com/dev --players 5
    """
    from lobby.bots import run_bots

    secret = load_settings({}).secret

    def token(player: str) -> str:
        from lobby.tokens import sign

        return sign(player, secret, _now_ms() + 24 * 3_600_000) if secret else ""

    with _progress("bots connected", players) as count, suppress(KeyboardInterrupt):
        asyncio.run(run_bots(url, players, seconds, room=room, token=token, seed=seed, on_connected=count))


class _progress:  # reads as the context it is
    """A progress bar on a terminal, one line when piped."""

    def __init__(self, what: str, total: int) -> None:
        self._bar = Progress(TextColumn(what), BarColumn(), MofNCompleteColumn(), console=err, transient=False)
        self._task = self._bar.add_task(what, total=total)
        self._what, self._total = what, total

    def __enter__(self) -> Callable[[int], None]:
        if err.is_terminal:
            self._bar.start()
        return self._count

    def _count(self, count: int) -> None:
        self._bar.update(self._task, completed=count)
        if count == self._total:
            self._bar.stop()
            if not err.is_terminal:
                err.print(f"{count} {self._what}")

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


@main.command()
@click.argument("url", default="ws://127.0.0.1:8765/")
@_room
@click.option("--token", default="", envvar="LOBBY_TOKEN", metavar="TOKEN", help="A player's token, where the lobby wants one.")
@click.option("--seconds", default=None, type=click.FloatRange(0), help="How long; until Ctrl-C without.")
def watch(url: str, room: str, token: str, seconds: float | None) -> None:
    """A live picture of a lobby in the terminal. You are in it, as a player named "watch".

    \b
    Examples:
      lobby watch
      lobby watch wss://lobby.example/ --room hub
      lobby watch --seconds 10 | head            one line for each event when piped
    """
    from lobby.watch import watch as run

    with suppress(KeyboardInterrupt):
        asyncio.run(run(url, room=room, token=token, seconds=seconds, console=out))


@main.command()
@click.argument("url", default="ws://127.0.0.1:8765/")
@_room
@click.option("--token", default="", envvar="LOBBY_TOKEN", metavar="TOKEN", help="A token for the first player.")
@click.option("--token-b", default="", metavar="TOKEN", help="A token for the second player.")
def check(url: str, room: str, token: str, token_b: str) -> None:
    """Does a lobby work? Two players join, move, talk and leave; each step is told with its time.

    Works with every host: `lobby serve`, `lobby emulate`, AWS. Where LOBBY_SECRET is set, it makes its own tokens.

    \b
    Examples:
      lobby check
      lobby check wss://abc123.execute-api.eu-central-1.amazonaws.com/prod
    """
    from lobby.check import check as run
    from lobby.check import print_step
    from lobby.tokens import sign

    secret = load_settings({}).secret
    if secret and not token:
        token, token_b = (sign(f"check_{secrets.token_hex(4)}", secret, _now_ms() + 600_000) for _ in range(2))
    ok = asyncio.run(run(url, room=room, token=token, token_b=token_b, report=lambda step: print_step(step, out)))
    raise SystemExit(0 if ok else 1)


@main.command()
@click.argument("player", required=False)
@click.option(
    "--hours", default=24.0, show_default=True, type=click.FloatRange(min=0, min_open=True), help="How long it is valid."
)
@click.option("--room", default="", metavar="ROOM", help="The only room it opens; any room without.")
@click.option("--new-secret", is_flag=True, help="Print a new secret for LOBBY_SECRET instead.")
def token(player: str | None, hours: float, room: str, new_secret: bool) -> None:
    """Sign a token for PLAYER with LOBBY_SECRET, as your game's backend would.

    \b
    Examples:
      export LOBBY_SECRET=$(lobby token --new-secret)
      lobby token ann --hours 2
    """
    from lobby.messages import is_id
    from lobby.tokens import sign

    if new_secret:
        print(secrets.token_urlsafe(32))
        return
    secret = load_settings({}).secret
    if not player:
        raise click.UsageError("Whose token? lobby token PLAYER")
    if not is_id(player):
        raise LobbyError(f"{player!r} is no player's id: 1 to 64 of A-Z a-z 0-9 _ . : -")
    if not secret:
        raise LobbyError(
            "LOBBY_SECRET is not set. `export LOBBY_SECRET=$(lobby token --new-secret)` makes one; the lobby needs the same."
        )
    ends_ms = _now_ms() + round(hours * 3_600_000)
    print(sign(player, secret, ends_ms, room))
    if sys.stdout.isatty():
        err.print(
            f"[dim]for {player}{f' in {room}' if room else ''}, until {datetime.fromtimestamp(ends_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC[/]"
        )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    main()
