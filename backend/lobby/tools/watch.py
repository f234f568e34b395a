"""`lobby watch`: shows a lobby in the terminal; prints one plain line for each event in a pipe.

:class:`Scene` holds what is known, :func:`picture` draws it. Both are pure; the time is an argument. :func:`watch` does the
I/O. The picture has the conventions of the viewer page: y grows downwards, and a player has the same colour.
"""

from __future__ import annotations

import asyncio
import json
import math
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby, pairwise
from operator import itemgetter
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.live import Live
from rich.text import Text

from lobby.client import (
    Connected,
    DataSet,
    Disconnected,
    Event,
    EventReceived,
    Joined,
    Left,
    LobbyClient,
    MessageRefused,
    Moved,
    PlayerRefused,
    Renamed,
    StatusSet,
)
from lobby.errors import LobbyError
from lobby.jsons import dumps
from lobby.messages import Player
from lobby.presence import Position
from lobby.terminal import one_line

FRAME_S = 0.1
"""Time between two pictures."""

TRAIL_S = 3.0
"""Length of a trail."""

AHEAD_S = 1.0
"""How long a player is extrapolated from its last position. After that it is shown at that position."""

RATE_S = 2.0
"""Period of the rates."""

FIT_LEAST = 20.0
"""The map shows at least so many units, so that a lone player does not fill the screen."""

OUTSIDE_SHARE = 20
"""One of so many players may be outside the map at each edge, if that makes the map much larger for the others."""

TINTS = (
    "#ffa9a2", "#feae8b", "#f3b67a", "#e3bf72", "#cec875", "#b4d084", "#99d69a", "#7edab3", "#6adacd",
    "#65d8e4", "#72d3f7", "#89cbff", "#a3c3ff", "#bdbbff", "#d4b3fb", "#e7adea", "#f6a9d4", "#fea7bb",
)  # fmt: skip
"""The colours of the viewer page on a dark background (viewer/colour.js)."""

COMPASS = "→↘↓↙←↖↑↗"
LABEL_CELLS = 16
LOG_LINES = 4


def tint(id: str) -> str:
    """The colour of a player, from its id only: a mixed FNV-1a hash, as on the viewer page."""
    value = 0x811C9DC5
    for c in id:
        value = (value ^ ord(c)) * 0x01000193 & 0xFFFFFFFF
    value ^= value >> 15
    return TINTS[value * 0x2C1B3C6D % (1 << 32) % len(TINTS)]


# ── the scene ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Spot(NamedTuple):
    """Where a player was, and when."""

    x: float
    y: float
    at_s: float


@dataclass
class WatchedPlayer:
    """The last known state of a player. ``received_s`` is the time of its last position or status."""

    player: Player
    received_s: float
    trail: deque[Spot] = field(default_factory=lambda: deque(maxlen=64))
    has_velocity: bool = False

    def update(self, player: Player, now_s: float) -> None:
        """Takes a new position."""
        self.player, self.received_s = player, now_s
        self.has_velocity = self.has_velocity or bool(player.at.vx or player.at.vy)
        if _is_finite(player.at):
            self.trail.append(Spot(player.at.x, player.at.y, now_s))

    def spot(self, now_s: float) -> Spot:
        """Where the player is now, extrapolated with its velocity."""
        at = self.player.at
        ahead_s = now_s - self.received_s
        if not 0 < ahead_s < AHEAD_S:
            ahead_s = 0.0
        return Spot(at.x + at.vx * ahead_s, at.y + at.vy * ahead_s, now_s)

    def velocity(self, now_s: float) -> tuple[float, float]:
        """The velocity that the player sent, in units per second. For a client that never sends it (version 1): from its last
        positions."""
        if self.has_velocity:
            return self.player.at.vx, self.player.at.vy
        recent = [spot for spot in self.trail if now_s - spot.at_s < AHEAD_S]
        took_s = recent[-1].at_s - recent[0].at_s if recent else 0.0
        if took_s <= 0:
            return 0.0, 0.0
        return (recent[-1].x - recent[0].x) / took_s, (recent[-1].y - recent[0].y) / took_s

    def path(self, now_s: float) -> list[Spot]:
        """The trail up to now."""
        return [*(spot for spot in self.trail if now_s - spot.at_s < TRAIL_S), self.spot(now_s)]


