"""What happens when something has happened. Events in, effects out; no I/O, clock, randomness or environment.

The theory, on which every host relies:

*   A **presence** is a row of the store: one connection of one player in one room. A host writes the row when somebody
    connects and removes it when the connection has ended, for whatever reason and whoever notices first.
*   **Nobody is told of anything but rows.** A row that appeared is an event (:class:`Tracked`), a row that disappeared is
    one (:class:`Untracked`); joins and leaves are announced from these two events alone. So each is announced once,
    and a leave cannot be forgotten on some path through the code.
*   A player may for a moment have two rows: the newer connection **takes over**. Then the older one is closed and
    the others hear nothing, neither of the row that came nor of the one that went.
*   A **position** is written to the row first and told afterwards, from the row (``fanout``). Whoever tells always tells
    the newest, so a lost telling is repaired by the next.
*   Each function below reads as one rule. `now` is in milliseconds since 1970 wherever it appears.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lobby import limits
from lobby.errors import CODES, Refused
from lobby.messages import (
    ClientMessage,
    Config,
    Error,
    Handshake,
    Hello,
    Join,
    Leave,
    Ping,
    Pong,
    Pos,
    ServerMessage,
    Status,
    StatusChanged,
    Welcome,
    player_of,
)
from lobby.presence import Position, Presence, newest, others
from lobby.settings import Settings

# ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Tracked(NamedTuple):
    """A row appeared in the store."""

    presence: Presence


class Untracked(NamedTuple):
    """A row disappeared from the store."""

    presence: Presence


Change = Tracked | Untracked


# ── effects ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Place(NamedTuple):
    """Write the position to the sender's row, unless the row has a newer one; then tell it in the room's window."""

    connection: str
    at: Position
    allowance: float


class SetStatus(NamedTuple):
    """Write the status to the sender's row."""

    connection: str
    status: str


class Post(NamedTuple):
    """Send ``message`` to ``receivers``, each in its own version."""

    receivers: tuple[Presence, ...]
    message: ServerMessage


class Close(NamedTuple):
    """Tell a connection why, and end it with the close code of ``code``."""

    presence: Presence
    code: str


class Show(NamedTuple):
    """Welcome the sender: read the room and send everybody who is in it."""

    connection: str


Effect = Place | SetStatus | Post | Close | Show


# ── rules ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def connected(handshake: Handshake, connection: str, roster: list[Presence], now: int, settings: Settings) -> Presence:
    """The row for a new connection. Raises :class:`Refused` (``room_full``) where there is no place for one more player.

    A player who is here already keeps number, place and status: that is what makes a reconnect invisible.
    ``n`` is 0 for a player who is new; the store gives it the room's next number.
    """
    fresh = Presence(
        handshake.room, connection, handshake.player, v=handshake.v, name=handshake.name, joined_ms=now, seen_ms=now
    )
    here = newest(roster)
    for other in here:
        if other.player == handshake.player:
            # Strictly newer than the one it takes over from, even within the same millisecond.
            joined_ms = max(now, other.joined_ms + 1)
            return fresh._replace(
                n=other.n, name=handshake.name or other.name, status=other.status, at=other.at,
                moved_ms=other.moved_ms, status_ms=other.status_ms, allowance=other.allowance, joined_ms=joined_ms,
            )  # fmt: skip
    if len(here) >= settings.room_size:
        raise Refused("room_full", f"all {settings.room_size} places in {handshake.room} are taken")
    return fresh


def received(message: ClientMessage, sender: Presence, now: int, settings: Settings) -> Effect:
    """What a message of ``sender`` brings about. Raises :class:`Refused`, and then nothing has changed."""
    match message:
        case Pos(at):
            limits.in_bounds(at, settings)
            return Place(sender.connection, at, limits.travel(sender, at, now, settings))
        case Hello():
            return Show(sender.connection)
        case Ping(t):
            return Post((sender,), Pong(t, now))
        case Status(status):
            return SetStatus(sender.connection, status)


def is_newer(at: Position, known: Position) -> bool:
    """Whether ``at`` may overwrite ``known``. Who does not count (0) is taken in order of arrival."""
    return at.seq == 0 or at.seq > known.seq


def refused(sender: Presence, error: Refused) -> Post:
    """Only the sender hears that its message was wrong."""
    x, y = error.fields.get("x"), error.fields.get("y")
    return Post((sender,), Error(error.code, error.detail, x, y))


def welcomed(newcomer: Presence, roster: list[Presence], now: int, settings: Settings) -> list[Post]:
    """The whole truth for one connection: who is here besides it, and how to behave."""
    players = tuple(player_of(row) for row in sorted(others(newcomer, newest(roster)), key=lambda row: row.n))
    welcome = Welcome(newcomer.player, players, newcomer.v, newcomer.n, now, newcomer.at, newcomer.status)
    return [Post((newcomer,), welcome), configured([newcomer], settings)]


def configured(receivers: Iterable[Presence], settings: Settings) -> Post:
    """How to behave."""
    return Post(tuple(receivers), Config(settings.send_ms, settings.window_ms, settings.far_ms, settings.heartbeat_ms))


def changed(change: Change, roster: list[Presence]) -> list[Effect]:
    """What the room hears of a row that came or went. ``roster`` is the room after the change."""
    row = change.presence
    own = [other for other in roster if other.player == row.player]
    # Every connection, also one that another is about to take over: the other may be gone before it does.
    receivers = tuple(others(row, roster))
    match change:
        case Tracked():
            if not own:  # told late: it has gone again, and that will be told as well
                return []
            [speaking] = newest(own)
            older = [other for other in own if other is not speaking]
            effects: list[Effect] = [Show(speaking.connection), *(Close(other, "taken_over") for other in older)]
            # Who took over from one that the others know is known by the same number. Two that connected at the same moment
            # did not see each other, and have two; and where this is not the newest, nobody may have announced the player yet.
            is_known = row == speaking and bool(older) and all(other.n == row.n for other in older)
            # What the others know may have been written by an older connection.
            last = max((other for other in own if other.n == speaking.n), key=lambda other: (other.at.seq, other is speaking))
            join = Post(receivers, Join(player_of(speaking._replace(at=last.at))))
            return effects if is_known or not receivers else [*effects, join]
        case Untracked():
            return [Post(receivers, Leave(row.player))] if receivers and not own else []


def status_changed(sender: Presence, roster: list[Presence]) -> Post:
    """The room hears of a status that changed, its owner too: that is the answer."""
    return Post(tuple(roster), StatusChanged(sender.player, sender.status))


def farewell(row: Presence, code: str) -> Post:
    """What a connection is told before the lobby closes it: not every host can say it by a close code."""
    return Post((row,), goodbye(code))


def goodbye(code: str, detail: str = "") -> Error:
    """The last message to a connection: why it ends, and whether to come back."""
    return Error(code, detail or CODES[code].meaning, close=CODES[code].close)


def is_silent(row: Presence, now: int, settings: Settings) -> bool:
    """Whether nothing was heard of a connection for so long that it counts as gone: two heartbeats, both unanswered."""
    return now - row.seen_ms > 2 * settings.heartbeat_ms + settings.heartbeat_ms // 2
