"""The command line: `lobby serve`, `deploy` and the others. Options of `serve` are the table in ``settings``."""

from __future__ import annotations

# What only one command needs is imported by that command: `lobby --help` should not have to load sockets and tables.
import math
import os
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from lobby import __version__
from lobby.cloudformation.reading import STAGES
from lobby.errors import LobbyError
from lobby.settings import ENV_FILE, Settings, flag, variable

if TYPE_CHECKING:
    from rich.console import Console

Result = TypeVar("Result")

TOKEN_HOURS = 100_000
"""The longest that a token is valid, eleven years: for ever is not what somebody wants who asks for more."""


class Group(click.Group):
    """Commands whose errors are one sentence for a person, with status 1; a stack trace is for our own bugs."""

    def invoke(self, context: click.Context) -> Any:
        """Runs the command."""
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


def fail(message: str) -> NoReturn:
    """Ends the command with one sentence."""
    tell(click.style("lobby:", fg="red", bold=True), message)
    raise SystemExit(1)


def tell(*words: str) -> None:
    """Writes a line for the person at the terminal; in colour only on one, and only where NO_COLOR does not forbid it."""
    click.echo(" ".join(words), err=True, color=False if os.environ.get("NO_COLOR") else None)


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)


def _run(main: Coroutine[Any, Any, Result]) -> Result | None:
    """Runs a command to its end, or until Ctrl-C, which is how many of them are meant to end."""
    import asyncio

    with suppress(KeyboardInterrupt):
        with asyncio.Runner(loop_factory=_event_loop()) as runner:
            return runner.run(main)
    return None


def lacking(what: str, error: ModuleNotFoundError) -> LobbyError:
    """What to do where the packages of the extra ``emulate`` are not here."""
    pip = f"{sys.executable} -m pip install 'serverless-lobby[emulate]'"
    return LobbyError(f"{what} needs {error.name}. In a clone of the repository `make setup` brings it, elsewhere {pip}")


def _event_loop() -> Callable[[], Any] | None:
    """uvloop's where there is one: a crowd costs a tenth less on it than on asyncio's own."""
    try:
        import uvloop
    except ImportError:  # Windows
        return None
    return uvloop.new_event_loop


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
    environment = _read_file() | {name: value for name, value in os.environ.items() if value}
    environment |= {variable(name): _text(value) for name, value in flags.items() if value is not None}
    return Settings.from_environment(environment)