def _is_finite(at: Position) -> bool:
    # Values of the server are checked: a NaN would spoil the whole map.
    return all(isinstance(value, int | float) and abs(value) < 1e12 for value in at[:4])


class Traffic(NamedTuple):
    """The counters of the client at one time."""

    at_s: float
    received: int = 0
    received_bytes: int = 0
    sent: int = 0


@dataclass
class Scene:
    """Everything that the picture shows. It takes events and counters; :func:`picture` reads it."""

    url: str
    room: str = ""
    connection: str = "connecting"
    is_connected: bool = False
    you: str = ""
    ping_ms: float | None = None
    players: dict[str, WatchedPlayer] = field(default_factory=dict)
    log: deque[tuple[float, str, str]] = field(default_factory=lambda: deque(maxlen=50))
    traffic: deque[Traffic] = field(default_factory=deque)

    def take(self, event: Event, now_s: float) -> None:
        """Takes an event of the client."""
        match event:
            case Connected(player):
                self.you, self.connection, self.is_connected = player, "connected", True
            case Disconnected(reason, again_s):
                self.connection, self.is_connected = f"{reason or 'lost'}; again in {again_s:.0f} s", False
                self._note(now_s, f"the connection is lost: {reason}")
            case MessageRefused(code, message):
                self._note(now_s, f"refused: {message} ({code})")
            case PlayerRefused(code, message):
                self._note(now_s, f"refused: {message} ({code})")
                self.connection, self.is_connected = message, False
            case Joined(player):
                self._update(player, now_s)
                self._note(now_s, f"{_name(player)} joined", player.id)
            case Left(player):
                self.players.pop(player.id, None)
                self._note(now_s, f"{_name(player)} left", player.id)
            case Moved(player):
                self._update(player, now_s)
            case StatusSet(player) if player.id in self.players:
                seen = self.players[player.id]
                seen.player, seen.received_s = seen.player._replace(status=player.status), now_s
            case DataSet(player) | Renamed(player) if player.id in self.players:
                self.players[player.id].player = player
            case EventReceived(sender, name, data):
                known = self.players.get(sender)
                text = f" {dumps(data).decode()}" if data else ""
                self._note(now_s, f"{_name(known.player) if known else sender or 'operator'}: {name}{text}", sender)

    def _update(self, player: Player, now_s: float) -> None:
        if player.id not in self.players:
            self.players[player.id] = WatchedPlayer(player, now_s)
        self.players[player.id].update(player, now_s)

    def _note(self, now_s: float, text: str, id: str = "") -> None:
        self.log.append((now_s, one_line(text), id))

    def measure(self, traffic: Traffic, ping_ms: float | None = None) -> None:
        """Takes the counters of the client."""
        self.ping_ms = ping_ms
        self.traffic.append(traffic)
        while traffic.at_s - self.traffic[0].at_s > RATE_S:
            self.traffic.popleft()

    def rates(self) -> tuple[float, float, float]:
        """Messages in, messages out and bytes in, per second."""
        if not self.traffic or (took_s := self.traffic[-1].at_s - self.traffic[0].at_s) <= 0:
            return 0.0, 0.0, 0.0
        first, last = self.traffic[0], self.traffic[-1]
        received, bytes_in, sent = (b - a for a, b in zip(first[1:], last[1:], strict=True))
        return received / took_s, sent / took_s, bytes_in / took_s


# ── the picture ────────────────────────────────────────────────────────────────────────────────────────────────────


