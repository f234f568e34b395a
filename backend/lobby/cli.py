"""The command line: `lobby serve`, `lobby deploy` and the others. The options of `serve` come from the table in
``settings``."""

from __future__ import annotations

# A command imports what only that command needs: `lobby --help` should not have to load sockets and tables.
import functools
import math
import os
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from lobby import __version__
from lobby.addresses import in_url, reachable
from lobby.admin.command import address as admin_address
from lobby.admin.command import admin
from lobby.cloudformation.lobby_template import STAGES
from lobby.errors import LobbyError, Refused
from lobby.settings import ENV_FILE, Settings, check_variables, flag, options, variable
from lobby.terminal import accept_any_text, fail, missing_package, new_console, print_line, progress

if TYPE_CHECKING:
    from lobby.emulator import EmulatedStack
    from lobby.tools.emulate import EmulateOptions
    from lobby.tools.install_godot import Game

Result = TypeVar("Result")

DEFAULT_URL = "ws://127.0.0.1:8765/"
"""The address of `lobby serve` without settings."""

TOKEN_HOURS = 100_000
"""The longest lifetime of a token, eleven years. A larger number is probably a mistake."""


class Group(click.Group):
    """A group of commands. A :class:`LobbyError` ends a command with one sentence and status 1; a bug of ours shows its stack
    trace."""

    def invoke(self, context: click.Context) -> Any:
        """Runs the command."""
        accept_any_text()
        try:
            return super().invoke(context)
        except LobbyError as error:
            fail(str(error))
        except ExceptionGroup as group:
            ours, bugs = group.split(LobbyError)
            if ours is None or bugs is not None:
                raise
            fail(str(_first(ours)))


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


def _run(main: Coroutine[Any, Any, Result]) -> Result | None:
    """Runs a command to its end or until Ctrl-C, the regular end of many commands."""
    import asyncio

    with suppress(KeyboardInterrupt):
        with asyncio.Runner(loop_factory=_event_loop()) as runner:
            return runner.run(main)
    return None


def _event_loop() -> Callable[[], Any] | None:
    """The event loop of uvloop, if uvloop is installed: many connections cost a tenth less on it than on asyncio's own."""
    try:
        import uvloop
    except ImportError:  # Windows
        return None
    return uvloop.new_event_loop


_CONTEXT = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 100,
    "obj": lambda: load_settings({}),  # for the commands in other modules
}


@click.group(cls=Group, context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="lobby")
def main() -> None:
    """Real-time presence for games: which players are in a room, and where they are.

    \b
    Try it in two terminals:
      lobby serve                    a lobby on this machine, and a page that shows it
      lobby bots --players 12        players that move in it
    """


main.add_command(admin)


