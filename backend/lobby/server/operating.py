"""What operators do in `lobby serve`: read rooms, remove players, send events, close rooms. The admin API calls it.

Each action writes a line to the log, with the address from which it came.
"""

from __future__ import annotations

from collections.abc import Callable
from logging import WARNING
from typing import Any

from lobby.errors import CODES
from lobby.operators import (
    Ban,
    Bans,
    PlayerPage,
    RoomPage,
    RoomTraffic,
    beginning_with,
    event_of_operator,
    first_page,
    player_page,
    room_view,
)
from lobby.presence import Presence
from lobby.server.connections import Outboxes
from lobby.server.resident import Resident
from lobby.telemetry import log

NO_TRAFFIC = RoomTraffic()


class Absent(Exception):
    """There is no such room, player or ban. The text is a sentence for the operator."""


class Operating:
    """The actions on one lobby. ``clock`` returns ms since 1970."""

    def __init__(self, lobby: Resident, connections: Outboxes, clock: Callable[[], int]) -> None:
        self._lobby, self._connections, self._clock = lobby, connections, clock
        self.bans = Bans()

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def rooms(self, limit: int, after: str, prefix: str = "") -> RoomPage:
        """A page of the rooms whose names begin with ``prefix``. Its total counts all rooms."""
        store, traffic = self._lobby.store, self._lobby.traffic
        found = beginning_with(prefix, after, lambda name: bool(store.room(name)), store.rooms_after)
        names, following = first_page(found, limit)
        views = [room_view(name, store.room(name), self._size(name), traffic.get(name, NO_TRAFFIC)) for name in names]
        return RoomPage(views, len(store.rooms()), following)

    def players(self, room: str, limit: int, after: str) -> PlayerPage:
        """A page of the players of a room. Raises Absent."""
        return player_page(room, self._rows(room), self._size(room), self._clock(), self._connections.address, limit, after)

    def active_bans(self) -> list[Ban]:
        """The bans that have not expired."""
        return self.bans.active(self._clock())

    # ── acting ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def kick(self, room: str, player: str, reason: str, remote: str) -> int:
        """Closes the connections of a player, and returns their number. Raises Absent."""
        rows = [row for row in self._rows(room) if row.player == player]
        if not rows:
            raise Absent(f"{player} is not in the room {room}.")
        detail = f"{CODES['kicked'].meaning}: {reason}" if reason else ""
        self._lobby.end(room, rows, "kicked", detail, self._clock())
        _audit("kick", remote, room=room, player=player, reason=reason)
        return len(rows)

    def ban(self, room: str, player: str, seconds: int, reason: str, remote: str) -> tuple[Ban, int]:
        """Bans a player from all rooms, and closes its connections. Returns the ban and the number of connections.

        The player need not be there. Raises LobbyError where there are too many bans.
        """
        now, store = self._clock(), self._lobby.store
        ban = Ban(player, now + seconds * 1000, reason)
        self.bans.add(ban, now)
        closed = 0
        for one in store.rooms():
            if rows := [row for row in store.room(one) if row.player == player]:
                self._lobby.end(one, rows, "banned", ban.detail, now)
                closed += len(rows)
        _audit("ban", remote, room=room, player=player, seconds=seconds, reason=reason)
        return ban, closed

    def unban(self, player: str, remote: str) -> None:
        """Removes a ban. Raises Absent."""
        if not self.bans.remove(player):
            raise Absent(f"{player} is not banned.")
        _audit("unban", remote, player=player)

    def unban_all(self, remote: str) -> int:
        """Removes all bans, and returns their number."""
        count = self.bans.clear()
        _audit("unban_all", remote, bans=count)
        return count

    def close(self, room: str, remote: str) -> int:
        """Closes all connections of a room, and returns their number. Raises Absent."""
        rows = self._rows(room)
        self._lobby.end(room, rows, "room_closed", "", self._clock())
        _audit("close_room", remote, room=room, connections=len(rows))
        return len(rows)

    def send(self, room: str | None, event: str, data: dict[str, Any], remote: str) -> int:
        """Sends an event to a room, or to all rooms. Returns the number of connections. Raises Absent and Refused."""
        store = self._lobby.store
        rows = self._rows(room) if room is not None else [row for one in store.rooms() for row in store.room(one)]
        receivers = [row for row in rows if row.v >= 2]
        self._lobby.send(receivers, event_of_operator(event, data, self._lobby.settings), self._clock())
        _audit("event", remote, room=room or "", name=event, connections=len(receivers))
        return len(receivers)

    def _rows(self, room: str) -> list[Presence]:
        if not (rows := self._lobby.store.room(room)):
            raise Absent(f"There is no room {room}.")
        return rows

    def _size(self, room: str) -> int:
        return self._lobby.settings.for_room(room).room_size


def _audit(action: str, remote: str, **about: object) -> None:
    log("admin_action", WARNING, action=action, **about, remote=remote)


def audit_drain(seconds: float, players: int, remote: str) -> None:
    """Logs that an operator drains this lobby."""
    _audit("drain", remote, seconds=seconds, players=players)