def picture(scene: Scene, width: int, height: int, now_s: float) -> Text:
    """The whole screen: ``height`` lines, none wider than ``width`` cells, whatever the scene."""
    width, height = max(1, width), max(1, height)
    log_lines = min(LOG_LINES, max(0, (height - 12) // 3))
    middle = max(0, height - 3 - log_lines)
    lines = [_title(scene), _figures(scene)]
    if width >= 76:
        side = min(56, width * 13 // 25)
        lines += _beside(_map(scene, width - side - 3, middle, now_s), _list(scene, side, middle, now_s), width - side - 3)
    else:
        above = middle * 3 // 5
        lines += [*_map(scene, width, above, now_s), *_list(scene, width, middle - above, now_s)]
    lines += _log(scene, log_lines, now_s)
    lines.append(Text(" This command has joined as the player “watch”.  Ctrl-C ends it.", "dim"))
    return _screen(lines, width, height)


def _screen(lines: list[Text], width: int, height: int) -> Text:
    for line in lines:
        line.truncate(width)
    whole = Text("\n", no_wrap=True, overflow="crop", end="").join(lines[:height])
    whole.append("\n" * (height - len(lines)))
    return whole


def _title(scene: Scene) -> Text:
    mark = ("● ", "green") if scene.is_connected else ("○ ", "yellow")
    return Text.assemble(
        (" lobby ", "bold reverse"), "  ", mark, (one_line(scene.connection), "" if scene.is_connected else "yellow"),
        "  ", (_count(len(scene.players)), "bold"), (f"  {one_line(scene.url)}", "cyan"),
        f"  room {one_line(scene.room)}" if scene.room else "",
    )  # fmt: skip


def _count(players: int) -> str:
    return "no other player" if not players else f"{players} player{'s'[: players > 1]}"


def _figures(scene: Scene) -> Text:
    received, sent, bytes_in = scene.rates()
    ping = "–" if scene.ping_ms is None else f"{scene.ping_ms:.1f} ms"
    return Text(f" in {received:.0f}/s  {_bytes(bytes_in)}/s  out {sent:.1f}/s  ping {ping}", "dim")


def _bytes(count: float) -> str:
    return f"{count:.0f} B" if count < 1000 else f"{count / 1000:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def _beside(left: list[Text], right: list[Text], width: int) -> Iterable[Text]:
    for one, two in zip(left, right, strict=True):
        yield Text.assemble(one, " " * max(0, width - one.cell_len), (" │ ", "dim"), two)


class Fit(NamedTuple):
    """The part of the world that the map shows: its centre, and the units of one dot."""

    x: float
    y: float
    scale: float


def fit(spots: list[Spot], dots_x: int, dots_y: int) -> Fit:
    """A view that shows all spots. Scale and centre change in steps, so that the map does not move with every position.

    A few players far away from all others may be left out: see :data:`OUTSIDE_SHARE`.
    """
    if not spots:
        return Fit(0.0, 0.0, _round_up(FIT_LEAST / min(dots_x, dots_y)))
    xs, ys = sorted(spot.x for spot in spots), sorted(spot.y for spot in spots)
    whole = _frame(xs, ys, dots_x, dots_y)
    cut = max(1, len(xs) // OUTSIDE_SHARE) if len(xs) >= OUTSIDE_SHARE // 2 else 0
    if cut:
        most = _frame(xs[cut:-cut], ys[cut:-cut], dots_x, dots_y)
        if most.scale * 4 < whole.scale:
            return most
    return whole


def _frame(xs: list[float], ys: list[float], dots_x: int, dots_y: int) -> Fit:
    wide, high = xs[-1] - xs[0], ys[-1] - ys[0]
    # A margin of a tenth on each side. The centre may be off by half of its step, an eighth of the smaller side.
    least = FIT_LEAST / min(dots_x, dots_y)
    scale = _round_up(max(least, wide * 1.25 / dots_x, high * 1.25 / dots_y))
    step = scale * min(dots_x, dots_y) / 8
    return Fit(round((xs[0] + xs[-1]) / 2 / step) * step, round((ys[0] + ys[-1]) / 2 / step) * step, scale)


def _round_up(value: float) -> float:
    """Rounds up to the next of 1, 2, 5, 10, 20, 50 …"""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10, 20) if step * power >= value)


class Canvas:
    """Cells with one glyph each, and under them dots: two columns and four rows in each cell, drawn as Braille."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._cells: dict[tuple[int, int], tuple[str, str]] = {}
        self._dots: dict[tuple[int, int], tuple[int, str]] = {}

    def dot(self, x: int, y: int, style: str) -> None:
        """Sets a dot, unless it is outside the canvas."""
        if 0 <= x < self.width * 2 and 0 <= y < self.height * 4:
            bit = (0x01, 0x02, 0x04, 0x40, 0x08, 0x10, 0x20, 0x80)[y % 4 + x % 2 * 4]
            bits, _ = self._dots.get((x // 2, y // 4), (0, ""))
            self._dots[x // 2, y // 4] = bits | bit, style

    def line(self, x: float, y: float, to_x: float, to_y: float, style: str) -> None:
        """Sets the dots of a line."""
        steps = max(1, min(512, math.ceil(max(abs(to_x - x), abs(to_y - y)))))
        for i in range(steps + 1):
            self.dot(math.floor(x + (to_x - x) * i / steps), math.floor(y + (to_y - y) * i / steps), style)

    def has_room(self, x: int, y: int, cells: int) -> bool:
        """Whether so many cells are free."""
        return 0 <= x <= self.width - cells and not any((x + i, y) in self._cells for i in range(cells))

    def write(self, x: int, y: int, text: str, style: str) -> None:
        """Writes text over dots. A glyph that is two cells wide takes both."""
        for glyph in text:
            cells = cell_len(glyph)
            for i in range(cells):
                self._cells[x + i, y] = (glyph if i == 0 else "", style)
            x += cells

    def lines(self) -> list[Text]:
        """The lines of the canvas."""
        return [Text.assemble(*self._runs(y)) for y in range(self.height)]

    def _runs(self, y: int) -> Iterable[tuple[str, str]]:
        cells = (self._cell(x, y) for x in range(self.width))
        for style, run in groupby(cells, itemgetter(1)):  # one style for many cells: less output
            yield "".join(glyph for glyph, _ in run), style

    def _cell(self, x: int, y: int) -> tuple[str, str]:
        if (x, y) in self._cells:
            return self._cells[x, y]
        bits, style = self._dots.get((x, y), (0, ""))
        return (chr(0x2800 + bits), style) if bits else (" ", "")


def _map(scene: Scene, width: int, height: int, now_s: float) -> list[Text]:
    if width < 4 or height < 3:
        return [Text() for _ in range(height)]
    drawn = [seen for seen in scene.players.values() if _is_finite(seen.player.at)]
    view = fit([seen.spot(now_s) for seen in drawn], width * 2, height * 4)
    canvas = Canvas(width, height)

    def dots(spot: Spot) -> tuple[float, float]:
        return (spot.x - view.x) / view.scale + width, (spot.y - view.y) / view.scale + height * 2

    labels: list[tuple[int, int, WatchedPlayer]] = []
    outside = 0
    for seen in drawn:
        path = [dots(spot) for spot in seen.path(now_s)]
        for (x, y), (to_x, to_y) in pairwise(path):
            canvas.line(x, y, to_x, to_y, f"dim {tint(seen.player.id)}")
        x, y = (math.floor(path[-1][0] / 2), math.floor(path[-1][1] / 4))
        if 0 <= x < width and 0 <= y < height:
            canvas.write(x, y, _symbol(seen, now_s), f"bold {tint(seen.player.id)}")
            labels.append((x, y, seen))
        else:
            outside += 1
    _write_scale(canvas, view, outside)
    # Symbols first, then names where they hide nothing. In a crowd some players have no name, but all have a symbol.
    for x, y, seen in labels:
        _write_label(canvas, x, y, seen)
    return canvas.lines()


def _symbol(seen: WatchedPlayer, now_s: float) -> str:
    vx, vy = seen.velocity(now_s)
    return COMPASS[round(math.atan2(vy, vx) / math.tau * 8) % 8] if math.hypot(vx, vy) > 0.05 else "●"


def _write_label(canvas: Canvas, x: int, y: int, seen: WatchedPlayer) -> None:
    name = _cut(_name(seen.player), LABEL_CELLS)
    cells = cell_len(name)
    # Right or left of the symbol, with a free cell at both ends, else the name could seem to belong to a neighbour.
    for start in (x + 1, x - cells - 2):
        if canvas.has_room(start, y, cells + 2):
            canvas.write(start + 1, y, name, tint(seen.player.id))
            return


def _write_scale(canvas: Canvas, view: Fit, outside: int) -> None:
    length = _round_up(view.scale * canvas.width / 4)
    cells = max(1, round(length / view.scale / 2))
    text = f"{'├' if cells > 1 else ''}{'─' * (cells - 2)}┤ {length:,.6g} units  ↑ north (−y)"
    if outside:
        text += f"  {outside} outside the map"
    for y in (canvas.height - 1, 0):
        if canvas.has_room(0, y, cell_len(text)):
            canvas.write(0, y, text, "dim")
            return


class Column(NamedTuple):
    """One column of the list."""

    title: str
    cells: int
    text: Callable[[WatchedPlayer, float], str]
    is_number: bool = False


COLUMNS = (
    Column("name", 14, lambda seen, now_s: _name(seen.player)),
    Column("position", 15, lambda seen, now_s: _place(seen.player.at), True),
    Column("age", 6, lambda seen, now_s: _age(now_s - seen.received_s), True),
    Column("status", 12, lambda seen, now_s: one_line(seen.player.status)),
    Column("speed", 5, lambda seen, now_s: _speed(seen, now_s), True),
)
"""The most important first: a narrow list shows only the first ones."""

ON_SCREEN = ("name", "status", "position", "speed", "age")


def _list(scene: Scene, width: int, height: int, now_s: float) -> list[Text]:
    fitting: list[Column] = []
    for column in COLUMNS:
        if sum(other.cells + 1 for other in fitting) + column.cells <= width:
            fitting.append(column)
    columns = sorted(fitting, key=lambda column: ON_SCREEN.index(column.title))
    order = sorted(scene.players.values(), key=lambda seen: (_name(seen.player).casefold(), seen.player.id))
    room = max(0, height - 1)
    shown = order if len(order) <= room else order[: max(0, room - 1)]
    lines = [Text(" ".join(_cell(column, column.title) for column in columns), "dim")]
    for seen in shown:
        line = Text()
        for column in columns:
            text = _cell(column, column.text(seen, now_s))
            line.append(text if column is columns[0] else f" {text}", tint(seen.player.id) if column.title == "name" else "")
        lines.append(line)
    if len(shown) < len(order):
        lines.append(Text(f"and {len(order) - len(shown)} more", "dim"))
    lines += [Text() for _ in range(height - len(lines))]
    return lines[:height]


def _cell(column: Column, text: str) -> str:
    text = _cut(text, column.cells)
    gap = " " * (column.cells - cell_len(text))
    return gap + text if column.is_number else text + gap


def _cut(text: str, cells: int) -> str:
    return text if cell_len(text) <= cells else set_cell_size(text, cells - 1).rstrip() + "…"


def _name(player: Player) -> str:
    return one_line(player.name or player.id)


def _place(at: Position) -> str:
    if not _is_finite(at):
        return "?"
    place = (at.x, at.y, at.z) if at.z else (at.x, at.y)
    exact = " ".join(f"{value:.1f}" for value in place)
    return exact if len(exact) <= 15 else " ".join(f"{value:.0f}" for value in place)


def _speed(seen: WatchedPlayer, now_s: float) -> str:
    return f"{math.hypot(*seen.velocity(now_s)):.1f}" if _is_finite(seen.player.at) else "?"


def _age(seconds: float) -> str:
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _log(scene: Scene, lines: int, now_s: float) -> list[Text]:
    newest = list(scene.log)[max(0, len(scene.log) - lines) :]
    shown = [
        Text.assemble((f" {_age(now_s - at_s):>6} ago  ", "dim"), (text, tint(id) if id else "yellow"))
        for at_s, text, id in newest
    ]
    return [Text() for _ in range(lines - len(shown))] + shown


# ── one line for each event ─────────────────────────────────────────────────────────────────────────────────────────


def line(event: Event, now_s: float) -> str:
    """``event`` as a line for a pipe: time (UTC), kind, player; names in quotes."""
    return one_line(f"{datetime.fromtimestamp(now_s, UTC).isoformat(timespec='milliseconds')[:-6]}Z {_described(event)}")


def _described(event: Event) -> str:
    match event:
        case Connected(player):
            return f"connected {player}"
        case Disconnected(reason, again_s):
            return f"disconnected {_quoted(reason)} again in {again_s:.1f} s"
        case MessageRefused(code, message) | PlayerRefused(code, message):
            return f"refused {code} {_quoted(message)}"
        case Joined(player):
            return f"joined {player.id} {_quoted(player.name)} at {_exact(player.at)}"
        case Left(player):
            return f"left {player.id} {_quoted(player.name)}"
        case Moved(player):
            return f"moved {player.id} to {_exact(player.at)}"
        case StatusSet(player):
            return f"status {player.id} {_quoted(player.status)}"
        case DataSet(player):
            return f"data {player.id} {dumps(player.data).decode() if player.data else '{}'}"
        case Renamed(player):
            return f"renamed {player.id} {_quoted(player.name)}"
        case EventReceived(sender, name, data):
            return f"event {sender or 'operator'} {name} {dumps(data).decode() if data else '{}'}"


def _exact(at: Position) -> str:
    return f"{at.x} {at.y}" + (f" {at.z}" if at.z else "")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


# ── the I/O ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def watch(url: str, *, room: str = "", token: str = "", seconds: float | None = None, console: Console) -> None:
    """Shows the lobby at ``url`` for ``seconds`` (None: until cancelled, as Ctrl-C does).

    Raises :class:`lobby.errors.LobbyError` if the lobby does not answer, or refuses the player.
    """
    is_screen = console.is_terminal and not console.is_dumb_terminal
    # A unique id: with a fixed one, a second `lobby watch` would take over the connection of the first.
    client = LobbyClient(url, "" if token else f"watch_{secrets.token_hex(4)}", room=room, token=token, watch=True)
    shown = url.partition("?")[0]  # without the query, which may contain a token
    async with AsyncExitStack() as stack:
        with console.status(Text(f"Connecting to {one_line(shown)}")) if is_screen else nullcontext():
            me = await stack.enter_async_context(client)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await (_draw(me, Scene(shown, room), console) if is_screen else _print_events(me, console))


async def _print_events(me: LobbyClient, console: Console) -> None:
    async for event in me:
        console.out(line(event, time.time()), highlight=False)
        _stop_if_refused(event)


async def _draw(me: LobbyClient, scene: Scene, console: Console) -> None:
    listener = asyncio.create_task(_listen(me, scene))
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while not listener.done():
                now_s = time.monotonic()
                scene.measure(Traffic(now_s, me.received, me.received_bytes, me.sent), me.round_trip_ms)
                # Size is read each time: it may change.
                live.update(picture(scene, console.width, console.height, now_s), refresh=True)
                await asyncio.wait((listener,), timeout=FRAME_S)
        await listener
    finally:
        listener.cancel()


async def _listen(me: LobbyClient, scene: Scene) -> None:
    async for event in me:
        scene.take(event, time.monotonic())
        _stop_if_refused(event)


def _stop_if_refused(event: Event) -> None:
    if isinstance(event, PlayerRefused):
        raise LobbyError(event.message)
