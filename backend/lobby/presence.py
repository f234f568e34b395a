"""The two values that everything else is about: the position of a player, and a player's presence in a room."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lobby.data import NO_DATA, Data


class Position(NamedTuple):
    """Where a player is and how it moves, as its client sent it. Other players receive hundredths of a unit.

    ``x``, ``y`` and the height ``z`` in units; ``vx``, ``vy``, ``vz`` in units per second; ``h`` (heading) in radians. ``seq``
    is the player's own number:
    it rises with every position, and is 0 for a player that does not number its positions. ``t`` is the player's own clock in
    ms, modulo 65,536. ``order`` is what stores compare (``rules.is_newer``): ``seq`` where there is one, else the time (ms) at
    which a host received the position; 0 on a host where messages of one connection cannot overtake each other.
    """

    x: float = 0.0
    y: float = 0.0
    vx: float = 0.0
    vy: float = 0.0
    h: float = 0.0
    seq: int = 0
    t: int = 0
    order: int = 0
    z: float = 0.0
    vz: float = 0.0


class Presence(NamedTuple):
    """One connection of one player in one room: a row of the store.

    During a takeover a player has two connections; the newest one represents the player. ``n`` numbers the players of a room
    and stays the same after a takeover. ``v`` is the protocol version of the connection. Times are milliseconds since 1970:
    ``joined_ms`` when the connection was accepted, ``moved_ms`` when ``at`` was stored (0: never), ``status_ms`` when
    ``status`` was stored (0: never), ``seen_ms`` when the connection was last known to be alive. ``allowance`` is the distance
    in units that the player could still cover at ``moved_ms`` (see ``limits.travel``).

    ``data`` is the player's own JSON object, ``granted`` the part of it that its token sets and the player cannot change;
    ``data_ms`` and ``name_ms`` are when ``data`` and ``name`` were changed last (0: never). ``event_seq`` is the number of the
    last event of this connection that was sent. ``is_named``: the name is that of its token. A ``watch`` row is a watcher: it
    receives what players receive, and no client knows it. Its ``player`` is no valid id, so it cannot be that of a player.
    """

    room: str
    connection: str
    player: str
    n: int = 0
    v: int = 1
    name: str = ""
    status: str = ""
    at: Position = Position()
    joined_ms: int = 0
    moved_ms: int = 0
    status_ms: int = 0
    seen_ms: int = 0
    allowance: float = 0.0
    data: Data = NO_DATA
    granted: Data = NO_DATA
    data_ms: int = 0
    name_ms: int = 0
    event_seq: int = 0
    is_named: bool = False
    watch: bool = False

    def moved(self, at: Position, now: int, allowance: float) -> Presence:
        """The row after a new position at ``now``. It is what ``_replace`` makes, in a third of the time: this is done for each
        position of each player."""
        return Presence._make((*self[:7], at, self[8], now, self[10], now, allowance, *self[13:]))


def newest(roster: Iterable[Presence]) -> list[Presence]:
    """The newest connection of each player: the one that represents the player. Watchers are no players."""
    representing: dict[str, Presence] = {}
    for row in roster:
        if row.watch:
            continue
        other = representing.get(row.player)
        if other is None or joined_before(other, row):
            representing[row.player] = row
    return list(representing.values())


def watchers(roster: Iterable[Presence]) -> list[Presence]:
    """The watchers of a room."""
    return [row for row in roster if row.watch]


def joined_before(one: Presence, other: Presence) -> bool:
    """Whether ``one`` is the older connection. Connections of the same millisecond are ordered by their ids."""
    return (one.joined_ms, one.connection) < (other.joined_ms, other.connection)


def others(one: Presence, rows: Iterable[Presence]) -> list[Presence]:
    """The rows of all other players, without any connection of the player of ``one``."""
    return [row for row in rows if row.player != one.player]