def _settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds a flag for each setting. The environment and the file of settings give the values of flags that are missing."""
    for item in reversed(options()):
        meta, default = item.metadata, item.default
        kind = type(default)
        shown = "off" if kind is bool else f"{default:g}" if kind is float else str(default) or "none"
        unit = f" {meta['unit']}" if meta["unit"] else ""
        help_text = f"{meta['meaning']} [default: {shown}{unit}; {variable(item.name)}]"
        if kind is bool:
            option = click.option(flag(item.name), item.name, is_flag=True, default=None, help=help_text)
        else:
            option = click.option(flag(item.name), item.name, type=kind, default=None, metavar=_metavar(kind), help=help_text)
        command = option(command)
    return command


def _metavar(kind: type) -> str:
    return {int: "N", float: "NUMBER"}.get(kind, "TEXT")


def load_settings(flags: dict[str, Any]) -> Settings:
    """The settings: a flag wins over the environment, the environment over ``infrastructure_setup.env`` in this folder, the
    file over the defaults. Raises :class:`LobbyError` for a wrong value or an unreadable file."""
    environment = _read_file() | {name: value for name, value in os.environ.items() if value}
    check_variables(environment)
    environment |= {variable(name): _text(value) for name, value in flags.items() if value is not None}
    from lobby.roomfile import with_rooms

    return with_rooms(Settings.from_environment(environment))


def _read_file() -> dict[str, str]:
    """The variables in ``infrastructure_setup.env`` in this folder; none if there is no such file."""
    try:
        with open(ENV_FILE, encoding="utf-8-sig") as file:  # a Windows editor may write a byte order mark
            from dotenv import dotenv_values

            # Without interpolation: a secret may contain ${, and load_settings merges the environment by its own rules.
            return {name: value for name, value in dotenv_values(stream=file, interpolate=False).items() if value}
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise LobbyError(f"{ENV_FILE} is not UTF-8 text. Save it as UTF-8, with one NAME=VALUE on each line.") from None
    except OSError as error:
        raise LobbyError(f"Cannot read {ENV_FILE}: {error.strerror}. It must be a file with NAME=VALUE lines.") from None


def _text(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


@main.command()
@_settings_options
@click.option("--quiet", "-q", is_flag=True, help="Log only problems.")
def serve(quiet: bool, **flags: Any) -> None:
    """Run a lobby on this machine.

    One port serves WebSocket, the viewer page, /healthz and /metrics.

    \b
    Examples:
      lobby serve
      lobby serve --port 9000 --max-speed 15
      LOBBY_SECRET=... lobby serve --host 0.0.0.0 --origins https://game.example
      lobby serve --host 0.0.0.0 --open          every player in the network may join without a token
    """
    import gc

    from lobby.logs import bound_libraries
    from lobby.server.host import Server
    from lobby.server.memory import MemoryStore

    settings = load_settings(flags)
    _log_to_stderr(quiet)
    bound_libraries()
    # A window creates many small values and no reference cycles. Collecting after every 700 of them, Python's default, would
    # cost more than all of our code.
    gc.set_threshold(50_000, 20, 100)
    gc.collect()
    gc.freeze()

    def ready(port: int) -> None:
        scheme, tls = ("ws", "http") if not settings.tls_cert else ("wss", "https")
        where = f"{in_url(reachable(settings.host))}:{port}/"
        shown = click.style(f"{scheme}://{where}", fg="cyan", bold=True)
        print_line(f"Lobby {__version__} is running. Players connect to {shown}")
        print_line(f"The viewer is at {click.style(f'{tls}://{where}', fg='cyan', bold=True)}   (Ctrl-C stops the lobby)")
        if settings.admin_port:
            print_line(f"The console of its operators is at {click.style(admin_address(settings), fg='cyan', bold=True)}")
        if not settings.secret:
            clients = "client that reaches this machine" if settings.open else "client on this machine"
            print_line(click.style(f"No secret is set: every {clients} may join as any player.", fg="yellow"))

    _run(Server(settings, MemoryStore()).run(ready))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option(
    "--port", default=8766, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one."
)
@click.option(
    "--template", type=click.Path(path_type=Path), help="CloudFormation template. Default: the template of the lobby."
)
@click.option(
    "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter of the template. Can be repeated."
)
@click.option(
    "--code",
    multiple=True,
    metavar="[NAME=]PATH",
    help="Folder or zip with the code of all functions, or of the function or layer NAME. Can be repeated. Default: where the "
    "template says.",
)
@click.option(
    "--table",
    default="auto",
    show_default=True,
    metavar="ENGINE",
    help="Where tables are kept: moto, dynoxide, the address of a DynamoDB, or auto (dynoxide if it is installed, else moto).",
)
@click.option(
    "--latency", default="none", show_default=True, type=click.Choice(["none", "aws"]), help="Delays of requests and events."
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[=CHANCE]",
    help="A fault, and its chance from 0 to 1. Can be repeated. `--fault list` prints all faults.",
)
@click.option(
    "--import",
    "imports",
    multiple=True,
    metavar="NAME=VALUE",
    help="A value outside the template: an export of another stack, or what {{resolve:NAME}} refers to. Can be repeated.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of latencies and faults.")
@click.option("--bill", is_flag=True, help="Show what AWS would charge.")
@click.option(
    "--events", type=click.Path(path_type=Path), help="Write each metered event to this file, one JSON object a line."
)
@click.option("--logs", is_flag=True, help="Show all log lines of the functions. Default: warnings and errors.")
def emulate(parameters: tuple[str, ...], imports: tuple[str, ...], faults: tuple[str, ...], **options: Any) -> None:
    """Run the lobby for AWS on this machine.

    The real function runs behind a local API Gateway; --bill shows what AWS would charge. Gateway, routes, function, table and
    stream are those of the template. docs/emulator.md describes what is emulated.

    \b
    Examples:
      lobby emulate --bill
      lobby emulate --latency aws --fault dead-lambdas --fault throttled-posts=0.2
      lobby emulate --template template.yaml
      lobby emulate --template my-api.yaml --code Chat=dist/chat.zip
    """
    from lobby.signals import stop_on_signals

    try:
        from lobby.emulator.conditions import FAULTS
        from lobby.tools.emulate import EmulateOptions, chances
        from lobby.tools.emulate import emulate as run
    except ModuleNotFoundError as error:
        raise missing_package("`lobby emulate`", error) from None

    if "list" in faults:
        for name, (chance, meaning) in FAULTS.items():
            click.echo(f"{name:18} {chance:<6g} {meaning}")
        return
    _log_to_stderr(quiet=True)
    given = dict(map(_pair, parameters))
    if options["template"] is None:
        settings = load_settings({})
        given = {"Secret": settings.secret, **given} if settings.secret else given
        options["rooms_file"] = settings.rooms_file
    outside = dict(_pair(one, "--import") for one in imports)
    wanted = EmulateOptions(parameters=given, imports=outside, faults=chances(faults), **options)

    async def until_stopped() -> None:
        with _own_code(wanted) as own:
            await run(replace(wanted, code=own), lambda stack: _announce(stack, wanted), stop_on_signals(), new_console())

    _run(until_stopped())


@contextmanager
def _own_code(wanted: EmulateOptions) -> Iterator[tuple[str, ...]]:
    """The code of an emulated stack. That of the lobby's own template is the zip that `lobby package` builds."""
    from lobby.deploy.package import build

    if wanted.template is not None or wanted.code:
        yield wanted.code
        return
    with TemporaryDirectory(prefix="lobby-") as folder:
        archive = Path(folder) / "lobby-function.zip"
        archive.write_bytes(build().data)
        yield (str(archive),)


