"""What a lobby does when something happens. Events in, effects out; no I/O, clock, randomness or environment.

The theory, on which every host relies:

*   A **presence** is a row of the store: one connection of one player in one room. A host adds the row when a connection opens
    and removes it when the connection has ended, for whatever reason.
*   **Joins and leaves follow from rows alone.** A row that was added is an event (:class:`RowAdded`), a row that was removed is
    one (:class:`RowRemoved`), and :func:`changed` announces joins and leaves from these two events. So each is announced
    once, whichever code path added or removed the row.
*   During a **takeover** a player has two rows. The older connection is closed, and other players receive nothing, neither
    for the row that was added nor for the one that was removed.
*   A **position** is stored in the row first and broadcast later, from the row (``fanout``). A broadcast always carries the
    newest position, so the next broadcast repairs one that was lost.
*   Each function below is one rule. ``now`` is in milliseconds since 1970 wherever it appears.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, assert_never

from lobby import limits
from lobby.data import NO_DATA, Data, merge
from lobby.errors import CODES, Refused
from lobby.messages import (
    ChangeData,
    Changes,
    ClientMessage,
    Config,
    DataChanged,
    Error,
    Event,
    Handshake,
    Hello,
    Join,
    Leave,
    Ping,
    Pong,
    Pos,
    Rename,
    Send,
    ServerMessage,
    Status,
    StatusChanged,
    player_of,
    welcome_of,
)
from lobby.presence import Position, Presence, newest, others, watchers
from lobby.settings import Settings

# ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class RowAdded(NamedTuple):
    """A row was added to the store."""

    presence: Presence


class RowRemoved(NamedTuple):
    """A row was removed from the store."""

    presence: Presence


Change = RowAdded | RowRemoved


# ── effects ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class SetPosition(NamedTuple):
    """Store the position in the sender's row, unless the row has a newer one; then broadcast it in the room's window."""

    connection: str
    at: Position
    allowance: float


class SetStatus(NamedTuple):
    """Store the status in the sender's row; then broadcast it."""

    connection: str
    status: str


class SetName(NamedTuple):
    """Store the name in the sender's row; then broadcast it."""

    connection: str
    name: str


class SetData(NamedTuple):
    """Merge the patch into the data of the sender's row (:func:`with_data`); then broadcast the whole data, if it changed."""

    connection: str
    patch: Data


class SendEvent(NamedTuple):
    """Take the event from the sender's rate limit of events, and send it (:func:`event`)."""

    connection: str
    sent: Send


class SendWelcome(NamedTuple):
    """Read the room and send the connection a ``welcome`` with all players in it. First merge ``patch`` into its data."""

    connection: str
    patch: Data = NO_DATA


class SendPong(NamedTuple):
    """Answer a ping of ``sender``."""

    sender: Presence
    pong: Pong


class Post(NamedTuple):
    """Send ``message`` to ``receivers``, each in the protocol version of its connection."""

    receivers: tuple[Presence, ...]
    message: ServerMessage


class Close(NamedTuple):
    """Send a connection its closing error, and close it with the close code of ``code``. ``detail`` replaces its meaning."""

    presence: Presence
    code: str
    detail: str = ""


MessageEffect = SetPosition | SetStatus | SetName | SetData | SendEvent | SendWelcome | SendPong
"""What a message of a client can lead to."""

ChangeEffect = SendWelcome | Post | Close
"""What a row that was added or removed can lead to."""

Effect = MessageEffect | ChangeEffect


