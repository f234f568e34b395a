"""Where presences are kept: the port, and one module for each store.

A store keeps rows and notices what came and went. Every store passes ``tests/contracts/test_stores.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from lobby.budget import UNBOUND, BudgetState
from lobby.limits import Pace
from lobby.presence import Position, Presence
from lobby.rules import Change


class Store(Protocol):
    """The presences of all rooms. Times are milliseconds since 1970. Raises StoreError where the store itself fails.

    With a ``pace``, a write spends one message of its owner's bucket, and raises Refused (``rate_limited``) instead of writing
    where that is one too many. Hosts that live on keep the buckets themselves; invocations have nowhere else to.
    """

    def add(self, presence: Presence) -> Presence:
        """Writes a new row and returns it; a player without a number gets the room's next, which nobody had before."""

    def get(self, room: str, connection: str) -> Presence | None:
        """The row of a connection, None where there is none."""

    def room(self, room: str) -> list[Presence]:
        """Every row of a room, as the writes before this call left it."""

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
        """Writes a position and that its owner was heard of. None, and nothing written, where the row is gone or has a
        newer position (``rules.is_newer``), or another one than at ``since_ms``, its ``moved_ms`` when it was read."""

    def set_status(self, room: str, connection: str, status: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        """Writes a status and that its owner was heard of. None where the row is gone."""

    def seen(self, room: str, connection: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        """Writes that a connection was heard of. None where the row is gone."""

    def remove(self, room: str, connection: str) -> Presence | None:
        """Removes a row and returns what it was; None where it was gone already."""

    def take_changes(self) -> list[Change]:
        """The rows that came and went since the last call, oldest first, for stores that notice by themselves.

        Empty for a store whose changes arrive from outside (a DynamoDB stream).
        """


class Told(NamedTuple):
    """What a room was told so far, and by when.

    ``ms`` is when somebody last had the floor and told all that was owed. ``stamps`` says of each number whose row had been
    written not long before which position (``seq``) and which status were told. ``thrift`` is what the ``config`` says that
    everybody has.
    """

    ms: int = 0
    stamps: Mapping[int, tuple[int, str]] = {}
    thrift: BudgetState = UNBOUND


class Floor(NamedTuple):
    """Who may speak in a room. The window is open before ``open_until_ms``; somebody speaks before ``spoken_until_ms``."""

    open_until_ms: int = 0
    spoken_until_ms: int = 0
    told: Told = Told()

    def is_open(self, now: int) -> bool:
        """Whether somebody will read the room later than now."""
        return self.open_until_ms > now

    def is_taken(self, now: int) -> bool:
        """Whether somebody speaks."""
        return self.spoken_until_ms > now


class SharedStore(Store, Protocol):
    """A store for hosts where no process lives on: it also keeps what invocations must know of each other.

    ``holder`` names one invocation. ``serverless.py`` opens with the theory.
    """

    def look(self, room: str) -> Floor:
        """The room's floor, as the writes before this call left it."""

    def open_window(self, room: str, holder: str, now: int, until_ms: int) -> bool:
        """Opens the room's window for ``holder``; False where it is open already."""

    def take_floor(self, room: str, holder: str, now: int, until_ms: int, *, shut: bool = False) -> Told | None:
        """Takes the floor; None where somebody else has it. With ``shut``, closes the window of ``holder`` in the same moment.

        Raises :class:`WindowLost` where ``shut`` is asked for and the window is not, or no longer, that of ``holder``.
        """

    def leave_floor(self, room: str, holder: str, told: Told) -> None:
        """Gives the floor back: this is told. Nothing where somebody else has it by now."""

    def fall_behind(self, room: str, connection: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        """Writes that a connection is owed a ``welcome``, anew where it was owed one already. None where the row is gone."""

    def spend(self, dollars: float, now: int) -> float:
        """Puts ``dollars`` on the account of the day (UTC), and returns what all have spent since it began."""

    def caught_up(self, room: str, connection: str, behind_ms: int) -> None:
        """Writes that it got one, unless it has been owed another since."""


class WindowLost(Exception):
    """The window is not, or no longer, that of this holder."""
