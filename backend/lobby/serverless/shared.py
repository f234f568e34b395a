"""The port that invocations need beyond a store: what they must know of each other, because no process lives on.

``serverless.broadcast`` opens with the theory of the broadcast lock, the window and pending deliveries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from lobby.budget import UNBOUND, BudgetState
from lobby.data import Data
from lobby.limits import Pace
from lobby.operators import Ban
from lobby.presence import Position, Presence


class Latest(NamedTuple):
    """What a room has received of a player: the ``order`` of its position (negative where it is a time), its status, and when
    its data and its name changed that the room received."""

    order: int = 0
    status: str = "\0"
    data_ms: int = 0
    name_ms: int = 0


class Delivered(NamedTuple):
    """What a room has received so far.

    ``ms`` is when an invocation last delivered all that was pending. ``latest`` holds what the room received of each player, by
    number; only of rows that were written shortly before ``ms``. ``budget`` is the budget state of the last ``config`` that the
    room received.
    """

    ms: int = 0
    latest: Mapping[int, Latest] = {}
    budget: BudgetState = UNBOUND


class RoomLock(NamedTuple):
    """The state that the invocations of one room share. Both times are leases: an invocation that dies loses them.

    A window is open before ``open_until_ms``: its leader will read the room later than now. The broadcast lock is held before
    ``locked_until_ms``.
    """

    open_until_ms: int = 0
    locked_until_ms: int = 0
    delivered: Delivered = Delivered()

    def is_open(self, now: int) -> bool:
        """Whether a window is open, so that an invocation will read the room later than now."""
        return self.open_until_ms > now

    def is_locked(self, now: int) -> bool:
        """Whether an invocation holds the broadcast lock."""
        return self.locked_until_ms > now


class RoomRows(NamedTuple):
    """All rows of a room, and since when connections have needed a ``welcome``: ms by connection id."""

    roster: list[Presence]
    needs_welcome_ms: Mapping[str, int]


class SharedStore(Protocol):
    """The store of a host on which each event is an invocation. Times are milliseconds since 1970.

    It has the methods of :class:`lobby.ports.Store`, and more. With a ``pace``, a write takes one message from the rate limit
    of its connection; where that is one too many it writes nothing and raises :class:`~lobby.limits.RateLimited`. ``holder`` is
    the name of one invocation. Methods raise :class:`~lobby.errors.StoreError` where the store fails.

    Rows that are added and removed arrive as events from outside (the stream of the table).
    """

    def add(self, presence: Presence, *, needs_welcome_ms: int = 0) -> Presence:
        """Adds a row and returns it. A player without a number gets one that no other player of the room ever had."""

    def get(self, room: str, connection: str) -> Presence | None:
        """The row of a connection; None where there is none."""

    def room(self, room: str) -> list[Presence]:
        """Every row of a room, as the writes before this call left it."""

    def rows(self, room: str) -> RoomRows:
        """Every row of a room, and the connections that need a welcome."""

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
        """Stores a position, and that its connection was seen. Returns the row as it is then.

        Returns None, and writes nothing, where the row is gone, has a newer position (``rules.is_newer``), or has another
        ``moved_ms`` than ``since_ms``, the value when the row was read.
        """

    def set_status(self, room: str, connection: str, status: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        """Stores a status, and that its connection was seen. None where the row is gone."""

    def set_name(self, room: str, connection: str, name: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        """Stores a name, and that its connection was seen. None where the row is gone."""

    def set_data(
        self, room: str, connection: str, data: Data, now: int, *, since_ms: int, pace: Pace | None = None
    ) -> Presence | None:
        """Stores the data of a player, and that its connection was seen. None where the row is gone, or where its data has
        changed since ``since_ms``, its ``data_ms`` when it was read. ``now`` is later than that."""

    def event(self, room: str, connection: str, now: int, *, pace: Pace) -> Presence | None:
        """Takes one event from the rate limit of events of a connection, and stores that it was seen. None where the row is
        gone."""

    def event_sent(self, room: str, connection: str, seq: int) -> None:
        """Stores that the event with this number was sent, or will never be."""

    def seen(self, room: str, connection: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        """Stores that a connection was seen. None where the row is gone."""

    def remove(self, room: str, connection: str) -> Presence | None:
        """Removes a row and returns what it was; None where it was gone already."""

    def needs_welcome(self, room: str, connection: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        """Stores that a connection needs a ``welcome``, again where it needed one already. None where the row is gone."""

    def welcomed(self, room: str, connection: str, since_ms: int) -> None:
        """Stores that a connection got the ``welcome`` that it has needed since ``since_ms``, unless it needs another now."""

    def lock_state(self, room: str) -> RoomLock:
        """What the invocations of a room share, as the writes before this call left it."""

    def open_window(self, room: str, holder: str, now: int, until_ms: int) -> bool:
        """Opens the window of a room for ``holder``; False where one is open already."""

    def acquire(self, room: str, holder: str, now: int, until_ms: int, *, close_window: bool = False) -> Delivered | None:
        """Takes the broadcast lock until ``until_ms``; None where another invocation holds it.

        With ``close_window`` the window of ``holder`` is closed in the same write. Raises :class:`WindowLost` where that window
        does not belong to ``holder``, or no longer.
        """

    def renew(self, room: str, holder: str, until_ms: int) -> bool:
        """Extends the lease of the broadcast lock to ``until_ms``; False where ``holder`` does not hold it any more."""

    def release(self, room: str, holder: str, delivered: Delivered) -> None:
        """Gives the broadcast lock back and stores what the room has received. Does nothing where another invocation holds
        it."""

    def ban(self, player: str) -> Ban | None:
        """The ban of a player, which may have expired."""

    def spend(self, dollars: float, now: int) -> float:
        """Adds ``dollars`` to the account of the day (UTC). Returns what all invocations have spent since the day began."""


class WindowLost(Exception):
    """The window does not belong to this invocation, or no longer."""
