"""The store of ``lobby serve`` and of the tests: dictionaries."""

from __future__ import annotations

from itertools import count

from lobby.budget import DAY_MS
from lobby.limits import Bucket, Pace
from lobby.presence import Position, Presence
from lobby.rules import Change, Tracked, Untracked, is_newer
from lobby.serverless.lock import Floor, Told, WindowLost


class MemoryStore:
    """Presences in this process. All calls come from one thread."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, Presence]] = {}
        self._numbers: dict[str, count[int]] = {}
        self._spent: dict[int, float] = {}
        self._changes: list[Change] = []
        self._floors: dict[str, Floor] = {}
        self._holders: dict[str, str] = {}
        self._speakers: dict[str, str] = {}

    def add(self, presence: Presence) -> Presence:
        """See :class:`lobby.serverless.lock.Store`. Numbers start again when a room has been empty."""
        rows = self._rooms.setdefault(presence.room, {})
        numbers = self._numbers.setdefault(presence.room, count(1))
        row = presence if presence.n else presence._replace(n=next(numbers))
        rows[row.connection] = row
        self._changes.append(Tracked(row))
        return row

    def get(self, room: str, connection: str) -> Presence | None:
        """See :class:`lobby.serverless.lock.Store`."""
        rows = self._rooms.get(room)
        return rows.get(connection) if rows else None

    def room(self, room: str) -> list[Presence]:
        """See :class:`lobby.serverless.lock.Store`."""
        return list(self._rooms.get(room, {}).values())

    def rooms(self) -> list[str]:
        """The rooms that somebody is in."""
        return list(self._rooms)

    def place(
        self,
        room: str,
        connection: str,
        at: Position,
        now: int,
        allowance: float,
        *,
        pace: Pace | None = None,
        since_ms: int | None = None,
    ) -> Presence | None:
        """See :class:`lobby.serverless.lock.Store`."""
        rows = self._rooms.get(room, {})
        row = rows.get(connection)
        if row is None or not is_newer(at, row.at) or since_ms not in (None, row.moved_ms):
            return None
        if pace:
            row = self._spend(row, now, pace)
        row = rows[connection] = row._replace(at=at, moved_ms=now, seen_ms=now, allowance=allowance)
        return row

    def set_status(self, room: str, connection: str, status: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        """See :class:`lobby.serverless.lock.Store`."""
        return self._update(room, connection, now, pace, status=status, seen_ms=now, status_ms=now)

    def seen(self, room: str, connection: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        """See :class:`lobby.serverless.lock.Store`."""
        return self._update(room, connection, now, pace, seen_ms=now)

    def _update(self, room: str, connection: str, now: int, pace: Pace | None, **values: str | int) -> Presence | None:
        row = self.get(room, connection)
        if row is None:
            return None
        if pace:
            row = self._spend(row, now, pace)
        row = self._rooms[room][connection] = row._replace(**values)  # type: ignore[arg-type]  # the names are ours
        return row

    def _spend(self, row: Presence, now: int, pace: Pace) -> Presence:
        after, refused = pace.spend(Bucket(row.due_ms, row.flood_ms), now)
        row = self._rooms[row.room][row.connection] = row._replace(due_ms=after.due_ms, flood_ms=after.flood_ms)
        if refused is not None:
            raise refused
        return row

    def remove(self, room: str, connection: str) -> Presence | None:
        """See :class:`lobby.serverless.lock.Store`."""
        row = self._rooms.get(room, {}).pop(connection, None)
        if row is not None:
            self._changes.append(Untracked(row))
            if not self._rooms[room]:
                del self._rooms[room], self._numbers[room]
        return row

    def take_changes(self) -> list[Change]:
        """See :class:`lobby.serverless.lock.Store`."""
        changes, self._changes = self._changes, []
        return changes

    # ── what invocations share, see `lobby.serverless.lock.SharedStore` ──────────────────────────────────────────────────────

    def look(self, room: str) -> Floor:
        """See :class:`lobby.serverless.lock.SharedStore`."""
        return self._floors.get(room, Floor())

    def open_window(self, room: str, holder: str, now: int, until_ms: int) -> bool:
        """See :class:`lobby.serverless.lock.SharedStore`."""
        floor = self.look(room)
        if floor.is_open(now):
            return False
        self._floors[room], self._holders[room] = floor._replace(open_until_ms=until_ms), holder
        return True

    def take_floor(self, room: str, holder: str, now: int, until_ms: int, *, shut: bool = False) -> Told | None:
        """See :class:`lobby.serverless.lock.SharedStore`."""
        floor = self.look(room)
        if shut and self._holders.get(room) != holder:
            raise WindowLost
        if floor.is_taken(now):
            return None
        if shut:
            floor = floor._replace(open_until_ms=0)
            del self._holders[room]
        self._floors[room], self._speakers[room] = floor._replace(spoken_until_ms=until_ms), holder
        return floor.told

    def leave_floor(self, room: str, holder: str, told: Told) -> None:
        """See :class:`lobby.serverless.lock.SharedStore`."""
        if self._speakers.get(room) == holder:
            self._floors[room] = self._floors[room]._replace(spoken_until_ms=0, told=told)
            del self._speakers[room]

    def fall_behind(self, room: str, connection: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        """See :class:`lobby.serverless.lock.SharedStore`."""
        return self._update(room, connection, now, pace, behind_ms=now)

    def spend(self, dollars: float, now: int) -> float:
        """See :class:`lobby.serverless.lock.SharedStore`."""
        day = now // DAY_MS
        self._spent = {day: self._spent.get(day, 0.0) + dollars}
        return self._spent[day]

    def caught_up(self, room: str, connection: str, behind_ms: int) -> None:
        """See :class:`lobby.serverless.lock.SharedStore`."""
        row = self.get(room, connection)
        if row is not None and row.behind_ms == behind_ms:
            self._update(room, connection, 0, None, behind_ms=0)
