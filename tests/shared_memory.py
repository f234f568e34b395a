"""A double of the table on AWS: the memory store, and the state that invocations share."""

from __future__ import annotations

from itertools import count

from lobby.budget import DAY_MS
from lobby.data import Data
from lobby.limits import Bucket, Pace, RateLimited, Verdict, events_limited
from lobby.operators import Ban
from lobby.presence import Position, Presence
from lobby.rules import Change, RowAdded, RowRemoved
from lobby.server.memory import MemoryStore
from lobby.serverless.shared import Delivered, RoomLock, RoomRows, WindowLost


class SharedMemory(MemoryStore):
    """A :class:`lobby.serverless.shared.SharedStore`. ``take_changes`` stands for the stream of the table."""

    def __init__(self) -> None:
        super().__init__()
        self._changes: list[Change] = []
        self._needs_welcome_ms: dict[str, int] = {}
        self._buckets: dict[str, Bucket] = {}
        self._locks: dict[str, RoomLock] = {}
        self._leaders: dict[str, str] = {}
        self._lockers: dict[str, str] = {}
        self._spent: dict[int, float] = {}
        self.bans: dict[str, Ban] = {}

    def take_changes(self) -> list[Change]:
        """The rows that were added and removed since the last call, oldest first."""
        changes, self._changes = self._changes, []
        return changes

    # ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def add(self, presence: Presence, *, needs_welcome_ms: int = 0) -> Presence:
        row = super().add(presence)
        if needs_welcome_ms:
            self._needs_welcome_ms[row.connection] = needs_welcome_ms
        self._changes.append(RowAdded(row))
        return row

    def rows(self, room: str) -> RoomRows:
        roster = self.room(room)
        return RoomRows(roster, {row.connection: ms for row in roster if (ms := self._needs_welcome_ms.get(row.connection, 0))})

    def set_position(
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
        before = self.get(room, connection)
        if before is None or since_ms not in (None, before.moved_ms):
            return None
        after = super().set_position(room, connection, at, now, allowance)
        if after is not None:
            self._spend(before, now, pace)
        return after

    def set_status(self, room: str, connection: str, status: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        self._spend(self.get(room, connection), now, pace)
        return super().set_status(room, connection, status, now)

    def set_name(self, room: str, connection: str, name: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        self._spend(self.get(room, connection), now, pace)
        return super().set_name(room, connection, name, now)

    def set_data(
        self, room: str, connection: str, data: Data, now: int, *, since_ms: int | None = None, pace: Pace | None = None
    ) -> Presence | None:
        row = self.get(room, connection)
        if row is None or since_ms not in (None, row.data_ms):
            return None
        self._spend(row, now, pace)
        return super().set_data(room, connection, data, now)

    def event(self, room: str, connection: str, now: int, *, pace: Pace) -> Presence | None:
        if self.get(room, connection) is None:
            return None
        key = f"{connection} events"
        self._buckets[key], verdict = pace.spend(self._buckets.get(key, Bucket()), now)
        if verdict is not Verdict.ALLOWED:
            raise events_limited(pace, verdict)
        return super().seen(room, connection, now)

    def event_sent(self, room: str, connection: str, seq: int) -> None:
        if (row := self.get(room, connection)) is not None and row.event_seq < seq:
            self._write(row._replace(event_seq=seq))

    def seen(self, room: str, connection: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        self._spend(self.get(room, connection), now, pace)
        return super().seen(room, connection, now)

    def remove(self, room: str, connection: str) -> Presence | None:
        # As in the table, numbers of players continue after a room was empty.
        numbers = self._numbers.get(room, count(1))
        row = super().remove(room, connection)
        self._numbers[room] = numbers
        if row is not None:
            self._changes.append(RowRemoved(row))
            self._needs_welcome_ms.pop(connection, None)
            self._buckets.pop(connection, None)
        return row

    def needs_welcome(self, room: str, connection: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        row = self.get(room, connection)
        self._spend(row, now, pace)
        if row is not None:
            self._needs_welcome_ms[connection] = now
        return row

    def welcomed(self, room: str, connection: str, since_ms: int) -> None:
        if self._needs_welcome_ms.get(connection) == since_ms:
            del self._needs_welcome_ms[connection]

    def _spend(self, before: Presence | None, now: int, pace: Pace | None) -> None:
        """Takes one message from the rate limit. A refused write leaves the row as it was ``before``."""
        if pace is None or before is None:
            return
        self._buckets[before.connection], verdict = pace.spend(self._buckets.get(before.connection, Bucket()), now)
        if verdict is not Verdict.ALLOWED:
            self._write(before)
            raise RateLimited(pace, verdict)

    # ── what invocations share ──────────────────────────────────────────────────────────────────────────────────────

    def lock_state(self, room: str) -> RoomLock:
        return self._locks.get(room, RoomLock())

    def open_window(self, room: str, holder: str, now: int, until_ms: int) -> bool:
        lock = self.lock_state(room)
        if lock.is_open(now):
            return False
        self._locks[room], self._leaders[room] = lock._replace(open_until_ms=until_ms), holder
        return True

    def acquire(self, room: str, holder: str, now: int, until_ms: int, *, close_window: bool = False) -> Delivered | None:
        lock = self.lock_state(room)
        if close_window and self._leaders.get(room) != holder:
            raise WindowLost
        if lock.is_locked(now):
            return None
        if close_window:
            lock = lock._replace(open_until_ms=0)
            del self._leaders[room]
        self._locks[room], self._lockers[room] = lock._replace(locked_until_ms=until_ms), holder
        return lock.delivered

    def renew(self, room: str, holder: str, until_ms: int) -> bool:
        if self._lockers.get(room) != holder:
            return False
        self._locks[room] = self._locks[room]._replace(locked_until_ms=until_ms)
        return True

    def release(self, room: str, holder: str, delivered: Delivered) -> None:
        if self._lockers.get(room) == holder:
            self._locks[room] = self._locks[room]._replace(locked_until_ms=0, delivered=delivered)
            del self._lockers[room]

    def ban(self, player: str) -> Ban | None:
        return self.bans.get(player)

    def spend(self, dollars: float, now: int) -> float:
        day = now // DAY_MS
        self._spent = {day: self._spent.get(day, 0.0) + dollars}
        return self._spent[day]
