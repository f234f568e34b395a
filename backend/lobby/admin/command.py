"""`lobby admin`: the commands, and their tables."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from lobby.addresses import in_url, is_loopback, reachable
from lobby.cloudformation.lobby_template import STAGES
from lobby.errors import LobbyError
from lobby.operators import PAGE, PAGE_MOST
from lobby.terminal import new_console, one_line, print_line

if TYPE_CHECKING:
    from lobby.admin.actions import Actions, Answer
    from lobby.settings import Settings

PORT = 8767
"""The port in the address of the admin API without settings."""

ROOM = "lobby"
"""The room of a player whose address names none."""

_WHERE = (
    click.option("--url", metavar="URL", help=f"Address of the admin API. [default: from the settings, or port {PORT} here]"),
    click.option("--key", metavar="KEY", help="Key of the admin API. Better: LOBBY_ADMIN_KEY. Other users can read options."),
    click.option("--stage", type=click.Choice(STAGES), help="Stage of a lobby on AWS, in place of an admin API."),
    click.option("--region", metavar="REGION", help="AWS Region. Default: the Region of your profile."),
    click.option("--profile", metavar="NAME", help="AWS profile. Default: AWS_PROFILE."),
    click.option("--emulator", metavar="URL", help="Use a running `lobby emulate` instead of AWS; it prints this address."),
    click.option("--json", "json_", is_flag=True, default=None, help="Print the answer as JSON."),
)
_NAMES = ("url", "key", "stage", "region", "profile", "emulator", "json_")


def _where(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that choose a lobby. They may stand before or after the name of a command."""
    for option in reversed(_WHERE):
        command = option(command)
    return command


@click.group()
@_where
def admin(**where: Any) -> None:
    """See rooms and players, remove players, send events, stop a lobby without harm.

    The commands use the admin API of `lobby serve --admin-port`, or with --stage a lobby on AWS.

    \b
    Examples:
      lobby admin rooms
      lobby admin players --room hub
      lobby admin kick bea --reason "no spam, please"
      lobby admin --stage prod close hub
    """
    click.get_current_context().meta["where"] = where


def _action(run: Callable[..., None]) -> Callable[..., Any]:
    """A command of `lobby admin`. ``run`` gets the lobby, the function that shows an answer, and its own arguments."""

    @_where
    @functools.wraps(run)
    def command(**options: Any) -> None:
        context = click.get_current_context()
        before = context.meta.get("where", {})
        where = {name: given if (given := options.pop(name)) is not None else before.get(name) for name in _NAMES}

        def show(answer: Answer, shown: Callable[[Answer], None]) -> None:
            if where["json_"]:
                print(json.dumps(answer, ensure_ascii=False))
            else:
                shown(answer)

        run(_lobby(where, context.obj), show, **options)

    return admin.command(run.__name__.removesuffix("_"))(command)


def _lobby(where: dict[str, Any], load_settings: Callable[[], Settings]) -> Actions:
    if where["stage"]:
        if where["url"]:
            raise click.UsageError("--url is for `lobby serve`, --stage for AWS. Give one.")
        from lobby.admin.stage import Stage
        from lobby.deploy.aws import Aws
        from lobby.monitor.command import emulated
        from lobby.monitor.reading import find_lobby

        aws = emulated(where["emulator"]) if where["emulator"] else Aws.connect(where["region"], where["profile"])
        return Stage(aws, find_lobby(aws, where["stage"]))
    for name in ("region", "profile", "emulator"):
        if where[name]:
            raise click.UsageError(f"--{name} is for AWS. Add --stage.")
    from lobby.admin.serve import AdminApi

    settings = load_settings()
    return AdminApi(where["url"] or address(settings), where["key"] or settings.admin_key)


def address(settings: Settings) -> str:
    """The address of the admin API of `lobby serve` with these settings."""
    secure = "s" if settings.tls_cert and not is_loopback(settings.admin_host) else ""
    return f"http{secure}://{in_url(reachable(settings.admin_host))}:{settings.admin_port or PORT}/"


_Show = Callable[["Answer", Callable[["Answer"], None]], None]

_room = click.option("--room", default=ROOM, show_default=True, metavar="ROOM", help="Room of the player.")
_reason = click.option("--reason", default="", metavar="TEXT", help="What the player reads: at most 100 characters.")
_limit = click.option(
    "--limit", default=PAGE, show_default=True, type=click.IntRange(1, PAGE_MOST), help="The largest number of lines."
)
_after = click.option("--after", default="", metavar="NAME", help="Only what comes after this name, in alphabetical order.")


