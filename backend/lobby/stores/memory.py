"""The store of ``lobby serve`` and of the tests: dictionaries."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from lobby.presence import Position, Presence
from lobby.rules import Change, Tracked, Untracked, is_newer


@dataclass
class _SharedWindow:
    holder: str = ""
    open_until_ms: int = 0
    shut_ms: int = 0
    teller: str = ""
    told_until_ms: int = 0
    told_ms: int = 0


class MemoryStore:
    """Presences in this process. All calls come from one thread."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, Presence]] = {}
        self._numbers: dict[str, count[int]] = {}
        self._changes: list[Change] = []
        self._shared: dict[str, _SharedWindow] = {}

    def add(self, presence: Presence) -> Presence:
        """See :class:`lobby.stores.Store`. Numbers start again when a room has been empty."""
        rows = self._rooms.setdefault(presence.room, {})
        numbers = self._numbers.setdefault(presence.room, count(1))
        row = presence if presence.n else presence._replace(n=next(numbers))
        rows[row.connection] = row
        self._changes.append(Tracked(row))
        return row

    def get(self, room: str, connection: str) -> Presence | None:
        """See :class:`lobby.stores.Store`."""
        rows = self._rooms.get(room)
        return rows.get(connection) if rows else None

    def room(self, room: str) -> list[Presence]:
        """See :class:`lobby.stores.Store`."""
        return list(self._rooms.get(room, {}).values())

    def rooms(self) -> list[str]:
        """The rooms that somebody is in."""
        return list(self._rooms)

    def place(self, room: str, connection: str, at: Position, now: int, allowance: float) -> Presence | None:
        """See :class:`lobby.stores.Store`."""
        rows = self._rooms.get(room, {})
        row = rows.get(connection)
        if row is None or not is_newer(at, row.at):
            return None
        row = rows[connection] = row._replace(at=at, moved_ms=now, seen_ms=now, allowance=allowance)
        return row

    def set_status(self, room: str, connection: str, status: str, now: int) -> Presence | None:
        """See :class:`lobby.stores.Store`."""
        return self._update(room, connection, status=status, seen_ms=now)

    def seen(self, room: str, connection: str, now: int) -> None:
        """See :class:`lobby.stores.Store`."""
        self._update(room, connection, seen_ms=now)

    def _update(self, room: str, connection: str, **values: str | int) -> Presence | None:
        row = self.get(room, connection)
        if row is None:
            return None
        row = self._rooms[room][connection] = row._replace(**values)  # type: ignore[arg-type]  # the names are ours
        return row

    def remove(self, room: str, connection: str) -> Presence | None:
        """See :class:`lobby.stores.Store`."""
        row = self._rooms.get(room, {}).pop(connection, None)
        if row is not None:
            self._changes.append(Untracked(row))
            if not self._rooms[room]:
                del self._rooms[room], self._numbers[room]
        return row

    def open_window(self, room: str, holder: str, now: int, lease_ms: int) -> bool:
        """See :class:`lobby.stores.SharedWindows`."""
        window = self._shared.setdefault(room, _SharedWindow())
        if window.open_until_ms >= now:
            return False
        window.holder, window.open_until_ms = holder, now + lease_ms
        return True

    def is_being_told(self, room: str, now: int) -> bool:
        """See :class:`lobby.stores.SharedWindows`."""
        window = self._shared[room]
        return bool(window.teller) and window.told_until_ms >= now

    def shut_window(self, room: str, holder: str, now: int, lease_ms: int) -> int | None:
        """See :class:`lobby.stores.SharedWindows`."""
        window = self._shared[room]
        if window.holder != holder:
            return None
        window.holder, window.open_until_ms = "", 0
        window.teller, window.told_until_ms, window.shut_ms = holder, now + lease_ms, now
        return window.told_ms

    def settle_window(self, room: str, holder: str) -> None:
        """See :class:`lobby.stores.SharedWindows`."""
        window = self._shared[room]
        if window.teller == holder:
            window.teller, window.told_ms = "", window.shut_ms

    def peek_window(self, room: str, now: int) -> int | None:
        """See :class:`lobby.stores.SharedWindows`."""
        window = self._shared.setdefault(room, _SharedWindow())
        return None if window.open_until_ms >= now or self.is_being_told(room, now) else window.told_ms

    def take_changes(self) -> list[Change]:
        """See :class:`lobby.stores.Store`."""
        changes, self._changes = self._changes, []
        return changes
