"""A host without network or clock: the real service on the memory store, inboxes for connections, time moved by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from itertools import count

from lobby.fanout import window_ms
from lobby.messages import Handshake, ServerMessage, decode
from lobby.ports import Unreached
from lobby.presence import Presence
from lobby.server.memory import MemoryStore
from lobby.service import Service
from lobby.settings import Settings


class Inboxes:
    """A gateway that keeps what it is told to send. A connection in ``slow`` is spared what is droppable."""

    def __init__(self) -> None:
        self.frames: defaultdict[str, list[str]] = defaultdict(list)
        self.closed: dict[str, int] = {}
        self.slow: set[str] = set()
        self.behind: set[str] = set()
        self.gone: frozenset[str] = frozenset()

    def post(self, connections: Collection[str], text: str, *, droppable: bool = False) -> Unreached:
        for connection in connections:
            if connection in self.slow and droppable:
                self.behind.add(connection)
            elif connection not in self.closed:
                self.frames[connection].append(text)
        return Unreached(gone=self.gone & set(connections))

    def close(self, connection: str, code: int, reason: str) -> None:
        assert len(reason.encode()) <= 123
        self.closed.setdefault(connection, code)


class Simulation:
    """One host. Each step does one thing; :meth:`settle` lets time pass until nothing is left to tell."""

    def __init__(self, settings: Settings | None = None, now: int = 1_000_000) -> None:
        self.settings = settings or Settings()
        self.now = now
        self.gateway = Inboxes()
        self.store = MemoryStore()
        self.due: dict[str, int] = {}
        self.service = Service(self.store, self.gateway, self.settings, self._open_window)
        self._ids = count(1)
        self.rooms: dict[str, str] = {}

    def _open_window(self, room: str) -> None:
        due = self.now + window_ms(len(self.rooms), self.settings.window_ms)
        self.due[room] = min(due, self.due.get(room, due))

    def connect(self, player: str, v: int = 2, room: str = "lobby", **rest: str) -> str:
        connection = f"c{next(self._ids)}"
        self.service.connected(Handshake(player, room, v=v, **rest), connection, self.now)
        self.rooms[connection] = room
        return connection

    def row(self, connection: str) -> Presence | None:
        return self.store.get(self.rooms[connection], connection)

    def send(self, connection: str, text: str) -> None:
        row = self.row(connection)
        if row is not None and connection not in self.gateway.closed:
            self.service.received(row, text, self.now)

    def close(self, connection: str) -> None:
        self.gateway.closed.setdefault(connection, 1000)
        self.service.disconnected(self.rooms[connection], connection, self.now)

    def advance(self, ms: int) -> None:
        end = self.now + ms
        while self.due and min(self.due.values()) <= end:
            room = min(self.due, key=self.due.__getitem__)
            self.now = max(self.now, self.due.pop(room))
            again = self.service.close_window(room, self.now)
            if again is not None:
                self.due[room] = min(again, self.due.get(room, again))
        self.now = end

    def settle(self) -> None:
        self.advance(self.settings.window_ms + 2 * self.settings.far_ms)
        assert not self.due, "a window never came to rest"
        for connection in list(self.gateway.behind):
            self.gateway.behind.discard(connection)
            self.gateway.slow.discard(connection)
            self.service.catch_up(self.rooms[connection], connection, self.now)

    def sweep(self) -> None:
        for room in self.store.rooms():
            self.service.sweep(self.store.room(room), self.now)

    def hear(self, connection: str) -> list[ServerMessage]:
        """What has arrived since the last call."""
        frames = self.gateway.frames.pop(connection, [])
        return [message for message in map(decode, frames) if message is not None]