@_action
@_limit
@_after
def rooms(lobby: Actions, show: _Show, limit: int, after: str) -> None:
    """List the rooms that have players."""

    def shown(answer: Answer) -> None:
        lines = [[room["room"], *(str(room[name]) for name in ("players", "watchers", "size"))] for room in answer["rooms"]]
        _table(["room", ">players", ">watchers", ">size"], lines)
        _more(answer, "rooms", len(lines))

    show(lobby.rooms(limit, after), shown)


@_action
@_room
@_limit
@_after
def players(lobby: Actions, show: _Show, room: str, limit: int, after: str) -> None:
    """List the players of a room."""

    def shown(answer: Answer) -> None:
        _table(["id", "name", "status", ">x", ">y", ">z", "address", ">here for"], list(map(_player, answer["players"])))
        _more(answer, "players", len(answer["players"]))

    show(lobby.players(room, limit, after), shown)


@_action
@click.argument("player")
@_room
@_reason
def kick(lobby: Actions, show: _Show, player: str, room: str, reason: str) -> None:
    """Remove a player from a room. Its client does not come back by itself."""
    show(lobby.kick(room, player, reason), lambda answer: print_line(f"{player} is removed from {room}."))


@_action
@click.argument("player")
@_room
@click.option("--seconds", default=3_600, show_default=True, type=click.IntRange(1), help="How long the player is banned.")
@_reason
def ban(lobby: Actions, show: _Show, player: str, room: str, seconds: int, reason: str) -> None:
    """Ban a player from all rooms, and remove it. A restart of `lobby serve` forgets all bans."""

    def shown(answer: Answer) -> None:
        here = "" if answer["closed"] else " It is not here now."
        print_line(f"{player} is banned until {_time(answer['until_ms'])}.{here}")

    show(lobby.ban(room, player, seconds, reason), shown)


@_action
def bans(lobby: Actions, show: _Show) -> None:
    """List the bans that have not expired."""

    def shown(answer: Answer) -> None:
        lines = [[one["player"], _time(one["until_ms"]), one["reason"]] for one in answer["bans"]]
        _table(["player", "until", "reason"], lines)

    show(lobby.bans(), shown)


@_action
@click.argument("player", required=False)
@click.option("--all", "all_", is_flag=True, help="Remove all bans.")
def unban(lobby: Actions, show: _Show, player: str | None, all_: bool) -> None:
    """Remove the ban of a player, or with --all all bans."""
    if bool(player) == all_:
        raise click.UsageError("Give a player, or --all.")
    show(lobby.unban(player or ""), lambda answer: print_line(f"{answer['removed']} bans are removed."))


@_action
@click.argument("event")
@click.option("--room", default="", metavar="ROOM", help="Only to this room. Default: to all rooms.")
@click.option("--data", default="{}", metavar="JSON", help="Data of the event, a JSON object.")
def event(lobby: Actions, show: _Show, event: str, room: str, data: str) -> None:
    """Send an event to all players of a room, or of all rooms. Its sender is empty."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise LobbyError("""--data is no JSON object. An example: --data '{"text":"The server restarts in five minutes."}'""")
    show(lobby.send(room, event, body), lambda answer: print_line(f"Sent to {answer['connections']} connections."))


@_action
@click.argument("room")
def close(lobby: Actions, show: _Show, room: str) -> None:
    """Remove all players and watchers from a room. Their clients do not come back by themselves."""
    show(lobby.close(room), lambda answer: print_line(f"{room} is closed. It had {answer['closed']} connections."))


@_action
@click.option("--seconds", default=10.0, show_default=True, type=click.FloatRange(0, 3_600), help="How long it takes.")
def drain(lobby: Actions, show: _Show, seconds: float) -> None:
    """Refuse new players, ask the others to come back later, evenly within some seconds, and stop the lobby."""

    def shown(answer: Answer) -> None:
        print_line(f"{answer['players']} players leave within {answer['seconds']:g} seconds. Then the lobby stops.")

    show(lobby.drain(seconds), shown)


def _player(player: dict[str, Any]) -> list[str]:
    at = player["position"]
    place = [f"{at[axis]:.1f}" for axis in "xyz"] if at else ["", "", ""]
    return [player["id"], player["name"], player["status"], *place, player["address"], _span(player["age_s"])]


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _time(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _more(answer: Answer, what: str, here: int) -> None:
    if answer["next"] is not None:
        print_line(f"{here} of {answer['total']:,} {what}. The next ones: --after {answer['next']}")


def _table(columns: list[str], lines: list[list[str]]) -> None:
    """Prints a table. A column that begins with > has numbers. Texts of players are printed without what a terminal obeys."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold")
    for column in columns:
        table.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    for line in lines:
        table.add_row(*(Text(one_line(cell)) for cell in line))
    new_console().print(table)