def _announce(stack: EmulatedStack, wanted: EmulateOptions) -> None:
    """Prints where an emulated stack can be reached."""
    from lobby.tools.emulate import about

    gateway = stack.gateway
    print_line(f"API Gateway is running. Players connect to {click.style(stack.url, fg='cyan', bold=True)}")
    page = click.style(f"http://{gateway.address}/", fg="cyan")
    print_line(f"The viewer is at {page}   (Ctrl-C stops it{' and prints the bill' if wanted.bill else ''})")
    monitor = f"python scripts/monitoring/lobby-metrics.py --stage {gateway.api.stage} --emulator {stack.aws}"
    print_line(click.style(f"Players, metrics and bill: {monitor}", dim=True))
    for note in stack.definition.notes if wanted.template is not None else ():
        print_line(click.style(note, dim=True))
    print_line(click.style(about(stack.tables.engine), dim=True))
    print_line(click.style(f"In another terminal: lobby bots {stack.url}", dim=True))


@main.command()
@click.option("--host", default=None, metavar="ADDRESS", help="Address to listen on; 0.0.0.0 and :: listen on every network.")
@click.option("--open", "is_open", is_flag=True, help="Admit players without a token, also from other machines.")
@click.option("--bots", default=12, show_default=True, type=click.IntRange(0, 500), help="Number of bots.")
@click.option(
    "--port",
    default=None,
    type=int,
    metavar="N",
    help="Port of the lobby. Default: that of the settings, or a free port if it is in use.",
)
@click.option("--no-browser", is_flag=True, help="Print the address of the page, without opening a browser.")
def demo(host: str | None, is_open: bool, bots: int, port: int | None, no_browser: bool) -> None:
    """Run a lobby with bots and open its page.

    On the page you move among the bots. Ctrl-C stops everything.

    \b
    Examples:
      lobby demo
      lobby demo --bots 200 --no-browser
      lobby demo --host 0.0.0.0 --open           phones in the same network can open the page, too
    """
    import secrets

    from lobby.tools.demo import demo as run
    from lobby.tools.demo import show

    _log_to_stderr(quiet=True)
    settings = load_settings({"host": host, "port": port, "open": is_open or None})
    token = _signer(settings.secret)

    def ready(port: int) -> None:
        secure = "s" if settings.tls_cert else ""
        query = f"?token={token(f'visitor_{secrets.token_hex(4)}')}" if settings.secret else ""
        url = f"http{secure}://{in_url(reachable(settings.host))}:{port}/{query}"
        shown = click.style(url, fg="cyan", bold=True)
        opened = not no_browser and show(url)
        print_line(f"{bots} bots are moving. {'The page is' if opened else 'Open'} {shown}   (Ctrl-C stops everything)")
        if reachable(settings.host) != settings.host:
            print_line(
                f"From other machines: the same page, with the address of this machine in place of {reachable(settings.host)}"
            )
        print_line(f"In another terminal: lobby watch ws{secure}://{in_url(reachable(settings.host))}:{port}/")

    _run(run(settings, bots, ready, token=token))


