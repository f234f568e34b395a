"""The two ports that a host provides: a store that keeps presences, and a gateway that sends frames to connections."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple, Protocol

from lobby.data import Data
from lobby.presence import Position, Presence


class Store(Protocol):
    """The presences of all rooms, for a host that lives on (`lobby serve`). Times are milliseconds since 1970.

    Each store passes ``tests/contracts/test_stores.py``. Methods raise :class:`~lobby.errors.StoreError` where the store fails.
    """

    def add(self, presence: Presence) -> Presence:
        """Adds a row and returns it. A player without a number gets one that no other player of the room has."""

    def get(self, room: str, connection: str) -> Presence | None:
        """The row of a connection; None where there is none."""

    def room(self, room: str) -> list[Presence]:
        """Every row of a room, as the writes before this call left it."""

    def rooms(self) -> list[str]:
        """The rooms that have rows."""

    def rooms_after(self, room: str) -> Iterator[str]:
        """The rooms that have rows and whose names are greater than ``room``, in the order of their names. Taking a few of them
        does not read the others. The store must not be written to meanwhile."""

    def set_position(self, room: str, connection: str, at: Position, now: int, allowance: float) -> Presence | None:
        """Stores a position, and ``now`` as the time at which its connection was last seen. Returns the row as it is then.

        Returns None, and writes nothing, where the row is gone or has a newer position (``rules.is_newer``).
        """

    def set_status(self, room: str, connection: str, status: str, now: int) -> Presence | None:
        """Stores a status, and ``now`` as the time at which its connection was last seen. None where the row is gone."""

    def set_name(self, room: str, connection: str, name: str, now: int) -> Presence | None:
        """Stores a name, and ``now`` as the time at which its connection was last seen. None where the row is gone."""

    def set_data(self, room: str, connection: str, data: Data, now: int) -> Presence | None:
        """Stores the data of a player, and ``now`` as the time at which its connection was last seen. None where the row is
        gone."""

    def seen(self, room: str, connection: str, now: int) -> Presence | None:
        """Stores ``now`` as the time at which a connection was last seen. None where the row is gone."""

    def remove(self, room: str, connection: str) -> Presence | None:
        """Removes a row and returns what it was; None where it was gone already."""


class Unreached(NamedTuple):
    """The connections that a post did not reach: those that are ``gone``, and those that ``missed`` it but may be open."""

    gone: frozenset[str] = frozenset()
    missed: frozenset[str] = frozenset()

    def __or__(self, other: Unreached) -> Unreached:
        return Unreached(self.gone | other.gone, self.missed | other.missed)


ALL_REACHED = Unreached()


class Gateway(Protocol):
    """The connections of a host. It decides nothing, and never raises because of a single connection."""

    def post(self, connections: Collection[str], frame: bytes, *, droppable: bool = False, binary: bool = False) -> Unreached:
        """Sends one text frame (UTF-8) to each of ``connections``. Returns those that it did not reach.

        ``binary``: a binary frame instead, which only the gateway of a host with memory has to carry (``delivery.Delivery``).

        A slow connection delays no other. ``droppable`` allows the gateway to skip a slow reader, because a newer position will
        follow. A gateway that brings skipped readers up to date by itself does not report them.
        """

    def close(self, connection: str, code: int, reason: str) -> None:
        """Closes a connection with a close code and a reason of at most 123 bytes. Does nothing where it is closed already."""
