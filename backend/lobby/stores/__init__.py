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


class SharedWindows(Protocol):
    """The windows of all rooms, kept where every invocation sees them. ``holder`` names one invocation.

    A window is closed, or open until its lease ends. Beside that, the one before it may still be told, until its lease ends.
    ``told_ms`` below is when the last window was closed of which all was told.
    """

    def open_window(self, room: str, holder: str, now: int, lease_ms: int) -> bool:
        """Opens the room's window for ``holder``; False where it is open already and its lease has not run out."""

    def is_being_told(self, room: str, now: int) -> bool:
        """Whether the window before is still being told."""

    def shut_window(self, room: str, holder: str, now: int, lease_ms: int) -> int | None:
        """Closes it and returns ``told_ms``; from now on ``holder`` is telling. None where somebody else has taken it over."""

    def settle_window(self, room: str, holder: str) -> None:
        """All was told; ``told_ms`` is when the window was closed. Nothing where somebody else is telling by now."""

    def peek_window(self, room: str, now: int) -> int | None:
        """``told_ms``, 0 in a room without a window so far; None where one is open or being told."""
