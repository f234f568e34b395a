"""The store of `lobby serve`: dictionaries."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from itertools import count

from lobby.data import Data
from lobby.presence import Position, Presence
from lobby.rules import is_newer


class MemoryStore:
    """Presences in this process: a :class:`lobby.ports.Store`. All calls come from one thread."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, Presence]] = {}
        self._numbers: dict[str, count[int]] = {}
        self._names: list[str] = []
        """The names of the rooms, in order."""

    def add(self, presence: Presence) -> Presence:
        """Numbers start again at 1 when a room has been empty."""
        if presence.room not in self._rooms:
            insort(self._names, presence.room)
        rows = self._rooms.setdefault(presence.room, {})
        numbers = self._numbers.setdefault(presence.room, count(1))
        row = presence if presence.n or presence.watch else presence._replace(n=next(numbers))
        rows[row.connection] = row
        return row

    def get(self, room: str, connection: str) -> Presence | None:
        rows = self._rooms.get(room)
        return rows.get(connection) if rows else None

    def room(self, room: str) -> list[Presence]:
        return list(self._rooms.get(room, {}).values())

    def rooms(self) -> list[str]:
        return self._names.copy()

    def rooms_after(self, room: str) -> Iterator[str]:
        for index in range(bisect_right(self._names, room), len(self._names)):
            yield self._names[index]

    def set_position(self, room: str, connection: str, at: Position, now: int, allowance: float) -> Presence | None:
        row = self.get(room, connection)
        if row is None or not is_newer(at, row.at):
            return None
        return self._write(row.moved(at, now, allowance))

    def set_status(self, room: str, connection: str, status: str, now: int) -> Presence | None:
        row = self.get(room, connection)
        return row and self._write(row._replace(status=status, status_ms=now, seen_ms=now))

    def set_name(self, room: str, connection: str, name: str, now: int) -> Presence | None:
        row = self.get(room, connection)
        return row and self._write(row._replace(name=name, name_ms=now, seen_ms=now))

    def set_data(self, room: str, connection: str, data: Data, now: int) -> Presence | None:
        row = self.get(room, connection)
        return row and self._write(row._replace(data=data, data_ms=now, seen_ms=now))

    def seen(self, room: str, connection: str, now: int) -> Presence | None:
        row = self.get(room, connection)
        return row and self._write(row._replace(seen_ms=now))

    def remove(self, room: str, connection: str) -> Presence | None:
        row = self._rooms.get(room, {}).pop(connection, None)
        if row is not None and not self._rooms[room]:
            del self._rooms[room], self._numbers[room], self._names[bisect_left(self._names, room)]
        return row

    def _write(self, row: Presence) -> Presence:
        self._rooms[row.room][row.connection] = row
        return row
