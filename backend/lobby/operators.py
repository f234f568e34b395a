"""What operators see of a lobby, and which players they have banned. Values and rules; no I/O, no clock.

The admin API of `lobby serve` and `lobby admin` on AWS share these values, so both answer with the same fields.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import Any

from lobby.data import Data, size
from lobby.errors import LobbyError, Refused
from lobby.jsons import own_dumps
from lobby.messages import Event, Send, parse
from lobby.presence import Presence, newest, watchers
from lobby.settings import Settings

PAGE = 100
"""How many rooms or players one answer has by default."""

PAGE_MOST = 1_000
"""The largest number of rooms or players in one answer."""

REASON_CHARACTERS = 100
"""The longest reason of an operator. It has to fit into a close frame beside the code."""

BANS = 10_000
"""The largest number of bans at the same time."""

BAN_S = 31_536_000
"""The longest ban: a year, in seconds."""


@dataclass
class RoomTraffic:
    """What a room has sent and received since it has had players. A rate is the difference of two readings.

    ``messages`` are valid messages of its players, ``frames`` were sent to its connections.
    """

    messages: int = 0
    frames: int = 0


@dataclass(frozen=True)
class RoomView:
    """One room. ``size`` is the largest number of players. Watchers are no players, and have connections.

    ``traffic`` is null where a host does not count it by rooms: on AWS.
    """

    room: str
    players: int
    watchers: int
    connections: int
    size: int
    traffic: RoomTraffic | None = None


@dataclass(frozen=True)
class RoomPage:
    """Rooms in the order of their names. ``next`` is the value of ``after`` for the next page; null on the last one."""

    rooms: list[RoomView]
    total: int
    next: str | None


@dataclass(frozen=True)
class PlaceView:
    """A position, in units, units per second and radians."""

    x: float
    y: float
    z: float
    vx: float
    vy: float
    vz: float
    h: float


@dataclass(frozen=True)
class PlayerView:
    """One player.

    ``position`` is null for a player that has not moved. ``address`` is that of its connection; empty where it is not known.
    ``age_s``: seconds since the player connected. ``seen_s``: seconds since the lobby last received anything from it.
    """

    id: str
    n: int
    name: str
    status: str
    data: Data
    position: PlaceView | None
    address: str
    connections: int
    age_s: float
    seen_s: float


@dataclass(frozen=True)
class PlayerPage:
    """The players of a room in the order of their ids. ``next`` is as in a page of rooms."""

    room: str
    size: int
    players: list[PlayerView]
    total: int
    next: str | None


def page(names: Iterable[str], limit: int, after: str) -> tuple[list[str], str | None]:
    """The first ``limit`` of ``names`` behind ``after`` in their order, and where the next page begins; None: there is none."""
    return first_page(heapq.nsmallest(limit + 1, (name for name in names if name > after)), limit)


def first_page(names: Iterable[str], limit: int) -> tuple[list[str], str | None]:
    """As :func:`page`, for ``names`` that are sorted and behind ``after`` already. It takes no more of them than it needs."""
    found = list(islice(names, limit + 1))
    return found[:limit], found[limit - 1] if len(found) > limit else None


def room_view(room: str, rows: list[Presence], size: int, traffic: RoomTraffic | None = None) -> RoomView:
    """``rows`` are those of the room."""
    return RoomView(room, len(newest(rows)), len(watchers(rows)), len(rows), size, traffic)


def beginning_with(
    prefix: str, after: str, has: Callable[[str], bool], names_after: Callable[[str], Iterable[str]]
) -> Iterator[str]:
    """The names behind ``after`` that begin with ``prefix``, in their order.

    ``names_after`` returns all names behind one, sorted, and ``has`` whether a name exists. No more names are read than taken.
    """
    if after < prefix and has(prefix):
        yield prefix
    yield from takewhile(lambda name: name.startswith(prefix), names_after(max(after, prefix)))


def player_page(
    room: str, rows: list[Presence], size: int, now: int, address: Callable[[str], str], limit: int = PAGE_MOST, after: str = ""
) -> PlayerPage:
    """The players in ``rows``. ``address`` gives the address of a connection by its id; ``now`` is in ms since 1970."""
    players = {row.player: row for row in newest(rows)}
    ids, following = page(players, limit, after)
    connections = Counter(row.player for row in rows)
    views = [_player_view(players[id], connections[id], now, address) for id in ids]
    return PlayerPage(room, size, views, len(players), following)


def _player_view(row: Presence, connections: int, now: int, address: Callable[[str], str]) -> PlayerView:
    at = row.at
    place = PlaceView(at.x, at.y, at.z, at.vx, at.vy, at.vz, at.h) if row.moved_ms else None
    age_s, seen_s = (max(0, now - since) / 1000 for since in (row.joined_ms, row.seen_ms))
    name = row.name or row.player
    known = row.player, row.n, name, row.status, row.data
    return PlayerView(*known, place, address(row.connection), connections, age_s, seen_s)


# ── bans ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Ban:
    """A player that may not connect before ``until_ms`` (since 1970), to any room."""

    player: str
    until_ms: int
    reason: str = ""

    @property
    def detail(self) -> str:
        """What the player reads."""
        until = f"{datetime.fromtimestamp(self.until_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
        return f"banned until {until}" + (f": {self.reason}" if self.reason else "")


@dataclass
class Bans:
    """The bans of one lobby, in memory: :data:`BANS` at most. ``now`` is in ms since 1970."""

    _by_player: dict[str, Ban] = field(default_factory=dict)

    def add(self, ban: Ban, now: int) -> None:
        """Adds a ban, or replaces that of the same player. Raises LobbyError where there are too many."""
        if ban.player not in self._by_player and len(self._by_player) >= BANS:
            self._by_player = {one.player: one for one in self.active(now)}
            if len(self._by_player) >= BANS:
                raise LobbyError(f"There are {BANS:,} bans already. Remove some of them first.")
        self._by_player[ban.player] = ban

    def remove(self, player: str) -> bool:
        """Removes the ban of a player. False where there is none."""
        return self._by_player.pop(player, None) is not None

    def clear(self) -> int:
        """Removes all bans, and returns their number."""
        count = len(self._by_player)
        self._by_player.clear()
        return count

    def active(self, now: int) -> list[Ban]:
        """The bans that have not expired, in the order of the players' ids."""
        return sorted((ban for ban in self._by_player.values() if ban.until_ms > now), key=lambda ban: ban.player)

    def check(self, player: str, now: int) -> None:
        """Raises :class:`Refused` (``banned``) where a player may not connect."""
        ban = self._by_player.get(player)
        if ban is not None and ban.until_ms > now:
            raise Refused("banned", ban.detail)


def check_reason(reason: str) -> str:
    """``reason``, on one line. Raises ValueError where it is too long, or has control characters."""
    if len(reason) > REASON_CHARACTERS:
        raise ValueError(f"a reason has at most {REASON_CHARACTERS} characters")
    if not reason.isprintable():
        raise ValueError("a reason has no control characters and no line breaks")
    return reason.strip()


def event_of_operator(name: str, data: dict[str, Any], settings: Settings) -> Event:
    """An event without a sender. It may have any name. Raises :class:`Refused` (``bad_event``) as for an event of a player."""
    try:
        sent = parse(own_dumps({"action": "send", "event": name, "data": data}))
    except (ValueError, RecursionError):
        raise Refused("bad_event", "data is no JSON: it has NaN, an infinite number or half a character") from None
    assert isinstance(sent, Send)
    if size(sent.data) > settings.event_bytes:
        raise Refused("bad_event", f"the data of an event has at most {settings.event_bytes:,} bytes as JSON")
    return Event("", sent.event, sent.data)
