"""A host without network or clock: the real driver with the memory store, inboxes for connections, time that tests move."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from itertools import count
from typing import Any

from lobby.client.connection import decode_safely
from lobby.compact import KIND, WHOLE_MS, Decoder
from lobby.messages import Handshake, ServerMessage
from lobby.ports import Unreached
from lobby.presence import Presence
from lobby.server.memory import MemoryStore
from lobby.server.resident import Resident
from lobby.settings import Settings


class Inboxes:
    """A gateway that keeps the frames. A connection in ``slow`` misses droppable frames."""

    def __init__(self) -> None:
        self.frames: defaultdict[str, list[bytes]] = defaultdict(list)
        self.closed: dict[str, int] = {}
        self.slow: set[str] = set()
        self.skipped: set[str] = set()
        self.gone: frozenset[str] = frozenset()

    def post(self, connections: Collection[str], frame: bytes, *, droppable: bool = False, binary: bool = False) -> Unreached:
        for connection in connections:
            if connection in self.slow and droppable:
                self.skipped.add(connection)
            elif connection not in self.closed:
                self.frames[connection].append(frame)
        return Unreached(gone=self.gone & set(connections))

    def close(self, connection: str, code: int, reason: str) -> None:
        assert len(reason.encode()) <= 123
        self.closed.setdefault(connection, code)


class Simulation:
    """One host. Each step does one thing; :meth:`settle` lets time pass until nothing is left to broadcast.

    As a real host does, it only sleeps until the times that the driver names.
    """

    def __init__(self, settings: Settings | None = None, now: int = 1_000_000) -> None:
        self.settings = settings or Settings()
        self.now = now
        self.gateway = Inboxes()
        self.store = MemoryStore()
        self.due: dict[str, int] = {}
        self.windows: list[tuple[int, str]] = []
        """Each window that was closed: the time and the room."""
        self.lobby = Resident(self.store, self.gateway, self.settings)
        self.lobby.wake = self.due.__setitem__
        self._ids = count(1)
        self._compact: defaultdict[str, Decoder] = defaultdict(Decoder)
        self.rooms: dict[str, str] = {}

    def connect(self, player: str, v: int = 2, room: str = "lobby", **rest: Any) -> str:
        connection = f"c{next(self._ids)}"
        self.lobby.connected(Handshake(player, room, v=v, **rest), connection, self.now)
        self.rooms[connection] = room
        return connection

    def row(self, connection: str) -> Presence | None:
        return self.store.get(self.rooms[connection], connection)

    def send(self, connection: str, text: str) -> None:
        if connection not in self.gateway.closed:
            room = self.rooms[connection]
            self.lobby.received(room, connection, text.encode(errors="surrogatepass"), self.now)

    def close(self, connection: str) -> None:
        self.gateway.closed.setdefault(connection, 1000)
        self.lobby.disconnected(self.rooms[connection], connection, self.now)

    def advance(self, ms: int) -> None:
        end = self.now + ms
        while self.due and min(self.due.values()) <= end:
            room = min(self.due, key=self.due.__getitem__)
            self.now = max(self.now, self.due.pop(room))
            self.windows.append((self.now, room))
            self.lobby.close_window(room, self.now)
        self.now = end

    def settle(self) -> None:
        self.advance(self.settings.window_ms + 3 * self.settings.far_ms + WHOLE_MS)
        assert not self.due, "a window never came to rest"
        for connection in list(self.gateway.skipped):
            self.gateway.skipped.discard(connection)
            self.gateway.slow.discard(connection)
            self.lobby.catch_up(self.rooms[connection], connection, self.now)

    def close_silent(self) -> None:
        self.lobby.close_silent(self.now)

    def receive(self, connection: str) -> list[ServerMessage]:
        """The messages that a connection received since the last call."""
        return [message for frame in self.gateway.frames.pop(connection, []) if (message := self.decode(connection, frame))]

    def decode(self, connection: str, frame: bytes) -> ServerMessage | None:
        """The message in a frame that a connection received. Decode the frames in their order."""
        return decode_safely(frame if frame[0] == KIND else frame.decode(), self._compact[connection])