# ── rules ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def connected(handshake: Handshake, connection: str, roster: list[Presence], now: int, settings: Settings) -> Presence:
    """The row for a new connection. Raises :class:`Refused` (``room_full``) where the room has no place for one more player,
    or watcher.

    A player that is in the room already keeps number, position, status and data, so that other players do not notice a
    reconnect. ``n`` is 0 for a new player; the store assigns the room's next number.
    """
    settings = settings.for_room(handshake.room)
    fresh = Presence(
        handshake.room, connection, handshake.player, v=handshake.v, name=handshake.name, joined_ms=now, seen_ms=now,
        data=handshake.granted, granted=handshake.granted, is_named=handshake.is_named, watch=handshake.watch,
    )  # fmt: skip
    if handshake.watch:
        limits.check_watchers(len(watchers(roster)), handshake.room, settings)
        return fresh._replace(player=f"#{connection}")  # no valid id, so it is that of no player
    here = newest(roster)
    for other in here:
        if other.player == handshake.player:
            # Strictly newer than the connection that it takes over from, even within the same millisecond.
            joined_ms = max(now, other.joined_ms + 1)
            return fresh._replace(
                n=other.n, name=handshake.name or other.name, status=other.status, at=other.at,
                moved_ms=other.moved_ms, status_ms=other.status_ms, allowance=other.allowance, joined_ms=joined_ms,
                data=merge(other.data, handshake.granted) if handshake.granted else other.data,
                data_ms=other.data_ms, name_ms=other.name_ms,
            )  # fmt: skip
    limits.check_room(len(here), handshake.room, settings)
    return fresh


def received(message: ClientMessage, sender: Presence, now: int, settings: Settings) -> MessageEffect:
    """What a message of ``sender`` leads to. Raises :class:`Refused`, and then nothing has changed."""
    settings = settings.for_room(sender.room)
    is_question = isinstance(message, Ping) or (isinstance(message, Hello) and not message.patch)
    if sender.watch and not is_question:
        raise Refused("watching")
    match message:
        case Pos(at):
            limits.check_bounds(at, settings)
            return SetPosition(sender.connection, at, limits.travel(sender, at, now, settings))
        case Hello(patch):
            return SendWelcome(sender.connection, patch)
        case Rename(name):
            if settings.token_names or sender.is_named:
                raise Refused("bad_message", "the name of this player comes from its token")
            return SetName(sender.connection, name)
        case ChangeData(patch):
            return SetData(sender.connection, patch)
        case Send():
            limits.check_event(message.event, message.data, settings)
            return SendEvent(sender.connection, message)
        case Ping(t):
            return SendPong(sender, Pong(t, now, sender.at.seq))
        case Status(status):
            return SetStatus(sender.connection, status)
        case _:
            assert_never(message)


def is_newer(at: Position, known: Position) -> bool:
    """Whether ``at`` may overwrite ``known``.

    A position without ``order`` is taken in order of arrival. So is one after a position that was ordered in another way: a
    player's own numbers and a host's times cannot be compared.
    """
    return at.order == 0 or at.order > known.order or bool(at.seq) != bool(known.seq)


def refused(sender: Presence, error: Refused) -> Post:
    """The answer to a wrong message, which only its sender receives."""
    x, y, z = (error.fields.get(name) for name in ("x", "y", "z"))
    return Post((sender,), Error(error.code, error.detail, x, y, z=z))


def welcomed(newcomer: Presence, roster: list[Presence], now: int, settings: Settings) -> list[Post]:
    """Everything that one connection must know: the other players of the room, and how to behave."""
    players = tuple(player_of(row, now) for row in sorted(others(newcomer, newest(roster)), key=lambda row: row.n))
    return [Post((newcomer,), welcome_of(newcomer, players, now)), configured([newcomer], settings)]


def configured(receivers: Iterable[Presence], settings: Settings, return_ms: int = 0) -> Post:
    """How clients of this lobby should behave. ``return_ms``: see :func:`limits.return_ms`."""
    times = settings.send_ms, settings.window_ms, settings.far_ms, settings.heartbeat_ms
    return Post(tuple(receivers), Config(*times, return_ms))


