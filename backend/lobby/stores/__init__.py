"""Where presences are kept: the port, and one module for each store.

A store keeps rows and notices what came and went. Every store passes ``tests/contracts/test_stores.py``.
"""

from __future__ import annotations

from typing import Protocol

from lobby.presence import Position, Presence
from lobby.rules import Change


class Store(Protocol):
    """The presences of all rooms. Times are milliseconds since 1970. Raises StoreError where the store itself fails."""

    def add(self, presence: Presence) -> Presence:
        """Writes a new row and returns it; a player without a number gets the room's next, which nobody had before."""

    def get(self, room: str, connection: str) -> Presence | None:
        """The row of a connection, None where there is none."""

    def room(self, room: str) -> list[Presence]:
        """Every row of a room, as the writes before this call left it."""

    def place(self, room: str, connection: str, at: Position, now: int, allowance: float) -> Presence | None:
        """Writes a position and that its owner was heard of. None, and nothing written, where the row is gone or has a
        newer position (``rules.is_newer``)."""

    def set_status(self, room: str, connection: str, status: str, now: int) -> Presence | None:
        """Writes a status and that its owner was heard of. None where the row is gone."""

    def seen(self, room: str, connection: str, now: int) -> None:
        """Writes that a connection was heard of."""

    def remove(self, room: str, connection: str) -> Presence | None:
        """Removes a row and returns what it was; None where it was gone already."""

    def take_changes(self) -> list[Change]:
        """The rows that came and went since the last call, oldest first, for stores that notice by themselves.

        Empty for a store whose changes arrive from outside (a DynamoDB stream).
        """