def _signer(secret: str) -> Callable[[str], str]:
    """Signs a token for a player's id, valid for a day. Without a secret, a lobby requires none."""

    def sign_for(player: str) -> str:
        from lobby.tokens import sign

        return sign(player, secret, _now_ms() + 24 * 3_600_000) if secret else ""

    return sign_for


def _log_to_stderr(quiet: bool) -> None:
    import logging

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING if quiet else logging.INFO)
    logging.getLogger("picows").setLevel(logging.ERROR)
    # If a thousand players disappear at once, the lobby sends their leaves to sockets that it does not yet know to be dead.
    logging.getLogger("aiofastnet").setLevel(logging.ERROR)


def _url(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the address of a lobby, as an argument or as ``--url``. The command receives it as ``url``."""

    @functools.wraps(command)
    def with_url(url_argument: str | None, url_option: str | None, **options: Any) -> None:
        if url_argument and url_option and url_argument != url_option:
            raise click.UsageError(f"Two addresses are given: {url_argument} and --url {url_option}. Give one.")
        command(url=url_argument or url_option or DEFAULT_URL, **options)

    help_text = f"Address of the lobby, the same as the argument URL. [default: {DEFAULT_URL}]"
    return click.argument("url_argument", metavar="[URL]", required=False)(
        click.option("--url", "url_option", default=None, metavar="URL", help=help_text)(with_url)
    )


_room = click.option("--room", default="", metavar="ROOM", help="Room to join. Default: the default room of the lobby.")


@main.command()
@_url
@_room
@click.option("--players", default=12, show_default=True, type=click.IntRange(1, 5000), help="Number of bots.")
@click.option("--seconds", default=None, type=click.FloatRange(0), help="How long the bots stay. Default: until Ctrl-C.")
@click.option("--seed", default=0, show_default=True, type=int, help="Seed of the bots' movements.")
def bots(url: str, room: str, players: int, seconds: float | None, seed: int) -> None:
    """Connect moving bots to a lobby.

    They are for a demo, for load, or for company while you write your game. Bots rest, drive and turn like ships. A bot sends a
    position only if other clients could not predict it. If the lobby requires tokens, set LOBBY_SECRET: it signs a token for
    each bot.

    \b
    Examples:
      lobby bots
      lobby bots ws://127.0.0.1:9000/ --seconds 60
      lobby bots wss://abc123.execute-api.eu-central-1.amazonaws.com/dev --players 5
      lobby bots --players 200                   for `lobby serve --room-size 250`: a room has 50 places by default
    """
    from lobby.client.bots import run_bots

    token = _signer(load_settings({}).secret)
    with progress("bots connected", players) as count:
        _run(run_bots(url, players, seconds, room=room, token=token, seed=seed, on_connected=count))


@main.command()
@_url
@_room
@click.option(
    "--token", default="", envvar="LOBBY_TOKEN", metavar="TOKEN", help="Token of a player, if the lobby requires tokens."
)
@click.option("--seconds", default=None, type=click.FloatRange(0), help="How long to watch. Default: until Ctrl-C.")
def watch(url: str, room: str, token: str, seconds: float | None) -> None:
    """Show a lobby in the terminal, live. The command joins the lobby as a player named "watch".

    \b
    Examples:
      lobby watch
      lobby watch wss://lobby.example/ --room hub
      lobby watch --seconds 10 | head            a pipe gets one line for each event
    """
    from lobby.tools.watch import watch as run

    _run(run(url, room=room, token=token, seconds=seconds, console=new_console()))


@main.command()
@_url
@click.option(
    "--token", default="", envvar="LOBBY_TOKEN", metavar="TOKEN", help="Token of a player, if the lobby requires tokens."
)
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1_000), help="The largest number of rooms.")
@click.option("--after", default="", metavar="ROOM", help="Only rooms whose names are greater than this text.")
@click.option("--json", "json_", is_flag=True, help="Print the answer as JSON.")
def rooms(url: str, token: str, limit: int, after: str, json_: bool) -> None:
    """List the rooms of a lobby that runs with --list-rooms. If LOBBY_SECRET is set, the command signs its own token.

    \b
    Examples:
      lobby rooms
      lobby rooms wss://lobby.example/ --json
    """
    import json

    from rich.table import Table

    from lobby.client.rooms import rooms as run
    from lobby.terminal import one_line

    found = _run(run(url, token=token or _signer(load_settings({}).secret)("rooms"), limit=limit, after=after))
    if found is None:  # Ctrl-C
        return
    if json_:
        print(json.dumps({"rooms": [room._asdict() for room in found.rooms], "next": found.next}))
        return
    table = Table("room", "players", "size")
    for room in found.rooms:
        table.add_row(one_line(room.name), str(room.players), str(room.size))
    new_console().print(table if found.rooms else "No room has a player.")
    if found.next is not None:
        print_line(f"There are more rooms: --after {one_line(found.next)}")


@main.command()
@_url
@_room
@click.option("--token", default="", envvar="LOBBY_TOKEN", metavar="TOKEN", help="Token of the first player.")
@click.option("--token-b", default="", metavar="TOKEN", help="Token of the second player.")
def check(url: str, room: str, token: str, token_b: str) -> None:
    """Check that a lobby works. Two players join, move, set a status and leave; each step is printed with its time.

    It works with every host: `lobby serve`, `lobby emulate`, AWS. If LOBBY_SECRET is set, it signs its own tokens.

    \b
    Examples:
      lobby check
      lobby check wss://abc123.execute-api.eu-central-1.amazonaws.com/prod
    """
    from lobby.tools.check import check as run
    from lobby.tools.check import print_step

    console = new_console()
    if not token:
        token, token_b = _check_tokens(load_settings({}).secret)
    ok = _run(run(url, room=room, token=token, token_b=token_b, report=lambda step: print_step(step, console)))
    raise SystemExit(0 if ok else 1)


def _check_tokens(secret: str) -> tuple[str, str]:
    """Tokens for the two players of a check; empty without a secret, because the lobby then requires none."""
    import secrets

    from lobby.tokens import sign

    one, two = (sign(f"check_{secrets.token_hex(4)}", secret, _now_ms() + 600_000) if secret else "" for _ in range(2))
    return one, two


@main.command()
@click.argument("player", required=False)
@click.option(
    "--hours",
    default=24.0,
    show_default=True,
    type=click.FloatRange(0, TOKEN_HOURS, min_open=True),
    help="Lifetime of the token in hours.",
)
@click.option("--room", default="", metavar="ROOM", help="The only room that the token admits to. Default: any room.")
@click.option("--name", default="", metavar="NAME", help="Name of the player. It cannot choose another one.")
@click.option("--data", default="", metavar="JSON", help="Data of the player that it cannot change, as a JSON object.")
@click.option("--watch", is_flag=True, help="The token also admits a watcher (lobby watch).")
@click.option("--new-secret", is_flag=True, help="Print a new secret for LOBBY_SECRET instead of a token.")
def token(player: str | None, hours: float, room: str, name: str, data: str, watch: bool, new_secret: bool) -> None:
    """Sign a token for a player.

    The command signs with LOBBY_SECRET, as the backend of your game would.

    \b
    Examples:
      export LOBBY_SECRET=$(lobby token --new-secret)
      lobby token ann --hours 2
      lobby token bea --name Bea --data '{"team":"red"}'
      lobby token operator --watch
    """
    import secrets
    from datetime import UTC, datetime

    from lobby.jsons import loads
    from lobby.messages import granted, is_id
    from lobby.tokens import sign

    if new_secret:
        print(secrets.token_urlsafe(32))
        return
    secret = load_settings({}).secret
    if not player:
        raise click.UsageError("The player is missing: lobby token PLAYER")
    if not is_id(player):
        raise LobbyError(f"{player!r} is not a player id. An id has 1 to 64 characters of A-Z a-z 0-9 _ . : | @ -")
    if not secret:
        raise LobbyError(
            "LOBBY_SECRET is not set. `export LOBBY_SECRET=$(lobby token --new-secret)` creates one. "
            "The lobby needs the same secret."
        )
    if math.isnan(hours):  # a click range accepts nan
        raise click.BadParameter("nan is not a number of hours.", param_hint="--hours")
    ends_ms = _now_ms() + round(hours * 3_600_000)
    try:
        fixed = granted(loads(data)) if data else {}
    except (ValueError, Refused) as error:
        raise LobbyError(f"--data is not a JSON object that a lobby accepts: {error}") from None
    claims = {"name": name, "data": fixed, "watch": watch}
    print(sign(player, secret, ends_ms, room, **{claim: value for claim, value in claims.items() if value}))
    if sys.stdout.isatty():
        end = f"{datetime.fromtimestamp(ends_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
        print_line(click.style(f"for {player}{f' in {room}' if room else ''}, until {end}", dim=True))


@main.command("install-godot")
@click.argument("path", required=False, metavar="PATH")
@click.option(
    "--url", default="", metavar="URL", help="Address of the lobby for lobby_config.json. Default: ws://127.0.0.1:8765/."
)
@click.option(
    "--2d/--3d", "flat", default=None, help="Print the lines for a 2D or a 3D game. Default: detected from its scenes."
)
@click.option("--check", "only_check", is_flag=True, help="Print what is missing, and change nothing. Status 1 if anything is.")
@click.option("--remove", is_flag=True, help="Remove the addon from the game.")
@click.option("--zip", "zip_file", default=None, metavar="FILE", help="Write the addon as a zip for the Asset Library instead.")
def install_godot(path: str | None, url: str, flat: bool | None, only_check: bool, remove: bool, zip_file: str | None) -> None:
    """Install the Godot addon into a game.

    PATH is the folder of project.godot. The command prints the lines for the script of the player. It copies
    addons/lobby_presence, registers plugin and autoload in project.godot and writes lobby_config.json. It changes nothing else.
    Running it again is harmless; --remove undoes it.

    \b
    Examples:
      lobby install-godot ~/games/mine
      lobby install-godot ~/games/mine --url wss://lobby.example/
      lobby install-godot ~/games/mine --check
    """
    from lobby.client.sockets import address
    from lobby.tools.install_godot import Game, write_zip

    if zip_file is not None:
        write_zip(Path(zip_file))
        print_line(f"{zip_file} is written.")
        return
    if path is None:
        raise click.UsageError("The game is missing: lobby install-godot PATH")
    if url:
        address(url)  # raises LobbyError for an invalid address
    game = Game(Path(path).expanduser())
    if only_check:
        problems = [problem for problem in (game.conflict(), *game.missing()) if problem]
        print("\n".join(problems or ["Everything is installed."]))
        raise SystemExit(1 if problems else 0)
    if remove:
        for kept in game.remove():
            print_line(f"{kept} stays, because it was changed after the installation.")
        print_line("The addon is removed from this game.")
        return
    _install(game, url, flat)


def _install(game: Game, url: str, flat: bool | None) -> None:
    """Installs the addon and prints what is left to do."""
    from lobby.tools.install_godot import lines

    was_there = not game.missing() and not url
    game.install(url)
    print_line("The addon is already installed in this game." if was_there else "The addon is installed in this game.")
    print_line("Now add these three lines to _ready() in the script of your player:\n")
    print("\n".join(f"\t{line}" for line in lines(game.dimensions() if flat is None else 2 if flat else 3)))
    print_line(f"\nThen start {click.style('lobby serve', bold=True)}, and start your game twice.")


@main.command()
@click.option(
    "--output",
    default="lobby-function.zip",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write.",
)
def package(output: Path) -> None:
    """Build the zip that AWS Lambda runs. The same input always gives the same bytes.

    `lobby deploy` builds and uploads the zip by itself. Use this command if you deploy by other means.

    \b
    Examples:
      lobby package
      lobby package --output /tmp/lobby-function.zip
    """
    from lobby.deploy.package import build

    built = build(_rooms_file())
    try:
        output.write_bytes(built.data)
    except OSError as error:
        raise LobbyError(f"Cannot write {output}: {error.strerror}.") from None
    print(f"{output}  {len(built.data):,} bytes\nSHA-256  {built.sha256}\nkey      {built.key}")


def _rooms_file() -> str:
    """The text of the file ``rooms_file``, which the zip contains; empty without one."""
    from lobby.roomfile import read_file

    settings = load_settings({})  # which checks it
    return read_file(Path(settings.rooms_file)) if settings.rooms_file else ""


_stage = click.option(
    "--stage", required=True, type=click.Choice(STAGES), help="Stage of the lobby; an account has one lobby for each."
)
_region = click.option("--region", default=None, metavar="REGION", help="AWS Region. Default: the Region of your profile.")
_profile = click.option("--profile", default=None, metavar="NAME", help="AWS profile. Default: AWS_PROFILE.")
_yes = click.option("--yes", is_flag=True, help="Answer yes to every question.")


@main.command()
@_stage
@click.option(
    "--bucket",
    default="",
    metavar="NAME",
    help="S3 bucket of your account for the zip. Default: LOBBY_BUCKET, else that of last time, else a new one.",
)
@click.option("--create-bucket", is_flag=True, help="Create the bucket, private, if it does not exist.")
@_region
@_profile
@click.option(
    "--parameter",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the template. Can be repeated. Default: the parameters keep their values.",
)
@click.option("--new-secret", is_flag=True, help="Create a secret in lobby-secret-STAGE.txt, if the lobby has none.")
@click.option("--secret-file", type=click.File(), help="File with the secret that signs tokens. Default: LOBBY_SECRET.")
@click.option(
    "--godot-config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The game's lobby_config.json. Default: game/lobby_config.json, if there is a folder game.",
)
@click.option("--recreate", is_flag=True, help="First delete a stack whose creation has failed.")
@click.option("--no-check", is_flag=True, help="Do not check the lobby afterwards.")
@_yes
def deploy(
    stage: str,
    bucket: str,
    create_bucket: bool,
    region: str | None,
    profile: str | None,
    pairs: tuple[str, ...],
    new_secret: bool,
    secret_file: IO[str] | None,
    godot_config: Path | None,
    recreate: bool,
    no_check: bool,
    yes: bool,
) -> None:
    """Create or change a lobby on AWS.

    The command shows what would change, asks, follows the change, and checks the lobby. docs/deploy.md describes it.

    \b
    Examples:
      lobby deploy --stage dev
      lobby deploy --stage dev --bucket my-lobby-artifacts --create-bucket
      lobby deploy --stage dev --parameter RoomSize=20 --parameter WindowMs=1000
      lobby deploy --stage prod --secret-file secret.txt --yes
    """
    from lobby.deploy import Deployment, DeployOptions
    from lobby.deploy.aws import Aws
    from lobby.deploy.screen import Screen

    secret = secret_file.read().strip() if secret_file else load_settings({}).secret
    if godot_config is None and Path("game").is_dir():
        godot_config = Path("game/lobby_config.json")
    bucket = bucket or os.environ.get("LOBBY_BUCKET") or _read_file().get("LOBBY_BUCKET", "")
    wanted = DeployOptions(
        bucket, dict(map(_pair, pairs)), secret, new_secret, create_bucket, recreate, godot_config, _rooms_file()
    )
    deployment = Deployment(Aws.connect(region, profile), stage, Screen(yes=yes))
    outputs = deployment.deploy(wanted)
    secret = deployment.secret
    url = outputs.get("WebSocketUrl", "")
    ok: bool | None = True
    if not no_check:
        if outputs.get("Tokens") == "required" and not secret:
            print_line(f"Not checked: the lobby requires tokens, and LOBBY_SECRET is not set. Set it, then: lobby check {url}")
        else:
            ok = _run(deployment.works(url, _check_tokens(secret)))
    print(url)
    raise SystemExit(0 if ok else 1)


def _pair(text: str, option: str = "--parameter") -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE.", param_hint=option)
    return name, value


@main.command()
@_stage
@_region
@_profile
@click.option("--unprotect", is_flag=True, help="First remove the deletion protection of the table, which prod has.")
@_yes
def destroy(stage: str, region: str | None, profile: str | None, unprotect: bool, yes: bool) -> None:
    """Delete a lobby on AWS. The command shows what there is, asks, and follows the deletion.

    \b
    Examples:
      lobby destroy --stage dev
      lobby destroy --stage prod --unprotect
    """
    from lobby.deploy import Deployment
    from lobby.deploy.aws import Aws
    from lobby.deploy.screen import Screen

    Deployment(Aws.connect(region, profile), stage, Screen(yes=yes)).destroy(unprotect=unprotect)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    main()