def _read_file() -> dict[str, str]:
    """What ``infrastructure_setup.env`` in this folder says; nothing where there is none."""
    try:
        with open(ENV_FILE, encoding="utf-8-sig") as file:  # a Windows editor puts a mark in front
            from dotenv import dotenv_values

            # As it is written: a secret may have a ${ in it, and the environment comes in above, by rules of our own.
            return {name: value for name, value in dotenv_values(stream=file, interpolate=False).items() if value}
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise LobbyError(f"{ENV_FILE} is not UTF-8 text. Save it as UTF-8, one NAME=VALUE a line.") from None
    except OSError as error:
        raise LobbyError(f"Cannot read {ENV_FILE}: {error.strerror}. It must be a file of NAME=VALUE lines.") from None


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
    import gc

    from lobby.server.host import Server
    from lobby.server.memory import MemoryStore

    settings = load_settings(flags)
    _log_to_stderr(quiet)
    # A window makes many small values and no rings; looking for rings every 700 of them costs more than all of our code.
    gc.set_threshold(50_000, 20, 100)
    gc.collect()
    gc.freeze()

    def ready(port: int) -> None:
        scheme, tls = ("ws", "http") if not settings.tls_cert else ("wss", "https")
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
        where = f"{f'[{host}]' if ':' in host else host}:{port}/"
        shown = click.style(f"{scheme}://{where}", fg="cyan", bold=True)
        tell(f"Lobby {__version__} is open. Players connect to {shown}")
        tell(f"See it at {click.style(f'{tls}://{where}', fg='cyan', bold=True)}   (Ctrl-C ends it)")
        if not settings.secret:
            who = "Anybody who reaches this machine" if settings.open else "Anybody on this machine"
            tell(click.style(f"{who} may join as anybody: no secret is set.", fg="yellow"))

    _run(Server(settings, MemoryStore()).run(ready))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option("--port", default=8766, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one.")
@click.option("--template", type=click.Path(path_type=Path), help="CloudFormation template; the lobby's own without.")
@click.option("--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter of the template.")
@click.option("--code", type=click.Path(path_type=Path), help="Folder or zip with the handler; this package's without.")
@click.option(
    "--table", default="auto", show_default=True, metavar="ENGINE", help="moto, dynoxide, the address of a DynamoDB, or auto."
)
@click.option("--latency", default="none", show_default=True, type=click.Choice(["none", "aws"]), help="How long things take.")
@click.option(
    "--fault", "faults", multiple=True, metavar="NAME[=CHANCE]", help="What goes wrong, as often as you like; `list` shows all."
)
@click.option("--seed", default=0, show_default=True, help="Another number is other latencies and other faults.")
@click.option("--bill", is_flag=True, help="Show what AWS would charge.")
@click.option("--events", type=click.Path(path_type=Path), help="Write every metered event to this file, a line of JSON each.")
@click.option("--logs", is_flag=True, help="Show everything that the function logs, not only its troubles.")
def emulate(parameters: tuple[str, ...], faults: tuple[str, ...], **options: Any) -> None:
    """The lobby without a server, on this machine: the real function behind a local API Gateway, and the bill AWS would send.

    Gateway, routes, function, table and stream are those of the template. docs/emulator.md says what is emulated, and how well.

    \b
    Examples:
      lobby emulate --bill
      lobby emulate --latency aws --fault dead-lambdas --fault throttled-posts=0.2
      lobby emulate --template my-api.yaml --code my_functions/
    """
    from lobby.signals import stop_on_signals

    try:
        from lobby.emulator import Desk
        from lobby.emulator.conditions import FAULTS
        from lobby.tools.emulate import Wish
        from lobby.tools.emulate import emulate as run
    except ModuleNotFoundError as error:
        raise lacking("`lobby emulate`", error) from None

    if "list" in faults:
        for name, (chance, meaning) in FAULTS.items():
            click.echo(f"{name:18} {chance:<6g} {meaning}")
        return
    _log_to_stderr(quiet=True)
    given = dict(map(_pair, parameters))
    if options["template"] is None and (secret := load_settings({}).secret):
        given = {"Secret": secret, **given}
    wish = Wish(parameters=given, faults=_faults(faults), **options)

    def ready(desk: Desk) -> None:
        tell(f"API Gateway is open. Players connect to {click.style(desk.url, fg='cyan', bold=True)}")
        see = f"http://{desk.gateway.host}:{desk.gateway.port}/"
        tell(f"See it at {click.style(see, fg='cyan')}   (Ctrl-C ends it{' and prints the bill' if wish.bill else ''})")
        engine = type(desk.tables.engine).__name__.lower()
        if engine == "moto":
            engine += ", which is slow: ten may fly about. For more see docs/emulator.md, The table"
        watch = f"python scripts/monitoring/lobby-metrics.py --stage {desk.stack.api.stage} --emulator {desk.aws}"
        tell(click.style(f"Who is here, the metrics, the bill: {watch}", dim=True))
        tell(click.style(f"Its table is in {engine}. In another terminal: lobby bots --url {desk.url}", dim=True))

    async def until_stopped() -> None:
        await run(wish, ready, stop_on_signals(), _console())

    _run(until_stopped())


def _faults(given: tuple[str, ...]) -> dict[str, float]:
    """Names of faults and their chances. Raises LobbyError."""
    from lobby.emulator.conditions import FAULTS

    found = {}
    for text in given:
        name, _, chance = text.partition("=")
        if name not in FAULTS:
            raise LobbyError(f"There is no fault {name!r}; there are {', '.join(FAULTS)}.")
        try:
            found[name] = float(chance) if chance else FAULTS[name][0]
        except ValueError:
            found[name] = -1.0
        if not 0 <= found[name] <= 1:
            raise LobbyError(f"--fault {text}: the chance is a number from 0 to 1.")
    return found


@main.command()
@click.option("--bots", default=12, show_default=True, type=click.IntRange(0, 500), help="How many walk.")
@click.option("--port", default=None, type=int, metavar="N", help="Port of the lobby; a free one if it is taken.")
@click.option("--no-browser", is_flag=True, help="Only print the address of the page.")
def demo(bots: int, port: int | None, no_browser: bool) -> None:
    """See it: a lobby, a dozen bots, and a page where you walk among them. Ctrl-C ends everything.

    \b
    Examples:
      lobby demo
      lobby demo --bots 200 --no-browser
    """
    from lobby.tools.demo import demo as run
    from lobby.tools.demo import show

    _log_to_stderr(quiet=True)

    def ready(port: int) -> None:
        url = f"http://127.0.0.1:{port}/"
        shown = click.style(url, fg="cyan", bold=True)
        opened = not no_browser and show(url)
        tell(f"{bots} bots are flying. {'Look at' if opened else 'Open'} {shown}   (Ctrl-C ends everything)")
        tell(f"In another terminal: lobby watch ws://127.0.0.1:{port}/")

    _run(run(load_settings({"port": port}), bots, ready))


def _log_to_stderr(quiet: bool) -> None:
    import logging

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING if quiet else logging.INFO)
    logging.getLogger("picows").setLevel(logging.ERROR)
    # A thousand players who vanish at once are told of each other's leaving before their sockets are known to be dead.
    logging.getLogger("aiofastnet").setLevel(logging.ERROR)


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
    from lobby.client.bots import run_bots

    secret = load_settings({}).secret

    def token(player: str) -> str:
        from lobby.tokens import sign

        return sign(player, secret, _now_ms() + 24 * 3_600_000) if secret else ""

    with _progress("bots connected", players) as count:
        _run(run_bots(url, players, seconds, room=room, token=token, seed=seed, on_connected=count))


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, one line when piped."""
    if not sys.stderr.isatty():
        yield lambda count: tell(f"{count} {what}") if count == total else None
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
    from lobby.tools.watch import watch as run

    _run(run(url, room=room, token=token, seconds=seconds, console=_console()))


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
    from lobby.tools.check import check as run
    from lobby.tools.check import print_step

    console = _console()
    if not token:
        token, token_b = _check_tokens(load_settings({}).secret)
    ok = _run(run(url, room=room, token=token, token_b=token_b, report=lambda step: print_step(step, console)))
    raise SystemExit(0 if ok else 1)


def _check_tokens(secret: str) -> tuple[str, str]:
    """Tokens for two players who try a lobby; without a secret it wants none."""
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
    help="How long it is valid.",
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
    import secrets
    from datetime import UTC, datetime

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
    if math.isnan(hours):  # which no range leaves out
        raise click.BadParameter("nan is no number of hours.", param_hint="--hours")
    ends_ms = _now_ms() + round(hours * 3_600_000)
    print(sign(player, secret, ends_ms, room))
    if sys.stdout.isatty():
        end = f"{datetime.fromtimestamp(ends_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
        tell(click.style(f"for {player}{f' in {room}' if room else ''}, until {end}", dim=True))


@main.command("install-godot")
@click.argument("path", required=False, metavar="PATH")
@click.option("--url", default="", metavar="URL", help="The lobby's address, for lobby_config.json [ws://127.0.0.1:8765/].")
@click.option("--2d/--3d", "flat", default=None, help="The lines for which kind of game; as its scenes look without.")
@click.option("--check", "only_check", is_flag=True, help="Only say what is missing; status 1 if anything is.")
@click.option("--remove", is_flag=True, help="Take the addon out again.")
@click.option("--zip", "zip_file", default=None, metavar="FILE", help="Write the addon for the Asset Library instead.")
def install_godot(path: str | None, url: str, flat: bool | None, only_check: bool, remove: bool, zip_file: str | None) -> None:
    """Put the Godot addon into the game whose project.godot is in PATH, and say what to add to the player's script.

    It copies addons/lobby_presence, registers plugin and autoload in project.godot and writes lobby_config.json. Nothing
    else is touched; twice does no harm; --remove undoes it.

    \b
    Examples:
      lobby install-godot ~/games/mine
      lobby install-godot ~/games/mine --url wss://lobby.example/
      lobby install-godot ~/games/mine --check
    """
    from pathlib import Path

    from lobby.client.sockets import address
    from lobby.tools.install_godot import Game, lines, write_zip

    if zip_file is not None:
        write_zip(Path(zip_file))
        tell(f"{zip_file} is written.")
        return
    if path is None:
        raise click.UsageError("Into which game? lobby install-godot PATH")
    if url:
        address(url)  # raises for what is none
    game = Game(Path(path).expanduser())
    if only_check:
        problems = [problem for problem in (game.conflict(), *game.missing()) if problem]
        print("\n".join(problems or ["Everything is there."]))
        raise SystemExit(1 if problems else 0)
    if remove:
        for kept in game.remove():
            tell(f"{kept} stays: it is not as it was installed.")
        tell("The addon is out of this game.")
        return
    was_there = not game.missing() and not url
    game.install(url)
    tell("The addon is in this game already." if was_there else "The addon is in this game.")
    tell("Now add these three lines to _ready() in the script of your player:\n")
    print("\n".join(f"\t{line}" for line in lines(game.dimensions() if flat is None else 2 if flat else 3)))
    tell(f"\nThen start {click.style('lobby serve', bold=True)}, and your game twice.")


@main.command()
@click.option(
    "--output",
    default="lobby-function.zip",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write.",
)
def package(output: Path) -> None:
    """Build the zip that AWS Lambda runs. The same input makes the same bytes.

    `lobby deploy` builds and uploads it by itself; this is for whoever does it by hand.

    \b
    Examples:
      lobby package
      lobby package --output /tmp/lobby-function.zip
    """
    from lobby.deploy.package import build

    built = build()
    try:
        output.write_bytes(built.data)
    except OSError as error:
        raise LobbyError(f"Cannot write {output}: {error.strerror}.") from None
    print(f"{output}  {len(built.data):,} bytes\nSHA-256  {built.sha256}\nkey      {built.key}")


_stage = click.option("--stage", required=True, type=click.Choice(STAGES), help="Which of the account's lobbies.")
_region = click.option("--region", default=None, metavar="REGION", help="Region of AWS; that of your profile without.")
_profile = click.option("--profile", default=None, metavar="NAME", help="Profile of AWS; that of AWS_PROFILE without.")
_yes = click.option("--yes", is_flag=True, help="Ask nothing: yes to every question.")


@main.command()
@_stage
@click.option("--bucket", default="", metavar="NAME", help="Bucket for the zip; the one before without.")
@click.option("--create-bucket", is_flag=True, help="Make the bucket, private, if it is not there.")
@_region
@_profile
@click.option(
    "--parameter",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the template, as often as you like; what you do not say stays as it is.",
)
@click.option("--secret-file", type=click.File(), help="File with the key of the tokens; LOBBY_SECRET without.")
@click.option(
    "--godot-config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The game's lobby_config.json; game/lobby_config.json without, where there is a game.",
)
@click.option("--recreate", is_flag=True, help="Delete a stack first that never came to be.")
@click.option("--no-check", is_flag=True, help="Do not try the lobby afterwards.")
@_yes
def deploy(
    stage: str,
    bucket: str,
    create_bucket: bool,
    region: str | None,
    profile: str | None,
    pairs: tuple[str, ...],
    secret_file: IO[str] | None,
    godot_config: Path | None,
    recreate: bool,
    no_check: bool,
    yes: bool,
) -> None:
    """Make or change a lobby on AWS: shows what would change, asks, follows, and tries the lobby. docs/deploy.md has it all.

    \b
    Examples:
      lobby deploy --stage dev --bucket my-lobby-artifacts --create-bucket
      lobby deploy --stage dev --parameter RoomSize=20 --parameter WindowMs=1000
      lobby deploy --stage prod --secret-file secret.txt --yes
    """
    from lobby.deploy import Deployment, Wish
    from lobby.deploy.aws import Aws
    from lobby.deploy.screen import Screen

    secret = secret_file.read().strip() if secret_file else load_settings({}).secret
    if godot_config is None and Path("game").is_dir():
        godot_config = Path("game/lobby_config.json")
    wish = Wish(bucket, dict(map(_pair, pairs)), secret, create_bucket, recreate, godot_config)
    deployment = Deployment(Aws.connect(region, profile), stage, Screen(yes=yes))
    outputs = deployment.deploy(wish)
    url = outputs.get("WebSocketUrl", "")
    ok: bool | None = True
    if not no_check:
        if outputs.get("Tokens") == "required" and not secret:
            tell(f"Not tried: it wants tokens, and LOBBY_SECRET is not set here. With it: lobby check {url}")
        else:
            ok = _run(deployment.works(url, _check_tokens(secret)))
    print(url)
    raise SystemExit(0 if ok else 1)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE.", param_hint="--parameter")
    return name, value


@main.command()
@_stage
@_region
@_profile
@click.option("--unprotect", is_flag=True, help="Take the protection off the table first that prod's has.")
@_yes
def destroy(stage: str, region: str | None, profile: str | None, unprotect: bool, yes: bool) -> None:
    """Take a lobby on AWS away: shows what is there, asks, and follows.

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
