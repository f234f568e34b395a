"""The broadcast lock of a room, as one invocation holds it.

It is a lease. It is short, because an invocation that dies with it keeps all others from broadcasting until it expires. An
invocation that broadcasts for longer renews it, before a post that might outlast it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from lobby.errors import StoreError
from lobby.ports import Gateway, Unreached
from lobby.serverless.posts import POST_S
from lobby.serverless.shared import Delivered, SharedStore

SKEW_MS = 1_000
"""How far the clocks of two invocations may differ."""

LEASE_MS = 3_000
"""How long the lock is held without being renewed. With the longest post and the skew, half a second of it is free."""

LOCK_POLL_MS = 10
"""How often an invocation looks whether the broadcast lock is free."""


class BroadcastLock:
    """The lock of at most one room at a time. ``ends_ms`` is when the invocation must have ended."""

    def __init__(
        self, store: SharedStore, *, holder: str, clock: Callable[[], int], wait: Callable[[int], None], ends_ms: int
    ) -> None:
        self._store, self._holder, self._clock, self._wait = store, holder, clock, wait
        self.ends_ms = ends_ms
        self._room = ""
        self._until_ms = 0

    def acquire(self, room: str, *, close_window: bool = False) -> Delivered:
        """Waits for the lock of ``room``, and acquires it.

        Raises WindowLost where ``close_window`` is set and the window belongs to another invocation, and StoreError where the
        lock is not free in time.
        """
        while True:
            until_ms = self._lease()
            delivered = self._store.acquire(room, self._holder, self._clock(), until_ms, close_window=close_window)
            if delivered is not None:
                self._room, self._until_ms = room, until_ms
                return delivered
            while self._store.lock_state(room).is_locked(self._clock()):  # a read costs a fifth of a write
                if self._clock() > self.ends_ms - SKEW_MS:
                    raise StoreError(f"Another invocation has held the broadcast lock of {room} for too long.")
                self._wait(LOCK_POLL_MS)

    def keep(self) -> None:
        """Renews the lock, if it is held and may expire during a post. Raises StoreError where another invocation has it."""
        if self._room and self._clock() > self._until_ms - POST_S * 1_000 - SKEW_MS:
            until_ms = self._lease()
            if until_ms > self._until_ms and not self._store.renew(self._room, self._holder, until_ms):
                room, self._room = self._room, ""
                raise StoreError(f"This invocation was too slow and has lost the broadcast lock of {room}.")
            self._until_ms = until_ms

    def release(self, room: str, delivered: Delivered) -> None:
        """Gives the lock back and stores what the room has received. Does nothing where another invocation holds it."""
        self._room = ""
        self._store.release(room, self._holder, delivered)

    def _lease(self) -> int:
        return min(self._clock() + LEASE_MS, self.ends_ms + SKEW_MS)


class LockedGateway:
    """A gateway that keeps the lock while it posts, so that no post is later than one of the next holder."""

    def __init__(self, gateway: Gateway, lock: BroadcastLock) -> None:
        self._gateway, self._lock = gateway, lock

    def post(self, connections: Collection[str], frame: bytes, *, droppable: bool = False, binary: bool = False) -> Unreached:
        """See :class:`lobby.ports.Gateway`."""
        self._lock.keep()
        return self._gateway.post(connections, frame, droppable=droppable)

    def close(self, connection: str, code: int, reason: str) -> None:
        """See :class:`lobby.ports.Gateway`."""
        self._gateway.close(connection, code, reason)