def changed(change: Change, roster: list[Presence]) -> list[ChangeEffect]:
    """What a row that was added or removed leads to. ``roster`` is the room after the change."""
    row = change.presence
    if row.watch:  # no client knows a watcher
        is_here = any(other.connection == row.connection for other in roster)
        return [SendWelcome(row.connection)] if isinstance(change, RowAdded) and is_here else []
    own = [other for other in roster if other.player == row.player]
    # Every connection, also one that is about to be taken over: the newer connection may end before it takes over.
    receivers = tuple(others(row, roster))
    match change:
        case RowAdded():
            return _added(row, own, receivers)
        case RowRemoved():
            return [Post(receivers, Leave(row.player))] if receivers and not own else []
        case _:
            assert_never(change)


def _added(row: Presence, own: list[Presence], receivers: tuple[Presence, ...]) -> list[ChangeEffect]:
    if not own:  # the event came late: the row is gone again, and its removal is an event of its own
        return []
    [current] = newest(own)
    older = [other for other in own if other is not current]
    effects: list[ChangeEffect] = [SendWelcome(current.connection), *(Close(other, "taken_over") for other in older)]
    # The same number as all older connections: a takeover, and no join. Two connections that were opened at the same moment
    # did not see each other and have different numbers. If this row is not the newest, no join may have been sent yet.
    is_known = row == current and bool(older) and all(other.n == row.n for other in older)
    # The position that other players know may have been stored by an older connection.
    last = max((other for other in own if other.n == current.n), key=lambda other: (other.at.order, other is current))
    join = Post(receivers, Join(player_of(current._replace(at=last.at))))
    return effects if is_known or not receivers else [*effects, join]


def entered_and_left(players: Iterable[str], roster: list[Presence]) -> Changes:
    """What joins and leaves of a window come to: players that are here now have joined, the others have left."""
    here, changed = {row.player: row for row in newest(roster)}, list(players)
    leaves = tuple([player for player in changed if player not in here])
    return Changes(leaves, tuple([player_of(here[player]) for player in changed if player in here]))


def status_changed(sender: Presence, roster: list[Presence]) -> Post:
    """A status that changed goes to the whole room. Its own player gets it too, as the answer."""
    return Post(tuple(roster), StatusChanged(sender.player, sender.status))


def with_data(row: Presence, patch: Data, settings: Settings) -> dict[str, Any]:
    """The data of ``row`` after ``patch``, with what its token grants. Raises :class:`Refused` (``bad_data``) where that is too
    large."""
    after = merge(merge(row.data, patch), row.granted)
    limits.check_data(after, settings)
    return after


def data_changed(sender: Presence, roster: list[Presence]) -> Post:
    """Data that changed goes to the whole room. Its own player gets it too, as the answer."""
    return Post(tuple(roster), DataChanged(sender.player, sender.data))


def renamed(sender: Presence, roster: list[Presence]) -> Post:
    """A new name goes to all other players, as a ``join`` of a player that they know."""
    return Post(tuple(others(sender, roster)), Join(player_of(sender)))


def event(sender: Presence, sent: Send, roster: list[Presence]) -> Post:
    """The event for the player that it names, or for all other connections of the room. Raises :class:`Refused`
    (``no_player``)."""
    if sent.to:
        receivers = [row for row in roster if row.player == sent.to]
        if not receivers:
            raise Refused("no_player", f"no player {sent.to} is in this room")
    else:
        receivers = others(sender, roster)
    return Post(tuple(receivers), Event(sender.player, sent.event, sent.data))


def closing_error(code: str, detail: str = "") -> Error:
    """The last message before the lobby closes a connection: the reason, and the close code.

    The close code is in the message because not every host can close with a code of its own.
    """
    return Error(code, detail or CODES[code].meaning, close=CODES[code].close)


def is_silent(row: Presence, now: int, settings: Settings) -> bool:
    """Whether a connection counts as gone: it was silent for two and a half heartbeats, so two pings were not answered."""
    return now - row.seen_ms > 2 * settings.heartbeat_ms + settings.heartbeat_ms // 2
